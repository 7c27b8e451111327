"""The tutorial's picture, as a live window and as an animation."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.animation import FuncAnimation, PillowWriter
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from sinegan.report.figures.curves import SHOWN_CURVES
from sinegan.report.figures.points import are_points
from sinegan.report.figures.style import RED, STYLE
from sinegan.report.load import load_samples


class TutorialPicture:
    """The tutorial's picture: one generated curve in red, the real one in black, and D's probability.

    For a target in the plane, one generated point moves among real ones; for one on the line, along it.
    """

    def __init__(self, axes: Axes, x: NDArray[Any], real: NDArray[Any]) -> None:
        reach = float(np.abs(real).max()) or 1.0
        axes.set_ylim(-1.6 * reach, 1.6 * reach)
        self._text = axes.text(0.02, 0.96, "", transform=axes.transAxes, va="top")
        self._points = are_points(x)
        if self._points:
            # On the line the other coordinate is 0.
            coordinates = [real[:, 0], real[:, 1] if len(x) == 2 else np.zeros(len(real))]
            axes.plot(*coordinates, "o", color="black", markersize=3)
            (self._line,) = axes.plot([0.0], [0.0], "o", color=RED, markersize=6)
            axes.set(xlim=(-1.6 * reach, 1.6 * reach), aspect="equal")
            return
        axes.set_xlabel("x")
        for curve in real[:SHOWN_CURVES]:
            axes.plot(x, curve, color="black", linewidth=2, alpha=1.0 if len(real) == 1 else 0.25)
        (self._line,) = axes.plot(x, np.zeros_like(x), color=RED, linewidth=2)

    def show(self, step: int, curve: NDArray[Any], probability: float) -> None:
        """Draws one frame. curve: shape (points,)."""
        kind = "point" if self._points else "curve"
        if self._points:
            across, up = (*curve.tolist(), 0.0)[:2]
            self._line.set_data([across], [up])
        else:
            self._line.set_ydata(curve)
        self._text.set_text(f"step {step:,}\nprobability that the red {kind} is real: {probability:.2f}")


def write_animation(folder: Path) -> None:
    """Writes the frames of a configuration's first run, if it has any, as animation.gif, 20 per second."""
    samples = load_samples(folder)
    if samples is None or "frame_steps" not in samples:
        return
    path = folder / "animation.gif"
    steps, curves = samples["frame_steps"], samples["frame_curves"][:, 0]
    probability = samples["frame_probability"][:, 0]
    kept = np.flatnonzero(np.isfinite(curves).all(1))
    if not len(kept):
        return
    with matplotlib.rc_context(STYLE | {"figure.constrained_layout.use": False}):
        figure = Figure(figsize=(5, 3.4))
        axes = figure.subplots()
        picture = TutorialPicture(axes, samples["x"], samples["real"])

        def draw(frame: int) -> list[Any]:
            picture.show(int(steps[frame]), curves[frame], float(probability[frame]))
            return []

        draw_frame: Callable[[int], list[Any]] = draw
        frames = FuncAnimation(figure, draw_frame, frames=kept.tolist(), cache_frame_data=False)
        temporary = path.with_name(".part.gif")
        try:
            frames.save(temporary, writer=PillowWriter(fps=20), dpi=80)
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
