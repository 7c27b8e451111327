"""Reads curves out of the files that people have: tables of text, and NumPy's arrays.

What a table looks like is found out where no setting tells it. What could mean two things is refused, with
the setting that decides.
"""

import codecs
import csv
import functools
import hashlib
import io
import re
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sinegan.files import read_regular

Array = NDArray[np.float64]

TEXTS, ARRAYS = (".csv", ".tsv", ".txt", ".dat"), (".npy", ".npz")
MOST_BYTES = 2**28
"""The size up to which a file is read."""

DELIMITERS = {"tab": "\t", "semicolon": ";", "bar": "|", "comma": ",", "blank": " "}
"""What stands between columns, as the settings call it."""
DECIMALS = {"point": ".", "comma": ","}

BYTE_ORDER_MARKS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
NOT_THERE = ("", "na", "n/a", "nan", "null", "none", "-", "?")
COMMENTS = ("#", "%", "//")


class UnusableError(ValueError):
    """A file or a function gives no curve; the message says why, and what to do."""


@dataclass(frozen=True, kw_only=True)
class Reading:
    """How a file is to be read; what is None is found out.

    x_column, value_column: names, or numbers from 1. curves: `rows` or `columns` for a data set that has a
    curve in each; None for a single curve, but for arrays with more than two rows and columns. delimiter: one
    of DELIMITERS; decimal: one of DECIMALS.
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


@dataclass(frozen=True)
class Table:
    """Numbers (rows, columns) with what is known of them. lines: where each row stands in the file."""

    numbers: Array
    names: Sequence[str]
    lines: Sequence[int]
    form: str = ""

    def title(self, column: int) -> str:
        """A column as a sentence calls it, from 0: its name, or its number from 1."""
        return self.names[column] if self.names else str(column + 1)


@functools.lru_cache(maxsize=64)
def read_curves(path: str, reading: Reading) -> Curves:
    """Reads a file, once a process. Raises UnusableError."""
    file = Path(path).expanduser()
    suffix = file.suffix.lower()
    if suffix not in (*TEXTS, *ARRAYS):
        raise UnusableError(f"must be a file of one of {', '.join((*TEXTS, *ARRAYS))}")
    if not file.exists():
        raise UnusableError(f"no such file (looked for in {Path.cwd()})")
    try:
        content = read_regular(file, MOST_BYTES)
    except OSError as error:
        raise UnusableError(f"cannot be read ({error.strerror or error})") from error
    checksum = hashlib.sha256(content).hexdigest()
    if suffix in TEXTS:
        return _from_table(file.name, _table(content, reading), reading, checksum)
    return _from_array(file.name, _array(content), reading, checksum)


def _from_table(name: str, table: Table, reading: Reading, checksum: str) -> Curves:
    if reading.curves is not None:
        return _data_set(name, table, reading, checksum)
    x_at, value_at = _columns(table, reading)
    values = table.numbers[:, value_at]
    x = np.arange(len(values), dtype=float) if x_at is None else table.numbers[:, x_at]
    if len(x) < 2:
        raise UnusableError(f"holds {len(x)} samples; must be at least 2")
    _check_rising(x, table.lines)
    told = "x 0, 1, 2, …" if x_at is None else f"x from column {table.title(x_at)}"
    which = f"values from column {table.title(value_at)}"
    understood = f"{name}: {told}, {which}, {len(x):,} rows, x from {x[0]:g} to {x[-1]:g}{table.form}"
    return Curves(x, values[None], False, understood, checksum)


def _columns(table: Table, reading: Reading) -> tuple[int | None, int]:
    """The places of x, if there is such a column, and of the values."""
    count = table.numbers.shape[1]
    x_at, value_at = (
        None if asked is None else _place(table, asked, key)
        for key, asked in (("x_column", reading.x_column), ("value_column", reading.value_column))
    )
    if x_at is not None and x_at == value_at:
        raise UnusableError(
            f"column {table.title(x_at)} cannot be x and the values; set value_column to another"
        )
    if value_at is None:
        left = [place for place in range(count) if place != x_at]
        if count > 2 or not left:
            raise UnusableError(
                f"has {count} columns ({_listed(table)}); set target.value_column (and target.x_column) to "
                "the name or number of one, or target.curves=columns or rows for a data set"
            )
        value_at = left[-1]
        if x_at is None and count == 2:
            x_at = 0
    elif x_at is None and count == 2:
        x_at = 1 - value_at
    return x_at, value_at


def _place(table: Table, asked: int | str, key: str) -> int:
    count = table.numbers.shape[1]
    if isinstance(asked, str) and asked in table.names:
        return table.names.index(asked)
    number = int(asked) if isinstance(asked, int) or asked.isdecimal() else 0
    if not 1 <= number <= count:
        raise UnusableError(f"has no column {asked}; set target.{key} to one of {_listed(table)}")
    return number - 1


def _listed(table: Table) -> str:
    titles = [table.title(place) for place in range(table.numbers.shape[1])]
    return ", ".join(titles[:12]) + (f", … and {len(titles) - 12} more" if len(titles) > 12 else "")


def _data_set(name: str, table: Table, reading: Reading, checksum: str) -> Curves:
    if reading.value_column is not None:
        raise UnusableError("target.value_column is for a single curve; leave it out beside target.curves")
    numbers, x = table.numbers, None
    if reading.curves == "columns":
        if reading.x_column is not None:
            place = _place(table, reading.x_column, "x_column")
            x, numbers = numbers[:, place], np.delete(numbers, place, axis=1)
            _check_rising(x, table.lines)
        numbers = numbers.T
    elif reading.x_column is not None:
        raise UnusableError(
            "target.x_column is a column; with target.curves=rows there is none, leave it out"
        )
    return _family(name, numbers, x, f"a curve a {str(reading.curves)[:-1]}", table.form, checksum)


def _family(name: str, curves: Array, x: Array | None, how: str, form: str, checksum: str) -> Curves:
    """curves: (curves, n)."""
    if min(curves.shape) < 2:
        raise UnusableError(
            f"holds {curves.shape[0]} curves of {curves.shape[1]} samples; a data set has at least 2 of each"
        )
    places = np.arange(curves.shape[1], dtype=float) if x is None else x
    told = "x 0, 1, 2, …" if x is None else f"x from {x[0]:g} to {x[-1]:g}"
    size = f"{curves.shape[0]:,} curves of {curves.shape[1]:,} samples"
    return Curves(places, curves, True, f"{name}: a data set, {how}, {size}, {told}{form}", checksum)


def _check_rising(x: Array, lines: Sequence[int]) -> None:
    falls = np.flatnonzero(~(np.diff(x) > 0))
    if falls.size:
        row = int(falls[0])
        where = f"lines {lines[row]} and {lines[row + 1]}" if lines else f"samples {row + 1} and {row + 2}"
        raise UnusableError(
            f"x does not rise between {where} ({x[row]:g}, {x[row + 1]:g}); sort them, once each"
        )


# --- tables of text


def _table(content: bytes, reading: Reading) -> Table:
    lines = _lines(_decoded(content, reading.encoding))
    delimiter = DELIMITERS[reading.delimiter] if reading.delimiter else ""
    if lines and (told := re.fullmatch(r"sep=(.)", lines[0][1].strip())):  # Excel's own
        delimiter = delimiter or told[1]
        lines = lines[1:]
    if not lines:
        raise UnusableError("holds 0 samples; must be at least 2")
    delimiter = delimiter or _delimiter([text for _, text in lines], reading.decimal)
    cells = [(number, _split(text, delimiter)) for number, text in lines]
    decimal = DECIMALS[reading.decimal] if reading.decimal else _decimal(cells, delimiter)
    names, cells = _header(cells, decimal)
    cells, names = _without_empty_end(cells, names)
    if not cells:
        raise UnusableError("holds 0 samples; must be at least 2")
    width = len(cells[0][1])
    for number, row in cells:
        if len(row) != width:
            raise UnusableError(f"line {number} has {len(row)} columns, line {cells[0][0]} has {width}")
    if names and len(names) != width:
        raise UnusableError(f"has {width} columns under a header of {len(names)} ({', '.join(names)[:60]})")
    numbers = np.array([[_number(cell, decimal, number) for cell in row] for number, row in cells], float)
    if names and not names[0] and width > 1 and (numbers[:, 0] == np.arange(len(numbers))).all():
        numbers, names = numbers[:, 1:], names[1:]  # the index that pandas writes
    comma = ", decimal comma" if decimal == "," else ""
    words = {mark: word for word, mark in DELIMITERS.items()}
    form = f", delimiter {words.get(delimiter, delimiter)}" if delimiter else ""
    titles = [name or str(place) for place, name in enumerate(names, 1)]
    return Table(numbers, titles, [number for number, _ in cells], f"{form}{comma}")


def _decoded(content: bytes, encoding: str | None) -> str:
    marked = next((name for mark, name in BYTE_ORDER_MARKS.items() if content.startswith(mark)), None)
    for name in [encoding] if encoding else [marked] if marked else ["utf-8", "cp1252"]:
        try:
            text = content.decode(str(name))
        except LookupError as error:
            raise UnusableError(f"target.encoding = {name}: is not known; use utf-8, say") from error
        except (UnicodeDecodeError, UnicodeError):
            continue
        if "\0" in text:
            break
        return text.removeprefix("\ufeff")
    raise UnusableError("is no text, or of another encoding; set target.encoding")


def _lines(text: str) -> list[tuple[int, str]]:
    """The lines that say something, with their numbers from 1."""
    numbered = enumerate(re.split(r"\r\n|\r|\n", text), 1)
    return [(n, line) for n, line in numbered if line.strip() and not line.strip().startswith(COMMENTS)]


def _split(line: str, delimiter: str) -> list[str]:
    if delimiter == " ":
        return [cell.strip('"') for cell in line.split()]
    if not delimiter:
        return [line.strip().strip('"')]
    return [cell.strip() for cell in next(csv.reader([line], delimiter=delimiter, skipinitialspace=True))]


def _delimiter(lines: Sequence[str], decimal: str | None) -> str:
    """What stands between the columns; nothing where there is one column.

    `csv.Sniffer` would take the comma of 1,5;2,5, and guesses where it should ask.
    """
    body = lines[1:] if len(lines) > 1 else lines  # the first may be a header
    unquoted = [re.sub(r'"[^"]*"', '""', line) for line in body]
    for delimiter in "\t;|":
        if 2 * sum(delimiter in line for line in unquoted) > len(unquoted):
            return delimiter
    blanks = all(len(line.split()) > 1 and not re.search(r",\s", line.strip()) for line in unquoted)
    if blanks:
        return " "
    if decimal == "comma" or not all("," in line for line in unquoted):
        return ""
    if _could_be_decimal(lines[0], body):
        if lines[0] not in body and not _is_number(lines[0].replace(",", ".")):  # its header tells
            return "," if "," in lines[0] else ""
        raise UnusableError(
            f"could be one column with decimal commas or two of whole numbers ({body[0].strip()[:30]}); set "
            "target.decimal=comma or target.delimiter=comma"
        )
    return ","


def _could_be_decimal(first: str, body: Sequence[str]) -> bool:
    """Whether each line could be one number with a decimal comma."""
    return all(re.fullmatch(r"\s*[+-]?\d+,\d+\s*", line) for line in body) and (
        bool(re.fullmatch(r"\s*[+-]?\d+,\d+\s*", first)) or not _is_number(first)
    )


def _decimal(cells: Sequence[tuple[int, Sequence[str]]], delimiter: str) -> str:
    body = [(number, cell) for number, row in cells[1:] or cells for cell in row]
    commas = [(number, cell) for number, cell in body if "," in cell]
    if delimiter == "," and not any(re.fullmatch(r"[+-]?\d+,\d+", cell) for _, cell in commas):
        return "."
    if not commas:
        return "."
    for number, cell in commas:
        if "." in cell or cell.count(",") > 1:
            raise UnusableError(f"line {number}: {cell[:30]} has thousands separators; write numbers without")
    if dotted := [(number, cell) for number, cell in body if re.search(r"\d\.\d", cell)]:
        raise UnusableError(
            f"has decimal commas (line {commas[0][0]}: {commas[0][1][:30]}) and points (line {dotted[0][0]}: "
            f"{dotted[0][1][:30]}); set target.delimiter, or write one of them"
        )
    return ","


def _header(
    cells: list[tuple[int, list[str]]], decimal: str
) -> tuple[list[str], list[tuple[int, list[str]]]]:
    first = cells[0][1]
    marked = [cell.replace(decimal, ".") for cell in first]
    if any(_is_number(cell) for cell in marked) or all(cell.lower() in NOT_THERE for cell in first):
        return [], cells
    return first, cells[1:]


def _without_empty_end(
    cells: list[tuple[int, list[str]]], names: list[str]
) -> tuple[list[tuple[int, list[str]]], list[str]]:
    """Takes off the empty column behind a delimiter that ends every line."""
    ends = [row[-1] == "" and len(row) > 1 for _, row in cells]
    if not cells or not all(ends):
        return cells, names
    width = len(cells[0][1])
    if len(names) == width and names[-1]:
        raise UnusableError(f"column {names[-1]} is empty; fill it, or set target.value_column to another")
    if not names and width == 2:
        raise UnusableError(
            "the second column is empty; fill it, or leave out the delimiter at the lines' ends"
        )
    return [(number, row[:-1]) for number, row in cells], names[: width - 1]


def _number(cell: str, decimal: str, line: int) -> float:
    if cell.lower() in NOT_THERE:
        raise UnusableError(f"line {line} lacks a value; remove the line or fill it in")
    text = cell.replace(",", ".") if decimal == "," else cell
    if not _is_number(text):
        raise UnusableError(f"line {line}: {cell[:40]} is no number")
    value = float(text)
    if not np.isfinite(value):
        raise UnusableError(f"line {line}: {cell[:40]} is not finite; remove the line or fill it in")
    return value


def _is_number(text: str) -> bool:
    # Python's own takes 1_000, which is a name of something elsewhere.
    try:
        float(text)
    except ValueError:
        return False
    return "_" not in text


# --- NumPy's arrays


def _array(content: bytes) -> NDArray[Any]:
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
                raise UnusableError(f"holds the arrays {', '.join(names)}; must be one: save it alone")
            array: NDArray[Any] = stored[names[0]]
            return array
    except UnusableError:
        raise
    except (ValueError, OSError, EOFError, MemoryError, zipfile.BadZipFile) as error:
        raise UnusableError(f"is no array of numbers ({error})") from error


def _from_array(name: str, array: NDArray[Any], reading: Reading, checksum: str) -> Curves:
    if array.dtype.names:
        fields = [array[field] for field in array.dtype.names]
        for field, values in zip(array.dtype.names, fields, strict=True):
            if values.dtype.kind not in "iuf" or values.ndim != 1:
                raise UnusableError(f"field {field} is no column of numbers ({values.dtype})")
        table = Table(
            _finite(np.stack([np.asarray(each, float) for each in fields], axis=1)), array.dtype.names, []
        )
        return _from_table(name, table, reading, checksum)
    if array.dtype.kind not in "iuf":
        raise UnusableError(f"is no array of numbers (its type is {array.dtype})")
    numbers = _finite(np.asarray(array, float))
    if numbers.ndim == 1:
        numbers = numbers[:, None]
    if numbers.ndim != 2 or 0 in numbers.shape:
        raise UnusableError(
            f"has the shape {array.shape}; must be (n,), (n, 2) or (2, n) for a curve, or (curves, n) for a "
            "data set"
        )
    rows, columns = numbers.shape
    if (
        reading.curves is None
        and min(rows, columns) > 2
        and (reading.x_column, reading.value_column) == (None, None)
    ):
        return _family(name, numbers, None, "a curve a row", "", checksum)
    if reading.curves is None and rows == 2 and columns > 2:
        if not (np.diff(numbers[0]) > 0).all():
            raise UnusableError(
                f"has the shape {array.shape}, but its first row is no x that rises; set target.curves=rows "
                "for a data set of two curves"
            )
        numbers = numbers.T
    return _from_table(name, Table(numbers, [], []), reading, checksum)


def _finite(numbers: Array) -> Array:
    wrong = np.argwhere(~np.isfinite(numbers))
    if wrong.size:
        raise UnusableError(f"sample {wrong[0][0] + 1} is not finite; remove it or fill it in")
    return numbers
