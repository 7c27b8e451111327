"""The one door for all work: trains what is missing of configurations and files what comes out."""

import shutil
import time
import traceback
import warnings
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from typing import NamedTuple
from uuid import uuid4

from sinegan.config import Config
from sinegan.engine.kernels import use_uniform_kernels
from sinegan.engine.programs import CannotCompileError
from sinegan.printable import printable, printable_lines
from sinegan.storage.files import UnwritableFileError, refuse_link, writing
from sinegan.storage.results import FAILED, PARTS, UNFINISHED, ResultFilesError, known_runs, remove_leftovers
from sinegan.sweep.executors import ExecutorError, ExecutorSettings, Local, Serial
from sinegan.sweep.memory import narrowed
from sinegan.sweep.plan import Configuration, Member, Shard, missing, part_name, plan
from sinegan.sweep.progress import FOLDER, AbandonedError, Reporter, Watcher, shown
from sinegan.sweep.provenance import begin_provenance, complete_provenance
from sinegan.sweep.record import Recorder, merge_parts
from sinegan.sweep.resume import CannotResumeError, changed_data, changed_engine
from sinegan.training.loop import RUNNING, Evaluation, engine_settings, train
from sinegan.training.signature import why_eager
from sinegan.training.stack import Stack

SECONDS_BETWEEN_PARTS = 10.0
"""How often a shard writes what it has: at most this much is lost when it dies."""

PATIENCE = 1
"""How often a shard is tried again as it is when its worker died and it had come no further."""

PATIENCE_BEFORE_BEGIN = 4
"""The same for one that had not begun: it died with its worker of what the worker did before."""

Observer = Callable[[Evaluation], None]


class Failure(NamedTuple):
    """Why runs failed: the message, in one line, and the traceback (empty when their worker died)."""

    message: str
    traceback: str = ""


@dataclass(frozen=True)
class ShardSummary:
    """All that a worker sends back; the numbers are in the files."""

    statuses: tuple[str, ...] = ()
    failure: Failure | None = None
    remarks: tuple[str, ...] = ()
    """What the user should know of how it was compiled, a line each."""


def train_shard(shard: Shard, progress: Path, observers: Sequence[Observer] = ()) -> ShardSummary:
    """Trains the runs of a shard and writes their parts. Runs in a worker.

    progress: the folder to say how far it is. What goes wrong in training is returned as a failure,
    and filed when the run to blame stands alone. What goes wrong with files is raised, as
    ResultFilesError or UnwritableFileError, because no other shard would fare better, as is
    CannotCompileError; and AbandonedError when nobody waits for the shard any more.
    """
    _settle_kernels()
    recorder = Recorder(shard, time.monotonic)
    reporter = Reporter(progress, shard)
    written = time.monotonic()
    try:
        with engine_settings():
            stack = Stack([member.run for member in shard.members])
            states = recorder.states()
            if states is not None:
                stack.restore(states)
            stack.prepare()
            recorder.refuse_other_engine(stack)
            for evaluation in train(stack):
                recorder.add(evaluation, stack)
                reporter.say(evaluation)
                for observer in observers:
                    observer(evaluation)
                if time.monotonic() > written + SECONDS_BETWEEN_PARTS and RUNNING in evaluation.status:
                    recorder.write(stack)
                    written = time.monotonic()
            recorder.write(stack)
    except (ResultFilesError, UnwritableFileError, CannotCompileError, AbandonedError):
        raise
    except Exception as error:
        message = printable(" ".join(f"{type(error).__name__}: {error}".split()))
        if len(shard.members) == 1:
            recorder.write_failure(message)
        return ShardSummary(failure=Failure(message, printable_lines(traceback.format_exc())))
    statuses = tuple(record.status for record in recorder.records)
    return ShardSummary(statuses, remarks=stack.remarks)


