"""What each key does on average, which matters more, and that nothing is made of chance."""

import itertools
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from forged import Keys, sweep_of
from scipy import stats
from values import drawn

from sinegan.report.load import load_sweep
from sinegan.report.referee import effects
from sinegan.report.referee.analysis import Analysis
from sinegan.report.referee.effects import (
    coefficients,
    compared_levels,
    factor_effects,
    jackknife,
    joined_factors,
    seed_table,
    spread_products,
)
from sinegan.report.referee.run_values import Samples
from sinegan.storage.results import records

LOSSES, NETWORKS = ("minimax", "other"), ("tiny", "small", "medium")


def grid(logs: Mapping[tuple[str, str], Any], positive: bool = True) -> Samples:
    """Samples of loss x network from the logarithms (or the values) of each cell, by seed."""
    rows = pd.DataFrame([{"loss": a, "network": b, "metric": "rmse", "problem": ""} for a, b in logs])
    rows["name"] = [f"{a}/{b}" for a, b in logs]
    scaled = [np.exp(one) if positive else np.asarray(one) for one in logs.values()]
    values = {name: dict(enumerate(one.tolist())) for name, one in zip(rows["name"], scaled, strict=True)}
    return Samples("rmse", ["loss", "network"], rows, values, {"": positive}, True)


def cells(loss: float, network: float, both: float = 0.0, seeds: int = 8, spread: float = 0.1) -> Any:
    """Logarithms with an effect of either key for each level, one of both together, and noise."""
    rng = np.random.default_rng(3)
    return {
        (a, b): loss * i + network * j + both * i * j + spread * rng.standard_normal(seeds)
        for (i, a), (j, b) in itertools.product(enumerate(LOSSES), enumerate(NETWORKS))
    }


def rows_of(table: pd.DataFrame, kind: str, key: str) -> list[dict[str, Any]]:
    return records(table[(table["kind"] == kind) & (table["key"] == key)])


def test_a_main_effect_is_the_paired_test_of_the_means_over_the_rest() -> None:
    logs = cells(0.2, 0.5)
    (found,) = rows_of(factor_effects(grid(logs)), "main", "loss")
    over_rest = [np.mean([logs[a, b] for b in NETWORKS], axis=0) for a in LOSSES]
    expected = stats.ttest_rel(over_rest[1], over_rest[0])
    interval = expected.confidence_interval(0.95)
    assert (found["level"], found["against"], found["n"]) == ("other", "minimax", 8)
    assert found["ratio"] == pytest.approx(math.exp(np.mean(over_rest[1] - over_rest[0])))
    ends = math.exp(interval.low), math.exp(interval.high)
    assert (found["low"], found["high"]) == pytest.approx(ends, rel=1e-3)
    assert found["p"] == pytest.approx(expected.pvalue, rel=1e-2)
    assert [row["level"] for row in rows_of(factor_effects(grid(logs)), "main", "network")] == [
        "small",
        "medium",
    ]


@pytest.mark.parametrize("positive", [True, False])
def test_a_level_with_the_values_of_another_has_no_effect_at_all(positive: bool) -> None:
    rng = np.random.default_rng(1)
    logs: dict[tuple[str, str], Any] = {
        (loss, network): rng.normal(-4.0, 0.3, 8)
        for loss in ("minimax", "hinge", "wasserstein", "kl")
        for network in NETWORKS
    }
    for network in NETWORKS:
        logs["jensen_shannon", network] = logs["minimax", network]
    levels = rows_of(factor_effects(grid(logs, positive)), "main", "loss")
    same = levels[-1]
    assert (same["level"], same["p"], same["p_corrected"], same["separated"]) == (
        "jensen_shannon",
        1,
        1,
        False,
    )
    assert same["ratio" if positive else "difference"] == (1 if positive else 0)
    assert all(row["p"] < 1 for row in levels[:-1])


def test_the_key_that_matters_more_is_named_first() -> None:
    table = factor_effects(grid(cells(0.1, 0.8)))
    (order,) = records(table[table["kind"] == "order"])
    assert (order["key"], order["against"], order["separated"]) == ("network", "loss", True)
    spread = {key: rows_of(table, "key", key)[0]["spread"] for key in ("loss", "network")}
    assert spread["network"] == pytest.approx(math.exp(0.8), rel=0.1)


def test_an_interaction_has_rows_only_when_it_survives() -> None:
    without, with_one = factor_effects(grid(cells(0.5, 0.5))), factor_effects(grid(cells(0.0, 0.5, both=0.6)))
    assert "interaction" not in set(without["kind"])
    found = rows_of(with_one, "interaction", "loss x network")
    assert {row["level"] for row in found} == {"other x small", "other x medium"}
    (medium,) = [row for row in found if row["level"] == "other x medium"]
    assert (medium["against"], medium["separated"]) == ("minimax x tiny", True)
    assert medium["ratio"] == pytest.approx(math.exp(1.2), rel=0.25)


