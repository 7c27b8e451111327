"""From configurations to shards: which runs train together."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sinegan.config import Config
from sinegan.training.stack import Run, Signature, signature

WIDEST = 8
"""Runs in a shard at most: eight of the tutorial's games fit a level-2 cache."""


@dataclass(frozen=True)
class Configuration:
    """One composed config and the folder that its results belong to."""

    config: Config
    folder: Path


@dataclass(frozen=True)
class Shard:
    """Runs that one worker trains as one stack.

    members: the configuration's place in the sweep and the seed of each run. width: lanes of the
    program; those beyond the runs are padding, so that compiled programs are few.
    """

    number: int
    members: tuple[tuple[int, int], ...]
    runs: tuple[Run, ...]
    folders: tuple[Path, ...]
    width: int


def plan(configurations: Sequence[Configuration], workers: int) -> list[Shard]:
    """Cuts all runs into shards: by signature, in order, wide, but enough to keep all workers busy."""
    groups: dict[Signature, list[tuple[int, int]]] = {}
    for place, configuration in enumerate(configurations):
        members = groups.setdefault(signature(configuration.config), [])
        members += [(place, seed) for seed in configuration.config.all_seeds]
    shards: list[Shard] = []
    for shared, members in groups.items():
        width = shard_width(len(members), workers)
        for first in range(0, len(members), width):
            chosen = tuple(members[first : first + width])
            runs = tuple(Run(configurations[place].config, seed) for place, seed in chosen)
            folders = tuple(configurations[place].folder for place, _ in chosen)
            lanes = width if shared.compiled else len(chosen)
            shards.append(Shard(len(shards), chosen, runs, folders, lanes))
    return shards


def shard_width(runs: int, workers: int) -> int:
    """The largest power of two, no more than WIDEST, that leaves no worker without a shard.

    >>> [shard_width(runs, 2) for runs in (1, 2, 8, 16, 100)]
    [1, 1, 4, 8, 8]
    """
    width = WIDEST
    while width > 1 and runs < width * workers:
        width //= 2
    return width
