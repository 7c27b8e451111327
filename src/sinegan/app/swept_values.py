"""The values that swept overrides stand for, and what no sweeper can make jobs of."""

import math
from collections.abc import Iterable, Iterator, Sequence
from itertools import product

from hydra.core.override_parser.types import Glob, IntervalSweep, Override, RangeSweep
from omegaconf import DictConfig

from hydra_plugins.grid_sweeper.grid_sweeper import MOST, NOT_CONTINUOUS, TOO_MANY, texts_of
from sinegan.app.problems import Job

SEEDS = ("seed", "seeds")
CHECKED = 2_000
"""The most jobs that are checked before the launcher, which checks those of a larger sweep."""


def points_of(override: Override) -> list[str]:
    """The overrides of single values that a swept one stands for; of an interval, those at its ends."""
    key, value = override.get_key_element(), override.value()
    if not override.is_sweep_override():
        return [str(override.input_line)]
    if isinstance(value, IntervalSweep):
        assert value.start is not None
        assert value.end is not None
        whole = isinstance(value.start, int) and isinstance(value.end, int)
        last = value.end if whole else math.nextafter(value.end, value.start)
        return [f"{key}={value.start}", f"{key}={last}"]
    return [f"{key}={text}" for text in texts_of(override)]


def last_mentions(overrides: Iterable[Override]) -> list[Override]:
    return list({override.get_key_element(): override for override in overrides}.values())


def sweep_problem(override: Override, searching: bool) -> list[str]:
    """What keeps a sweeper from taking the values of an override."""
    if not override.is_sweep_override():
        return []
    value = override.value()
    line = str(override.input_line)
    if isinstance(value, IntervalSweep) and not searching:
        return [f"{line}: {NOT_CONTINUOUS}"]
    if isinstance(value, Glob) and searching:
        return [f"{line}: a search takes no glob(); list the choices"]
    if isinstance(value, RangeSweep) and not value.step:
        return [f"{line}: must have a step other than 0"]
    found = points_of(override)
    if not found:
        return [f"{line}: has no value; give at least one"]
    if len(found) > MOST:
        return [f"{line}: {TOO_MANY}"]
    return []


def search_problems(overrides: Sequence[Override]) -> Iterator[str]:
    """A search for the best configuration must not choose among seeds: it would pick the luckiest."""
    for override in overrides:
        key = override.key_or_group
        if key in SEEDS and override.is_sweep_override():
            yield f"{key}: a search must not choose among seeds; seeds=N trains N runs of every trial"


def at_limits(points: Sequence[Sequence[str]]) -> list[Job]:
    """All combinations; of too many, each value with the first of the others."""
    if math.prod(map(len, points)) <= CHECKED:
        return list(product(*points))
    first = [texts[0] for texts in points]
    return [(*first[:at], text, *first[at + 1 :]) for at, texts in enumerate(points) for text in texts]


def count_problems(settings: DictConfig) -> Iterator[str]:
    for name in ("max_batch_size", "n_trials", "n_jobs"):
        value = settings.get(name)
        if value is not None and value < 1:
            yield f"hydra.sweeper.{name} = {value}: must be a whole number at least 1"