def execute(
    configurations: Sequence[Configuration],
    executor: ExecutorSettings,
    home: Path,
    observers: Sequence[Observer] = (),
    meanwhile: Callable[[], None] | None = None,
) -> Iterator[tuple[int, list[Failure]]]:
    """Trains all runs that have no result yet; yields each configuration's place when it is filed.

    home: the sweep's folder, or the configuration's own for a single one. observers see every
    evaluation, so with any of them all is trained in this process. meanwhile: called once, when the
    workers have their first shards. With the place comes a failure for each shard that failed. Raises
    ExecutorError when the executor cannot be used; UnwritableFileError or ResultFilesError when files
    cannot be written or are not what was written; CannotCompileError when what is to be compiled always
    cannot be; CannotResumeError, before anything is written, when runs are missing and the others were
    trained by another engine than this machine's, or on other data.
    """
    _settle_kernels()
    home = home.absolute()
    here = [replace(each, folder=each.folder.absolute()) for each in configurations]
    failures: list[list[Failure]] = [[] for _ in here]
    known = [known_runs(configuration.folder) for configuration in here]
    todo = [missing(place, each, its) for place, (each, its) in enumerate(zip(here, known, strict=True))]
    if any(todo):
        changed = [
            changed_engine(each.folder, each.config, its) for each, its in zip(here, known, strict=True)
        ]
        changed += [changed_data(each.folder, each.config) for each in here]
        if any(changed):
            raise CannotResumeError("\n".join(filter(None, changed)))
    left = [len(members) for members in todo]
    shards, executor, workers = _planned(
        [member for members in todo for member in members],
        [each.config for each in here],
        executor,
        observers,
    )
    refuse_link(home / FOLDER)
    shutil.rmtree(home / FOLDER, ignore_errors=True)
    progress = home / FOLDER / uuid4().hex[:8]
    with writing(progress):
        progress.mkdir(parents=True)
    watcher = Watcher(progress, sum(left), sum(shard.run_steps for shard in shards), len(here))
    remarks_of_targets = (line for each in here for line in each.config.target.remarks())
    why = filter(None, (why_eager(shard.members[0].run.setup.training) for shard in shards))
    for line in dict.fromkeys([*remarks_of_targets, *why]):
        print(printable(line), flush=True)  # a name in somebody's file may be anything
    for place, configuration in enumerate(here):
        if left[place]:
            begin_provenance(configuration)
        else:
            if (configuration.folder / PARTS).exists():  # killed before they were merged
                engines = merge_parts(configuration.folder, configuration.config.target)
                complete_provenance(configuration.folder, engines)
            remove_leftovers(configuration.folder)
            yield place, failures[place]
    remarks: dict[str, None] = {}
    try:
        with executor.open() as pool, shown(watcher):
            trained = _trained(pool, shards, workers, watcher, executor.deaths, observers, meanwhile)
            for shard, summary in trained:
                watcher.shard_done(shard, Counter(summary.statuses))
                remarks |= dict.fromkeys(summary.remarks)
                for place in dict.fromkeys(member.place for member in shard.members):
                    if summary.failure is not None:
                        failures[place].append(summary.failure)
                for member in shard.members:
                    left[member.place] -= 1
                    if left[member.place] == 0:
                        engines = merge_parts(member.folder, member.run.setup.target)
                        complete_provenance(member.folder, engines)
                        watcher.configurations_done += 1
                        yield member.place, failures[member.place]
    finally:
        for line in remarks:
            print(printable(line), flush=True)
        shutil.rmtree(home / FOLDER, ignore_errors=True)


def _planned(
    members: Sequence[Member],
    configs: Sequence[Config],
    executor: ExecutorSettings,
    observers: Sequence[Observer],
) -> tuple[list[Shard], ExecutorSettings, int]:
    """The shards, the executor that they are for, and how many workers it has."""
    on_gpu = any(member.run.setup.training.on_gpu for member in members)
    if observers or (on_gpu and isinstance(executor, Local)):  # one process fills a GPU
        executor = Serial()
    workers = executor.worker_count if members else 1

    def fitting(member: Member, width: int) -> int:
        return narrowed(configs[member.place], width, executor)

    shards = plan(members, workers, fitting)
    if len(shards) == 1 and isinstance(executor, Local) and workers > 1:
        return shards, executor, 1  # trained beside this process, which loads what comes after
    return (shards, executor, workers) if len(shards) > 1 else (shards, Serial(), 1)


