"""The values of swept overrides."""

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser

from sinegan.app.swept_values import CHECKED, jobs_at_limits, single_overrides, sweep_problem


@pytest.mark.parametrize(
    ("text", "points"),
    [
        ("a=1", ["a=1"]),
        ("+a='x y',z", ["+a='x y'", "+a=z"]),
        ("a=[1,2],[3]", ["a=[1,2]", "a=[3]"]),
        ("a={b:1},{b:2}", ["a={b:1}", "a={b:2}"]),
        ("a=range(1,7,2)", ["a=1", "a=3", "a=5"]),
        ("a=sort(3,1,reverse=true)", ["a=3", "a=1"]),
        ("a=tag(log,interval(1,2))", ["a=1.0", "a=1.9999999999999998"]),
    ],
)
def test_an_override_has_one_point_for_each_value(text: str, points: list[str]) -> None:
    assert single_overrides(OverridesParser.create().parse_override(text)) == points


def test_too_many_combinations_are_checked_one_value_at_a_time() -> None:
    assert jobs_at_limits([["a=1", "a=2"], ["b=1"]]) == [("a=1", "b=1"), ("a=2", "b=1")]
    many = [f"b={value}" for value in range(CHECKED)]
    found = set(jobs_at_limits([["a=1", "a=2"], many]))
    assert found == {("a=2", "b=0"), *(("a=1", text) for text in many)}


@pytest.mark.parametrize("text", ["a=range(1,0)", "a=range(1,5,0)", "a=interval(1,2)"])
def test_values_that_a_grid_cannot_sweep_are_refused(text: str) -> None:
    (line,) = sweep_problem(OverridesParser.create().parse_override(text), searching=False)
    assert line.startswith(f"{text}: ")
