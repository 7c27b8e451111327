"""Learning curves, and generated samples against real ones."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import matplotlib
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from sinegan.report.figures.points import are_points, draw_points, outside
from sinegan.report.figures.series import (
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
    LONG_LABEL,
    LONG_NAME,
    PAGE,
    RED,
    STYLE,
    headline,
    label_edges,
    panels_of,
    step_axis,
)
from sinegan.report.load import load_samples
from sinegan.report.referee.analysis import Analysis

MOST_TOGETHER = 4
"""Configurations whose runs can be distinguished in one panel; more get a panel each."""
MOST_PANELS = 12
SHOWN_CURVES = 24

GUIDE = (
    "Line: median over seeds; band: the middle half of the runs; faint: each run; ×: where a run was lost."
)


def learning_curves(analysis: Analysis) -> Figure | None:
    """The primary metric over steps, with every run: in one panel, or in a panel for each configuration."""
    sweep = analysis.sweep
    rows, which = choose_configurations(analysis, MOST_PANELS)
    drawn = [(row, run_series(sweep, row, row["metric"])) for row in rows]
    drawn = [(row, series) for row, series in drawn if len(series)]
    if not drawn:
        return None
    metrics = list(dict.fromkeys(row["metric"] for row, _ in drawn))
    together = len(drawn) <= MOST_TOGETHER and len(metrics) == 1
    labels = names([row for row, _ in drawn], sweep.swept, LONG_LABEL if together else LONG_NAME)
    curves = [Curves(row["metric"], name, series) for (row, series), name in zip(drawn, labels, strict=True)]
    several = any(len(each.series.columns) > 1 for each in curves)
    with matplotlib.rc_context(STYLE):
        if together:
            figure = _in_one_panel(curves, keys_title(sweep.swept), several)
        else:
            figure = _in_panels(curves, several)
        guide = [which, GUIDE if several else "One seed each."]
        if not together:
            guide.append(f"Panels: {keys_title(sweep.swept)}; grey: the medians of the others.")
        headline(figure, f"Learning curves: {' or '.join(metrics)}, less is better", " ".join(guide).strip())
    return figure


class Curves(NamedTuple):
    """The learning curves of a configuration."""

    metric: str
    name: str
    series: pd.DataFrame


def _in_one_panel(curves: list[Curves], keys: str, several: bool) -> Figure:
    figure = Figure(figsize=(PAGE, 3.6))
    axes = figure.subplots()
    for place, each in enumerate(curves):
        draw_series(axes, each.series, COLOURS[place], DASHES[place], each.name, faint=several)
    axes.set_ylabel(curves[0].metric)
    if keys:
        axes.legend(title=keys, alignment="left")
    scale(axes.yaxis, all_values(each.series for each in curves))
    step_axis(axes)
    return figure


def _in_panels(curves: list[Curves], several: bool) -> Figure:
    mixed = len({each.metric for each in curves}) > 1
    figure, grid = panels_of(len(curves), 1.7, shared_y=not mixed)
    for axes, curve in zip(grid, curves, strict=True):
        alike = [other for other in curves if other.metric == curve.metric]
        for other in alike:
            axes.plot(
                other.series.index, quartiles(other.series)["median"], color=GREY, alpha=0.4, linewidth=0.6
            )
        draw_series(axes, curve.series, COLOURS[0], "-", curve.name, faint=several)
        scale(axes.yaxis, all_values(other.series for other in alike))
        axes.set_title(curve.name)
        step_axis(axes)
    label_edges(grid, "step", "" if mixed else curves[0].metric)
    for axes, curve in zip(grid, curves, strict=True) if mixed else ():
        axes.set_ylabel(curve.metric)
    return figure


def generated_curves(analysis: Analysis) -> Figure | None:
    """Samples of the first run of each configuration against real ones, a panel each.

    Curves are drawn as curves, points of a plane as points, points of a line as histograms.
    """
    sweep = analysis.sweep
    rows, which = choose_configurations(analysis, MOST_PANELS)
    loaded = [(row, load_samples(Path(row["folder"]))) for row in rows]
    drawn = [(row, samples) for row, samples in loaded if samples is not None and len(samples["curves"])]
    if not drawn:
        return None
    labels = names([row for row, _ in drawn], sweep.swept, LONG_NAME)
    shown = [samples for _, samples in drawn]
    panels = f"Panels: {keys_title(sweep.swept)}." if sweep.swept else ""
    pointed = [are_points(samples["x"]) for samples in shown]
    with matplotlib.rc_context(STYLE):
        if not any(pointed):
            figure, grid = panels_of(len(shown), 1.7)
            guide = _draw_all_curves(grid, shown)
        else:
            # Panels with separate axes need room for their numbers.
            figure, grid = panels_of(len(shown), 1.9, shared_x=False, shared_y=False)
            guide = _draw_all_points(grid, shown)
        for axes, name in zip(grid, labels, strict=True):
            if sweep.swept:
                axes.set_title(name)
        kind = "points" if all(pointed) else "samples" if any(pointed) else "curves"
        black = " (black, dashed)" if kind == "curves" else ""
        remark = " ".join(filter(None, [which, *guide[:1], panels, *guide[1:]]))
        headline(figure, f"Generated (red) against real{black} {kind}", remark)
    return figure


Samples = Mapping[str, NDArray[Any]]


def _draw_all_curves(grid: list[Axes], shown: Sequence[Samples]) -> list[str]:
    """Draws curves on shared axes; returns sentences on how to read them."""
    for axes, samples in zip(grid, shown, strict=True):
        draw_curves(axes, samples["x"], samples["real"], samples["curves"][0])
    low, high = _window([samples["real"] for samples in shown])
    grid[0].set_ylim(low, high)
    label_edges(grid, "x", "")
    beyond = [samples["curves"][0][:SHOWN_CURVES] for samples in shown]
    cut = any(((curves < low) | (curves > high)).any() for curves in beyond)
    guide = [f"{SHOWN_CURVES} curves of the first seed at its end."]
    return [*guide, "Curves leave the frame where they are far off."] if cut else guide


def _draw_all_points(grid: list[Axes], shown: Sequence[Samples]) -> list[str]:
    """Draws points, and curves if there are any, on separate axes; returns sentences on how to read them."""
    lost, widths = 0, set()
    for axes, samples in zip(grid, shown, strict=True):
        generated, points = samples["curves"][0], len(samples["x"])
        if not are_points(samples["x"]):
            draw_curves(axes, samples["x"], samples["real"], generated)
            axes.set_ylim(*_window([samples["real"]]))
            continue
        draw_points(axes, samples, generated)
        widths.add(points)
        lost += outside(axes, generated) if points == 2 else 0
    guide = [f"{len(shown[0]['curves'][0])} samples of the first seed at its end."]
    if 2 in widths:
        guide.append("Grey: real points; crosses: the modes.")
    if 1 in widths:
        guide.append("Histograms: the share of samples; black: real; what lies outside is in the last bins.")
    return [*guide, f"Generated points outside the frames: {lost}."] if lost else guide


def _window(real: list[NDArray[Any]]) -> tuple[float, float]:
    """The range to show: that of the real curves, and half as much above and below."""
    low, high = min(float(curves.min()) for curves in real), max(float(curves.max()) for curves in real)
    margin = (high - low or 1.0) / 2
    return low - margin, high + margin


def draw_curves(axes: Axes, x: NDArray[Any], real: NDArray[Any], generated: NDArray[Any]) -> None:
    """Draws generated curves in red and real ones in black. x: (points,); others: (curves, points)."""
    for place, curve in enumerate(generated[:SHOWN_CURVES]):
        axes.plot(x, curve, color=RED, alpha=0.35, linewidth=0.8, label=None if place else "generated")
    for place, curve in enumerate(real[:SHOWN_CURVES]):
        alpha = 1.0 if len(real) == 1 else 0.3
        axes.plot(x, curve, "--", color="black", alpha=alpha, linewidth=1.2, label=None if place else "real")
