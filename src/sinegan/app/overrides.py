"""The overrides of a command line, composed as Hydra will compose them, and every problem of them at once."""

import math
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields
from difflib import get_close_matches
from functools import cache
from typing import Any, get_origin, get_type_hints

from hydra.core.config_loader import ConfigLoader
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.core.plugins import Plugins
from hydra.errors import HydraException
from hydra.types import HydraContext, RunMode
from omegaconf import DictConfig, OmegaConf, open_dict

from hydra_plugins._hydra_private import Callbacks
from hydra_plugins.grid_sweeper.grid_sweeper import MOST, texts_of
from hydra_plugins.stacked_launcher.composer import Composer
from hydra_plugins.stacked_launcher.stacked_launcher import current, set_number
from sinegan.app.composition import keys_of, problems_of
from sinegan.app.problems import Job, Problems, nearest_key, one_of, words_of
from sinegan.app.swept_values import (
    CHECKED,
    at_limits,
    count_problems,
    last_mentions,
    points_of,
    search_problems,
    sweep_problem,
)
from sinegan.config import Config, InvalidConfigError
from sinegan.schema import nearest

COMBINATIONS = 24
"""The most combinations of choices that are composed here: each takes a tenth of a second."""

PARTS = [field.name for field in fields(Config)] + ["executor"]
SEVERAL = [name for name, hint in get_type_hints(Config).items() if get_origin(hint) is tuple]
"""The groups of which several may be chosen."""
ONE = [name for name in PARTS if name not in SEVERAL] + ["experiment"]


@dataclass(frozen=True)
class Checked:
    """What a command line comes to."""

    multirun: bool
    live: bool
    """Whether a window is asked for."""
    problems: list[str]


def checked(
    overrides: Sequence[Override],
    loader: ConfigLoader,
    config_name: str,
    multirun: bool,
    known: Sequence[str],
) -> Checked:
    """Composes what overrides say, for each job of a sweep as for a single run.

    known: keys that are no part of a config, to be offered for one that is misspelled. Raises
    InvalidConfigError when nothing can be composed.
    """
    return _Check(overrides, loader, config_name, known).done(multirun)


