"""Penalties: additions to a game that make it converge.

There are four kinds, each an abstract class: `Term`, `Disturbance`, `Constraint` and `Energy`. A new
penalty is one class derived from one of them (here or in any module that can be imported) and one YAML
file in `conf/penalty/`. Its float fields are settings in which the runs of a stack may differ; inside a
stack they are tensors.

Weights follow R3GAN (Huang et al. 2024): `gamma` means gamma / 2 times the mean of a square. Where a
paper writes lambda times the mean of a square, gamma is 2 lambda. A norm is taken over the points of each
sample's gradient, never over the batch.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.func import grad

from sinegan.game.tensors import Tensors
from sinegan.schema import bounded

Array = NDArray[np.float64]
Discriminate = Callable[[Tensor], Tensor]
"""The discriminator with its weights: curves (rows, points) -> logits (rows,)."""


@dataclass(frozen=True, kw_only=True)
class Penalty:
    """The base of all four kinds. Derive from a kind, not from this class."""

    critic: ClassVar[bool] = False
    """Whether the penalty is made for a discriminator whose output is a score, not a probability."""

    def draw(self, shape: tuple[int, ...], points: int, rng: np.random.Generator) -> Array:
        """The random numbers that the penalty needs for each generated curve, shape (*shape, numbers)."""
        return np.empty((*shape, 0))


Kind = TypeVar("Kind", bound=Penalty)


def of_kind(
    kind: type[Kind], penalties: Sequence[Penalty], draws: Sequence[Tensor]
) -> list[tuple[Kind, Tensor]]:
    """The penalties of one kind, each with its random numbers."""
    pairs = zip(penalties, draws, strict=True)
    return [(penalty, draw) for penalty, draw in pairs if isinstance(penalty, kind)]


@dataclass(frozen=True, kw_only=True)
class Term(Penalty, ABC):
    """Adds a term to the discriminator's loss."""

    @abstractmethod
    def term(self, discriminate: Discriminate, real: Tensor, fake: Tensor, draw: Tensor) -> Tensor:
        """The scalar to add.

        Arguments:
            discriminate: the discriminator with its weights.
            real: (rows, points), where rows is batch, or 1 when all real curves are the same.
            fake: (batch, points).
            draw: the penalty's own random numbers, (batch, numbers).
        """


@dataclass(frozen=True, kw_only=True)
class Disturbance(Penalty, ABC):
    """Changes the curves that the discriminator sees, in the losses of both players."""

    @abstractmethod
    def disturb_real(self, curves: Tensor, draw: Tensor) -> Tensor:
        """Real curves (rows, points) -> (batch or rows, points). draw: (batch, numbers)."""

    @abstractmethod
    def disturb_fake(self, curves: Tensor, draw: Tensor) -> Tensor:
        """Generated curves (batch, points) -> (batch, points). draw: (batch, numbers)."""


@dataclass(frozen=True, kw_only=True)
class Constraint(Penalty, ABC):
    """Restricts the discriminator's weights to a set after each of its updates."""

    @abstractmethod
    def project(self, weights: Mapping[str, Tensor]) -> Tensors:
        """The weights, moved into the set."""


@dataclass(frozen=True, kw_only=True)
class Energy(Penalty, ABC):
    """Adds a function of both players' gradients to the losses of both."""

    @abstractmethod
    def energy(self, generator: Mapping[str, Tensor], discriminator: Mapping[str, Tensor]) -> Tensor:
        """The scalar to add, from the gradients of the two players' losses, by parameter."""


def squared_slopes(discriminate: Discriminate, curves: Tensor) -> Tensor:
    """|grad D|^2 of each sample, Euclidean over points: (rows, points) -> (rows,)."""
    slopes: Tensor = grad(lambda x: discriminate(x).sum())(curves)
    return (slopes**2).sum(-1)


def root(squares: Tensor) -> Tensor:
    """Square roots whose derivative at 0 is 0, so that a flat discriminator gives no NaN."""
    positive = squares > 0
    return torch.where(positive, torch.sqrt(torch.where(positive, squares, 1.0)), 0.0)


@dataclass(frozen=True, kw_only=True)
class R1(Term):
    """gamma / 2 E|grad D(x)|^2 on real curves. Mescheder et al. 2018, equation 9."""

    gamma: float = bounded(1.0, above=0)

    def term(self, discriminate: Discriminate, real: Tensor, fake: Tensor, draw: Tensor) -> Tensor:
        return self.gamma / 2 * squared_slopes(discriminate, real).mean()


