"""What swept overrides stand for."""

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
def test_the_values_of_an_override(text: str, points: list[str]) -> None:
    assert single_overrides(OverridesParser.create().parse_override(text)) == points


def test_of_too_many_combinations_each_value_goes_with_the_first_of_the_others() -> None:
    assert jobs_at_limits([["a=1", "a=2"], ["b=1"]]) == [("a=1", "b=1"), ("a=2", "b=1")]
    many = [f"b={value}" for value in range(CHECKED)]
    found = set(jobs_at_limits([["a=1", "a=2"], many]))
    assert found == {("a=2", "b=0"), *(("a=1", text) for text in many)}


@pytest.mark.parametrize("text", ["a=range(1,0)", "a=range(1,5,0)", "a=interval(1,2)"])
def test_what_a_grid_cannot_sweep(text: str) -> None:
    (line,) = sweep_problem(OverridesParser.create().parse_override(text), searching=False)
    assert line.startswith(f"{text}: ")
