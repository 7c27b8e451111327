"""What became of each configuration of a sequential design, and against which other one."""

from collections.abc import Mapping
from typing import Any

from forged import Keys, decided_values, sweep_of, with_design
from values import drawn

from sinegan.designs import Sequential, UntilAll, UntilBest
from sinegan.report.referee.analysis import Analysis
from sinegan.report.referee.verdicts import Best, Ends, Shared, verdicts_of
from sinegan.storage.results import records

BEST = UntilBest(most=14)


def tight(seed: int, factor: float = 1.0) -> dict[int, float]:
    return drawn(seed, factor, 14, spread=0.01)


def loose(seed: int, factor: float = 1.0) -> dict[int, float]:
    return drawn(seed, factor, 14, spread=0.4)


def analysed(values: Mapping[str, Mapping[int, float]], design: Sequential = BEST) -> Analysis:
    keys: dict[Keys, Mapping[int, float]] = {(("loss", name),): each for name, each in values.items()}
    return Analysis(with_design(sweep_of(decided_values(keys, design)), design))


def outcomes(values: Mapping[str, Mapping[int, float]], design: Sequential = BEST) -> dict[str, Any]:
    """By name: the outcome, when it was decided, and against whom."""
    return {
        row["loss"]: (row["outcome"], row["decided_at"], str(row["against"]).removeprefix("loss="))
        for row in records(analysed(values, design).decisions)
    }


def test_the_best_is_held_against_its_closest_rival_and_the_others_against_what_dropped_them() -> None:
    assert outcomes({"far": tight(1, 9), "a": tight(2), "near": tight(3, 1.5)}) == {
        "far": ("dropped", 4, "a"),
        "a": ("best", 4, "near"),
        "near": ("dropped", 4, "a"),
    }


def test_equal_ones_are_held_against_the_first_and_their_p_value_is_that_of_equality() -> None:
    analysis = analysed({"a": tight(1), "b": tight(2), "far": tight(3, 9)})
    a, b, _ = records(analysis.decisions)
    assert (a["outcome"], a["against"], b["outcome"], b["against"]) == ("equal", "loss=b", "equal", "loss=a")
    (row,) = [row for row in records(analysis.comparisons) if row["verdict"] == "equal"]
    assert a["p_corrected"] == b["p_corrected"] == row["p_equal"] < 0.05 < row["p_corrected"]


def test_open_ones_have_no_look_that_decided() -> None:
    found = outcomes({"a": loose(1), "b": loose(2), "far": loose(3, 90)})
    assert [found[name][0] for name in ("a", "b", "far")] == ["open", "open", "dropped"]
    assert found["a"][1] is found["b"][1] is None
    assert (found["a"][2], found["b"][2]) == ("b", "a")


def test_where_every_pair_is_in_question_a_worse_one_stays_until_its_pairs_are_decided() -> None:
    values = {"a": tight(1), "b": tight(2), "c": tight(3, 9), "d": loose(4, 9)}
    found = outcomes(values, UntilAll(most=14))
    assert {name: outcome for name, (outcome, *_) in found.items()} == {
        "a": "equal",
        "b": "equal",
        "c": "open",
        "d": "open",
    }
    found = outcomes({"a": tight(1), "b": tight(2, 3), "c": tight(3, 9)}, UntilAll(most=14))
    assert found == {"a": ("best", 4, "b"), "b": ("decided", 4, "a"), "c": ("decided", 4, "a")}


def test_nobody_is_the_best_before_one_that_it_was_not_compared_with() -> None:
    analysis = analysed({"a": tight(1), "b": tight(2, 3), "c": tight(3, 9)})
    ends = {name: Ends(4, 0, 0) for name in analysis.samples.values}
    pair = {"loss=a", "loss=b"}
    table = analysis.comparisons
    for kept, expected in ((table, Best), (table[table["a"].isin(pair) & table["b"].isin(pair)], Shared)):
        (verdict,) = verdicts_of(analysis.samples, kept, 0.1, ends, design=BEST)
        assert isinstance(verdict.finding, expected)
