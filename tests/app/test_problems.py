"""Each problem of a sweep is reported once, with the overrides of the jobs that have it."""

import pytest
from hydra.errors import HydraException

from sinegan.app.problems import Problems, describe_error, nearest_key

JOBS = [(f"a={a}", f"b={b}", "c=5") for a in (1, 2) for b in (1, 2)]


@pytest.mark.parametrize(
    ("having", "line", "expected"),
    [
        (JOBS, "x: is wrong", "x: is wrong"),
        (JOBS[:2], "x: is wrong", "x: is wrong (with a=1)"),
        (JOBS[:1], "x: is wrong", "x: is wrong (with a=1 b=1)"),
        (JOBS[:2], "a = 1: is wrong", "a = 1: is wrong"),
        (JOBS[:1], "a = 1: is wrong", "a = 1: is wrong (with b=1)"),
        (JOBS[1:3], "x: is wrong", "x: is wrong (as with a=1 b=2)"),
    ],
)
def test_a_problem_is_reported_once_with_the_overrides_that_its_jobs_share(
    having: list[tuple[str, ...]], line: str, expected: str
) -> None:
    problems = Problems()
    for job in having:
        problems.add(line, job)
    assert list(problems.lines(JOBS)) == [expected]


def test_the_nearest_key_ends_alike_or_else_looks_alike() -> None:
    known = ["optim.lr", "optim._target_", "loss._target_", "a.gamma", "b.gamma", "seed"]
    assert nearest_key("lr", known) == "; did you mean optim.lr?"
    assert nearest_key("gamma", known) == "; did you mean a.gamma or b.gamma?"
    assert nearest_key("sed", known) == "; did you mean seed?"
    assert nearest_key("_target_", known) == nearest_key("zzzzzz", known) == ""


def test_an_exception_is_reported_in_one_line_with_its_cause() -> None:
    error = HydraException("Error\nin two lines\n    full_key: a.b")
    error.__cause__ = KeyError("X")
    assert describe_error(error) == "Error in two lines (cannot be composed: KeyError 'X')"
    assert describe_error(AssertionError()) == "cannot be composed: AssertionError"
