"""Whether a configuration fits into memory, estimated before anything is created."""

import dataclasses
import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, NamedTuple

from sinegan.config import Config
from sinegan.designs import Sequential
from sinegan.sweep.executors import ExecutorSettings, Local
from sinegan.sweep.room import Room, free_memory, free_on_gpu
from sinegan.training.footprint import command_bytes, worker_bytes
from sinegan.training.signature import is_compiled
from sinegan.training.sizes import player_sizes

WIDEST = {"cpu": 8, "cuda": 1024}
"""The greatest width of a shard, in runs: eight tutorial games fit a level-2 cache; a GPU needs many."""

GIB = 2**30
SMALL = GIB / 8
"""A need up to this is not compared with the free memory: Python and PyTorch alone take more."""

NEAR = 0.01
"""The relative accuracy of the value that would fit."""


class Need(NamedTuple):
    """The memory that training needs. worker: bytes in each of `workers` processes. total: bytes in all."""

    workers: int
    worker: float
    total: float

    def share(self, room: Room) -> float:
        """The share of the free memory; up to 1 it fits."""
        return max(self.total / max(room.here, 1.0), self.worker / max(room.each, 1.0))


class Place(NamedTuple):
    """Workers and their memory. elsewhere: on other machines. compiled: whether they compile the step."""

    room: Room
    workers: int
    elsewhere: bool = False
    compiled: bool = False

    def need(self, config: Config, runs: int, all_busy: bool = False) -> Need:
        """The need of shards of `runs` runs. all_busy: as in a sweep that has shards for all workers."""
        shards = -(-config.most_seeds // runs)
        worker = worker_bytes(config.setup, runs, self.compiled)
        command = command_bytes(config.setup, config.most_seeds, shards)
        workers = self.workers if all_busy else min(self.workers, shards)
        return Need(workers, worker, command if self.elsewhere else command + workers * worker)

    def least_need(self, config: Config) -> Need:
        """The smallest need among the widths that the shards of a configuration may have."""
        device = "cuda" if config.training.on_gpu else "cpu"
        widest = shard_width(config.most_seeds, self.workers, WIDEST[device])
        return min(
            (self.need(config, runs) for runs in halved(widest)), key=lambda need: need.share(self.room)
        )

    def share(self, config: Config) -> float:
        """The share of the free memory that a configuration needs at least."""
        return self.least_need(config).share(self.room)


def problems(config: Config, executor: ExecutorSettings) -> Iterator[str]:
    """The reason why a configuration is too large, in a line: the estimate, the free memory, the remedy."""
    try:
        player_sizes(config.network, config.target.points)
    except Exception as error:  # a user's network may raise anything
        name = type(config.network).__name__
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        yield f"network = {name}: cannot be built for {config.target.points} points ({reason})"
        return
    place = _place(config, executor)
    if place is not None and place.share(config) > 1:
        yield _refusal(config, place)


def fitting_width(config: Config, width: int, executor: ExecutorSettings) -> int:
    """The greatest width of a shard, up to `width`, for which all workers fit into memory.

    When none fits, the width that needs least.
    """
    place = _place(config, executor)
    if place is None:
        return width
    shares = {runs: place.need(config, runs, all_busy=True).share(place.room) for runs in halved(width)}
    return next((runs for runs, share in shares.items() if share <= 1), min(shares, key=shares.__getitem__))


def shard_width(runs: int, workers: int, widest: int) -> int:
    """The largest power of two, no more than `widest`, that leaves no worker without a shard.

    >>> [shard_width(runs, 2, widest=8) for runs in (1, 2, 8, 16, 100)]
    [1, 1, 4, 8, 8]
    """
    return next(width for width in halved(widest) if width == 1 or runs >= width * workers)


def halved(width: int) -> list[int]:
    """A power of two and all smaller ones.

    >>> halved(8)
    [8, 4, 2, 1]
    """
    return [width >> times for times in range(width.bit_length())]


def _place(config: Config, executor: ExecutorSettings) -> Place | None:
    """The workers for a configuration; None when it is so small that it fits anywhere."""
    each = executor.memory_each
    if each is not None:
        return Place(Room(free_memory().here, each), 1, elsewhere=True)
    on_gpu = config.training.on_gpu
    alone = config.plot.live or config.plot.text or (on_gpu and isinstance(executor, Local))
    place = Place(Room(), 1 if alone else executor.worker_count)
    if place.need(config, WIDEST["cuda" if on_gpu else "cpu"], all_busy=True).total < SMALL:
        return None
    if on_gpu:
        return place._replace(room=free_on_gpu())
    return place._replace(room=free_memory(), compiled=is_compiled(config.setup))


class Size(NamedTuple):
    """A setting that memory depends on.

    least: the value with the smallest need. changed: gives the config with another value.
    """

    key: str
    shown: str
    value: int
    least: int
    changed: Callable[[int], Config]

    @property
    def verb(self) -> str:
        return "lower" if self.least < self.value else "raise"


def _refusal(config: Config, place: Place) -> str:
    """The setting that needs the most memory, the need, and the remedy."""
    sizes = sorted(_sizes(config), key=lambda size: place.share(size.changed(size.least)))
    first = sizes[0]
    remedy = f"{first.verb} it"
    if place.share(first.changed(first.least)) > 1:
        remedy += f", and {sizes[1].key}"
    else:
        remedy += f" to about {_fitting(first, place):,}"
    need, other_remedy = _shortage(config, place)
    return f"{first.key} = {first.shown}: needs {need}; {remedy}{other_remedy}"


def _shortage(config: Config, place: Place) -> tuple[str, str]:
    """The need and the memory that there is, in words, and a remedy that is no setting of the game."""
    need, room = place.least_need(config), place.room
    share_of_worker, share_of_all = need.worker / room.each, need.total / room.here
    if place.elsewhere and share_of_worker >= share_of_all:
        words = f"about {_gib(need.worker)} of memory in a worker, which has {_gib(room.each)}"
        return words, ", or raise executor.memory"
    if share_of_worker > share_of_all:
        words = f"about {_gib(need.worker)} of memory in a process, which may take {_gib(room.each)}"
        return words, ", or raise ulimit -v"
    parts = [f"{_gib(need.worker)} in each of {need.workers} workers"] if need.workers > 1 else []
    joining = need.total - need.workers * need.worker * (not place.elsewhere)
    parts += [f"{_gib(joining)} to join their results"] if joining > SMALL else []
    breakdown = f" ({', '.join(parts)})" if parts else ""
    fewer = [n for n in range(1, need.workers) if place._replace(workers=n).share(config) <= 1]
    words = f"about {_gib(need.total)} of memory{breakdown}, and {_gib(room.here)} are free"
    return words, f", or executor.workers to {fewer[-1]}" if fewer else ""


def _fitting(size: Size, place: Place) -> int:
    """The value nearest to the present one that fits, rounded to two digits on the safe side."""
    fits, too_much = float(size.least), float(size.value)
    while abs(too_much - fits) > max(1.0, NEAR * fits):
        middle = math.floor(math.sqrt(fits * too_much))
        if middle in (fits, too_much):
            break
        fits, too_much = (middle, too_much) if place.share(size.changed(middle)) <= 1 else (fits, middle)
    unit = int(10 ** max(0, len(str(int(fits))) - 2))
    return unit * (-(-int(fits) // unit) if size.least > size.value else int(fits) // unit)


def _sizes(config: Config) -> Iterator[Size]:
    """All settings that may be too large."""

    def of(part: str, key: str, least: int) -> Size:
        group: Any = getattr(config, part)
        value = getattr(group, key)

        def changed(number: int) -> Config:
            entries: Any = tuple(min(each, number) for each in value) if isinstance(value, tuple) else number
            changed_group: Any = replace(group, **{key: entries})
            return replace(config, **{part: changed_group})

        largest = max(value) if isinstance(value, tuple) else value
        shown = str([*value]) if isinstance(value, tuple) else str(value)
        shown = shown if len(shown) <= 60 else f"{shown[:57]}..."
        return Size(f"{part}.{key}", shown, largest, least, changed)

    training = config.training
    yield of("training", "batch_size", 1)
    yield of("training", "discriminator_steps", 1)
    yield of("training", "evaluation_samples", 2)
    if training.evaluate_every < training.steps:
        yield of("training", "evaluate_every", training.steps)
    if config.pictured and config.plot.every < training.steps:
        yield of("plot", "every", training.steps)
    for part in ("network", "target"):
        for field in dataclasses.fields(getattr(config, part)):
            value = getattr(getattr(config, part), field.name)
            numbers = value if isinstance(value, tuple) else (value,)
            if field.init and numbers and all(type(number) is int for number in numbers):
                allowed = field.metadata.get("allowed")
                yield of(part, field.name, int(getattr(allowed, "at_least", None) or 1))
    yield _seeds(config)


def _seeds(config: Config) -> Size:
    design = config.decide
    if not isinstance(design, Sequential):
        return Size("seeds", str(config.seeds), config.seeds, 1, lambda n: replace(config, seeds=n))

    def changed(most: int) -> Config:
        return replace(config, decide=replace(design, most=most))

    return Size("decide.most", str(design.most), design.most, design.first, changed)


def _gib(size: float) -> str:
    """Bytes in words.

    >>> [_gib(size) for size in (2**20, 1.26 * 2**30, 2500 * 2**30, 1e30)]
    ['1 MiB', '1.3 GiB', '2,500 GiB', 'more than a million GiB']
    """
    if size < GIB:
        return f"{size / 2**20:.0f} MiB"
    if size > 1e6 * GIB:
        return "more than a million GiB"
    return f"{size / GIB:,.1f} GiB" if size < 10 * GIB else f"{size / GIB:,.0f} GiB"
