"""The user's own curves: from a file, or from a Python function."""

import functools
import importlib
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from sinegan.game.targets import MOST_POINTS, Array, Curve, Target
from sinegan.schema import bounded


class UnusableError(ValueError):
    """A file or a function gives no curve; the message says why."""


@dataclass(frozen=True, kw_only=True)
class FromFile(Target):
    """A measured curve, between its samples a straight line, on `points` equally spaced places.

    path: a .csv with a column of values, or with x and values (and a header, if there is one), or a
    .npy with an array of shape (n,) or (n, 2). Without x the samples are equally spaced.
    """

    family = False

    path: str
    points: int = bounded(16, at_least=2, at_most=MOST_POINTS)

    def grid(self) -> Array:
        x, _ = read_curve(self.path)
        return np.linspace(x[0], x[-1], self.points)

    def draw(self, rows: int, rng: np.random.Generator) -> Array:
        return np.tile(np.interp(self.grid(), *read_curve(self.path)), (rows, 1))

    def conflicts(self) -> Iterator[str]:
        try:
            read_curve(self.path)
        except UnusableError as error:
            yield f"path = {self.path}: {error}"


@functools.lru_cache(maxsize=64)
def read_curve(path: str) -> tuple[Array, Array]:
    """The samples of a file, x rising and values, both (n,). Read once a process.

    Raises UnusableError.
    """
    file = Path(path)
    readers: dict[str, Callable[[Path], Array]] = {".csv": _read_csv, ".npy": _read_npy}
    if file.suffix not in readers:
        raise UnusableError("must be a .csv or a .npy file")
    if not file.is_file():
        raise UnusableError(f"no such file (looked for in {Path.cwd()})")
    try:
        table = readers[file.suffix](file)
    except (OSError, EOFError) as error:
        raise UnusableError(f"cannot be read ({error})") from error
    if table.ndim == 1:
        table = table[:, None]
    if table.ndim != 2 or table.shape[1] not in (1, 2):
        raise UnusableError(f"has the shape {table.shape}; must be one column, or two with x first")
    if len(table) < 2:
        raise UnusableError(f"holds {len(table)} samples; must be at least 2")
    if not np.isfinite(table).all():
        row = int(np.flatnonzero(~np.isfinite(table).all(axis=1))[0])
        raise UnusableError(f"sample {row + 1} is not finite; remove it or fill it in")
    x, values = np.arange(len(table), dtype=float) if table.shape[1] == 1 else table[:, 0], table[:, -1]
    if not (np.diff(x) > 0).all():
        row = int(np.flatnonzero(np.diff(x) <= 0)[0])
        raise UnusableError(f"x does not rise from sample {row + 1} to {row + 2}; sort them, once each")
    return x, values


def _read_csv(file: Path) -> Array:
    try:
        lines = file.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise UnusableError("is no text file") from error
    rows: list[list[float]] = []
    for number, line in enumerate(lines, 1):
        words = [word for word in re.split(r"[,;\s]+", line.strip()) if word]
        if not words or words[0].startswith("#"):
            continue
        try:
            rows.append([float(word) for word in words])
        except ValueError as error:
            if rows or number > 1:
                raise UnusableError(f"line {number} is not made of numbers: {line.strip()[:40]}") from error
        if rows and len(rows[-1]) != len(rows[0]):
            raise UnusableError(f"line {number} has {len(rows[-1])} columns, the first has {len(rows[0])}")
    return np.array(rows, float)


def _read_npy(file: Path) -> Array:
    try:
        stored = np.load(file, allow_pickle=False)
        return np.asarray(stored, float)
    except (ValueError, TypeError) as error:
        raise UnusableError(f"is no array of numbers ({error})") from error


@dataclass(frozen=True, kw_only=True)
class FromFunction(Curve):
    """function(x) for an array x of shape (points,), e.g. numpy.sinc or my_module.my_curve."""

    function: str

    def curve(self, x: Array) -> Array:
        try:
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
