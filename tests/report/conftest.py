"""Shared by the tests of the report: sweep folders, written by hand."""

import json
import math
from collections.abc import Callable, Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sinegan.report.load import load_sweep
from sinegan.report.sweep import Sweep
from sinegan.storage.files import write_sealed

EVERY = 10
"""Steps from one evaluation of a hand-written history to the next."""


def seal(folder: Path) -> None:
    """Writes the manifest of a set of result files next to them."""
    names = ("runs.csv", "history.csv", "samples.npz", "checkpoint.pt")
    files = [folder / name for name in names if (folder / name).exists()]
    sums = {file.name: sha256(file.read_bytes()).hexdigest() for file in files}
    (folder / "manifest.json").write_text(json.dumps(sums))


@pytest.fixture(name="seal")
def _seal() -> Callable[[Path], None]:
    """Gives the files of a folder a valid manifest, whatever they hold."""
    return seal


@pytest.fixture(scope="session")
def file_configuration() -> Callable[..., Path]:
    """Writes a configuration's folder: its provenance, and a set of result files when there are runs."""

    def file(
        folder: Path,
        overrides: Sequence[str] = (),
        values: Mapping[int, Sequence[float]] | None = None,
        *,
        status: Mapping[int, str] | None = None,
        metric: str = "rmse",
        seeds: int | None = None,
        steps: int = 100,
        end_step: int | None = None,
        seconds: float = 2.0,
        message: str = "",
        part: str = "",
        animation: bool = False,
        settings: Mapping[str, Any] | None = None,
    ) -> Path:
        """Writes the folder and returns it.

        Arguments:
            folder: the folder of the configuration.
            overrides: of its command.
            values: for each seed, the metric at its evaluations.
            status: for each seed that did not finish, its status.
            metric: the name of the primary metric.
            seeds: the number of seeds in the settings; by default that of `values`.
            steps: the number of steps in the settings.
            end_step: the last step of every run; by default `steps`.
            seconds: the time of every run.
            message: the message of every run.
            part: the subfolder of the tables, for an unfinished configuration.
            animation: the setting plot.animation.
            settings: all other settings.
        """
        values, status = values or {}, status or {}
        resolved = {
            "training": {"steps": steps},
            "seeds": len(values) if seeds is None else seeds,
            "plot": {"animation": animation},
            **(settings or {}),
        }
        provenance = {
            "overrides": list(overrides),
            "settings": resolved,
            "primary_metric": metric,
            "engine": "eager",
        }
        tables = folder / part
        tables.mkdir(parents=True, exist_ok=True)
        write_sealed(folder / "provenance.json", provenance)
        if values:
            runs = [
                f"{seed},{status.get(seed, 'finished')},{steps if end_step is None else end_step},"
                f'{seconds},"{message}"'
                for seed in values
            ]
            history = [
                f"{seed},{EVERY * place},{value!r},0.5,0.25,-1.25,0.125"
                for seed, series in values.items()
                for place, value in enumerate(series)
            ]
            (tables / "runs.csv").write_text("\n".join(["seed,status,step,seconds,message", *runs, ""]))
            columns = f"seed,step,{metric},d_real,d_fake,value,value_gap"
            # Without any evaluation there are no columns either: the table is empty.
            (tables / "history.csv").write_text("\n".join([columns, *history, ""]) if history else "\n")
            none: list[float] = []
            arrays = {"x": np.arange(5), "real": np.ones((1, 5)), "seeds": none, "curves": none}
            np.savez(tables / "samples.npz", probability=none, **arrays)  # type: ignore[arg-type]
            seal(tables)
        return folder

    return file


@pytest.fixture
def file_samples() -> Callable[..., None]:
    """Replaces the samples of a set of files: two runs with three generated curves each, at five points."""

    def file(folder: Path, real_curves: int = 1, frames: Mapping[int, float] | None = None) -> None:
        """frames: the value of the first run's curve at each step that has one; none by default."""
        arrays: dict[str, Any] = {
            "x": np.linspace(0, 6, 5),
            "real": np.ones((real_curves, 5)),
            "seeds": np.array([0, 1]),
            "curves": np.linspace(-1, 1, 30, dtype=np.float32).reshape(2, 3, 5),
            "probability": np.full((2, 3), 0.5, np.float32),
        }
        if frames is not None:
            heights = np.array([[height, 0.0] for height in frames.values()], np.float32)
            arrays |= {
                "frame_seeds": np.array([0, 1]),
                "frame_steps": np.array(list(frames)),
                "frame_curves": np.repeat(heights[:, :, None], 5, axis=2),
                "frame_probability": np.full((len(frames), 2), 0.5, np.float32),
            }
        np.savez(folder / "samples.npz", **arrays)
        seal(folder)

    return file


@pytest.fixture
def make_sweep(tmp_path: Path, file_configuration: Callable[..., Path]) -> Callable[..., Sweep]:
    """A sweep of the key `loss` (or of the overrides given), with a value a run."""

    def make(values: Mapping[str, Mapping[int, float]], **options: Any) -> Sweep:
        for place, (name, by_seed) in enumerate(values.items()):
            overrides = [name] if "=" in name else [f"loss={name}"]
            series = {seed: [] if math.isinf(value) else [value] for seed, value in by_seed.items()}
            status = {seed: "diverged" for seed, value in by_seed.items() if math.isinf(value)}
            file_configuration(tmp_path / str(place), overrides, series, status=status, **options)
        return load_sweep(tmp_path)

    return make
