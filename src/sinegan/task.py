"""What Hydra calls: one configuration, or all of a sweep together."""

import logging
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from hydra.core.hydra_config import HydraConfig
from hydra.errors import CompactHydraException
from hydra.types import TaskFunction
from omegaconf import DictConfig

from hydra_plugins.stacked_launcher.together import Job, Together
from sinegan.loading import loading
from sinegan.printable import printable
from sinegan.resolvers import register

if TYPE_CHECKING:
    from sinegan.sweep.execute import Failure

log = logging.getLogger(__name__)
register()

# torch and pandas are imported where they are first needed: `--help` and tab completion have no
# use for them.


def train(config: DictConfig) -> float:
    """Trains one configuration into the folder that Hydra gave it; returns its objective."""
    from sinegan.composition import resolved
    from sinegan.sweep.resume import differences, stored_settings

    hydra = HydraConfig.get()
    folder = Path(hydra.runtime.output_dir)
    before = stored_settings(folder)
    if before is not None and (found := differences(before, resolved(config))):
        _refuse(f"{folder} holds another configuration; resume it by its own command", found)
    ((_, file),) = train_together([Job(config, list(hydra.overrides.task), folder)])
    objective: float = file(config)
    return objective


def train_together(jobs: Sequence[Job]) -> Iterator[tuple[int, TaskFunction]]:
    """Trains what is missing of all configurations, stacked; yields each as it finishes."""
    from sinegan.composition import resolved, typed
    from sinegan.files import UnwritableFileError
    from sinegan.results import ResultFilesError
    from sinegan.sweep.execute import execute
    from sinegan.sweep.plan import Configuration
    from sinegan.sweep.resume import changed_engine
    from sinegan.watch import watching

    configurations = []
    for job in jobs:
        config, executor = typed(job.config)
        configurations.append(Configuration(config, job.folder, resolved(job.config), job.overrides))
    changed = [line for each in configurations if (line := changed_engine(each.folder, each.config))]
    if changed:
        _refuse("the engine is another one", changed)
    home = jobs[0].folder if len(jobs) == 1 else jobs[0].folder.parent
    try:
        with watching(configurations) as observers:
            for place, failures in execute(configurations, executor, home, observers, _load_report):
                yield place, partial(_file, jobs[place].folder, failures)
    except (ResultFilesError, UnwritableFileError) as error:
        raise CompactHydraException(f"sinegan: {error}") from error  # Hydra shows it without a traceback


def _load_report() -> None:
    """Loads while the workers train what the tables and the pictures are made with."""
    with loading():
        import sinegan.report.make  # noqa: F401


def _numbers(configs: Sequence[DictConfig], sweep: Path, first: int) -> list[int]:
    """The number of each job: that of its stored configuration in a resumed sweep."""
    from sinegan.composition import resolved
    from sinegan.sweep.resume import CannotResumeError, numbers, stored_sweep

    stored = {number: settings for number, settings in stored_sweep(sweep).items() if number >= first}
    sweeper = configs[0].hydra.sweeper
    if sweeper.get("max_batch_size") or sweeper.get("n_jobs"):  # Optuna's name for it
        # Those of later batches are not asked for yet.
        stored = {number: settings for number, settings in stored.items() if number < first + len(configs)}
    try:
        return numbers([resolved(config) for config in configs], stored, first)
    except CannotResumeError as error:
        _refuse(f"{sweep} holds another sweep; resume it by its own command", str(error).splitlines())


def _refuse(reason: str, lines: Sequence[str]) -> NoReturn:
    """Ends the command: SystemExit passes through Hydra as it is, with no traceback."""
    raise SystemExit(
        "\n".join([f"sinegan: nothing was run: {reason}:", *(f"  {printable(line)}" for line in lines)])
    )


def _file(folder: Path, failures: "Sequence[Failure]", config: DictConfig) -> float:  # noqa: ARG001
    """The objective of a trained configuration. Raises CompactHydraException if any of its runs failed."""
    from sinegan.report.tables import load_sweep, objective

    for trace in dict.fromkeys(failure.traceback for failure in failures):
        log.info(trace)  # into the configuration's own log; the console shows warnings only
    if failures:
        raise CompactHydraException("; ".join(dict.fromkeys(failure.message for failure in failures)))
    return objective(load_sweep(folder))


def _problems(config: DictConfig) -> list[str]:
    from sinegan.composition import problems_of

    return problems_of(config)


together: Any = Together(check=_problems, run=train_together, numbers=_numbers)
train.together = together  # type: ignore[attr-defined]
