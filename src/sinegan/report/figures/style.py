"""The style that all pictures share, and how a picture becomes a file."""

import math
import re
import textwrap
import warnings
from collections.abc import Sequence
from io import BytesIO
from typing import Any

import matplotlib
from cycler import cycler
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.ticker import MaxNLocator

from sinegan.printable import printable, printable_lines

# Okabe & Ito's palette: the colour-blind can distinguish it. Yellow is left out: too pale for lines.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
DASHES = ("-", "--", "-.", ":")
RED = "#C8102E"
"""Generated curves, as in the tutorial's picture."""
GREY = "#595959"
"""Words next to a picture and reference lines: a contrast of 7 to 1 on white."""

COLUMN = 3.3
"""Width of a paper's column, inches."""
PAGE = 6.5
"""Width of a paper's text, inches."""
HIGHEST = 9.0
"""Height of a paper's text, inches."""
LONG_LABEL = 44
"""Characters of a name in a legend or at an axis."""
LONG_NAME = 80
"""Characters of a panel's name, which has lines of its own."""
SHORTEST = 5
"""Characters that a cut value keeps."""
LETTERS = 16
"""Characters of a panel's name in an inch."""
MARGINS = 0.45
"""Width of the margins of a panel's axes, inches."""
MOST_LINES = 3
HEADLINE = 3.0
"""Width of a headline, inches."""
HANDLE = 7
"""Width of a legend handle with the space around it, in characters."""

STYLE: Any = {
    "figure.constrained_layout.use": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.prop_cycle": cycler(color=COLOURS),
    "axes.titlesize": 8,
    "axes.titlelocation": "left",
    "axes.linewidth": 0.6,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
    "text.parse_math": False,  # a dollar sign is no formula
    "font.family": "DejaVu Sans",
    "font.size": 8,
    "legend.frameon": False,
    "legend.fontsize": 7,
    "legend.title_fontsize": 7,
    "savefig.dpi": 200,
    "svg.hashsalt": "sinegan",
}


def png(figure: Figure) -> bytes:
    """A picture as PNG, 200 dots an inch."""
    return _saved(figure, "png", {"Software": None})


def svg(figure: Figure) -> str:
    """A picture as SVG: the same text whenever it is made."""
    return _saved(figure, "svg", {"Date": None, "Creator": None}).decode()


def _saved(figure: Figure, kind: str, metadata: dict[str, str | None]) -> bytes:
    buffer = BytesIO()
    with matplotlib.rc_context(STYLE), warnings.catch_warnings():
        # A character that the font lacks is drawn as a box.
        warnings.filterwarnings("ignore", r"Glyph \d+ .* missing from", UserWarning)
        for words in figure.findobj(Text):
            if not words.get_text().isprintable():  # a text that skipped `plain`; line breaks stay
                words.set_text(printable_lines(words.get_text()))
        figure.savefig(buffer, format=kind, metadata=metadata)
    return buffer.getvalue()


def plain(words: str, letters: int = LONG_LABEL) -> str:
    """Makes a text one short printable line."""
    return cut(printable(words), letters)


def cut(words: str, letters: int) -> str:
    """Cuts a text to so many characters: its beginning and its end stay."""
    if len(words) <= letters:
        return words
    last = (letters - 1) // 3
    return f"{words[: letters - 1 - last]}…{words[len(words) - last :]}"


def listed(values: Sequence[str], letters: int) -> str:
    """Values in a line of at most so many characters; the longest are cut first, so that each is shown."""
    line = ", ".join(values)
    for most in range(max(map(len, values), default=0), SHORTEST - 1, -1):
        line = ", ".join(cut(value, most) for value in values)
        if len(line) <= letters:
            break
    return cut(line, letters)


def fitted(name: str, room: int) -> str:
    """The name of a panel in lines of at most `room` characters, cut so that each value is shown."""
    values = name.split(", ")
    for letters in range(MOST_LINES * room, 0, -1):
        lines = textwrap.wrap(listed(values, letters), room, break_long_words=False, break_on_hyphens=False)
        if len(lines) <= MOST_LINES and max(map(len, lines), default=0) <= room:
            break
    return "\n".join(lines)


def fit_titles(figure: Figure) -> None:
    """Breaks the names of panels where they would reach into the next panel or out of the frame."""
    for axes in figure.axes:
        name, grid = axes.get_title(loc="left"), axes.get_gridspec()
        columns = grid.ncols if grid is not None else 1
        room = int(LETTERS * (figure.get_figwidth() / columns - MARGINS))
        if len(name) > room:
            axes.set_title(fitted(name, room), loc="left")


def legend_above(figure: Figure, handles: Sequence[Any], names: Sequence[str], title: str = "") -> None:
    """Draws a legend at the top right, in as many columns as fit next to the headline."""
    longest = max(map(len, names), default=0) + HANDLE
    columns = int(LETTERS * (figure.get_figwidth() - HEADLINE) / longest)
    figure.legend(
        handles,
        names,
        loc="outside upper right",
        title=title or None,
        ncols=max(1, min(columns, len(names))),
        alignment="left",
    )


def headline(figure: Figure, words: str, remark: str = "") -> None:
    """Sets the title of a picture, and below it how to read it; fits the names of its panels."""
    fit_titles(figure)
    figure.suptitle(words, x=0.01, ha="left", fontsize=9)
    if remark:
        lines = textwrap.fill(remark, int(18 * figure.get_figwidth()))
        figure.supxlabel(lines, x=0.01, ha="left", fontsize=7, color=GREY)


def tidy(value: float, _: object = None) -> str:
    """A number on an axis: `2e-5` for 2e-05, `1e6` for 1e+06."""
    return re.sub(r"e([+-])0*", lambda match: f"e{match[1].strip('+')}", f"{value:g}")


def note_right(axes: Axes, height: float, words: str, gap: float) -> None:
    """Writes words to the right of the axes.

    Arguments:
        axes: next to which the words stand.
        height: of their middle, in the units of the vertical axis.
        words: what to write.
        gap: between the axes and the words, points.
    """
    axes.annotate(
        words, (1, height), xycoords=("axes fraction", "data"), xytext=(gap, 0), textcoords="offset points",
        va="center", fontsize=7, color=GREY, annotation_clip=False,
    )  # fmt: skip


def step_axis(axes: Axes) -> None:
    axes.set_xlabel("step")
    axes.xaxis.set_major_formatter("{x:,.0f}")
    axes.xaxis.set_major_locator(MaxNLocator(4, integer=True))


def panels_of(
    panels: int, height: float, shared_y: bool = True, shared_x: bool = True
) -> tuple[Figure, list[Axes]]:
    """A figure as wide as the page with this many panels of this height (inches)."""
    columns = 2 if panels == 4 else min(panels, 3)
    rows = math.ceil(panels / columns)
    figure = Figure(figsize=(PAGE, min(HIGHEST, 0.8 + height * rows)))
    grid = list(figure.subplots(rows, columns, squeeze=False, sharex=shared_x, sharey=shared_y).flat)
    for axes in grid[panels:]:
        axes.set_axis_off()
    return figure, grid[:panels]


def label_edges(grid: list[Axes], below: str, left: str) -> None:
    """Names the axes once: below the lowest panel of each column, and left of the first of each row."""
    columns = grid[0].get_subplotspec().get_gridspec().ncols  # type: ignore[union-attr]
    for place, axes in enumerate(grid):
        lowest = place + columns >= len(grid)
        axes.set_xlabel(below if lowest else "")
        axes.xaxis.set_tick_params(labelbottom=lowest)
        axes.set_ylabel(left if place % columns == 0 else "")
