"""A sweep that is killed repeatedly, at any moment, ends with the bytes of an uninterrupted one."""

import multiprocessing
import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from sinegan.app.decide import execute_until_decided
from sinegan.config import Config, Plot
from sinegan.designs import Design, Fixed, Sequential, UntilBest
from sinegan.game.optimisers import SGD
from sinegan.game.targets import NoisySine
from sinegan.report.load import load_sweep
from sinegan.report.referee.analysis import Analysis
from sinegan.sweep import worker
from sinegan.sweep.execute import SILENT, execute
from sinegan.sweep.executors import Serial
from sinegan.sweep.plan import Configuration

KILLS = 12


def train(configurations: Sequence[Configuration], home: Path, seconds_between_parts: float) -> None:
    worker.SECONDS_BETWEEN_PARTS = seconds_between_parts
    decides = isinstance(configurations[0].config.decide, Sequential)
    for _ in (execute_until_decided if decides else execute)(configurations, Serial(), home, SILENT):
        pass


def sweep(configs: Sequence[Config], home: Path) -> list[Configuration]:
    settings = {"training": {"steps": configs[0].training.steps}, "seeds": 3, "plot": {"animation": False}}
    return [
        Configuration(config, home / str(place), settings, [f"place={place}"])
        for place, config in enumerate(configs)
    ]


@pytest.mark.slow
@pytest.mark.parametrize("design", [Fixed(), UntilBest(first=3, most=7, margin=1e-6)])
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_sweep_killed_a_dozen_times_ends_with_the_same_bytes(
    make_config: Callable[..., Config],
    tmp_path: Path,
    read_samples: Callable[[Path], dict[str, NDArray[Any]]],
    design: Design,
) -> None:
    training = {"steps": 400, "evaluate_every": 10}
    configs = [
        make_config(training=training),
        make_config(training=training, target=NoisySine(points=6), plot=Plot(animation=True, every=25)),
        make_config(training=training, optim=SGD(lr=1e30, generator_lr=1e30, discriminator_lr=1e30)),
        make_config(training=training | {"stop_tolerance": 0.005}),
    ]
    configs = [replace(config, decide=design) for config in configs]
    undisturbed, killed = sweep(configs, tmp_path / "undisturbed"), sweep(configs, tmp_path / "killed")
    train(undisturbed, tmp_path / "undisturbed", 1e9)

    # Children of a server that has loaded everything start in no time.
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    moments, kills = random.Random(0), 0
    while True:
        child = context.Process(target=train, args=(killed, tmp_path / "killed", 0.0))
        child.start()
        child.join(moments.uniform(0.05, 0.8) if kills < KILLS else None)
        if child.exitcode is not None:
            break
        child.kill()
        child.join()
        kills += 1
    assert child.exitcode == 0
    assert kills >= 10

    for survivor, expected in zip(killed, undisturbed, strict=True):
        folders = survivor.folder, expected.folder
        names = [{path.name for path in folder.iterdir()} for folder in folders]
        assert names[0] == names[1]
        histories = [(folder / "history.csv").read_bytes() for folder in folders]
        assert histories[0] == histories[1]
        samples, others = (read_samples(folder) for folder in folders)
        assert list(samples) == list(others)
        assert all(np.array_equal(samples[name], others[name], equal_nan=True) for name in samples)
        states = [torch.load(folder / "checkpoint.pt", weights_only=True) for folder in folders]
        torch.testing.assert_close(*states, rtol=0, atol=0, equal_nan=True)
    tables = [Analysis(load_sweep(tmp_path / name)).table for name in ("killed", "undisturbed")]
    texts = [table.drop(columns="seconds").to_csv() for table in tables]
    assert texts[0] == texts[1]
