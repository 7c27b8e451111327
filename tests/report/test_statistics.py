"""Estimates against numbers worked by hand, and intervals that cover what they promise."""

import math
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from sinegan.report.statistics import CONFIDENCE, NOTHING, caution, estimate, last_share_mean


@pytest.mark.parametrize(
    ("values", "mean"),
    [
        ([9, 9, 9, 9, 9, 9, 9, 9, 1, 2], 1.5),  # the last 2 of 10
        ([9, 9, 9, 9, 1, 4], 2.5),  # the last 2 of 6: 1.2, rounded up
        ([9, 9, 9, 9, 3], 3),
        ([9, 7], 7),
        ([5], 5),
    ],
)
def test_the_mean_is_over_the_last_fifth_rounded_up(values: list[float], mean: float) -> None:
    assert last_share_mean(values) == mean


def test_the_share_can_be_chosen_and_nothing_has_no_mean() -> None:
    assert last_share_mean([1, 2, 3, 4], share=0.5) == 3.5
    assert last_share_mean([1, 2, 3, 4], share=1) == 2.5
    assert math.isnan(last_share_mean([]))


def test_three_positive_values_worked_by_hand() -> None:
    # Logarithms 0, ln 2 and 2 ln 2: mean ln 2, standard deviation ln 2; the quantile is of 2 degrees.
    half = 4.302652729749462 * math.log(2) / math.sqrt(3)
    found = estimate([1, 4, 2])
    assert found.n == 3
    assert found.estimate == pytest.approx(2, rel=1e-14)
    assert found.low == pytest.approx(2 * math.exp(-half), rel=1e-12)
    assert found.high == pytest.approx(2 * math.exp(half), rel=1e-12)
    assert (found.median, found.smallest, found.largest) == (2, 1, 4)


@pytest.mark.parametrize("values", [[0.0, 1.0, 2.0, 5.0], [-1.0, 0.5, 0.25], [-3.0, -2.0, -1.0, 4.0, 8.0]])
def test_with_a_value_that_is_not_positive_the_interval_is_the_plain_one(values: list[float]) -> None:
    found = estimate(values)
    low, high = stats.t.interval(CONFIDENCE, len(values) - 1, np.mean(values), stats.sem(values))
    assert (found.estimate, found.low, found.high) == pytest.approx((np.mean(values), low, high), rel=1e-12)
    assert found.median == np.median(values)


def test_positive_values_have_the_interval_of_their_logarithms() -> None:
    values = [0.02, 0.025, 0.03, 0.021, 0.06]
    logs = np.log(values)
    interval = stats.t.interval(CONFIDENCE, 4, logs.mean(), stats.sem(logs))
    found = estimate(values)
    assert (found.low, found.high) == pytest.approx(tuple(np.exp(interval)), rel=1e-12)
    assert found.estimate == pytest.approx(stats.gmean(values), rel=1e-12)


def test_no_value_gives_nothing() -> None:
    assert estimate([]) == NOTHING
    assert NOTHING.n == 0
    assert all(math.isnan(number) for number in NOTHING[1:])


def test_one_value_gives_itself_and_no_interval() -> None:
    with warnings.catch_warnings(action="error"):
        found = estimate([0.25])
    assert (found.n, found.estimate, found.median) == (1, 0.25, 0.25)
    assert (found.smallest, found.largest) == (0.25, 0.25)
    assert math.isnan(found.low)
    assert math.isnan(found.high)


def test_two_values_give_their_mean_and_range_and_no_interval() -> None:
    positive, mixed = estimate([1, 4]), estimate([-1, 4])
    assert positive.estimate == pytest.approx(2)
    assert mixed.estimate == 1.5
    assert (positive.n, positive.smallest, positive.largest) == (2, 1, 4)
    assert all(math.isnan(end) for end in (positive.low, positive.high, mixed.low, mixed.high))


def test_equal_values_have_an_interval_of_no_width() -> None:
    found = estimate([0.5, 0.5, 0.5])
    assert found[1:] == pytest.approx((0.5,) * 6)


def test_the_interval_covers_the_true_value_as_often_as_it_says() -> None:
    rng = np.random.default_rng(1)
    draws = rng.lognormal(mean=-3, sigma=0.7, size=(2000, 8))
    found = [estimate(draw) for draw in draws]
    covered = np.mean([one.low <= math.exp(-3) <= one.high for one in found])
    assert 0.93 <= covered <= 0.97


@given(
    values=st.lists(st.floats(1e-3, 1e3), min_size=3, max_size=10),
    scale=st.floats(1e-3, 1e3),
)
@settings(deadline=None)
def test_other_units_scale_every_number_alike(values: list[float], scale: float) -> None:
    one, other = estimate(values), estimate([scale * value for value in values])
    assert one.n == other.n
    assert other[1:] == pytest.approx([scale * number for number in one[1:]], rel=1e-6)


@given(values=st.lists(st.floats(1e-3, 1e3) | st.floats(-1e3, 0), min_size=3, max_size=10))
@settings(deadline=None)
def test_an_interval_holds_its_estimate_whatever_the_order(values: list[float]) -> None:
    found = estimate(values)
    assert found.low <= found.estimate <= found.high
    assert found.smallest <= found.median <= found.largest
    assert found == pytest.approx(estimate(sorted(values)), rel=1e-6, abs=1e-9)


def test_few_seeds_are_cautioned_about_and_enough_are_not() -> None:
    sentences = [caution(n) for n in range(4)]
    assert all(sentence and not sentence.endswith(".") for sentence in sentences)
    assert len(set(sentences)) == 4
    assert "no run finished" in str(sentences[0])
    assert "no interval and no ranking" in str(sentences[1])
    assert "no interval" in str(sentences[2])
    assert "wide" in str(sentences[3])
    assert caution(4) is caution(8) is None
