"""Reads curves out of files: tables of text, and NumPy arrays."""

import functools
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sinegan.data.array_files import MOST_BYTES, read_array
from sinegan.data.table import Array, Table, UnusableError, counted
from sinegan.data.text_tables import read_table
from sinegan.printable import shortened
from sinegan.storage.files import read_regular

TEXTS, ARRAYS = (".csv", ".tsv", ".txt", ".dat"), (".npy", ".npz")


@dataclass(frozen=True, kw_only=True)
class ReadingOptions:
    """How to read a file; each option that is None is found from the file.

    x_column, value_column: names, or numbers from 1; x_column 0 counts the rows. curves: `rows` or `columns`
    for a data set that has a curve in each; None for a single curve, except that an array with more than two
    rows and columns is a data set. delimiter: one of `text_tables.DELIMITERS`. decimal: one of
    `text_tables.DECIMALS`.
    """

    x_column: int | str | None = None
    value_column: int | str | None = None
    curves: str | None = None
    delimiter: str | None = None
    decimal: str | None = None
    encoding: str | None = None


@dataclass(frozen=True)
class Curves:
    """The content of a file: x (n,), increasing, and curves (curves, n); one curve unless it is a data set.

    description: how the file was read, in words. checksum: of the bytes of the file.
    """

    x: Array
    curves: Array
    data_set: bool
    description: str
    checksum: str


def read_curves(path: str, options: ReadingOptions) -> Curves:
    """Reads a file; reads it again only when it has changed. Raises UnusableError."""
    if Path(path).suffix.lower() not in (*TEXTS, *ARRAYS):
        raise UnusableError(f"must be a file of one of {', '.join((*TEXTS, *ARRAYS))}")
    try:
        file = Path(path).expanduser()
        status = file.stat()
    except FileNotFoundError:
        raise UnusableError(f"no such file (looked for in {Path.cwd()})") from None
    except (OSError, RuntimeError, ValueError) as error:  # ValueError: no path of the system's
        raise UnusableError(f"cannot be read ({getattr(error, 'strerror', None) or error})") from error
    return _read(path, file, options, (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns))


@functools.lru_cache(maxsize=64)
def _read(name: str, file: Path, options: ReadingOptions, _: tuple[int, ...]) -> Curves:
    try:
        content = read_regular(file, MOST_BYTES)
    except OSError as error:
        raise UnusableError(f"cannot be read ({error.strerror or error})") from error
    checksum = hashlib.sha256(content).hexdigest()
    if file.suffix.lower() in TEXTS:
        table = read_table(content, options.delimiter, options.decimal, options.encoding)
        return _from_table(name, table, options, checksum)
    return _from_array(name, read_array(content), options, checksum)


def _from_table(name: str, table: Table, options: ReadingOptions, checksum: str) -> Curves:
    if options.curves is not None:
        return _data_set(name, table, options, checksum)
    x_at, value_at = _columns(table, options)
    x = None if x_at is None else _x(table, x_at)
    values = table.column(value_at)
    x = np.arange(len(values), dtype=float) if x is None else x
    if len(x) < 2:
        raise UnusableError(f"holds {counted(len(x), 'sample')}; must be at least 2")
    _check_rising(x, table.lines)
    x_source = "x 0, 1, 2, …" if x_at is None else f"x from column {table.title(x_at)}"
    value_source = f"values from column {table.title(value_at)}"
    extent = f"{len(x):,} rows, x from {x[0]:g} to {x[-1]:g}"
    description = f"{name}: {x_source}, {value_source}, {extent}{table.form}"
    return Curves(x, values[None], False, description, checksum)


def _x(table: Table, place: int) -> Array:
    try:
        return table.column(place)
    except UnusableError as error:
        raise UnusableError(f"{error}; or set target.x_column=0 to count the rows instead") from error


def _columns(table: Table, options: ReadingOptions) -> tuple[int | None, int]:
    """The positions of the columns of x, if there is one, and of the values."""
    count, rows_are_x = table.width, _is_counted(table, options)
    x_at, value_at = (
        None if asked is None else _place(table, asked, key)
        for key, asked in (
            ("x_column", None if rows_are_x else options.x_column),
            ("value_column", options.value_column),
        )
    )
    if x_at is not None and x_at == value_at:
        raise UnusableError(
            f"column {table.title(x_at)} cannot be x and the values; set value_column to another"
        )
    if value_at is None:
        others = [place for place in range(count) if place != x_at]
        if count > 2 or not others:
            counted_columns = counted(count, "column")
            raise UnusableError(
                f"has {counted_columns} ({_listed(table)}); set target.value_column (and target.x_column) to "
                "the name or number of one, or target.curves=columns or rows for a data set"
            )
        value_at = others[-1]
        if x_at is None and count == 2 and not rows_are_x:
            x_at = 0
    elif x_at is None and count == 2 and not rows_are_x:
        x_at = 1 - value_at
    return x_at, value_at


def _is_counted(table: Table, options: ReadingOptions) -> bool:
    """Whether x is to be 0, 1, 2, …, whatever the columns are."""
    return options.x_column in (0, "0") and options.x_column not in table.names


