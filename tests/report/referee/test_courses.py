"""The course of every problem of a sweep."""

import math
from collections.abc import Mapping

import numpy as np
import pandas as pd
import pytest

from sinegan.designs import UntilBest
from sinegan.report.referee.courses import courses_of
from sinegan.report.referee.looks import looks
from sinegan.report.referee.problem import Problem, pair_tests
from sinegan.report.referee.run_values import Samples

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
