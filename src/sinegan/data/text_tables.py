"""Reads tables of numbers out of text, whatever its delimiter, decimal mark and encoding.

What a table looks like is found out where no setting tells it. What could mean two things is refused, with
the setting that decides.
"""

import codecs
import csv
import math
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from sinegan.printable import shortened

Array = NDArray[np.float64]

DELIMITERS = {"tab": "\t", "semicolon": ";", "bar": "|", "comma": ",", "blank": " "}
"""What stands between columns, as the settings call it."""
DECIMALS = {"point": ".", "comma": ","}

MOST_BYTES, MOST_LINES = 2**26, 2_000_000
"""Up to which a text is read: its cells take some fifteen times as much memory."""

BYTE_ORDER_MARKS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
LOOKED_AT = 1000
"""Lines that the delimiter is found out from."""
FEWEST_COUNTED = 12
EXCEL_ERRORS = ("#n/a", "#div/0!", "#value!", "#ref!", "#num!", "#name?", "#null!")
NOT_THERE = ("", "na", "n/a", "nan", "null", "none", "-", "?", *EXCEL_ERRORS)
COMMENTS = ("#", "%", "//")
NO_DATA = "begin lines that are no data (titles, units) with #"

# Patterns of whole cells, but for the last.
WITH_SEPARATORS = re.compile(r"[+-]?[\d.,]*\d[\d.,]*(?:[eE][+-]?\d+)?", re.ASCII)
THOUSANDS = re.compile(r"[+-]?\d{1,3}(?:(?:,\d{3})+(?:\.\d*)?|(?:\.\d{3})+,\d*)")
COMMA_BEFORE_THREE = re.compile(r"[+-]?[1-9]\d{0,2},\d{3}")
BLANK_BEFORE_THREE = re.compile(r"[+-]?[1-9]\d{0,2}(?:\s\d{3})+")
DECIMAL_COMMA = re.compile(r"[+-]?\d*,\d+(?:[eE][+-]?\d+)?")
DECIMAL_POINT = re.compile(r"[+-]?\d*\.\d+(?:[eE][+-]?\d+)?")
WHOLE_PAIR = re.compile(r"[+-]?\d+,\d+")
LIKE_A_NUMBER = re.compile(r"\W*\d")


class UnusableError(ValueError):
    """A file or a function gives no curve; the message says why, and what to do."""


@dataclass(frozen=True)
class Table:
    """Columns of numbers, with what is known of them.

    column: reads one, from 0; raises UnusableError. lines: where each row stands in the file.
    """

    width: int
    column: Callable[[int], Array]
    names: Sequence[str] = ()
    lines: Sequence[int] = ()
    form: str = ""

    def title(self, column: int) -> str:
        """A column as a sentence calls it, from 0: its name, or its number from 1."""
        return shortened(self.names[column]) if self.names else str(column + 1)

    def numbers(self) -> Array:
        """All columns, (rows, width)."""
        return np.stack([self.column(place) for place in range(self.width)], axis=1)


@dataclass(frozen=True)
class Cells:
    """A table as text. lines: where each row stands in the file. names: empty without a header."""

    rows: Sequence[Sequence[str]]
    lines: Sequence[int]
    names: Sequence[str] = ()


