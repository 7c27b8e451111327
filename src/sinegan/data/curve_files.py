"""Reads curves out of the files that people have: tables of text, and NumPy's arrays."""

import functools
import hashlib
import io
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sinegan.data.text_tables import Table, UnusableError, counted, read_table
from sinegan.printable import shortened
from sinegan.storage.files import read_regular

Array = NDArray[np.float64]

TEXTS, ARRAYS = (".csv", ".tsv", ".txt", ".dat"), (".npy", ".npz")
MOST_BYTES = 2**28
"""The size up to which a file is read."""


@dataclass(frozen=True, kw_only=True)
class Reading:
    """How a file is to be read; what is None is found out.

    x_column, value_column: names, or numbers from 1; x_column 0 counts the rows. curves: `rows` or `columns`
    for a data set that has a curve in each; None for a single curve, but for arrays with more than two rows
    and columns. delimiter: one of `text_tables.DELIMITERS`; decimal: one of `text_tables.DECIMALS`.
    """

    x_column: int | str | None = None
    value_column: int | str | None = None
    curves: str | None = None
    delimiter: str | None = None
    decimal: str | None = None
    encoding: str | None = None


@dataclass(frozen=True)
class Curves:
    """The content of a file: x (n,) rising and curves (curves, n), one of them unless it is a data set.

    understood: how it was read, in words. checksum: of the file's bytes.
    """

    x: Array
    curves: Array
    data_set: bool
    understood: str
    checksum: str


def read_curves(path: str, reading: Reading) -> Curves:
    """Reads a file, once as long as it does not change. Raises UnusableError."""
    if Path(path).suffix.lower() not in (*TEXTS, *ARRAYS):
        raise UnusableError(f"must be a file of one of {', '.join((*TEXTS, *ARRAYS))}")
    try:
        file = Path(path).expanduser()
        found = file.stat()
    except FileNotFoundError:
        raise UnusableError(f"no such file (looked for in {Path.cwd()})") from None
    except (OSError, RuntimeError, ValueError) as error:  # ValueError: no path of the system's
        raise UnusableError(f"cannot be read ({getattr(error, 'strerror', None) or error})") from error
    return _read(path, file, reading, (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns))


@functools.lru_cache(maxsize=64)
def _read(name: str, file: Path, reading: Reading, _: tuple[int, ...]) -> Curves:
    try:
        content = read_regular(file, MOST_BYTES)
    except OSError as error:
        raise UnusableError(f"cannot be read ({error.strerror or error})") from error
    checksum = hashlib.sha256(content).hexdigest()
    if file.suffix.lower() in TEXTS:
        table = read_table(content, reading.delimiter, reading.decimal, reading.encoding)
        return _from_table(name, table, reading, checksum)
    return _from_array(name, _array(content), reading, checksum)


def _from_table(name: str, table: Table, reading: Reading, checksum: str) -> Curves:
    if reading.curves is not None:
        return _data_set(name, table, reading, checksum)
    x_at, value_at = _columns(table, reading)
    x = None if x_at is None else _x(table, x_at)
    values = table.column(value_at)
    x = np.arange(len(values), dtype=float) if x is None else x
    if len(x) < 2:
        raise UnusableError(f"holds {counted(len(x), 'sample')}; must be at least 2")
    _check_rising(x, table.lines)
    told = "x 0, 1, 2, …" if x_at is None else f"x from column {table.title(x_at)}"
    which = f"values from column {table.title(value_at)}"
    understood = f"{name}: {told}, {which}, {len(x):,} rows, x from {x[0]:g} to {x[-1]:g}{table.form}"
    return Curves(x, values[None], False, understood, checksum)


def _x(table: Table, place: int) -> Array:
    try:
        return table.column(place)
    except UnusableError as error:
        raise UnusableError(f"{error}; or set target.x_column=0 to count the rows instead") from error


def _columns(table: Table, reading: Reading) -> tuple[int | None, int]:
    """The places of x, if there is such a column, and of the values."""
    count, rows_are_x = table.width, _is_counted(table, reading)
    x_at, value_at = (
        None if asked is None else _place(table, asked, key)
        for key, asked in (
            ("x_column", None if rows_are_x else reading.x_column),
            ("value_column", reading.value_column),
        )
    )
    if x_at is not None and x_at == value_at:
        raise UnusableError(
            f"column {table.title(x_at)} cannot be x and the values; set value_column to another"
        )
    if value_at is None:
        left = [place for place in range(count) if place != x_at]
        if count > 2 or not left:
            counted_columns = counted(count, "column")
            raise UnusableError(
                f"has {counted_columns} ({_listed(table)}); set target.value_column (and target.x_column) to "
                "the name or number of one, or target.curves=columns or rows for a data set"
            )
        value_at = left[-1]
        if x_at is None and count == 2 and not rows_are_x:
            x_at = 0
    elif x_at is None and count == 2 and not rows_are_x:
        x_at = 1 - value_at
    return x_at, value_at


