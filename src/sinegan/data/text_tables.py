"""Reads tables of numbers out of text, whatever its delimiter, decimal mark and encoding."""

import codecs
import csv
import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from sinegan.data.table import Array, Table, UnusableError, counted
from sinegan.data.text_format import (
    LIKE_A_NUMBER,
    START_OF_DATA,
    Cells,
    find_decimal_mark,
    find_delimiter,
    is_number,
    refuse_pairs,
    strip_line_ends,
)
from sinegan.printable import shortened

DELIMITERS = {"tab": "\t", "semicolon": ";", "bar": "|", "comma": ",", "blank": " "}
"""The delimiters by the names that the settings give them."""
DECIMALS = {"point": ".", "comma": ","}
"""The decimal marks by the names that the settings give them."""

MOST_BYTES, MOST_LINES = 2**26, 2_000_000
"""The greatest text that is read: in memory, its cells take about fifteen times as much."""

BYTE_ORDER_MARKS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
INSPECTED_LINES = 1000
"""The number of lines that the delimiter and the header are judged by."""
EXCEL_ERRORS = ("#n/a", "#div/0!", "#value!", "#ref!", "#num!", "#name?", "#null!")
MISSING_VALUES = ("", "na", "n/a", "nan", "null", "none", "-", "?", *EXCEL_ERRORS)
COMMENTS = ("#", "%", "//")


def read_table(content: bytes, delimiter: str | None, decimal: str | None, encoding: str | None) -> Table:
    """Reads a table of text. Raises UnusableError when it is none, or when it could mean two things.

    Arguments:
        content: the bytes of the file.
        delimiter: one of DELIMITERS, or None to find it.
        decimal: one of DECIMALS, or None to find it.
        encoding: a codec of Python's, or None to find it.
    """
    lines = _lines(_decode(content, encoding))
    mark = DELIMITERS[delimiter] if delimiter else ""
    if lines and (excel := re.fullmatch(r' *"?sep=(.)"? *', lines[0][1], re.IGNORECASE)):
        mark = mark or excel[1]
        lines = lines[1:]
    if not lines:
        raise UnusableError("holds 0 samples; must be at least 2")
    if delimiter and not any(mark in re.sub(r"\s", " ", text.strip()) or mark in text for _, text in lines):
        raise UnusableError(f"target.delimiter = {delimiter}: occurs nowhere in the file; leave it out")
    mark = mark or find_delimiter(strip_line_ends([text for _, text in lines[:INSPECTED_LINES]]), decimal)
    cells = _split(lines, mark)
    point = DECIMALS[decimal] if decimal else find_decimal_mark(cells, mark)
    cells = _same_width(_without_empty_last_column(_with_header(cells, point)))
    if point == "," and not decimal and len(cells.rows[0]) == 1:
        refuse_pairs(cells, quoted=lines[-1][1].lstrip().startswith('"'))
    names = {mark: name for name, mark in DELIMITERS.items()}
    form = f", delimiter {names.get(mark, mark)}" if mark else ""
    titles = [name or str(place) for place, name in enumerate(cells.names, 1)]
    table = Table(len(cells.rows[0]), lambda place: _column(cells, place, point), titles, cells.lines)
    return replace(table, form=f"{form}, decimal comma" if point == "," else form)


def _decode(content: bytes, encoding: str | None) -> str:
    """The text. Without an encoding: that of a byte-order mark, else UTF-8, else Windows-1252."""
    if len(content) > MOST_BYTES:
        raise UnusableError(
            f"has {len(content):,} bytes; of a text at most {MOST_BYTES:,} are read: save it as .npy"
        )
    marked = next((name for mark, name in BYTE_ORDER_MARKS.items() if content.startswith(mark)), None)
    for name in [encoding] if encoding else [marked] if marked else ["utf-8", "cp1252"]:
        try:
            text = content.decode(str(name))
        except UnicodeError:
            continue
        except (LookupError, ValueError) as error:
            raise UnusableError(f"target.encoding = {name}: is not known; use utf-8, say") from error
        if "\0" in text:
            break
        return text.removeprefix("\ufeff")
    raise UnusableError("is no text, or of another encoding; set target.encoding")


