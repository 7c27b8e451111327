"""The gradient of a frozen generator as D becomes optimal. Arjovsky & Bottou 2017 (1701.04862).

The gradient of minimax vanishes (their theorem 2.4, figure 2); that of -log D grows, and so does its variance
(theorem 2.6, figure 3).
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray

from sinegan.report.figures.series import scale
from sinegan.report.figures.style import COLOURS, DASHES, PAGE, STYLE, headline, step_axis
from sinegan.report.referee.statistics import LAST_SHARE
from sinegan.report.sweep import Sweep
from sinegan.theory.common import Row, Settings, kind, outcome, ratio, runs_of, update, variant

GRADIENT = "generator_gradient"
FALLS = 1e-3
"""Largest share of the norm that may remain: their figure 2 falls to 1e-5 after 4,000 updates of D."""
BLOCKS = 20
"""Points of the noise's line in the picture, over a run."""


def applies(settings: Settings) -> bool:
    """Applies to a frozen network with either of the two losses."""
    frozen = settings.get("optim", {}).get("generator_lr") == 0
    losses = ("Minimax", "NonSaturating")
    return frozen and kind(settings["network"]) == "Network" and kind(settings["loss"]) in losses


def rows(sweep: Sweep, chosen: Sequence[Row]) -> Iterator[Row]:
    """Norm at the end over that of an untrained D, and noise in the last over that in the first fifth."""
    for about in chosen:
        settings = sweep.settings[about["configuration"]]
        norms = [run[GRADIENT].to_numpy(float) for _, run in runs_of(sweep, about, GRADIENT)]
        if not norms:
            continue
        game = {"variant": f"{kind(settings['target'])}: {variant(settings)}", "update": update(settings)}
        norm = ratio([last(one).mean() for one in norms], [one[0] for one in norms])
        check = {"check": "gradient of a frozen generator, late / untrained D"}
        if kind(settings["loss"]) == "Minimax":
            yield check | game | outcome(f"below {FALLS:g}", norm.words(), norm.high < FALLS)
            continue
        yield check | game | outcome("above 1", norm.words(), norm.low > 1)
        spread = ratio([noise(last(one)) for one in norms], [noise(first(one)) for one in norms])
        check = {"check": "its noise, last / first fifth"}
        yield check | game | outcome("above 1", spread.words(), spread.low > 1)


def noise(norms: ArrayLike) -> float:
    """Standard deviation of a series around its trend, from its second differences.

    Of independent values with variance s^2, y[i-1] - 2 y[i] + y[i+1] has variance 6 s^2, and a straight
    trend drops out. norms: shape (evaluations,), at least 3.
    """
    differences = np.diff(np.asarray(norms, float), 2)
    return math.sqrt((differences**2).mean() / 6)


def first(norms: NDArray[Any]) -> NDArray[Any]:
    """The first fifth of the evaluations, at least 3."""
    return norms[: max(3, math.ceil(LAST_SHARE * len(norms)))]


def last(norms: NDArray[Any]) -> NDArray[Any]:
    """The last fifth of the evaluations, at least 3."""
    return norms[-max(3, math.ceil(LAST_SHARE * len(norms))) :]


def pictures(sweep: Sweep, chosen: Sequence[Row]) -> Mapping[str, Figure]:
    """Norm and noise over steps, a column a target and a line a run, as in figures 2 and 3 of the paper."""
    columns: dict[str, list[tuple[str, pd.DataFrame]]] = {}
    for about in chosen:
        settings = sweep.settings[about["configuration"]]
        runs = [(variant(settings), run) for _, run in runs_of(sweep, about, GRADIENT)]
        columns.setdefault(kind(settings["target"]), []).extend(runs)
    columns = {target: runs for target, runs in columns.items() if runs}
    if not columns:
        return {}
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(PAGE, 4.6))
        grid = figure.subplots(2, len(columns), squeeze=False, sharex=True, sharey="row")
        variants = list(dict.fromkeys(name for runs in columns.values() for name, _ in runs))
        for above, below, (target, runs) in zip(*grid, columns.items(), strict=True):
            above.set_title(target)
            for name, run in runs:
                _draw(above, below, run, variants.index(name), name)
            step_axis(below)
        grid[0][0].set_ylabel("norm")
        grid[1][0].set_ylabel("noise")
        for axes_of_row in grid:
            shown = [line.get_ydata() for axes in axes_of_row for line in axes.lines]
            scale(axes_of_row[0].yaxis, np.concatenate(shown))
        handles, labels = grid[0][0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside upper right", ncols=2)
        guide = "Each line: a run. Noise: the norm's standard deviation around its trend, in blocks of "
        guide += f"{100 // BLOCKS} % of the evaluations; each of these is of a fresh batch."
        headline(figure, "Gradient of a frozen generator while D becomes optimal", guide)
    return {"vanishing_gradient": figure}


def _draw(above: Axes, below: Axes, run: pd.DataFrame, place: int, name: str) -> None:
    steps, norms = run["step"].to_numpy(), run[GRADIENT].to_numpy(float)
    label = None if name in above.get_legend_handles_labels()[1] else name
    style: Any = {"color": COLOURS[place], "linestyle": DASHES[place], "linewidth": 0.7, "alpha": 0.7}
    above.plot(steps, norms, label=label, **style)
    blocks = [block for block in np.array_split(np.arange(len(steps)), BLOCKS) if len(block) >= 3]
    below.plot([steps[block].mean() for block in blocks], [noise(norms[block]) for block in blocks], **style)
