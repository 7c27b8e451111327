"""Looks: the error is spent over them, and decisions follow from the runs of each look alone."""

import math
from collections.abc import Mapping

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import ndtri, stdtr, stdtrit

from sinegan.designs import Sequential, UntilAll, UntilBest
from sinegan.report.referee.looks import Course, Values, follow, levels, looks

DESIGNS = [UntilBest(), UntilAll()]


def draws(ratios: list[float], seeds: int = 64, seed: int = 0, deviation: float = 0.25) -> Values:
    """Log-normal runs of configurations with these true values."""
    normal = np.random.default_rng(seed).standard_normal((len(ratios), seeds))
    table = np.exp(deviation * normal) * np.array(ratios)[:, None]
    return {str(place): dict(enumerate(row)) for place, row in enumerate(table.tolist())}


def kept(values: Values, seeds: int) -> Values:
    return {name: {seed: row[seed] for seed in range(min(seeds, len(row)))} for name, row in values.items()}


def test_a_single_look_has_the_whole_error() -> None:
    assert levels([4], [0.05]) == pytest.approx([0.05])
    assert [look.level for look in looks(UntilBest(first=5, most=5))] == pytest.approx([0.05])


@pytest.mark.parametrize(
    ("bounds"),
    [
        (2.178, 2.178),  # Pocock 1977, two looks
        (2.796, 1.977),  # O'Brien & Fleming 1979, two looks (Jennison & Turnbull 2000, tables 2.1 and 2.3)
    ],
)
def test_two_looks_have_the_levels_of_the_textbook(bounds: tuple[float, float]) -> None:
    expected = [math.erfc(bound / math.sqrt(2)) for bound in bounds]
    found = levels([1, 2], [expected[0], 0.05 - expected[0]])
    assert found == pytest.approx(expected, rel=0.005)


def test_five_looks_of_pocock() -> None:
    # The error of each look is what a simulation of 10^6 walks spends with the bound 2.413.
    walks = np.cumsum(np.random.default_rng(0).standard_normal((1_000_000, 5)), axis=1) / np.sqrt(range(1, 6))
    crossed = np.abs(walks) > 2.413
    first = np.where(crossed.any(1), crossed.argmax(1), 9)
    errors = [float((first == look).mean()) for look in range(5)]
    assert levels([1, 2, 3, 4, 5], errors) == pytest.approx([0.01582] * 5, rel=0.03)


def test_the_error_of_all_looks_together_is_five_percent() -> None:
    walks = np.cumsum(np.random.default_rng(1).standard_normal((200_000, 64)), axis=1)
    crossed = [
        np.abs(walks[:, seeds - 1]) / math.sqrt(seeds) > ndtri(1 - level / 2)
        for seeds, level in looks(UntilBest())
    ]
    assert np.any(crossed, axis=0).mean() == pytest.approx(0.05, abs=0.0015)


def test_two_configurations_are_claimed_to_differ_in_a_little_more_than_five_percent() -> None:
    """Student's t of few seeds changes more from look to look than the levels assume (docs/decide.md)."""
    values = np.random.default_rng(7).standard_normal((100_000, 64))
    claimed = np.zeros(len(values), bool)
    for seeds, level in looks(UntilBest()):
        seen = values[:, :seeds]
        t = seen.mean(1) / seen.std(1, ddof=1) * math.sqrt(seeds)
        claimed |= 2 * stdtr(seeds - 1, -np.abs(t)) < level
    assert claimed.mean() == pytest.approx(0.054, abs=0.002)


def test_a_quarter_of_the_error_is_spent_at_a_sixteenth_of_the_seeds() -> None:
    assert looks(UntilBest(first=4, most=64))[0].level == pytest.approx(0.05 / 4)


def test_the_one_that_is_clearly_worse_gets_no_more_seeds() -> None:
    course = follow(draws([1, 1, 8]), UntilBest())
    assert course.seeds["2"] == 4
    assert min(course.seeds["0"], course.seeds["1"]) > 4
    assert {pair for pair in course.steps[0].better if pair[1] == "2"} == {("0", "2"), ("1", "2")}


def test_a_clear_best_ends_the_search_though_others_are_alike() -> None:
    values = draws([1, 8, 8])
    assert follow(values, UntilBest()).seeds == {"0": 4, "1": 4, "2": 4}
    for_all = follow(values, UntilAll())
    assert for_all.seeds["0"] == 4 < for_all.seeds["1"] == for_all.seeds["2"]


def test_equal_ones_are_found_within_the_margin_and_end_the_search() -> None:
    values = draws([1, 1.001], deviation=0.02)
    course = follow(values, UntilBest(margin=0.1))
    assert not course.waits
    assert course.open == ()
    assert course.steps[-1].equal
    assert follow(values, UntilBest(margin=1e-6)).open == ("0", "1")