def _lines(text: str) -> list[tuple[int, str]]:
    """The lines that are neither blank nor comments, with their numbers from 1."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    if text.count("\n") > MOST_LINES:
        raise UnusableError(f"has over {MOST_LINES:,} lines; thin it out, or save it as .npy")
    numbered = enumerate(text.split("\n"), 1)
    return [(n, line) for n, line in numbered if (bare := line.strip()) and not _is_comment(bare)]


def _is_comment(line: str) -> bool:
    return line.startswith(COMMENTS) and not line.lower().startswith(EXCEL_ERRORS)


def _split(lines: Sequence[tuple[int, str]], delimiter: str) -> Cells:
    if not delimiter:
        return Cells([[line.strip().strip('"')] for _, line in lines], [number for number, _ in lines])
    texts: Iterator[str] = (line for _, line in lines)
    if delimiter == " ":
        texts = (" ".join(line.split()) for line in texts)
    reader = csv.reader(texts, delimiter=delimiter, skipinitialspace=True, strict=True)
    rows, numbers = [], []
    begins = 0
    try:
        for row in reader:
            rows.append([cell.strip() for cell in row])
            numbers.append(lines[begins][0])
            begins = reader.line_num
    except csv.Error as error:
        number, text = lines[begins]
        raise UnusableError(f"line {number} cannot be read ({error}): {text[:40]}") from error
    return Cells(rows, numbers)


def _with_header(cells: Cells, point: str) -> Cells:
    """Makes the first row the names of the columns when it looks like a header."""
    first, body = cells.rows[0], cells.rows[1:]
    rest = Cells(body, cells.lines[1:], first)

    def numeric(cell: str) -> bool:
        return is_number(cell.replace(point, "."))

    def is_name(cell: str) -> bool:
        return cell.lower() not in MISSING_VALUES and not numeric(cell) and not LIKE_A_NUMBER.match(cell)

    ordinals = [str(place) for place in range(len(first))]
    if first == ["", *ordinals[:-1]] and len(first) > 1 and _is_index(body):
        return rest  # a header that pandas wrote
    if first == ordinals and len(first) > 1 and body and all("." in cell for row in body for cell in row):
        raise UnusableError(
            f"line {cells.lines[0]} ({','.join(first)[:30]}) could be a header of pandas, or numbers; "
            "begin it with #, or write 0.0"
        )
    below = [
        [row[place] for row in body[:INSPECTED_LINES] if place < len(row)] for place in range(len(first))
    ]
    named = any(
        is_name(cell) and column and all(map(numeric, column))
        for cell, column in zip(first, below, strict=True)
    )
    if named and any(map(numeric, first)):
        raise UnusableError(
            f"line {cells.lines[0]} has names and numbers ({', '.join(first)[:30]}); correct it, or "
            "begin it with # if it is a header"
        )
    titles = any(map(is_name, first)) and not any(map(LIKE_A_NUMBER.match, first))
    return rest if named or titles else cells


def _is_index(rows: Sequence[Sequence[str]]) -> bool:
    """Whether the first column counts the rows, as pandas and R write it."""
    return any(all(row[0] == str(number) for number, row in enumerate(rows, start)) for start in (0, 1))


def _without_empty_last_column(cells: Cells) -> Cells:
    """Drops the empty column after a delimiter that ends every line."""
    if not cells.rows or not all(row[-1] == "" and len(row) > 1 for row in cells.rows):
        return cells
    width = len(cells.rows[0])
    if len(cells.names) == width and cells.names[-1]:
        return cells  # an empty column that has a name
    if not cells.names and width == 2:
        raise UnusableError(
            "the second column is empty; fill it, or leave out the delimiter at the lines' ends"
        )
    return Cells([row[:-1] for row in cells.rows], cells.lines, cells.names[: width - 1])


def _same_width(cells: Cells) -> Cells:
    """Checks that all rows have the same length, and drops an index that has no name."""
    if not cells.rows:
        raise UnusableError("holds a header alone; must be at least 2 samples")
    width, names = len(cells.rows[0]), cells.names
    for line, row in zip(cells.lines, cells.rows, strict=True):
        if len(row) != width:
            raise UnusableError(
                f"line {line} has {counted(len(row), 'column')}, line {cells.lines[0]} has {width}; "
                f"{START_OF_DATA}"
            )
    if names and len(names) == width + 1 and not names[-1]:
        names = names[:-1]
    if names and len(names) != width:
        raise UnusableError(
            f"has {counted(width, 'column')} under a header of {len(names)} ({', '.join(names)[:60]}); "
            f"{START_OF_DATA}, and set target.delimiter or target.decimal if the columns are others"
        )
    if names and not names[0] and width > 1 and _is_index(cells.rows):
        return Cells([row[1:] for row in cells.rows], cells.lines, names[1:])
    return replace(cells, names=names)


def _column(cells: Cells, place: int, point: str) -> Array:
    texts = [row[place] for row in cells.rows]
    name = shortened(cells.names[place]) if cells.names and cells.names[place] else str(place + 1)
    if not any(texts):
        raise UnusableError(f"column {name} is empty; fill it, or set target.value_column to another")
    prefix = f"column {name}, " if len(cells.rows[0]) > 1 else ""
    return np.array(
        [_number(text, point, f"{prefix}line {line}") for text, line in zip(texts, cells.lines, strict=True)]
    )


def _number(cell: str, point: str, where: str) -> float:
    text = cell.replace(point, ".") if point != "." else cell
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value) or "_" in text:
        if cell.lower() in MISSING_VALUES:
            raise UnusableError(f"{where} lacks a value; remove the line or fill it in")
        if is_number(text):
            raise UnusableError(f"{where}: {cell[:40]} is not finite; remove the line or fill it in")
        raise UnusableError(f"{where}: {cell[:40]} is no number; {START_OF_DATA}")
    return value
