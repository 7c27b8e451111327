"""Shared by the tests of the plugins: sweeps by Hydra in this process."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pytest
from hydra import initialize_config_dir
from hydra._internal.hydra import Hydra
from hydra.core.global_hydra import GlobalHydra
from hydra.version import VersionBase

from sinegan.app.conf_folder import conf_folder

OpenHydra = Callable[..., AbstractContextManager[Hydra]]


@contextmanager
def opened(conf: Path | None = None) -> Iterator[Hydra]:
    version = VersionBase.instance()
    before = version.getbase()
    try:
        with initialize_config_dir(str(conf or conf_folder()), version_base="1.3", job_name="sinegan"):
            hydra = GlobalHydra.instance().hydra
            assert hydra is not None
            yield hydra
    finally:
        # Hydra's conformance suites are for applications that name no version.
        version.version_base = before


@pytest.fixture(scope="session")
def open_hydra() -> OpenHydra:
    """Hydra over the YAML files of conf/, or of another folder, for the length of a `with`."""
    return opened


@pytest.fixture
def sweep(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """`sweep(task, *overrides)` sweeps conf/ into the folder `sweep`; gives the JobReturns of each batch."""
    monkeypatch.chdir(tmp_path)

    def run(task: Callable[..., Any], *overrides: str, conf: Path | None = None) -> Any:
        quiet = ["hydra/hydra_logging=disabled", "hydra/job_logging=disabled"]
        with opened(conf) as hydra:
            arguments = ["hydra.sweep.dir=sweep", *quiet, *overrides]
            return hydra.multirun("config", task, arguments, with_log_configuration=False)

    return run
