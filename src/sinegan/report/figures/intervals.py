"""The interval plot: all configurations with their intervals, and which of them share the first rank."""

from collections.abc import Sequence

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from sinegan.report.figures.series import keys_title, names, scale
from sinegan.report.figures.style import COLOURS, GREY, HIGHEST, PAGE, STYLE, headline, note_right
from sinegan.report.referee.statistics import CONFIDENCE
from sinegan.storage.results import records

MOST_NAMED = 40
"""Up to this many rows have names and groups; more are drawn closer and without."""

FIRST, OTHER = COLOURS[0], COLOURS[1]


def interval_plot(
    table: pd.DataFrame, swept: list[str], metric: str, runs: Sequence[Sequence[float]] | None = None
) -> Figure | None:
    """Draws estimates with their intervals, the lowest first, and the tie groups.

    table: a row a configuration with the swept keys, `n`, `failed`, `diverged`, `estimate`, `low`,
    `high`, and `rank` and `tie_group` where known. runs: for each row, the values of its runs.
    """
    if not table["estimate"].notna().any():
        return None
    table, order = _ordered(table)
    rows = [list(runs[index]) for index in order] if runs is not None else []
    first = (table["rank"] == 1) & bool((table["rank"] > 1).any())
    named = len(table) <= MOST_NAMED
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(PAGE, 1.1 + 0.19 * len(table) if named else HIGHEST * 0.7))
        axes = figure.subplots()
        _draw(axes, table[~first], OTHER if first.any() else FIRST, "D" if first.any() else "o", named)
        _draw(axes, table[first], FIRST, "o", named)
        axes.set_ylim(len(table) - 0.4, -0.6)
        guide = [f"Mark and line: estimate and {CONFIDENCE:.0%} interval."]
        if named:
            _name(axes, table, swept)
            guide += [f"Rows: {keys_title(swept)}."] if swept else []
            for place, values in enumerate(rows):
                axes.plot(values, [place + 0.3] * len(values), "o", color=GREY, alpha=0.8, markersize=1.6)
            guide += ["Small dots: each run."] if rows else []
        else:
            axes.set_yticks([])
            axes.set_ylabel(f"all {len(table):,} configurations")
            without = int((table["n"] == 0).sum())
            guide += [f"Below, without a mark: {without:,} in which no run ended well."] if without else []
        scale(axes.xaxis, np.concatenate([table[["estimate", "low"]].to_numpy().ravel(), *rows]))
        axes.set_xlabel(f"{metric}, less is better")
        if first.any():
            guide.append("Blue discs share the first rank: not separated from the best. Diamonds: separated.")
        headline(figure, "Estimates of all configurations", " ".join(guide))
    return figure


def _ordered(table: pd.DataFrame) -> tuple[pd.DataFrame, list[int]]:
    """The rows by rank and estimate, those without either last; and their indices in the given table."""
    table = table.reset_index(drop=True)
    table = table.assign(**{name: np.nan for name in ("rank", "tie_group") if name not in table})
    keys = table[["rank", "estimate"]].assign(nothing=table["n"] == 0)
    order = keys.sort_values(["nothing", "rank", "estimate"], kind="stable").index.tolist()
    return table.loc[order].reset_index(drop=True), order


def _draw(axes: Axes, table: pd.DataFrame, colour: str, marker: str, named: bool) -> None:
    """Draws each row at the height of its index."""
    axes.hlines(table.index, table["low"], table["high"], color=colour, linewidth=1.6 if named else 0.5)
    axes.plot(table["estimate"], table.index, marker, color=colour, markersize=4.5 if named else 1.5)


def _name(axes: Axes, table: pd.DataFrame, swept: list[str]) -> None:
    """Names the rows at the left; at the right stand their tie groups and lost runs."""
    axes.set_yticks(range(len(table)), names(records(table), swept))
    axes.grid(axis="y", linewidth=0.4, alpha=0.4)
    axes.tick_params(axis="y", length=0)
    for place, row in enumerate(records(table)):
        lost = [f"{row[name]} {name}" for name in ("diverged", "failed") if row[name]]
        group = [] if pd.isna(row["tie_group"]) else [str(row["tie_group"])]
        note_right(axes, place, "  ".join([*group, ", ".join(lost)]).rstrip(), gap=4)
