"""Shared by the tests of sweeps: shards, whole sweeps, and readers of result files."""

from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from outcomes import Outcome

from sinegan.config import Config
from sinegan.storage.results import known_runs, parsed_csv
from sinegan.sweep.execute import Hooks, execute
from sinegan.sweep.executors import ExecutorSettings
from sinegan.sweep.plan import Configuration, Shard, plan, unfinished_runs

Samples = dict[str, NDArray[Any]]
FileConfig = Callable[[Path, Config], Configuration]


@pytest.fixture
def file_config() -> FileConfig:
    """Makes a configuration from a config and a folder."""

    def file(folder: Path, config: Config) -> Configuration:
        return Configuration(config, folder, {"seeds": config.seeds})

    return file


@pytest.fixture
def run(tmp_path: Path, file_config: FileConfig) -> Callable[..., tuple[dict[int, Outcome], list[Path]]]:
    """Executes configs below a folder; returns the outcomes by index, and the configurations' folders."""

    def run(
        configs: Sequence[Config], executor: ExecutorSettings, name: str = "sweep", **hooks: Any
    ) -> tuple[dict[int, Outcome], list[Path]]:
        home = tmp_path / name
        configurations = [file_config(home / str(place), config) for place, config in enumerate(configs)]
        yielded = list(execute(configurations, executor, home, Hooks(**hooks)))
        outcomes = {
            place: Outcome(Counter(run.status for run in known_runs(configurations[place].folder)), failures)
            for place, failures in yielded
        }
        assert len(outcomes) == len(yielded)
        assert {path.name for path in home.iterdir()} == {str(place) for place in outcomes}
        return outcomes, [configuration.folder for configuration in configurations]

    return run


@pytest.fixture
def shards_of() -> Callable[..., list[Shard]]:
    """Plans the shards of the unfinished runs of configurations, each given with its folder."""

    def shards_of(configs: Sequence[tuple[Path, Config]], workers: int = 1) -> list[Shard]:
        pending = [
            unfinished_runs(place, Configuration(config, folder), known_runs(folder))
            for place, (folder, config) in enumerate(configs)
        ]
        return plan([run for runs in pending for run in runs], workers)

    return shards_of


@pytest.fixture
def read_table() -> Callable[[Path], pd.DataFrame]:
    """Reads a CSV file; empty when it has no columns."""

    def read(file: Path) -> pd.DataFrame:
        return parsed_csv(file.read_bytes()) if file.stat().st_size > 1 else pd.DataFrame()

    return read


@pytest.fixture
def read_samples() -> Callable[[Path], Samples]:
    """Reads the arrays of a folder's samples.npz."""

    def read(folder: Path) -> Samples:
        with np.load(folder / "samples.npz") as stored:
            return dict(stored)

    return read
