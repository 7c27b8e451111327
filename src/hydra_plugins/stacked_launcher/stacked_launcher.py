"""Launches the jobs of a sweep: composes and checks all, runs them together, files each through Hydra."""

import contextlib
import logging
import os
from collections.abc import Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from hydra.core.config_store import ConfigStore
from hydra.core.hydra_config import HydraConfig
from hydra.core.utils import JobReturn, configure_log, filter_overrides, run_job, setup_globals
from hydra.errors import CompactHydraException
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf, open_dict

from hydra_plugins.stacked_launcher.composer import Composer, make_quick_to_copy
from hydra_plugins.stacked_launcher.together import Job, Together
from sinegan.printable import printable

log = logging.getLogger(__name__)

ON_ERROR = ("continue", "stop")


@dataclass
class StackedLauncherConf:
    _target_: str = "hydra_plugins.stacked_launcher.stacked_launcher.StackedLauncher"
    # Hydra 1.4 instantiates launchers non-recursively; say so to 1.3 as well.
    _recursive_: bool = False
    # Whether the other jobs run when one fails: continue, or stop at the first failure.
    on_error: str = "continue"


ConfigStore.instance().store(
    group="hydra/launcher", name="stacked", node=StackedLauncherConf, provider="stacked_launcher"
)


class StackedLauncher(Launcher):
    """Runs the jobs of a sweep together if the task function declares how, otherwise one by one."""

    # A sweeper need not compose the jobs to check them: this launcher does.
    composes_all_first = True

    def __init__(self, on_error: str = "continue") -> None:
        self.on_error = on_error

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        if self.on_error not in ON_ERROR:
            words = " (all other jobs finish) or ".join(ON_ERROR)
            raise CompactHydraException(
                f"hydra.launcher.on_error = {self.on_error}: must be {words} (at the first failed job)"
            )
        self.hydra_context = hydra_context
        self.task_function = task_function
        self.config = config
        self.composer = Composer(hydra_context.config_loader, config)
        self.taken: dict[str, str] = {}
        """For the folder of every job that was run, the job's name."""
        self.returns: dict[int, JobReturn] = {}
        """The outcome of every job that was run together with others, by its number."""

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        setup_globals()
        self._log_as_hydra()
        folder = Path(str(self.config.hydra.sweep.dir))
        try:
            numbers, folders, filed = self._checked(job_overrides, initial_job_idx, folder)
        except Exception:
            remove_untouched(folder)
            raise
        self.taken |= folders
        folder.mkdir(parents=True, exist_ok=True)
        try:
            with contextlib.closing(filed):
                for number, done in filed:
                    self.returns[number] = done
                    if self.on_error == "stop":
                        _ = done.return_value  # raises the job's error, if it has any
        finally:
            self._log_as_hydra()
        return [self.returns[number] for number in numbers if number in self.returns]

    def _checked(
        self, job_overrides: Sequence[Sequence[str]], first: int, folder: Path
    ) -> tuple[Sequence[int], dict[str, str], Generator[tuple[int, JobReturn], None, None]]:
        """Composes and checks all jobs, and runs none yet.

        Arguments:
            job_overrides: the overrides of each job.
            first: the number of the first job.
            folder: the folder of the sweep.

        Returns the number of each job, the names of the jobs to run by their folders, and the generator that
        runs these. Raises CompactHydraException.
        """
        together: Together | None = getattr(self.task_function, "together", None)
        jobs = self._jobs(job_overrides, first, folder, together)
        if together is None:
            folders = self._refuse_shared_folders(jobs)
            numbers = range(first, first + len(job_overrides))
            return numbers, folders, self._run_one_by_one(job_overrides, first)
        numbered = [(number_of(job), job) for job in jobs]
        new = {number: job for number, job in reversed(numbered) if number not in self.returns}
        to_run = [new[number] for number in dict.fromkeys(number for number, _ in numbered) if number in new]
        folders = self._refuse_shared_folders(to_run)
        self._refuse_invalid(to_run, together)
        return [number for number, _ in numbered], folders, self._run_together(to_run, together)

    def _jobs(
        self,
        job_overrides: Sequence[Sequence[str]],
        first: int,
        folder: Path,
        together: Together | None,
    ) -> Iterator[Job]:
        configs: Iterable[DictConfig] = map(self.composer.compose, job_overrides)
        numbers: Iterable[int] = range(first, first + len(job_overrides))
        if together is not None and together.numbers is not None:
            configs = list(configs)
            numbers = together.numbers(configs, folder, first)
        for config, number in zip(configs, numbers, strict=True):
            set_number(config, number)
            yield Job(config, list(config.hydra.overrides.task), folder_of(config))

    def _refuse_shared_folders(self, jobs: Iterable[Job]) -> dict[str, str]:
        """The name of each job, by its folder.

        Raises CompactHydraException if two jobs, of this batch or an earlier one, have the same.
        """
        folders: dict[str, str] = {}
        lines = []
        for job in jobs:
            folder = os.path.abspath(job.folder)
            other = folders.get(folder) or self.taken.get(folder)
            if other is not None:
                lines.append(f"    {other} and {name_of(job)}: {job.folder}")
            folders[folder] = name_of(job)
        if lines:
            remedy = "Let hydra.sweep.subdir differ between the jobs, as ${hydra.job.num} does."
            raise self._refusal("these jobs would share a folder:", *lines, remedy)
        return folders

    def _refuse_invalid(self, jobs: Sequence[Job], together: Together) -> None:
        """Raises CompactHydraException with every invalid job."""
        lines = []
        for job in jobs:
            with current_config(job.config):
                problems = together.check(job.config)
            if problems:
                lines += [name_of(job), *(f"    {problem}" for problem in problems)]
        if lines:
            raise self._refusal("these jobs are invalid:", *lines)

    def _refusal(self, why: str, *lines: str) -> CompactHydraException:
        what = "Nothing more" if self.taken else "Nothing"
        return CompactHydraException("\n".join([f"{what} was run; {why}", *map(printable, lines)]))

    def _run_together(
        self, jobs: Sequence[Job], together: Together
    ) -> Generator[tuple[int, JobReturn], None, None]:
        if not jobs:
            return
        finished = together.run(jobs)
        try:
            for place, task in finished:
                yield number_of(jobs[place]), self._file(jobs[place].config, task)
        finally:
            if isinstance(finished, Generator):
                finished.close()

    def _run_one_by_one(
        self, job_overrides: Sequence[Sequence[str]], first: int
    ) -> Generator[tuple[int, JobReturn], None, None]:
        """Runs jobs as Hydra's basic launcher does: each is composed when those before it have run."""
        log.info(f"Launching {len(job_overrides)} jobs locally")
        for place, overrides in enumerate(job_overrides):
            log.info(f"\t#{first + place} : {' '.join(filter_overrides(overrides))}")
            config = self.composer.compose(overrides)
            set_number(config, first + place)
            yield first + place, self._file(config, self.task_function)
            self._log_as_hydra()

    def _file(self, config: DictConfig, task: TaskFunction) -> JobReturn:
        make_quick_to_copy(config)
        return run_job(
            task_function=task,
            config=config,
            job_dir_key="hydra.sweep.dir",
            job_subdir_key="hydra.sweep.subdir",
            hydra_context=self.hydra_context,
        )

    def _log_as_hydra(self) -> None:
        configure_log(self.config.hydra.hydra_logging, self.config.hydra.verbose)


