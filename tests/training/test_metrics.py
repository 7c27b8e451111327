"""The metrics equal the definitions in their docstrings."""

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from sinegan.config import Config
from sinegan.game.losses import NonSaturating
from sinegan.game.mixtures import GaussianGrid, GaussianRing
from sinegan.game.networks import Network
from sinegan.game.optimisers import Adam
from sinegan.game.rules import Rules
from sinegan.game.targets import NoisySine
from sinegan.training.metrics import (
    EvaluationBatch,
    all_distances,
    distribution_metrics,
    energy_distance,
    errors,
    measure,
    median_distance,
    mmd,
    mode_coverage,
    norm,
    pairwise,
    projections,
    sliced_wasserstein,
)
from sinegan.training.signature import Run
from sinegan.training.stack import Stack
from sinegan.training.step import Game

curves = arrays(np.float64, (4, 3), elements=st.floats(-10, 10))


@given(fake=curves, real=arrays(np.float64, (1, 3), elements=st.floats(-10, 10)))
def test_squared_error_is_squared_bias_plus_squared_spread(fake: np.ndarray, real: np.ndarray) -> None:
    metrics = errors(torch.from_numpy(fake), torch.from_numpy(real))
    parts = metrics["bias"] ** 2 + metrics["spread"] ** 2
    assert (metrics["rmse"] ** 2).item() == pytest.approx(parts.item(), rel=1e-9, abs=1e-9)


def test_rmse_bias_and_spread_are_those_worked_out_by_hand() -> None:
    fake, real = torch.tensor([[1.0, 2.0], [3.0, 2.0]]), torch.tensor([[0.0, 2.0]])
    metrics = {name: tensor.item() for name, tensor in errors(fake, real).items()}
    assert metrics["rmse"] == pytest.approx(math.sqrt((1 + 9) / 4))
    assert metrics["bias"] == pytest.approx(math.sqrt(4 / 2))  # the mean curve is (2, 2)
    assert metrics["spread"] == pytest.approx(math.sqrt(1 / 2))


def test_the_energy_distance_of_a_few_points_is_that_worked_out_by_hand() -> None:
    fake, real = torch.tensor([[0.0], [1.0]]), torch.tensor([[2.0], [5.0]])
    # Between: (2 + 5 + 1 + 4) / 4 = 3; within the fakes 1, within the real ones 3.
    assert energy_distance(all_distances(fake, real)).item() == pytest.approx(2 * 3 - 1 - 3)


def test_the_energy_distance_is_that_of_a_plain_double_loop() -> None:
    fake, real = np.random.default_rng(0).normal(size=(2, 7, 3)) * [[[1]], [[2]]]
    real = real[:5]

    def mean_distance(some: np.ndarray, others: np.ndarray) -> float:
        pairs = [(a, b) for a in some for b in others if a is not b]
        return float(np.mean([math.dist(a, b) for a, b in pairs]))

    fakes, reals = list(fake), list(real)
    expected = 2 * mean_distance(fakes, reals) - mean_distance(fakes, fakes) - mean_distance(reals, reals)
    distance = energy_distance(all_distances(torch.from_numpy(fake), torch.from_numpy(real)))
    assert distance.item() == pytest.approx(expected)


def test_the_energy_distance_of_equal_distributions_is_zero_on_average_and_can_be_negative() -> None:
    torch.manual_seed(0)
    pairs = [all_distances(torch.randn(8, 3), torch.randn(8, 3)) for _ in range(2000)]
    distances = torch.stack([energy_distance(pair) for pair in pairs])
    assert distances.min() < 0
    assert abs(distances.mean()) < 4 * distances.std() / math.sqrt(2000)
    shifted = energy_distance(all_distances(torch.randn(200, 3), torch.randn(200, 3) + 1))
    assert shifted > 0.3