def read_table(content: bytes, delimiter: str | None, decimal: str | None, encoding: str | None) -> Table:
    """Reads a table of text. delimiter, decimal, encoding: None to find them out. Raises UnusableError."""
    lines = _lines(_decoded(content, encoding))
    mark = DELIMITERS[delimiter] if delimiter else ""
    if lines and (told := re.fullmatch(r' *"?sep=(.)"? *', lines[0][1], re.IGNORECASE)):  # Excel's own
        mark = mark or told[1]
        lines = lines[1:]
    if not lines:
        raise UnusableError("holds 0 samples; must be at least 2")
    if delimiter and not any(mark in re.sub(r"\s", " ", text.strip()) or mark in text for _, text in lines):
        raise UnusableError(f"target.delimiter = {delimiter}: occurs nowhere in the file; leave it out")
    mark = mark or _delimiter(_bare([text for _, text in lines[:LOOKED_AT]]), decimal)
    cells = _split(lines, mark)
    point = DECIMALS[decimal] if decimal else _decimal(cells, mark)
    cells = _even(_without_empty_end(_header(cells, point)))
    if point == "," and not decimal and len(cells.rows[0]) == 1:
        _refuse_pairs(cells, quoted=lines[-1][1].lstrip().startswith('"'))
    words = {mark: word for word, mark in DELIMITERS.items()}
    form = f", delimiter {words.get(mark, mark)}" if mark else ""
    titles = [name or str(place) for place, name in enumerate(cells.names, 1)]
    table = Table(len(cells.rows[0]), lambda place: _column(cells, place, point), titles, cells.lines)
    return replace(table, form=f"{form}, decimal comma" if point == "," else form)


def _decoded(content: bytes, encoding: str | None) -> str:
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
    """The lines that say something, with their numbers from 1."""
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


def _delimiter(lines: Sequence[str], decimal: str | None) -> str:
    """What stands between the columns; nothing where there is one column.

    `csv.Sniffer` would take the comma of 1,5;2,5, and guesses where it should ask.
    """
    headed = len(lines) > 1 and not LIKE_A_NUMBER.match(lines[0])
    body = lines[1:] if len(lines) > 1 else lines  # the first may be a title
    unquoted = [re.sub(r'"[^"]*"', '""', line) for line in body]
    for delimiter in "\t;|":
        if 2 * sum(delimiter in line for line in unquoted) >= len(unquoted):
            return delimiter
    blanks = sum(bool(re.search(r"\s", line)) for line in unquoted)
    if 2 * blanks >= len(unquoted) and not any(re.search(r"\s,|,\s", line) for line in unquoted):
        _refuse_blanks_of_thousands(lines)
        return " "
    if decimal == "comma" or 2 * sum("," in line for line in unquoted) < len(unquoted):
        return ""
    numbers = body if headed else lines
    if not all(DECIMAL_COMMA.fullmatch(line) for line in numbers if "," in line):
        return "" if all(re.fullmatch(r'"[^"]*"', line) for line in numbers) else ","
    if headed:
        return "," if "," in lines[0] else ""
    if not all("," in line for line in numbers):
        return ""
    if all(WHOLE_PAIR.fullmatch(line) for line in numbers) and _counts(numbers, ","):
        return ","
    raise UnusableError(
        f"could be one column with decimal commas or two of whole numbers ({body[0][:30]}); set "
        "target.decimal=comma or target.delimiter=comma"
    )


def _bare(lines: Sequence[str]) -> list[str]:
    """Lines without white space at their ends. Tabs stay where the table may be one of tabs."""
    if any("\t" in line.rstrip() for line in lines):
        return [re.sub(r"^[^\S\t]+|[^\S\t]+$", "", line) for line in lines]
    return [line.strip() for line in lines]


def _refuse_pairs(cells: Cells, quoted: bool) -> None:
    """Refuses a single column of decimal commas that may be two columns of whole numbers.

    A name without a comma stands for one column, unless lines without a comma make a cut table likely.
    """
    column = [row[0] for row in cells.rows]
    commas = sum("," in cell for cell in column)
    name = cells.names[0] if cells.names else ""
    whole = commas == len(column)
    if "," in name or (whole and not name) or (not whole and 2 * commas >= len(column) and _is_cut(column)):
        example = next(cell for cell in column if "," in cell)
        other = "take off the quotes around whole lines" if quoted else "target.delimiter=comma"
        raise UnusableError(
            f"could be one column with decimal commas or two of whole numbers ({example[:30]}); set "
            f"target.decimal=comma or {other}"
        )