def set_number(config: DictConfig, number: int) -> None:
    with open_dict(config):
        config.hydra.job.id = number
        config.hydra.job.num = number


def number_of(job: Job) -> int:
    return int(job.config.hydra.job.num)


def folder_of(config: DictConfig) -> Path:
    """The folder into which `run_job` will file a job."""
    with current_config(config):
        folder = OmegaConf.select(config, "hydra.sweep.dir")
        return Path(str(folder)) / str(OmegaConf.select(config, "hydra.sweep.subdir"))


def name_of(job: Job) -> str:
    return f"#{number_of(job)} {' '.join(job.overrides)}"


@contextlib.contextmanager
def current_config(config: DictConfig) -> Iterator[None]:
    """Within this context, `${hydra:…}` refers to a job's config, as it does in `run_job`."""
    holder = HydraConfig.instance()
    before = holder.cfg
    holder.cfg = config  # type: ignore[assignment]
    try:
        yield
    finally:
        holder.cfg = before


def remove_untouched(folder: Path) -> None:
    """Removes a sweep's folder if it holds nothing but Hydra's record of the sweep."""
    if {path.name for path in folder.glob("*")} <= {"multirun.yaml"}:
        (folder / "multirun.yaml").unlink(missing_ok=True)
        with contextlib.suppress(OSError):
            folder.rmdir()
