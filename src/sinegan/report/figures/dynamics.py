"""The dynamics of the game: its value against the optimum, D's probabilities, the generator's gradient."""

import matplotlib
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from sinegan.report.figures.series import (
    Row,
    all_values,
    choose_configurations,
    draw_series,
    keys_title,
    names,
    quartiles,
    run_series,
    scale,
)
from sinegan.report.figures.style import (
    COLOURS,
    DASHES,
    GREY,
    LONG_NAME,
    PAGE,
    STYLE,
    headline,
    label_edges,
    legend_above,
    note_right,
    panels_of,
    plain,
    step_axis,
)
from sinegan.report.referee.analysis import Analysis
from sinegan.report.referee.estimates import LOG_4
from sinegan.report.sweep import Sweep
from sinegan.storage.results import records

MOST_GAMES = 4
MOST_PANELS = 6
GRADIENT = "generator_gradient"
PAIR = {"d_real": "-", "d_fake": "--"}


def value_and_probabilities(analysis: Analysis) -> Figure | None:
    """V(D, G) against -log 4, and D's mean probabilities on real and on generated curves, over steps.

    At the optimum V = -log 4 and D = 1/2 everywhere (Goodfellow et al. 2014, theorem 1).
    """
    sweep = analysis.sweep
    rows, which = choose_configurations(analysis, MOST_GAMES)
    rows = [row for row in rows if len(run_series(sweep, row, "value"))]
    if not rows:
        return None
    labels = names(rows, sweep.swept)
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(PAGE, 3.0))
        left, right = figure.subplots(1, 2)
        for place, (row, name) in enumerate(zip(rows, labels, strict=True)):
            values = run_series(sweep, row, "value")
            draw_series(left, values, COLOURS[place], DASHES[place], name, faint=False)
            for metric, dash in PAIR.items():
                line = quartiles(run_series(sweep, row, metric))["median"]
                right.plot(line.index, line, dash, color=COLOURS[place], linewidth=1.1)
        _draw_optimum(left, -LOG_4, "−log 4")
        _draw_optimum(right, 0.5, "½")
        left.set_title("value V")
        right.set_title("D(real) solid, D(fake) dashed")
        right.set_ylim(-0.03, 1.03)
        for axes in (left, right):
            step_axis(axes)
        if sweep.swept:
            handles, labels = left.get_legend_handles_labels()
            legend_above(figure, handles, labels, keys_title(sweep.swept))
        guide = "Medians over seeds; band: the middle half of the runs. Dotted: the optimum of the theory."
        headline(figure, "The game against its optimum", f"{which} {guide}".strip())
    return figure


def gradient_norms(sweep: Sweep) -> Figure | None:
    """Norm of the generator's gradient over steps: a line for each loss, a panel for each other combination.

    Minimax saturates where D rejects the fakes: its gradient vanishes, non-saturating's does not
    (Goodfellow et al. 2014, section 3).
    """
    if "loss" not in sweep.swept or GRADIENT not in sweep.history:
        return None
    others = [key for key in sweep.swept if key != "loss"]
    groups: dict[tuple[str, ...], list[Row]] = {}
    for row in records(sweep.labels):
        groups.setdefault(tuple(str(row[key]) for key in others), []).append(row)
    known = list(dict.fromkeys(sweep.labels["loss"].astype(str)))
    losses = known[: len(COLOURS)]
    shown = list(groups.values())[:MOST_PANELS]
    titles = names([rows[0] for rows in shown], others, LONG_NAME) if others else [""]
    with matplotlib.rc_context(STYLE):
        figure, grid = panels_of(len(shown), 2.4 if len(shown) == 1 else 1.7)
        drawn: list[pd.DataFrame] = []
        for axes, rows, title in zip(grid, shown, titles, strict=True):
            drawn += _draw_losses(axes, sweep, rows, losses)
            axes.set_title(title)
            step_axis(axes)
        if not drawn:
            return None
        label_edges(grid, "step", "")
        scale(grid[0].yaxis, all_values(drawn))
        handles = {
            name: line for axes in grid for line, name in zip(*axes.get_legend_handles_labels(), strict=True)
        }
        legend_above(figure, list(handles.values()), list(handles))
        guide = ["Median over seeds; band: the middle half of the runs; faint: each run."]
        if others:
            guide.append(f"Panels: {keys_title(others)}.")
        if len(shown) < len(groups):
            guide.insert(0, f"The first {len(shown)} of {len(groups):,} combinations.")
        if len(losses) < len(known):
            guide.insert(0, f"The first {len(losses)} of {len(known)} losses.")
        headline(figure, "Norm of the generator's gradient, by loss", " ".join(guide))
    return figure


def _draw_losses(axes: Axes, sweep: Sweep, rows: list[Row], losses: list[str]) -> list[pd.DataFrame]:
    """Draws the gradients of configurations that differ in the loss, and returns their series."""
    drawn = []
    for row in rows:
        series = run_series(sweep, row, GRADIENT)
        if len(series) and str(row["loss"]) in losses:
            place = losses.index(str(row["loss"]))
            label = plain(str(row["loss"]))
            draw_series(axes, series, COLOURS[place], DASHES[place % len(DASHES)], label, faint=True)
            drawn.append(series)
    return drawn


def _draw_optimum(axes: Axes, height: float, name: str) -> None:
    """Draws the theoretical optimum as a dotted line with a name."""
    axes.axhline(height, color=GREY, linestyle=":", linewidth=0.9)
    note_right(axes, height, name, gap=2)
