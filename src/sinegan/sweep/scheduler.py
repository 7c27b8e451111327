"""Schedules the shards of a sweep, and retries those that fail."""

import math
import time
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from dataclasses import replace
from itertools import count

from sinegan.engine.programs import CannotCompileError
from sinegan.printable import printable_lines
from sinegan.statuses import FAILED, UNFINISHED
from sinegan.storage.files import UnwritableFileError
from sinegan.storage.results import ResultFilesError, known_runs
from sinegan.sweep.executors import ExecutorError
from sinegan.sweep.plan import PendingRun, Shard, part_name, plan
from sinegan.sweep.progress import Watcher
from sinegan.sweep.record import Recorder
from sinegan.sweep.worker import Failure, Observer, ShardSummary, train_shard

RETRIES = 1
"""The number of times that a shard is tried again unchanged when its worker died and it made no progress."""

RETRIES_BEFORE_BEGIN = 4
"""The same for a shard that had not begun: its worker died of something that it did before."""


class OutOfTimeError(Exception):
    """The time that a command may take is over; a resume trains the rest."""


class Scheduler:
    """Keeps the workers busy with shards.

    A shard that fails is cut in halves until the run to blame stands alone. A shard whose worker died is
    first tried again unchanged.
    """

    def __init__(
        self,
        pool: Executor,
        workers: int,
        watcher: Watcher,
        deaths: tuple[type[BaseException], ...],
        observers: Sequence[Observer] = (),
        deadline: float = math.inf,
    ) -> None:
        """Has no work yet.

        Arguments:
            pool: where the shards train.
            workers: the number of shards that `pool` trains at the same time.
            watcher: is informed when shards are replaced by others.
            deaths: the exceptions by which `pool` says that a worker has died.
            observers: are called with each evaluation; only for a pool in this process.
            deadline: the `time.monotonic()` at which the work is given up.
        """
        self._pool = pool
        self._workers = workers
        self._watcher = watcher
        self._deaths = deaths
        self._observers = observers
        self._deadline = deadline
        self._queue = deque[Shard]()
        self._numbers = count()
        self._submitted: dict[Future[ShardSummary], Shard] = {}

    def add(self, shards: Sequence[Shard]) -> None:
        """Adds work, and submits shards until there is one more than there are workers."""
        self._queue.extend(self._numbered(shards))
        self._submit()

    def _numbered(self, shards: Sequence[Shard]) -> list[Shard]:
        """The shards, with numbers that no other shard of the command has."""
        return [replace(each, number=next(self._numbers)) for each in shards]

    def _submit(self) -> None:
        while self._queue and len(self._submitted) < self._workers + 1:
            shard = self._queue.popleft()
            future = self._pool.submit(train_shard, shard, self._watcher.folder, self._observers)
            self._submitted[future] = shard

    def results(self) -> Iterator[tuple[Shard, ShardSummary]]:
        """Yields each shard when it has ended, well or finally failed, and submits others in its place.

        Raises OutOfTimeError at the deadline.
        """
        while self._submitted:
            for future in self._wait():
                shard = self._submitted.pop(future)
                summary = _summary(future, self._deaths)
                if summary.failure is None:
                    yield shard, summary
                elif not self._retry(shard, summary.failure):
                    yield shard, _failed(shard, summary.failure)
            self._submit()

    def _wait(self) -> set["Future[ShardSummary]"]:
        left = None if math.isinf(self._deadline) else self._deadline - time.monotonic()
        if left is None or left > 0:
            done = wait(self._submitted, timeout=left, return_when=FIRST_COMPLETED).done
            if done:
                return done
        raise OutOfTimeError

    def _retry(self, shard: Shard, failure: Failure) -> bool:
        """Queues what to try in place of a failed shard; returns whether there is anything to try."""
        begun = self._watcher.has_begun(shard)
        successors = _after_death(shard, begun) if _is_death(failure) else _halves(shard)
        successors = self._numbered(successors)
        if successors:
            self._watcher.shard_replaced(shard, successors)
            self._queue.extendleft(reversed(successors))
        return bool(successors)


def _is_death(failure: Failure) -> bool:
    return not failure.traceback


def _failed(shard: Shard, failure: Failure) -> ShardSummary:
    """The summary of a shard that is given up, whose failure is in its files."""
    if _is_death(failure):  # its worker could not write it
        Recorder(shard, time.monotonic).write_failure(failure.message)
    return ShardSummary(statuses=(FAILED,) * len(shard.runs), failure=failure)


def _summary(future: "Future[ShardSummary]", deaths: tuple[type[BaseException], ...]) -> ShardSummary:
    """The summary that a worker returned, or a failure without a traceback when the worker itself died."""
    if future.cancelled():
        raise ExecutorError("the connection to the workers is lost; resume the sweep when they are back")
    error = future.exception()
    if error is None:
        return future.result()
    if isinstance(error, deaths):
        return ShardSummary(failure=Failure(f"its worker died ({type(error).__name__}); out of memory?"))
    if isinstance(error, ResultFilesError | UnwritableFileError | CannotCompileError):
        raise error
    message = printable_lines(str(error))
    raise ExecutorError(f"a worker cannot train: {type(error).__name__}: {message}") from error


def _after_death(shard: Shard, begun: bool) -> list[Shard]:
    """The shards to try in place of one whose worker died; none when its only run is to blame."""
    runs = _from_last_part(shard, shard.runs)
    if sum(pending.step for pending in runs) > sum(pending.step for pending in shard.runs):
        return plan(runs, workers=1)
    if shard.deaths < (RETRIES if begun else RETRIES_BEFORE_BEGIN):
        return [replace(each, deaths=shard.deaths + 1) for each in plan(runs, workers=1)]
    return _halves(shard)


def _halves(shard: Shard) -> list[Shard]:
    """The two halves of a shard; none when it has a single run."""
    if len(shard.runs) == 1:
        return []
    middle = (len(shard.runs) + 1) // 2
    halves = (shard.runs[:middle], shard.runs[middle:])
    smaller = [each for half in halves for each in plan(_from_last_part(shard, half), workers=1)]
    return [replace(each, deaths=shard.deaths) for each in smaller]


def _from_last_part(shard: Shard, runs: Sequence[PendingRun]) -> list[PendingRun]:
    """Runs of a shard, from where its last part left them."""
    stored = {
        (folder, run.seed): run
        for folder in dict.fromkeys(pending.folder for pending in runs)
        for run in known_runs(folder, part_name(shard))
        if run.status == UNFINISHED and run.step > 0
    }
    pairs = [(pending, stored.get((pending.folder, pending.run.seed))) for pending in runs]
    return [replace(pending, step=run.step, source=run.source) if run else pending for pending, run in pairs]
