"""Configurations beyond memory are refused with the estimate, the free memory and a remedy."""

import dataclasses
import doctest
import re
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import nn

from sinegan.config import Config, Plot
from sinegan.game.mixtures import Gaussian
from sinegan.game.networks import Network
from sinegan.game.targets import RandomPhase
from sinegan.sweep import memory
from sinegan.sweep.cluster import Dask, Slurm
from sinegan.sweep.executors import ExecutorSettings, Local, Serial
from sinegan.sweep.memory import fitting_width, problems
from sinegan.sweep.room import Room
from sinegan.training.footprint import worker_bytes

MakeConfig = Callable[..., Config]
GIB = 2**30

quickly = settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(autouse=True)
def room(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Sets the free memory in GiB; 20 by default."""

    def free(here: float, each: float = float("inf")) -> None:
        monkeypatch.setattr(memory, "free_memory", lambda: Room(here * GIB, each * GIB))

    free(20)
    return free


def changed(config: Config, **parts: dict[str, Any]) -> Config:
    for part, fields in parts.items():
        new = dataclasses.replace(getattr(config, part), **fields)
        config = dataclasses.replace(config, **{part: new})
    return config


def refusal(config: Config, executor: ExecutorSettings) -> str:
    (line,) = problems(config, executor)
    return line


def test_doctests_of_memory() -> None:
    found = doctest.testmod(memory)
    assert found.attempted >= 3
    assert found.failed == 0


HUGE = [
    ("training", "batch_size", 10**9),
    ("training", "discriminator_steps", 10**6),
    ("training", "evaluation_samples", 10**9),
    ("network", "latent", 10**8),
    ("network", "generator", (100_000, 100_000)),
    ("network", "discriminator", (10**9, 10**9)),
    ("target", "points", 10**7),
]


@pytest.mark.parametrize(("part", "key", "value"), HUGE)
@pytest.mark.parametrize("executor", [Serial(), Local(workers=2)], ids=["serial", "local"])
def test_a_size_that_exceeds_memory_is_named_and_the_advised_size_fits(
    make_config: MakeConfig, part: str, key: str, value: Any, executor: ExecutorSettings
) -> None:
    config = changed(make_config({"batch_size": 64}), **{part: {key: value}})
    line = refusal(config, executor)
    shown = [*value] if isinstance(value, tuple) else value
    assert line.startswith(f"{part}.{key} = {shown}: needs about ")
    assert "and 20 GiB are free; lower it to about " in line
    (advice,) = re.findall(r"lower it to about ([\d,]+)", line)
    fitting = int(advice.replace(",", ""))
    lower, not_yet = (
        tuple(min(each, number) for each in value) if isinstance(value, tuple) else number
        for number in (fitting, 2 * fitting)
    )
    assert not list(problems(changed(config, **{part: {key: lower}}), executor))
    assert list(problems(changed(config, **{part: {key: not_yet}}), executor))


def test_memory_is_counted_for_each_worker_and_fewer_workers_are_advised(make_config: MakeConfig) -> None:
    config = changed(make_config(seeds=4), training={"batch_size": 2_000_000})
    one = worker_bytes(config.setup, 1) / GIB
    assert 5 < one < 9, "one fits into 20 GiB, four do not"
    line = refusal(config, Local(workers=4))
    assert f"({one:.1f} GiB in each of 4 workers), and 20 GiB are free" in line
    assert line.endswith(", or executor.workers to 2")
    assert not list(problems(config, Local(workers=2)))
    assert not list(problems(config, Serial()))


def test_memory_of_idle_workers_is_not_counted(make_config: MakeConfig) -> None:
    config = changed(make_config(seeds=1), training={"batch_size": 2_000_000})
    assert not list(problems(config, Local(workers=4)))


@pytest.mark.parametrize("wish", ["live", "text"])
def test_live_plots_need_the_memory_of_one_process(make_config: MakeConfig, wish: str) -> None:
    config = changed(make_config(seeds=4, plot=Plot(**{wish: True})), training={"batch_size": 2_000_000})
    assert not list(problems(config, Local(workers=4)))


def test_the_memory_of_history_and_frames_is_named(make_config: MakeConfig) -> None:
    rows = changed(make_config(), training={"steps": 10**9, "evaluate_every": 1, "dtype": "float64"})
    assert refusal(rows, Serial()).startswith("training.evaluate_every = 1: needs about ")
    assert "; raise it to about " in refusal(rows, Serial())
    frames = changed(
        make_config(plot=Plot(animation=True, every=1)),
        training={"steps": 10**8, "evaluate_every": 10**8, "dtype": "float64"},
    )
    assert refusal(frames, Serial()).startswith("plot.every = 1: needs about ")
    (advice,) = re.findall(r"raise it to about ([\d,]+)", refusal(frames, Serial()))
    enough = changed(frames, plot={"every": int(advice.replace(",", ""))})
    assert not list(problems(enough, Serial()))


def test_the_memory_of_many_seeds_is_named(make_config: MakeConfig) -> None:
    line = refusal(make_config(seeds=10**9), Local(workers=2))
    assert line.startswith("seeds = 1000000000: needs about ")
    assert "to join their results), and 20 GiB are free; lower it to about " in line


def test_two_sizes_that_exceed_memory_are_both_named(make_config: MakeConfig) -> None:
    config = changed(make_config(), training={"batch_size": 10**9}, network={"latent": 10**9})
    line = refusal(config, Serial())
    assert line.startswith("network.latent = 1000000000: needs about more than a million GiB of memory")
    assert line.endswith("; lower it, and training.batch_size")


def test_memory_of_pairs_is_counted_for_families_alone(make_config: MakeConfig) -> None:
    config = changed(make_config(target=RandomPhase(points=16)), training={"evaluation_samples": 20_000})
    assert refusal(config, Serial()).startswith("training.evaluation_samples = 20000: needs about ")
    few = changed(config, training={"evaluation_samples": 4_000})
    assert not list(problems(few, Serial()))
    assert not list(problems(changed(make_config(), training={"evaluation_samples": 20_000}), Serial()))


def test_a_compiled_program_needs_less_memory(
    make_config: MakeConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = changed(make_config(target=Gaussian()), training={"evaluation_samples": 13_000})
    assert list(problems(config, Serial()))
    monkeypatch.setattr(memory, "is_compiled", lambda _: True)
    assert not list(problems(config, Serial()))


def test_a_slurm_job_has_the_memory_of_executor_memory(make_config: MakeConfig) -> None:
    config = changed(make_config(), training={"batch_size": 2_000_000})
    line = refusal(config, Slurm(memory="2GB", workers=1000))
    assert line.startswith("training.batch_size = 2000000: needs about ")
    assert "of memory in a worker, which has 1.9 GiB; lower it to about " in line
    assert line.endswith(", or raise executor.memory")
    assert not list(problems(config, Slurm(memory="10GB", workers=1000)))


def test_the_memory_of_remote_machines_is_not_estimated(make_config: MakeConfig) -> None:
    config = changed(make_config(), training={"batch_size": 10**8})
    assert not list(problems(config, Dask(address="tcp://10.0.0.1:8786"))), "nor is it connected to"
    assert refusal(make_config(seeds=10**9), Dask(address="tcp://10.0.0.1:8786")).startswith("seeds = ")


def test_the_memory_limit_of_the_process_counts(make_config: MakeConfig, room: Callable[..., None]) -> None:
    config = changed(make_config(), training={"batch_size": 2_000_000})
    room(20, 2)
    line = refusal(config, Serial())
    assert "of memory in a process, which may take 2.0 GiB; lower it to about " in line
    assert line.endswith(", or raise ulimit -v")


def test_the_memory_of_the_gpu_counts_for_cuda(
    make_config: MakeConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    monkeypatch.setattr(memory, "free_on_gpu", lambda: Room(2 * GIB))
    config = changed(make_config(seeds=4000), training={"batch_size": 2_000_000, "device": "cuda"})
    assert "and 2.0 GiB are free" in refusal(config, Local(workers=4))
    smaller = changed(config, training={"batch_size": 2_000})
    assert not list(problems(smaller, Local(workers=4)))
    width = fitting_width(smaller, 1024, Local(workers=4))
    assert worker_bytes(smaller.setup, width) < 2 * GIB < worker_bytes(smaller.setup, 2 * width)


def test_small_configurations_skip_the_memory_check(
    make_config: MakeConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(memory, "free_memory")
    assert not list(problems(make_config(), Local(workers=8)))


def test_a_network_that_cannot_be_built_is_refused_with_its_message(make_config: MakeConfig) -> None:
    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Fussy(Network):
        def build_generator(self, points: int) -> nn.Module:
            raise ArithmeticError(f"{points} points are too many\nfor me")

    assert refusal(make_config(network=Fussy()), Serial()) == (
        "network = Fussy: cannot be built for 6 points (6 points are too many)"
    )


def test_a_shard_is_as_wide_as_memory_allows(make_config: MakeConfig, room: Callable[..., None]) -> None:
    config = changed(make_config(seeds=64), training={"batch_size": 1_200_000})
    assert fitting_width(config, 8, Local(workers=2)) == 4
    assert 2 * worker_bytes(config.setup, 4) < 20 * GIB < 2 * worker_bytes(config.setup, 8)
    assert fitting_width(config, 2, Local(workers=2)) == 2, "never wider than was asked for"
    assert fitting_width(config, 8, Serial()) == 8
    assert fitting_width(make_config(seeds=64), 8, Local(workers=2)) == 8
    room(0.001)
    assert fitting_width(config, 8, Local(workers=2)) in (1, 2), (
        "what takes least; an eager stack has two lanes"
    )


@quickly
@given(
    batch=st.integers(1, 10**7),
    seeds=st.integers(1, 40),
    workers=st.integers(1, 6),
    free=st.floats(0.2, 100),
)
def test_every_accepted_configuration_has_a_shard_width_that_fits_memory(
    make_config, batch, seeds, workers, free
):  # type: ignore[no-untyped-def]
    config = changed(make_config(seeds=seeds), training={"batch_size": batch})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(memory, "free_memory", lambda: Room(free * GIB))
        refused = bool(list(problems(config, Local(workers=workers))))
        width = fitting_width(config, 8, Local(workers=workers))
    needed = min(workers, seeds) * worker_bytes(config.setup, 1)
    assert refused == (needed > free * GIB) or abs(needed / free / GIB - 1) < 0.05
    if not refused and seeds >= workers:
        assert workers * worker_bytes(config.setup, width) < 1.05 * free * GIB


ABSURD = """
import resource
from hydra import compose, initialize_config_dir
from sinegan.app.conf_folder import conf_folder
from sinegan.app.composition import find_problems

resource.setrlimit(resource.RLIMIT_AS, (LIMIT, LIMIT))
with initialize_config_dir(str(conf_folder()), version_base="1.3"):
    for overrides in CASES:
        (problem,) = find_problems(compose("config", overrides))
        print(problem)
"""
CASES = [
    ["training.batch_size=1000000000"],
    ["network.latent=100000000"],
    ["network.generator=[100000,100000]"],
    ["network.discriminator=[1000000000,1000000000]", "network.spectral_norm=true"],
    ["target.points=1000000000"],
    ["target.points=10000000"],
    ["target=function", "target.function=numpy.sinc", "target.points=10000000"],
    ["target=gaussian_ring", "target.gaussians=1000000000"],
    ["target=gaussian_grid", "target.side=100000"],
    ["seeds=1000000000"],
    ["seeds=100000000000"],
    ["executor.workers=1000000"],
    ["executor=dask", "executor.workers=1000000"],
    ["executor=slurm", "executor.workers=1000000"],
    ["training.steps=1000000000000000000000000000000"],
    ["training.steps=1000000000000", "training.evaluate_every=1", "training.dtype=float64"],
    ["training.evaluation_samples=100000000"],
    ["training.evaluation_samples=100000000", "target=random_phase"],
    ["training.discriminator_steps=1000000000"],
    ["training.discriminator_steps=1000000"],
    ["seed=4294967295", "seeds=2"],
]


@pytest.mark.skipif(sys.platform != "linux", reason="limits the memory of a process")
def test_every_absurd_size_is_refused_in_bounded_memory() -> None:
    script = ABSURD.replace("(LIMIT, LIMIT)", str((8 * GIB, 8 * GIB))).replace("CASES", repr(CASES))
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert len(lines) == len(CASES)
    for overrides, line in zip(CASES, lines, strict=True):
        keys = [override.partition("=")[0] for override in overrides]
        assert line.split(" ")[0] in keys
        assert re.search("needs about|at most", line)