class _Check:
    def __init__(
        self, overrides: Sequence[Override], loader: ConfigLoader, name: str, known: Sequence[str]
    ) -> None:
        self.loader = loader
        self.name = name
        self.known_beside = known
        self.parser = OverridesParser.create(config_loader=loader)
        self.parsed = cache(lambda text: self.parser.parse_overrides([text])[0])
        self.hydra = [override for override in overrides if override.is_hydra_override()]
        self.own = [override for override in overrides if not override.is_hydra_override()]
        self.typed = {override.get_key_element(): str(override.input_line) for override in self.own}
        self.lines: list[str] = []
        self.choices, self.unknown, self.values = Problems(), Problems(), Problems()
        self.blamed: set[str] = set()
        self.lacking: dict[str, str] = {}
        """What is said of each key that some job lacks: the hint differs with the choices."""
        self.options: Callable[[str], list[str]] = cache(self._options)
        self.chosen = cache(self._chosen)

    def done(self, multirun: bool) -> Checked:
        self.hydra = self._right_of_hydra()
        master, left_out = self._master()
        multirun = multirun or master.hydra.mode == RunMode.MULTIRUN
        for override in self.own:
            if override.is_sweep_override() and not multirun:
                self.lines.append(f"{override.input_line}: several values make a sweep; add -m")
        self.composer = Composer(self.loader, master, trusted=True)
        self.sweeping = multirun or any(override.is_sweep_override() for override in self.own)
        if self.sweeping:
            some = self._some(self._jobs(master))
            configs = [self._checked(job) for job in some]
        else:
            some = [tuple(str(override.input_line) for override in self.own)]
            configs = [self._checked(some[0], None if left_out else master)]
        config = master if multirun else configs[0]
        for override, words in left_out:
            if multirun and override.input_line not in self.blamed:
                self.lines.append(_only_in_jobs(override, words))
        live = any(OmegaConf.select(each, "plot.live") is True for each in configs)
        self.lines += _hydra_problems(configs[0])
        key = "hydra.sweep.dir" if multirun else "hydra.run.dir"
        self.lines += _unresolved(config, key)
        found = [line for part in (self.choices, self.unknown, self.values) for line in part.lines(some)]
        return Checked(multirun, live, list(dict.fromkeys([*self.lines, *found])))

    def _right_of_hydra(self) -> list[Override]:
        """Hydra's own overrides without those that are wrong."""
        right = []
        for override in self.hydra:
            wrong = list(self._choice_problems(override)) if self._is_choice(override) else []
            if override.is_sweep_override():
                wrong = [f"{override.input_line}: Hydra's own settings cannot be swept; give one value"]
            self.lines += wrong
            right += [] if wrong else [override]
        return right

    def _compose(self, overrides: Sequence[Override]) -> DictConfig:
        texts = [str(override.input_line) for override in overrides]
        return self.loader.load_configuration(self.name, texts, RunMode.MULTIRUN)

    def _composable(
        self, overrides: Sequence[Override], compose: Callable[[Sequence[Override]], DictConfig]
    ) -> tuple[DictConfig, list[Override], list[tuple[Override, str]]]:
        """The config of all overrides that can be composed, those, and the others with what is wrong."""
        try:
            return compose(overrides), list(overrides), []
        except Exception:  # Hydra's, OmegaConf's, and what a user's own YAML files make of them
            kept: list[Override] = []
        try:
            config = compose(kept)
        except Exception as error:
            raise InvalidConfigError([*self.lines, words_of(error)]) from error
        wrong = []
        for override in sorted(overrides, key=lambda one: not self._is_choice(one)):
            try:
                config = compose([*kept, override])
            except Exception as error:
                wrong.append((override, words_of(error)))
            else:
                kept.append(override)
        return config, kept, wrong

    def _master(self) -> tuple[DictConfig, list[tuple[Override, str]]]:
        """What Hydra composes before a sweep, and the overrides that keep it from doing so."""
        right: list[Override] = []
        for override in self.own:
            wrong = self._is_choice(override) and [*self._choice_problems(override)]
            right += self._meant(override) if wrong and not override.is_sweep_override() else [override]
        try:
            return self._compose([*self.hydra, *right]), []
        except Exception:  # what is wrong is looked for, Hydra's own settings first
            _, self.hydra, refused = self._composable(self.hydra, self._compose)
        self.lines += [f"{override.input_line}: {words}" for override, words in refused]
        master, _, left_out = self._composable(right, lambda some: self._compose([*self.hydra, *some]))
        return master, left_out

    def _options(self, group: str) -> list[str]:
        texts = [str(override.input_line) for override in self.hydra if "searchpath" in override.key_or_group]
        return self.loader.get_group_options(group, config_name=self.name, overrides=texts)

    def _is_choice(self, override: Override) -> bool:
        if override.is_delete() or isinstance(override._value, dict):  # a mapping is merged
            return False
        return bool(override.key_or_group and self.options(override.key_or_group))

    def _choice_problems(self, override: Override) -> Iterator[str]:
        group = override.key_or_group
        options = self.options(group)
        for choice in texts_of(override):
            names = [name.strip() for name in choice.strip("[]").split(",")]
            if choice.startswith("[") and group in ONE:
                yield f"{group} = {choice}: must be one choice, no list of them; {one_of(group, names)}"
                continue
            if len(names) > 1 and "none" in names:
                others = ",".join(name for name in names if name != "none")
                yield f"{group} = {choice}: none goes with no other; use {group}=[{others}] or {group}=none"
            for name in names:
                below, _, last = name.rpartition("/")
                known = self.options(f"{group}/{below}") if below else options
                if name != "null" and last not in known:
                    yield f"{group} = {choice}: must be one of {', '.join(options)}{nearest(name, options)}"

    def _meant(self, override: Override) -> list[Override]:
        """The choice that a wrong one is nearest to, with which the rest is checked; none if none is near."""
        options = self.options(override.key_or_group)
        names = [name.strip() for name in texts_of(override)[0].strip("[]").split(",")]
        near = [match for name in names for match in get_close_matches(name, options, 1, cutoff=0.5)]
        near = near[:1] if override.key_or_group in ONE else [*dict.fromkeys(near)]
        if not near:
            return []
        value = near[0] if len(near) == 1 else f"[{','.join(near)}]"
        return [self.parsed(f"{override.get_key_element()}={value}")]

    # The jobs.

    def _jobs(self, master: DictConfig) -> list[Job]:
        """The jobs of a sweep, as its sweeper will make them; of a search, those at its limits."""
        settings = master.hydra.sweeper
        self.lines += count_problems(settings)
        searching = "direction" in settings  # what a searching sweeper is told
        overrides = [*self._params(settings), *self.own]
        if searching:
            self.lines += search_problems(overrides)
        right = []
        for override in overrides:
            wrong = sweep_problem(override, searching)
            self.lines += wrong
            right += [] if wrong else [override]
        first = [tuple(points_of(override)[0] for override in right)]
        sweeper = self._sweeper(master)
        is_grid = hasattr(sweeper, "split_arguments")  # the basic sweeper's, and of what derives from it
        if searching or not is_grid:
            return at_limits([points_of(override) for override in right])
        sizes = [len(points_of(override)) for override in last_mentions(right)]
        if settings.get("zip") is None and math.prod(sizes) > MOST:
            self.lines.append(f"{math.prod(sizes):,} jobs: a sweep has at most {MOST:,}; sweep fewer values")
            return first
        try:
            return [tuple(job) for batch in sweeper.split_arguments(right, None) for job in batch]
        except Exception as error:
            self.lines.append(words_of(error))
            return first

    def _params(self, settings: DictConfig) -> Iterator[Override]:
        for key, value in (settings.get("params") or {}).items():
            try:
                yield self.parser.parse_overrides([f"{key}={value}"])[0]
            except HydraException as error:
                self.lines.append(
                    f"hydra.sweeper.params.{key} = {value}: cannot be understood ({words_of(error)})"
                )

    def _sweeper(self, master: DictConfig) -> Any:
        """The sweeper, with its launcher; None if there is none to be had."""
        try:
            with current(master), warnings.catch_warnings():
                warnings.simplefilter("ignore")  # a library's own, as it is loaded
                context = HydraContext(config_loader=self.loader, callbacks=Callbacks(master))
                return Plugins.instance().instantiate_sweeper(
                    config=master, hydra_context=context, task_function=lambda _: None
                )
        except Exception as error:
            self.lines.append(_named(words_of(error), "hydra.sweeper or hydra.launcher"))
            return None

    def _checked(self, job: Job, config: DictConfig | None = None) -> DictConfig:
        """The config of a job, without what is wrong in it; notes its problems. config: if it is known."""
        overrides = [self.parsed(text) for text in job]
        misnamed: list[str] = []
        right: list[Override] = []
        for override in overrides:
            wrong = list(self._choice_problems(override)) if self._is_choice(override) else []
            for line in wrong:
                self._blame(self.choices, line, override)
            if wrong:
                misnamed.append(override.key_or_group)
            right += self._meant(override) if wrong else [override]
        if misnamed or any(override.is_delete() for override in right):
            config = self._without_wrong(right, misnamed, job)
        elif config is None:
            try:
                config = self._composed(right)
            except Exception:  # what is wrong is looked for
                config = self._without_wrong(right, misnamed, job)
        if self.sweeping:
            set_number(config, 0)
        with current(config):
            folder = _unresolved(config, "hydra.sweep.subdir") if self.sweeping else []
            for line in [*folder, *problems_of(config)]:
                if not any(f"{group}=" in line for group in misnamed):
                    self.values.add(line, job)
        return config

    def _without_wrong(self, overrides: Sequence[Override], misnamed: Sequence[str], job: Job) -> DictConfig:
        """Notes what cannot be composed, and composes the rest. misnamed: groups with a wrong choice."""
        choices = tuple(str(one.input_line) for one in overrides if self._is_choice(one))
        chosen, refused, known = self.chosen(choices)
        groups = [override.key_or_group for override in chosen]
        right: list[Override] = []
        for override in overrides:
            if self._is_choice(override):
                right += [override] if override in chosen else []
            elif (group := override.key_or_group.split(".")[0]) in misnamed and group not in groups:
                continue  # of what was to be chosen
            elif line := self._key_problem(override, known, right):
                typed = self._as_typed(override)
                self._blame(self.unknown, self.lacking.setdefault(typed, f"{typed}: {line}"), override, job)
            else:
                right.append(override)
        config, _, more = self._composable(right, self._composed)
        for override, words in [*refused, *more]:
            self._blame(self.unknown, f"{self._as_typed(override)}: {words}", override, job)
        return config

    def _some(self, jobs: Sequence[Job]) -> list[Job]:
        """The jobs to check, each once: of too many, for each override the first that has it."""
        distinct = list(dict.fromkeys(jobs))
        combinations = {
            tuple(t for t in job if self._is_choice(self.parsed(t))) for job in distinct[:CHECKED]
        }
        if len(distinct) <= CHECKED and len(combinations) <= COMBINATIONS:
            return distinct
        having: dict[str, Job] = {}
        for job in distinct:
            for text in job:
                having.setdefault(text, job)
        return list(dict.fromkeys(having.values()))

    def _composed(self, overrides: Sequence[Override]) -> DictConfig:
        return self.composer.compose([str(override.input_line) for override in overrides])

    def _chosen(self, texts: Job) -> tuple[list[Override], list[tuple[Override, str]], list[str]]:
        """The choices that can be composed, the others, and the keys that are there with them."""
        config, kept, wrong = self._composable([self.parsed(text) for text in texts], self._composed)
        return kept, wrong, list(keys_of(config))

    def _as_typed(self, override: Override) -> str:
        return self.typed.get(override.get_key_element(), str(override.input_line))

    def _blame(self, where: Problems, line: str, override: Override, job: Job = ()) -> None:
        self.blamed.add(self._as_typed(override))
        where.add(line, job)

    def _key_problem(self, override: Override, known: Sequence[str], before: Sequence[Override]) -> str:
        """What is wrong with the key of a value; nothing if it can be set."""
        key = override.key_or_group
        if override.is_add() or override.is_force_add():
            return ""
        if override.is_delete() and self.options(key) and key not in PARTS:
            return ""
        made = [one.key_or_group for one in before if one.is_add() or one.is_force_add()]
        if key not in known and not any(key.startswith(f"{other}.") for other in made):
            return f"no such key{nearest_key(key, [*self.options(''), *known, *self.known_beside])}"
        if override.is_delete() and key.split(".")[0] in PARTS:
            remedy = f"{key}=none is for none" if "none" in self.options(key) else "set it to another value"
            return f"is needed, and cannot be deleted; {remedy}"
        return ""