def _place(table: Table, asked: int | str, key: str) -> int:
    count = table.width
    if isinstance(asked, str) and asked in table.names:
        if table.names.count(asked) > 1:
            raise UnusableError(
                f"has several columns {shortened(asked)}; set target.{key} to the number of one, from 1"
            )
        return table.names.index(asked)
    number = int(asked) if isinstance(asked, int) or (asked.isdecimal() and len(asked) < 19) else 0
    if not 1 <= number <= count:
        raise UnusableError(
            f"has no column {shortened(str(asked)) or repr('')}; set target.{key} to one of {_listed(table)}"
        )
    return number - 1


def _listed(table: Table) -> str:
    titles = [table.title(place) for place in range(table.width)]
    return ", ".join(titles[:12]) + (f", … and {len(titles) - 12} more" if len(titles) > 12 else "")


def _data_set(name: str, table: Table, options: ReadingOptions, checksum: str) -> Curves:
    if options.value_column is not None:
        raise UnusableError("target.value_column is for a single curve; leave it out with target.curves")
    x, counted = None, options.x_column is None or _is_counted(table, options)
    if options.curves == "columns":
        places = list(range(table.width))
        if options.x_column is not None and not counted:
            at = _place(table, options.x_column, "x_column")
            x, places = _x(table, at), places[:at] + places[at + 1 :]
            _check_rising(x, table.lines)
        numbers = np.array([table.column(place) for place in places])
    elif counted:
        numbers = table.numbers()
    else:
        raise UnusableError(
            "target.x_column is a column; with target.curves=rows there is none, leave it out"
        )
    return _family(name, numbers, x, f"a curve a {str(options.curves)[:-1]}", table.form, checksum)


def _family(name: str, curves: Array, x: Array | None, how: str, form: str, checksum: str) -> Curves:
    """The curves of a data set, with their description.

    Arguments:
        name: the name of the file.
        curves: the values, (curves, n).
        x: the places of the values, (n,); None to count them.
        how: whether a curve is a row or a column, in words.
        form: the form of the table, in words.
        checksum: of the bytes of the file.
    """
    if min(curves.shape) < 2:
        raise UnusableError(
            f"holds {counted(curves.shape[0], 'curve')} of {counted(curves.shape[1], 'sample')}; a data set "
            "has at least 2 of each"
        )
    places = np.arange(curves.shape[1], dtype=float) if x is None else x
    x_source = "x 0, 1, 2, …" if x is None else f"x from {x[0]:g} to {x[-1]:g}"
    size = f"{curves.shape[0]:,} curves of {curves.shape[1]:,} samples"
    return Curves(places, curves, True, f"{name}: a data set, {how}, {size}, {x_source}{form}", checksum)


def _check_rising(x: Array, lines: Sequence[int]) -> None:
    falls = np.flatnonzero(~(x[1:] > x[:-1]))
    if falls.size:
        row = int(falls[0])
        where = f"lines {lines[row]} and {lines[row + 1]}" if lines else f"samples {row + 1} and {row + 2}"
        raise UnusableError(
            f"x does not rise between {where} ({x[row]:g}, {x[row + 1]:g}); sort them, once each"
        )


def _from_array(name: str, array: NDArray[Any], options: ReadingOptions, checksum: str) -> Curves:
    if array.dtype.names:
        fields = array.dtype.names
        table = Table(len(fields), lambda place: _field(array, fields[place]), fields)
        return _from_table(name, table, options, checksum)
    if array.dtype.kind not in "iuf":
        raise UnusableError(f"is no array of numbers (its type is {array.dtype})")
    numbers = _floats(array)
    if numbers.ndim == 1:
        numbers = numbers[:, None]
    if numbers.ndim != 2 or 0 in numbers.shape:
        raise UnusableError(
            f"has the shape {array.shape}; must be (n,), (n, 2) or (2, n) for a curve, or (curves, n) for a "
            "data set"
        )
    rows, columns = numbers.shape
    left_open = (options.curves, options.x_column, options.value_column) == (None, None, None)
    if left_open and min(rows, columns) > 2:
        return _family(name, _finite(numbers), None, "a curve a row", "", checksum)
    if options.curves is None and rows == 1:
        numbers = numbers.T
    if options.curves is None and rows == 2 and columns > 2:
        if left_open and not (np.diff(_finite(numbers[0])) > 0).all():
            raise UnusableError(
                f"has the shape {array.shape}, but its first row is no x that rises; set target.curves=rows "
                "for a data set of two curves"
            )
        numbers = numbers.T
    table = Table(numbers.shape[1], lambda place: _finite(numbers[:, place]))
    return _from_table(name, table, options, checksum)


def _field(array: NDArray[Any], field: str) -> Array:
    values = array[field]
    if values.dtype.kind not in "iuf" or values.ndim != 1:
        raise UnusableError(f"field {shortened(field)} is no column of numbers ({values.dtype})")
    return _finite(_floats(values))


def _floats(array: NDArray[Any]) -> Array:
    with np.errstate(over="ignore"):  # a long double may become infinite, which is refused
        return np.asarray(array, float)


def _finite(numbers: Array) -> Array:
    wrong = np.argwhere(~np.isfinite(numbers))
    if wrong.size:
        raise UnusableError(f"sample {wrong[0][0] + 1} is not finite; remove it or fill it in")
    return numbers
