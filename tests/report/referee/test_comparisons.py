"""Which configurations differ: never more than the seeds support."""

import math
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from values import drawn

import sinegan
from sinegan.report.load import load_sweep
from sinegan.report.referee.analysis import Analysis
from sinegan.report.referee.comparisons import (
    MOST_PAIRED,
    all_pairs,
    best_against_rest,
    compare,
    contrast,
    ranks,
)
from sinegan.report.referee.contrasts import holm, seeds_needed
from sinegan.report.sweep import Sweep
from sinegan.storage.results import records

FIXED = ["a", "b", "metric", "n", "ratio", "low", "high", "p", "p_holm", "separated", "seeds_needed"]


def test_a_pair_is_the_paired_test_of_its_logarithms(make_sweep: Callable[..., Sweep]) -> None:
    x, y = drawn(1), drawn(2, 1.5)
    table = compare(make_sweep({"x": x, "y": y}))
    assert list(table)[: len(FIXED)] == FIXED
    (row,) = records(table)
    logs = [np.log(list(one.values())) for one in (x, y)]
    expected = stats.ttest_rel(*logs)
    interval = expected.confidence_interval(0.95)
    assert (row["a"], row["b"], row["metric"], row["n"]) == ("loss=x", "loss=y", "rmse", 8)
    assert row["ratio"] == pytest.approx(stats.gmean(list(x.values())) / stats.gmean(list(y.values())))
    assert (row["low"], row["high"]) == pytest.approx((math.exp(interval.low), math.exp(interval.high)))
    assert (row["p"], row["p_holm"]) == pytest.approx((expected.pvalue, expected.pvalue))
    assert row["separated"] == (expected.pvalue < 0.05)
    assert math.isnan(row["difference"])


def test_pairs_are_corrected_as_one_family_and_say_what_they_need(make_sweep: Callable[..., Sweep]) -> None:
    values = {"x": drawn(1), "y": drawn(2, 1.1), "z": drawn(3, 3)}
    table = compare(make_sweep(values))
    assert list(zip(table["a"], table["b"], strict=True)) == [
        ("loss=x", "loss=y"),
        ("loss=x", "loss=z"),
        ("loss=y", "loss=z"),
    ]
    assert table["p_holm"].tolist() == holm(table["p"]).tolist()
    assert table["separated"].tolist() == [False, True, True]
    deviation = np.std(np.log(list(values["x"].values())) - np.log(list(values["y"].values())), ddof=1)
    assert table["seeds_needed"][0] == seeds_needed(math.log(1.1), deviation, 0.05 / 3)
    assert table["seeds_needed"][1:].isna().all()


def test_a_family_of_one_pair_needs_no_more_than_a_single_test(make_sweep: Callable[..., Sweep]) -> None:
    x, y = drawn(1), drawn(2, 1.1)
    deviation = np.std(np.log(list(x.values())) - np.log(list(y.values())), ddof=1)
    found = compare(make_sweep({"x": x, "y": y}))["seeds_needed"].tolist()
    assert found == [seeds_needed(math.log(1.1), deviation, 0.05)]


def test_lost_runs_are_compared_as_the_worst(make_sweep: Callable[..., Sweep]) -> None:
    analysis = Analysis(make_sweep({"x": drawn(1), "y": dict.fromkeys(range(8), math.inf)}))
    (row,) = records(analysis.comparisons)
    assert (row["method"], row["improvement"], row["ratio"], row["high"]) == ("rank sum", 1, 0, 0)
    assert row["p"] == pytest.approx(2 / math.comb(16, 8))
    assert analysis.table["rank"].tolist() == [1, 2]


def test_a_better_looking_configuration_that_loses_runs_is_not_first(
    make_sweep: Callable[..., Sweep],
) -> None:
    half_lost = drawn(1, 0.1) | dict.fromkeys(range(5), math.inf)
    analysis = Analysis(make_sweep({"lossy": half_lost, "sound": drawn(2)}))
    assert analysis.table["estimate"][0] < analysis.table["estimate"][1]
    assert not analysis.comparisons["separated"].any()
    assert analysis.table["rank"].tolist() == [1, 1]


def test_seeds_that_are_not_shared_are_not_paired() -> None:
    x, y = drawn(1), {seed + 100: value for seed, value in drawn(2).items()}
    found = contrast(x, y, positive=True)
    expected = stats.ttest_ind(*(np.log(list(one.values())) for one in (x, y)), equal_var=False)
    assert (found.method, found.p) == ("Welch t", pytest.approx(expected.pvalue))
    most = {seed: value for seed, value in drawn(2).items() if seed != 3}
    paired = contrast(x, most, positive=True)
    assert (paired.method, paired.n) == ("paired t", 7)


