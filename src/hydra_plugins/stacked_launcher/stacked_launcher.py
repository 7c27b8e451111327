"""The launcher: composes all jobs, checks them, runs them together, files each through Hydra."""

import contextlib
import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from hydra.core.config_store import ConfigStore
from hydra.core.utils import JobReturn, configure_log, run_job, setup_globals
from hydra.errors import CompactHydraException
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, open_dict

from hydra_plugins.stacked_launcher.together import Job, Together

log = logging.getLogger(__name__)


@dataclass
class StackedLauncherConf:
    _target_: str = "hydra_plugins.stacked_launcher.stacked_launcher.StackedLauncher"
    # Hydra 1.4 instantiates launchers non-recursively; say so to 1.3 as well.
    _recursive_: bool = False


ConfigStore.instance().store(
    group="hydra/launcher", name="stacked", node=StackedLauncherConf, provider="stacked_launcher"
)


class StackedLauncher(Launcher):
    """Runs the jobs of a sweep together if the task function declares how, else one by one."""

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        self.hydra_context = hydra_context
        self.task_function = task_function
        self.config = config

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        setup_globals()
        hydra = self.config.hydra
        configure_log(hydra.hydra_logging, hydra.verbose)
        together: Together | None = getattr(self.task_function, "together", None)
        jobs = self._compose(job_overrides, initial_job_idx)
        if together is not None:
            self._refuse_invalid(jobs, initial_job_idx, together)
        Path(str(hydra.sweep.dir)).mkdir(parents=True, exist_ok=True)
        returns: list[JobReturn | None] = [None] * len(jobs)
        finished = one_by_one(jobs, self.task_function) if together is None else together.run(jobs)
        for place, task in finished:
            returns[place] = self._file(jobs[place], task)
        configure_log(hydra.hydra_logging, hydra.verbose)
        return [done for done in returns if done is not None]

    def _compose(self, job_overrides: Sequence[Sequence[str]], first: int) -> list[Job]:
        jobs = []
        for number, overrides in enumerate(job_overrides, first):
            config = self.hydra_context.config_loader.load_sweep_config(self.config, list(overrides))
            with open_dict(config):
                config.hydra.job.id = number
                config.hydra.job.num = number
            folder = Path(str(config.hydra.sweep.dir)) / str(config.hydra.sweep.subdir)
            jobs.append(Job(config, list(config.hydra.overrides.task), folder))
        return jobs

    def _refuse_invalid(self, jobs: Sequence[Job], first: int, together: Together) -> None:
        """Raises CompactHydraException with every invalid job, and leaves no folder behind."""
        lines = []
        for number, job in enumerate(jobs, first):
            problems = together.check(job.config)
            if problems:
                lines.append(f"#{number} {' '.join(job.overrides)}")
                lines += [f"    {problem}" for problem in problems]
        if lines:
            remove_untouched(Path(str(self.config.hydra.sweep.dir)))
            raise CompactHydraException("\n".join(["Nothing was run; these jobs are invalid:", *lines]))

    def _file(self, job: Job, task: TaskFunction) -> JobReturn:
        return run_job(
            task_function=task,
            config=job.config,
            job_dir_key="hydra.sweep.dir",
            job_subdir_key="hydra.sweep.subdir",
            hydra_context=self.hydra_context,
        )


def one_by_one(jobs: Sequence[Job], task: TaskFunction) -> Iterator[tuple[int, TaskFunction]]:
    """Any task function, as Hydra's basic launcher runs it: each job's work inside its `run_job`."""
    for place, _ in enumerate(jobs):
        yield place, task


def remove_untouched(folder: Path) -> None:
    """Removes a sweep's folder if nothing but Hydra's note of the sweep is in it."""
    if {path.name for path in folder.glob("*")} <= {"multirun.yaml"}:
        (folder / "multirun.yaml").unlink(missing_ok=True)
        with contextlib.suppress(OSError):
            folder.rmdir()
