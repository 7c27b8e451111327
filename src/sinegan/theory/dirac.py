"""The Dirac-GAN: which games converge, and with R1 how fast. Mescheder et al. 2018."""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from numpy.typing import NDArray

from sinegan.report.figures.style import COLOURS, STYLE
from sinegan.report.sweep import Sweep
from sinegan.theory.common import Row, Settings, kind, outcome, rates, runs_of, update, variant

WORDS = {True: "converges", False: "does not converge"}

NEAR = 0.1
"""A path has converged when its mean distance from the equilibrium over its last fifth is below this."""

# Mescheder et al. 2018, sections 3 and 4 and figure 3; the relativistic pair: Huang et al. 2024, section 2.
CONVERGES = {
    ("Minimax", ()): False,
    ("NonSaturating", ()): False,
    ("Wasserstein", ()): False,
    ("Hinge", ()): False,
    ("RelativisticPaired", ()): False,
    ("Wasserstein", ("weight_clipping",)): False,
    ("Wasserstein", ("wgan_gp",)): False,
    ("NonSaturating", ("dragan",)): False,
    ("NonSaturating", ("instance_noise",)): True,
    ("Minimax", ("r1",)): True,
    ("NonSaturating", ("r1",)): True,
    ("NonSaturating", ("r2",)): True,
    ("NonSaturating", ("r1", "r2")): True,
    ("RelativisticPaired", ("r1", "r2")): True,
    ("Wasserstein", ("wgan_gp_zero",)): True,
    ("Minimax", ("consensus",)): True,
}


def applies(settings: Settings) -> bool:
    """Applies to the Dirac-GAN with any game."""
    return kind(settings["network"]) == "Dirac"


def rows(sweep: Sweep, chosen: Sequence[Row]) -> Iterator[Row]:
    """Whether each game converges, and with R1 alone how fast."""
    for about in chosen:
        yield from _rows(sweep, about, sweep.settings[about["configuration"]])


def _rows(sweep: Sweep, about: Row, settings: Settings) -> Iterator[Row]:
    name, penalties = kind(settings["loss"]), tuple(sorted(settings["penalty"]))
    game = {"variant": variant(settings), "update": update(settings)}
    for _, run in runs_of(sweep, about, "theta", "psi"):
        distance = np.hypot(run["theta"].to_numpy(), run["psi"].to_numpy())
        expected = CONVERGES.get((name, penalties))
        if expected is not None:
            converged = bool(distance[-max(1, len(distance) // 5) :].mean() < NEAR)
            yield {"check": "Dirac-GAN"} | game | outcome(WORDS[expected], WORDS[converged])
        if penalties == ("r1",) and name in ("Minimax", "NonSaturating"):
            measured = rate(run["step"].to_numpy(), distance)
            analysis = r1_rate(settings)
            holds = abs(measured - analysis) < 0.0005
            compared = outcome(f"{analysis:.4f}", f"{measured:.4f}", holds)
            yield {"check": "Dirac-GAN, factor a step"} | game | compared


def r1_rate(settings: Settings) -> float:
    """The spectral radius of one step of gradient descent with R1 at theta = psi = 0.

    There the generator's step is theta + h psi / 2 and the discriminator's psi - h (theta / 2 +
    gamma psi), because the logistic function's slope is 1/2 (Mescheder et al. 2018, lemma D.3; they
    treat the flow, this is its discretisation).
    """
    training = settings["training"]
    generator_lr, down = rates(settings)
    up = generator_lr / 2
    gamma, steps = settings["penalty"]["r1"]["gamma"], training["discriminator_steps"]
    generator = np.array([[1, up], [0, 1]])
    discriminator = np.array([[1, 0], [-down / 2, 1 - down * gamma]])
    together = generator + discriminator - np.eye(2)
    further = np.linalg.matrix_power(discriminator, steps - 1)
    alternating = training["updates"] == "alternating"
    step = further @ (discriminator @ generator if alternating else together)
    return float(np.abs(np.linalg.eigvals(step)).max())


def rate(steps: NDArray[Any], distance: NDArray[Any]) -> float:
    """The factor per step by which a distance shrinks: the slope of its logarithm, once it is small.

    NaN when it never is.
    """
    small = (distance < 1e-2) & (distance > 0)
    if small.sum() < 10:
        return math.nan
    slope, _ = np.polyfit(steps[small], np.log(distance[small]), 1)
    return math.exp(slope)


def pictures(sweep: Sweep, chosen: Sequence[Row]) -> Mapping[str, Figure]:
    """`phase_plane`, where there are paths."""
    figure = phase_plane(sweep, chosen)
    return {} if figure is None else {"phase_plane": figure}


def phase_plane(sweep: Sweep, chosen: Sequence[Row]) -> Figure | None:
    """The paths of (theta, psi): a panel for each variant, a line for each way of updating.

    As figure 3 of Mescheder et al. 2018.
    """
    paths: dict[str, list[tuple[str, pd.DataFrame]]] = {}
    for about in chosen:
        settings = sweep.settings[about["configuration"]]
        for _, run in runs_of(sweep, about, "theta", "psi"):
            paths.setdefault(variant(settings), []).append((update(settings), run))
    if not paths:
        return None
    updates = list(dict.fromkeys(way for lines in paths.values() for way, _ in lines))
    columns = min(4, len(paths))
    rows = -(-len(paths) // columns)
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(1.9 * columns + 0.4, 1.9 * rows + 0.9))
        panels = figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True)
        for axes, (name, lines) in zip(panels.flat, paths.items(), strict=False):
            for way, run in lines:
                colour = COLOURS[updates.index(way) % len(COLOURS)]
                axes.plot(run["theta"], run["psi"], color=colour, linewidth=0.8, label=way)
                axes.plot(run["theta"].iloc[-1], run["psi"].iloc[-1], "o", color=colour, markersize=3)
            axes.plot(0, 0, "+", color="black")
            axes.set(xlim=(-2.5, 2.5), ylim=(-2.5, 2.5), aspect="equal")
            axes.set_title(name.replace(", ", ",\n"), fontsize=7)
        for axes in panels.flat[len(paths) :]:
            axes.set_axis_off()
        figure.supxlabel("theta", fontsize=9)
        figure.supylabel("psi", fontsize=9)
        handles, labels = panels.flat[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside upper center", ncols=2, fontsize=7)
    return figure
