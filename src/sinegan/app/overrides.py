"""Checks the overrides of a command line: composes them as Hydra will, and finds all problems at once."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

from hydra.core.config_loader import ConfigLoader
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from hydra_plugins.stacked_launcher.composer import Composer
from hydra_plugins.stacked_launcher.stacked_launcher import current_config, set_number
from sinegan.app.choices import ONE_CHOICE, PARTS, Choices
from sinegan.app.composition import dotted_keys, find_problems
from sinegan.app.hydra_settings import SEARCH_PATH, config_problems, override_problems, unresolved
from sinegan.app.problems import Job, Problems, describe_error, nearest_key
from sinegan.app.sweep_jobs import SweepJobs, jobs_to_check
from sinegan.config import InvalidConfigError

Compose = Callable[[Sequence[Override]], DictConfig]


@dataclass(frozen=True)
class CheckedOverrides:
    """The result of a check.

    live: whether a window is asked for.
    """

    multirun: bool
    live: bool
    problems: list[str]


class Composition(NamedTuple):
    """A config, the overrides in it, and those that cannot be composed, each with the reason."""

    config: DictConfig
    kept: list[Override]
    refused: list[tuple[Override, str]]


def check_overrides(
    overrides: Sequence[Override],
    loader: ConfigLoader,
    config_name: str,
    multirun: bool,
    other_keys: Sequence[str],
) -> CheckedOverrides:
    """Composes overrides, for each job of a sweep as for a single run, and finds their problems.

    Arguments:
        overrides: the parsed overrides of the command line.
        loader: Hydra's loader of YAML files.
        config_name: the primary config.
        multirun: whether the command line asks for a sweep; a config may ask for one, too.
        other_keys: keys that are in no config, to be suggested for a misspelled key.

    Raises:
        InvalidConfigError: nothing can be composed.
    """
    return _Checker(overrides, loader, config_name, other_keys).check(multirun)


class _Checker:
    """Composes overrides in several ways, and collects their problems."""

    def __init__(
        self, overrides: Sequence[Override], loader: ConfigLoader, config_name: str, other_keys: Sequence[str]
    ) -> None:
        """Splits the overrides into Hydra's and ours; composes nothing yet. See `check_overrides`."""
        self.loader = loader
        self.config_name = config_name
        self.other_keys = other_keys
        parser = OverridesParser.create(config_loader=loader)
        self.parse = cache(lambda text: parser.parse_overrides([text])[0])
        self.hydra = [override for override in overrides if override.is_hydra_override()]
        self.own = [override for override in overrides if not override.is_hydra_override()]
        self.as_typed = {override.get_key_element(): str(override.input_line) for override in self.own}
        self.choices = Choices(loader, config_name, self.parse, self.hydra)
        self.compose_choices = cache(self._compose_choices)
        self.lines: list[str] = []
        self.choice_problems, self.key_problems, self.value_problems = Problems(), Problems(), Problems()
        self.reported: set[str] = set()
        """The overrides, as they were typed, that some problem names."""
        self.unknown_keys: dict[str, str] = {}
        """The first message about each override whose key some job lacks: the hint depends on the job."""

    def check(self, multirun: bool) -> CheckedOverrides:
        """See `check_overrides`."""
        self._drop_wrong_hydra_overrides()
        master, refused = self._compose_master()
        multirun = multirun or master.hydra.mode == RunMode.MULTIRUN
        if not multirun:
            self.lines += [
                f"{override.input_line}: several values make a sweep; add -m"
                for override in self.own
                if override.is_sweep_override()
            ]
        self.composer = Composer(self.loader, master, trusted=True)
        self.is_sweep = multirun or any(override.is_sweep_override() for override in self.own)
        if self.is_sweep:
            jobs = self._sweep_jobs(master)
            configs = [self._check_job(job) for job in jobs]
        else:
            jobs = [tuple(str(override.input_line) for override in self.own)]
            configs = [self._check_job(jobs[0], None if refused else master)]
        if multirun:
            self.lines += [
                _only_in_jobs(override, reason)
                for override, reason in refused
                if override.input_line not in self.reported
            ]
        self.lines += config_problems(configs[0])
        self.lines += _unused_seeds(self.own, configs[0])
        folder_key = "hydra.sweep.dir" if multirun else "hydra.run.dir"
        self.lines += unresolved(master if multirun else configs[0], folder_key)
        for problems in (self.choice_problems, self.key_problems, self.value_problems):
            self.lines += problems.lines(jobs)
        live = any(OmegaConf.select(config, "plot.live") is True for config in configs)
        return CheckedOverrides(multirun, live, list(dict.fromkeys(self.lines)))

    # What Hydra composes before it makes jobs.

    def _drop_wrong_hydra_overrides(self) -> None:
        """Keeps the overrides of Hydra's own settings that are right, and reports the others."""
        right = []
        # The search path comes first: it may add choices.
        paths = [override for override in self.hydra if override.key_or_group == SEARCH_PATH]
        others = [override for override in self.hydra if override not in paths]
        options = self.choices.options
        self._keep_hydra_overrides(
            [override for override in paths if not override_problems(override, options)]
        )
        for override in (*paths, *others):
            problems = override_problems(override, options)
            if not problems and self.choices.is_choice(override):
                problems = list(self.choices.problems(override))
            self.lines += problems
            right += [] if problems else [override]
        self._keep_hydra_overrides(right)

    def _keep_hydra_overrides(self, overrides: Sequence[Override]) -> None:
        self.hydra = list(overrides)
        self.choices.hydra = self.hydra

    def _compose_master(self) -> tuple[DictConfig, list[tuple[Override, str]]]:
        """The config that Hydra composes before a sweep, and the overrides that are not in it."""
        right: list[Override] = []
        for override in self.own:
            is_wrong = self.choices.is_choice(override) and any(self.choices.problems(override))
            replace = is_wrong and not override.is_sweep_override()
            right += self.choices.nearest(override) if replace else [override]
        try:
            return self._compose([*self.hydra, *right]), []
        except Exception:  # the wrong override is found below, Hydra's own settings first
            composition = self._compose_what_works(self.hydra, self._compose)
            self._keep_hydra_overrides(composition.kept)
        self.lines += [f"{override.input_line}: {reason}" for override, reason in composition.refused]
        composition = self._compose_what_works(right, lambda some: self._compose([*self.hydra, *some]))
        return composition.config, composition.refused

    def _compose(self, overrides: Sequence[Override]) -> DictConfig:
        texts = [str(override.input_line) for override in overrides]
        return self.loader.load_configuration(self.config_name, texts, RunMode.MULTIRUN)

    def _compose_what_works(self, overrides: Sequence[Override], compose: Compose) -> Composition:
        """Composes all overrides that can be composed together, choices first.

        Raises InvalidConfigError when not even a config without overrides can be composed.
        """
        # Hydra, OmegaConf and a user's own YAML files raise all kinds of exceptions.
        try:
            return Composition(compose(overrides), list(overrides), [])
        except Exception:
            kept: list[Override] = []
        try:
            config = compose(kept)
        except Exception as error:
            raise InvalidConfigError([*self.lines, describe_error(error)]) from error
        refused = []
        for override in sorted(overrides, key=lambda each: not self.choices.is_choice(each)):
            try:
                config = compose([*kept, override])
            except Exception as error:
                refused.append((override, describe_error(error)))
            else:
                kept.append(override)
        return Composition(config, kept, refused)

    # The jobs.

    def _sweep_jobs(self, master: DictConfig) -> list[Job]:
        """The jobs of a sweep that are checked."""
        maker = SweepJobs(self.loader, self.parse)
        jobs = maker.make(master, self.own)
        self.lines += maker.problems
        return jobs_to_check(jobs, lambda text: self.choices.is_choice(self.parse(text)))

    def _check_job(self, job: Job, config: DictConfig | None = None) -> DictConfig:
        """Notes the problems of a job; returns its config without what is wrong.

        config: the config of the job when it is composed already.
        """
        overrides, wrong_groups = self._with_nearest_choices(job)
        if wrong_groups or any(override.is_delete() for override in overrides):
            config = self._compose_job_in_part(overrides, wrong_groups, job)
        elif config is None:
            try:
                config = self._compose_job(overrides)
            except Exception:  # the wrong override is found below
                config = self._compose_job_in_part(overrides, wrong_groups, job)
        if self.is_sweep:
            set_number(config, 0)
        with current_config(config):
            folder = unresolved(config, "hydra.sweep.subdir") if self.is_sweep else []
            for line in [*folder, *find_problems(config)]:
                if not any(f"{group}=" in line for group in wrong_groups):
                    self.value_problems.add(line, job)
        return config

    def _with_nearest_choices(self, job: Job) -> tuple[list[Override], list[str]]:
        """The overrides of a job with the nearest choices in place of wrong ones, and the groups of those."""
        overrides: list[Override] = []
        wrong_groups: list[str] = []
        for override in map(self.parse, job):
            problems = list(self.choices.problems(override)) if self.choices.is_choice(override) else []
            for line in problems:
                self._report(self.choice_problems, line, override)
            if problems:
                wrong_groups.append(override.key_or_group)
            overrides += self.choices.nearest(override) if problems else [override]
        return overrides, wrong_groups

    def _compose_job(self, overrides: Sequence[Override]) -> DictConfig:
        return self.composer.compose([str(override.input_line) for override in overrides])

    def _compose_job_in_part(
        self, overrides: Sequence[Override], wrong_groups: Sequence[str], job: Job
    ) -> DictConfig:
        """Notes which overrides of a job cannot be composed, and composes the others.

        wrong_groups: the groups with a wrong choice.
        """
        texts = tuple(str(override.input_line) for override in overrides if self.choices.is_choice(override))
        chosen, refused, keys = self.compose_choices(texts)
        chosen_groups = [override.key_or_group for override in chosen]
        right: list[Override] = []
        for override in overrides:
            group = override.key_or_group.split(".")[0]
            if self.choices.is_choice(override):
                right += [override] if override in chosen else []
            elif group in wrong_groups and group not in chosen_groups:
                continue  # its key may belong to the choice that is missing
            elif problem := self._key_problem(override, keys, right):
                text = self._text(override)
                line = self.unknown_keys.setdefault(text, f"{text}: {problem}")
                self._report(self.key_problems, line, override, job)
            else:
                right.append(override)
        composition = self._compose_what_works(right, self._compose_job)
        for override, reason in [*refused, *composition.refused]:
            self._report(self.key_problems, f"{self._text(override)}: {reason}", override, job)
        return composition.config

    def _compose_choices(self, texts: Job) -> tuple[list[Override], list[tuple[Override, str]], list[str]]:
        """The choices that can be composed, the others with the reasons, and the keys of the config."""
        config, kept, refused = self._compose_what_works(
            [self.parse(text) for text in texts], self._compose_job
        )
        return kept, refused, list(dotted_keys(config))

    def _key_problem(self, override: Override, keys: Sequence[str], before: Sequence[Override]) -> str:
        """The problem with the key of a value; empty when it can be set.

        keys: of the config. before: the overrides that are set earlier and may add keys.
        """
        key = override.key_or_group
        if override.is_add() or override.is_force_add():
            return ""
        if override.is_delete() and self.choices.options(key) and key not in PARTS:
            return ""
        added = [each.key_or_group for each in before if each.is_add() or each.is_force_add()]
        if key not in keys and not any(key.startswith(f"{other}.") for other in added):
            if choices := self._choices_with(key):
                return f"no such key; it belongs to {' or '.join(choices)}"
            return f"no such key{nearest_key(key, [*self.choices.options(''), *keys, *self.other_keys])}"
        if override.is_delete() and key.split(".")[0] in PARTS:
            has_none = "none" in self.choices.options(key)
            remedy = f"{key}=none is for none" if has_none else "set it to another value"
            return f"is needed, and cannot be deleted; {remedy}"
        return ""

    def _choices_with(self, key: str) -> list[str]:
        """The choices of a group that have a key: `decide=best`."""
        group = key.split(".")[0]
        options = self.choices.options(group) if group in ONE_CHOICE else []
        choices = [f"{group}={option}" for option in options]
        return [choice for choice in choices if key in self.compose_choices((choice,))[2]]

    def _text(self, override: Override) -> str:
        """An override as it was typed."""
        return self.as_typed.get(override.get_key_element(), str(override.input_line))

    def _report(self, problems: Problems, line: str, override: Override, job: Job = ()) -> None:
        self.reported.add(self._text(override))
        problems.add(line, job)


def _unused_seeds(overrides: Sequence[Override], config: DictConfig) -> list[str]:
    """The problem of seeds that were typed beside a design that chooses the seeds itself."""
    first, most = (OmegaConf.select(config, f"decide.{name}") for name in ("first", "most"))
    return [
        f"{override.input_line}: is not used with decide, which gives {first} to {most} seeds; set "
        "decide.first or decide.most, or use decide=none"
        for override in overrides
        if override.key_or_group == "seeds" and not override.is_sweep_override() and most is not None
    ]


def _only_in_jobs(override: Override, reason: str) -> str:
    """The problem of an override that is right in each job, but wrong in what Hydra composes before."""
    if override.is_sweep_override() or override.is_delete():
        return f"{override.input_line}: {reason}"
    once = f"{override.get_key_element()}=choice({override.get_value_element_as_str()})"
    return f"{override.input_line}: sets what only the swept choices have; write {once}"
