"""Live output while a configuration trains: the tutorial's picture, and a line for each evaluation."""

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np

from sinegan.sweep.plan import Configuration
from sinegan.sweep.worker import Observer
from sinegan.training.loop import SAMPLE_COUNT, Evaluation


@contextmanager
def live_observers(configurations: Sequence[Configuration]) -> Iterator[list[Observer]]:
    """The observers that the plot settings of the configurations ask for."""
    with_picture = [each for each in configurations if each.config.plot.live]
    with_text = [each for each in configurations if each.config.plot.text]
    observers: list[Observer] = [print_evaluation] if with_text else []
    if not with_picture:
        yield observers
        return
    with live_picture(with_picture[0]) as show:
        yield [*observers, show]


def print_evaluation(evaluation: Evaluation) -> None:
    """Prints the step and the means of D(real) and D(fake) over the runs, as the tutorial does."""
    measured = evaluation.measured
    if evaluation.metrics is None or not measured.any():
        return
    real, fake = (evaluation.metrics[name][measured].mean() for name in ("d_real", "d_fake"))
    print(f"step {evaluation.step:6,}   mean D(real) {real:.4f}   mean D(fake) {fake:.4f}", flush=True)


@contextmanager
def live_picture(configuration: Configuration) -> Iterator[Observer]:
    """A window with the generated curve of the first run, drawn again at each frame."""
    # Matplotlib is imported only when a picture is asked for: that takes a while.
    from matplotlib import pyplot

    from sinegan.report.figures.animation import TutorialPicture

    target = configuration.config.target
    real = target.draw(SAMPLE_COUNT if target.family else 1, np.random.default_rng(0))
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
    """The reason why no window can be opened here, or None."""
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