def test_keys_that_do_nothing_have_no_effect() -> None:
    table = factor_effects(grid(cells(0.0, 0.0)))
    assert not table["separated"].any()


def test_a_key_is_as_sure_as_the_surest_pair_of_its_levels_and_a_level_is_no_surer() -> None:
    table = factor_effects(grid(cells(0.0, 0.15, spread=0.3)))
    for key in ("loss", "network"):
        (whole,) = rows_of(table, "key", key)
        levels = rows_of(table, "main", key)
        assert all(row["p_corrected"] >= max(row["p"], whole["p_corrected"]) for row in levels)
        assert all(row["separated"] == (row["p_corrected"] < 0.05) for row in (whole, *levels))
    # Two keys share half of the 5 %.
    assert rows_of(table, "key", "loss")[0]["p_corrected"] == min(
        1, 4 * rows_of(table, "key", "loss")[0]["p"]
    )


def test_a_single_key_of_two_levels_is_the_comparison_of_its_configurations() -> None:
    sweep = sweep_of({(("loss", "x"),): drawn(1), (("loss", "y"),): drawn(2, 1.5)})
    analysis = Analysis(sweep)
    (pair,) = records(analysis.comparisons)
    (level,) = rows_of(analysis.effects, "main", "loss")
    assert (pair["a"], level["level"]) == ("loss=x", "y")
    assert level["ratio"] == pytest.approx(1 / pair["ratio"])
    assert (level["low"], level["high"]) == pytest.approx((1 / pair["high"], 1 / pair["low"]), rel=1e-4)
    assert (level["p"], level["p_corrected"]) == pytest.approx((pair["p"], pair["p_corrected"]))
    assert level["separated"] == pair["separated"]


def test_a_single_key_of_many_levels_is_as_sure_as_the_comparisons() -> None:
    keys: dict[Keys, dict[int, float]] = {
        (("loss", f"l{place}"),): drawn(place, 1 + place / 4) for place in range(5)
    }
    analysis = Analysis(sweep_of(keys))
    (whole,) = rows_of(analysis.effects, "key", "loss")
    assert whole["p_corrected"] == pytest.approx(analysis.comparisons["p_corrected"].min())


def test_targets_are_no_levels_to_compare() -> None:
    rng = np.random.default_rng(6)
    keys: dict[Keys, dict[int, float]] = {
        (("target", target), ("loss", loss)): dict(
            enumerate((scale * np.exp(0.1 * rng.normal(size=6))).tolist())
        )
        for target, scale in (("s", 0.01), ("t", 9.0))
        for loss in "xy"
    }
    table = Analysis(sweep_of(keys)).effects
    assert set(table["key"]) == {"loss"}
    assert not table["separated"].any()


def test_the_effect_of_a_key_may_change_with_the_target() -> None:
    rng = np.random.default_rng(6)
    keys: dict[Keys, dict[int, float]] = {
        (("target", target), ("loss", loss)): dict(
            enumerate((scale * np.exp(0.1 * rng.normal(size=6))).tolist())
        )
        for target, loss, scale in (("s", "x", 1.0), ("s", "y", 2.0), ("t", "x", 2.0), ("t", "y", 1.0))
    }
    table = Analysis(sweep_of(keys)).effects
    (found,) = records(table[table["kind"] == "interaction"])
    assert (found["key"], found["separated"]) == ("target x loss", True)
    assert found["ratio"] == pytest.approx(1 / 4, rel=0.3)


@pytest.mark.parametrize("partial", [False, True])
def test_levels_that_do_not_differ_are_seldom_claimed_to(partial: bool) -> None:
    """partial: another level of the same key differs widely."""
    rng = np.random.default_rng(7)
    claims, sweeps = 0, 200
    for _ in range(sweeps):
        logs = {
            (loss, network): 0.2 * rng.standard_normal(5) + (partial and network == "medium")
            for loss, network in itertools.product(LOSSES, NETWORKS)
        }
        table = factor_effects(grid(logs))
        true = (table["level"] == "medium") | ((table["key"] == "network") & (table["kind"] != "main"))
        claims += bool(table["separated"][~(true & partial) & (table["kind"] != "order")].any())
    assert claims / sweeps <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / sweeps)


def test_values_that_are_not_positive_have_differences() -> None:
    table = factor_effects(grid(cells(0.2, 0.5), positive=False))
    (found,) = rows_of(table, "main", "loss")
    assert math.isnan(found["ratio"])
    assert found["difference"] == pytest.approx(0.2, abs=0.1)
    assert found["difference_low"] < found["difference"] < found["difference_high"]


def test_a_lost_run_counts_as_the_worst_of_all() -> None:
    logs = cells(0.0, 0.5)
    lost, worst = dict(logs), dict(logs)
    largest = max(one.max() for one in logs.values())
    lost["other", "tiny"] = np.array([math.inf, *logs["other", "tiny"][1:]])
    worst["other", "tiny"] = np.array([largest, *logs["other", "tiny"][1:]])
    pd.testing.assert_frame_equal(factor_effects(grid(lost)), factor_effects(grid(worst)))


