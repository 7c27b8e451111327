"""The configurations of one problem against one another: who is better, equal, or undecided."""

import itertools
import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats
from values import drawn

from sinegan.report.referee.problem import (
    ALL_PAIRS,
    MOST_PAIRED,
    STEP_DOWN,
    Comparison,
    Problem,
    _step_down,
    compare_problem,
)
from sinegan.report.referee.variances import differences, fit

LOST = math.inf


def problem_of(table: NDArray[Any], positive: bool = False, more_is_better: bool = False) -> Problem:
    values = {f"c{place}": dict(enumerate(row)) for place, row in enumerate(table.tolist())}
    return Problem(values, positive, more_is_better)


def only(values: Mapping[str, Mapping[int, float]], positive: bool = True) -> Comparison:
    (comparison,) = compare_problem(Problem(values, positive), 0.1)
    return comparison


def test_two_that_share_their_seeds_are_compared_by_the_paired_test() -> None:
    x, y = drawn(1), drawn(2, 1.5)
    found = only({"y": y, "x": x})
    expected = stats.ttest_rel(*(np.log(list(each.values())) for each in (x, y)))
    interval = expected.confidence_interval(0.95)
    assert (found.a, found.b, found.n, found.method) == ("x", "y", 8, "paired t")
    assert found.p == pytest.approx(expected.pvalue, rel=2e-3)
    assert found.p_family == found.p
    assert (found.low, found.high) == pytest.approx((interval.low, interval.high), rel=2e-3)


def test_seeds_that_are_not_shared_are_not_paired() -> None:
    x, y = drawn(1), {seed + 100: value for seed, value in drawn(2, 1.5).items()}
    found = only({"x": x, "y": y})
    expected = stats.ttest_ind(*(np.log(list(each.values())) for each in (x, y)), equal_var=False)
    assert (found.method, found.p) == ("Welch t", pytest.approx(expected.pvalue, rel=2e-3))
    most = {seed: value for seed, value in drawn(2).items() if seed != 3}
    assert (only({"x": x, "y": most}).method, only({"x": x, "y": most}).n) == ("paired t", 7)


def test_few_are_compared_in_all_pairs_and_many_with_the_best() -> None:
    rng = np.random.default_rng(0)
    for size, correction in ((MOST_PAIRED, ALL_PAIRS), (MOST_PAIRED + 1, STEP_DOWN)):
        problem = problem_of(rng.normal(size=(size, 5)))
        order, found = problem.ordered, compare_problem(problem, 0.1)
        pairs = (
            itertools.combinations(order, 2)
            if correction == ALL_PAIRS
            else [(order[0], b) for b in order[1:]]
        )
        assert [(each.a, each.b) for each in found] == list(pairs)
        assert {each.correction for each in found} == {correction}
        assert all(each.difference <= 0 for each in found)


def test_step_by_step_is_never_less_sure_than_at_once_and_keeps_the_order() -> None:
    table = np.random.default_rng(1).normal(size=(20, 6)) + 0.15 * np.arange(20)[:, None]
    fitted = fit(table, paired=True)
    first, second = np.zeros(19, int), np.arange(1, 20)
    runs = np.full((2, 19), 6)
    compared = differences(fitted, fitted.mean[0] - fitted.mean[1:], first, second, runs)
    at_once, by_steps = compared.p(20), _step_down(compared, 20)
    assert (by_steps <= at_once + 1e-12).all()
    assert (by_steps < 0.9 * at_once).any()
    assert (by_steps >= compared.p() - 1e-12).all()
    assert (np.diff(by_steps[np.argsort(at_once, kind="stable")]) >= 0).all()


def test_a_lost_run_is_the_worst_of_all_and_the_ranks_have_the_last_word() -> None:
    found = only({"x": drawn(1), "y": dict.fromkeys(range(3), LOST) | dict(list(drawn(2, 9).items())[3:])})
    ranks = stats.mannwhitneyu(range(8), [8, 9, 10, 11, 12, 13, 13, 13], method="exact").pvalue
    assert (found.a, found.method, found.p_equal) == ("x", "paired t and rank sum", 1)
    assert found.p >= ranks * (1 - 1e-9)
    assert math.isnan(found.seeds_needed)
    assert found.high < 0


def test_where_runs_were_lost_four_seeds_can_prove_a_difference_and_three_cannot() -> None:
    found = only({"x": drawn(1, runs=4), "y": drawn(2, 99, runs=4) | {0: LOST}})
    assert found.p_family < 0.05
    found = only({"x": drawn(1, runs=3), "y": drawn(2, 99, runs=3) | {0: LOST}})
    assert found.p_family > 0.05


def test_ties_of_lost_runs_do_not_claim_what_the_interval_does_not() -> None:
    x = dict.fromkeys(range(7), 0.5) | {7: LOST, 8: LOST}
    y = dict.fromkeys(range(7), 0.6) | {7: LOST, 8: LOST}
    for found in compare_problem(Problem({"x": x, "y": y, "z": dict.fromkeys(range(9), 0.6)}, True), 0.1):
        assert found.p_family >= 0.05 or found.high < 0


