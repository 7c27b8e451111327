"""The engine reproduces proven theorems; a fast selection of the experiments in conf/experiment/theory."""

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from sinegan.config import Config
from sinegan.game.losses import Hinge, Loss, Minimax, NonSaturating, RelativisticPaired, Wasserstein
from sinegan.game.mixtures import Gaussian, PointMass
from sinegan.game.networks import Network
from sinegan.game.optimisers import SGD, Adam
from sinegan.game.penalties import (
    R1,
    R2,
    ConsensusOptimisation,
    Dragan,
    GradientPenalty,
    InstanceNoise,
    Penalty,
    WeightClipping,
)
from sinegan.game.toy_networks import Affine, Dirac
from sinegan.theory.dirac import r1_rate, rate
from sinegan.theory.optimum import normal, value_at_optimum
from sinegan.training.loop import engine_settings, train
from sinegan.training.signature import Run
from sinegan.training.stack import Stack

MakeConfig = Callable[..., Config]


def dirac_path(make_config: MakeConfig, loss: Loss, *penalties: Penalty, **training: Any) -> tuple[Any, Any]:
    """The steps and the distances from the equilibrium of a Dirac-GAN that starts at (1, 1)."""
    often = {"steps": 200, "evaluate_every": 10, "batch_size": 1, "evaluation_samples": 2, "dtype": "float64"}
    config = make_config(
        target=PointMass(),
        network=Dirac(),
        loss=loss,
        penalty=penalties,
        optim=SGD(lr=0.2, generator_lr=0.2, discriminator_lr=0.2),
        training=often | training,
        seeds=1,
    )
    with engine_settings():
        looks = [(each.step, each.metrics) for each in train(Stack([Run(config.setup, 0)]))]
    found = [(step, np.hypot(seen["theta"][0], seen["psi"][0])) for step, seen in looks if seen is not None]
    steps, distance = np.array(found).T
    return steps, distance


@pytest.mark.parametrize(
    ("loss", "penalties", "converges"),
    [
        (Minimax(), (), False),
        (NonSaturating(), (), False),
        (Wasserstein(), (), False),
        (Hinge(), (), False),
        (RelativisticPaired(), (), False),
        (Wasserstein(), (WeightClipping(limit=1.0),), False),
        (Wasserstein(), (GradientPenalty(gamma=1.0),), False),
        (NonSaturating(), (Dragan(gamma=1.0),), False),
        (Wasserstein(), (GradientPenalty(gamma=1.0, target=0.0),), True),
        (RelativisticPaired(), (R1(gamma=0.3), R2(gamma=0.3)), True),
        (Minimax(), (ConsensusOptimisation(gamma=1.0),), True),
        (Minimax(), (R1(gamma=1.0),), True),
    ],
    ids=lambda value: getattr(type(value), "__name__", "") if not isinstance(value, tuple) else "",
)
def test_the_dirac_gan_converges_with_the_penalties_that_mescheder_et_al_prove_it_for(
    make_config: MakeConfig, loss: Loss, penalties: tuple[Penalty, ...], converges: bool
) -> None:
    _, distance = dirac_path(make_config, loss, *penalties)
    assert (distance[-5:].mean() < 0.1) == converges


def test_the_dirac_gan_converges_with_instance_noise(make_config: MakeConfig) -> None:
    _, distance = dirac_path(make_config, NonSaturating(), InstanceNoise(std=0.7), batch_size=2048)
    assert distance[-5:].mean() < 0.1


@pytest.mark.parametrize(("updates", "discriminator_steps"), [("simultaneous", 1), ("alternating", 2)])
def test_the_dirac_gan_with_r1_converges_at_the_rate_of_the_eigenvalues(
    make_config: MakeConfig, updates: str, discriminator_steps: int
) -> None:
    more = {"updates": updates, "discriminator_steps": discriminator_steps}
    steps, distance = dirac_path(
        make_config, NonSaturating(), R1(gamma=0.3), steps=450, evaluate_every=6, **more
    )
    settings = {
        "optim": {"generator_lr": 0.2, "discriminator_lr": 0.2},
        "penalty": {"r1": {"gamma": 0.3}},
        "training": more,
    }
    assert rate(steps, distance) == pytest.approx(r1_rate(settings), abs=5e-4)


def test_the_discriminator_of_a_frozen_generator_becomes_optimal(make_config: MakeConfig) -> None:
    frozen = Adam(lr=0.02, generator_lr=0.0, discriminator_lr=0.02)
    config = make_config(
        target=Gaussian(),
        network=Affine(shift=1.0, discriminator=(8,)),
        loss=Minimax(),
        optim=frozen,
        training={"steps": 200, "batch_size": 1024, "evaluation_samples": 512},
    )
    stack = Stack([Run(dataclasses.replace(config, seeds=4).setup, seed) for seed in range(4)])
    with engine_settings():
        stack.advance(200)
        curves, probability = stack.generate(200)
        value = stack.measure()["value"].mean()
    real, generated = normal(0, 1), normal(1, 1)
    best = real(curves[:, :, 0]) / (real(curves[:, :, 0]) + generated(curves[:, :, 0]))
    assert np.sqrt(((probability - best) ** 2).mean()) < 0.03
    assert value == pytest.approx(value_at_optimum(real, generated), abs=0.05)


def frozen_gradients(make_config: MakeConfig, loss: Loss) -> Any:
    """Norms of a frozen generator's gradient, shape (evaluations, runs), while D learns its 300 steps."""
    config = make_config(
        network=Network(latent=3, generator=(8,), discriminator=(32, 32)),
        loss=loss,
        optim=Adam(lr=1e-2, generator_lr=0.0, discriminator_lr=1e-2),
        training={"steps": 300, "evaluate_every": 10, "batch_size": 64, "evaluation_samples": 64},
        seeds=4,
    )
    with engine_settings():
        looks = [each.metrics for each in train(Stack([Run(config.setup, seed) for seed in range(4)]))]
    return np.array([seen["generator_gradient"] for seen in looks if seen is not None])


def test_the_gradient_of_minimax_vanishes_and_that_of_non_saturating_grows_as_d_becomes_optimal(
    make_config: MakeConfig,
) -> None:
    vanishing = frozen_gradients(make_config, Minimax())
    growing = frozen_gradients(make_config, NonSaturating())
    # An untrained D is undecided, and there both losses are about as steep.
    np.testing.assert_allclose(vanishing[0], growing[0], rtol=0.5)
    assert (vanishing[-1] < 1e-2 * vanishing[0]).all()
    assert (growing[-1] > 10 * growing[0]).all()
