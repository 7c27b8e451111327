"""What a task function declares so that the stacked launcher hands it all jobs at once."""

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
    """Set as the attribute `together` of a task function.

    check: the problems of a job's config, a line each; any refuses the sweep before anything
    runs. run: runs all jobs, and yields each finished one's place with the task function that
    Hydra's `run_job` files it by: one that returns the result, or raises the error, at once. A
    generator is closed when the launcher stops early. numbers: the job number of each config, given
    all configs, the sweep's folder and the number that the first would have otherwise; jobs of one
    number run once. Raises CompactHydraException to refuse the sweep before anything runs.
    """

    check: Callable[[DictConfig], list[str]]
    run: Callable[[Sequence[Job]], Iterator[tuple[int, TaskFunction]]]
    numbers: Callable[[Sequence[DictConfig], Path, int], list[int]] | None = None
