"""The declaration by which a task function receives all jobs of a sweep at once."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from hydra.types import TaskFunction
from omegaconf import DictConfig


@dataclass(frozen=True)
class Job:
    """One job of a sweep: its composed config, its task overrides, and the folder it files into."""

    config: DictConfig
    overrides: list[str]
    folder: Path


@dataclass(frozen=True)
class Together:
    """Declares how jobs run together: the attribute `together` of a task function.

    check: gives the problems of a job's config, a line each. Any problem refuses the sweep before a job runs.
    run: runs all jobs and yields, for each that has finished, its place and a task function, which Hydra's
        `run_job` calls to file the job: it returns the result or raises the error at once. A generator is
        closed when the launcher stops early.
    numbers: gives the job number of each config, from all configs, the sweep's folder and the number that the
        first would have otherwise. Jobs of one number run once. Raises CompactHydraException to refuse the
        sweep before a job runs.
    """

    check: Callable[[DictConfig], list[str]]
    run: Callable[[Sequence[Job]], Iterator[tuple[int, TaskFunction]]]
    numbers: Callable[[Sequence[DictConfig], Path, int], list[int]] | None = None