def _is_counted(table: Table, reading: Reading) -> bool:
    """Whether x is to be 0, 1, 2, …, whatever columns there are."""
    return reading.x_column in (0, "0") and reading.x_column not in table.names


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


def _data_set(name: str, table: Table, reading: Reading, checksum: str) -> Curves:
    if reading.value_column is not None:
        raise UnusableError("target.value_column is for a single curve; leave it out beside target.curves")
    x, counted = None, reading.x_column is None or _is_counted(table, reading)
    if reading.curves == "columns":
        places = list(range(table.width))
        if reading.x_column is not None and not counted:
            at = _place(table, reading.x_column, "x_column")
            x, places = _x(table, at), places[:at] + places[at + 1 :]
            _check_rising(x, table.lines)
        numbers = np.array([table.column(place) for place in places])
    elif counted:
        numbers = table.numbers()
    else:
        raise UnusableError(
            "target.x_column is a column; with target.curves=rows there is none, leave it out"
        )
    return _family(name, numbers, x, f"a curve a {str(reading.curves)[:-1]}", table.form, checksum)


def _family(name: str, curves: Array, x: Array | None, how: str, form: str, checksum: str) -> Curves:
    """curves: (curves, n)."""
    if min(curves.shape) < 2:
        raise UnusableError(
            f"holds {counted(curves.shape[0], 'curve')} of {counted(curves.shape[1], 'sample')}; a data set "
            "has at least 2 of each"
        )
    places = np.arange(curves.shape[1], dtype=float) if x is None else x
    told = "x 0, 1, 2, …" if x is None else f"x from {x[0]:g} to {x[-1]:g}"
    size = f"{curves.shape[0]:,} curves of {curves.shape[1]:,} samples"
    return Curves(places, curves, True, f"{name}: a data set, {how}, {size}, {told}{form}", checksum)


def _check_rising(x: Array, lines: Sequence[int]) -> None:
    falls = np.flatnonzero(~(x[1:] > x[:-1]))
    if falls.size:
        row = int(falls[0])
        where = f"lines {lines[row]} and {lines[row + 1]}" if lines else f"samples {row + 1} and {row + 2}"
        raise UnusableError(
            f"x does not rise between {where} ({x[row]:g}, {x[row + 1]:g}); sort them, once each"
        )


def _array(content: bytes) -> NDArray[Any]:
    if not content.startswith((b"\x93NUMPY", b"PK")):  # NumPy would take it for a pickle, and say so
        raise UnusableError("is no array of numbers (numpy.save writes one); of a text, name it .txt")
    try:
        if content.startswith(b"PK"):
            with zipfile.ZipFile(io.BytesIO(content)) as archive:
                if sum(member.file_size for member in archive.infolist()) > MOST_BYTES:
                    raise UnusableError(f"unpacks to over {MOST_BYTES:,} bytes")
        stored = np.load(io.BytesIO(content), allow_pickle=False)
        if isinstance(stored, np.ndarray):
            return stored
        with stored:
            names = list(stored)
            if len(names) != 1:
                raise UnusableError(
                    f"holds the arrays {shortened(', '.join(names)) or '(none)'}; must be one: save it alone"
                )
            array = stored[names[0]]
            if not isinstance(array, np.ndarray):
                raise UnusableError(f"holds {names[0]}, which is no array; save one alone with numpy.savez")
            return array
    except UnusableError:
        raise
    except Exception as error:  # a damaged one makes zipfile, zlib and NumPy raise what they like
        raise UnusableError(f"is no array of numbers ({error})") from error


def _from_array(name: str, array: NDArray[Any], reading: Reading, checksum: str) -> Curves:
    if array.dtype.names:
        fields = array.dtype.names
        table = Table(len(fields), lambda place: _field(array, fields[place]), fields)
        return _from_table(name, table, reading, checksum)
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
    left_open = (reading.curves, reading.x_column, reading.value_column) == (None, None, None)
    if left_open and min(rows, columns) > 2:
        return _family(name, _finite(numbers), None, "a curve a row", "", checksum)
    if reading.curves is None and rows == 1:
        numbers = numbers.T
    if reading.curves is None and rows == 2 and columns > 2:
        if left_open and not (np.diff(_finite(numbers[0])) > 0).all():
            raise UnusableError(
                f"has the shape {array.shape}, but its first row is no x that rises; set target.curves=rows "
                "for a data set of two curves"
            )
        numbers = numbers.T
    table = Table(numbers.shape[1], lambda place: _finite(numbers[:, place]))
    return _from_table(name, table, reading, checksum)


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
