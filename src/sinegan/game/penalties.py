"""What is added to a game to make it converge: terms, disturbances, constraints.

A penalty is of one of four kinds, each an abstract class with the one method that the step of the
game asks for. A new one is one small class here (or anywhere that can be imported) and one YAML file
in `conf/penalty/`. Its float fields are settings that each run of a stack may hold its own value of.

Weights follow R3GAN (Huang et al. 2024): `gamma` means gamma / 2 times the mean of a square. Where a
paper writes lambda times the mean of a square, gamma is 2 lambda. Norms are of each sample's gradient,
over the points of its curve, never over the batch.
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

from sinegan.schema import bounded

Array = NDArray[np.float64]
Tensors = dict[str, Tensor]
Judge = Callable[[Tensor], Tensor]
"""The discriminator with its weights: curves (rows, points) -> outputs (rows,)."""


@dataclass(frozen=True, kw_only=True)
class Penalty:
    """What all kinds have; derive from one of those."""

    critic: ClassVar[bool] = False
    """Whether it is made for a discriminator whose output is a score, not a probability."""

    def draw(self, shape: tuple[int, ...], points: int, rng: np.random.Generator) -> Array:
        """The random numbers it needs, some for each generated curve, shape (*shape, numbers)."""
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
    """Adds to the discriminator's loss."""

    @abstractmethod
    def term(self, judge: Judge, real: Tensor, fake: Tensor, draw: Tensor) -> Tensor:
        """A scalar. real: (rows, points), rows being batch or 1; fake: (batch, points)."""


@dataclass(frozen=True, kw_only=True)
class Disturbance(Penalty, ABC):
    """Changes what the discriminator is shown, in the losses of both players."""

    @abstractmethod
    def shown_real(self, curves: Tensor, draw: Tensor) -> Tensor: ...

    @abstractmethod
    def shown_fake(self, curves: Tensor, draw: Tensor) -> Tensor: ...


@dataclass(frozen=True, kw_only=True)
class Constraint(Penalty, ABC):
    """Confines the discriminator's weights after each of its updates."""

    @abstractmethod
    def confined(self, weights: Mapping[str, Tensor]) -> Tensors: ...


@dataclass(frozen=True, kw_only=True)
class Energy(Penalty, ABC):
    """Adds to the losses of both players a function of both players' gradients."""

    @abstractmethod
    def energy(self, generator: Mapping[str, Tensor], discriminator: Mapping[str, Tensor]) -> Tensor:
        """A scalar."""


def squared_slopes(judge: Judge, curves: Tensor) -> Tensor:
    """|grad D|^2 of each sample, Euclidean over points: (rows, points) -> (rows,)."""
    slopes: Tensor = grad(lambda x: judge(x).sum())(curves)
    return (slopes**2).sum(-1)


def root(squares: Tensor) -> Tensor:
    """Square roots whose derivative at 0 is 0: a flat discriminator gives no NaN."""
    positive = squares > 0
    return torch.where(positive, torch.sqrt(torch.where(positive, squares, 1.0)), 0.0)


@dataclass(frozen=True, kw_only=True)
class R1(Term):
    """gamma / 2 E|grad D(x)|^2 on real curves. Mescheder et al. 2018, equation 9."""

    gamma: float = bounded(1.0, above=0)

    def term(self, judge: Judge, real: Tensor, fake: Tensor, draw: Tensor) -> Tensor:
        return self.gamma / 2 * squared_slopes(judge, real).mean()


@dataclass(frozen=True, kw_only=True)
class R2(Term):
    """gamma / 2 E|grad D(G(z))|^2 on generated curves. Mescheder et al. 2018, equation 10."""

    gamma: float = bounded(1.0, above=0)

    def term(self, judge: Judge, real: Tensor, fake: Tensor, draw: Tensor) -> Tensor:
        return self.gamma / 2 * squared_slopes(judge, fake).mean()


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

    def term(self, judge: Judge, real: Tensor, fake: Tensor, draw: Tensor) -> Tensor:
        between = fake + draw * (real - fake)
        return self.gamma / 2 * ((root(squared_slopes(judge, between)) - self.target) ** 2).mean()


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

    def term(self, judge: Judge, real: Tensor, fake: Tensor, draw: Tensor) -> Tensor:
        around = real + self.reach * draw
        return self.gamma / 2 * ((root(squared_slopes(judge, around)) - self.target) ** 2).mean()


@dataclass(frozen=True, kw_only=True)
class InstanceNoise(Disturbance):
    """Normal noise of standard deviation `std` on all curves that the discriminator is shown.

    Sønderby et al. 2017, section 4; Arjovsky & Bottou 2017, section 3. Fresh for each curve, and
    other noise on the real than on the generated ones.
    """

    std: float = bounded(0.1, above=0)

    def draw(self, shape: tuple[int, ...], points: int, rng: np.random.Generator) -> Array:
        return rng.standard_normal((*shape, 2 * points))

    def shown_real(self, curves: Tensor, draw: Tensor) -> Tensor:
        return curves + self.std * draw[..., : curves.shape[-1]]

    def shown_fake(self, curves: Tensor, draw: Tensor) -> Tensor:
        return curves + self.std * draw[..., curves.shape[-1] :]


@dataclass(frozen=True, kw_only=True)
class WeightClipping(Constraint):
    """All of the discriminator's weights within [-limit, limit]. Arjovsky et al. 2017, algorithm 1."""

    critic = True

    limit: float = bounded(0.01, above=0)

    def confined(self, weights: Mapping[str, Tensor]) -> Tensors:
        return {name: torch.clamp(w, -self.limit, self.limit) for name, w in weights.items()}


@dataclass(frozen=True, kw_only=True)
class ConsensusOptimisation(Energy):
    """gamma / 2 |v|^2, v being both players' gradients together, added to both players' losses.

    Mescheder et al. 2017, equation 9 and algorithm 1 (their gamma).
    """

    gamma: float = bounded(1.0, above=0)

    def energy(self, generator: Mapping[str, Tensor], discriminator: Mapping[str, Tensor]) -> Tensor:
        every = [*generator.values(), *discriminator.values()]
        return self.gamma / 2 * torch.stack([(tensor**2).sum() for tensor in every]).sum()
