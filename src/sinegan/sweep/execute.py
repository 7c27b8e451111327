"""The one door for all work: trains what is missing of configurations and files what comes out."""

import shutil
import time
import traceback
import warnings
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path

from sinegan.files import UnwritableFileError
from sinegan.kernels import use_uniform_kernels
from sinegan.results import FAILED, PARTS, UNFINISHED, ResultFilesError, known_runs
from sinegan.sweep.executors import ExecutorSettings, Serial
from sinegan.sweep.plan import Configuration, Member, Shard, missing, plan
from sinegan.sweep.progress import FOLDER, Reporter, Watcher, shown
from sinegan.sweep.provenance import complete_provenance, write_provenance
from sinegan.sweep.record import Recorder, merge_parts
from sinegan.training.loop import RUNNING, Evaluation, engine_settings, train
from sinegan.training.stack import Stack

SECONDS_BETWEEN_PARTS = 10.0
"""How often a shard writes what it has: at most this much is lost when it dies."""

Observer = Callable[[Evaluation], None]


@dataclass
class Outcome:
    """What became of a configuration: the status of its runs, and why some failed.

    errors: the message and the traceback (empty when a worker died) of each shard that failed.
    """

    statuses: Counter[str] = field(default_factory=Counter)
    errors: list[tuple[str, str]] = field(default_factory=list)


@dataclass(frozen=True)
class ShardSummary:
    """All that a worker sends back; the numbers are in the files."""

    statuses: tuple[str, ...] = ()
    error: tuple[str, str] | None = None


def train_shard(shard: Shard, home: Path, observers: Sequence[Observer] = ()) -> ShardSummary:
    """Trains the runs of a shard and writes their parts. Runs in a worker.

    What goes wrong in training is returned as an error, and filed when the run to blame stands
    alone. What goes wrong with files is raised, as ResultFilesError or UnwritableFileError, because
    no other shard would fare better.
    """
    _settle_kernels()
    recorder = Recorder(shard, time.monotonic)
    reporter = Reporter(home, shard)
    written = time.monotonic()
    try:
        with engine_settings():
            stack = Stack([member.run for member in shard.members], shard.width)
            states = recorder.states()
            if states is not None:
                stack.restore(states)
            for evaluation in train(stack):
                recorder.add(evaluation, stack)
                reporter.say(evaluation)
                for observer in observers:
                    observer(evaluation)
                if time.monotonic() > written + SECONDS_BETWEEN_PARTS and RUNNING in evaluation.status:
                    recorder.write(stack)
                    written = time.monotonic()
            recorder.write(stack)
    except (ResultFilesError, UnwritableFileError):
        raise
    except Exception as error:
        message = f"{type(error).__name__}: {error}"
        if len(shard.members) == 1:
            recorder.write_failure(message)
        return ShardSummary(error=(message, traceback.format_exc()))
    return ShardSummary(tuple(record.status for record in recorder.records))


