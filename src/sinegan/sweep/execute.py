"""The one door for all work: trains the unfinished runs of configurations and writes their results."""

import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
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
    """

    observers: Sequence[Observer] = ()
    remark: Callable[[str], None] = lambda _: None
    progress: Callable[[Watcher], AbstractContextManager[object]] = nullcontext
    submitted: Callable[[], None] = lambda: None


SILENT = Hooks()


def execute(
    configurations: Sequence[Configuration],
    executor: ExecutorSettings,
    home: Path,
    hooks: Hooks = SILENT,
) -> Iterator[tuple[int, list[Failure]]]:
    """Trains all runs that have no result yet; yields each configuration when its results are written.

    Arguments:
        configurations: what to train; some or all of their runs may have results already.
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
    """
    settle_kernels()
    home = home.absolute()
    configurations = [replace(each, folder=each.folder.absolute()) for each in configurations]
    pending = _pending_runs(configurations)
    shards, executor, workers = _plan_shards(configurations, pending, executor, hooks.observers)
    ledger = _Ledger(pending)
    with _progress_folder(home) as folder, _remarks_at_end(hooks.remark) as remarks:
        watcher = Watcher(folder, sum(ledger.left), sum(shard.run_steps for shard in shards), len(pending))
        for line in _remarks_at_start(configurations, shards):
            hooks.remark(line)
        for place, configuration in enumerate(configurations):
            if pending[place]:
                begin_provenance(configuration)
            else:
                _tidy(configuration)
                yield place, []
        with executor.open() as pool, hooks.progress(watcher):
            scheduler = Scheduler(pool, shards, workers, watcher, executor.deaths, hooks.observers)
            scheduler.submit()
            hooks.submitted()
            for shard, summary in scheduler.results():
                watcher.shard_done(shard, Counter(summary.statuses))
                remarks |= dict.fromkeys(summary.remarks)
                for place in ledger.completed_by(shard, summary):
                    _publish(configurations[place])
                    watcher.configurations_done += 1
                    yield place, ledger.failures[place]


def _pending_runs(configurations: Sequence[Configuration]) -> list[list[PendingRun]]:
    """The unfinished runs of each configuration.

    Raises CannotResumeError when there are any, and the others were trained in another way.
    """
    known = [known_runs(configuration.folder) for configuration in configurations]
    pending = [
        unfinished_runs(place, configuration, known[place])
        for place, configuration in enumerate(configurations)
    ]
    if any(pending):
        pairs = zip(configurations, known, strict=True)
        changes = [changed_engine(each.folder, each.config, runs) for each, runs in pairs]
        changes += [changed_data(each.folder, each.config) for each in configurations]
        if any(changes):
            raise CannotResumeError("\n".join(filter(None, changes)))
    return pending


def _plan_shards(
    configurations: Sequence[Configuration],
    pending: Sequence[Sequence[PendingRun]],
    executor: ExecutorSettings,
    observers: Sequence[Observer],
) -> tuple[list[Shard], ExecutorSettings, int]:
    """The shards, the executor to train them with, and the number of its workers."""
    runs = [run for of_configuration in pending for run in of_configuration]
    on_gpu = any(each.run.setup.training.on_gpu for each in runs)
    if observers or (on_gpu and isinstance(executor, Local)):  # one process fills a GPU
        executor = Serial()
    workers = executor.worker_count if runs else 1

    def fit_width(run: PendingRun, width: int) -> int:
        return fitting_width(configurations[run.place].config, width, executor)

    shards = plan(runs, workers, fit_width)
    if len(shards) == 1 and isinstance(executor, Local) and workers > 1:
        return shards, executor, 1  # while it trains, this process can load the report
    return (shards, executor, workers) if len(shards) > 1 else (shards, Serial(), 1)


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


def _remarks_at_start(configurations: Sequence[Configuration], shards: Sequence[Shard]) -> list[str]:
    """How data was read, and why runs are not compiled; each line once."""
    of_targets = [line for each in configurations for line in each.config.target.remarks()]
    of_engine = filter(None, (why_eager(shard.runs[0].run.setup.training) for shard in shards))
    return [printable(line) for line in dict.fromkeys([*of_targets, *of_engine])]


class _Ledger:
    """The number of runs that each configuration still waits for, and its failures."""

    def __init__(self, pending: Sequence[Sequence[PendingRun]]) -> None:
        self.left = [len(runs) for runs in pending]
        self.failures: list[list[Failure]] = [[] for _ in pending]

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
