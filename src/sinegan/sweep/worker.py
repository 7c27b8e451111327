"""The work of one worker: it trains the runs of a shard and writes their files."""

import time
import traceback
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from sinegan.engine.kernels import use_uniform_kernels
from sinegan.engine.programs import CannotCompileError
from sinegan.printable import printable, printable_lines
from sinegan.statuses import RUNNING
from sinegan.storage.files import UnwritableFileError
from sinegan.storage.results import ResultFilesError
from sinegan.sweep.plan import Shard
from sinegan.sweep.progress import AbandonedError, Reporter
from sinegan.sweep.record import Recorder
from sinegan.training.loop import Evaluation, engine_settings, train
from sinegan.training.stack import Stack

SECONDS_BETWEEN_PARTS = 10.0
"""The time between two parts that a shard writes: no more work than this is lost when its worker dies."""

Observer = Callable[[Evaluation], None]


class Failure(NamedTuple):
    """The reason why runs failed: a message of one line, and the traceback (empty when their worker died)."""

    message: str
    traceback: str = ""


@dataclass(frozen=True)
class ShardSummary:
    """All that a worker sends back; the numbers are in the files.

    remarks: notes for the user on how the shard was compiled, a line each.
    """

    statuses: tuple[str, ...] = ()
    failure: Failure | None = None
    remarks: tuple[str, ...] = ()


def train_shard(shard: Shard, progress: Path, observers: Sequence[Observer] = ()) -> ShardSummary:
    """Trains the runs of a shard and writes their parts.

    An error in training is returned as a failure; it is also written to the files when the shard has a
    single run, which is then to blame.

    Arguments:
        shard: the runs to train.
        progress: the folder in which the worker reports its progress.
        observers: are called with each evaluation.

    Raises:
        ResultFilesError, UnwritableFileError, CannotCompileError: no other shard would fare better.
        AbandonedError: nobody waits for the shard any more.
    """
    settle_kernels()
    recorder = Recorder(shard, time.monotonic)
    reporter = Reporter(progress, shard)
    try:
        with engine_settings():
            stack = _stack(shard, recorder)
            _train(stack, recorder, [reporter.report, *observers])
    except (ResultFilesError, UnwritableFileError, CannotCompileError, AbandonedError):
        raise
    except Exception as error:
        message = printable(" ".join(f"{type(error).__name__}: {error}".split()))
        if len(shard.runs) == 1:
            recorder.write_failure(message)
        return ShardSummary(failure=Failure(message, printable_lines(traceback.format_exc())))
    statuses = tuple(record.status for record in recorder.records)
    return ShardSummary(statuses, remarks=stack.remarks)


def _stack(shard: Shard, recorder: Recorder) -> Stack:
    """The runs of a shard where their files left them, compiled."""
    stack = Stack([pending.run for pending in shard.runs])
    states = recorder.states()
    if states is not None:
        stack.restore(states)
    stack.prepare()
    recorder.refuse_other_engine(stack)
    return stack


def _train(stack: Stack, recorder: Recorder, observers: Sequence[Observer]) -> None:
    """Trains a stack to its end. Writes a part now and then, and the last one at the end."""
    written = time.monotonic()
    for evaluation in train(stack):
        recorder.add(evaluation, stack)
        for observer in observers:
            observer(evaluation)
        if time.monotonic() > written + SECONDS_BETWEEN_PARTS and RUNNING in evaluation.status:
            recorder.write(stack)
            written = time.monotonic()
    recorder.write(stack)


def settle_kernels() -> None:
    """Makes PyTorch use the same kernels for any size of stack; warns when it is too late for that."""
    if not use_uniform_kernels():
        warnings.warn(
            "PyTorch was used in this process before the training began: the last bits of a run may "
            "depend on its place in a stack. Call sinegan.engine.kernels.use_uniform_kernels() first.",
            stacklevel=3,
        )
