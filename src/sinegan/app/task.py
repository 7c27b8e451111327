"""What Hydra calls: one configuration, or all of a sweep together."""

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
from sinegan.app.imports import loading
from sinegan.app.resolvers import register
from sinegan.printable import printable

if TYPE_CHECKING:
    from sinegan.sweep.execute import Failure

log = logging.getLogger(__name__)
register()

# torch and pandas are imported where they are first needed: `--help` and tab completion have no
# use for them.


def train(config: DictConfig) -> float:
    """Trains one configuration into the folder that Hydra gave it; returns its objective."""
    from sinegan.app.composition import resolved
    from sinegan.storage.results import DamagedResultsError
    from sinegan.sweep.resume import differences, stored_settings

    hydra = HydraConfig.get()
    folder = Path(hydra.runtime.output_dir)
    try:
        before = stored_settings(folder)
    except DamagedResultsError as error:
        _refuse("a file cannot be relied on", [str(error)])
    if before is not None and (found := differences(before, resolved(config))):
        _refuse(f"{folder} holds another configuration; resume it by its own command", found)
    ((_, file),) = _trained([Job(config, list(hydra.overrides.task), folder)], folder)
    objective: float = file(config)
    return objective


def train_together(jobs: Sequence[Job]) -> Iterator[tuple[int, TaskFunction]]:
    """Trains what is missing of a sweep's configurations, stacked; yields each as it finishes."""
    from sinegan.app.composition import resolved
    from sinegan.storage.files import UnwritableFileError
    from sinegan.storage.results import DamagedResultsError
    from sinegan.storage.sweep_folder import Listed, write_list
    from sinegan.sweep.resume import misplaced, moved

    home = Path(os.path.abspath(str(jobs[0].config.hydra.sweep.dir)))
    wanted = {Path(os.path.abspath(job.folder)): resolved(job.config) for job in jobs}
    try:
        problems = misplaced(home, wanted) or ([] if _in_batches(jobs[0].config) else moved(home, wanted))
        if problems:
            _refuse(f"these configurations do not fit into {home}", problems)
        of_jobs = zip(jobs, wanted.items(), strict=True)
        write_list(
            home,
            [
                Listed(int(job.config.hydra.job.num), folder.relative_to(home).as_posix(), settings)
                for job, (folder, settings) in of_jobs
            ],
        )
    except (DamagedResultsError, UnwritableFileError) as error:
        _refuse("a file cannot be relied on", [str(error)])
    yield from _trained(jobs, home)


def _trained(jobs: Sequence[Job], home: Path) -> Iterator[tuple[int, TaskFunction]]:
    from sinegan.app.composition import resolved, typed
    from sinegan.app.live import watching
    from sinegan.engine.programs import CannotCompileError
    from sinegan.storage.files import UnwritableFileError
    from sinegan.storage.results import ResultFilesError
    from sinegan.sweep.execute import execute
    from sinegan.sweep.plan import Configuration
    from sinegan.sweep.resume import CannotResumeError

    configurations = []
    for job in jobs:
        config, executor = typed(job.config)
        configurations.append(Configuration(config, job.folder, resolved(job.config), job.overrides))
    try:
        with watching(configurations) as observers:
            for place, failures in execute(configurations, executor, home, observers, _load_report):
                yield place, partial(_file, jobs[place].folder, failures)
    except CannotResumeError as error:
        _refuse("runs would not go on as they began", str(error).splitlines())
    except (ResultFilesError, UnwritableFileError, CannotCompileError) as error:
        raise SystemExit(f"sinegan: {error}") from error


def _load_report() -> None:
    """Loads while the workers train what the tables and the pictures are made with."""
    with loading():
        import sinegan.report.make  # noqa: F401


def _in_batches(config: DictConfig) -> bool:
    """Whether the launcher is given a part of the sweep's jobs at a time, so that the others are unknown."""
    sweeper = config.hydra.sweeper
    return bool(sweeper.get("max_batch_size") or sweeper.get("n_jobs"))  # Optuna's name for it


def _numbers(configs: Sequence[DictConfig], sweep: Path, first: int) -> list[int]:
    """The number of each job: that of its stored configuration in a resumed sweep.

    Equal configurations have one number.
    """
    from sinegan.app.composition import resolved
    from sinegan.storage.results import DamagedResultsError
    from sinegan.sweep.resume import CannotResumeError, Stored, numbers, stored_sweep

    home = Path(os.path.abspath(sweep))
    try:
        held, lost = stored_sweep(home)
        earlier = {number: settings for number, settings in held.items() if number < first}
        numbers_left = {number for number in (*held, *lost) if number >= first}
        if _in_batches(configs[0]):  # those of later batches are not asked for yet
            numbers_left &= set(range(first, first + len(configs)))
        stored = Stored(*({n: each[n] for n in numbers_left & set(each)} for each in (held, lost)))
        found = numbers([resolved(config) for config in configs], stored, first, earlier)
    except DamagedResultsError as error:
        _refuse("a file cannot be relied on", [str(error)])
    except CannotResumeError as error:
        _refuse(f"{home} holds another sweep; resume it by its own command", str(error).splitlines())
    repeated = [config for place, config in enumerate(configs) if found[place] in {*earlier, *found[:place]}]
    if repeated:
        example = " ".join(repeated[0].hydra.overrides.task)
        count = f"{len(repeated)} of {len(found)}"
        print(f"{count} configurations repeat others ({example}); each is trained once.", flush=True)
    return found


def _refuse(reason: str, lines: Sequence[str]) -> NoReturn:
    """Ends the command: SystemExit passes through Hydra as it is, with no traceback."""
    raise SystemExit(
        "\n".join([f"sinegan: nothing was run: {reason}:", *(f"  {printable(line)}" for line in lines)])
    )


def _file(folder: Path, failures: "Sequence[Failure]", config: DictConfig) -> float:  # noqa: ARG001
    """The objective of a trained configuration. Raises CompactHydraException if any of its runs failed."""
    from sinegan.report.load import load_sweep
    from sinegan.report.referee.run_values import objective

    for trace in dict.fromkeys(failure.traceback for failure in failures):
        log.info(trace)  # into the configuration's own log; the console shows warnings only
    if failures:
        raise CompactHydraException("; ".join(dict.fromkeys(failure.message for failure in failures)))
    return objective(load_sweep(folder))


def _problems(config: DictConfig) -> list[str]:
    from sinegan.app.composition import problems_of

    return problems_of(config)


together: Any = Together(check=_problems, run=train_together, numbers=_numbers)
train.together = together  # type: ignore[attr-defined]
