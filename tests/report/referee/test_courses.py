"""The course of every problem of a sweep."""

import dataclasses
import math
from collections.abc import Mapping

import numpy as np
import pandas as pd
import pytest
from forged import Keys, decided_values, sweep_of, with_design
from values import drawn

from sinegan.designs import Fixed, UntilBest
from sinegan.report.referee.analysis import Analysis
from sinegan.report.referee.courses import courses_of, ignores_design, replay, stored_design
from sinegan.report.referee.looks import looks
from sinegan.report.referee.problem import Problem, pair_tests
from sinegan.report.referee.run_values import Samples
from sinegan.report.sweep import Sweep

DESIGN = UntilBest(first=4, most=9)


def samples(values: Mapping[str, Mapping[int, float]], problems: Mapping[str, str] | None = None) -> Samples:
    """problems: by name; by default all configurations are of one."""
    of = problems or dict.fromkeys(values, "sine rmse")
    rows = pd.DataFrame({"name": list(values), "problem": [of[name] for name in values], "metric": "rmse"})
    by_name = {name: dict(by_seed) for name, by_seed in values.items()}
    return Samples("rmse", [], rows, by_name, dict.fromkeys(of.values(), True), ranked=True)


def around(centre: float, seeds: int, first: int = 0) -> dict[int, float]:
    """Runs whose logarithms lie evenly around that of a centre, in an order that no other centre has."""
    offsets = [0.1 * math.sin(7 * centre + 3 * seed) for seed in range(seeds)]
    return {first + seed: centre * math.exp(offset) for seed, offset in enumerate(offsets)}


def test_far_apart_configurations_are_decided_at_the_first_look() -> None:
    course = courses_of(samples({"a": around(1, 4), "b": around(9, 4)}), DESIGN, 0)["sine rmse"]
    assert not course.waits
    assert dict(course.seeds) == {"a": 4, "b": 4}
    assert course.steps[0].better == {("a", "b")}


def test_the_first_seed_is_where_the_runs_begin() -> None:
    late = samples({"a": around(1, 4, 100), "b": around(9, 4, 100)})
    assert not courses_of(late, DESIGN, 100)["sine rmse"].waits
    assert courses_of(late, DESIGN, 0)["sine rmse"].steps == ()


def test_problems_with_something_to_compare_are_one_family() -> None:
    level = looks(DESIGN)[0].level
    values = {"a": around(1, 4), "b": {}}
    for centre in np.linspace(1.05, 2, 200):
        values["b"] = around(float(centre), 4)
        tests = pair_tests(Problem(values, positive=True))
        assert tests is not None
        if level / 2 < tests.p_family[0] < level:
            break
    else:
        pytest.fail("no values lie between the levels of one and of two problems")
    of = {"a": "x", "b": "x"}
    others = {"c": around(1, 4), "d": around(9, 4)}
    alone = courses_of(samples(values, of), DESIGN, 0)["x"]
    with_single = courses_of(samples({**values, "c": others["c"]}, of | {"c": "y"}), DESIGN, 0)["x"]
    with_pair = courses_of(samples(values | others, of | {"c": "y", "d": "y"}), DESIGN, 0)["x"]
    assert alone.steps[0].better == with_single.steps[0].better == {("a", "b")}
    assert with_pair.steps[0].better == set()


def decided(values: Mapping[str, Mapping[int, float]], spent: int | None = None) -> Sweep:
    """A sweep of losses with DESIGN. spent: runs after which it was killed."""
    keys: dict[Keys, Mapping[int, float]] = {(("loss", name),): by_seed for name, by_seed in values.items()}
    return with_design(sweep_of(decided_values(keys, DESIGN, spent)), DESIGN)


CLOSE = {"a": drawn(1, 1, 9), "b": drawn(2, 1.05, 9), "far": drawn(3, 30, 9)}
"""At the first look, far is dropped, and a and b stay."""


def test_the_design_is_read_from_the_settings() -> None:
    sweep = decided(CLOSE)
    assert stored_design(sweep) == DESIGN
    assert not ignores_design(sweep)
    assert stored_design(sweep_of({(("loss", "x"),): drawn(1)})) == Fixed()


def test_a_budget_that_a_resume_changed_changes_no_design() -> None:
    sweep = decided(CLOSE)
    name = next(iter(sweep.settings))
    with_budget = {**sweep.settings[name], "decide": {**sweep.settings[name]["decide"], "budget": "40runs"}}
    resumed = dataclasses.replace(sweep, settings={**sweep.settings, name: with_budget})
    assert isinstance(stored_design(resumed), UntilBest)
    assert not ignores_design(resumed)
    assert Analysis(resumed).decisions.equals(Analysis(sweep).decisions)


def test_several_sweeps_are_judged_as_fixed_and_say_that_a_rule_is_ignored() -> None:
    merged = dataclasses.replace(decided(CLOSE), merged=True)
    assert not Analysis(merged).courses
    assert ignores_design(merged)
    assert not ignores_design(dataclasses.replace(sweep_of({(("loss", "x"),): drawn(1)}), merged=True))


