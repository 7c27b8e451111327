"""The two players' networks, as plain modules.

A new pair of players is one class (here or in any module that can be imported) and one YAML file in
`conf/network/`. Their float settings say where the weights start, so they never become tensors.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import ClassVar

import torch
from torch import Tensor, nn

from sinegan.game.tensors import Tensors
from sinegan.schema import bounded, choice

ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {
    "relu": nn.ReLU,
    "leaky_relu": lambda: nn.LeakyReLU(0.2),
    "tanh": nn.Tanh,
    "silu": nn.SiLU,
    "gelu": nn.GELU,
}

SQUARINGS = 10
"""Squarings of a Gram matrix; ten are worth 1,024 steps of power iteration."""


@dataclass(frozen=True, kw_only=True)
class Players(ABC):
    """The two players as ordinary modules."""

    points: ClassVar[int | None] = None
    """The number of points that the players are made for; None for any."""

    @property
    @abstractmethod
    def latent(self) -> int:
        """Length of the noise vector that the generator takes."""

    @abstractmethod
    def build_generator(self, points: int) -> nn.Module:
        """Maps (batch, latent) to (batch, points)."""

    @abstractmethod
    def build_discriminator(self, points: int) -> nn.Module:
        """Maps (batch, points) to logits, (batch,)."""

    @property
    def normalises(self) -> bool:
        """Whether the scale of the discriminator's weights has no effect."""
        return False

    def readings(self, generator: Mapping[str, Tensor], discriminator: Mapping[str, Tensor]) -> Tensors:
        """Weights that become metrics of their own: scalars by name."""
        return {}


@dataclass(frozen=True, kw_only=True)
class Network(Players):
    """Two multilayer perceptrons.

    Generator: `latent` numbers of noise -> `generator` hidden layers -> points of the curve.
    Discriminator: points -> `discriminator` hidden layers -> one logit; its sigmoid is the
    probability that the curve is real.
    """

    latent: int = bounded(5, at_least=1, at_most=10**9)
    generator: tuple[int, ...] = bounded((64, 128), at_least=1, at_most=10**9)
    discriminator: tuple[int, ...] = bounded((64, 256), at_least=1, at_most=10**9)
    activation: str = choice("relu", *[name for name in ACTIVATIONS if name != "relu"])
    spectral_norm: bool = False
    """Whether each weight matrix of the discriminator is divided by its largest singular value."""

    @property
    def normalises(self) -> bool:
        return self.spectral_norm

    def build_generator(self, points: int) -> nn.Module:
        return perceptron((self.latent, *self.generator, points), self.activation)

    def build_discriminator(self, points: int) -> nn.Module:
        linear = SpectralLinear if self.spectral_norm else nn.Linear
        layers = perceptron((points, *self.discriminator, 1), self.activation, linear)
        return nn.Sequential(*layers, nn.Flatten(0))


def perceptron(
    sizes: tuple[int, ...], activation: str, linear: Callable[[int, int], nn.Module] = nn.Linear
) -> nn.Sequential:
    """Linear layers of these sizes, with the activation between them."""
    layers: list[nn.Module] = []
    for inputs, outputs in pairwise(sizes):
        layers += [linear(inputs, outputs), ACTIVATIONS[activation]()]
    return nn.Sequential(*layers[:-1])


class SpectralLinear(nn.Linear):
    """The weight is divided by its largest singular value. Miyato et al. 2018, equation 8."""

    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.linear(x, self.weight / largest_singular_value(self.weight), self.bias)


def largest_singular_value(weight: Tensor) -> Tensor:
    """The largest singular value of a matrix (outputs, inputs).

    Power iteration, doubled SQUARINGS times, so that nothing has to be kept from step to step. The gradient
    is that of Miyato et al. 2018, equation 9: the singular vectors count as constants.
    """
    if 1 in weight.shape:
        # A vector's only singular value is its norm. The compiler would write out a chain of 1 x 1
        # products 3^SQUARINGS times.
        return torch.sqrt((weight**2).sum())
    wide = weight.shape[0] <= weight.shape[1]
    gram = weight @ weight.T if wide else weight.T @ weight
    power = gram.detach()
    power = power / torch.sqrt((power**2).sum())
    for _ in range(SQUARINGS):
        # The sum of the squared entries of a symmetric matrix is the trace of its square, so dividing by
        # it keeps the trace at 1.
        power = (power @ power) / (power**2).sum()
    return torch.sqrt((power * gram).sum())
