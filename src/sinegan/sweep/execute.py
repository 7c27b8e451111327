"""The one door for all work: trains configurations and files what comes out."""

import logging
import shutil
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, Future, as_completed
from dataclasses import dataclass, field
from pathlib import Path

from sinegan.sweep.executors import ExecutorSettings, Serial
from sinegan.sweep.plan import Configuration, Shard, plan
from sinegan.sweep.progress import FOLDER, Reporter, Watcher, shown
from sinegan.sweep.provenance import complete_provenance
from sinegan.sweep.record import FAILED, Recorder, merge_parts
from sinegan.training.loop import RUNNING, Evaluation, engine_settings, train
from sinegan.training.stack import Stack

log = logging.getLogger(__name__)

SECONDS_BETWEEN_PARTS = 10.0
"""How often a shard writes what it has: at most this much is lost when it dies."""

Observer = Callable[[Evaluation], None]


@dataclass
class Outcome:
    """What became of a configuration: the status of its runs, and why some failed."""

    statuses: Counter[str] = field(default_factory=Counter)
    errors: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class ShardSummary:
    """All that a worker sends back; the numbers are in the files."""

    statuses: tuple[str, ...]
    error: str | None = None


def train_shard(shard: Shard, home: Path, observers: Sequence[Observer] = ()) -> ShardSummary:
    """Trains the runs of a shard and writes their parts. Runs in a worker; never raises."""
    recorder = Recorder(shard, time.monotonic(), time.monotonic)
    reporter = Reporter(home, shard.number)
    written = time.monotonic()
    evaluation: Evaluation | None = None
    try:
        with engine_settings():
            stack = Stack(shard.runs, shard.width)
            for evaluation in train(stack):
                recorder.add(evaluation, stack)
                reporter.say(evaluation)
                for observer in observers:
                    observer(evaluation)
                if time.monotonic() > written + SECONDS_BETWEEN_PARTS and RUNNING in evaluation.status:
                    recorder.write(stack)
                    written = time.monotonic()
            recorder.write(stack)
    except Exception as error:
        log.exception("Shard %d failed", shard.number)
        message = f"{type(error).__name__}: {error}"
        recorder.write_failure(message)
        return ShardSummary((FAILED,) * len(shard.runs), message)
    assert evaluation is not None
    return ShardSummary(evaluation.status)


def execute(
    configurations: Sequence[Configuration],
    executor: ExecutorSettings,
    home: Path,
    observers: Sequence[Observer] = (),
) -> Iterator[tuple[int, Outcome]]:
    """Trains all runs of all configurations; yields each configuration's place when it is filed.

    home: the sweep's folder, or the configuration's own for a single one. observers see every
    evaluation, so with any of them all is trained in this process.
    """
    if observers:
        executor = Serial()
    shards = plan(configurations, executor.worker_count)
    if len(shards) == 1:
        executor = Serial()
    outcomes = [Outcome() for _ in configurations]
    missing = [configuration.config.seeds for configuration in configurations]
    steps = {shard.number: (len(shard.runs), shard.runs[0].config.training.steps) for shard in shards}
    watcher = Watcher(home, steps, len(configurations))
    try:
        with executor.open() as pool, shown(watcher):
            for shard, summary in _finished(pool, shards, home, observers):
                watcher.shard_done(shard.number, Counter(summary.statuses))
                for (place, _), status in zip(shard.members, summary.statuses, strict=True):
                    outcomes[place].statuses[status] += 1
                    missing[place] -= 1
                for place in dict.fromkeys(place for place, _ in shard.members):
                    if summary.error is not None:
                        outcomes[place].errors.append(summary.error)
                    if missing[place] == 0:
                        merge_parts(configurations[place].folder)
                        complete_provenance(configurations[place].folder)
                        watcher.configurations_done += 1
                        yield place, outcomes[place]
    finally:
        shutil.rmtree(home / FOLDER, ignore_errors=True)


def _finished(
    pool: Executor, shards: Sequence[Shard], home: Path, observers: Sequence[Observer]
) -> Iterator[tuple[Shard, ShardSummary]]:
    """Submits all shards and yields each with its summary when it is done."""
    waiting: dict[Future[ShardSummary], Shard] = {}
    for shard in shards:
        future = pool.submit(train_shard, shard, home, observers)
        if future.done():
            yield shard, _summary(future, shard)
        else:
            waiting[future] = shard
    for future in as_completed(waiting):
        yield waiting[future], _summary(future, waiting[future])


def _summary(future: "Future[ShardSummary]", shard: Shard) -> ShardSummary:
    """What a worker returned, or a failure of all its runs when the worker itself died."""
    error = future.exception()
    if error is None:
        return future.result()
    message = f"{type(error).__name__}: {error}"
    Recorder(shard, 0.0, lambda: 0.0).write_failure(message)
    return ShardSummary((FAILED,) * len(shard.runs), message)
