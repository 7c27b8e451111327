"""A table of numbers, wherever it was read from."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


class UnusableError(ValueError):
    """A file or a function cannot be used as curves; the message says why, and what to do."""


@dataclass(frozen=True)
class Table:
    """Columns of numbers.

    column: reads one column, counted from 0; raises UnusableError. lines: the line of each row in the file.
    form: the form of the file, in words.
    """

    width: int
    column: Callable[[int], Array]
    names: Sequence[str] = ()
    lines: Sequence[int] = ()
    form: str = ""

    def title(self, column: int) -> str:
        """The name of a column, counted from 0, in messages: its own, or its number from 1."""
        return self.names[column] if self.names else str(column + 1)

    def numbers(self) -> Array:
        """All columns, (rows, width)."""
        return np.stack([self.column(place) for place in range(self.width)], axis=1)
