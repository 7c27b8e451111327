"""Shared by the tests of the plugins: sweeps by Hydra in this process."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest
from hydra._internal.hydra import Hydra

OpenHydra = Callable[..., AbstractContextManager[Hydra]]


@pytest.fixture
def sweep(open_hydra: OpenHydra, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """`sweep(task, *overrides)` sweeps conf/ into the folder `sweep`; gives the JobReturns of each batch."""
    monkeypatch.chdir(tmp_path)

    def run(task: Callable[..., Any], *overrides: str, conf: Path | None = None) -> Any:
        quiet = ["hydra/hydra_logging=disabled", "hydra/job_logging=disabled"]
        with open_hydra(conf) as hydra:
            arguments = ["hydra.sweep.dir=sweep", *quiet, *overrides]
            return hydra.multirun("config", task, arguments, with_log_configuration=False)

    return run