def test_the_mmd_of_a_few_points_is_that_worked_out_by_hand() -> None:
    fake, real = torch.tensor([[0.0], [1.0]]), torch.tensor([[2.0], [5.0]])
    # Width 1: kernels exp(-d^2 / 2) of the distances 1 within the fakes, 3 within the real, 2 5 1 4 between.
    within = math.exp(-1 / 2) + math.exp(-9 / 2)
    between = (math.exp(-2) + math.exp(-25 / 2) + math.exp(-1 / 2) + math.exp(-8)) / 4
    discrepancy = mmd(all_distances(fake, real), torch.tensor(1.0))
    assert discrepancy.item() == pytest.approx(within - 2 * between, rel=1e-5)


def test_the_mmd_of_equal_distributions_is_zero_on_average_and_can_be_negative() -> None:
    torch.manual_seed(0)
    pairs = [all_distances(torch.randn(8, 3), torch.randn(8, 3)) for _ in range(2000)]
    discrepancies = torch.stack([mmd(pair, torch.tensor(1.5)) for pair in pairs])
    assert discrepancies.min() < 0
    assert abs(discrepancies.mean()) < 4 * discrepancies.std() / math.sqrt(2000)
    assert mmd(all_distances(torch.randn(200, 3), torch.randn(200, 3) + 1), torch.tensor(1.5)) > 0.1


def test_the_width_of_the_kernel_is_the_median_over_different_pairs() -> None:
    # Distances of 0, 1, 3, 7: 1 2 3 4 6 7; of an even number the lower middle one.
    points = torch.tensor([[0.0], [1.0], [3.0], [7.0]])
    assert median_distance(pairwise(points, points)).item() == 3


