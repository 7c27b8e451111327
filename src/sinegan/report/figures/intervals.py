"""The interval plot: all configurations with their intervals, and which of them share the first rank."""

from collections.abc import Mapping, Sequence

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from sinegan.report.figures.series import keys_title, names, scale
from sinegan.report.figures.style import COLOURS, GREY, HIGHEST, PAGE, STYLE, headline, note_right, plain
from sinegan.report.referee.statistics import CONFIDENCE
from sinegan.storage.results import records

MOST_NAMED = 40
"""Up to this many rows have names and groups; more are drawn closer and without."""

LOST = ("diverged", "failed", "lost")
"""Columns that hold numbers of lost runs; a table has those that it knows."""
FIRST, OTHER = COLOURS[0], COLOURS[1]


def interval_plot(
    table: pd.DataFrame,
    swept: list[str],
    metric: str,
    runs: Sequence[Sequence[float]] | None = None,
    more_is_better: bool = False,
) -> Figure | None:
    """Draws estimates with their intervals, the best first, and the tie groups; None without an estimate.

    Arguments:
        table: a row a configuration with the swept keys, `n`, the numbers of lost runs (LOST), `estimate`,
            `low`, `high`, and `rank` and `tie_group` where known.
        swept: the swept keys.
        metric: the name of the metric.
        runs: for each row, the values of its runs.
        more_is_better: whether the metric is better when it is higher.
    """
    return interval_panels({"": (table, runs)}, swept, metric, more_is_better)


def interval_panels(
    panels: Mapping[str, tuple[pd.DataFrame, Sequence[Sequence[float]] | None]],
    swept: list[str],
    metric: str,
    more_is_better: bool = False,
) -> Figure | None:
    """Draws a panel for each problem, one below the other. panels: table and runs by title, as above."""
    shown = {title: panel for title, panel in panels.items() if panel[0]["estimate"].notna().any()}
    if not shown:
        return None
    named = all(len(table) <= MOST_NAMED for table, _ in shown.values())
    heights = [1.1 + 0.19 * len(table) if named else HIGHEST * 0.7 for table, _ in shown.values()]
    guide = [f"Mark and line: estimate and {CONFIDENCE:.0%} interval."]
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(PAGE, sum(heights)))
        grid = figure.subplots(len(shown), squeeze=False, height_ratios=heights)[:, 0]
        for axes, (title, (table, runs)) in zip(grid, shown.items(), strict=True):
            axes.set_title(plain(title))
            guide += [line for line in _panel(axes, table, swept, runs, more_is_better) if line not in guide]
            axes.set_xlabel(f"{metric}, {'more' if more_is_better else 'less'} is better")
        headline(figure, "Estimates of all configurations", " ".join(guide))
    return figure


def _panel(
    axes: Axes,
    table: pd.DataFrame,
    swept: list[str],
    runs: Sequence[Sequence[float]] | None,
    more_is_better: bool,
) -> list[str]:
    """Draws one panel, and returns how to read it. Arguments as `interval_plot`."""
    table, order = _ordered(table, more_is_better)
    rows = [list(runs[index]) for index in order] if runs is not None else []
    first = (table["rank"] == 1).fillna(False).astype(bool) & bool((table["rank"] > 1).any())
    named = len(table) <= MOST_NAMED
    _draw(axes, table[~first], OTHER if first.any() else FIRST, "D" if first.any() else "o", named)
    _draw(axes, table[first], FIRST, "o", named)
    axes.set_ylim(len(table) - 0.4, -0.6)
    guide = []
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
    if first.any():
        guide.append(
            "Blue discs share the first rank: none is separated from another. Diamonds: lower ranks."
        )
    return guide


def _ordered(table: pd.DataFrame, more_is_better: bool) -> tuple[pd.DataFrame, list[int]]:
    """The rows by rank and estimate, those without any last; and their places in the table before."""
    table = table.reset_index(drop=True)
    table = table.assign(**{name: np.nan for name in ("rank", "tie_group") if name not in table})
    keys = table[["rank", "estimate"]].assign(nothing=table["n"] == 0)
    rising = [True, True, not more_is_better]
    order = keys.sort_values(["nothing", "rank", "estimate"], kind="stable", ascending=rising).index.tolist()
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
        lost = [f"{row[name]} {name}" for name in LOST if row.get(name)]
        group = [] if pd.isna(row["tie_group"]) else [str(row["tie_group"])]
        note_right(axes, place, "  ".join([*group, ", ".join(lost)]).rstrip(), gap=4)