def _is_cut(column: Sequence[str]) -> bool:
    """Whether x before the commas counts in whole steps, or rises where the last cell alone has no comma."""
    pairs = [(row, cell) for row, cell in enumerate(column) if "," in cell]
    if not all(WHOLE_PAIR.fullmatch(cell) for _, cell in pairs):
        return False
    rows, x = np.array([(row, float(cell.split(",")[0])) for row, cell in pairs]).T
    if len(x) == len(column) - 1 and "," not in column[-1]:
        return bool((np.diff(x) > 0).all())
    if len(x) < 2:
        return True
    steps = np.diff(x) / np.diff(rows)
    return bool(steps[0] > 0 and steps[0].is_integer() and (steps == steps[0]).all())


def _refuse_blanks_of_thousands(lines: Sequence[str]) -> None:
    numbers = [line for line in lines if LIKE_A_NUMBER.match(line)]
    if numbers and all(map(BLANK_BEFORE_THREE.fullmatch, numbers)) and not _counts(numbers, " "):
        raise UnusableError(
            f"could be two columns or numbers with blanks for thousands ({numbers[-1][:30]}); set "
            "target.delimiter=blank, or write them without"
        )


def _counts(lines: Sequence[str], delimiter: str) -> bool:
    """Whether the whole numbers before the delimiter count so long, in equal steps, that they must be x.

    A column 0,5 1,5 2,5 … counts, too: what follows must differ, and not begin with a zero as decimals do.
    """
    pairs = [re.split(r"\s+" if delimiter == " " else delimiter, line.strip(), maxsplit=1) for line in lines]
    first, rest = [int(one) for one, _ in pairs], {other for _, other in pairs}
    if len(rest) == 1 or any(len(other) > 1 and other.startswith("0") for other in rest):
        return False
    return len(first) >= FEWEST_COUNTED and first[1] > first[0] and len(set(np.diff(first))) == 1


def _decimal(cells: Cells, delimiter: str) -> str:
    written = [
        (line, cell)
        for line, row in zip(cells.lines, cells.rows, strict=True)
        for cell in row
        if "," in cell and WITH_SEPARATORS.fullmatch(cell)
    ]
    if not written:
        return "."
    for line, cell in written:
        if THOUSANDS.fullmatch(cell) and ("." in cell or cell.count(",") > 1):
            raise UnusableError(f"line {line}: {cell[:30]} has thousands separators; write numbers without")
        if "." in cell or cell.count(",") > 1:
            raise UnusableError(
                f"line {line}: {cell[:30]} is no number; set target.delimiter if it is several, and {NO_DATA}"
            )
    # Semicolons are written where the comma is a decimal one.
    if delimiter != ";" and all(COMMA_BEFORE_THREE.fullmatch(cell) for _, cell in written):
        raise UnusableError(
            f"line {written[0][0]}: {written[0][1]} could have a decimal comma or one for thousands; set "
            "target.decimal=comma, or write thousands without"
        )
    for line, row in zip(cells.lines, cells.rows, strict=True):
        for cell in row:
            if DECIMAL_POINT.fullmatch(cell):
                raise UnusableError(
                    f"has decimal commas (line {written[0][0]}: {written[0][1][:30]}) and points "
                    f"(line {line}: {cell[:30]}); set target.delimiter, or write one of them"
                )
    return ","


