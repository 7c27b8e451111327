"""Point masses and mixtures of gaussians have the right modes and samples."""

import math

import numpy as np
import pytest
from numpy.random import default_rng

from sinegan.game.mixtures import (
    Gaussian,
    GaussianGrid,
    GaussianMixture,
    GaussianRing,
    Mixture,
    PointMass,
)


def test_a_point_mass_is_constant_and_uses_no_random_numbers() -> None:
    rng = default_rng(0)
    np.testing.assert_array_equal(PointMass(position=(1.0, -2.0)).draw(3, rng), [[1, -2]] * 3)
    assert rng.random() == default_rng(0).random()
    assert (PointMass().points, PointMass().family, len(PointMass().modes().centers)) == (1, False, 0)


H = math.sqrt(0.5)
CENTERS = [
    (Gaussian(mean=3.0, std=2.0), [[3.0]]),
    (GaussianMixture(means=(-1.0, 4.0, 5.0), std=0.1), [[-1.0], [4.0], [5.0]]),
    (GaussianRing(), [[1, 0], [H, H], [0, 1], [-H, H], [-1, 0], [-H, -H], [0, -1], [H, -H]]),
    (GaussianRing(gaussians=2, radius=3.0, std=0.2), [[3, 0], [-3, 0]]),
    (GaussianGrid(side=2, spacing=3.0), [[-1.5, -1.5], [1.5, -1.5], [-1.5, 1.5], [1.5, 1.5]]),
]


@pytest.mark.parametrize(("target", "centers"), CENTERS, ids=lambda value: type(value).__name__)
def test_the_modes_are_at_the_places_worked_out_by_hand(target: Mixture, centers: list[list[float]]) -> None:
    modes = target.modes()
    np.testing.assert_allclose(modes.centers, centers, atol=1e-12)
    assert modes.std == target.std
    assert (target.points, target.grid().tolist()) == (len(centers[0]), list(range(len(centers[0]))))


def test_the_grid_of_25_is_that_of_pacgan() -> None:
    line = {-4.0, -2.0, 0.0, 2.0, 4.0}
    assert {tuple(center) for center in GaussianGrid().centers().tolist()} == {
        (x, y) for x in line for y in line
    }


@pytest.mark.parametrize(("target", "_"), CENTERS, ids=lambda value: type(value).__name__)
def test_samples_lie_around_their_modes_equally_often(target: Mixture, _: object) -> None:
    rows = target.draw(8000, default_rng(1))
    np.testing.assert_array_equal(rows, target.draw(8000, default_rng(1)))
    centers = target.centers()
    distance = np.linalg.norm(rows[:, None] - centers, axis=2)
    # The nearest mode is not always the one that was drawn from, so only where they are far apart.
    nearest = distance.argmin(1)
    counts = np.bincount(nearest, minlength=len(centers))
    np.testing.assert_allclose(counts / 8000, 1 / len(centers), atol=0.025)
    spread = (rows - centers[nearest]) / target.std
    np.testing.assert_allclose(np.cov(spread.T), np.eye(target.points).squeeze(), atol=0.07)


def test_every_mixture_is_tested_here() -> None:
    assert {type(target) for target, _ in CENTERS} == set(Mixture.__subclasses__())
