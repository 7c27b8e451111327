"""Means and variances of several configurations, against the tests of scipy that they contain."""

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from sinegan.report.referee import variances
from sinegan.report.referee.ranges import studentised_range_sf
from sinegan.report.referee.variances import Differences, differences, fit


def compared(table: NDArray[Any], paired: bool = True) -> Differences:
    """All pairs of some rows."""
    first, second = np.triu_indices(len(table), 1)
    fitted = fit(table, paired)
    means = fitted.mean[first] - fitted.mean[second]
    return differences(fitted, means, first, second, fitted.runs[np.array([first, second])])


def drawn(seed: int, configurations: int, seeds: int, spreads: Any = 0.25) -> NDArray[Any]:
    rng = np.random.default_rng(seed)
    return np.asarray(np.reshape(spreads, (-1, 1)) * rng.standard_normal((configurations, seeds)))


@pytest.mark.parametrize("seeds", [3, 4, 8, 15])
@pytest.mark.parametrize("paired", [True, False])
def test_two_configurations_have_the_tests_of_scipy(seeds: int, paired: bool) -> None:
    table = drawn(seeds, 2, seeds, [0.2, 0.9]) + 0.5 * np.arange(2)[:, None]
    found = compared(table, paired)
    expected: Any = stats.ttest_rel(*table) if paired else stats.ttest_ind(*table, equal_var=False)
    interval = expected.confidence_interval(0.95)
    half = found.half_width()[0]
    assert found.p()[0] == pytest.approx(expected.pvalue, rel=2e-3)
    assert found.difference[0] - half == pytest.approx(interval.low, rel=2e-3)
    assert found.difference[0] + half == pytest.approx(interval.high, rel=2e-3)


def test_what_the_seeds_have_in_common_changes_nothing() -> None:
    table = drawn(1, 6, 5) + np.arange(6)[:, None] / 5
    common = 10 * np.random.default_rng(2).standard_normal(5)
    assert compared(table + common).p(6) == pytest.approx(compared(table).p(6), rel=1e-6)


@pytest.mark.parametrize("paired", [True, False])
def test_other_units_and_another_order_change_nothing(paired: bool) -> None:
    table = drawn(1, 5, 6) + np.arange(5)[:, None] / 5
    p = compared(table, paired).p(5)
    assert compared(1000 * table + 3, paired).p(5) == pytest.approx(p, rel=1e-6)
    order = np.array([3, 0, 4, 2, 1])
    turned = np.zeros((5, 5))
    first, second = np.triu_indices(5, 1)
    turned[order[first], order[second]] = compared(table[order], paired).p(5)
    assert (turned + turned.T)[first, second] == pytest.approx(p, rel=1e-6)


@pytest.mark.parametrize("size", [1e2, 1e6])
def test_one_that_explodes_does_not_blind_the_others(size: float) -> None:
    table = drawn(3, 8, 6) + 0.6 * np.arange(8)[:, None]
    exploding = np.vstack([table, size * drawn(4, 1, 6)])
    of_others = np.array([b < 8 for b in np.triu_indices(9, 1)[1]])
    alone, with_it = compared(table).p(9) < 0.05, compared(exploding).p(9)[of_others] < 0.05
    assert with_it.sum() >= 0.8 * alone.sum() > 10


def test_equal_variances_of_many_are_as_sure_as_tukeys_test() -> None:
    ratios = []
    first, second = np.triu_indices(12, 1)
    for seed in range(4):
        table = drawn(seed, 12, 6) + 0.05 * np.arange(12)[:, None]
        t = np.abs(table.mean(1)[first] - table.mean(1)[second]) / math.sqrt(table.var(1, ddof=1).mean() / 3)
        tukey = studentised_range_sf(math.sqrt(2) * t, 12, 60)
        if seed == 0:
            assert tukey == pytest.approx(stats.tukey_hsd(*table).pvalue[first, second], rel=0.01, abs=1e-5)
        clear = (tukey > 0.002) & (tukey < 0.5)
        ratios += np.log(compared(table, paired=False).p(12)[clear] / tukey[clear]).tolist()
    assert len(ratios) > 20
    assert abs(np.median(ratios)) < math.log(2)


def test_unequal_variances_are_not_claimed_much_surer_than_by_games_and_howell() -> None:
    rng = np.random.default_rng(5)
    claims, reference = 0, 0
    first, second = np.triu_indices(6, 1)
    for _ in range(150):
        table = rng.choice([0.15, 0.75], (6, 1)) * rng.standard_normal((6, 6))
        claims += compared(table, paired=False).p(6).min() < 0.05
        error = table.var(1, ddof=1) / 6
        squared = error[first] + error[second]
        t = np.abs(table.mean(1)[first] - table.mean(1)[second]) / np.sqrt(squared)
        freedom = 5 * squared**2 / (error[first] ** 2 + error[second] ** 2)
        reference += studentised_range_sf(math.sqrt(2) * t, 6, freedom).min() < 0.05
    assert claims <= max(2 * reference, 0.05 * 150 + 3 * math.sqrt(0.05 * 0.95 * 150))