@pytest.mark.parametrize("curves", range(2, 9))
def test_the_median_distance_is_the_lower_median_of_all_pairs(curves: int) -> None:
    sample = torch.randn(
        curves, 3, generator=torch.Generator().manual_seed(curves)
    ).round()  # with equal pairs
    distances = pairwise(sample, sample)
    pairs = sorted(distances[i, j].item() for i in range(curves) for j in range(i))
    assert median_distance(distances).item() == pairs[(len(pairs) - 1) // 2]


def test_modes_and_high_quality_are_those_worked_out_by_hand() -> None:
    centers, std = torch.tensor([[0.0, 0.0], [10.0, 0.0], [0.0, 10.0]]), torch.tensor(1.0)
    # Two near the first mode, one just within 3 of the second, one just outside, one lost.
    curves = torch.tensor([[0.0, 0.0], [1.0, -1.0], [10.0, 2.99], [10.0, -3.01], [5.0, 5.0]])
    modes, share = mode_coverage(curves, centers, std)
    assert (modes.item(), share.item()) == (2, pytest.approx(3 / 5))


def test_real_samples_of_a_mixture_cover_its_modes_at_the_floor_of_all_distances() -> None:
    rng, target = np.random.default_rng(0), GaussianGrid()
    real, other_real, third = (torch.from_numpy(target.draw(1000, rng)) for _ in range(3))
    centers, std = map(torch.as_tensor, target.modes())
    batch = EvaluationBatch(torch.zeros(0), real, other_real, centers, std, projections(2, torch.float64))
    metrics = {name: tensor.item() for name, tensor in distribution_metrics(third, batch).items()}
    assert (metrics["modes"], metrics["modes_real"]) == (25, 25)
    # In the plane 1 - exp(-9/2) of a gaussian is within 3 standard deviations.
    for name in ("high_quality", "high_quality_real"):
        assert metrics[name] == pytest.approx(1 - math.exp(-4.5), abs=0.01)
    for name in ("energy_distance", "sliced_wasserstein", "mmd"):
        far = distribution_metrics(third + 4, batch)[name].item()
        assert abs(metrics[name]) < far / 5
        assert abs(metrics[f"{name}_floor"]) < far / 5


def test_the_sliced_wasserstein_distance_measures_a_shift_and_ignores_order() -> None:
    directions = projections(3, torch.float64)
    assert torch.allclose(directions.norm(dim=0), torch.ones(64, dtype=torch.float64))
    sample, shift = torch.randn(20, 3, dtype=torch.float64), torch.tensor([0.3, -0.4, 1.2]).double()
    assert sliced_wasserstein(sample, sample[torch.randperm(20)], directions).item() == pytest.approx(0)
    # A shift moves each projection by its own component along the direction.
    expected = math.sqrt(((shift @ directions) ** 2).mean())
    assert sliced_wasserstein(sample, sample + shift, directions).item() == pytest.approx(expected)


def test_the_projections_do_not_depend_on_the_global_seed() -> None:
    torch.manual_seed(1)
    first = projections(5, torch.float32)
    torch.manual_seed(2)
    assert torch.equal(projections(5, torch.float32), first)


def test_a_gradient_norm_is_over_all_weights_of_a_player() -> None:
    assert norm({"a": torch.tensor([3.0]), "b": torch.tensor([[4.0, 12.0]])}).item() == pytest.approx(13)


def test_fixed_targets_have_errors_and_families_have_distances(make_config: Callable[..., Config]) -> None:
    common = {"d_real", "d_fake", "generator_loss", "discriminator_loss", "value", "value_gap"}
    common |= {"generator_gradient", "discriminator_gradient"}
    fixed = Stack([Run(make_config().setup, 0)]).measure()
    family = Stack([Run(make_config(target=NoisySine(points=6)).setup, 0)]).measure()
    assert set(fixed) == common | {"rmse", "bias", "spread"}
    distances = {"energy_distance", "sliced_wasserstein", "mmd"}
    distances |= {f"{name}_floor" for name in distances}
    assert set(family) == common | distances
    mixture = Stack([Run(make_config(target=GaussianRing()).setup, 0)]).measure()
    quality = {"modes", "modes_real", "high_quality", "high_quality_real"}
    assert set(mixture) == common | distances | quality
    for metrics in (fixed, family, mixture):
        assert metrics["value_gap"][0] == pytest.approx(metrics["value"][0] + math.log(4), abs=1e-6)
        assert metrics["discriminator_loss"][0] == pytest.approx(-metrics["value"][0], abs=1e-6)
        assert 0 < metrics["d_real"][0] < 1


@pytest.mark.parametrize("rows", [1, 6])
def test_metrics_equal_those_of_plain_autograd(rows: int) -> None:
    torch.manual_seed(0)
    network = Network(latent=2, generator=(4,), discriminator=(5,))
    generator, discriminator = network.build_generator(3).double(), network.build_discriminator(3).double()
    noise, real, other_real = torch.randn(6, 2).double(), *torch.randn(2, rows, 3).double()
    directions = projections(3, torch.float64)
    weights = [
        {name: w.detach() for name, w in player.named_parameters()} for player in (generator, discriminator)
    ]
    no_modes = torch.zeros(0, 3).double(), torch.zeros(()).double()
    batch = EvaluationBatch(noise, real, other_real, *no_modes, directions)
    game = Game(generator, discriminator, Rules(loss=NonSaturating(), optim=Adam()))
    metrics = measure(game, *weights, batch)

    fake = generator(noise)
    d_real, d_fake = torch.sigmoid(discriminator(real)), torch.sigmoid(discriminator(fake))
    generator_loss = -torch.log(d_fake).mean()
    value = torch.log(d_real).mean() + torch.log(1 - d_fake).mean()
    expected = {
        "d_real": d_real.mean(),
        "d_fake": d_fake.mean(),
        "generator_loss": generator_loss,
        "discriminator_loss": -value,
        "value": value,
        "value_gap": value + math.log(4),
    }
    if rows == 1:
        expected |= errors(fake, real)
    else:
        width = median_distance(pairwise(real, real))
        for ending, one, other in (("", fake, real), ("_floor", real, other_real)):
            expected[f"energy_distance{ending}"] = energy_distance(all_distances(one, other))
            expected[f"sliced_wasserstein{ending}"] = sliced_wasserstein(one, other, directions)
            expected[f"mmd{ending}"] = mmd(all_distances(one, other), width)
    for name, loss, player in (
        ("generator_gradient", generator_loss, generator),
        ("discriminator_gradient", -value, discriminator),
    ):
        parts = torch.autograd.grad(loss, list(player.parameters()), retain_graph=True)
        expected[name] = torch.cat([part.flatten() for part in parts]).norm()
    assert set(metrics) == set(expected)
    for name, tensor in expected.items():
        torch.testing.assert_close(metrics[name], tensor.detach(), rtol=1e-9, atol=1e-12, msg=name)
