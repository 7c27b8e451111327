"""The picture of a sequential design: the seeds of each configuration, and what was decided about it."""

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from sinegan.report.figures.intervals import MOST_NAMED
from sinegan.report.figures.series import keys_title, names
from sinegan.report.figures.style import COLOURS, GREY, HIGHEST, PAGE, STYLE, headline, legend_above, plain
from sinegan.report.referee.analysis import Analysis
from sinegan.report.referee.comparisons import EQUAL
from sinegan.report.referee.decisions import ALONE, BEST, DROPPED, OPEN, SETTLED
from sinegan.report.words.answers import context
from sinegan.storage.results import records

LOOKS: Mapping[str, tuple[str, str]] = {
    BEST: (COLOURS[0], "o"),
    EQUAL: (COLOURS[2], "s"),
    OPEN: (COLOURS[4], ">"),
    SETTLED: (COLOURS[5], "D"),
    DROPPED: ("#9A9A9A", "X"),
    ALONE: (COLOURS[6], "|"),
}
"""The colour and the marker of each outcome, in the order of the legend."""


def decision_figures(analysis: Analysis) -> dict[str, Figure | None]:
    """The pictures of a sequential design by the endings of their names.

    A panel for each target where the names of all configurations have room; otherwise a picture for each.
    """
    if not analysis.courses:
        return {}
    table = analysis.decisions.assign(estimate=analysis.table["estimate"].to_numpy())
    table["configuration"] = analysis.sweep.configurations["configuration"].tolist()
    problems = analysis.samples.rows["problem"].to_numpy()
    panels = {}
    for problem, rows in table.groupby(problems, sort=False):
        about = records(analysis.samples.rows[problems == problem])[0]
        panels[f"{about['metric']} on {context(analysis.sweep, about)}"] = rows
    looks = next(iter(analysis.courses.values())).design.schedule
    keys = [key for key in analysis.sweep.swept if key.split(".")[0] != "target"]
    keys = analysis.sweep.swept if len(panels) == 1 else keys  # otherwise the titles have the targets
    has_room = len(table) <= MOST_NAMED and sum(map(_height, panels.values())) <= HIGHEST + 1
    if len(panels) == 1 or has_room:
        return {"": decisions_plot(panels, keys, looks)}
    return {
        f"_{number}": decisions_plot({title: rows}, keys, looks)
        for number, (title, rows) in enumerate(panels.items(), start=1)
    }


def decisions_plot(
    panels: Mapping[str, pd.DataFrame], swept: list[str], looks: Sequence[int]
) -> Figure | None:
    """Draws a bar for each configuration, as long as its seeds; None where no run has ended.

    Arguments:
        panels: a table for each problem, by title; a row a configuration with the swept keys, `seeds`,
            `outcome`, `decided_at` and `estimate`.
        swept: the swept keys.
        looks: the seeds of each look.
    """
    if not any(table["seeds"].any() for table in panels.values()):
        return None
    named = all(len(table) <= MOST_NAMED for table in panels.values())
    heights = [_height(table) if named else HIGHEST * 0.7 for table in panels.values()]
    most = max(int(table["seeds"].max()) for table in panels.values())
    shown = [look for place, look in enumerate(looks) if place == 0 or looks[place - 1] < most]
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(PAGE, 0.4 + sum(heights)))
        grid = figure.subplots(len(panels), squeeze=False, height_ratios=heights, sharex=True)[:, 0]
        for axes, (title, table) in zip(grid, panels.items(), strict=True):
            axes.set_title(plain(title))
            _panel(axes, table, swept, shown, named)
        grid[-1].set_xlabel("seeds")
        outcomes = {outcome for table in panels.values() for outcome in table["outcome"]}
        drawn = [outcome for outcome in LOOKS if outcome in outcomes]
        legend_above(figure, [_handle(outcome) for outcome in drawn], drawn)
        rows = f"Rows: {keys_title(swept)}. " if swept and named else ""
        guide = f"Bars: the seeds that were trained. Vertical lines: looks, the last at {looks[-1]} seeds."
        headline(figure, "How the decision came about", f"{rows}{guide}")
    return figure


def _height(table: pd.DataFrame) -> float:
    """The height of a panel with names, inches."""
    return 0.9 + 0.19 * len(table)


def _panel(axes: Axes, table: pd.DataFrame, swept: list[str], looks: Sequence[int], named: bool) -> None:
    """Draws one panel. looks: those that the axis shows. Others as `decisions_plot`."""
    table = table.sort_values(["seeds", "estimate"], ascending=[False, True], kind="stable")
    table = table.reset_index(drop=True)
    axes.vlines(looks, -0.6, len(table) - 0.4, color=GREY, linewidth=0.5, alpha=0.6, zorder=0)
    for outcome, (colour, marker) in LOOKS.items():
        rows = table[table["outcome"] == outcome]
        axes.barh(rows.index, rows["seeds"], height=0.7 if named else 1.0, color=colour, alpha=0.55)
        size = 4.5 if named else 2
        at = rows["decided_at"].fillna(rows["seeds"]).astype(int)  # runs may go on beyond the decision
        axes.plot(at, rows.index, marker, color=colour, markersize=size)
    axes.set_ylim(len(table) - 0.4, -0.6)
    axes.set_xlim(0, 1.02 * looks[-1])
    axes.set_xticks(list(looks))
    if named:
        axes.set_yticks(np.arange(len(table)), names(records(table), swept))
        axes.tick_params(axis="y", length=0)
    else:
        axes.set_yticks([])
        axes.set_ylabel(f"all {len(table):,} configurations")


def _handle(outcome: str) -> Any:
    colour, marker = LOOKS[outcome]
    return Line2D([], [], color=colour, marker=marker, linewidth=4, alpha=0.8, markersize=5)
