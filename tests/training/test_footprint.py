"""The memory estimate: worked out by hand, rising with every size, near the measured peak."""

import dataclasses
import importlib.util
import subprocess
import sys
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from sinegan.config import Config, Plot
from sinegan.game.averages import Exponential
from sinegan.game.mixtures import GaussianGrid, GaussianRing
from sinegan.game.networks import Network
from sinegan.game.optimisers import SGD, Extragradient, OptimisticAdam
from sinegan.game.penalties import R1, ConsensusOptimisation, Dragan, InstanceNoise
from sinegan.game.targets import RandomPhase, Sine
from sinegan.training import sizes
from sinegan.training.footprint import command_bytes, worker_bytes
from sinegan.training.sizes import Sizes, player_sizes, weights_of

quickly = settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])


def test_the_sizes_of_players_are_those_worked_out_by_hand():
    # generator 3-8-6: 3 * 8 + 8 + 8 * 6 + 6 weights, and 8 sums, 8 activations and 6 results a row
    # discriminator 6-8-1: 6 * 8 + 8 + 8 + 1 weights, 8 + 8 + 1 numbers a row and the flat result
    network = Network(latent=3, generator=(8,), discriminator=(8,))
    assert player_sizes(network, 6) == Sizes(
        weights=86 + 65, generator_row=22, discriminator_row=18, constant=0
    )


def test_memory_that_is_independent_of_the_rows_is_counted_separately():
    plain = Network(latent=3, generator=(8,), discriminator=(8, 8))
    normed = dataclasses.replace(plain, spectral_norm=True)
    one, other = player_sizes(plain, 6), player_sizes(normed, 6)
    assert other.constant > 20 * 8 * 8, "the powers of the Gram matrix of 8 x 8 weights"
    assert dataclasses.replace(other, constant=0) == one


def test_the_memory_estimate_of_a_small_game_is_that_worked_out_by_hand(make_config):
    config = make_config()  # batch 4, latent 3, 8 samples, 6 points; 12 steps, looked at after 0, 5, 10, 12
    # 151 weights, twice as many moments, and a time for each player: 455 numbers a run
    weights = 4 * (2 * 2 * 455 + 2 * 5 * 151)  # two lanes: states before and after, five copies of weights
    block = 4 * 2 * (100 * 4) * 3  # noise of two lanes
    painted = 3 * 64 * (4 * (22 + 18) + 16 * 6)  # more than batches and samples of this size take
    directions = 6 * 64 * (16 + 4)
    kept = 4 * 4096 + 64 * 16 * 6
    assert worker_bytes(config.setup, 1) == weights + block + painted + directions + kept
    assert command_bytes(config.setup, config.seeds, shards=1) == 3 * (4096 + kept)
    assert command_bytes(config.setup, config.seeds, shards=3) == 3 * (4096 + kept + 3 * 4 * 455)


SIZES: dict[str, Any] = {
    "batch_size": lambda config, n: changed(config, "training", batch_size=n),
    "discriminator_steps": lambda config, n: changed(config, "training", discriminator_steps=n),
    "evaluation_samples": lambda config, n: changed(config, "training", evaluation_samples=n + 1),
    "steps": lambda config, n: changed(config, "training", steps=n),
    "latent": lambda config, n: changed(config, "network", latent=n),
    "generator": lambda config, n: changed(config, "network", generator=(5, n)),
    "discriminator": lambda config, n: changed(config, "network", discriminator=(n, 5)),
    "points": lambda config, n: changed(config, "target", points=n + 1),
}


def changed(config: Config, part: str, **fields: Any) -> Config:
    return dataclasses.replace(config, **{part: dataclasses.replace(getattr(config, part), **fields)})


@quickly
@given(
    size=st.sampled_from(sorted(SIZES)),
    number=st.integers(1, 10**6),
    runs=st.integers(1, 8),
    target=st.sampled_from([Sine(points=6), RandomPhase(points=6)]),
    penalty=st.sampled_from([(), (R1(),), (Dragan(), InstanceNoise()), (ConsensusOptimisation(),)]),
    compiled=st.booleans(),
)
def test_the_memory_estimate_rises_with_every_size(
    make_config, size, number, runs, target, penalty, compiled
):
    config = make_config(target=target, penalty=penalty)
    less, more, much_more = (SIZES[size](config, n) for n in (number, number + 1, 1000 * number))
    assert worker_bytes(less.setup, runs, compiled) <= worker_bytes(more.setup, runs, compiled)
    assert worker_bytes(less.setup, runs, compiled) < worker_bytes(much_more.setup, runs, compiled)
    assert worker_bytes(less.setup, runs, compiled) <= worker_bytes(less.setup, runs + 1, compiled)
    assert worker_bytes(less.setup, runs, compiled=True) <= worker_bytes(less.setup, runs, compiled=False)
    assert command_bytes(less.setup, less.seeds, 2) <= command_bytes(more.setup, more.seeds, 2)


