"""Reads tables of numbers out of text, whatever its delimiter, decimal mark and encoding.

What a table looks like is found out where no setting tells it. What could mean two things is refused, with
the setting that decides.
"""

import codecs
import csv
import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

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
FEWEST_COUNTED = 12
NOT_THERE = ("", "na", "n/a", "nan", "null", "none", "-", "?")
COMMENTS = ("#", "%", "//")


class UnusableError(ValueError):
    """A file or a function gives no curve; the message says why, and what to do."""


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


def read_table(content: bytes, delimiter: str | None, decimal: str | None, encoding: str | None) -> Table:
    """Reads a table of text. delimiter, decimal, encoding: None to find them out. Raises UnusableError."""
    lines = _lines(_decoded(content, encoding))
    mark = DELIMITERS[delimiter] if delimiter else ""
    if lines and (told := re.fullmatch(r"sep=(.)", lines[0][1].strip())):  # Excel's own
        mark = mark or told[1]
        lines = lines[1:]
    if not lines:
        raise UnusableError("holds 0 samples; must be at least 2")
    mark = mark or _delimiter([text for _, text in lines], decimal)
    cells = [(number, _split(text, mark)) for number, text in lines]
    point = DECIMALS[decimal] if decimal else _decimal(cells, mark)
    names, cells = _header(cells, point)
    cells, names = _without_empty_end(cells, names)
    if not cells:
        raise UnusableError("holds 0 samples; must be at least 2")
    width = len(cells[0][1])
    for number, row in cells:
        if len(row) != width:
            raise UnusableError(f"line {number} has {len(row)} columns, line {cells[0][0]} has {width}")
    if names and len(names) != width:
        raise UnusableError(f"has {width} columns under a header of {len(names)} ({', '.join(names)[:60]})")
    numbers = np.array([[_number(cell, point, number) for cell in row] for number, row in cells], float)
    if names and not names[0] and width > 1 and (numbers[:, 0] == np.arange(len(numbers))).all():
        numbers, names = numbers[:, 1:], names[1:]  # the index that pandas writes
    comma = ", decimal comma" if point == "," else ""
    words = {mark: word for word, mark in DELIMITERS.items()}
    form = f", delimiter {words.get(mark, mark)}" if mark else ""
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
    try:
        return [cell.strip() for cell in next(csv.reader([line], delimiter=delimiter, skipinitialspace=True))]
    except csv.Error as error:
        raise UnusableError(f"cannot be read ({error}): {line[:40]}") from error


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
        if _counts(lines):
            return ","
        raise UnusableError(
            f"could be one column with decimal commas or two of whole numbers ({body[0].strip()[:30]}); set "
            "target.decimal=comma or target.delimiter=comma"
        )
    return ","


def _counts(lines: Sequence[str]) -> bool:
    """Whether the whole numbers before the commas count so long, in equal steps, that they must be x."""
    first = [int(line.partition(",")[0]) for line in lines]
    return len(first) >= FEWEST_COUNTED and first[1] > first[0] and len(set(np.diff(first))) == 1


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
