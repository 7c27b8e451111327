"""Whether a configuration fits into the memory there is, before anything of it is made."""

import dataclasses
import math
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from sinegan.config import Config
from sinegan.sweep.executors import ExecutorSettings, Local
from sinegan.sweep.room import Room, free_memory, free_on_gpu
from sinegan.training.footprint import command_bytes, player_sizes, worker_bytes
from sinegan.training.signature import is_compiled

WIDEST = {"cpu": 8, "cuda": 1024}
"""Runs in a shard at most: eight of the tutorial's games fit a level-2 cache; a GPU wants many."""

GIB = 2**30
SMALL = GIB / 8
"""What needs no more than this is not held against what is free: Python and PyTorch alone take more."""

NEAR = 0.01
"""How exactly the setting that would fit is sought."""


class Way(NamedTuple):
    """A way to train a configuration: so many workers at once, so many bytes in each, and in all."""

    workers: int
    worker: float
    total: float

    def share(self, room: Room) -> float:
        """Of what is free; it fits up to 1."""
        return max(self.total / max(room.here, 1.0), self.worker / max(room.each, 1.0))


class Place(NamedTuple):
    """Where a configuration trains: workers, on this machine or others, with the memory that they have."""

    room: Room
    workers: int
    elsewhere: bool = False
    compiled: bool = False

    def way(self, config: Config, runs: int, all_busy: bool = False) -> Way:
        """With so many runs in a shard. all_busy: as in a sweep, that has shards for every worker."""
        shards = -(-config.seeds // runs)
        worker = worker_bytes(config.setup, runs, self.compiled)
        command = command_bytes(config.setup, config.seeds, shards)
        workers = self.workers if all_busy else min(self.workers, shards)
        return Way(workers, worker, command if self.elsewhere else command + workers * worker)

    def best(self, config: Config) -> Way:
        """The one that takes least, of those that a configuration alone may be cut in."""
        device = "cuda" if config.training.on_gpu else "cpu"
        widest = shard_width(config.seeds, self.workers, WIDEST[device])
        return min((self.way(config, runs) for runs in halved(widest)), key=lambda way: way.share(self.room))

    def share(self, config: Config) -> float:
        return self.best(config).share(self.room)


def problems(config: Config, executor: ExecutorSettings) -> Iterator[str]:
    """What is wrong with the sizes of a configuration, a line: the estimate, what is free, what to lower."""
    try:
        player_sizes(config.network, config.target.points)
    except Exception as error:  # whatever a network of the user's raises
        name = type(config.network).__name__
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        yield f"network = {name}: cannot be built for {config.target.points} points ({reason})"
        return
    place = _place(config, executor)
    if place is not None and place.share(config) > 1:
        yield _refusal(config, place)


def narrowed(config: Config, width: int, executor: ExecutorSettings) -> int:
    """The widest shard, no wider than `width`, of which every worker can hold one; else what takes least."""
    place = _place(config, executor)
    if place is None:
        return width
    shares = {runs: place.way(config, runs, all_busy=True).share(place.room) for runs in halved(width)}
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
    """None for what is so small that nothing has to be asked."""
    each = executor.memory_each
    if each is not None:
        return Place(Room(free_memory().here, each), 1, elsewhere=True)
    on_gpu = config.training.on_gpu
    alone = config.plot.live or config.plot.text or (on_gpu and isinstance(executor, Local))
    place = Place(Room(), 1 if alone else executor.worker_count)
    if place.way(config, WIDEST["cuda" if on_gpu else "cpu"], all_busy=True).total < SMALL:
        return None
    if on_gpu:
        return place._replace(room=free_on_gpu())
    return place._replace(room=free_memory(), compiled=is_compiled(config.training))


class Size(NamedTuple):
    """A setting that memory depends on, and the value with which least is needed."""

    key: str
    shown: str
    value: int
    least: int
    changed: Callable[[int], Config]

    @property
    def verb(self) -> str:
        return "lower" if self.least < self.value else "raise"


def _refusal(config: Config, place: Place) -> str:
    """The setting that the most memory is for, how much that is, and what to do."""
    sizes = sorted(_sizes(config), key=lambda size: place.share(size.changed(size.least)))
    first = sizes[0]
    remedy = f"{first.verb} it"
    if place.share(first.changed(first.least)) > 1:
        remedy += f", and {sizes[1].key}"
    else:
        remedy += f" to about {_fitting(first, place):,}"
    way, room = place.best(config), place.room
    if place.elsewhere and way.worker / room.each >= way.total / room.here:
        what = f"about {_gib(way.worker)} of memory in a worker, which has {_gib(room.each)}"
        remedy += ", or raise executor.memory"
    elif way.worker / room.each > way.total / room.here:
        what = f"about {_gib(way.worker)} of memory in a process, which may take {_gib(room.each)}"
        remedy += ", or raise ulimit -v"
    else:
        parts = [f"{_gib(way.worker)} in each of {way.workers} workers"] if way.workers > 1 else []
        joining = way.total - way.workers * way.worker * (not place.elsewhere)
        parts += [f"{_gib(joining)} to join their results"] if joining > SMALL else []
        of_which = f" ({', '.join(parts)})" if parts else ""
        what = f"about {_gib(way.total)} of memory{of_which}, and {_gib(room.here)} are free"
        fewer = [n for n in range(1, way.workers) if place._replace(workers=n).share(config) <= 1]
        remedy += f", or executor.workers to {fewer[-1]}" if fewer else ""
    return f"{first.key} = {first.shown}: needs {what}; {remedy}"


def _fitting(size: Size, place: Place) -> int:
    """The value nearest to the present one that fits, to two digits on the safe side."""
    fits, too_much = float(size.least), float(size.value)
    while abs(too_much - fits) > max(1.0, NEAR * fits):
        middle = math.floor(math.sqrt(fits * too_much))
        if middle in (fits, too_much):
            break
        fits, too_much = (middle, too_much) if place.share(size.changed(middle)) <= 1 else (fits, middle)
    unit = int(10 ** max(0, len(str(int(fits))) - 2))
    return unit * (-(-int(fits) // unit) if size.least > size.value else int(fits) // unit)


def _sizes(config: Config) -> Iterator[Size]:
    """Every setting that may be what is too large."""

    def of(part: str, key: str, least: int) -> Size:
        group: Any = getattr(config, part)
        value = getattr(group, key)

        def changed(number: int) -> Config:
            entries: Any = tuple(min(each, number) for each in value) if isinstance(value, tuple) else number
            changed_group: Any = dataclasses.replace(group, **{key: entries})
            return dataclasses.replace(config, **{part: changed_group})

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
    yield Size("seeds", str(config.seeds), config.seeds, 1, lambda n: dataclasses.replace(config, seeds=n))


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