@pytest.mark.parametrize(
    ("changes", "part"),
    [
        ({"average": Exponential()}, "weights"),
        ({"optim": OptimisticAdam()}, "weights"),
        ({"penalty": (Dragan(),)}, "draws"),
        ({"target": RandomPhase(points=6)}, "draws"),
        ({"plot": Plot(animation=True, every=1)}, "frames"),
    ],
)
def test_settings_that_need_more_memory_raise_the_estimate(make_config, changes, part):
    wide = Network(latent=3, generator=(500, 500), discriminator=(500, 500))
    common = {"network": wide} if part == "weights" else {}
    training = {"weights": {}, "draws": {"batch_size": 1000}, "frames": {"steps": 1000}}[part]
    assert worker_bytes(make_config(training, **common, **changes).setup, 2) > 1.1 * worker_bytes(
        make_config(training, **common).setup, 2
    )


def test_optimisers_with_less_state_need_less_memory(make_config):
    wide = Network(latent=3, generator=(500, 500), discriminator=(500, 500))
    adam, sgd, none = (
        worker_bytes(make_config(network=wide, **optim).setup, 2)
        for optim in ({}, {"optim": SGD()}, {"optim": Extragradient()})
    )
    assert adam > 1.2 * sgd > 1.2 * 1.2 * none


def test_memory_of_distances_to_modes_is_counted(make_config):
    few, many = (make_config(target=GaussianGrid(side=side)) for side in (5, 500))
    # eight samples, 250,000 modes: two differences of two coordinates, and their distance, for two lanes
    assert worker_bytes(many.setup, 1) - worker_bytes(few.setup, 1) > 2 * 4 * 8 * 249_975 * 5
    assert worker_bytes(make_config(target=GaussianRing(gaussians=10)).setup, 1) < 2**20


def test_the_memory_estimate_allocates_nothing_of_its_size(make_config):
    huge = Network(latent=10**9, generator=(10**9,), discriminator=(10**9,))
    config = make_config(
        {"batch_size": 10**9, "steps": 10**12, "evaluate_every": 1}, network=huge, seeds=10**9
    )
    tracemalloc.start()
    try:
        assert worker_bytes(config.setup, 8) > 1e18
        assert command_bytes(config.setup, config.seeds, 10**9) > 1e18
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 2e6


class WithNumPy(nn.Module):
    """A module that needs real numbers, and cannot be traced."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.layer = nn.Linear(inputs, outputs)

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(x) * float(x.sum())


def test_the_weights_of_a_module_that_cannot_be_traced_are_counted():
    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Odd(Network):
        def build_generator(self, points: int) -> nn.Module:
            return WithNumPy(self.latent, points)

    sizes = player_sizes(Odd(latent=3, discriminator=(8,)), 6)
    assert sizes.weights == 3 * 6 + 6 + 65
    assert sizes.generator_row == 12, "its layer and the product, but not the number between them"
    assert sizes.discriminator_row == 18


def _benchmark() -> Any:
    path = Path(__file__).parents[2] / "benchmarks" / "footprint.py"
    spec = importlib.util.spec_from_file_location("footprint_benchmark", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.skipif(sys.platform != "linux", reason="asks Linux for the peak of a process's memory")
@pytest.mark.parametrize(
    "case",
    [
        {"runs": 2, "network": {"generator": [1500, 1500], "discriminator": [1500, 1500]}},
        {"runs": 2, "training": {"batch_size": 30_000}},
        {
            "runs": 2,
            "training": {"evaluation_samples": 1_000},
            "target": {"_target_": "sinegan.game.targets.RandomPhase"},
        },
    ],
    ids=["weights", "batch", "pairs"],
)
@pytest.mark.slow
def test_the_memory_estimate_is_near_the_measured_peak(case):
    estimate, peak = _benchmark().measured(case)
    assert peak > 2**28, "large enough to say something"
    assert 0.6 < estimate / peak < 1.7


def test_counting_sizes_restores_the_default_device():
    before = torch.get_default_device()
    player_sizes(Network(latent=11, generator=(13,), discriminator=(17,)), 6)
    assert torch.get_default_device() == before


def test_counting_a_small_network_loads_no_compiler():
    code = """
import sys
from sinegan.game.networks import Network
from sinegan.training.sizes import player_sizes
player_sizes(Network(spectral_norm=True), 16)
sys.exit("torch._dynamo" in sys.modules)
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_counting_draws_no_random_numbers_of_the_process():
    before = torch.get_rng_state()
    player_sizes(Network(latent=12, generator=(13,), discriminator=(17,)), 6)
    assert torch.equal(torch.get_rng_state(), before)


def test_large_networks_are_counted_without_values():
    network = Network(latent=2, generator=(10**7,), discriminator=(3,))
    sizes = player_sizes(network, 1)
    assert sizes.weights == 10**7 * 4 + 1 + 10
    assert sizes.generator_row == 2 * 10**7 + 1
    assert all(weight.is_meta for player in weights_of(network, 1) for weight in player.values())


def test_both_ways_of_counting_agree(monkeypatch):
    network = Network(latent=3, generator=(5, 7), discriminator=(9,), activation="gelu", spectral_norm=True)
    counted = player_sizes(network, 4)
    monkeypatch.setattr(sizes, "SMALL", 0)
    sizes._modules.cache_clear()
    assert player_sizes.__wrapped__(network, 4) == counted
