"""The user's own curves: from a file, or from a Python function."""

import functools
import importlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from sinegan.data.curve_files import Curves, Reading, read_curves
from sinegan.data.text_tables import DECIMALS, DELIMITERS, UnusableError
from sinegan.game.targets import MOST_POINTS, Array, Curve, Target, extreme_of
from sinegan.schema import Allowed, bounded


def _found_out(*choices: str) -> Any:
    """One of some words, or None to find it out."""
    return field(default=None, metadata={"allowed": Allowed(choices=choices)})


@dataclass(frozen=True, kw_only=True)
class FromFile(Target):
    """A measured curve, or a data set of curves, on `points` equally spaced places; straight lines between.

    path: a table (.csv, .tsv, .txt, .dat) or an array of NumPy's (.npy, .npz). Without x the samples are
    equally spaced. Of a data set each real curve is one of its own, drawn with replacement. The other
    settings are those of `curve_files.Reading`.
    """

    path: str
    points: int = bounded(16, at_least=2, at_most=MOST_POINTS)
    x_column: int | str | None = None
    value_column: int | str | None = None
    curves: str | None = _found_out("rows", "columns")
    delimiter: str | None = _found_out(*DELIMITERS)
    decimal: str | None = _found_out(*DECIMALS)
    encoding: str | None = None

    @property
    def family(self) -> bool:
        return self.read.data_set

    def grid(self) -> Array:
        x = self.read.x
        return np.linspace(x[0], x[-1], self.points)

    def draw(self, rows: int, rng: np.random.Generator) -> Array:
        curves = _on_grid(self)
        if not self.family:
            return np.tile(curves, (rows, 1))
        return curves[rng.integers(len(curves), size=rows)]

    def held(self) -> int:
        read = self.read
        return read.curves.nbytes + len(read.curves) * self.points * read.curves.itemsize

    def extreme(self) -> float | None:
        read = self.read
        return extreme_of(np.concatenate([read.x, read.curves.ravel()]))

    def fingerprint(self) -> str:
        return self.read.checksum

    def remarks(self) -> Iterator[str]:
        yield f"target: {self.read.understood}; learned at {self.points:,} points"

    def conflicts(self) -> Iterator[str]:
        try:
            x = self.read.x
        except UnusableError as error:
            yield f"path = {self.path}: {error}"
        else:
            with np.errstate(all="ignore"):
                if not (np.diff(self.grid()) > 0).all():
                    ends = f"{x[0]:g} to {x[-1]:g}"
                    yield f"points = {self.points}: cannot be told apart from {ends}; use fewer"

    @functools.cached_property
    def read(self) -> Curves:
        """The content of the file; it travels with the target, so that a worker reads no other."""
        return read_curves(
            self.path,
            Reading(
                x_column=self.x_column,
                value_column=self.value_column,
                curves=self.curves,
                delimiter=self.delimiter,
                decimal=self.decimal,
                encoding=self.encoding,
            ),
        )


@functools.lru_cache(maxsize=64)
def _on_grid(target: FromFile) -> Array:
    """All curves of a file at the places of the grid, (curves, points)."""
    read, grid = target.read, target.grid()
    curves = np.empty((len(read.curves), target.points))  # filled in place: joining a list takes it twice
    for row, curve in enumerate(read.curves):
        curves[row] = np.interp(grid, read.x, curve)
    return curves


@dataclass(frozen=True, kw_only=True)
class FromFunction(Curve):
    """function(x) for an array x of shape (points,), e.g. numpy.sinc or my_module.my_curve."""

    function: str

    def curve(self, x: Array) -> Array:
        try:
            with np.errstate(all="ignore"):  # what is not finite is told below
                values = np.asarray(_imported(self.function)(x), float)
        except UnusableError:
            raise
        except Exception as error:
            raise UnusableError(f"raised {type(error).__name__} ({error})") from error
        if values.shape != x.shape:
            raise UnusableError(f"gave the shape {values.shape} for x of shape {x.shape}; must be the same")
        if not np.isfinite(values).all():
            raise UnusableError(f"is not finite at x = {x[~np.isfinite(values)][0]:g}")
        return values

    def conflicts(self) -> Iterator[str]:
        yield from super().conflicts()
        try:
            self.curve(self.grid())
        except UnusableError as error:
            yield f"function = {self.function}: {error}"


def _imported(path: str) -> Callable[[Array], Any]:
    module, _, name = path.rpartition(".")
    try:
        function = getattr(importlib.import_module(module), name)
    except Exception as error:  # whatever a module of the user's does when it is imported
        raise UnusableError(f"cannot be imported ({error}); give module.function") from error
    if not callable(function):
        raise UnusableError(f"is no function but {type(function).__name__}")
    called: Callable[[Array], Any] = function
    return called
