"""Decisions: what became of each configuration of a sequential design, and what the sweep spent on it."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import pandas as pd

from sinegan.report.referee.comparisons import BETTER, EQUAL, UNDECIDED, better_pairs
from sinegan.report.referee.courses import leader
from sinegan.report.referee.looks import Course
from sinegan.report.referee.ranks import in_order
from sinegan.report.referee.run_values import Samples
from sinegan.storage.results import records

BEST, DROPPED, SETTLED, OPEN, ALONE = "best", "dropped", "decided", "open", "alone"
OUTCOMES = (BEST, EQUAL, DROPPED, SETTLED, OPEN, ALONE)
COLUMNS = ["seeds", "outcome", "decided_at", "against", "p_corrected"]

Row = Mapping[str, Any]


def decisions_table(
    samples: Samples, courses: Mapping[str, Course], comparisons: pd.DataFrame
) -> pd.DataFrame:
    """A row a configuration, in the order of the sweep: what a sequential design decided about it, and when.

    Columns: the swept keys (and `metric` where configurations differ in it), `seeds` (its runs that
    ended), `outcome`, `decided_at` (the seeds of the look that decided), `against` (the configuration that
    decided it) and the `p_corrected` of that comparison.

    outcome `best`: better than every other. `equal`: equal to the best one, or the one that the others are
    equal to. `dropped`: another one is better. `open`: not decided. Where every pair is in question,
    `decided`: another one is better, and each of its pairs is decided. `alone`: its target has no other.

    Arguments:
        samples: of all runs that ended.
        courses: of each problem.
        comparisons: as `compare_courses` makes them.
    """
    rows_of: dict[str, list[Row]] = {}
    for row in records(comparisons):
        for side in ("a", "b"):
            rows_of.setdefault(row[side], []).append(row)
    better = better_pairs(comparisons)
    found: dict[str, dict[str, Any]] = {}
    for course in courses.values():
        step = course.steps[-1] if course.steps else None
        order = [] if step is None else in_order(step.problem.ordered, better)
        for name in course.names:
            found[name] = _decision(course, name, order, rows_of.get(name, []))
    mixed = ["metric"] if samples.rows["metric"].nunique() > 1 else []
    keys = samples.rows[[*samples.keys, *mixed]].reset_index(drop=True)
    columns = [{"seeds": len(samples.values[name])} | found[name] for name in samples.rows["name"]]
    table = pd.concat([keys, pd.DataFrame(columns, columns=COLUMNS)], axis=1)
    return table.astype({"decided_at": "Int64"})


def _decision(course: Course, name: str, order: Sequence[str], rows: Sequence[Row]) -> dict[str, Any]:
    """The columns of a configuration, without its seeds.

    Arguments:
        course: of its problem.
        name: the configuration.
        order: those of the last look, best first.
        rows: its comparisons.
    """
    if len(course.names) == 1:
        return _columns(ALONE, None, None, name)
    outcome = _outcome(course, name)
    verdict = {BEST: BETTER, EQUAL: EQUAL, OPEN: UNDECIDED}.get(outcome, BETTER)
    lost = [row for row in rows if row["verdict"] == BETTER and row["b"] == name]
    chosen = lost if outcome in (DROPPED, SETTLED) else [row for row in rows if row["verdict"] == verdict]
    if outcome == BEST:  # of its rivals the closest is held against it, against the others the one that leads
        chosen.sort(key=lambda row: -row["p_corrected"])
    else:
        place = {each: index for index, each in enumerate(order)}
        chosen.sort(key=lambda row: place.get(_other(row, name), len(place)))
    at = None if outcome == OPEN else _decided_at(course, name)
    beaten_by = _beaten_by(course, name) if outcome in (DROPPED, SETTLED) else []
    return _columns(outcome, at, chosen[0] if chosen else None, name, beaten_by)


def _columns(
    outcome: str, at: int | None, row: Row | None, name: str, beaten_by: Sequence[str] = ()
) -> dict[str, Any]:
    """The columns. row: the comparison behind the outcome; one that lost all its runs has none."""
    against = next(iter(beaten_by), None) if row is None else _other(row, name)
    p = math.nan if row is None else row["p_equal" if outcome == EQUAL else "p_corrected"]
    return {"outcome": outcome, "decided_at": at, "against": against, "p_corrected": p}


def _other(row: Row, name: str) -> str:
    return str(row["b"] if row["a"] == name else row["a"])


def _beaten_by(course: Course, name: str) -> list[str]:
    return sorted({better for step in course.steps for better, worse in step.better if worse == name})


def _outcome(course: Course, name: str) -> str:
    if name in course.open or not course.steps:
        return OPEN
    if course.design.every_pair:
        beats = {worse for step in course.steps for better, worse in step.better if better == name}
        is_best = len(beats) == len(course.names) - 1
        return BEST if is_best else SETTLED if _beaten_by(course, name) else EQUAL
    left = course.steps[-1].left
    if name not in left:
        return DROPPED
    return BEST if len(left) == 1 else EQUAL


def _decided_at(course: Course, name: str) -> int | None:
    """The seeds of the look after which a configuration got no more."""
    look = course.last_look(name)
    return None if look is None else look.seeds


class Spending(NamedTuple):
    """The runs of a sweep with a sequential design.

    runs: those that ended. most: those of the worst case. first: those of the first look. has_looked:
    whether any look is complete. waits: whether runs are wanted for a further look.
    """

    runs: int
    most: int
    first: int
    has_looked: bool
    waits: bool


def spending(samples: Samples, courses: Mapping[str, Course]) -> Spending:
    """The runs that a sweep spent. samples: of all runs that ended."""
    runs = sum(map(len, samples.values.values()))
    names = sum(len(course.names) for course in courses.values())
    design = next(iter(courses.values())).design
    return Spending(
        runs,
        names * design.most,
        names * design.first,
        any(course.steps for course in courses.values()),
        any(course.waits for course in courses.values()),
    )


def missing(samples: Samples, courses: Mapping[str, Course], comparisons: pd.DataFrame) -> int | None:
    """The number of runs that would decide the rest; None where nothing is open, or it is not known.

    In question are the undecided pairs of configurations: all, or those with the one that leads.
    samples: of all runs that ended.
    """
    undecided = records(comparisons[comparisons["verdict"] == UNDECIDED])
    more: dict[str, int] = {}
    for course in courses.values():
        first = None if course.design.every_pair else leader(course)
        for name in course.open:
            needed = [
                row["seeds_needed"]
                for row in undecided
                if name in (row["a"], row["b"]) and first in (None, row["a"], row["b"])
            ]
            if not needed or not all(map(math.isfinite, needed)):
                return None
            more[name] = max(0, int(max(needed)) - len(samples.values[name]))
    return sum(more.values()) or None
