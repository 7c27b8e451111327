"""Finds the delimiter and the decimal mark of a table of text.

A text that could mean two things is refused, with the setting that decides.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sinegan.data.table import UnusableError

FEWEST_COUNTED = 12
"""The number of lines from which a column of equal steps is taken for x."""
START_OF_DATA = "begin lines that are no data (titles, units) with #"
"""The remedy for lines that are no rows of the table."""

# Patterns of whole cells, except LIKE_A_NUMBER, which matches the beginning of one.
WITH_SEPARATORS = re.compile(r"[+-]?[\d.,]*\d[\d.,]*(?:[eE][+-]?\d+)?", re.ASCII)
THOUSANDS = re.compile(r"[+-]?\d{1,3}(?:(?:,\d{3})+(?:\.\d*)?|(?:\.\d{3})+,\d*)")
COMMA_BEFORE_THREE = re.compile(r"[+-]?[1-9]\d{0,2},\d{3}")
BLANK_BEFORE_THREE = re.compile(r"[+-]?[1-9]\d{0,2}(?:\s\d{3})+")
DECIMAL_COMMA = re.compile(r"[+-]?\d*,\d+(?:[eE][+-]?\d+)?")
DECIMAL_POINT = re.compile(r"[+-]?\d*\.\d+(?:[eE][+-]?\d+)?")
WHOLE_PAIR = re.compile(r"[+-]?\d+,\d+")
LIKE_A_NUMBER = re.compile(r"\W*\d")


@dataclass(frozen=True)
class Cells:
    """A table as text. lines: the line of each row in the file. names: empty without a header."""

    rows: Sequence[Sequence[str]]
    lines: Sequence[int]
    names: Sequence[str] = ()


def find_delimiter(lines: Sequence[str], decimal: str | None) -> str:
    """The delimiter of lines of text; empty for a single column. Raises UnusableError when it is not clear.

    `csv.Sniffer` would choose the comma of 1,5;2,5, and guesses where this function asks.
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


def strip_line_ends(lines: Sequence[str]) -> list[str]:
    """Lines without white space at their ends. Tabs stay where the table may be one of tabs."""
    if any("\t" in line.rstrip() for line in lines):
        return [re.sub(r"^[^\S\t]+|[^\S\t]+$", "", line) for line in lines]
    return [line.strip() for line in lines]


def refuse_pairs(cells: Cells, quoted: bool) -> None:
    """Refuses a single column of decimal commas that may be two columns of whole numbers.

    A name without a comma stands for one column, unless lines without a comma make a cut table likely.
    quoted: whether the lines are in quotes as a whole.
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
    """Whether x before the commas counts in whole steps, or rises where only the last cell has no comma."""
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


def find_decimal_mark(cells: Cells, delimiter: str) -> str:
    """The decimal mark of a table. Raises UnusableError when it is not clear."""
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
                f"line {line}: {cell[:30]} is no number; set target.delimiter if it is several, and "
                f"{START_OF_DATA}"
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


def is_number(text: str) -> bool:
    """Whether a text is a number in other programs, too: Python alone reads 1_000."""
    try:
        float(text)
    except ValueError:
        return False
    return "_" not in text
