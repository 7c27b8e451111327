"""The one door for all work: trains the unfinished runs of configurations and writes their results."""

import math
import shutil
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple
from uuid import uuid4

from sinegan.printable import printable
from sinegan.storage.files import refuse_link, writing
from sinegan.storage.results import PARTS, known_runs, remove_leftovers
from sinegan.storage.sweep_folder import PROGRESS
from sinegan.sweep.executors import ExecutorSettings, Local, Serial
from sinegan.sweep.memory import fitting_width
from sinegan.sweep.plan import Configuration, PendingRun, Shard, plan, unfinished_runs
from sinegan.sweep.progress import Watcher
from sinegan.sweep.provenance import begin_provenance, complete_provenance
from sinegan.sweep.record import merge_parts
from sinegan.sweep.resume import CannotResumeError, changed_data, changed_engine
from sinegan.sweep.scheduler import Scheduler
from sinegan.sweep.worker import Failure, Observer, ShardSummary, settle_kernels
from sinegan.training.signature import why_eager


@dataclass(frozen=True)
class Hooks:
    """The caller's part in a sweep; without any of it, training is silent.

    observers: see every evaluation; with any of them, everything is trained in this process.
    remark: takes each line that the user should read.
    progress: makes a context manager that shows the progress while shards train.
    submitted: is called once, when the workers have their first shards.
    deadline: the `time.monotonic()` at which training stops with an OutOfTimeError.
    """

    observers: Sequence[Observer] = ()
    remark: Callable[[str], None] = lambda _: None
    progress: Callable[[Watcher], AbstractContextManager[object]] = nullcontext
    submitted: Callable[[], None] = lambda: None
    deadline: float = math.inf


SILENT = Hooks()


class Round(NamedTuple):
    """Configurations to train, by their positions in the sweep.

    title: as `Watcher` has it. last: whether no other round can follow.
    """

    configurations: Mapping[int, Configuration]
    title: str = ""
    last: bool = True


def execute(
    configurations: Sequence[Configuration],
    executor: ExecutorSettings,
    home: Path,
    hooks: Hooks = SILENT,
) -> Iterator[tuple[int, list[Failure]]]:
    """Trains all configurations in one round: as `execute_rounds`."""
    only = Round(dict(enumerate(configurations)))
    return execute_rounds([only], len(configurations), executor, home, hooks)


def execute_rounds(
    rounds: Iterable[Round],
    count: int,
    executor: ExecutorSettings,
    home: Path,
    hooks: Hooks = SILENT,
) -> Iterator[tuple[int, list[Failure]]]:
    """Trains all runs that have no result yet; yields each configuration when its results are written.

    Arguments:
        rounds: what to train, round by round; some or all of the runs may have results already. The next
            round is asked for when all runs of the one before have ended.
        count: the number of configurations of the sweep.
        executor: where to train.
        home: the sweep's folder, or the configuration's own folder for a single one.
        hooks: the caller's part.

    Yields:
        The position of a configuration, and a failure for each of its shards that failed.

    Raises:
        CannotResumeError: before anything is written, when runs are unfinished and the others were trained
            by another engine than this machine's, or on other data.
        ExecutorError: the executor cannot be used.
        UnwritableFileError, ResultFilesError: files cannot be written, or are not what was written.
        CannotCompileError: compiling was required and is not possible.
        OutOfTimeError: at the deadline.
    """
    settle_kernels()
    home, later = home.absolute(), iter(rounds)
    first = next(later)
    executor, workers = _for_observers(first, executor, hooks.observers)
    work = _plan_work(first, executor, workers)
    if first.last:
        executor, workers = _for_few_shards(work, executor, workers)
    with _progress_folder(home) as folder, _remarks_at_end(hooks.remark) as remarks:
        watcher = Watcher(folder, 0, 0, count)
        for line in _remarks_at_start(work):
            hooks.remark(line)
        yield from _complete_ended(work)
        with executor.open() as pool, hooks.progress(watcher):
            scheduler = Scheduler(pool, workers, watcher, executor.deaths, hooks.observers, hooks.deadline)
            yield from _train(work, scheduler, watcher, remarks, hooks.submitted)
            for each in later:
                work = _plan_work(each, executor, workers, is_first=False)
                yield from _complete_ended(work, is_first=False)
                yield from _train(work, scheduler, watcher, remarks)


class _Work(NamedTuple):
    """The work of a round. pending: the unfinished runs of each configuration. shards: all of these."""

    title: str
    configurations: Mapping[int, Configuration]
    pending: Mapping[int, Sequence[PendingRun]]
    shards: Sequence[Shard]


def _plan_work(each: Round, executor: ExecutorSettings, workers: int, is_first: bool = True) -> _Work:
    """The work of a round. Only the first one of a command tries failed runs again.

    Raises CannotResumeError when runs are unfinished, and the others were trained in another way.
    """
    configurations = {
        place: replace(configuration, folder=configuration.folder.absolute())
        for place, configuration in each.configurations.items()
    }
    known = {place: known_runs(configuration.folder) for place, configuration in configurations.items()}
    pending = {
        place: unfinished_runs(place, configuration, known[place], retry=is_first)
        for place, configuration in configurations.items()
    }
    if any(pending.values()):
        changes = [changed_engine(c.folder, c.config, known[place]) for place, c in configurations.items()]
        changes += [changed_data(c.folder, c.config) for c in configurations.values()]
        if any(changes):
            raise CannotResumeError("\n".join(filter(None, changes)))

    def fit_width(run: PendingRun, width: int) -> int:
        return fitting_width(configurations[run.place].config, width, executor)

    runs = [run for of_configuration in pending.values() for run in of_configuration]
    return _Work(each.title, configurations, pending, plan(runs, workers if runs else 1, fit_width))


