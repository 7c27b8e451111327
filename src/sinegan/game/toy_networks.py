"""Players on the line, so small that theory predicts how they behave."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from sinegan.game.networks import ACTIVATIONS, Players, perceptron
from sinegan.game.tensors import Tensors
from sinegan.schema import bounded, choice


@dataclass(frozen=True, kw_only=True)
class Dirac(Players):
    """The generator is a point theta, the discriminator the linear function psi * x.

    The Dirac-GAN of Mescheder et al. 2018, definition 2.1. theta, psi: the initial values.
    """

    points = 1
    latent = 1  # the generator ignores it

    theta: float = 1.0
    psi: float = 1.0

    def build_generator(self, points: int) -> nn.Module:
        return Point(self.theta)

    def build_discriminator(self, points: int) -> nn.Module:
        return Slope(self.psi)

    def readings(self, generator: Mapping[str, Tensor], discriminator: Mapping[str, Tensor]) -> Tensors:
        return {"theta": generator["theta"], "psi": discriminator["psi"]}


class Point(nn.Module):
    """Every generated point is theta, whatever the noise: (batch, 1) -> (batch, 1)."""

    def __init__(self, theta: float) -> None:
        super().__init__()
        self.theta = nn.Parameter(torch.tensor(theta))

    def forward(self, noise: Tensor) -> Tensor:
        return self.theta.expand(noise.shape[0], 1)


class Slope(nn.Module):
    """psi * x: (batch, 1) -> (batch,)."""

    def __init__(self, psi: float) -> None:
        super().__init__()
        self.psi = nn.Parameter(torch.tensor(psi))

    def forward(self, curves: Tensor) -> Tensor:
        return self.psi * curves[:, 0]


@dataclass(frozen=True, kw_only=True)
class Affine(Players):
    """The generator is scale * z + shift, a gaussian. The discriminator is a multilayer perceptron.

    scale, shift: the initial values. With optim.generator_lr=0 they keep them.
    """

    points = 1
    latent = 1

    scale: float = 1.0
    shift: float = 0.0
    discriminator: tuple[int, ...] = bounded((32, 32), at_least=1, at_most=10**9)
    activation: str = choice("tanh", *[name for name in ACTIVATIONS if name != "tanh"])

    def build_generator(self, points: int) -> nn.Module:
        layer = nn.Linear(1, 1)
        nn.init.constant_(layer.weight, self.scale)
        nn.init.constant_(layer.bias, self.shift)
        return layer

    def build_discriminator(self, points: int) -> nn.Module:
        return nn.Sequential(*perceptron((1, *self.discriminator, 1), self.activation), nn.Flatten(0))
