"""Sequential designs on configurations that lose all their runs."""

import itertools
import math

import numpy as np
import pytest

from sinegan.designs import Sequential, UntilAll, UntilBest
from sinegan.report.referee.looks import Values, follow


def runs(configurations: int, lost: set[int], seed: int = 0) -> Values:
    """Runs of configurations that are all the same, but for those that lose every run."""
    normal = np.random.default_rng(seed).standard_normal((configurations, 64))
    table = np.where(np.isin(np.arange(configurations), list(lost))[:, None], math.inf, np.exp(0.1 * normal))
    return {str(place): dict(enumerate(row)) for place, row in enumerate(table.tolist())}


@pytest.mark.parametrize("configurations", [3, 13])
@pytest.mark.parametrize("design", [UntilBest(), UntilAll()])
def test_a_configuration_that_loses_all_runs_is_dropped(design: Sequential, configurations: int) -> None:
    values = runs(configurations, lost={1, 2})
    course = follow(values, design)
    assert max(course.seeds["1"], course.seeds["2"]) <= 14
    better = frozenset(itertools.chain.from_iterable(step.better for step in course.steps))
    assert {"1", "2"} <= {worse for _, worse in better}
    assert not {"1", "2"} & {name for name, _ in better}
    assert not {"1", "2"} & set(course.open)


@pytest.mark.parametrize("design", [UntilBest(), UntilAll()])
def test_four_lost_runs_are_no_proof(design: Sequential) -> None:
    values = {name: dict(list(by_seed.items())[:4]) for name, by_seed in runs(3, lost={1}).items()}
    course = follow(values, design)
    assert len(course.steps) == 1
    assert "1" in course.open


def test_nothing_is_said_about_configurations_that_all_lose_all_runs() -> None:
    for design in (UntilBest(), UntilAll()):
        course = follow(runs(2, lost={0, 1}), design)
        assert not any(step.better or step.equal for step in course.steps)
        assert course.open == ("0", "1")
