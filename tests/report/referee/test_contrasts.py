"""Two samples against each other: held against scipy, against enumeration, and against hand-worked values."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from values import drawn

from sinegan.report.referee.contrasts import (
    EFFECT_COLUMNS,
    Difference,
    contrast,
    holm,
    improvement,
    paired_t,
    rank_sum,
    welch_t,
)

A, B = [0.31, 0.25, 0.4, 0.22, 0.35, 0.3], [0.45, 0.28, 0.39, 0.5, 0.41, 0.33]
VALUES = st.lists(st.floats(-100, 100).map(lambda x: round(x, 3)), min_size=3, max_size=8)


def test_the_paired_test_is_that_of_scipy() -> None:
    found = paired_t(np.subtract(A, B))
    expected = stats.ttest_rel(A, B)
    interval = expected.confidence_interval(0.95)
    assert found.p == pytest.approx(expected.pvalue, rel=1e-10)
    assert (found.low, found.high) == pytest.approx((interval.low, interval.high), rel=1e-10)
    assert found.difference == pytest.approx(np.mean(A) - np.mean(B))
    assert found.difference < 0
    assert (found.n, found.method) == (6, "paired t")


def test_the_unpaired_test_is_that_of_scipy() -> None:
    found = welch_t(A, B[:4])
    expected = stats.ttest_ind(A, B[:4], equal_var=False)
    interval = expected.confidence_interval(0.95)
    assert found.p == pytest.approx(expected.pvalue, rel=1e-10)
    assert (found.low, found.high) == pytest.approx((interval.low, interval.high), rel=1e-10)
    assert (found.n, found.method) == (4, "Welch t")


@pytest.mark.parametrize("test", [welch_t, rank_sum, lambda a, b: paired_t(np.subtract(a, b))])
def test_two_values_give_a_difference_and_no_test(test) -> None:  # type: ignore[no-untyped-def]
    found = test([1.0, 2.0], [3.0, 5.0])
    assert found.difference == -2.5
    assert all(math.isnan(number) for number in (found.low, found.high, found.p))
    assert math.isnan(test([], []).difference)


def test_equal_differences_are_certain_and_no_difference_is_none() -> None:
    assert paired_t([0.5] * 4)[1:5] == (0.5, 0.5, 0.5, 0.0)
    assert paired_t([0.0] * 4)[1:5] == (0.0, 0.0, 0.0, 1.0)


@given(VALUES, VALUES)
@settings(max_examples=60)
def test_the_rank_sum_test_is_exact_with_ties(a: list[float], b: list[float]) -> None:
    ranks = stats.rankdata([*a, *b])
    sums = np.array([sum(chosen) for chosen in itertools.combinations(ranks, len(a))])
    found = ranks[: len(a)].sum()
    expected = min(1.0, 2 * min((sums <= found + 1e-9).mean(), (sums >= found - 1e-9).mean()))
    assert rank_sum(a, b).p == pytest.approx(expected, rel=1e-9)


def test_the_rank_sum_test_is_that_of_scipy_for_few_and_many() -> None:
    rng = np.random.default_rng(0)
    for runs, method in ((10, "exact"), (40, "asymptotic")):
        a, b = rng.normal(size=runs), rng.normal(0.7, size=runs)
        expected = stats.mannwhitneyu(a, b, method=method)
        assert rank_sum(a, b).p == pytest.approx(expected.pvalue, rel=1e-9)


def test_lost_runs_are_last_whatever_the_others_are() -> None:
    whole, lost = [1.0, 2.0, 3.0, 4.0, 5.0], [math.inf] * 5
    found = rank_sum(whole, lost)
    assert found.p == pytest.approx(2 / math.comb(10, 5))
    assert (found.difference, found.low, found.high) == (-math.inf, -math.inf, -math.inf)
    assert rank_sum(lost, whole).difference == math.inf
    both = rank_sum(lost, lost)
    assert (both.difference, both.p) == (0, 1)
    many = rank_sum([math.inf] * 40, [math.inf] * 40)
    assert (many.difference, many.p) == (0, 1)


def test_the_interval_of_a_shift_holds_what_its_test_does_not_reject() -> None:
    rng = np.random.default_rng(1)
    for _ in range(20):
        a, b = rng.normal(size=7), rng.normal(0.5, size=6)
        found = rank_sum(a, b)
        for shift, inside in (
            (found.low - 1e-6, False),
            (found.low + 1e-6, True),
            (found.high + 1e-6, False),
        ):
            assert bool(stats.mannwhitneyu(a - shift, b, method="exact").pvalue > 0.05) == inside
        assert found.difference == pytest.approx(np.median(np.subtract.outer(a, b)))


def test_three_against_three_have_no_finite_interval_of_ranks() -> None:
    # The surest result, all below all, has a chance of 2 / 20 by itself.
    found = rank_sum([1.0, 2.0, 3.0], [4.0, 5.0, 6.0])
    assert (found.low, found.high, found.p) == (-math.inf, math.inf, pytest.approx(0.1))


def test_improvement_is_the_share_of_pairs_that_are_better_and_half_the_ties() -> None:
    # 1 < 2, 1 < 3, 2 = 2 (half), 2 < 3: 3.5 of 4.
    assert improvement([1, 2], [2, 3]) == 0.875
    assert improvement([2, 3], [1, 2]) == 0.125
    assert improvement([math.inf], [math.inf, 1]) == 0.25
    assert math.isnan(improvement([], [1]))
    u = stats.mannwhitneyu(A, B).statistic  # counts the pairs in which A is larger
    assert improvement(A, B) == pytest.approx(1 - u / 36)


def test_holm_worked_by_hand() -> None:
    # Sorted 0.01 x 3, 0.03 x 2, 0.04 x 1; the last may not be below the one before.
    assert holm([0.04, 0.01, 0.03]).tolist() == pytest.approx([0.06, 0.03, 0.06])
    assert holm([0.5, 0.9]).tolist() == [1.0, 1.0]
    with_gap = holm([0.02, math.nan, 0.03])
    assert with_gap[[0, 2]].tolist() == pytest.approx([0.04, 0.04])
    assert math.isnan(with_gap[1])


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_holm_is_between_no_correction_and_bonferroni(p_values: list[float]) -> None:
    corrected = holm(p_values)
    assert (corrected >= np.array(p_values)).all()
    assert (corrected <= np.minimum(1, len(p_values) * np.array(p_values)) + 1e-12).all()
    order = np.argsort(p_values, kind="stable")
    assert (np.diff(corrected[order]) >= 0).all()


def test_the_columns_of_a_difference_are_a_ratio_or_a_difference() -> None:
    found = Difference(4, math.log(2), 0.0, math.log(8), 0.1, 1.0, "")
    assert list(found.columns(positive=True)) == list(EFFECT_COLUMNS)
    ratio, difference = found.columns(positive=True), found.columns(positive=False)
    assert [ratio[name] for name in EFFECT_COLUMNS[:3]] == pytest.approx([2, 1, 8])
    assert [difference[name] for name in EFFECT_COLUMNS[3:]] == pytest.approx([math.log(2), 0, math.log(8)])
    assert all(math.isnan(ratio[name]) for name in EFFECT_COLUMNS[3:])
    assert all(math.isnan(difference[name]) for name in EFFECT_COLUMNS[:3])


def test_two_samples_are_paired_where_half_of_the_seeds_are_shared() -> None:
    x, y = drawn(1), {seed + 100: value for seed, value in drawn(2).items()}
    found = contrast(x, y, positive=True)
    expected = stats.ttest_ind(*(np.log(list(each.values())) for each in (x, y)), equal_var=False)
    assert (found.method, found.p) == ("Welch t", pytest.approx(expected.pvalue))
    paired = contrast(x, {seed: value for seed, value in drawn(2).items() if seed != 3}, positive=True)
    assert (paired.method, paired.n) == ("paired t", 7)
    assert contrast(x, drawn(2) | {0: math.inf}, positive=True).method == "rank sum"
