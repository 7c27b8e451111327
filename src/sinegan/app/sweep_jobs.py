"""The jobs of a sweep, as its sweeper will make them, and the few of them that are checked."""

import math
import warnings
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from hydra.core.config_loader import ConfigLoader
from hydra.core.override_parser.types import Override
from hydra.core.plugins import Plugins
from hydra.errors import HydraException
from hydra.types import HydraContext
from omegaconf import DictConfig

from hydra_plugins._hydra_private import Callbacks
from hydra_plugins.grid_sweeper.grid_sweeper import MOST
from hydra_plugins.stacked_launcher.stacked_launcher import current_config
from sinegan.app.problems import Job, describe_error
from sinegan.app.swept_values import (
    CHECKED,
    count_problems,
    jobs_at_limits,
    last_mentions,
    search_problems,
    single_overrides,
    sweep_problem,
)

COMBINATIONS = 24
"""The greatest number of combinations of choices that are all composed: each takes a tenth of a second."""


class SweepJobs:
    """Makes the jobs of a sweep; notes what is wrong with the sweep in `problems`."""

    def __init__(self, loader: ConfigLoader, parse: Callable[[str], Override]) -> None:
        self._loader = loader
        self._parse = parse
        self.problems: list[str] = []

    def make(self, config: DictConfig, overrides: Sequence[Override]) -> list[Job]:
        """The jobs of a sweep; for a search, the jobs at the limits of its intervals.

        config: composed without the overrides' swept values.
        """
        settings = config.hydra.sweeper
        self.problems += count_problems(settings)
        searching = "direction" in settings  # only a sweeper that searches has it
        overrides = [*self._params(settings), *overrides]
        if searching:
            self.problems += search_problems(overrides)
        overrides = self._without_wrong(overrides, searching)
        sweeper = self._sweeper(config)
        is_grid = hasattr(sweeper, "split_arguments")  # the basic sweeper, or one that derives from it
        if searching or not is_grid:
            return jobs_at_limits([single_overrides(override) for override in overrides])
        first = [tuple(single_overrides(override)[0] for override in overrides)]
        count = math.prod(len(single_overrides(override)) for override in last_mentions(overrides))
        if settings.get("zip") is None and count > MOST:
            self.problems.append(f"{count:,} jobs: a sweep has at most {MOST:,}; sweep fewer values")
            return first
        try:
            return [tuple(job) for batch in sweeper.split_arguments(overrides, None) for job in batch]
        except Exception as error:
            self.problems.append(describe_error(error))
            return first

    def _params(self, settings: DictConfig) -> Iterable[Override]:
        """The overrides in the setting hydra.sweeper.params."""
        for key, value in (settings.get("params") or {}).items():
            try:
                yield self._parse(f"{key}={value}")
            except HydraException as error:
                self.problems.append(
                    f"hydra.sweeper.params.{key} = {value}: cannot be understood ({describe_error(error)})"
                )

    def _without_wrong(self, overrides: Iterable[Override], searching: bool) -> list[Override]:
        right = []
        for override in overrides:
            problems = sweep_problem(override, searching)
            self.problems += problems
            right += [] if problems else [override]
        return right

    def _sweeper(self, config: DictConfig) -> Any:
        """The sweeper, with its launcher; None when it cannot be made."""
        try:
            with current_config(config), warnings.catch_warnings():
                warnings.simplefilter("ignore")  # from the imports of a library
                context = HydraContext(config_loader=self._loader, callbacks=Callbacks(config))
                return Plugins.instance().instantiate_sweeper(
                    config=config, hydra_context=context, task_function=lambda _: None
                )
        except Exception as error:
            words = describe_error(error)
            prefix = "" if words.startswith("hydra.") else "hydra.sweeper or hydra.launcher: "
            self.problems.append(f"{prefix}{words}")
            return None


def jobs_to_check(jobs: Sequence[Job], is_choice: Callable[[str], bool]) -> list[Job]:
    """The different jobs. When they are too many, for each override the first job that has it.

    is_choice: whether the text of an override makes a choice of a group.
    """
    distinct = list(dict.fromkeys(jobs))
    combinations = {tuple(text for text in job if is_choice(text)) for job in distinct[:CHECKED]}
    if len(distinct) <= CHECKED and len(combinations) <= COMBINATIONS:
        return distinct
    first_with: dict[str, Job] = {}
    for job in distinct:
        for text in job:
            first_with.setdefault(text, job)
    return list(dict.fromkeys(first_with.values()))
