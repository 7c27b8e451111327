"""A table of numbers, wherever it was read from."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sinegan.printable import shortened

Array = NDArray[np.float64]


class UnusableError(ValueError):
    """A file or a function cannot be used as curves; the message says why, and what to do."""


def counted(count: int, noun: str) -> str:
    """A number with its noun, in the plural unless the number is 1.

    >>> counted(1, "row"), counted(2, "row")
    ('1 row', '2 rows')
    """
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


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
        return shortened(self.names[column]) if self.names else str(column + 1)

    def numbers(self) -> Array:
        """All columns, (rows, width)."""
        return np.stack([self.column(place) for place in range(self.width)], axis=1)