@pytest.mark.parametrize("paired", [True, False])
def test_null_tables_are_seldom_claimed_to_differ(paired: bool) -> None:
    claims = sum(compared(drawn(seed, 6, 5), paired).p(6).min() < 0.05 for seed in range(300))
    assert claims / 300 <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / 300)


@pytest.mark.parametrize("configurations", [3, 40, 300])
def test_many_configurations_are_fitted_as_few_are_without_a_matrix_of_all_pairs(
    monkeypatch: pytest.MonkeyPatch, configurations: int
) -> None:
    spreads = 0.1 * 2.0 ** np.arange(configurations)[:, None] ** 0.2
    table = drawn(5, configurations, 6, spreads) + np.arange(configurations)[:, None] % 7
    few = fit(table, paired=True).prior
    monkeypatch.setattr(variances, "_NEARNESS_AT_ONCE", 0)
    many = fit(table, paired=True).prior
    for name in ("weight", "typical", "error"):
        np.testing.assert_allclose(getattr(many, name), getattr(few, name), rtol=1e-6, atol=1e-12)


def test_chances_do_not_depend_on_how_many_pairs_are_computed_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    together = compared(drawn(6, 30, 5))
    expected = [together.p(), together.p(30), together.half_width()]
    monkeypatch.setattr(variances, "_PAIRS_AT_ONCE", 7)
    for one, other in zip([together.p(), together.p(30), together.half_width()], expected, strict=True):
        np.testing.assert_array_equal(one, other)


def test_two_whose_neighbours_agree_on_no_pooling_are_hardly_pooled() -> None:
    fitted = fit(drawn(7, 4, 6), paired=True)
    apart = np.zeros_like(fitted.prior.weight)
    apart[1, :2], apart[-1, 2:] = 1.0, 1.0
    fitted = replace(fitted, prior=replace(fitted.prior, weight=apart))
    found = differences(fitted, [0.1, 0.1], [0, 0], [1, 2], np.full((2, 2), 6))
    assert found.weight[:, 0].tolist() == apart[:, 0].tolist()
    assert found.weight[:, 1].tolist() == [1.0, *[0.0] * (len(apart) - 1)]
    assert np.isfinite(found.p()).all()


def test_a_variance_is_never_taken_for_less_than_it_was_seen() -> None:
    table = drawn(6, 9, 5, np.geomspace(0.05, 2, 9))
    fitted, found = fit(table, paired=True), compared(table)
    first, second = np.triu_indices(9, 1)
    seen = np.sqrt((fitted.variance[first] + fitted.variance[second]) / 5)
    assert (found.error >= seen * (1 - 1e-9)).all()
    assert fitted.freedom.sum() == pytest.approx(8 * 4)


def test_the_same_rows_do_not_differ() -> None:
    row = drawn(7, 1, 6)
    assert compared(np.vstack([row, row, row])).p(3).tolist() == [1, 1, 1]
    assert compared(np.full((4, 5), 0.1)).p(4).tolist() == [1] * 6
    assert compared(np.full((4, 5), 0.1)).half_width().tolist() == [0] * 6


def test_constant_rows_that_differ_are_certain() -> None:
    found = compared(np.repeat([[0.1], [0.2]], 4, axis=1))
    assert found.p()[0] == pytest.approx(0, abs=1e-6)


def test_only_three_and_more_are_pooled_and_missing_runs_are_left_out() -> None:
    assert not fit(drawn(8, 2, 5), paired=True).prior.freedom.any()
    assert fit(drawn(8, 3, 5), paired=True).prior.freedom.any()
    table = drawn(8, 4, 6)
    table[1, 3:] = math.nan
    fitted = fit(table, paired=False)
    assert fitted.runs.tolist() == [6, 3, 6, 6]
    assert fitted.mean[1] == pytest.approx(table[1, :3].mean())
    assert fitted.freedom.tolist() == [5, 2, 5, 5]
    assert fitted.variance[1] == pytest.approx(table[1, :3].var(ddof=1))


def test_chances_fall_with_distance_and_intervals_are_where_they_are_one_in_twenty() -> None:
    found = compared(drawn(9, 5, 4))
    half = found.half_width()
    assert found.exceeded(half) == pytest.approx(0.05, rel=1e-2)
    assert (found.exceeded(half / 2) > found.exceeded(half)).all()
    assert (found.exceeded(-half) == 1).all()
    assert (found.exceeded(half, 5) > found.exceeded(half)).all()
    assert found[np.array([2, 0])].p().tolist() == found.p()[[2, 0]].tolist()


def test_intervals_hold_the_truth_as_often_as_they_say() -> None:
    held = []
    for seed in range(150):
        found = compared(drawn(seed, 6, 4))
        held += (np.abs(found.difference) <= found.half_width()).tolist()
    assert 0.93 <= np.mean(held) <= 0.985
