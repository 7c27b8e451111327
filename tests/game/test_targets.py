"""Targets have the values of their formulas, at places worked out by hand."""

import math

import numpy as np
import pytest
from numpy.random import default_rng

from sinegan.game.targets import (
    Chirp,
    Curve,
    DampedSine,
    Family,
    GaussianBump,
    NoisySine,
    RandomAmplitudeFrequency,
    RandomPhase,
    Sawtooth,
    Sine,
    Square,
    Step,
    Target,
    Triangle,
    TwoFrequencySum,
)

PI = math.pi
ROOT = math.sqrt(0.5)

BY_HAND = [
    (Sine(), [(0, 0), (PI / 2, 1), (PI, 0), (3 * PI / 2, -1), (PI / 6, 0.5)]),
    (Sine(amplitude=3, frequency=2, phase=PI / 2), [(0, 3), (PI / 4, 0), (PI / 2, -3), (PI / 6, 1.5)]),
    (Square(), [(0, 1), (PI - 0.01, 1), (PI, -1), (2 * PI - 0.01, -1), (2 * PI, 1), (-0.01, -1)]),
    (Square(amplitude=2, period=4), [(1.9, 2), (2, -2), (3.9, -2), (4, 2)]),
    (Sawtooth(), [(0, -1), (PI, 0), (1.5 * PI, 0.5), (2 * PI, -1)]),
    (Sawtooth(amplitude=2, period=1), [(0.25, -1), (0.75, 1), (1.5, 0)]),
    (Triangle(), [(0, 0), (PI / 4, 0.5), (PI / 2, 1), (PI, 0), (1.5 * PI, -1), (2 * PI, 0)]),
    (Triangle(amplitude=2, period=8), [(1, 1), (2, 2), (3, 1), (5, -1), (6, -2), (10, 2)]),
    (DampedSine(), [(0, 0), (PI / 4, math.exp(-0.3 * PI / 4)), (3 * PI / 4, -math.exp(-0.9 * PI / 4))]),
    (DampedSine(amplitude=2, frequency=1, decay=1), [(PI / 2, 2 * math.exp(-PI / 2))]),
    # Cycles so far at u = x / end: u / 2 + 0.75 u^2. At u = 1/2: 0.4375; at u = 1: 1.25.
    (Chirp(), [(0, 0), (PI, math.sin(2 * PI * 0.4375)), (2 * PI, 1)]),
    # On [1, 3] with 1 to 0 cycles: u - u^2 / 2. At x = 2: 0.375; at x = 3: 0.5.
    (
        Chirp(start=1, end=3, amplitude=2, first_frequency=1, last_frequency=0),
        [(1, 0), (2, 2 * ROOT), (3, 0)],
    ),
    (GaussianBump(), [(PI, 1), (PI + 0.8, math.exp(-0.5)), (PI - 1.6, math.exp(-2))]),
    (GaussianBump(amplitude=-3, center=1, width=2), [(1, -3), (3, -3 * math.exp(-0.5))]),
    (Step(), [(0, -1), (PI - 1e-9, -1), (PI, 1), (2 * PI, 1)]),
    (Step(low=2, high=-5, position=1), [(0.9, 2), (1, -5)]),
    (TwoFrequencySum(), [(0, 0), (PI / 2, 0.7 - 0.3), (PI / 6, 0.35 + 0.3)]),
    (
        TwoFrequencySum(first_amplitude=2, first_frequency=2, second_amplitude=1, second_frequency=4),
        [(PI / 4, 2), (PI / 8, 2 * ROOT + 1)],
    ),
]


@pytest.mark.parametrize(("target", "places"), BY_HAND, ids=lambda value: type(value).__name__)
def test_a_curve_has_the_values_worked_out_by_hand(target, places):
    x, y = np.array(places, float).T
    np.testing.assert_allclose(target.curve(x), y, atol=1e-12)


def test_every_curve_has_two_cases_worked_out_by_hand():
    worked_out = [type(target) for target, _ in BY_HAND]
    assert {
        kind: worked_out.count(kind) for kind in Curve.__subclasses__() if kind.__module__ == Curve.__module__
    } == (dict.fromkeys(set(worked_out), 2))


def test_the_grid_has_both_ends_and_equal_gaps():
    np.testing.assert_allclose(Sine(points=5, start=-1, end=3).grid(), [-1, 0, 1, 2, 3])
    grid = Sine().grid()
    assert (grid[0], grid[-1], grid.size) == (0, 2 * PI, 16)


