"""All comparisons of the configurations of a sweep, and their ranks, as tables."""

import math
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from sinegan.report.referee.contrasts import ALPHA
from sinegan.report.referee.courses import family_size
from sinegan.report.referee.looks import Course
from sinegan.report.referee.problem import Comparison, Problem, compare_problem
from sinegan.report.referee.ranks import Pair, Place, in_order, places, with_inferred
from sinegan.report.referee.run_values import Samples
from sinegan.report.referee.statistics import FEWEST

MARGIN = 0.1
"""The share by which two configurations may differ and still be equal."""
BETTER, EQUAL, UNDECIDED = "better", "equal", "undecided"
DIFFERENT = "different"
"""The verdict instead of BETTER on a metric that is neither good nor bad."""
COLUMNS = ["a", "b", "metric", "n", "ratio", "low", "high", "p", "p_corrected", "separated", "verdict"]
COLUMNS += ["p_equal", "seeds_needed", "difference", "difference_low", "difference_high", "improvement"]
COLUMNS += ["method", "correction"]


def compare_samples(samples: Samples, margin: float = MARGIN) -> pd.DataFrame:
    """The comparisons of configurations, a row each: `a`, which has the better estimate, against `b`.

    A configuration that lost half of its runs or more stands behind all that did not.

    Up to 12 configurations of one problem (target and metric) these are all pairs, of more the best
    against the others. `n` counts the pairs of seeds. `ratio` is a's estimate over b's with its own 95 %
    interval `low`, `high`; where values can be negative it is empty, and `difference` is used. `p` is of
    this comparison alone; `p_corrected` of all comparisons of all problems as one family (`correction`
    names how). `verdict`: `better` (p_corrected is below 0.05, as `separated` says), `equal` (they differ
    by no more than the margin: p_equal is below 0.05, corrected likewise), or `undecided`; then
    `seeds_needed` are the seeds that would decide. `improvement`: the chance that a run of a is better than
    one of b.

    margin: the share by which two may differ and still be equal.
    """
    metric = dict(zip(samples.rows["name"], samples.rows["metric"], strict=True))
    problems = problems_of(samples)
    compared = [problem for problem in problems.values() if _compares(problem)]
    return _table(
        _row(problem, comparison, len(compared), samples.ranked) | {"metric": metric[comparison.a]}
        for problem in problems.values()
        for comparison in compare_problem(problem, margin, max(1, len(compared)))
    )


def compare_courses(samples: Samples, courses: Mapping[str, Course]) -> pd.DataFrame:
    """The comparisons of a sequential design, a row each, in the columns of `compare_samples`.

    Each pair has a row from the look at which it was decided, or from the last one at it. `p_corrected` and
    `p_equal` count what the error is spent on: they are the p-values of the look, corrected for all
    problems, times 5 % over the level of the look. The interval has the level of the look: a repeated
    confidence interval (Jennison & Turnbull 1989), which holds whenever the design stops.

    courses: of each problem, as `courses_of` makes them.
    """
    metric = dict(zip(samples.rows["name"], samples.rows["metric"], strict=True))
    family = family_size(course.names for course in courses.values())
    return _table(
        _row(step.problem, comparison, family * ALPHA / step.look.level, samples.ranked)
        | {"metric": metric[comparison.a]}
        for course in courses.values()
        for comparison, step in course.comparisons(family)
    )


def _table(rows: Iterable[dict[str, Any]]) -> pd.DataFrame:
    table = pd.DataFrame(list(rows), columns=COLUMNS)
    return table.astype({"n": int, "separated": bool, "seeds_needed": float})


def problems_of(samples: Samples) -> dict[str, Problem]:
    """The problems of some samples, by their names."""
    return {
        name: Problem(
            {each: samples.values[each] for each in names}, samples.positive[name], samples.more_is_better
        )
        for name, names in samples.problems().items()
    }


def _compares(problem: Problem) -> bool:
    """Whether a problem has configurations with enough runs to compare."""
    return sum(len(problem.values[name]) >= FEWEST for name in problem.ordered) >= 2


def _row(problem: Problem, comparison: Comparison, factor: float, ranked: bool) -> dict[str, Any]:
    """The columns of a comparison.

    Arguments:
        problem: the runs.
        comparison: of two of its configurations.
        factor: by which p-values grow when they are corrected, the number of problems of a family, say.
        ranked: as `Samples` has it.
    """
    corrected = float(np.minimum(1, factor * comparison.p_family))
    equal = float(np.minimum(1, factor * comparison.p_equal))
    separated = corrected < ALPHA
    verdict = UNDECIDED
    if separated:
        verdict = BETTER if ranked else DIFFERENT
    elif equal < ALPHA:
        verdict = EQUAL
    low, high = comparison.low, comparison.high
    if problem.more_is_better:
        low, high = high, low
    effect = [problem.unscaled(each) for each in (comparison.difference, low, high)]
    nothing = [math.nan] * 3
    ratio, difference = (effect, nothing) if problem.positive else (nothing, effect)
    return {
        "a": comparison.a,
        "b": comparison.b,
        "n": comparison.n,
        "verdict": verdict,
        **dict(zip(("ratio", "low", "high"), ratio, strict=True)),
        "p": comparison.p,
        "p_corrected": corrected,
        "separated": separated,
        "p_equal": equal,
        "seeds_needed": comparison.seeds_needed if verdict == UNDECIDED else math.nan,
        **dict(zip(("difference", "difference_low", "difference_high"), difference, strict=True)),
        "improvement": comparison.improvement if ranked else math.nan,
        "method": comparison.method,
        "correction": comparison.correction,
    }


def better_pairs(comparisons: pd.DataFrame) -> set[Pair]:
    """The pairs of which the first is better: the separated ones, and what follows from them."""
    pairs, separated = (
        list(zip(table["a"], table["b"], strict=True))
        for table in (comparisons, comparisons[comparisons["separated"]])
    )
    return with_inferred(separated, pairs)


def ranks(samples: Samples, comparisons: pd.DataFrame) -> pd.DataFrame:
    """`rank` and `tie_group` of each row of the samples, as `ranks.places` gives them.

    Both are empty for a configuration that has fewer than three runs, lost half of them or more, or awaits
    the first look of its design.
    """
    pairs, compared = better_pairs(comparisons), {*comparisons["a"], *comparisons["b"]}
    placed: dict[str, Place] = {}
    for problem in problems_of(samples).values() if samples.ranked else ():
        if len(problem.ranked) >= 2 and not compared.isdisjoint(problem.ranked):
            placed |= places(in_order(problem.ranked, pairs), pairs)
    rows = [placed.get(name, (pd.NA, pd.NA)) for name in samples.rows["name"]]
    return pd.DataFrame(
        {
            column: pd.array([row[place] for row in rows], "Int64")
            for place, column in enumerate(("rank", "tie_group"))
        }
    )


def winners(samples: Samples, comparisons: pd.DataFrame) -> list[bool]:
    """For each row of the samples, whether it is better than every other ranked one of its problem."""
    pairs = better_pairs(comparisons)
    best = set()
    for problem in problems_of(samples).values() if samples.ranked else ():
        first, *others = in_order(problem.ranked, pairs) or [""]
        if others and all((first, other) in pairs for other in others):
            best.add(first)
    return [name in best for name in samples.rows["name"]]
