"""Tables in words: for the terminal and as Markdown."""

import math
from collections.abc import Sequence

import pandas as pd
from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from sinegan.report.statistics import CONFIDENCE
from sinegan.report.tables import LOG_4, Sweep, notes, theory_table

MOST_ROWS = 40
"""Rows that a terminal is shown; the files have all."""

LONG_NUMBER = 10
"""Characters up to which a swept value is shown as it was typed."""

THEORY = (
    f"At the optimum D(real) = D(fake) = 1/2 and the value V = -log 4 = {-LOG_4:.4f} "
    "(Goodfellow et al. 2014, theorem 1); `gap` is how far V lies above it."
)


def shown_table(sweep: Sweep) -> pd.DataFrame:
    """The comparison table as people read it: rounded, one column an interval."""
    wide = sweep.table
    columns: dict[str, list[str]] = {
        key: shortened([str(value) for value in wide[key]]) for key in sweep.swept or ["configuration"]
    }
    metrics = wide["metric"].unique()
    if len(metrics) > 1:
        columns["metric"] = wide["metric"].tolist()
    columns["n"] = [str(n) for n in wide["n"]]
    columns[metrics[0] if len(metrics) == 1 else "estimate"] = [number(x) for x in wide["estimate"]]
    columns[f"{CONFIDENCE:.0%} interval"] = _spans(wide["low"], wide["high"])
    columns["range"] = _spans(wide["smallest"], wide["largest"])
    for name in ("failed", "diverged", "unfinished"):
        if wide[name].any():
            columns[name] = [str(count) for count in wide[name]]
    columns["seconds"] = [
        f"{seconds:,.0f}" if seconds >= 10 else f"{seconds:.2g}" for seconds in wide["seconds"]
    ]
    return pd.DataFrame(columns)


def shown_theory(sweep: Sweep) -> pd.DataFrame:
    """How far from the optimum, rounded."""
    table = theory_table(sweep)
    labels = {key: table[key].astype(str) for key in sweep.swept}
    names = {"d_real": "D(real)", "d_fake": "D(fake)", "value": "V", "value_gap": "gap"}
    return pd.DataFrame(labels | {title: table[name].map(number) for name, title in names.items()})


def number(value: float) -> str:
    """Three significant digits; a dash for what is not there."""
    if math.isnan(value):
        return "-"
    return f"{value:.3g}" if value == 0 or 1e-4 <= abs(value) < 1e4 else f"{value:.2e}"


def shortened(values: Sequence[str]) -> list[str]:
    """Numbers with many digits, as a search makes them, in as few (at least three) as tell them apart."""
    for digits in range(3, 17):
        short = [_rounded(value, digits) for value in values]
        if len(set(short)) == len(set(values)):
            return short
    return list(values)


def _rounded(value: str, digits: int) -> str:
    try:
        return value if len(value) <= LONG_NUMBER else f"{float(value):.{digits}g}"
    except ValueError:
        return value


def _spans(low: "pd.Series[float]", high: "pd.Series[float]") -> list[str]:
    pairs = zip(low, high, strict=True)
    return ["-" if math.isnan(a) or math.isnan(b) else f"{number(a)} to {number(b)}" for a, b in pairs]


def terminal_table(table: pd.DataFrame, title: str) -> Table:
    """A table for rich; long ones are cut at MOST_ROWS."""
    shown = Table(title=title, title_justify="left", title_style="bold", box=SIMPLE_HEAD, pad_edge=False)
    for place, column in enumerate(table.columns):
        shown.add_column(Text(column), justify="left" if place == 0 else "right", overflow="fold")
    for row in table.head(MOST_ROWS).itertuples(index=False):
        shown.add_row(*map(Text, row))
    return shown


def estimate_words(sweep: Sweep) -> str:
    """What the numbers of the table are."""
    metrics = " or ".join(sweep.configurations["metric"].unique())
    return (
        f"The estimate is of each run's mean {metrics} over its last 20 % of evaluations, over the n "
        f"runs that ended well: their geometric mean (the mean where values can be negative) with a "
        f"{CONFIDENCE:.0%} t interval. Less is better. `seconds`: computing time of all its runs."
    )


def markdown(sweep: Sweep) -> str:
    """The report's tables as Markdown."""
    said = "".join(f"- {note}\n" for note in notes(sweep))
    return (
        f"# Configurations\n\n{_markdown_table(shown_table(sweep))}\n\n"
        f"{estimate_words(sweep)}\n\n{said}\n"
        f"## Distance from the optimum\n\n"
        f"{_markdown_table(shown_theory(sweep))}\n\n{THEORY}\n"
    )


def _markdown_table(table: pd.DataFrame) -> str:
    escaped = table.map(lambda cell: cell.replace("|", "\\|"))
    return str(escaped.to_markdown(index=False, disable_numparse=True))
