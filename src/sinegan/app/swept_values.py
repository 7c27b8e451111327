"""The values that swept overrides stand for, and the overrides that no sweeper can make jobs of."""

import math
from collections.abc import Iterable, Iterator, Sequence
from itertools import product

from hydra.core.override_parser.types import Glob, IntervalSweep, Override, RangeSweep
from omegaconf import DictConfig

from hydra_plugins.grid_sweeper.grid_sweeper import MOST, NOT_CONTINUOUS, TOO_MANY, value_texts
from sinegan.app.problems import Job
from sinegan.storage.sweep_folder import SEED_KEYS

CHECKED = 2_000
"""The greatest number of jobs that are all checked here; the launcher checks those of a larger sweep."""


def single_overrides(override: Override) -> list[str]:
    """The overrides of single values that a swept one stands for; for an interval, those at its ends."""
    key, value = override.get_key_element(), override.value()
    if not override.is_sweep_override():
        return [str(override.input_line)]
    if isinstance(value, IntervalSweep):
        assert value.start is not None
        assert value.end is not None
        whole = isinstance(value.start, int) and isinstance(value.end, int)
        last = value.end if whole else math.nextafter(value.end, value.start)
        return [f"{key}={value.start}", f"{key}={last}"]
    return [f"{key}={text}" for text in value_texts(override)]


def last_mentions(overrides: Iterable[Override]) -> list[Override]:
    """The last override of each key."""
    return list({override.get_key_element(): override for override in overrides}.values())


def sweep_problem(override: Override, searching: bool) -> list[str]:
    """The reason why a sweeper cannot use the values of an override, in a list that may be empty.

    searching: whether the sweeper searches for the best configuration.
    """
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
    count = len(single_overrides(override))
    if not count:
        return [f"{line}: has no value; give at least one"]
    if count > MOST:
        return [f"{line}: {TOO_MANY}"]
    return []


def search_problems(overrides: Sequence[Override]) -> Iterator[str]:
    """A search for the best configuration must not choose among seeds: it would pick the luckiest."""
    for override in overrides:
        key = override.key_or_group
        if key in SEED_KEYS and override.is_sweep_override():
            yield f"{key}: a search must not choose among seeds; seeds=N trains N runs of every trial"


def jobs_at_limits(points: Sequence[Sequence[str]]) -> list[Job]:
    """All combinations of points. When they are too many: each point with the first of the other keys."""
    if math.prod(map(len, points)) <= CHECKED:
        return list(product(*points))
    first = [texts[0] for texts in points]
    return [(*first[:at], text, *first[at + 1 :]) for at, texts in enumerate(points) for text in texts]


def count_problems(settings: DictConfig) -> Iterator[str]:
    """The counts in a sweeper's settings that are below 1."""
    for name in ("max_batch_size", "n_trials", "n_jobs"):
        value = settings.get(name)
        if value is not None and value < 1:
            yield f"hydra.sweeper.{name} = {value}: must be a whole number at least 1"
