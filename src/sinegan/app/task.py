"""The functions that Hydra calls: they train one configuration, or all of a sweep together."""

import logging
import os
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from hydra.core.hydra_config import HydraConfig
from hydra.errors import CompactHydraException
from hydra.types import TaskFunction
from omegaconf import DictConfig

from hydra_plugins.stacked_launcher.together import Job, Together
from sinegan.app.imports import importing
from sinegan.printable import printable

if TYPE_CHECKING:
    from sinegan.sweep.executors import ExecutorSettings
    from sinegan.sweep.plan import Configuration
    from sinegan.sweep.worker import Failure

log = logging.getLogger(__name__)

# PyTorch and pandas are imported where they are first needed: `--help` and tab completion run without them.


def train(config: DictConfig) -> float:
    """Trains one configuration into the folder that Hydra chose; returns its objective."""
    from sinegan.app.composition import plain_settings
    from sinegan.app.design_problems import single_problem
    from sinegan.storage.results import DamagedResultsError
    from sinegan.sweep.resume import differences, stored_settings

    hydra = HydraConfig.get()
    folder = Path(hydra.runtime.output_dir)
    try:
        stored = stored_settings(folder)
    except DamagedResultsError as error:
        _refuse("a file cannot be used", [str(error)])
    if stored is not None and (changes := differences(stored, plain_settings(config))):
        _refuse(f"{folder} holds another configuration; resume it with its own command", changes)
    configurations, executor = _configurations([Job(config, list(hydra.overrides.task), folder)])
    if problem := single_problem(configurations[0].config.decide):
        _refuse("these settings do not go together", [problem])
    ((_, objective_of),) = _train(configurations, executor, folder)
    objective: float = objective_of(config)
    return objective


def train_together(jobs: Sequence[Job]) -> Iterator[tuple[int, TaskFunction]]:
    """Trains the unfinished runs of a sweep, stacked; yields each configuration when it is complete.

    With the position of each comes the function by which Hydra records it.
    """
    from sinegan.app.composition import plain_settings
    from sinegan.app.design_problems import design_problems
    from sinegan.storage.files import UnwritableFileError
    from sinegan.storage.results import DamagedResultsError
    from sinegan.storage.sweep_folder import Listed, write_list
    from sinegan.sweep.resume import find_misplaced, find_moved

    home = Path(os.path.abspath(str(jobs[0].config.hydra.sweep.dir)))
    wanted = {Path(os.path.abspath(job.folder)): plain_settings(job.config) for job in jobs}
    configurations, executor = _configurations(jobs)
    if problems := design_problems(configurations, _in_batches(jobs[0].config)):
        _refuse("these settings do not go together", problems)
    try:
        problems = find_misplaced(home, wanted) or (
            [] if _in_batches(jobs[0].config) else find_moved(home, wanted)
        )
        if problems:
            _refuse(f"these configurations do not fit into {home}", problems)
        entries = [
            Listed(int(job.config.hydra.job.num), folder.relative_to(home).as_posix(), settings)
            for job, (folder, settings) in zip(jobs, wanted.items(), strict=True)
        ]
        write_list(home, entries)
    except (DamagedResultsError, UnwritableFileError) as error:
        _refuse("a file cannot be used", [str(error)])
    yield from _train(configurations, executor, home)


def _configurations(jobs: Sequence[Job]) -> "tuple[list[Configuration], ExecutorSettings]":
    """The typed configurations of jobs, and the executor, which they share."""
    from sinegan.app.composition import build_config, plain_settings
    from sinegan.sweep.plan import Configuration

    configurations = []
    for job in jobs:
        config, executor = build_config(job.config)
        configurations.append(Configuration(config, job.folder, plain_settings(job.config), job.overrides))
    return configurations, executor


