"""Estimates against numbers worked by hand, and intervals that cover what they promise."""

import math
import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from sinegan.report.referee.statistics import (
    CONFIDENCE,
    NOTHING,
    estimate,
    interquartile_mean,
    last_share_mean,
    median_interval,
    wilson,
)


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
    assert found.low == pytest.approx(2 * math.exp(-half), rel=1e-9)
    assert found.high == pytest.approx(2 * math.exp(half), rel=1e-9)
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
def test_other_units_scale_every_number_alike(values: list[float], scale: float) -> None:
    one, other = estimate(values), estimate([scale * value for value in values])
    assert one.n == other.n
    assert other[1:] == pytest.approx([scale * number for number in one[1:]], rel=1e-6)


@given(values=st.lists(st.floats(1e-3, 1e3) | st.floats(-1e3, 0), min_size=3, max_size=10))
def test_an_interval_holds_its_estimate_whatever_the_order(values: list[float]) -> None:
    found = estimate(values)
    assert found.low <= found.estimate <= found.high
    assert found.smallest <= found.median <= found.largest
    assert found == pytest.approx(estimate(sorted(values)), rel=1e-6, abs=1e-9)


def test_a_scale_can_be_given_for_values_that_would_take_another() -> None:
    assert estimate([1, 4, 16], positive=False).estimate == 7
    assert estimate([1, 4, 16], positive=True).estimate == pytest.approx(4)


def test_the_interval_of_a_median_worked_by_hand() -> None:
    # Six values: the whole range holds the median in 31 / 32 of cases, the inner four in 25 / 32.
    share = (31 / 32 - 0.95) / (6 / 32)
    weight = 5 * share / (1 + 4 * share)
    low, high = median_interval([10, 1, 2, 3, 4, 20])
    assert low == pytest.approx((1 - weight) * 1 + weight * 2)
    assert high == pytest.approx((1 - weight) * 20 + weight * 10)
    assert all(map(math.isnan, median_interval([1, 2, 3, 4, 5])))


@pytest.mark.parametrize("n", [6, 8, 13, 20])
def test_the_interval_of_a_median_is_within_the_order_statistics_that_bind_it(n: int) -> None:
    values = np.random.default_rng(n).normal(size=n)
    ordered = np.sort(values)
    outer = int(stats.binom.ppf(0.025, n, 0.5)) - 1  # the last pair that holds it in 95 % or more
    low, high = median_interval(values)
    assert ordered[outer] <= low <= ordered[outer + 1]
    assert ordered[-outer - 2] <= high <= ordered[-outer - 1]


def test_the_interval_of_a_median_holds_it_in_95_of_100_skewed_samples() -> None:
    draws = np.random.default_rng(4).lognormal(sigma=1.5, size=(3000, 9))
    ends = np.array([median_interval(draw) for draw in draws])
    assert 0.93 <= ((ends[:, 0] <= 1) & (ends[:, 1] >= 1)).mean() <= 0.97


def test_a_median_of_lost_runs_has_an_infinite_end() -> None:
    low, high = median_interval([1, 2, 3, 4, math.inf, math.inf])
    assert 1 < low < 2
    assert high == math.inf


@pytest.mark.parametrize(("successes", "n"), [(0, 8), (3, 8), (8, 8), (1, 1), (50, 400)])
def test_the_interval_of_a_share_is_that_of_scipy(successes: int, n: int) -> None:
    expected = stats.binomtest(successes, n).proportion_ci(method="wilson")
    assert wilson(successes, n) == pytest.approx((expected.low, expected.high), abs=1e-12)
    assert 0 <= wilson(successes, n)[0] <= successes / n <= wilson(successes, n)[1] <= 1


def test_no_run_has_no_share() -> None:
    assert all(map(math.isnan, wilson(0, 0)))


@given(st.lists(st.floats(-1e3, 1e3), min_size=1, max_size=20))
def test_the_interquartile_mean_is_the_trimmed_mean_of_scipy(values: list[float]) -> None:
    assert interquartile_mean(values) == pytest.approx(stats.trim_mean(values, 0.25), abs=1e-9)


def test_the_interquartile_mean_forgets_a_quarter_of_lost_runs_and_no_more() -> None:
    assert interquartile_mean([1, 2, 3, math.inf]) == 2.5
    assert interquartile_mean([1, 2, math.inf, math.inf]) == math.inf
    assert math.isnan(interquartile_mean([]))
