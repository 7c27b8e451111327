"""Runs a command of sinegan whose runs are simulated: all but the training is real.

    python -m benchmarks.simulated FILE FOLDER -m optim.lr=1e-4,3e-4 executor=serial

The command runs in FOLDER. Instead of training, histories are drawn at random: curves that fall to a level
that the configuration chooses, with the scatter of small GANs. The state of a run is that of a new network.
FILE gets, as JSON, the seconds of processor time at which each phase ended, and the most MiB by then. The
executor must be serial: others train in processes of their own.
"""

import json
import math
import os
import resource
import sys
import time
import zlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from sinegan import main as entry
from sinegan.report import make
from sinegan.statuses import FINISHED, RUNNING
from sinegan.sweep import execute, worker
from sinegan.sweep.plan import Shard
from sinegan.sweep.record import Recorder
from sinegan.training.loop import SAMPLE_COUNT, Evaluation, Samples
from sinegan.training.stack import Stack

METRICS = ("rmse", "bias", "spread", "d_real", "d_fake", "generator_loss", "discriminator_loss")
METRICS += ("value", "value_gap", "generator_gradient", "discriminator_gradient")
SCATTER = 0.25
"""Of the final errors of a configuration's runs, on the log scale, as small GANs have it."""


class SimulatedStack:
    """In the place of a `Stack`: runs that stand where they shall, at no cost."""

    engine = "native"
    remarks: tuple[str, ...] = ()
    _new: Stack | None = None

    def __init__(self, shard: Shard) -> None:
        self.runs = [pending.run for pending in shard.runs]
        self.folders = [pending.folder for pending in shard.runs]
        self.step = 0

    def saved(self, lanes: Sequence[int]) -> dict[str, Any]:
        """The state of a new network, of the right size, as `Stack.saved` has it."""
        if SimulatedStack._new is None:
            SimulatedStack._new = Stack(self.runs[:1])
        state = SimulatedStack._new.saved([0])["state"]
        return {"seeds": [self.runs[lane].seed for lane in lanes], "steps": [self.step], "state": state}


def simulate(stack: SimulatedStack) -> Iterator[Evaluation]:
    """In the place of `loop.train`: yields an evaluation for each step of the schedule."""
    setup, count = stack.runs[0].setup, len(stack.runs)
    rng = np.random.default_rng([run.seed for run in stack.runs])
    level = [zlib.crc32(str(folder).encode()) / 2**32 for folder in stack.folders]
    final = np.exp(-3.5 + 2 * np.array(level) + SCATTER * rng.standard_normal(count))
    steps, everything = setup.schedule(), np.ones(count, bool)
    for step in steps:
        stack.step = step
        errors = final + (0.7 - final) * math.exp(-8 * step / steps[-1])
        metrics = {name: errors * np.exp(0.1 * rng.standard_normal(count)) for name in METRICS}
        last, samples = step == steps[-1], None
        if last:
            curves = rng.standard_normal((count, SAMPLE_COUNT, setup.target.points))
            samples = Samples(curves, rng.random((count, SAMPLE_COUNT)))
        status = (FINISHED if last else RUNNING,) * count
        ends = (step if last else 0,) * count
        yield Evaluation(step, metrics, None, samples, everything, everything & last, status, ends)


def stack_of(shard: Shard, recorder: Recorder) -> SimulatedStack:  # noqa: ARG001
    return SimulatedStack(shard)


class Phases:
    """The ends of phases: the processor time of this process, and the most MiB that it held by then."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._ends: dict[str, tuple[float, float]] = {}

    def end(self, name: str) -> None:
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        self._ends.setdefault(name, (time.process_time(), peak))
        self._path.write_text(json.dumps(self._ends))

    def before(self, module: Any, function: str, name: str) -> None:
        """Makes the first call of a function the end of a phase."""
        call: Callable[..., Any] = getattr(module, function)

        def noted(*args: Any, **settings: Any) -> Any:
            self.end(name)
            return call(*args, **settings)

        setattr(module, function, noted)


def main() -> None:
    file, folder, *sys.argv[1:] = sys.argv[1:]
    phases = Phases(Path(file).absolute())
    os.chdir(folder)
    worker._stack, worker.train = stack_of, simulate  # type: ignore[assignment]
    phases.before(execute, "execute_rounds", "launched")
    phases.before(execute, "_complete_ended", "planned")
    phases.before(make, "make_report", "filed")
    try:
        entry.main()
    finally:
        phases.end("reported")


if __name__ == "__main__":
    main()
