"""Which configurations differ: never more than the seeds support."""

import math
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from forged import Keys, sweep_of
from scipy import stats
from values import drawn

import sinegan
from sinegan.report.compare import compare
from sinegan.report.referee.analysis import Analysis
from sinegan.report.referee.comparisons import COLUMNS, compare_samples, ranks
from sinegan.report.referee.problem import MOST_PAIRED, STEP_DOWN
from sinegan.report.referee.run_values import samples_of
from sinegan.report.sweep import Sweep
from sinegan.storage.results import records

FIXED = ["a", "b", "metric", "n", "ratio", "low", "high", "p", "p_corrected", "separated", "verdict"]


def test_a_pair_is_the_paired_test_of_its_logarithms(make_sweep: Callable[..., Sweep]) -> None:
    x, y = drawn(1), drawn(2, 1.5)
    table = compare(make_sweep({"x": x, "y": y}))
    assert list(table)[: len(FIXED)] == FIXED
    assert list(table) == COLUMNS
    (row,) = records(table)
    logs = [np.log(list(one.values())) for one in (x, y)]
    expected = stats.ttest_rel(*logs)
    interval = expected.confidence_interval(0.95)
    assert (row["a"], row["b"], row["metric"], row["n"]) == ("loss=x", "loss=y", "rmse", 8)
    assert row["ratio"] == pytest.approx(stats.gmean(list(x.values())) / stats.gmean(list(y.values())))
    ends = math.exp(interval.low), math.exp(interval.high)
    assert (row["low"], row["high"]) == pytest.approx(ends, rel=1e-3)
    assert (row["p"], row["p_corrected"]) == pytest.approx((expected.pvalue, expected.pvalue), rel=2e-3)
    assert row["separated"] == (expected.pvalue < 0.05)
    assert math.isnan(row["difference"])


def test_pairs_are_corrected_as_one_family_and_have_verdicts(make_sweep: Callable[..., Sweep]) -> None:
    close = {seed: value * (1.001 if seed % 2 else 0.999) for seed, value in drawn(1).items()}
    table = compare(
        make_sweep({"far": drawn(3, 9), "x": drawn(1, 0.9999), "y": close, "z": drawn(4, 1.2, spread=0.5)})
    )
    assert (table["p_corrected"] >= table["p"]).all()
    assert (table["p_corrected"] > 1.2 * table["p"])[table["p"] < 0.8].all()
    verdicts = {(row["a"], row["b"]): row["verdict"] for row in records(table)}
    assert verdicts["loss=x", "loss=y"] != "better"
    assert {verdicts[f"loss={name}", "loss=far"] for name in "xyz"} == {"better"}
    undecided = table["verdict"] == "undecided"
    assert undecided.any()
    assert (table["seeds_needed"].notna() == undecided).all()
    assert (table["seeds_needed"][undecided] > 8).all()


def test_all_targets_are_one_family() -> None:
    values = {"x": drawn(1), "y": drawn(2, 1.1), "z": drawn(3, 1.2)}
    one = {(("loss", name),): by_seed for name, by_seed in values.items()}
    keys: dict[Keys, dict[int, float]] = {
        (("target", target), ("loss", name)): by_seed for target in "st" for name, by_seed in values.items()
    }
    alone, both = compare(sweep_of(one)), compare(sweep_of(keys))
    assert len(both) == 2 * len(alone)
    assert both["p"].tolist() == 2 * alone["p"].tolist()
    assert both["p_corrected"].tolist() == pytest.approx([*np.minimum(1, 2 * alone["p_corrected"])] * 2)
    assert both["p_equal"].tolist() == pytest.approx([*np.minimum(1, 2 * alone["p_equal"])] * 2)


def test_the_margin_decides_what_is_equal(make_sweep: Callable[..., Sweep]) -> None:
    close = {seed: value * (1.01 if seed % 2 else 0.99) for seed, value in drawn(1).items()}
    sweep = make_sweep({"x": drawn(1), "y": close})
    assert [compare(sweep, margin=margin)["verdict"][0] for margin in (0.1, 0.005)] == ["equal", "undecided"]
    assert Analysis(sweep, 0.005).comparisons["verdict"].tolist() == ["undecided"]


def test_a_configuration_that_lost_all_runs_is_not_ranked_and_not_compared(
    make_sweep: Callable[..., Sweep],
) -> None:
    gone = dict.fromkeys(range(8), math.inf)
    analysis = Analysis(make_sweep({"x": drawn(1), "gone": gone, "y": drawn(2, 9)}))
    assert analysis.comparisons[["a", "b"]].to_numpy().tolist() == [["loss=x", "loss=y"]]
    assert analysis.table["rank"].tolist() == [1, pd.NA, 2]
    assert analysis.winners == [True, False, False]


