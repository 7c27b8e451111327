"""Each penalty equals the formula of its paper, per sample and to the sign."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from numpy.random import default_rng
from torch import Tensor
from torch.func import grad, vmap

from sinegan.app.conf_folder import conf_folder
from sinegan.game.penalties import (
    R1,
    R2,
    ConsensusOptimisation,
    Constraint,
    Disturbance,
    Dragan,
    Energy,
    GradientPenalty,
    InstanceNoise,
    Penalty,
    Term,
    WeightClipping,
    root,
)
from sinegan.schema import build

FILES = [path for path in sorted((conf_folder() / "penalty").glob("*.yaml")) if path.stem != "none"]
NOTHING = torch.zeros(2, 0, dtype=torch.float64)


def tensor(*rows: Any) -> Tensor:
    return torch.tensor(rows, dtype=torch.float64)


def plane(x: Tensor) -> Tensor:
    """Slope (3, 4) everywhere, norm 5."""
    return 3 * x[:, 0] + 4 * x[:, 1]


def bowl(x: Tensor) -> Tensor:
    """Slope x."""
    return (x**2).sum(-1) / 2


REAL, FAKE = tensor((3.0, 4.0), (0.0, 0.0)), tensor((1.0, 0.0), (0.0, 2.0))


@pytest.mark.parametrize(
    ("term", "draw", "of_plane", "of_bowl"),
    [
        (R1(gamma=0.3), NOTHING, 0.15 * 25, 0.15 * 25 / 2),
        (R2(gamma=0.3), NOTHING, 0.15 * 25, 0.15 * (1 + 4) / 2),
        # Halfway the curves are (2, 2) and (0, 1), of norms 2 sqrt(2) and 1: each its own distance from 1.
        (
            GradientPenalty(gamma=20.0),
            tensor((0.5,), (0.5,)),
            10 * 16,
            10 * (math.sqrt(8) - 1) ** 2 / 2,
        ),
        # At 1 lies the real curve and at 0 the generated one: norms 5 and 2.
        (GradientPenalty(gamma=2.0, target=0.0), tensor((1.0,), (0.0,)), 25, (25 + 4) / 2),
        # Half a step from (3, 4) to (3, 0), and from the origin to (0, 3): norms 3 and 3.
        (Dragan(gamma=20.0), tensor((0.0, -8.0), (0.0, 6.0)), 10 * 16, 10 * 4),
        (Dragan(gamma=2.0, target=3.0, reach=1.0), tensor((0.0, -4.0), (2.0, 0.0)), 4, (0 + 1) / 2),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Penalty) else "",
)
def test_penalty_terms_are_those_worked_out_by_hand(
    term: Term, draw: Tensor, of_plane: float, of_bowl: float
) -> None:
    assert term.term(plane, REAL, FAKE, draw).item() == pytest.approx(of_plane)
    assert term.term(bowl, REAL, FAKE, draw).item() == pytest.approx(of_bowl)


@pytest.mark.parametrize(
    ("term", "slope"),
    [
        # D(x) = w x with w = -3: gamma / 2 w^2 has the derivative gamma w.
        (R1(gamma=0.5), -1.5),
        (R2(gamma=0.5), -1.5),
        # gamma / 2 (|w| - 1)^2: gamma (|w| - 1) sign(w).
        (GradientPenalty(gamma=0.5), -1.0),
        (GradientPenalty(gamma=0.5, target=0.0), -1.5),
        (Dragan(gamma=0.5), -1.0),
        # Below the target the slope is pulled up.
        (Dragan(gamma=0.5, target=4.0), 0.5),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Penalty) else "",
)
def test_the_gradient_of_a_penalty_term_of_a_linear_discriminator(term: Term, slope: float) -> None:
    real, fake, draw = tensor((1.0,), (2.0,)), tensor((0.0,), (5.0,)), tensor((0.3,), (0.9,))
    slope_of_term = grad(lambda w: term.term(lambda x: w * x[:, 0], real, fake, draw))(tensor(-3.0)[0])
    assert slope_of_term.item() == pytest.approx(slope)


@pytest.mark.parametrize("term", [GradientPenalty(), GradientPenalty(target=0.0), Dragan(), R1()])
def test_penalties_of_a_flat_discriminator_have_finite_gradients(term: Term) -> None:
    draw = tensor((0.3, 0.1), (0.9, 0.2))[:, : term.draw((2,), 2, default_rng(0)).shape[-1]]
    slope_of_term = grad(lambda w: term.term(lambda x: w * x[:, 0], REAL, FAKE, draw))(tensor(0.0)[0])
    assert slope_of_term.item() == 0


def test_root_is_the_square_root_with_gradient_zero_at_zero() -> None:
    assert root(tensor(0.0, 4.0)).tolist() == [0, 2]
    assert grad(lambda s: root(s).sum())(tensor(0.0, 4.0)).tolist() == [0, 0.25]


def test_penalties_treat_one_real_row_as_many_equal_rows() -> None:
    row, rows = tensor((3.0, 4.0)), tensor((3.0, 4.0), (3.0, 4.0))
    for term in (R1(), GradientPenalty(), Dragan()):
        draw = torch.from_numpy(term.draw((2,), 2, default_rng(0)))
        one, many = (term.term(bowl, real, FAKE, draw).item() for real in (row, rows))
        assert one == pytest.approx(many)


def test_instance_noise_is_fresh_on_real_and_on_generated_curves() -> None:
    noise = InstanceNoise(std=0.5)
    draw = tensor((1.0, 2.0, -3.0, 4.0))
    assert noise.disturb_real(tensor((10.0, 20.0)), draw).tolist() == [[10.5, 21.0]]
    assert noise.disturb_fake(tensor((10.0, 20.0)), draw).tolist() == [[8.5, 22.0]]
    drawn = noise.draw((2000,), 2, default_rng(0))
    np.testing.assert_allclose(np.cov(drawn.T), np.eye(4), atol=0.1)


def test_wgan_gp_draws_uniform_numbers_and_dragan_draws_normal_ones() -> None:
    between = GradientPenalty().draw((4000,), 7, default_rng(0))
    assert between.shape == (4000, 1)
    assert (between.min(), between.max()) == (pytest.approx(0, abs=0.01), pytest.approx(1, abs=0.01))
    assert between.std() == pytest.approx(1 / math.sqrt(12), abs=0.01)
    around = Dragan().draw((4000,), 3, default_rng(0))
    np.testing.assert_allclose(np.cov(around.T), np.eye(3), atol=0.08)


def test_weight_clipping_limits_large_weights_and_keeps_small_ones() -> None:
    clipped = WeightClipping(limit=0.1).project({"a": tensor(0.5, -0.05), "b": tensor((-7.0,))})
    assert {name: weight.tolist() for name, weight in clipped.items()} == {"a": [0.1, -0.05], "b": [[-0.1]]}


def test_the_consensus_penalty_is_half_gamma_times_the_squared_gradients() -> None:
    energy = ConsensusOptimisation(gamma=0.5).energy({"a": tensor(1.0, 2.0)}, {"b": tensor((4.0,))})
    assert energy.item() == pytest.approx(0.25 * (1 + 4 + 16))


@pytest.fixture(params=FILES, ids=lambda path: path.stem)
def penalty(request: pytest.FixtureRequest) -> Penalty:
    path: Path = request.param
    (settings,) = yaml.safe_load(path.read_text()).values()
    built, problems = build(Penalty, settings, "penalty")
    assert problems == []
    assert isinstance(built, Penalty)
    return built


def effect(penalty: Penalty, weight: Tensor, draw: Tensor) -> Tensor:
    """The effect of a penalty on a game with D(x) = weight * |x|^2 / 2, as one tensor."""

    def discriminate(x: Tensor) -> Tensor:
        return weight * bowl(x)

    effects: dict[type[Penalty], Callable[[Any], Tensor]] = {
        Term: lambda p: p.term(discriminate, REAL, FAKE, draw),
        Disturbance: lambda p: torch.cat([p.disturb_real(REAL, draw), p.disturb_fake(FAKE, draw)]),
        Constraint: lambda p: p.project({"w": weight})["w"],
        Energy: lambda p: p.energy({"w": weight}, {"w": 2 * weight}),
    }
    (result,) = [call(penalty) for kind, call in effects.items() if isinstance(penalty, kind)]
    return result


def test_every_penalty_has_one_effect_and_can_be_stacked_with_settings_for_each_lane(
    penalty: Penalty,
) -> None:
    rows = [torch.from_numpy(penalty.draw((2,), 2, default_rng(seed))) for seed in (0, 0, 1)]
    name = next(name for name in ("gamma", "std", "limit") if hasattr(penalty, name))
    settings = tensor(0.5, 2.0, 0.5)
    weights = tensor(1.5, 3.0, -1.5)

    def one(setting: Any, weight: Tensor, draw: Tensor) -> Tensor:
        return effect(type(penalty)(**{name: setting}), weight, draw)

    stacked = vmap(one)(settings, weights, torch.stack(rows))
    for lane in range(3):
        expected = one(settings[lane].item(), weights[lane], rows[lane])
        torch.testing.assert_close(stacked[lane], expected)
    assert not torch.equal(stacked[0], stacked[1])
