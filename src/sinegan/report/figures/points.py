"""Targets that are points of a line or a plane: generated samples against real ones."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from sinegan.report.figures.style import GREY, RED

BINS = 24
"""Bins of a histogram, over the frame."""

Array = NDArray[Any]


def are_points(x: Array) -> bool:
    """Whether samples are points of a line or a plane, not curves. x: a target's grid, (points,).

    The grid of such a target counts its coordinates; that of a curve is where it is drawn.
    """
    return len(x) <= 2 and bool((x == np.arange(len(x))).all())


def draw_points(axes: Axes, samples: Mapping[str, Array], generated: Array) -> None:
    """Draws a histogram for a line, a scatter for a plane. generated: (samples, points)."""
    real = samples["real"]
    centers = samples.get("modes", np.empty((0, real.shape[1])))
    draw = draw_line if real.shape[1] == 1 else draw_plane
    draw(axes, real, generated, centers)


def draw_line(axes: Axes, real: Array, generated: Array, centers: Array) -> None:
    """Points of a line: the share of the samples in each bin, generated red, real black.

    real, generated: (samples, 1). centers: of the target's modes, (modes, 1); marked below the axis.
    """
    low, high = window(real[:, 0])
    edges = np.linspace(low, high, BINS + 1)
    # Samples outside the frame are counted in the first and the last bin.
    shares = [
        np.histogram(values[:, 0].clip(low, high), edges)[0] / len(values) for values in (generated, real)
    ]
    axes.stairs(shares[0], edges, fill=True, color=RED, alpha=0.5, linewidth=0, label="generated")
    axes.stairs(shares[1], edges, color="black", linewidth=1.1, label="real")
    axes.plot(centers[:, 0], np.zeros(len(centers)), "^", color="black", markersize=4, clip_on=False)
    axes.set_xlim(low, high)


def draw_plane(axes: Axes, real: Array, generated: Array, centers: Array) -> None:
    """Points of a plane: generated red, real grey below them, a cross at each of the target's modes.

    real, generated: (samples, 2). centers: (modes, 2).
    """
    axes.plot(*real.T, "o", color=GREY, alpha=0.5, markersize=2, markeredgewidth=0, label="real")
    axes.plot(*centers.T, "+", color="black", markersize=7, markeredgewidth=0.8, label="mode")
    axes.plot(*generated.T, "o", color=RED, alpha=0.7, markersize=2.2, markeredgewidth=0, label="generated")
    low, high = window(np.concatenate([real, centers]))
    axes.set(xlim=(low, high), ylim=(low, high), aspect="equal")


def window(real: Array) -> tuple[float, float]:
    """The range to show: the real samples and half of their width around them (1 where all are one point)."""
    low, high = float(real.min()), float(real.max())
    margin = (high - low) / 2 or 1.0
    return low - margin, high + margin


def outside(axes: Axes, generated: Array) -> int:
    """The number of generated samples outside the frame of a plane. generated: (samples, 2)."""
    low, high = np.array([axes.get_xlim(), axes.get_ylim()]).T
    return int(((generated < low) | (generated > high)).any(1).sum())
