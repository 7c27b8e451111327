"""Hydra's basic sweeper, with three settings for sweeps that are not one full grid."""

import itertools
import math
from collections import ChainMap, Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from hydra.core.config_store import ConfigStore
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override, RangeSweep
from hydra.errors import CompactHydraException
from omegaconf import OmegaConf

from hydra_plugins._hydra_private import basic_sweeper
from sinegan.printable import printable

Lists = dict[str, list[str]]
"""The overrides `key=value` of each key, with any + before it; several if the key is swept."""

MOST = 100_000
"""The most jobs of a sweep. Each has a folder, and all are in memory at once."""

TOO_MANY = f"has more than {MOST:,} values; sweep fewer"
NOT_CONTINUOUS = "only a search takes an interval; add hydra/sweeper=optuna, or list the values"

OFF = "null is for a sweep without this setting"


@dataclass
class GridSweeperConf:
    _target_: str = "hydra_plugins.grid_sweeper.grid_sweeper.GridSweeper"
    _recursive_: bool = False
    max_batch_size: int | None = None
    params: dict[str, Any] = field(default_factory=dict)
    # Combinations to leave out: [{network: tiny, loss: minimax}] takes out all jobs with both.
    exclude: Any = None
    # Swept keys that advance together: [[optim.generator_lr, optim.discriminator_lr]].
    zip: Any = None
    # The sweep is the union of these, each like params and combined with all else that is swept:
    # [{loss: minimax, optim.lr: "1e-4,3e-4"}, {loss: non_saturating, optim.lr: 1e-3}].
    grids: Any = None


ConfigStore.instance().store(
    group="hydra/sweeper", name="grid", node=GridSweeperConf, provider="grid_sweeper"
)


class GridSweeper(basic_sweeper.BasicSweeper):
    """Raises CompactHydraException for a setting that is ambiguous or has no effect."""

    def __init__(
        self,
        max_batch_size: int | None,
        params: dict[str, str] | None = None,
        exclude: Any = None,
        zip: Any = None,  # noqa: A002
        grids: Any = None,
    ) -> None:
        super().__init__(max_batch_size, params)
        self.exclude = _plain(exclude)
        self.zip = _plain(zip)
        self.grids = _plain(grids)

    def split_arguments(  # type: ignore[override]
        self, overrides: list[Override], max_batch_size: int | None
    ) -> list[list[list[str]]]:
        """The batches of jobs, each the list of its overrides.

        A static method of the basic sweeper; Hydra calls it on the instance.
        """
        self._refuse_wrong_shapes()
        assert self.hydra_context is not None
        parser = OverridesParser.create(config_loader=self.hydra_context.config_loader)
        lists = _overrides_by_key(overrides)
        grids = [{}] if self.grids is None else [self._grid(grid, lists, parser) for grid in self.grids]
        jobs = [job for grid in grids for job in self._combinations({**lists, **grid})]
        for names in self.zip or []:
            if not any(_swept_keys(names, {**lists, **grid}) for grid in grids):
                raise _refusal("zip", names, f"{names[0]} is not swept; zip keys that take several values")
        if self.exclude is not None or self.grids is not None:
            settings = {text: _parse_setting(parser.parse_override(text)) for text in set().union(*jobs)}
            values = [dict(settings[text] for text in job) for job in jobs]
            keep = range(len(jobs)) if self.grids is None else _first_places(values)
            left_out = self._excluded([values[place] for place in keep])
            jobs = [jobs[place] for place, out in zip(keep, left_out, strict=True) if not out]
        return list(self.split_overrides_to_chunks(jobs, max_batch_size))

    def validate_batch_is_legal(self, batch: Sequence[Sequence[str]]) -> None:
        """Composes all jobs, unless the launcher does that before it runs any."""
        if not getattr(self.launcher, "composes_all_first", False):
            super().validate_batch_is_legal(batch)

    def _refuse_wrong_shapes(self) -> None:
        shapes: dict[str, tuple[type, str]] = {
            "exclude": (Mapping, "[{network:tiny,loss:minimax}]"),
            "zip": (list, "[[optim.generator_lr,optim.discriminator_lr]]"),
            "grids": (Mapping, "[{loss:minimax,optim.lr:'1e-4,3e-4'},{loss:non_saturating}]"),
        }
        for name, (kind, example) in shapes.items():
            value = getattr(self, name)
            right = isinstance(value, list) and value and all(isinstance(v, kind) and v for v in value)
            if value is not None and not right:
                items = "lists of keys" if kind is list else "mappings from keys to values"
                raise _refusal(name, value, f"must be a list of {items}, none empty, like {example}; {OFF}")
        for names in self.zip or []:
            if len(names) < 2:
                raise _refusal("zip", names, "must name at least two keys")
        counts = Counter(name for names in self.zip or [] for name in names)
        for name, count in counts.items():
            if count > 1:
                raise _refusal("zip", self.zip, f"{name} must be named only once")

    def _grid(self, grid: Mapping[str, Any], lists: Lists, parser: OverridesParser) -> Lists:
        """The overrides of a sub-grid alone."""
        for key, value in grid.items():
            if _name(key) in map(_name, lists):
                raise _refusal(
                    "grids",
                    grid,
                    f"{key} is also set on the command line or in hydra.sweeper.params; leave it out of one",
                )
            if isinstance(value, list | Mapping):
                raise _refusal(
                    "grids",
                    grid,
                    f"the values of {key} must be one text, as on the command line: '1e-4,3e-4' are two "
                    "values, '[64,128],[256]' two lists",
                )
        texts = [f"{key}={'null' if value is None else value}" for key, value in grid.items()]
        return _overrides_by_key(parser.parse_overrides(texts))

    def _combinations(self, lists: Lists) -> list[list[str]]:
        """All jobs of one grid. Zipped keys advance together, at the position of the first."""
        groups = [self._zipped(names, lists) for names in self.zip or []]
        group_of = {key: group for group in groups for key in group}
        axes = []
        for key in lists:
            group = group_of.get(key, [key])
            if key == group[0]:
                points = zip(*(lists[other] for other in group), strict=True)
                axes.append([dict(zip(group, texts, strict=True)) for texts in points])
        if (count := math.prod(map(len, axes))) > MOST:
            raise CompactHydraException(f"{count:,} jobs: a sweep has at most {MOST:,}; sweep fewer values")
        combinations = [ChainMap(*points) for points in itertools.product(*axes)]
        return [[texts[key] for key in lists] for texts in combinations]

    def _zipped(self, names: list[str], lists: Lists) -> list[str]:
        """The keys of a zip; empty if this grid sweeps none of them."""
        swept = _swept_keys(names, lists)
        missing = set(names) - set(map(_name, swept))
        if swept and missing:
            raise _refusal(
                "zip",
                names,
                f"{min(missing)} is not swept with the others; give it as many values as they have",
            )
        if len({len(lists[key]) for key in swept}) > 1:
            counts = ", ".join(f"{key} has {len(lists[key])}" for key in swept)
            raise _refusal("zip", names, f"must have equal numbers of values, but {counts}")
        return swept

    def _excluded(self, jobs: Sequence[Mapping[str, Any]]) -> list[bool]:
        """Whether each job is left out."""
        out = [False] * len(jobs)
        for mapping in self.exclude or []:
            wanted = {name: _comparable(value) for name, value in mapping.items()}
            for name in wanted:
                if not any(name in job for job in jobs):
                    raise _refusal("exclude", mapping, f"no job sets {name}; name a key that is swept")
            hits = [all(job.get(name) == value for name, value in wanted.items()) for job in jobs]
            if not any(hits):
                raise _refusal("exclude", mapping, "no combination has these values; correct or remove it")
            out = [a or b for a, b in zip(out, hits, strict=True)]
        if all(out):
            raise _refusal("exclude", self.exclude, f"leaves none of {len(jobs)} combinations; exclude fewer")
        return out