def execute(
    configurations: Sequence[Configuration],
    executor: ExecutorSettings,
    home: Path,
    observers: Sequence[Observer] = (),
) -> Iterator[tuple[int, Outcome]]:
    """Trains all runs that have no result yet; yields each configuration's place when it is filed.

    home: the sweep's folder, or the configuration's own for a single one. observers see every
    evaluation, so with any of them all is trained in this process. Raises
    UnwritableFileError or ResultFilesError when files cannot be written or are not what was written.
    """
    _settle_kernels()
    home = home.absolute()
    here = [replace(each, folder=each.folder.absolute()) for each in configurations]
    outcomes = [Outcome() for _ in here]
    todo = [missing(place, configuration) for place, configuration in enumerate(here)]
    left = [len(members) for members in todo]
    if observers:
        executor = Serial()
    shards = plan([member for members in todo for member in members], executor.worker_count)
    if len(shards) <= 1:
        executor = Serial()
    shutil.rmtree(home / FOLDER, ignore_errors=True)
    watcher = Watcher(home, sum(left), sum(shard.run_steps for shard in shards), len(here))
    for place, configuration in enumerate(here):
        if left[place]:
            write_provenance(configuration)
        else:
            if (configuration.folder / PARTS).exists():  # killed before they were merged
                merge_parts(configuration.folder, configuration.config.target)
                complete_provenance(configuration.folder)
            outcomes[place].statuses.update(run.status for run in known_runs(configuration.folder))
            yield place, outcomes[place]
    try:
        with executor.open() as pool, shown(watcher):
            for shard, summary in _trained(pool, shards, executor.worker_count, home, observers):
                watcher.shard_done(shard, Counter(summary.statuses))
                for place in dict.fromkeys(member.place for member in shard.members):
                    if summary.error is not None:
                        outcomes[place].errors.append(summary.error)
                for member, status in zip(shard.members, summary.statuses, strict=True):
                    outcomes[member.place].statuses[status] += 1
                    left[member.place] -= 1
                    if left[member.place] == 0:
                        merge_parts(member.folder, member.run.config.target)
                        complete_provenance(member.folder)
                        watcher.configurations_done += 1
                        yield member.place, outcomes[member.place]
    finally:
        shutil.rmtree(home / FOLDER, ignore_errors=True)


def _settle_kernels() -> None:
    if not use_uniform_kernels():
        warnings.warn(
            "PyTorch was used in this process before the training began: the last bits of a run may "
            "depend on its place in a stack. Call sinegan.kernels.use_uniform_kernels() first.",
            stacklevel=3,
        )


def _trained(
    pool: Executor, shards: Sequence[Shard], workers: int, home: Path, observers: Sequence[Observer]
) -> Iterator[tuple[Shard, ShardSummary]]:
    """Submits the shards, a few more than there are workers at a time; yields each when it has ended.

    A shard that fails is cut in halves until the run to blame stands alone; one whose worker died
    is tried as it is once more before.
    """
    queue = deque(shards)
    numbers = count(len(shards))
    waiting: dict[Future[ShardSummary], Shard] = {}
    while queue or waiting:
        while queue and len(waiting) < workers + 1:
            shard = queue.popleft()
            waiting[pool.submit(train_shard, shard, home, observers)] = shard
        for future in wait(waiting, return_when=FIRST_COMPLETED).done:
            shard = waiting.pop(future)
            summary = _summary(future)
            if summary.error is None:
                yield shard, summary
                continue
            again = _smaller(shard, died=not summary.error[1])
            if again:
                queue.extendleft(replace(each, number=next(numbers), tried=True) for each in reversed(again))
                continue
            if not summary.error[1]:  # nobody lived to file it
                Recorder(shard, time.monotonic).write_failure(summary.error[0])
            yield shard, replace(summary, statuses=(FAILED,) * len(shard.members))


def _summary(future: "Future[ShardSummary]") -> ShardSummary:
    """What a worker returned, or an error without a traceback when the worker itself died."""
    error = future.exception()
    if error is None:
        return future.result()
    if isinstance(error, ResultFilesError | UnwritableFileError):
        raise error
    return ShardSummary(error=(f"its worker died ({type(error).__name__}); out of memory?", ""))


def _smaller(shard: Shard, died: bool) -> list[Shard]:
    """What to try instead of a shard that failed; nothing when its one run is to blame."""
    if died and not shard.tried:
        return plan(_from_last_part(shard.members), workers=1)
    if len(shard.members) == 1:
        return []
    middle = (len(shard.members) + 1) // 2
    halves = (shard.members[:middle], shard.members[middle:])
    return [smaller for half in halves for smaller in plan(_from_last_part(half), workers=1)]


def _from_last_part(members: Sequence[Member]) -> list[Member]:
    """The same runs from where their last part left them."""
    stored = {
        (folder, run.seed): run
        for folder in dict.fromkeys(member.folder for member in members)
        for run in known_runs(folder)
        if run.status == UNFINISHED and run.step > 0
    }
    pairs = [(member, stored.get((member.folder, member.run.seed))) for member in members]
    return [replace(member, step=run.step, source=run.source) if run else member for member, run in pairs]