def test_all_rows_of_a_fixed_target_are_its_curve_on_the_grid():
    rows = Sine(points=5, start=0, end=2 * PI, amplitude=2).draw(3, default_rng(0))
    np.testing.assert_allclose(rows, [[0, 2, 0, -2, 0]] * 3, atol=1e-12)


def test_a_fixed_target_uses_no_random_numbers():
    rng = default_rng(0)
    Sine().draw(3, rng)
    assert rng.random() == default_rng(0).random()


FAMILIES = [RandomPhase(points=9), RandomAmplitudeFrequency(points=9), NoisySine(points=9)]


def test_every_family_is_tested_here():
    assert {type(family) for family in FAMILIES} == set(Family.__subclasses__())
    assert all(family.family for family in FAMILIES)
    assert not any(kind.family for kind in Curve.__subclasses__())


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: type(family).__name__)
def test_a_family_draws_different_rows_and_the_same_from_the_same_seed(family: Target):
    rows = family.draw(50, default_rng(3))
    assert rows.shape == (50, 9)
    assert len({tuple(row) for row in rows}) == 50
    np.testing.assert_array_equal(rows, family.draw(50, default_rng(3)))
    assert not np.any(rows[:, 1] == family.draw(50, default_rng(4))[:, 1])


def test_random_phases_are_uniform_in_their_range():
    # On a grid from 0 to a quarter period, sin(phase) comes first and cos(phase) last.
    family = RandomPhase(points=2, start=0, end=PI / 4, amplitude=2, frequency=2, phase_range=3.0)
    first, last = family.draw(4000, default_rng(0)).T / 2
    np.testing.assert_allclose(np.hypot(first, last), 1)
    phases = np.mod(np.arctan2(first, last), 2 * PI)
    assert 0 <= phases.min() < 0.01
    assert 2.99 < phases.max() < 3
    # Mean 1.5 and standard deviation 3 / sqrt(12) = 0.866, so the mean is known to 0.014.
    assert phases.mean() == pytest.approx(1.5, abs=0.06)
    assert phases.std() == pytest.approx(3 / math.sqrt(12), abs=0.04)


def test_random_amplitudes_and_frequencies_stay_in_their_ranges_and_fill_them():
    # At x and 2x, x small: sin(2 f x) / sin(f x) = 2 cos(f x) gives f, then a.
    x = 0.3
    family = RandomAmplitudeFrequency(
        points=3,
        start=0,
        end=2 * x,
        lowest_amplitude=0.5,
        highest_amplitude=1.0,
        lowest_frequency=1.0,
        highest_frequency=3.0,
    )
    origin, one, two = family.draw(4000, default_rng(0)).T
    frequency = np.arccos(two / one / 2) / x
    amplitude = one / np.sin(frequency * x)
    np.testing.assert_array_equal(origin, 0)
    assert 1 - 1e-9 <= frequency.min() < 1.01
    assert 2.99 < frequency.max() <= 3 + 1e-9
    assert 0.5 - 1e-9 <= amplitude.min() < 0.51
    assert 0.99 < amplitude.max() <= 1 + 1e-9
    assert abs(np.corrcoef(frequency, amplitude)[0, 1]) < 0.06


def test_the_noise_of_a_noisy_sine_is_fresh_at_every_point():
    family = NoisySine(points=7, amplitude=2, frequency=0.5, noise=0.3)
    rows = family.draw(5000, default_rng(0))
    noise = (rows - 2 * np.sin(0.5 * family.grid())) / 0.3
    np.testing.assert_allclose(noise.mean(0), 0, atol=0.06)
    np.testing.assert_allclose(np.cov(noise.T), np.eye(7), atol=0.08)


@pytest.mark.parametrize("end", [1.0, 0.5])
def test_an_interval_without_length_is_refused(end):
    assert list(Sine(start=1.0, end=end).conflicts()) == [f"end = {end:g}: must be above start, which is 1"]


def test_a_consistent_target_has_no_conflicts():
    for target in [*FAMILIES, *[target for target, _ in BY_HAND]]:
        assert list(target.conflicts()) == []


def test_a_range_whose_low_end_is_above_its_high_end_is_refused():
    family = RandomAmplitudeFrequency(
        start=1,
        end=0,
        lowest_amplitude=2,
        highest_amplitude=1,
        lowest_frequency=3,
        highest_frequency=0.5,
    )
    assert list(family.conflicts()) == [
        "end = 0: must be above start, which is 1",
        "highest_amplitude = 1: must be at least lowest_amplitude, which is 2",
        "highest_frequency = 0.5: must be at least lowest_frequency, which is 3",
    ]
    assert list(RandomAmplitudeFrequency(lowest_amplitude=1, highest_amplitude=1).conflicts()) == []