def _header(cells: Cells, point: str) -> Cells:
    """Takes the first row for names, if it is."""
    first, body = cells.rows[0], cells.rows[1:]
    rest = Cells(body, cells.lines[1:], first)

    def is_number(cell: str) -> bool:
        return _is_number(cell.replace(point, "."))

    def is_name(cell: str) -> bool:
        return cell.lower() not in NOT_THERE and not is_number(cell) and not LIKE_A_NUMBER.match(cell)

    ordinals = [str(place) for place in range(len(first))]
    if first == ["", *ordinals[:-1]] and len(first) > 1 and _is_index(body):
        return rest  # names that pandas gave
    if first == ordinals and len(first) > 1 and body and all("." in cell for row in body for cell in row):
        raise UnusableError(
            f"line {cells.lines[0]} ({','.join(first)[:30]}) could be names that pandas gave, or numbers; "
            "begin it with #, or write 0.0"
        )
    below = [[row[place] for row in body[:LOOKED_AT] if place < len(row)] for place in range(len(first))]
    named = any(
        is_name(cell) and column and all(map(is_number, column))
        for cell, column in zip(first, below, strict=True)
    )
    if named and any(map(is_number, first)):
        raise UnusableError(
            f"line {cells.lines[0]} has names and numbers ({', '.join(first)[:30]}); mend it, or "
            "begin it with # if it is a header"
        )
    titles = any(map(is_name, first)) and not any(map(LIKE_A_NUMBER.match, first))
    return rest if named or titles else cells


def _is_index(rows: Sequence[Sequence[str]]) -> bool:
    """Whether the first column numbers the rows, as pandas and R write it."""
    return any(all(row[0] == str(number) for number, row in enumerate(rows, start)) for start in (0, 1))


def _without_empty_end(cells: Cells) -> Cells:
    """Takes off the empty column behind a delimiter that ends every line."""
    if not cells.rows or not all(row[-1] == "" and len(row) > 1 for row in cells.rows):
        return cells
    width = len(cells.rows[0])
    if len(cells.names) == width and cells.names[-1]:
        return cells  # an empty column with a name
    if not cells.names and width == 2:
        raise UnusableError(
            "the second column is empty; fill it, or leave out the delimiter at the lines' ends"
        )
    return Cells([row[:-1] for row in cells.rows], cells.lines, cells.names[: width - 1])


def _even(cells: Cells) -> Cells:
    """Sees that all rows are of one length, and takes off an index that has no name."""
    if not cells.rows:
        raise UnusableError("holds a header alone; must be at least 2 samples")
    width, names = len(cells.rows[0]), cells.names
    for line, row in zip(cells.lines, cells.rows, strict=True):
        if len(row) != width:
            raise UnusableError(
                f"line {line} has {counted(len(row), 'column')}, line {cells.lines[0]} has {width}; {NO_DATA}"
            )
    if names and len(names) == width + 1 and not names[-1]:
        names = names[:-1]
    if names and len(names) != width:
        raise UnusableError(
            f"has {counted(width, 'column')} under a header of {len(names)} ({', '.join(names)[:60]}); "
            f"{NO_DATA}, and set target.delimiter or target.decimal if the columns are others"
        )
    if names and not names[0] and width > 1 and _is_index(cells.rows):
        return Cells([row[1:] for row in cells.rows], cells.lines, names[1:])
    return replace(cells, names=names)


def _column(cells: Cells, place: int, point: str) -> Array:
    texts = [row[place] for row in cells.rows]
    name = shortened(cells.names[place]) if cells.names and cells.names[place] else str(place + 1)
    if not any(texts):
        raise UnusableError(f"column {name} is empty; fill it, or set target.value_column to another")
    of = f"column {name}, " if len(cells.rows[0]) > 1 else ""
    return np.array(
        [_number(text, point, f"{of}line {line}") for text, line in zip(texts, cells.lines, strict=True)]
    )


def _number(cell: str, point: str, where: str) -> float:
    text = cell.replace(point, ".") if point != "." else cell
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value) or "_" in text:
        if cell.lower() in NOT_THERE:
            raise UnusableError(f"{where} lacks a value; remove the line or fill it in")
        if _is_number(text):
            raise UnusableError(f"{where}: {cell[:40]} is not finite; remove the line or fill it in")
        raise UnusableError(f"{where}: {cell[:40]} is no number; {NO_DATA}")
    return value


def counted(count: int, noun: str) -> str:
    """A number and what it counts, in the plural unless it is 1."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def _is_number(text: str) -> bool:
    # Python's own takes 1_000, which is a name of something elsewhere.
    try:
        float(text)
    except ValueError:
        return False
    return "_" not in text