def test_values_that_can_be_negative_are_compared_by_their_difference(
    make_sweep: Callable[..., Sweep],
) -> None:
    x, y = {0: -0.1, 1: 0.2, 2: 0.1, 3: 0.0}, {0: 0.3, 1: 0.5, 2: 0.6, 3: 0.4}
    analysis = Analysis(make_sweep({"x": x, "y": y}, metric="energy_distance"))
    (row,) = records(analysis.comparisons)
    assert math.isnan(row["ratio"])
    assert row["difference"] == pytest.approx(-0.4)
    assert row["difference_low"] < -0.4 < row["difference_high"] < 0


def test_different_targets_are_not_rivals(make_sweep: Callable[..., Sweep]) -> None:
    sweep = make_sweep({"x": drawn(1), "y": drawn(2, 9)})
    assert len(compare(sweep)) == 1
    for name, target in (("0", "Sine"), ("1", "Square")):
        sweep.settings[name]["target"] = {"_target_": f"sinegan.game.targets.{target}"}
    other = load_sweep(sweep.folder)
    other.settings.update(sweep.settings)
    assert compare(other).empty
    assert Analysis(other).table["rank"].isna().all()


@pytest.mark.parametrize("runs", [1, 2])
def test_too_few_seeds_are_not_ranked(make_sweep: Callable[..., Sweep], runs: int) -> None:
    analysis = Analysis(make_sweep({"x": drawn(1, runs=runs), "y": drawn(2, 50, runs=runs)}))
    assert analysis.comparisons["p_holm"].isna().all()
    assert not analysis.comparisons["separated"].any()
    assert analysis.table["rank"].isna().all()


def test_a_configuration_in_which_nothing_ran_has_no_comparison_and_no_rank(
    make_sweep: Callable[..., Sweep],
) -> None:
    analysis = Analysis(make_sweep({"x": drawn(1), "y": drawn(2, 9), "z": {}}, seeds=8))
    assert len(analysis.comparisons) == 1
    assert analysis.table["rank"].tolist()[:2] == [1, 2]
    assert pd.isna(analysis.table["rank"][2])


def test_a_large_sweep_holds_the_best_against_the_rest(make_sweep: Callable[..., Sweep]) -> None:
    names = [f"c{place}" for place in range(MOST_PAIRED + 3)]
    values = {name: drawn(place, 4 if place > 9 else 1, runs=10) for place, name in enumerate(names)}
    values["c4"] = drawn(4, 0.2, runs=10)
    analysis = Analysis(make_sweep(values))
    table = analysis.comparisons
    assert set(table["a"]) == {"loss=c4"}
    assert sorted(table["b"]) == sorted(f"loss={name}" for name in names if name != "c4")
    assert set(table["correction"]) == {"max-T"}
    assert analysis.table["rank"].min() == 1
    beaten = set(table["b"][table["separated"]])
    assert {f"loss=c{place}" for place in range(10, 15)} <= beaten
    first = analysis.samples.rows["name"][analysis.table["rank"] == 1]
    assert beaten.isdisjoint(first)
    assert set(analysis.table["rank"]) == {1, len(first) + 1}


def test_without_common_seeds_a_large_sweep_pays_for_all_pairs() -> None:
    values = {
        f"c{place}": {seed + 100 * place: value for seed, value in drawn(place, 2 if place else 1).items()}
        for place in range(MOST_PAIRED + 1)
    }
    rows = best_against_rest(values, positive=True)
    pairs = (MOST_PAIRED + 1) * MOST_PAIRED / 2
    assert {row["correction"] for row in rows} == {"Holm, of all pairs"}
    assert [row["p_holm"] for row in rows] == [min(1.0, row["p"] * pairs) for row in rows]


def test_configurations_that_differ_in_nothing_share_the_first_rank(make_sweep: Callable[..., Sweep]) -> None:
    analysis = Analysis(make_sweep({"x": drawn(1), "y": drawn(1), "z": drawn(1)}))
    assert analysis.comparisons["p"].tolist() == [1, 1, 1]
    assert analysis.comparisons["ratio"].tolist() == [1, 1, 1]
    assert ranks(analysis.samples, analysis.comparisons)["rank"].tolist() == [1, 1, 1]


def test_what_is_neither_good_nor_bad_has_no_rank(make_sweep: Callable[..., Sweep]) -> None:
    sweep = make_sweep({"x": drawn(1), "y": drawn(2)})
    table = compare(sweep, "d_real")
    assert table["metric"].tolist() == ["d_real"]
    assert table["improvement"].isna().all()


def test_null_sweeps_are_seldom_claimed_to_differ() -> None:
    rng = np.random.default_rng(0)
    claims = 0
    for _ in range(300):
        values = {str(place): dict(enumerate(row)) for place, row in enumerate(rng.lognormal(size=(6, 8)))}
        claims += holm([row["p"] for row in all_pairs(values, True)]).min() < 0.05
    assert claims / 300 <= 0.09  # 5 % and three standard errors


def test_the_package_offers_the_comparisons(make_sweep: Callable[..., Sweep]) -> None:
    sweep = make_sweep({"x": drawn(1), "y": drawn(2)})
    assert sinegan.compare is compare
    pd.testing.assert_frame_equal(sinegan.compare(sweep), Analysis(sweep).comparisons)
