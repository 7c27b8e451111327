"""The target that learns the user's own curves from a file."""

import functools
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from sinegan.data.curve_files import Curves, ReadingOptions, read_curves
from sinegan.data.table import UnusableError
from sinegan.data.text_tables import DECIMALS, DELIMITERS
from sinegan.game.targets import MOST_POINTS, Array, Target, extreme_of
from sinegan.schema import Allowed, bounded


def _optional_choice(*choices: str) -> Any:
    """A setting that is one of some words, or None to find it from the file."""
    return field(default=None, metadata={"allowed": Allowed(choices=choices)})


@dataclass(frozen=True, kw_only=True)
class FromFile(Target):
    """A measured curve, or a data set of curves, interpolated linearly at `points` equally spaced places.

    path: a table (.csv, .tsv, .txt, .dat) or a NumPy array (.npy, .npz). Without x, the samples are equally
    spaced. A real curve of a data set is drawn from its curves, with replacement. The other settings are
    those of `curve_files.ReadingOptions`.
    """

    path: str
    points: int = bounded(16, at_least=2, at_most=MOST_POINTS)
    x_column: int | str | None = None
    value_column: int | str | None = None
    curves: str | None = _optional_choice("rows", "columns")
    delimiter: str | None = _optional_choice(*DELIMITERS)
    decimal: str | None = _optional_choice(*DECIMALS)
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

    def bytes_held(self) -> int:
        curves = self.read.curves
        return curves.nbytes + len(curves) * self.points * curves.itemsize

    def extreme(self) -> float | None:
        read = self.read
        return extreme_of(np.concatenate([read.x, read.curves.ravel()]))

    def fingerprint(self) -> str:
        return self.read.checksum

    def remarks(self) -> Iterator[str]:
        yield f"target: {self.read.description}; learned at {self.points:,} points"

    def conflicts(self) -> Iterator[str]:
        try:
            x = self.read.x
        except UnusableError as error:
            yield f"path = {self.path}: {error}"
        else:
            with np.errstate(all="ignore"):
                if not (np.diff(self.grid()) > 0).all():
                    ends = f"{x[0]:g} to {x[-1]:g}"
                    yield f"points = {self.points}: cannot be distinguished from {ends}; use fewer"

    @functools.cached_property
    def read(self) -> Curves:
        """The content of the file. Workers receive it with the target, so that all train on the same data."""
        return read_curves(
            self.path,
            ReadingOptions(
                x_column=self.x_column,
                value_column=self.value_column,
                curves=self.curves,
                delimiter=self.delimiter,
                decimal=self.decimal,
                encoding=self.encoding,
            ),
        )


@functools.lru_cache(maxsize=4)
def _on_grid(target: FromFile) -> Array:
    """All curves of a file at the points of the grid, (curves, points)."""
    read, grid = target.read, target.grid()
    curves = np.empty((len(read.curves), target.points))  # to stack a list would take twice the memory
    for row, curve in enumerate(read.curves):
        curves[row] = np.interp(grid, read.x, curve)
    return curves
