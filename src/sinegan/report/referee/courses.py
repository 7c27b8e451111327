"""Courses: how a sequential design came to its decisions, for all problems of a sweep."""

import dataclasses
from collections.abc import Collection, Iterable, Mapping
from typing import Any, NamedTuple

import pandas as pd

from sinegan.designs import Design, Fixed, Sequential, UntilBest
from sinegan.report.referee.looks import Course, Values, follow
from sinegan.report.referee.ranks import in_order
from sinegan.report.referee.run_values import Samples
from sinegan.report.sweep import Sweep
from sinegan.schema import build

FEWEST_REPLAYED = 6
"""Seeds from which on a design has a second look at a fixed sweep."""


def stored_design(sweep: Sweep) -> Design:
    """The design by which a sweep got its seeds.

    Fixed for several sweeps as one, for a single configuration, and where the stored settings are not the
    same in all configurations: no rule explains the seeds of these.
    """
    rules = [(_rule(each), each.get("seed", 0)) for each in sweep.settings.values()]
    if sweep.merged or len(rules) < 2 or any(rule != rules[0] for rule in rules):
        return Fixed()
    return _built(rules[0][0])


def _rule(settings: Mapping[str, Any]) -> Any:
    """The stored design without its budget, which a resume may change."""
    stored = settings.get("decide")
    if not isinstance(stored, Mapping):
        return stored
    return {name: value for name, value in stored.items() if name != "budget"}


def ignores_design(sweep: Sweep) -> bool:
    """Whether a sweep is judged as fixed, though a rule added seeds to some of its configurations."""
    if isinstance(stored_design(sweep), Sequential):
        return False
    stored = [settings.get("decide") for settings in sweep.settings.values()] + [*sweep.merged_designs]
    return any(each is not None and not isinstance(_built(each), Fixed) for each in stored)


def first_seed(sweep: Sweep) -> int:
    """The seed of the first run of each configuration."""
    return int(next(iter(sweep.settings.values())).get("seed", 0))


def _built(stored: Any) -> Design:
    """The stored design; Fixed where there is none, and one without any rule where it cannot be read."""
    if stored is None:
        return Fixed()
    design, problems = build(Design, stored, "decide")
    return Design() if problems else design


def family_size(problems: Iterable[Collection[str]]) -> int:
    """The number of problems that are one family: those with two configurations or more.

    problems: the names of the configurations of each.
    """
    return max(1, sum(len(names) > 1 for names in problems))


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
    """The course of each problem, by its name. problems: the runs, as `follow` takes them."""
    family = family_size(problems.values())
    return {name: follow(values, design, first_seed, family) for name, values in problems.items()}


def looked_at(samples: Samples, courses: Mapping[str, Course], first_seed: int) -> Samples:
    """The runs that the last look at each configuration saw, and the confidence of its estimate.

    At the level of its look, the interval of an estimate holds whenever the design stops. Runs for a look
    that has not come count for nothing yet. Where there was no look, all runs are kept.
    """
    values, confidence = dict(samples.values), {}
    for course in courses.values():
        for name in course.names if len(course.names) > 1 else ():
            look = course.last_look(name)
            if look is not None:
                values[name] = _below(values[name], first_seed + look.seeds)
                confidence[name] = 1 - look.level
    positive = {
        problem: all(value > 0 for name in names for value in values[name].values())
        for problem, names in samples.problems().items()
    }
    return dataclasses.replace(samples, values=values, positive=positive, confidence=confidence)


def with_shared_seeds(
    sweep: Sweep, samples: Samples, courses: Mapping[str, Course], first_seed: int
) -> Sweep:
    """A sweep with the seeds alone that the looks at all configurations of a problem saw.

    Groups of configurations can be compared by these: a mean over configurations of which some have more
    seeds than others would be biased by what decided about the seeds.
    """
    seeds = {
        name: min(course.seeds_seen(each) for each in course.names)
        for course in courses.values()
        for name in course.names
    }
    named = zip(samples.rows["configuration"], samples.rows["name"], strict=True)
    of = {configuration: seeds[name] for configuration, name in named}

    def kept(table: pd.DataFrame) -> pd.DataFrame:
        return table[table["seed"] < first_seed + table["configuration"].map(of)].reset_index(drop=True)

    configurations = sweep.configurations
    return dataclasses.replace(
        sweep,
        configurations=configurations.assign(seeds=configurations["configuration"].map(of)),
        runs=kept(sweep.runs),
        history=kept(sweep.history),
    )


def _below(by_seed: Mapping[int, float], end: int) -> dict[int, float]:
    return {seed: value for seed, value in by_seed.items() if seed < end}


class Replay(NamedTuple):
    """A fixed sweep under a sequential design.

    trained, runs: the runs that it would have trained, of how many. seeds: of each configuration.
    same, problems: the problems with the same best, of how many that have one.
    """

    trained: int
    runs: int
    seeds: int
    same: int
    problems: int


def replay(samples: Samples, margin: float, best: Collection[str]) -> Replay | None:
    """Follows `decide=best` on the seeds that all configurations share; None with fewer than six.

    Arguments:
        samples: the primary metric of all runs; all have ended.
        margin: the share by which two configurations may differ and still be equal.
        best: the configurations of the first rank of each problem in which others have a lower one.
    """
    shared = sorted(set.intersection(*map(set, samples.values.values()))) if samples.values else []
    if len(shared) < FEWEST_REPLAYED or len(samples.values) < 2 or not samples.ranked:
        return None
    values = {
        name: {place: by_seed[seed] for place, seed in enumerate(shared)}
        for name, by_seed in samples.values.items()
    }
    design = UntilBest(most=len(shared), margin=margin)
    courses = courses_of(dataclasses.replace(samples, values=values), design, 0)
    known = [leader(course) in best for course in courses.values() if {*course.names} & {*best}]
    trained = sum(sum(course.seeds.values()) for course in courses.values())
    return Replay(trained, len(values) * len(shared), len(shared), sum(known), len(known))


def leader(course: Course) -> str | None:
    """The configuration that leads at the last look; None where there was none, or none has a rank."""
    if not course.steps:
        return None
    step = course.steps[-1]
    ranked = in_order(step.problem.ranked, step.better)
    return ranked[0] if ranked else None