def test_lost_runs_are_compared_as_the_worst(make_sweep: Callable[..., Sweep]) -> None:
    mostly = dict.fromkeys(range(7), math.inf) | {7: 0.04}
    analysis = Analysis(make_sweep({"y": mostly, "x": drawn(1)}))
    (row,) = records(analysis.comparisons)
    assert (row["a"], row["method"], row["ratio"]) == ("loss=x", "paired t and rank sum", 0)
    assert row["improvement"] >= 7 / 8
    assert (row["verdict"], row["high"]) == ("better", 0)


def test_a_better_looking_configuration_that_loses_half_of_its_runs_has_no_rank(
    make_sweep: Callable[..., Sweep],
) -> None:
    half_lost = drawn(1, 0.1) | dict.fromkeys(range(5), math.inf)
    analysis = Analysis(make_sweep({"lossy": half_lost, "sound": drawn(2), "other": drawn(3)}))
    assert analysis.table["estimate"][0] < analysis.table["estimate"][1:].min()
    assert analysis.table["rank"].tolist() == [pd.NA, 1, 1]
    assert not analysis.comparisons["separated"].any()


def test_values_that_can_be_negative_are_compared_by_their_difference(
    make_sweep: Callable[..., Sweep],
) -> None:
    x, y = {0: -0.1, 1: 0.2, 2: 0.1, 3: 0.0}, {0: 0.3, 1: 0.5, 2: 0.6, 3: 0.4}
    analysis = Analysis(make_sweep({"x": x, "y": y}, metric="energy_distance"))
    (row,) = records(analysis.comparisons)
    assert math.isnan(row["ratio"])
    assert row["difference"] == pytest.approx(-0.4)
    assert row["difference_low"] < -0.4 < row["difference_high"] < 0


def test_different_targets_are_not_rivals() -> None:
    assert len(compare(sweep_of({(("loss", "x"),): drawn(1), (("loss", "y"),): drawn(2, 9)}))) == 1
    other = sweep_of({(("target", "s"),): drawn(1), (("target", "t"),): drawn(2, 9)})
    assert compare(other).empty
    assert Analysis(other).table["rank"].isna().all()


@pytest.mark.parametrize("runs", [1, 2])
def test_too_few_seeds_are_not_ranked(make_sweep: Callable[..., Sweep], runs: int) -> None:
    analysis = Analysis(make_sweep({"x": drawn(1, runs=runs), "y": drawn(2, 50, runs=runs)}))
    assert analysis.comparisons["p_corrected"].isna().all()
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
    values = {name: drawn(place, 4 if place > 9 else 1, runs=6) for place, name in enumerate(names)}
    values["c4"] = drawn(4, 0.7, runs=6)
    analysis = Analysis(make_sweep(values))
    table = analysis.comparisons
    assert set(table["a"]) == {"loss=c4"}
    assert sorted(table["b"]) == sorted(f"loss={name}" for name in names if name != "c4")
    assert set(table["correction"]) == {STEP_DOWN}
    beaten = set(table["b"][table["separated"]])
    assert {f"loss=c{place}" for place in range(10, 15)} <= beaten
    first = analysis.samples.rows["name"][analysis.table["rank"] == 1]
    assert beaten.isdisjoint(first)
    assert set(analysis.table["rank"]) == {1, len(first) + 1}


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
    assert table["verdict"].tolist() == ["equal"]
    assert ranks(samples_of(sweep, "d_real"), table)["rank"].isna().all()


def test_more_modes_are_better() -> None:
    sweep = sweep_of({(("loss", "few"),): drawn(1), (("loss", "many"),): drawn(2, 9)}, "modes")
    samples = samples_of(sweep, "modes")
    (row,) = records(table := compare_samples(samples))
    assert (row["a"], row["verdict"]) == ("loss=many", "better")
    assert 1 < row["low"] < row["ratio"] < row["high"]
    assert row["improvement"] == 1
    assert ranks(samples, table)["rank"].tolist() == [2, 1]


def test_the_package_offers_the_comparisons(make_sweep: Callable[..., Sweep]) -> None:
    sweep = make_sweep({"x": drawn(1), "y": drawn(2)})
    assert sinegan.compare is compare
    pd.testing.assert_frame_equal(sinegan.compare(sweep), Analysis(sweep).comparisons)