def test_a_grid_with_a_gap_has_effects_adjusted_for_the_rest() -> None:
    logs = cells(0.3, 0.5, spread=1e-3)
    del logs["other", "medium"]
    (found,) = rows_of(factor_effects(grid(logs)), "main", "loss")
    assert found["ratio"] == pytest.approx(math.exp(0.3), rel=1e-2)


@pytest.mark.parametrize("seeds", [1, 2])
def test_too_few_seeds_have_no_effects(seeds: int) -> None:
    table = factor_effects(grid(cells(0.5, 0.5, seeds=seeds)))
    assert table.empty


def test_a_search_is_no_grid_and_has_no_effects(
    tmp_path: Path, file_configuration: Callable[..., Path]
) -> None:
    for place, (a, b) in enumerate([("1", "x"), ("2", "y"), ("3", "x"), ("4", "y"), ("5", "x")]):
        values = {seed: [1.0 + seed + place] for seed in range(4)}
        file_configuration(tmp_path / str(place), [f"optim.lr={a}", f"loss={b}"], values)
    assert Analysis(load_sweep(tmp_path)).effects.empty


def test_keys_that_advance_together_are_one_factor() -> None:
    rows = pd.DataFrame({"a": ["1", "2", "1"], "b": ["x", "y", "x"], "c": ["p", "p", "q"], "d": ["s"] * 3})
    assert joined_factors(rows, ["a", "b", "c", "d"]) == {
        "a & b": ["1 & x", "2 & y", "1 & x"],
        "c": ["p", "p", "q"],
    }


def test_seeds_are_lined_up_where_they_are_shared_and_else_in_their_order() -> None:
    shared = seed_table([{0: 1.0, 1: 2.0, 2: 3.0, 9: 4.0}, {1: 20.0, 2: 30.0, 0: 10.0}])
    assert shared.tolist() == [[1, 2, 3], [10, 20, 30]]
    apart = seed_table([{2: 3.0, 0: 1.0, 1: 2.0}, {7: 10.0, 8: 20.0, 9: 30.0, 10: 40.0}])
    assert apart.tolist() == [[1, 2, 3], [10, 20, 30]]


def test_effects_have_a_limit_that_the_number_of_coefficients_tells(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    samples = grid(cells(0.5, 0.5, both=0.6))
    assert coefficients(samples) == (1 + 2, 1 + 2 + 1 * 2)  # two losses, three networks
    whole = factor_effects(samples)
    assert {*whole["kind"]} == {"key", "main", "order", "interaction"}

    monkeypatch.setattr(effects, "MOST_WITH_PRODUCTS", 4)
    assert {*factor_effects(samples)["kind"]} == {"key", "main", "order"}
    monkeypatch.setattr(effects, "MOST_COEFFICIENTS", 2)
    assert factor_effects(samples).empty


def test_the_spread_is_freed_of_chance() -> None:
    rng = np.random.default_rng(1)
    # Levels 0 and 1, of variance 1/2, in 6 seeds with as much noise; the mean off the diagonal is unbiased.
    found = []
    for _ in range(4000):
        products = spread_products(1 + rng.standard_normal((1, 6)))
        found.append((products.sum() - np.trace(products)) / 30)
    assert np.mean(found) == pytest.approx(0.5, abs=0.03)


def test_the_jackknife_of_a_product_of_means_worked_by_hand() -> None:
    # x = 1, 2, 4: products 2, 4, 8, mean 14/3. Without each seed 8, 4, 2; pseudo-values 14 - 2 of these.
    x = np.array([1.0, 2.0, 4.0])
    found = jackknife(np.outer(x, x))
    pseudo = [-2.0, 6.0, 10.0]
    assert found.difference == pytest.approx(14 / 3)
    assert found.p == pytest.approx(stats.ttest_1samp(pseudo, 0).pvalue)


def test_all_pairs_of_levels_are_compared() -> None:
    one = np.array([[0.3, 0.1, 0.4, 0.2]])
    compared, first, second = compared_levels(one)
    assert (first.tolist(), second.tolist()) == ([1], [0])
    assert compared.p()[0] == pytest.approx(stats.ttest_1samp(one[0], 0).pvalue, rel=1e-2)
    compared, first, second = compared_levels(np.array([[1.0, 1.1, 1.0], [2.0, 2.1, 2.2]]))
    assert [*zip(first.tolist(), second.tolist(), strict=True)] == [(1, 0), (2, 0), (2, 1)]
    assert compared.difference == pytest.approx([3.1 / 3, 2.1, 3.2 / 3])
    assert compared_levels(np.zeros((2, 4)))[0].p(3).tolist() == [1, 1, 1]
