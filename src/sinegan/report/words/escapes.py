"""Escapes texts for Markdown, LaTeX, HTML and file names: they are shown as they were typed."""

import re
from html import escape

from sinegan.printable import printable

LONGEST_NAME = 100
"""Characters of a file's name."""

_MARKDOWN = re.compile(
    r"[\\`*|~]"
    r"|(?<![^\W_])_|_(?![^\W_])"  # within a word it is no emphasis
    r"|\$|\](?=[(\[:])"  # mathematics; the end of a link's words
)
_ENTITIES = {"$": "&#36;", "]": "&#93;"}
"""Where a backslash is not enough for every reader of Markdown."""
_BLOCK = re.compile(r"\A(\d{0,9})((?<=\d)[.)]|(?<!\d)(?:#{1,6}|\+|-+|=+))(?=\s|$)")
"""The beginning of a heading, a list, a rule or an underlining."""

_LATEX = str.maketrans(
    {character: f"\\{character}" for character in "&%$#_{}"}
    | {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}
    # In the old encoding, which is the default, these would be other signs.
    | {"<": r"\textless{}", ">": r"\textgreater{}", "|": r"\textbar{}"}
    # Where a row begins with a bracket it would be an argument of the line break before.
    | {"[": "{[}", "]": "{]}"}
)


def in_markdown(text: str) -> str:
    r"""A text within a line of Markdown, or in a cell of a table.

    >>> in_markdown("<b>[x](javascript:y)</b>")
    '&lt;b&gt;[x&#93;(javascript:y)&lt;/b&gt;'
    """
    shown = escape(printable(text), quote=False)
    return _MARKDOWN.sub(lambda match: _ENTITIES.get(match[0], f"\\{match[0]}"), shown)


def markdown_line(text: str) -> str:
    r"""A text that begins a line of Markdown, or an item of a list.

    >>> markdown_line("# 1"), markdown_line("1. x")
    ('\\# 1', '1\\. x')
    """
    return _BLOCK.sub(r"\1\\\2", in_markdown(text.lstrip()), count=1)


def in_latex(text: object) -> str:
    """A text that LaTeX prints character by character."""
    return printable(str(text)).translate(_LATEX).replace("--", "-{}-")


def in_html(text: object) -> str:
    """A text between tags, or in a quoted attribute."""
    return escape(printable(str(text)))


def in_file_name(text: str) -> str:
    """A name for a file: letters, digits and a few signs, none that leads into another folder.

    >>> in_file_name("rmse by ../../x")
    'rmse_by_.._.._x'
    """
    return re.sub(r"[^\w.=+-]+", "_", text).strip("_")[:LONGEST_NAME]
