"""Pictures of a sweep: learning curves, generated against real curves, the painting as it learns."""

from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from cycler import cycler
from matplotlib.animation import FuncAnimation, PillowWriter
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter
from numpy.typing import NDArray

from sinegan.report.tables import Sweep, label
from sinegan.results import SAMPLES, checked, records, sets

# Okabe & Ito's palette: told apart by the colour-blind. Yellow is left out: too pale for lines.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
DASHES = ("-", "--", "-.", ":")
MOST_LINES = 12
MOST_PANELS = 12
SHOWN_CURVES = 24

STYLE: Any = {
    "figure.constrained_layout.use": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.prop_cycle": cycler(color=COLOURS),
    "font.size": 9,
    "legend.frameon": False,
    "savefig.dpi": 150,
}


def learning_curves(sweep: Sweep) -> Figure | None:
    """The primary metric over steps: the median over seeds and their whole range, a line a configuration."""
    if sweep.history.empty:
        return None
    shown = sweep.configurations.head(MOST_LINES)
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(6.5, 3.8))
        axes = figure.subplots()
        positive = True
        for place, row in enumerate(records(shown)):
            mine = sweep.history[sweep.history["configuration"] == row["configuration"]]
            if mine.empty:
                continue
            bands = mine.groupby("step")[row["metric"]].agg(["median", "min", "max"])
            positive &= bool((bands["min"] > 0).all())
            colour, dash = COLOURS[place % len(COLOURS)], DASHES[place // len(COLOURS) % len(DASHES)]
            axes.plot(bands.index, bands["median"], dash, color=colour, label=_plain(label(row, sweep.swept)))
            axes.fill_between(bands.index, bands["min"], bands["max"], color=colour, alpha=0.18, linewidth=0)
        axes.set_yscale("log" if positive else "linear")
        axes.yaxis.set_major_formatter("{x:g}")
        axes.yaxis.set_minor_formatter("{x:g}" if positive else NullFormatter())
        axes.xaxis.set_major_formatter("{x:,.0f}")
        axes.set_xlabel("step")
        axes.set_ylabel(" or ".join(shown["metric"].unique()))
        several = bool((sweep.configurations["seeds"] > 1).any())
        axes.set_title(
            _title(
                "Median and range over seeds" if several else "One seed",
                len(shown),
                len(sweep.configurations),
            ),
            loc="left",
        )
        if axes.get_legend_handles_labels()[0]:
            axes.legend(fontsize=7 if len(shown) > 6 else 8)
    return figure


def generated_curves(sweep: Sweep) -> Figure | None:
    """Generated curves of the first run of each configuration against the real ones."""
    panels = [
        (label(row, sweep.swept), samples)
        for row in records(sweep.configurations)
        for samples in [load_samples(Path(row["folder"]))]
        if samples is not None and len(samples["curves"])
    ]
    if not panels:
        return None
    shown = panels[:MOST_PANELS]
    columns = min(len(shown), 3)
    rows = -(-len(shown) // columns)
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(6.5, max(2.6, 2.1 * rows)))
        grid = figure.subplots(rows, columns, squeeze=False, sharey=True)
        for axes, (name, samples) in zip(grid.flat, shown, strict=False):
            draw_curves(axes, samples["x"], samples["real"], samples["curves"][0])
            axes.set_title(_plain(name), fontsize=8)
        for axes in grid.flat[len(shown) :]:
            axes.set_axis_off()
        grid.flat[0].legend(loc="upper right", fontsize=7)
        title = _title("Generated (red) against real (black) curves, first seed", len(shown), len(panels))
        figure.suptitle(title, x=0.01, ha="left", fontsize=10)
    return figure


def draw_curves(axes: Axes, x: NDArray[Any], real: NDArray[Any], generated: NDArray[Any]) -> None:
    """Several generated curves in red, real ones in black: x (points,), others (curves, points)."""
    for place, curve in enumerate(generated[:SHOWN_CURVES]):
        axes.plot(x, curve, color="#C8102E", alpha=0.35, linewidth=0.8, label=None if place else "generated")
    for place, curve in enumerate(real[:SHOWN_CURVES]):
        alpha = 1.0 if len(real) == 1 else 0.3
        axes.plot(x, curve, color="black", alpha=alpha, linewidth=1.4, label=None if place else "real")


class Painting:
    """The tutorial's picture: one generated curve in red, the real one in black, and D's opinion."""

    def __init__(self, axes: Axes, x: NDArray[Any], real: NDArray[Any]) -> None:
        reach = float(np.abs(real).max()) or 1.0
        axes.set_ylim(-1.6 * reach, 1.6 * reach)
        axes.set_xlabel("x")
        for curve in real[:SHOWN_CURVES]:
            axes.plot(x, curve, color="black", linewidth=2, alpha=1.0 if len(real) == 1 else 0.25)
        (self._line,) = axes.plot(x, np.zeros_like(x), color="#C8102E", linewidth=2)
        self._text = axes.text(0.02, 0.96, "", transform=axes.transAxes, va="top")

    def show(self, step: int, curve: NDArray[Any], probability: float) -> None:
        """curve: shape (points,)."""
        self._line.set_ydata(curve)
        self._text.set_text(f"step {step:,}\nprobability that the red curve is real: {probability:.2f}")


def write_animation(folder: Path) -> None:
    """Writes the frames of a configuration's first run, if it has any, as animation.gif, 20 a second."""
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
        painting = Painting(axes, samples["x"], samples["real"])

        def draw(frame: int) -> list[Any]:
            painting.show(int(steps[frame]), curves[frame], float(probability[frame]))
            return []

        draw_frame: Callable[[int], list[Any]] = draw
        frames = FuncAnimation(figure, draw_frame, frames=kept.tolist(), cache_frame_data=False)
        temporary = path.with_name(".part.gif")
        try:
            frames.save(temporary, writer=PillowWriter(fps=20), dpi=80)
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)


def load_samples(folder: Path) -> dict[str, NDArray[Any]] | None:
    """The samples of a configuration, or those of the first part of an unfinished one."""
    for source in sets(folder)[:1]:
        with np.load(BytesIO(checked(source, SAMPLES))) as stored:
            return dict(stored)
    return None


def png(figure: Figure) -> bytes:
    buffer = BytesIO()
    with matplotlib.rc_context(STYLE):
        figure.savefig(buffer, format="png")
    return buffer.getvalue()


def _plain(words: str) -> str:
    """As it is, also where matplotlib would read mathematics."""
    return words.replace("$", r"\$")


def _title(words: str, shown: int, all_of_them: int) -> str:
    return words if shown == all_of_them else f"{words} (the first {shown} of {all_of_them})"
