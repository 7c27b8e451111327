"""Looking on while a configuration trains: the tutorial's live picture, and a line an evaluation."""

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import numpy as np

from sinegan.sweep.plan import Configuration
from sinegan.training.loop import SAMPLES, Evaluation

Observer = Callable[[Evaluation], None]


@contextmanager
def watching(configurations: Sequence[Configuration]) -> Iterator[list[Observer]]:
    """What the plot settings of the configurations ask for, ready to be called."""
    asked = [configuration for configuration in configurations if configuration.config.plot.live]
    printed = [configuration for configuration in configurations if configuration.config.plot.text]
    observers: list[Observer] = [print_evaluation] if printed else []
    if not asked:
        yield observers
        return
    with live_picture(asked[0]) as show:
        yield [*observers, show]


def print_evaluation(evaluation: Evaluation) -> None:
    """Step, mean D(real) and D(fake) over the runs, as the tutorial reports them."""
    measured = evaluation.measured
    if evaluation.metrics is None or not measured.any():
        return
    real, fake = (evaluation.metrics[name][measured].mean() for name in ("d_real", "d_fake"))
    print(f"step {evaluation.step:6,}   mean D(real) {real:.4f}   mean D(fake) {fake:.4f}", flush=True)


@contextmanager
def live_picture(configuration: Configuration) -> Iterator[Observer]:
    """Opens a window with the first run's picture, drawn again at each frame."""
    # Matplotlib is imported only where a picture is asked for: it takes its time.
    from matplotlib import pyplot

    from sinegan.report.figures.animation import TutorialPicture

    target = configuration.config.target
    real = target.draw(SAMPLES if target.family else 1, np.random.default_rng(0))
    pyplot.ion()
    figure, axes = pyplot.subplots(figsize=(6, 4))
    picture = TutorialPicture(axes, target.grid(), real)
    figure.show()

    def show(evaluation: Evaluation) -> None:
        if evaluation.frame is not None:
            picture.show(
                evaluation.step, evaluation.frame.curves[0, 0], float(evaluation.frame.probability[0, 0])
            )
            figure.canvas.draw_idle()
            figure.canvas.flush_events()

    try:
        yield show
    finally:
        pyplot.ioff()
        pyplot.close(figure)


def missing_display() -> str | None:
    """Why no window can be opened here, or None."""
    if sys.platform == "linux" and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        return "no display here (DISPLAY is not set); use plot.animation=true, which writes a GIF"
    import matplotlib
    from matplotlib.backends.registry import BackendFilter, backend_registry

    backend = matplotlib.get_backend()
    interactive: list[str] = backend_registry.list_builtin(BackendFilter.INTERACTIVE)  # type: ignore[no-untyped-call]
    if backend.lower() not in interactive:
        return (
            f"matplotlib's backend {backend} opens no window; install one that does "
            "(python3-tk, or pip install PySide6), or use plot.animation=true, which writes a GIF"
        )
    return None
