"""Courses: how a sequential design came to its decisions, for all problems of a sweep."""

from sinegan.designs import Sequential
from sinegan.report.referee.looks import Course, follow
from sinegan.report.referee.run_values import Samples


def courses_of(samples: Samples, design: Sequential, first_seed: int) -> dict[str, Course]:
    """The course of each problem, by its name. The problems with something to compare are one family.

    Arguments:
        samples: the primary metric of all runs that ended.
        design: when the sweep looks at them, and what is in question.
        first_seed: the seed of the first run of each configuration.
    """
    problems = samples.problems()
    family = max(1, sum(len(names) > 1 for names in problems.values()))
    return {
        problem: follow({name: samples.values[name] for name in names}, design, first_seed, family)
        for problem, names in problems.items()
    }
