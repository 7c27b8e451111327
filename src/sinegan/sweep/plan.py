"""From configurations to shards: which runs train together."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sinegan.config import Config
from sinegan.storage.results import FAILED, UNFINISHED, KnownRun
from sinegan.sweep.memory import WIDEST, shard_width
from sinegan.training.signature import Run, Signature, signature

SEVERAL = 4
"""Shards for each worker, with which it matters little that one of them is the last."""


@dataclass(frozen=True)
class Configuration:
    """One composed config and the folder that its results belong to.

    settings: the same as plain values; overrides: those of its command, `key=value`. Both are
    filed as its provenance.
    """

    config: Config
    folder: Path
    settings: Mapping[str, Any] = field(default_factory=dict)
    overrides: Sequence[str] = ()


@dataclass(frozen=True)
class Member:
    """A run that has yet to be trained, or the rest of it.

    place: of its configuration in the sweep. source: the set of files that holds its state at
    `step`; None when it has not begun. engine: which it has to be trained by, as the other runs of its
    configuration were; empty for any.
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
    members: tuple[Member, ...]
    deaths: int = 0
    """How many workers have died with it since it came further."""

    @property
    def run_steps(self) -> int:
        """The work in it: runs times steps."""
        return sum(member.run.setup.training.steps - member.step for member in self.members)


def missing(place: int, configuration: Configuration, known_before: Sequence[KnownRun]) -> list[Member]:
    """The runs of a configuration that have no result yet; a failed one is tried again.

    known_before: those that its files know of.
    """
    stored = {known.seed: known for known in known_before}
    engine = next((known.engine for known in known_before if known.engine), "")
    members = []
    for seed in configuration.config.all_seeds:
        run = Run(configuration.config.setup, seed)
        known = stored.get(seed)
        if known is None or known.status == FAILED or (known.status == UNFINISHED and known.step == 0):
            members.append(Member(place, run, configuration.folder, engine=engine))
        elif known.status == UNFINISHED:
            members.append(Member(place, run, configuration.folder, known.step, known.source, engine))
    return members


def plan(
    members: Sequence[Member], workers: int, narrowed: Callable[[Member, int], int] | None = None
) -> list[Shard]:
    """Cuts runs into shards: by signature and step, in order, wide, but enough for all workers.

    Where there are several shards of the widest for each worker, a group alone need not occupy them all.
    narrowed: the width that there is memory for, from a run and the width that is wanted.
    """
    groups: dict[tuple[Signature, int], list[Member]] = {}
    for member in members:
        groups.setdefault((signature(member.run.setup), member.step), []).append(member)
    shards: list[Shard] = []
    for (shared, _), group in groups.items():
        of_this, of_all = (
            shard_width(runs, workers, WIDEST[shared.device])
            for runs in (len(group), len(members) // SEVERAL)
        )
        width = max(of_this, of_all)
        if narrowed is not None:
            width = narrowed(group[0], width)
        for first in range(0, len(group), width):
            shards.append(Shard(len(shards), tuple(group[first : first + width])))
    return shards


def part_name(shard: Shard) -> str:
    """What the parts that a shard writes are called; no other shard of the sweep writes such."""
    return f"{shard.number:06d}"