def _for_observers(
    first: Round, executor: ExecutorSettings, observers: Sequence[Observer]
) -> tuple[ExecutorSettings, int]:
    """The executor to train with, and the number of its workers. One process fills a GPU."""
    on_gpu = any(each.config.training.on_gpu for each in first.configurations.values())
    if observers or (on_gpu and isinstance(executor, Local)):
        executor = Serial()
    return executor, executor.worker_count


def _for_few_shards(work: _Work, executor: ExecutorSettings, workers: int) -> tuple[ExecutorSettings, int]:
    """The same for work of a single round, which may be too little for several workers."""
    if len(work.shards) > 1:
        return executor, workers
    if work.shards and isinstance(executor, Local) and workers > 1:
        return executor, 1  # while it trains, this process can load the report
    return Serial(), 1


def _complete_ended(work: _Work, is_first: bool = True) -> Iterator[tuple[int, list[Failure]]]:
    """Yields the configurations whose runs have all ended, complete; begins the record of the others."""
    for place, configuration in work.configurations.items():
        if work.pending[place]:
            begin_provenance(configuration, is_resume=is_first)
        else:
            _tidy(configuration)
            yield place, []


def _train(
    work: _Work,
    scheduler: Scheduler,
    watcher: Watcher,
    remarks: dict[str, None],
    submitted: Callable[[], None] = lambda: None,
) -> Iterator[tuple[int, list[Failure]]]:
    """Trains the shards of a round; yields as `execute` does.

    Arguments:
        work: the round.
        scheduler: trains the shards.
        watcher: counts what is done.
        remarks: collects the workers' remarks.
        submitted: is called when the workers have their first shards.
    """
    ledger = _Ledger(work.pending)
    watcher.title = work.title
    watcher.add_work(sum(ledger.left.values()), sum(shard.run_steps for shard in work.shards))
    watcher.configurations_done += sum(not runs for runs in work.pending.values())
    scheduler.add(work.shards)
    submitted()
    for shard, summary in scheduler.results():
        watcher.shard_done(shard, Counter(summary.statuses))
        remarks |= dict.fromkeys(summary.remarks)
        for place in ledger.completed_by(shard, summary):
            _publish(work.configurations[place])
            watcher.configurations_done += 1
            yield place, ledger.failures[place]


@contextmanager
def _progress_folder(home: Path) -> Iterator[Path]:
    """A new folder for the progress files of this command, removed at the end."""
    refuse_link(home / PROGRESS)
    shutil.rmtree(home / PROGRESS, ignore_errors=True)
    folder = home / PROGRESS / uuid4().hex[:8]
    with writing(folder):
        folder.mkdir(parents=True)
    try:
        yield folder
    finally:
        shutil.rmtree(home / PROGRESS, ignore_errors=True)


@contextmanager
def _remarks_at_end(remark: Callable[[str], None]) -> Iterator[dict[str, None]]:
    """Collects lines as keys; makes each remark once, at the end, when no progress is shown any more."""
    lines: dict[str, None] = {}
    try:
        yield lines
    finally:
        for line in lines:
            remark(printable(line))


def _remarks_at_start(work: _Work) -> list[str]:
    """How data was read, and why runs are not compiled; each line once."""
    of_targets = [line for each in work.configurations.values() for line in each.config.target.remarks()]
    of_engine = filter(None, (why_eager(shard.runs[0].run.setup) for shard in work.shards))
    return [printable(line) for line in dict.fromkeys([*of_targets, *of_engine])]


class _Ledger:
    """The number of runs that each configuration still waits for, and its failures."""

    def __init__(self, pending: Mapping[int, Sequence[PendingRun]]) -> None:
        self.left = {place: len(runs) for place, runs in pending.items()}
        self.failures: dict[int, list[Failure]] = {place: [] for place in pending}

    def completed_by(self, shard: Shard, summary: ShardSummary) -> list[int]:
        """Records a shard that has ended; returns the configurations that wait for no other."""
        counts = Counter(pending.place for pending in shard.runs)
        for place, count in counts.items():
            self.left[place] -= count
            if summary.failure is not None:
                self.failures[place].append(summary.failure)
        return [place for place in counts if not self.left[place]]


def _publish(configuration: Configuration) -> None:
    """Joins the parts of a configuration whose runs have all ended, and completes its provenance."""
    engines = merge_parts(configuration.folder, configuration.config.target)
    complete_provenance(configuration.folder, engines)


def _tidy(configuration: Configuration) -> None:
    """Completes a configuration whose runs ended in an earlier command, which may have been killed."""
    if (configuration.folder / PARTS).exists():
        _publish(configuration)
    remove_leftovers(configuration.folder)