def test_what_is_open_at_the_most_seeds_stays_open() -> None:
    course = follow(draws([1, 1]), UntilBest(most=9, margin=0.01))
    assert course.open == ("0", "1")
    assert not course.waits
    assert [step.look.seeds for step in course.steps] == [4, 6, 9]


def test_a_look_waits_for_the_runs_of_all_open_configurations() -> None:
    values = {name: dict(row) for name, row in draws([1, 1, 8]).items()}
    del values["1"][5]
    course = follow(values, UntilBest(margin=0.001))
    assert [step.look.seeds for step in course.steps] == [4]
    assert course.waits
    assert course.seeds == {"0": 6, "1": 6, "2": 4}


def test_before_any_run_all_wait_for_the_first_look() -> None:
    course = follow({"a": {}, "b": {}}, UntilBest(first=5))
    assert (course.seeds, course.open, course.waits) == ({"a": 5, "b": 5}, ("a", "b"), True)


def course_facts(course: Course) -> list[tuple[int, frozenset[tuple[str, str]], frozenset[tuple[str, str]]]]:
    return [(step.look.seeds, step.better, step.equal) for step in course.steps]


@pytest.mark.parametrize("design", DESIGNS)
@given(seed=st.integers(0, 1000), seeds=st.integers(4, 64), shift=st.sampled_from([0.0, 1.5]))
def test_later_runs_change_no_earlier_decision(
    design: Sequential, seed: int, seeds: int, shift: float
) -> None:
    """Also where a later value is negative, so that differences are compared from then on."""
    values = {
        name: {each: value - (shift if each > 20 else 0) for each, value in row.items()}
        for name, row in draws([1, 1.2, 1.5, 3], seed=seed).items()
    }
    whole, part = follow(values, design), follow(kept(values, seeds), design)
    assert course_facts(part) == course_facts(whole)[: len(part.steps)]
    assert all(part.seeds[name] <= whole.seeds[name] for name in values)


@pytest.mark.parametrize("design", DESIGNS)
@given(seed=st.integers(0, 1000))
def test_runs_that_were_not_asked_for_do_not_count(design: Sequential, seed: int) -> None:
    values = draws([1, 1.2, 1.5, 3], seed=seed)
    course = follow(values, design)
    asked = {name: kept({name: row}, course.seeds[name])[name] for name, row in values.items()}
    assert course_facts(follow(asked, design)) == course_facts(course)


@pytest.mark.parametrize("design", DESIGNS)
@given(seed=st.integers(0, 1000))
def test_every_pair_has_one_comparison_at_the_look_that_decided_it(design: Sequential, seed: int) -> None:
    course = follow(draws([1, 1.2, 1.5, 3], seed=seed), design)
    rows = [(row, step.look) for row, step in course.comparisons(1)]
    assert len({frozenset((row.a, row.b)) for row, _ in rows}) == len(rows)
    better = {(row.a, row.b): look for row, look in rows if row.p_family < look.level}
    expected = {pair: step.look for step in course.steps[::-1] for pair in step.better}
    assert better == expected
    for row, look in rows:
        assert row.n == look.seeds
        if (row.a, row.b) in better:
            assert row.high < 0  # the interval at the level of its look agrees


def test_intervals_have_the_level_of_their_look() -> None:
    values = draws([1, 1.05])
    course = follow(values, UntilBest(most=9, margin=0.001))
    ((row, step),) = course.comparisons(1)
    look = step.look
    logs = [math.log(values[row.a][seed] / values[row.b][seed]) for seed in range(9)]
    half = stdtrit(8, 1 - look.level / 2) * np.std(logs, ddof=1) / 3
    assert look.level < 0.05
    assert (row.difference, row.high - row.difference) == pytest.approx((np.mean(logs), half), rel=1e-4)


def test_nothing_differs_and_little_is_claimed() -> None:
    wrong = 0
    for seed in range(300):
        course = follow(draws([1, 1, 1], seed=seed), UntilBest())
        wrong += any(step.better for step in course.steps)
    assert wrong / 300 < 0.08
    assert wrong > 0  # the error is spent, and not left unused


def test_several_problems_share_the_error() -> None:
    values = draws([1, 1.9], seed=3)
    alone, shared = (follow(values, UntilBest(), problems=problems) for problems in (1, 40))
    assert len(shared.steps) > len(alone.steps)


def test_one_configuration_has_nothing_to_decide() -> None:
    course = follow(draws([1]), UntilBest())
    assert (course.seeds, course.open) == ({"0": 4}, ())


def test_of_many_the_best_alone_is_compared() -> None:
    values: Mapping[str, Mapping[int, float]] = draws([1, *[8] * 15])
    course = follow(values, UntilBest())
    assert {better for better, _ in course.steps[0].better} == {"0"}
    assert set(course.seeds.values()) == {4}