@dataclass(frozen=True, kw_only=True)
class R2(Term):
    """gamma / 2 E|grad D(G(z))|^2 on generated curves. Mescheder et al. 2018, equation 10."""

    gamma: float = bounded(1.0, above=0)

    def term(self, discriminate: Discriminate, real: Tensor, fake: Tensor, draw: Tensor) -> Tensor:
        return self.gamma / 2 * squared_slopes(discriminate, fake).mean()


@dataclass(frozen=True, kw_only=True)
class GradientPenalty(Term):
    """gamma / 2 E(|grad D(y)| - target)^2, y uniform between a real and a generated curve.

    WGAN-GP: Gulrajani et al. 2017, equation 3, whose lambda = 10 is gamma = 20. With target = 0 the
    zero-centred penalty of Thanh-Tung et al. 2019, equation 9.
    """

    critic = True

    gamma: float = bounded(20.0, above=0)
    target: float = bounded(1.0, at_least=0)

    def draw(self, shape: tuple[int, ...], points: int, rng: np.random.Generator) -> Array:
        return rng.random((*shape, 1))

    def term(self, discriminate: Discriminate, real: Tensor, fake: Tensor, draw: Tensor) -> Tensor:
        between = fake + draw * (real - fake)
        return self.gamma / 2 * ((root(squared_slopes(discriminate, between)) - self.target) ** 2).mean()


@dataclass(frozen=True, kw_only=True)
class Dragan(Term):
    """gamma / 2 E(|grad D(x + d)| - target)^2, d normal with standard deviation `reach`.

    Kodali et al. 2017, section 2.3, whose lambda = 10 is gamma = 20; D is the output before any sigmoid.
    """

    gamma: float = bounded(20.0, above=0)
    target: float = bounded(1.0, at_least=0)
    reach: float = bounded(0.5, above=0)

    def draw(self, shape: tuple[int, ...], points: int, rng: np.random.Generator) -> Array:
        return rng.standard_normal((*shape, points))

    def term(self, discriminate: Discriminate, real: Tensor, fake: Tensor, draw: Tensor) -> Tensor:
        around = real + self.reach * draw
        return self.gamma / 2 * ((root(squared_slopes(discriminate, around)) - self.target) ** 2).mean()


@dataclass(frozen=True, kw_only=True)
class InstanceNoise(Disturbance):
    """Normal noise of standard deviation `std` on all curves that the discriminator sees.

    Sønderby et al. 2017, section 4; Arjovsky & Bottou 2017, section 3. Each curve, real or generated, has
    noise of its own.
    """

    std: float = bounded(0.1, above=0)

    def draw(self, shape: tuple[int, ...], points: int, rng: np.random.Generator) -> Array:
        return rng.standard_normal((*shape, 2 * points))

    def disturb_real(self, curves: Tensor, draw: Tensor) -> Tensor:
        return curves + self.std * draw[..., : curves.shape[-1]]

    def disturb_fake(self, curves: Tensor, draw: Tensor) -> Tensor:
        return curves + self.std * draw[..., curves.shape[-1] :]


@dataclass(frozen=True, kw_only=True)
class WeightClipping(Constraint):
    """Clips the discriminator's weights to [-limit, limit]. Arjovsky et al. 2017, algorithm 1."""

    critic = True

    limit: float = bounded(0.01, above=0)

    def project(self, weights: Mapping[str, Tensor]) -> Tensors:
        return {name: torch.clamp(w, -self.limit, self.limit) for name, w in weights.items()}


@dataclass(frozen=True, kw_only=True)
class ConsensusOptimisation(Energy):
    """gamma / 2 |v|^2, added to both players' losses, where v joins both players' gradients.

    Mescheder et al. 2017, equation 9 and algorithm 1 (their gamma).
    """

    gamma: float = bounded(1.0, above=0)

    def energy(self, generator: Mapping[str, Tensor], discriminator: Mapping[str, Tensor]) -> Tensor:
        every = [*generator.values(), *discriminator.values()]
        return self.gamma / 2 * torch.stack([(tensor**2).sum() for tensor in every]).sum()
