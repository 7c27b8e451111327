"""What the tests of a sweep share: configurations with a folder, and what lies in such a folder."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from sinegan.config import Config
from sinegan.sweep.plan import Configuration
from sinegan.sweep.provenance import write_provenance

Samples = dict[str, NDArray[Any]]


@pytest.fixture
def file_config() -> Callable[[Path, Config], Configuration]:
    """Gives a config its folder, with the provenance that is there when its training starts."""

    def file(folder: Path, config: Config) -> Configuration:
        write_provenance(folder, config, {"seeds": config.seeds}, [])
        return Configuration(config, folder)

    return file


@pytest.fixture
def read_samples() -> Callable[[Path], Samples]:
    """The arrays of a folder's samples.npz."""

    def read(folder: Path) -> Samples:
        with np.load(folder / "samples.npz") as stored:
            return dict(stored)

    return read
