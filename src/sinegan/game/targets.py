"""Targets: the curve, or the family of curves, that the generator should learn to draw.

Most targets sample a function on a fixed grid. A fixed target has one curve; a family draws a new curve for
every row of a batch. Points and gaussians are in `sinegan.game.mixtures`, the user's own curves in
`sinegan.data.user_curves`. A new target is one class (here or in any module that can be imported) and one
YAML file in `conf/target/`.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sinegan.schema import bounded

Array = NDArray[np.float64]
TWO_PI = 2 * math.pi
LARGEST = 1e18
"""The largest value of a curve: float32 holds its square, and pictures can show it."""

FEW, MOST_DRAWN = 8, 1_000_000
"""The number of curves that are drawn to check their values, and the points up to which they are drawn."""

MOST_POINTS = 10**7
"""The most points of a curve. A curve of so many takes 80 MB, and one is made to check whether it can be."""


class Modes(NamedTuple):
    """The gaussians of a mixture: their centers, (modes, points), and their common standard deviation."""

    centers: Array
    std: float


@dataclass(frozen=True, kw_only=True)
class Target(ABC):
    """A distribution of real curves of `points` numbers each."""

    @property
    @abstractmethod
    def family(self) -> bool:
        """Whether every real curve is a new draw; if not, they are all the same."""

    @property
    @abstractmethod
    def points(self) -> int:
        """The number of points of a curve."""

    @abstractmethod
    def grid(self) -> Array:
        """The positions x of the points, shape (points,)."""

    @abstractmethod
    def draw(self, rows: int, rng: np.random.Generator) -> Array:
        """`rows` real curves, shape (rows, points)."""

    def modes(self) -> Modes:
        """The modes of a mixture of gaussians; any other target has no modes."""
        return Modes(np.empty((0, self.points)), 0.0)

    def bytes_held(self) -> int:
        """The bytes that every worker holds for the target, whatever the number of runs."""
        return 0

    def extreme(self) -> float | None:
        """A position or a value of real curves whose square float32 does not hold; None if there is none."""
        if self.points > MOST_DRAWN:  # so many points are refused elsewhere
            return None
        with np.errstate(all="ignore"):
            drawn = np.concatenate([self.grid(), *self.draw(FEW, np.random.default_rng(0))])
        return extreme_of(drawn)

    def fingerprint(self) -> str | None:
        """A checksum of the data that the settings only name, such as a file; None for a formula."""
        return None

    def remarks(self) -> Iterator[str]:
        """Remarks for the user on how a file was read, a line each."""
        yield from ()


def extreme_of(values: Array) -> float | None:
    """The value of the largest magnitude, if it is beyond LARGEST or not a number; else None."""
    wrong = values[~(np.abs(values) <= LARGEST)]
    return float(wrong[np.argmax(np.abs(wrong))]) if wrong.size else None


@dataclass(frozen=True, kw_only=True)
class OnGrid(Target):
    """A function on `points` equally spaced positions from `start` to `end`, both included."""

    points: int = bounded(16, at_least=2, at_most=MOST_POINTS)
    start: float = 0.0
    end: float = TWO_PI

    def grid(self) -> Array:
        return np.linspace(self.start, self.end, self.points)

    def conflicts(self) -> Iterator[str]:
        """Settings that contradict each other, a line each."""
        if self.end <= self.start:
            yield f"end = {self.end:g}: must be above start, which is {self.start:g}"


@dataclass(frozen=True, kw_only=True)
class Curve(OnGrid):
    """One fixed curve: all rows of a batch of real curves are the same."""

    family = False

    @abstractmethod
    def curve(self, x: Array) -> Array:
        """The values at x, same shape."""

    def draw(self, rows: int, rng: np.random.Generator) -> Array:
        return np.tile(self.curve(self.grid()), (rows, 1))


@dataclass(frozen=True, kw_only=True)
class Family(OnGrid):
    """A distribution over curves: every row of a batch of real curves is a new draw."""

    family = True

    def draw(self, rows: int, rng: np.random.Generator) -> Array:
        return self.curves(self.grid(), rows, rng)

    @abstractmethod
    def curves(self, x: Array, rows: int, rng: np.random.Generator) -> Array:
        """`rows` random curves at x, shape (rows, points)."""


@dataclass(frozen=True, kw_only=True)
class Sine(Curve):
    """amplitude * sin(frequency * x + phase)."""

    amplitude: float = 1.0
    frequency: float = bounded(1.0, above=0)
    phase: float = 0.0

    def curve(self, x: Array) -> Array:
        return self.amplitude * np.sin(self.frequency * x + self.phase)


@dataclass(frozen=True, kw_only=True)
class Square(Curve):
    """+amplitude in the first half of each period, -amplitude in the second."""

    amplitude: float = 1.0
    period: float = bounded(TWO_PI, above=0)

    def curve(self, x: Array) -> Array:
        return np.where(np.mod(x / self.period, 1) < 0.5, self.amplitude, -self.amplitude)


@dataclass(frozen=True, kw_only=True)
class Sawtooth(Curve):
    """Rises from -amplitude to +amplitude in each period, then falls at once."""

    amplitude: float = 1.0
    period: float = bounded(TWO_PI, above=0)

    def curve(self, x: Array) -> Array:
        return self.amplitude * (2 * np.mod(x / self.period, 1) - 1)


@dataclass(frozen=True, kw_only=True)
class Triangle(Curve):
    """Like the sine with straight sides: 0, +amplitude, 0, -amplitude at the quarter periods."""

    amplitude: float = 1.0
    period: float = bounded(TWO_PI, above=0)

    def curve(self, x: Array) -> Array:
        return self.amplitude * (1 - 4 * np.abs(np.mod(x / self.period + 0.25, 1) - 0.5))


@dataclass(frozen=True, kw_only=True)
class DampedSine(Curve):
    """amplitude * exp(-decay * x) * sin(frequency * x)."""

    amplitude: float = 1.0
    frequency: float = bounded(2.0, above=0)
    decay: float = bounded(0.3, at_least=0)

    def curve(self, x: Array) -> Array:
        return self.amplitude * np.exp(-self.decay * x) * np.sin(self.frequency * x)


@dataclass(frozen=True, kw_only=True)
class Chirp(Curve):
    """amplitude * sin(2 pi (f0 u + (f1 - f0) u^2 / 2)), u in [0, 1] along the interval.

    The frequency rises linearly from `first_frequency` to `last_frequency` (cycles per interval).
    """

    amplitude: float = 1.0
    first_frequency: float = bounded(0.5, at_least=0)
    last_frequency: float = bounded(2.0, at_least=0)

    def curve(self, x: Array) -> Array:
        u = (x - self.start) / (self.end - self.start)
        cycles = self.first_frequency * u + (self.last_frequency - self.first_frequency) * u**2 / 2
        return self.amplitude * np.sin(TWO_PI * cycles)


@dataclass(frozen=True, kw_only=True)
class GaussianBump(Curve):
    """amplitude * exp(-(x - center)^2 / (2 width^2))."""

    amplitude: float = 1.0
    center: float = math.pi
    width: float = bounded(0.8, above=0)

    def curve(self, x: Array) -> Array:
        return self.amplitude * np.exp(-((x - self.center) ** 2) / (2 * self.width**2))


@dataclass(frozen=True, kw_only=True)
class Step(Curve):
    """`low` before `position`, `high` from there on."""

    low: float = -1.0
    high: float = 1.0
    position: float = math.pi

    def curve(self, x: Array) -> Array:
        return np.where(x < self.position, self.low, self.high)


@dataclass(frozen=True, kw_only=True)
class TwoFrequencySum(Curve):
    """first_amplitude * sin(first_frequency x) + second_amplitude * sin(second_frequency x)."""

    first_amplitude: float = 0.7
    first_frequency: float = bounded(1.0, above=0)
    second_amplitude: float = 0.3
    second_frequency: float = bounded(3.0, above=0)

    def curve(self, x: Array) -> Array:
        first = self.first_amplitude * np.sin(self.first_frequency * x)
        return first + self.second_amplitude * np.sin(self.second_frequency * x)


@dataclass(frozen=True, kw_only=True)
class RandomPhase(Family):
    """amplitude * sin(frequency * x + phase), phase uniform in [0, phase_range)."""

    amplitude: float = 1.0
    frequency: float = bounded(1.0, above=0)
    phase_range: float = bounded(TWO_PI, above=0)

    def curves(self, x: Array, rows: int, rng: np.random.Generator) -> Array:
        phase = rng.uniform(0, self.phase_range, (rows, 1))
        return self.amplitude * np.sin(self.frequency * x + phase)


@dataclass(frozen=True, kw_only=True)
class RandomAmplitudeFrequency(Family):
    """a * sin(f * x), a and f uniform in their intervals."""

    lowest_amplitude: float = bounded(0.5, at_least=0)
    highest_amplitude: float = bounded(1.0, above=0)
    lowest_frequency: float = bounded(0.5, at_least=0)
    highest_frequency: float = bounded(1.5, above=0)

    def curves(self, x: Array, rows: int, rng: np.random.Generator) -> Array:
        amplitude = rng.uniform(self.lowest_amplitude, self.highest_amplitude, (rows, 1))
        frequency = rng.uniform(self.lowest_frequency, self.highest_frequency, (rows, 1))
        return amplitude * np.sin(frequency * x)

    def conflicts(self) -> Iterator[str]:
        yield from super().conflicts()
        for name in ("amplitude", "frequency"):
            lowest, highest = getattr(self, f"lowest_{name}"), getattr(self, f"highest_{name}")
            if highest < lowest:
                yield f"highest_{name} = {highest:g}: must be at least lowest_{name}, which is {lowest:g}"


@dataclass(frozen=True, kw_only=True)
class NoisySine(Family):
    """amplitude * sin(frequency * x) + noise * N(0, 1), with new noise at each point."""

    amplitude: float = 1.0
    frequency: float = bounded(1.0, above=0)
    noise: float = bounded(0.1, above=0)

    def curves(self, x: Array, rows: int, rng: np.random.Generator) -> Array:
        clean = self.amplitude * np.sin(self.frequency * x)
        return clean + self.noise * rng.standard_normal((rows, x.size))
