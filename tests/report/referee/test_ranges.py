"""The studentised range against scipy, which integrates each value by itself."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from sinegan.report.referee.ranges import range_sf, studentised_range_quantile, studentised_range_sf

WIDTHS = [0.5, 2.0, 3.5, 5.0, 8.0]


@pytest.mark.parametrize("means", [2, 3, 12])
@pytest.mark.parametrize("freedom", [1, 2, 7, 1000, math.inf])
def test_the_chance_is_that_of_scipy(means: int, freedom: float) -> None:
    expected = stats.studentized_range.sf(WIDTHS, means, freedom)
    accuracy = 0.04 if freedom < 3 else 3e-3
    assert studentised_range_sf(WIDTHS, means, freedom) == pytest.approx(expected, rel=accuracy, abs=2e-6)


@pytest.mark.parametrize("freedom", [1, 3.5, 30, math.inf])
def test_the_range_of_two_means_is_students_t(freedom: float) -> None:
    expected = 2 * stats.t.sf(np.array(WIDTHS) / math.sqrt(2), freedom)
    assert studentised_range_sf(WIDTHS, 2, freedom) == pytest.approx(expected, rel=3e-3, abs=2e-6)


def test_many_means_are_as_drawn() -> None:
    draws = np.ptp(np.random.default_rng(0).standard_normal((20_000, 144)), axis=1)
    for width in (4.5, 5.5, 6.5):
        assert float(range_sf(width, 144)) == pytest.approx((draws > width).mean(), abs=0.012)


def test_no_width_is_always_exceeded_and_an_endless_one_never() -> None:
    assert studentised_range_sf(0, 6, [1, 9, math.inf]) == pytest.approx([1, 1, 1])
    assert studentised_range_sf(1e9, 6, [9, math.inf]) == pytest.approx([0, 0], abs=1e-12)


@pytest.mark.parametrize("means", [2, 6, 36])
def test_the_quantile_is_exceeded_with_its_chance(means: int) -> None:
    freedom = np.array([1.0, 2, 9, 60, math.inf])
    for chance in (0.2, 0.05, 0.001):
        width = studentised_range_quantile(chance, means, freedom)
        assert studentised_range_sf(width, means, freedom) == pytest.approx(chance, rel=1e-3)


@given(
    width=st.floats(0, 12),
    more=st.floats(0, 5),
    means=st.integers(2, 30),
    freedom=st.floats(0.7, 500),
    factor=st.floats(1, 10),
)
@settings(max_examples=60)
def test_wider_ranges_fewer_means_and_more_freedom_are_rarer(
    width: float, more: float, means: int, freedom: float, factor: float
) -> None:
    chance = float(studentised_range_sf(width, means, freedom))
    assert 0 <= chance <= 1 + 1e-12
    assert float(studentised_range_sf(width + more, means, freedom)) <= chance + 1e-9
    assert float(studentised_range_sf(width, means + 1, freedom)) >= chance - 1e-4
    if width > 6:  # in the tail: a wide range is a sign of a poorly known deviation
        assert float(studentised_range_sf(width, 2, freedom * factor)) <= float(
            studentised_range_sf(width, 2, freedom)
        ) * (1 + 1e-3)