def _train(
    configurations: "Sequence[Configuration]", executor: "ExecutorSettings", home: Path
) -> Iterator[tuple[int, TaskFunction]]:
    """Trains configurations, with live output and a progress bar; yields as `train_together` does."""
    from sinegan.app.live import live_observers
    from sinegan.app.progress_bar import progress_bar
    from sinegan.designs import Sequential
    from sinegan.engine.programs import CannotCompileError
    from sinegan.report.load import UnreadableSweepError
    from sinegan.storage.files import UnwritableFileError
    from sinegan.storage.results import ResultFilesError
    from sinegan.sweep.execute import Hooks, execute
    from sinegan.sweep.executors import ExecutorError
    from sinegan.sweep.resume import CannotResumeError

    try:
        with live_observers(configurations) as observers:
            hooks = Hooks(observers, partial(print, flush=True), progress_bar, _load_report)
            if isinstance(configurations[0].config.decide, Sequential):
                from sinegan.app.decide import execute_until_decided  # it loads SciPy, in a second

                results = execute_until_decided(configurations, executor, home, hooks)
            else:
                results = execute(configurations, executor, home, hooks)
            for place, failures in results:
                yield place, partial(_objective, configurations[place].folder, failures)
    except CannotResumeError as error:
        _refuse("the unfinished runs would not match the others", str(error).splitlines())
    except ExecutorError as error:
        raise CompactHydraException(str(error)) from error  # Hydra prints it without a traceback
    except UnwritableFileError as error:
        raise SystemExit(f"sinegan: {error}; correct that and resume") from error
    except (ResultFilesError, UnreadableSweepError, CannotCompileError) as error:
        raise SystemExit(f"sinegan: {error}") from error


def _load_report() -> None:
    """Imports what makes the tables and the pictures; called while the workers train."""
    with importing():
        import sinegan.report.make  # noqa: F401


def _in_batches(config: DictConfig) -> bool:
    """Whether the launcher gets the sweep's jobs in batches, so that later jobs are still unknown."""
    sweeper = config.hydra.sweeper
    return bool(sweeper.get("max_batch_size") or sweeper.get("n_jobs"))  # Optuna's name for it


def _assign_numbers(configs: Sequence[DictConfig], sweep: Path, first: int) -> list[int]:
    """The number of each job: that of its stored configuration, or a new one.

    Equal configurations have one number.

    Arguments:
        configs: the composed config of each job.
        sweep: the sweep's folder.
        first: the number of the first job when nothing is stored.
    """
    from sinegan.app.composition import plain_settings
    from sinegan.app.design_problems import seed_problems
    from sinegan.storage.results import DamagedResultsError
    from sinegan.sweep.resume import CannotResumeError, Stored, assign_numbers, stored_sweep

    home = Path(os.path.abspath(sweep))
    wanted = [plain_settings(config) for config in configs]
    if problems := seed_problems(wanted):
        _refuse("these settings do not go together", problems)
    try:
        present, missing = stored_sweep(home)
        earlier = {number: settings for number, settings in present.items() if number < first}
        numbers_left = {number for number in (*present, *missing) if number >= first}
        if _in_batches(configs[0]):  # later batches will ask for the other numbers
            numbers_left &= set(range(first, first + len(configs)))
        stored = Stored(*({n: each[n] for n in numbers_left & set(each)} for each in (present, missing)))
        result = assign_numbers(wanted, stored, first, earlier)
    except DamagedResultsError as error:
        _refuse("a file cannot be used", [str(error)])
    except CannotResumeError as error:
        _refuse(f"{home} holds another sweep; resume it with its own command", str(error).splitlines())
    seen, repeated = set(earlier), []
    for config, number in zip(configs, result, strict=True):
        if number in seen:
            repeated.append(config)
        seen.add(number)
    if repeated:
        example = " ".join(repeated[0].hydra.overrides.task)
        count = f"{len(repeated)} of {len(result)}"
        print(f"{count} configurations repeat others ({example}); each is trained once.", flush=True)
    return result


def _refuse(reason: str, lines: Sequence[str]) -> NoReturn:
    """Ends the command. SystemExit passes through Hydra without a traceback."""
    raise SystemExit(
        "\n".join([f"sinegan: nothing was run: {reason}:", *(f"  {printable(line)}" for line in lines)])
    )


def _objective(folder: Path, failures: "Sequence[Failure]", config: DictConfig) -> float:  # noqa: ARG001
    """The objective of a trained configuration. Raises CompactHydraException when any of its runs failed."""
    from sinegan.report.load import load_sweep
    from sinegan.report.referee.run_values import objective

    for trace in dict.fromkeys(failure.traceback for failure in failures):
        log.info(trace)  # for the configuration's own log: the console shows only warnings
    if failures:
        raise CompactHydraException("; ".join(dict.fromkeys(failure.message for failure in failures)))
    return objective(load_sweep(folder))


def _problems(config: DictConfig) -> list[str]:
    from sinegan.app.composition import find_problems

    return find_problems(config)


together: Any = Together(check=_problems, run=train_together, numbers=_assign_numbers)
train.together = together  # type: ignore[attr-defined]