def test_what_lost_everything_has_no_comparison_and_what_lost_half_no_rank() -> None:
    values = {
        "gone": dict.fromkeys(range(4), LOST),
        "half": drawn(1, 0.1, runs=4) | {0: LOST, 1: LOST},
        "some": drawn(2, 2, runs=4) | {0: LOST},
        "sound": drawn(3, 5, runs=4),
        "short": {0: 1.0, 1: 1.0},
    }
    problem = Problem(values, positive=True)
    assert problem.ranked == ["some", "sound"]
    assert problem.ordered == ["some", "sound", "half", "short"]
    assert [problem.lost(name) for name in values] == [4, 2, 1, 0, 0]
    found = compare_problem(problem, 0.1)
    assert not any("gone" in (each.a, each.b) for each in found)
    assert all(math.isnan(each.p) == ("short" in (each.a, each.b)) for each in found)


@pytest.mark.parametrize("configurations", [2, 5, 15])
def test_more_is_better_is_the_mirror_of_less(configurations: int) -> None:
    table = np.random.default_rng(2).normal(size=(configurations, 5)) + np.arange(configurations)[:, None] / 3
    less = compare_problem(problem_of(table), 0.1)
    more = compare_problem(problem_of(-table, more_is_better=True), 0.1)
    assert [(each.a, each.b) for each in less] == [(each.a, each.b) for each in more]
    for one, other in zip(less, more, strict=True):
        assert [*one[2:11]] == pytest.approx([*other[2:11]], nan_ok=True)
    problem = problem_of(np.exp(table), positive=True, more_is_better=True)
    (first, *_) = compare_problem(problem, 0.1)
    assert first.difference < 0 < math.log(problem.unscaled(first.difference))
    assert problem.ordered == [f"c{place}" for place in np.argsort(-table.mean(1))]


def test_a_wide_margin_makes_equal_and_a_narrow_one_does_not() -> None:
    close = {seed: value * (1.01 if seed % 2 else 0.99) for seed, value in drawn(1).items()}
    values = {"x": drawn(1), "y": close}
    (wide,), (narrow,) = (compare_problem(Problem(values, True), margin) for margin in (0.1, 0.005))
    assert wide.p_equal < 0.05 < narrow.p_equal
    assert wide.p_family == narrow.p_family > 0.05
    assert narrow.seeds_needed > wide.seeds_needed >= 3


def test_more_spread_more_rivals_and_more_problems_need_more_seeds() -> None:
    rng = np.random.default_rng(3)
    table = rng.normal(0, 0.05, (6, 6))
    needed = {each[:2]: each.seeds_needed for each in compare_problem(problem_of(np.exp(table), True), 0.1)}
    several = compare_problem(problem_of(np.exp(table), True), 0.1, problems=4)
    wider = compare_problem(problem_of(np.exp(2 * table), True), 0.1)
    assert all(each.seeds_needed >= needed[each[:2]] for each in (*several, *wider))
    assert sum(each.seeds_needed for each in several) > sum(needed.values())
    same = compare_problem(problem_of(np.full((2, 4), 0.5), True), 0.1)
    assert math.isnan(same[0].seeds_needed)


def test_what_some_seeds_left_open_needs_more_of_them() -> None:
    rng = np.random.default_rng(5)
    table = rng.normal(0, 0.05, (2, 40))
    (loose,) = compare_problem(problem_of(np.exp(table), True), 0.4)
    assert loose.seeds_needed == 41


@pytest.mark.parametrize("configurations", [2, 4])
def test_the_seeds_needed_decide(configurations: int) -> None:
    rng = np.random.default_rng(4)
    spread, margin = 0.1, 0.1

    def simulated(seeds: int, shift: float) -> list[Comparison]:
        table = spread * rng.standard_normal((configurations, seeds))
        table[0] -= shift
        return compare_problem(problem_of(np.exp(table), True), margin)

    asked = [each.seeds_needed for _ in range(30) for each in simulated(6, 0.0)]
    seeds = math.ceil(float(np.mean(asked)))
    assert 10 < seeds < 200
    equal = [each.p_equal < 0.05 for _ in range(150) for each in simulated(seeds, 0.0)]
    assert np.mean(equal) > 0.74  # 80 %, less what chance may take in 150 sweeps
    apart = [
        each.p_family < 0.05
        for _ in range(150)
        for each in simulated(seeds, math.log1p(margin))
        if "c0" in (each.a, each.b)
    ]
    assert np.mean(apart) > 0.8


@pytest.mark.parametrize("configurations", [3, 14])
def test_null_problems_are_seldom_claimed_to_differ(configurations: int) -> None:
    rng = np.random.default_rng(5)
    claims = 0
    for _ in range(200):
        problem = problem_of(rng.lognormal(size=(configurations, 5)) * rng.lognormal(size=5), True)
        claims += min(each.p_family for each in compare_problem(problem, 0.1)) < 0.05
    assert claims / 200 <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / 200)


def test_of_six_at_five_seeds_half_as_much_is_mostly_seen() -> None:
    rng = np.random.default_rng(6)
    seen = []
    for _ in range(100):
        table = rng.normal(0, 0.25, (6, 5))
        table[0] -= math.log(2)
        found = compare_problem(problem_of(np.exp(table), True), 0.1)
        seen += [each.p_family < 0.05 for each in found if each.a == "c0"]
    assert np.mean(seen) > 0.7
