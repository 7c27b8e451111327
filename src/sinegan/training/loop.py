"""Blocks of steps, evaluations, and the end of each run."""

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
"""Generated curves that are kept of each run at its end."""


class Paintings(NamedTuple):
    """Generated curves, shape (runs, samples, points), and D's probability for each (runs, samples)."""

    curves: NDArray[np.float64]
    probability: NDArray[np.float64]


@dataclass(frozen=True)
class Evaluation:
    """The runs of a stack at one step.

    measured: which runs the metrics and the frame are valid for, shape (runs,): those that had
    not ended before and are finite. ended: which runs end here; status and end_step tell how and
    at which step (for a divergence, the first step that was not finite).
    """

    step: int
    metrics: dict[str, NDArray[np.float64]] | None
    frame: Paintings | None
    paintings: Paintings | None
    measured: NDArray[np.bool_]
    ended: NDArray[np.bool_]
    status: tuple[str, ...]
    end_step: tuple[int, ...]


@contextmanager
def engine_settings() -> Iterator[None]:
    """One thread, and denormal numbers as zero.

    Both are part of a run's numbers. Denormals come from Adam's moments of dead units and would
    cost up to a third of the speed.
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
    """Trains all runs of a stack from its present step to their ends; yields each evaluation.

    Ends when every run has finished, stopped (its discriminator is within `stop_tolerance` of
    1/2 on real curves) or diverged (losses or metrics that are not finite).
    """
    shared, runs = stack.shared, stack.runs
    status, end_step = [RUNNING] * len(runs), [0] * len(runs)
    tolerance = np.array([run.config.training.stop_tolerance or -1.0 for run in runs])
    stack.prepare()
    pictured = set(shared.picture_steps)
    measured_steps = set(shared.schedule)
    for step in sorted(pictured | measured_steps):
        if step < stack.step or (step == stack.step > 0):  # evaluated before it was saved
            continue
        stack.advance(step)
        running = np.array([word == RUNNING for word in status])
        metrics = stack.measure() if step in measured_steps else None
        finite_steps = stack.finite_steps()
        finite = finite_steps >= step
        near = np.zeros(len(runs), bool)
        if metrics is not None:
            finite &= np.isfinite(np.stack(list(metrics.values()))).all(0)
            near = np.abs(metrics["d_real"] - 0.5) <= tolerance
        for lane in np.flatnonzero(running):
            if not finite[lane]:
                status[lane], end_step[lane] = DIVERGED, int(min(finite_steps[lane] + 1, step))
            elif step == shared.steps:
                status[lane], end_step[lane] = FINISHED, step
            elif near[lane]:
                status[lane], end_step[lane] = STOPPED, step
        ended = running & np.array([word != RUNNING for word in status])
        yield Evaluation(
            step=step,
            metrics=metrics,
            frame=Paintings(*stack.paint(1)) if step in pictured else None,
            paintings=Paintings(*stack.paint(SAMPLE_COUNT)) if ended.any() else None,
            measured=running & finite,
            ended=ended,
            status=tuple(status),
            end_step=tuple(end_step),
        )
        if RUNNING not in status:
            return
