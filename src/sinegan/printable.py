"""Texts from elsewhere (values, messages, names of files) made harmless for a terminal and a spreadsheet.

What a table, a picture or a refusal shows passes `printable`; what a CSV file holds passes `in_spreadsheet`.
The sinks that need more than that have it in `sinegan.report.words.formats`.
"""

import sys
from argparse import ArgumentParser
from typing import NoReturn

_FORMULA = "=+-@＝＋－＠"  # the wide ones are read as formulas, too
"""Characters that begin a formula in a spreadsheet."""


def printable(text: str) -> str:
    r"""One line in which every character can be seen.

    Control characters, marks that turn the direction of writing, invisible spaces, line breaks and broken
    characters become escapes: nothing moves the cursor, renames the window or hides a part of the text.

    >>> printable("0.1\x1b[2J")
    '0.1\\x1b[2J'
    """
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in text)


def printable_lines(text: str) -> str:
    """The same, line by line: a message or a traceback keeps its line breaks."""
    return "\n".join(map(printable, text.split("\n")))


def print_what_can_be_shown() -> None:
    """Makes `print` write a question mark for a character that the terminal's encoding lacks."""
    for stream in (sys.stdout, sys.stderr):
        if getattr(stream, "errors", "") == "strict" and hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")


LONGEST = 200
"""Characters of what was typed that a refusal repeats."""


def shortened(text: str) -> str:
    """As much of what was typed as a refusal repeats.

    >>> shortened("0.1"), len(shortened(1000 * "a"))
    ('0.1', 201)
    """
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"


class PrintableParser(ArgumentParser):
    """A parser whose errors repeat what was typed so that every character can be seen."""

    def error(self, message: str) -> NoReturn:
        super().error(printable(message))


def in_spreadsheet(text: str) -> str:
    """A cell that a spreadsheet shows as it is: what it would compute begins with an apostrophe.

    >>> in_spreadsheet("=1+2"), in_spreadsheet("-0.5"), in_spreadsheet("sine")
    ("'=1+2", '-0.5', 'sine')
    """
    shown = printable_lines(text)
    begins = len(shown) > 1 and shown.lstrip().startswith(tuple(_FORMULA))
    return f"'{shown}" if begins and not is_number(shown) else shown


def is_number(text: str) -> bool:
    """Whether a text is a number, as Python writes one."""
    try:
        float(text)
    except ValueError:
        return False
    return True