def _plain(setting: Any) -> Any:
    return OmegaConf.to_container(setting, resolve=True) if OmegaConf.is_config(setting) else setting


def value_texts(override: Override) -> list[str]:
    """The values of an override as texts, at most MOST + 1 of them.

    Empty for a continuous sweep, which only a searching sweeper takes.
    """
    if not override.is_sweep_override():
        return [override.get_value_element_as_str()]
    if not override.is_discrete_sweep():
        return []
    value = override.value()
    if isinstance(value, RangeSweep) and value.shuffle and _count(value) > MOST:
        return list(map(str, islice(value.range(), MOST + 1)))  # Hydra would list all to shuffle them
    return list(islice(override.sweep_string_iterator(), MOST + 1))


def _count(values: RangeSweep) -> float:
    assert values.start is not None
    assert values.stop is not None
    return (values.stop - values.start) / values.step if values.step else math.inf


def _overrides_by_key(overrides: Iterable[Override]) -> Lists:
    """The overrides of each key, split as the basic sweeper splits them; the last mention of a key counts."""
    lists: Lists = {}
    for override in overrides:
        key = override.get_key_element()
        if override.is_interval_sweep():
            raise CompactHydraException(printable(f"{override.input_line}: {NOT_CONTINUOUS}"))
        lists[key] = [f"{key}={text}" for text in value_texts(override)]
        if len(lists[key]) > MOST:
            raise CompactHydraException(printable(f"{override.input_line}: {TOO_MANY}"))
    return lists


def _name(key: str) -> str:
    return key.lstrip("+")


def _swept_keys(names: Sequence[str], lists: Lists) -> list[str]:
    """The keys among those names that take several values."""
    return [key for key, texts in lists.items() if _name(key) in names and len(texts) > 1]


def _parse_setting(override: Override) -> tuple[str, Any]:
    """A key and its parsed value: 1e-4 is 0.0001."""
    return _name(override.get_key_element()), _comparable(override.value())


def _comparable(value: Any) -> Any:
    """A hashable form of a value, equal for equal values; true is not 1."""
    if isinstance(value, list):
        return tuple(map(_comparable, value))
    if isinstance(value, Mapping):
        return frozenset((_comparable(key), _comparable(item)) for key, item in value.items())
    return isinstance(value, bool), value


def _first_places(jobs: Sequence[Mapping[str, Any]]) -> list[int]:
    """The positions of the jobs that do not repeat an earlier one."""
    places: dict[frozenset[tuple[str, Any]], int] = {}
    for place, job in enumerate(jobs):
        places.setdefault(frozenset(job.items()), place)
    return list(places.values())


def _refusal(setting: str, value: Any, why: str) -> CompactHydraException:
    return CompactHydraException(printable(f"hydra.sweeper.{setting} = {value}: {why}"))
