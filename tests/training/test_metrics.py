"""The metrics are what their docstrings define."""

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from sinegan.config import Config
from sinegan.game.losses import NonSaturating
from sinegan.game.networks import Network
from sinegan.game.targets import NoisySine
from sinegan.training.metrics import (
    energy_distance,
    errors,
    measure,
    norm,
    projections,
    sliced_wasserstein,
)
from sinegan.training.optimisers import Adam
from sinegan.training.stack import Run, Stack
from sinegan.training.step import Game

curves = arrays(np.float64, (4, 3), elements=st.floats(-10, 10))


@given(fake=curves, real=arrays(np.float64, (1, 3), elements=st.floats(-10, 10)))
@settings(deadline=None)
def test_squared_error_is_squared_bias_plus_squared_spread(fake: np.ndarray, real: np.ndarray) -> None:
    found = errors(torch.from_numpy(fake), torch.from_numpy(real))
    parts = found["bias"] ** 2 + found["spread"] ** 2
    assert (found["rmse"] ** 2).item() == pytest.approx(parts.item(), rel=1e-9, abs=1e-9)


def test_errors_worked_out_by_hand() -> None:
    fake, real = torch.tensor([[1.0, 2.0], [3.0, 2.0]]), torch.tensor([[0.0, 2.0]])
    found = {name: tensor.item() for name, tensor in errors(fake, real).items()}
    assert found["rmse"] == pytest.approx(math.sqrt((1 + 9) / 4))
    assert found["bias"] == pytest.approx(math.sqrt(4 / 2))  # the mean curve is (2, 2)
    assert found["spread"] == pytest.approx(math.sqrt(1 / 2))


def test_the_energy_distance_of_a_few_points_on_a_line_by_hand() -> None:
    fake, real = torch.tensor([[0.0], [1.0]]), torch.tensor([[2.0], [5.0]])
    # Between: (2 + 5 + 1 + 4) / 4 = 3; within the fakes 1, within the real ones 3.
    assert energy_distance(fake, real).item() == pytest.approx(2 * 3 - 1 - 3)


def test_the_energy_distance_is_that_of_a_plain_double_loop() -> None:
    fake, real = np.random.default_rng(0).normal(size=(2, 7, 3)) * [[[1]], [[2]]]
    real = real[:5]

    def mean_distance(some: np.ndarray, others: np.ndarray) -> float:
        pairs = [(a, b) for a in some for b in others if a is not b]
        return float(np.mean([math.dist(a, b) for a, b in pairs]))

    fakes, reals = list(fake), list(real)
    expected = 2 * mean_distance(fakes, reals) - mean_distance(fakes, fakes) - mean_distance(reals, reals)
    assert energy_distance(torch.from_numpy(fake), torch.from_numpy(real)).item() == pytest.approx(expected)


def test_the_energy_distance_of_equal_distributions_is_zero_on_average_and_can_be_negative() -> None:
    torch.manual_seed(0)
    found = torch.stack([energy_distance(torch.randn(8, 3), torch.randn(8, 3)) for _ in range(2000)])
    assert found.min() < 0
    assert abs(found.mean()) < 4 * found.std() / math.sqrt(2000)
    shifted = energy_distance(torch.randn(200, 3), torch.randn(200, 3) + 1)
    assert shifted > 0.3


def test_the_sliced_wasserstein_distance_sees_a_shift_and_no_order() -> None:
    directions = projections(3, torch.float64)
    assert torch.allclose(directions.norm(dim=0), torch.ones(64, dtype=torch.float64))
    sample, shift = torch.randn(20, 3, dtype=torch.float64), torch.tensor([0.3, -0.4, 1.2]).double()
    assert sliced_wasserstein(sample, sample[torch.randperm(20)], directions).item() == pytest.approx(0)
    # A shift moves each projection by its own component along the direction.
    expected = math.sqrt(((shift @ directions) ** 2).mean())
    assert sliced_wasserstein(sample, sample + shift, directions).item() == pytest.approx(expected)


def test_the_projections_are_always_the_same() -> None:
    assert torch.equal(projections(5, torch.float32), projections(5, torch.float32))


def test_a_norm_is_over_all_weights_of_a_player() -> None:
    assert norm({"a": torch.tensor([3.0]), "b": torch.tensor([[4.0, 12.0]])}).item() == pytest.approx(13)


def test_a_fixed_target_has_errors_and_a_family_distances(make_config: Callable[..., Config]) -> None:
    common = {"d_real", "d_fake", "generator_loss", "discriminator_loss", "value", "value_gap"}
    common |= {"generator_gradient", "discriminator_gradient"}
    fixed = Stack([Run(make_config(), 0)]).measure()
    family = Stack([Run(make_config(target=NoisySine(points=6)), 0)]).measure()
    assert set(fixed) == common | {"rmse", "bias", "spread"}
    assert set(family) == common | {"energy_distance", "sliced_wasserstein"}
    for found in (fixed, family):
        assert found["value_gap"][0] == pytest.approx(found["value"][0] + math.log(4), abs=1e-6)
        assert found["discriminator_loss"][0] == pytest.approx(-found["value"][0], abs=1e-6)
        assert 0 < found["d_real"][0] < 1


@pytest.mark.parametrize("rows", [1, 6])
def test_what_is_measured_is_what_plain_autograd_finds(rows: int) -> None:
    torch.manual_seed(0)
    network = Network(latent=2, generator=(4,), discriminator=(5,))
    generator, discriminator = network.build_generator(3).double(), network.build_discriminator(3).double()
    noise, real = torch.randn(6, 2).double(), torch.randn(rows, 3).double()
    directions = projections(3, torch.float64)
    weights = [
        {name: w.detach() for name, w in player.named_parameters()} for player in (generator, discriminator)
    ]
    found = measure(
        Game(generator, discriminator, NonSaturating(), Adam()), *weights, noise, real, directions
    )

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
        expected["energy_distance"] = energy_distance(fake, real)
        expected["sliced_wasserstein"] = sliced_wasserstein(fake, real, directions)
    for name, loss, player in (
        ("generator_gradient", generator_loss, generator),
        ("discriminator_gradient", -value, discriminator),
    ):
        parts = torch.autograd.grad(loss, list(player.parameters()), retain_graph=True)
        expected[name] = torch.cat([part.flatten() for part in parts]).norm()
    assert set(found) == set(expected)
    for name, tensor in expected.items():
        torch.testing.assert_close(found[name], tensor.detach(), rtol=1e-9, atol=1e-12, msg=name)