def _settle_kernels() -> None:
    if not use_uniform_kernels():
        warnings.warn(
            "PyTorch was used in this process before the training began: the last bits of a run may "
            "depend on its place in a stack. Call sinegan.engine.kernels.use_uniform_kernels() first.",
            stacklevel=3,
        )


def _trained(
    pool: Executor,
    shards: Sequence[Shard],
    workers: int,
    watcher: Watcher,
    deaths: tuple[type[BaseException], ...],
    observers: Sequence[Observer],
    meanwhile: Callable[[], None] | None,
) -> Iterator[tuple[Shard, ShardSummary]]:
    """Submits the shards, a few more than there are workers at a time; yields each when it has ended.

    A shard that fails is cut in halves until the run to blame stands alone; one whose worker died
    is tried as it is once more before.
    """
    queue = deque(shards)
    numbers = count(len(shards))
    waiting: dict[Future[ShardSummary], Shard] = {}

    def submit() -> None:
        while queue and len(waiting) < workers + 1:
            shard = queue.popleft()
            waiting[pool.submit(train_shard, shard, watcher.folder, observers)] = shard

    submit()
    if meanwhile is not None:
        meanwhile()
    while waiting:
        for future in wait(waiting, return_when=FIRST_COMPLETED).done:
            shard = waiting.pop(future)
            summary = _summary(future, deaths)
            if summary.failure is None:
                yield shard, summary
                continue
            died = not summary.failure.traceback
            again = _after_death(shard, watcher.has_begun(shard)) if died else _halves(shard)
            if again:
                again = [replace(each, number=next(numbers)) for each in again]
                watcher.shard_replaced(shard, again)
                queue.extendleft(reversed(again))
                continue
            if died:  # nobody lived to file it
                Recorder(shard, time.monotonic).write_failure(summary.failure.message)
            yield shard, replace(summary, statuses=(FAILED,) * len(shard.members))
        submit()


def _summary(future: "Future[ShardSummary]", deaths: tuple[type[BaseException], ...]) -> ShardSummary:
    """What a worker returned, or a failure without a traceback when the worker itself died."""
    if future.cancelled():
        raise ExecutorError("the connection to the workers is lost; resume the sweep when they are back")
    error = future.exception()
    if error is None:
        return future.result()
    if isinstance(error, deaths):
        return ShardSummary(failure=Failure(f"its worker died ({type(error).__name__}); out of memory?"))
    if isinstance(error, ResultFilesError | UnwritableFileError | CannotCompileError):
        raise error
    words = printable_lines(str(error))
    raise ExecutorError(f"a worker cannot train: {type(error).__name__}: {words}") from error


def _after_death(shard: Shard, begun: bool) -> list[Shard]:
    """What to try instead of a shard whose worker died; nothing when its one run is to blame."""
    members = _from_last_part(shard, shard.members)
    if sum(member.step for member in members) > sum(member.step for member in shard.members):
        return plan(members, workers=1)
    if shard.deaths < (PATIENCE if begun else PATIENCE_BEFORE_BEGIN):
        return [replace(each, deaths=shard.deaths + 1) for each in plan(members, workers=1)]
    return _halves(shard)


def _halves(shard: Shard) -> list[Shard]:
    if len(shard.members) == 1:
        return []
    middle = (len(shard.members) + 1) // 2
    halves = (shard.members[:middle], shard.members[middle:])
    smaller = [each for half in halves for each in plan(_from_last_part(shard, half), workers=1)]
    return [replace(each, deaths=shard.deaths) for each in smaller]


def _from_last_part(shard: Shard, members: Sequence[Member]) -> list[Member]:
    """Runs of a shard from where its last part left them."""
    stored = {
        (folder, run.seed): run
        for folder in dict.fromkeys(member.folder for member in members)
        for run in known_runs(folder, part_name(shard))
        if run.status == UNFINISHED and run.step > 0
    }
    pairs = [(member, stored.get((member.folder, member.run.seed))) for member in members]
    return [replace(member, step=run.step, source=run.source) if run else member for member, run in pairs]
