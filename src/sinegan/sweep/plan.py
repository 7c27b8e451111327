"""From configurations to shards: which runs train together."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sinegan.config import Config
from sinegan.statuses import FAILED, UNFINISHED
from sinegan.storage.results import KnownRun
from sinegan.sweep.memory import WIDEST, shard_width
from sinegan.training.signature import Run, Signature, signature

SHARDS_PER_WORKER = 4
"""With so many shards for each worker, it matters little that one shard ends last."""


@dataclass(frozen=True)
class Configuration:
    """One composed config and the folder that its results belong to.

    settings: the same config as plain values. overrides: its command, as `key=value` each. Both are stored
    as its provenance.
    """

    config: Config
    folder: Path
    settings: Mapping[str, Any] = field(default_factory=dict)
    overrides: Sequence[str] = ()


@dataclass(frozen=True)
class PendingRun:
    """A run that is still to be trained, from its beginning or from `step`.

    place: the position of its configuration in the sweep. source: the set of files that holds its state at
    `step`; None when the run has not begun. engine: the engine that trained the other runs of its
    configuration, which must train this one, too; empty for any.
    """

    place: int
    run: Run
    folder: Path
    step: int = 0
    source: Path | None = None
    engine: str = ""


@dataclass(frozen=True)
class Shard:
    """Runs that one worker trains as one stack, all from the same step."""

    number: int
    runs: tuple[PendingRun, ...]
    deaths: int = 0
    """The number of workers that have died with it since it last made progress."""

    @property
    def run_steps(self) -> int:
        """The work in it: the steps that are left, summed over its runs."""
        return sum(pending.run.setup.training.steps - pending.step for pending in self.runs)


def unfinished_runs(
    place: int, configuration: Configuration, known: Sequence[KnownRun], retry: bool = True
) -> list[PendingRun]:
    """The runs of a configuration that have no result yet.

    Arguments:
        place: the position of the configuration in the sweep.
        configuration: the configuration.
        known: the runs that its files hold.
        retry: whether failed runs are tried again.
    """
    known_by_seed = {run.seed: run for run in known}
    engine = next((run.engine for run in known if run.engine), "")
    setup, pending = configuration.config.setup, []
    for seed in configuration.config.all_seeds:
        run = Run(setup, seed)
        stored = known_by_seed.get(seed)
        if (
            stored is None
            or (stored.status == UNFINISHED and stored.step == 0)
            or (stored.status == FAILED and retry)
        ):
            pending.append(PendingRun(place, run, configuration.folder, engine=engine))
        elif stored.status == UNFINISHED:
            pending.append(PendingRun(place, run, configuration.folder, stored.step, stored.source, engine))
    return pending


def plan(
    runs: Sequence[PendingRun], workers: int, fit_width: Callable[[PendingRun, int], int] | None = None
) -> list[Shard]:
    """Cuts runs into shards by signature and step: as wide as useful, but enough shards for all workers.

    A group of one signature need not occupy all workers alone when the sweep has several shards of the
    greatest width for each worker.

    fit_width: takes a run and the wanted width of its shard, and returns the width that fits into memory.
    """
    groups: dict[tuple[Signature, int], list[PendingRun]] = {}
    for pending in runs:
        groups.setdefault((signature(pending.run.setup), pending.step), []).append(pending)
    shards: list[Shard] = []
    for (shared, _), group in groups.items():
        width = max(
            shard_width(count, workers, WIDEST[shared.device])
            for count in (len(group), len(runs) // SHARDS_PER_WORKER)
        )
        if fit_width is not None:
            width = fit_width(group[0], width)
        for first in range(0, len(group), width):
            shards.append(Shard(len(shards), tuple(group[first : first + width])))
    return shards


def part_name(shard: Shard) -> str:
    """The name of the parts that a shard writes; no other shard of the sweep has it."""
    return f"{shard.number:06d}"
