"""What Hydra calls: one configuration, or all of a sweep together."""

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hydra.core.hydra_config import HydraConfig
from hydra.errors import CompactHydraException
from hydra.types import TaskFunction
from omegaconf import DictConfig

from hydra_plugins.stacked_launcher.together import Job, Together

if TYPE_CHECKING:
    from sinegan.sweep.execute import Outcome

# torch and pandas are imported where they are first needed: `--help` and tab completion have no
# use for them.


def train(config: DictConfig) -> float:
    """Trains one configuration into the folder that Hydra gave it; returns its objective."""
    hydra = HydraConfig.get()
    job = Job(config, list(hydra.overrides.task), Path(hydra.runtime.output_dir))
    ((_, file),) = train_together([job])
    objective: float = file(config)
    return objective


def train_together(jobs: Sequence[Job]) -> Iterator[tuple[int, TaskFunction]]:
    """Trains all configurations stacked; yields each as it finishes."""
    from sinegan.composition import resolved, typed
    from sinegan.sweep.execute import execute
    from sinegan.sweep.plan import Configuration
    from sinegan.sweep.provenance import write_provenance
    from sinegan.watch import watching

    configurations = []
    for job in jobs:
        config, executor = typed(job.config)
        configurations.append(Configuration(config, job.folder))
        write_provenance(job.folder, config, resolved(job.config), job.overrides)
    home = jobs[0].folder if len(jobs) == 1 else jobs[0].folder.parent
    with watching(configurations) as observers:
        for place, outcome in execute(configurations, executor, home, observers):
            yield place, partial(_file, jobs[place].folder, outcome)


def _file(folder: Path, outcome: "Outcome", _: DictConfig) -> float:
    """The objective of a trained configuration. Raises CompactHydraException if any of its runs failed."""
    from sinegan.report.tables import load_sweep, objective

    if outcome.errors:
        raise CompactHydraException("; ".join(outcome.errors))
    return objective(load_sweep(folder))


def _problems(config: DictConfig) -> list[str]:
    from sinegan.composition import problems_of

    return problems_of(config)


together: Any = Together(check=_problems, run=train_together)
train.together = together  # type: ignore[attr-defined]
