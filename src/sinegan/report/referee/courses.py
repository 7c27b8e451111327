"""Courses: how a sequential design came to its decisions, for all problems of a sweep."""

from collections.abc import Mapping

from sinegan.designs import Sequential
from sinegan.report.referee.looks import Course, Values, follow
from sinegan.report.referee.run_values import Samples


def courses_of(samples: Samples, design: Sequential, first_seed: int) -> dict[str, Course]:
    """The course of each problem, by its name. The problems with something to compare are one family.

    Arguments:
        samples: the primary metric of all runs that ended.
        design: when the sweep looks at them, and what is in question.
        first_seed: the seed of the first run of each configuration.
    """
    problems = samples.problems()
    values = {problem: {name: samples.values[name] for name in names} for problem, names in problems.items()}
    return follow_all(values, design, first_seed)


def follow_all(problems: Mapping[str, Values], design: Sequential, first_seed: int) -> dict[str, Course]:
    """The same of the values themselves. problems: as `follow` takes each."""
    family = max(1, sum(len(values) > 1 for values in problems.values()))
    return {name: follow(values, design, first_seed, family) for name, values in problems.items()}
