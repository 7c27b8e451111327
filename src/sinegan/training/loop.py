"""The training loop of a stack: steps, evaluations, and the end of each run."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from sinegan.statuses import DIVERGED, FINISHED, RUNNING, STOPPED
from sinegan.training.stack import Stack

SAMPLE_COUNT = 64
"""Generated curves that are kept of each run when it ends."""


class Samples(NamedTuple):
    """Generated curves of all runs of a stack."""

    curves: NDArray[np.float64]
    """(runs, samples, points)."""
    probability: NDArray[np.float64]
    """D's probability that each curve is real, (runs, samples)."""


Metrics = dict[str, NDArray[np.float64]]
"""Metrics by name, each of shape (runs,)."""


@dataclass(frozen=True)
class Evaluation:
    """The runs of a stack at one step."""

    step: int
    metrics: Metrics | None
    """None at a step that is in the picture alone."""
    frame: Samples | None
    """One curve of each run; None where the picture has no frame."""
    samples: Samples | None
    """SAMPLE_COUNT curves of each run; None where no run ends."""
    measured: NDArray[np.bool_]
    """The runs whose metrics and frame are valid: they had not ended before and are finite. (runs,)."""
    ended: NDArray[np.bool_]
    """The runs that end at this step, (runs,)."""
    status: tuple[str, ...]
    """The status of each run."""
    end_step: tuple[int, ...]
    """The step at which each run ended, the first that was not finite for a divergence; 0 while it runs."""


@contextmanager
def engine_settings() -> Iterator[None]:
    """Within this context, PyTorch uses one thread and flushes denormal numbers to zero.

    Both change the last bits of a run. Denormals come from Adam's moments of dead units and would cost up
    to a third of the speed.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
        torch.set_flush_denormal(False)


def train(stack: Stack) -> Iterator[Evaluation]:
    """Trains all runs of a stack from its present step to their ends, and yields each evaluation.

    A run finishes at its last step, stops when its discriminator is within `stop_tolerance` of 1/2 on real
    curves, or diverges when its losses or metrics are not finite. The loop ends when every run has ended.
    """
    steps_with_picture = set(stack.shared.picture_steps)
    steps_with_metrics = set(stack.shared.schedule)
    status, end_step = [RUNNING] * len(stack.runs), [0] * len(stack.runs)
    stack.prepare()
    for step in sorted(steps_with_picture | steps_with_metrics):
        if step < stack.step or (step == stack.step > 0):  # evaluated before the state was saved
            continue
        stack.advance(step)
        running = np.array([word == RUNNING for word in status])
        metrics = stack.measure() if step in steps_with_metrics else None
        finite = _finite(stack, metrics)
        for lane in np.flatnonzero(running).tolist():
            status[lane], end_step[lane] = _outcome(stack, lane, metrics, finite[lane])
        ended = running & np.array([word != RUNNING for word in status])
        yield Evaluation(
            step=step,
            metrics=metrics,
            frame=Samples(*stack.generate(1)) if step in steps_with_picture else None,
            samples=Samples(*stack.generate(SAMPLE_COUNT)) if ended.any() else None,
            measured=running & finite,
            ended=ended,
            status=tuple(status),
            end_step=tuple(end_step),
        )
        if RUNNING not in status:
            return


def _finite(stack: Stack, metrics: Metrics | None) -> NDArray[np.bool_]:
    """The runs whose losses have been finite in every step, and whose metrics are, (runs,)."""
    finite = stack.finite_steps() >= stack.step
    if metrics is not None:
        finite &= np.isfinite(np.stack(list(metrics.values()))).all(0)
    return finite


def _outcome(stack: Stack, lane: int, metrics: Metrics | None, finite: bool) -> tuple[str, int]:
    """The status of one run at the present step, and the step at which it ended; 0 if it still runs.

    Arguments:
        stack: the runs.
        lane: the place of the run in the stack; it had not ended before.
        metrics: those of all runs, or None where nothing was measured.
        finite: whether the run has not diverged.
    """
    training, step = stack.runs[lane].setup.training, stack.step
    if not finite:
        return DIVERGED, int(min(stack.finite_steps()[lane] + 1, step))
    if step == training.steps:
        return FINISHED, step
    tolerance = training.stop_tolerance or -1.0
    undecided = metrics is not None and abs(metrics["d_real"][lane] - 0.5) <= tolerance
    return (STOPPED, step) if undecided else (RUNNING, 0)