def _only_in_jobs(override: Override, words: str) -> str:
    """For an override that is right in each job, but not in what Hydra composes before it makes them."""
    if override.is_sweep_override() or override.is_delete():
        return f"{override.input_line}: {words}"
    once = f"{override.get_key_element()}=choice({override.get_value_element_as_str()})"
    return f"{override.input_line}: sets what only the swept choices have; write {once}"


def _hydra_problems(config: DictConfig) -> Iterator[str]:
    """What Hydra itself would stumble over when it sets up a job."""
    verbose = config.hydra.verbose
    if not (isinstance(verbose, bool | str) or OmegaConf.is_list(verbose)):
        yield f"hydra.verbose = {verbose}: must be true, false or the names of loggers"
    twin = config.copy()
    with open_dict(twin):
        twin.hydra.runtime.output_dir = "."
    with current(twin):
        for key in keys_of(twin.hydra):
            if not key.startswith(("run.", "sweep.", "overrides.")):  # told of elsewhere
                yield from _unresolved(twin, f"hydra.{key}")


def _unresolved(config: DictConfig, key: str) -> Iterator[str]:
    try:
        with current(config):
            OmegaConf.select(config, key)
    except Exception as error:  # a resolver may raise anything
        raw = OmegaConf.to_container(config.hydra, resolve=False)
        for part in key.split(".")[1:]:
            raw = raw.get(part) if isinstance(raw, dict) else raw
        yield f"{key} = {raw}: {words_of(error)}"


def _named(words: str, key: str) -> str:
    return words if words.startswith("hydra.") else f"{key}: {words}"
