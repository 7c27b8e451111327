"""The two players as plain modules: sizes and activation are settings."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

from torch import nn

from sinegan.schema import bounded, choice

ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {
    "relu": nn.ReLU,
    "leaky_relu": lambda: nn.LeakyReLU(0.2),
    "tanh": nn.Tanh,
    "silu": nn.SiLU,
    "gelu": nn.GELU,
}


@dataclass(frozen=True, kw_only=True)
class Network:
    """Two multilayer perceptrons.

    Generator: `latent` numbers of noise -> `generator` hidden layers -> points of the curve.
    Discriminator: points -> `discriminator` hidden layers -> one logit; its sigmoid is the
    probability that the curve is real.
    """

    latent: int = bounded(5, at_least=1)
    generator: tuple[int, ...] = bounded((64, 128), at_least=1)
    discriminator: tuple[int, ...] = bounded((64, 256), at_least=1)
    activation: str = choice("relu", *[name for name in ACTIVATIONS if name != "relu"])

    def build_generator(self, points: int) -> nn.Module:
        """Maps (batch, latent) to (batch, points)."""
        return _perceptron((self.latent, *self.generator, points), self.activation)

    def build_discriminator(self, points: int) -> nn.Module:
        """Maps (batch, points) to logits, (batch,)."""
        layers = _perceptron((points, *self.discriminator, 1), self.activation)
        return nn.Sequential(*layers, nn.Flatten(0))


def _perceptron(sizes: tuple[int, ...], activation: str) -> nn.Sequential:
    layers: list[nn.Module] = []
    for inputs, outputs in pairwise(sizes):
        layers += [nn.Linear(inputs, outputs), ACTIVATIONS[activation]()]
    return nn.Sequential(*layers[:-1])
