"""Targets that are points of a line or a plane instead of curves, as the theory of GANs studies them."""

import math
from abc import abstractmethod
from dataclasses import dataclass

import numpy as np

from sinegan.game.targets import Array, Modes, Target
from sinegan.schema import bounded


@dataclass(frozen=True, kw_only=True)
class PointMass(Target):
    """All of the data at one point, the Dirac distribution of Mescheder et al. 2018, definition 2.1."""

    family = False

    position: tuple[float, ...] = bounded((0.0,), fewest=1)

    @property
    def points(self) -> int:
        return len(self.position)

    def grid(self) -> Array:
        return np.arange(self.points, dtype=float)

    def draw(self, rows: int, rng: np.random.Generator) -> Array:
        return np.tile(np.array(self.position, float), (rows, 1))


@dataclass(frozen=True, kw_only=True)
class Mixture(Target):
    """Gaussians of equal weight, with one standard deviation in every direction."""

    family = True

    std: float

    @abstractmethod
    def centers(self) -> Array:
        """The centers of the gaussians, shape (modes, points)."""

    @property
    def points(self) -> int:
        return int(self.centers().shape[1])

    def grid(self) -> Array:
        return np.arange(self.points, dtype=float)

    def modes(self) -> Modes:
        return Modes(self.centers(), self.std)

    def draw(self, rows: int, rng: np.random.Generator) -> Array:
        centers = self.centers()
        chosen = centers[rng.integers(len(centers), size=rows)]
        return chosen + self.std * rng.standard_normal(chosen.shape)


@dataclass(frozen=True, kw_only=True)
class Gaussian(Mixture):
    """One gaussian on the line."""

    mean: float = 0.0
    std: float = bounded(1.0, above=0)

    def centers(self) -> Array:
        return np.array([[self.mean]])


@dataclass(frozen=True, kw_only=True)
class GaussianMixture(Mixture):
    """Several gaussians on the line."""

    means: tuple[float, ...] = bounded((-2.0, 2.0), fewest=1)
    std: float = bounded(0.5, above=0)

    def centers(self) -> Array:
        return np.array(self.means, float)[:, None]


@dataclass(frozen=True, kw_only=True)
class GaussianRing(Mixture):
    """Gaussians equally spaced on a circle; eight as in Lin et al. 2018 (PacGAN), section 4.1."""

    gaussians: int = bounded(8, at_least=1, at_most=10**6)
    radius: float = bounded(1.0, at_least=0)
    std: float = bounded(0.01, above=0)

    def centers(self) -> Array:
        angles = 2 * math.pi * np.arange(self.gaussians) / self.gaussians
        return self.radius * np.stack([np.cos(angles), np.sin(angles)], axis=1)


@dataclass(frozen=True, kw_only=True)
class GaussianGrid(Mixture):
    """Gaussians on a square grid around the origin; 5 x 5 as in Lin et al. 2018 (PacGAN), section 4.1."""

    side: int = bounded(5, at_least=1, at_most=1000)
    spacing: float = bounded(2.0, above=0)
    std: float = bounded(0.05, above=0)

    def centers(self) -> Array:
        line = self.spacing * (np.arange(self.side) - (self.side - 1) / 2)
        x, y = np.meshgrid(line, line)
        return np.stack([x.ravel(), y.ravel()], axis=1)