@pytest.mark.parametrize("change", [{"first": 5}, {"_target_": "nowhere.Design"}])
def test_configurations_with_different_or_unreadable_rules_are_judged_as_fixed(
    change: dict[str, object],
) -> None:
    sweep = decided(CLOSE)
    for name in ["0"] if "first" in change else list(sweep.settings):
        sweep.settings[name]["decide"].update(change)
    assert not Analysis(sweep).courses
    assert ignores_design(sweep)


def test_a_comparison_has_the_numbers_of_its_look() -> None:
    analysis = Analysis(decided(CLOSE))
    first, *_ = looks(DESIGN)
    rows = analysis.comparisons.set_index(["a", "b"])
    dropped, left = rows.loc[("loss=a", "loss=far")], rows.loc[("loss=a", "loss=b")]
    assert (dropped["n"], left["n"]) == (4, 9)
    at_first = {name: dict(list(by_seed.items())[:4]) for name, by_seed in CLOSE.items()}
    tests = pair_tests(Problem(at_first, positive=True))
    assert tests is not None
    p = tests.p_family[tests.pairs.index(("a", "far"))]
    assert dropped["p_corrected"] == pytest.approx(p * 0.05 / first.level)
    # The interval of a look is wider than one of a fixed number of seeds.
    fixed = Analysis(sweep_of({(("loss", name),): by_seed for name, by_seed in at_first.items()}))
    row = fixed.comparisons.set_index(["a", "b"]).loc[("loss=a", "loss=far")]
    assert dropped["ratio"] == pytest.approx(row["ratio"])
    assert dropped["low"] < row["low"] < row["high"] < dropped["high"]


def test_an_estimate_has_the_confidence_of_its_last_look() -> None:
    analysis = Analysis(decided(CLOSE))
    fixed = Analysis(sweep_of({(("loss", name),): by_seed for name, by_seed in CLOSE.items()}))
    row, naive = (each.table.set_index("loss").loc["a"] for each in (analysis, fixed))
    assert row["n"] == naive["n"] == 9
    assert row["low"] < naive["low"] < naive["high"] < row["high"]


def test_runs_for_a_look_that_has_not_come_count_for_nothing() -> None:
    killed = Analysis(decided(CLOSE, spent=12 + 3))
    whole = Analysis(decided(CLOSE, spent=12))
    assert killed.table[["n", "estimate", "low"]].equals(whole.table[["n", "estimate", "low"]])
    assert killed.comparisons.equals(whole.comparisons)
    assert killed.courses.keys() == whole.courses.keys()


def test_effects_rest_on_the_seeds_that_all_were_given() -> None:
    analysis = Analysis(decided(CLOSE))
    assert analysis.shared.runs.groupby("configuration").size().tolist() == [4, 4, 4]
    assert analysis.effects["n"].unique().tolist() == [4]
    assert analysis.table["n"].tolist() == [9, 9, 4]


def test_effects_rest_on_the_seeds_of_the_last_look_where_more_are_to_come() -> None:
    waiting = Analysis(decided({"a": CLOSE["a"], "b": CLOSE["b"]}, spent=8 + 3))
    assert [course.waits for course in waiting.courses.values()] == [True]
    assert waiting.shared.configurations["seeds"].tolist() == [4, 4]


def test_a_replay_counts_the_runs_and_compares_the_best() -> None:
    values = {"a": drawn(1, 1, 9), "far": drawn(3, 30, 9), "farther": drawn(4, 60, 9)}
    found = replay(samples(values), 0.1, {"a"})
    assert found is not None
    assert (found.trained, found.runs, found.same, found.problems) == (12, 27, 1, 1)
    other = replay(samples(values), 0.1, {"far"})
    assert other is not None
    assert (other.same, other.problems) == (0, 1)


def test_a_replay_needs_six_seeds_that_all_share() -> None:
    values = {"a": drawn(1, 1, 9), "b": {seed + 4: value for seed, value in drawn(2, 9, 9).items()}}
    assert replay(samples(values), 0.1, {"a"}) is None  # they share 5
    assert replay(samples({"a": drawn(1, 1, 9)}), 0.1, {"a"}) is None
    shifted = {"a": drawn(1, 1, 9), "b": {seed + 3: value for seed, value in drawn(2, 9, 9).items()}}
    found = replay(samples(shifted), 0.1, {"a"})
    assert found is not None
    assert found.runs == 12


def test_a_fixed_sweep_is_replayed_when_it_has_finished() -> None:
    keys: dict[Keys, Mapping[int, float]] = {
        (("loss", name),): drawn(place, 9.0**place) for place, name in enumerate("xyz")
    }
    sweep = sweep_of(keys)
    found = Analysis(sweep).replay
    assert found is not None
    assert (found.trained, found.runs) == (12, 24)
    sweep.runs.loc[0, "status"] = "unfinished"
    assert Analysis(sweep).replay is None
    assert Analysis(decided(CLOSE)).replay is None
