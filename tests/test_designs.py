"""Designs: the seeds at each look, and the settings that are refused."""

import itertools
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sinegan.designs import Budget, Design, Fixed, UntilAll, UntilBest, parse_budget
from sinegan.schema import build


@given(first=st.integers(3, 100), more=st.integers(0, 1000))
def test_the_seeds_of_the_looks_rise_from_the_first_to_the_most(first: int, more: int) -> None:
    seeds = UntilBest(first=first, most=first + more).schedule
    assert (seeds[0], seeds[-1]) == (first, first + more)
    assert all(a < b <= math.ceil(1.5 * a) for a, b in itertools.pairwise(seeds))


@pytest.mark.parametrize(
    ("text", "budget"),
    [
        ("90s", Budget(seconds=90)),
        ("10min", Budget(seconds=600)),
        ("10 min", Budget(seconds=600)),
        ("1.5h", Budget(seconds=5400)),
        ("500runs", Budget(runs=500)),
        ("1.5runs", None),
        ("0s", None),
        ("-1h", None),
        ("10", None),
        (10, None),
        ("tenmin", None),
        ("1e3s", None),
        ("", None),
    ],
)
def test_a_budget_is_a_time_or_a_number_of_runs(text: str | int, budget: Budget | None) -> None:
    assert parse_budget(text) == budget


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"first": 1}, "decide.first = 1: must be a whole number at least 3"),
        ({"first": 2}, "decide.first = 2: must be a whole number at least 3"),
        ({"first": 8, "most": 7}, "decide.most = 7: must be at least decide.first, which is 8"),
        ({"margin": 0}, "decide.margin = 0: must be a number above 0"),
        ({"margin": 1.0}, "decide.margin = 1.0: must be a number above 0 and below 1"),
        ({"budget": "soon"}, "decide.budget = soon: must be a time or a number of runs"),
        ({"budget": 10}, "decide.budget = 10: must be a time or a number of runs"),
        ({"last": 3}, "decide.last = 3: no such key"),
    ],
)
@pytest.mark.parametrize("name", ["UntilBest", "UntilAll"])
def test_wrong_settings_are_refused_by_name(name: str, settings: dict[str, Any], problem: str) -> None:
    built, problems = build(Design, {"_target_": f"sinegan.designs.{name}", **settings}, "decide")
    assert built is None
    assert len(problems) == 1
    assert problems[0].startswith(problem)


def test_right_settings_make_a_design() -> None:
    assert build(Design, {"_target_": "sinegan.designs.Fixed"}, "decide") == (Fixed(), [])
    values = {"_target_": "sinegan.designs.UntilAll", "first": 3, "most": 3, "margin": 0.2, "budget": "2h"}
    design, problems = build(Design, values, "decide")
    assert problems == []
    assert design == UntilAll(first=3, most=3, margin=0.2, budget="2h")
    assert design.spendable == Budget(seconds=7200)
    assert UntilBest().spendable == Budget()
