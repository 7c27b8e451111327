"""Looks: the decisions of a sequential design, as a function of the runs that were trained.

A sweep that adds seeds until it is sure looks at its runs several times. The chance of a false claim is
spent over the looks, so that all together make one in no more than 5 % of sweeps. The decisions follow
from the runs and the design alone: who reads the files later finds the same ones.
"""

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.polynomial.legendre import leggauss
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import ndtr

from sinegan.designs import Sequential
from sinegan.report.referee.contrasts import ALPHA, rank_sum
from sinegan.report.referee.problem import Comparison, Problem, compare_problem, equality, pair_tests
from sinegan.report.referee.ranges import corrected
from sinegan.report.referee.ranks import Pair

SPENDING_POWER = 0.5
"""At half of the most seeds, this power of one half of the error is spent."""
_PLACES, _WEIGHTS = leggauss(96)

Values = Mapping[str, Mapping[int, float]]
"""The runs of each configuration of a problem, by seed; a lost run is infinite."""


class Look(NamedTuple):
    """seeds: of each open configuration. level: the chance of a false claim at this look, taken alone."""

    seeds: int
    level: float


@lru_cache(maxsize=64)
def looks(design: Sequential) -> tuple[Look, ...]:
    """The looks of a design.

    Up to n of N seeds, the share (n / N) ** 0.5 of the error may be spent: the power family of Kim &
    DeMets 1987, with a power that spends early, where most configurations are dropped.
    """
    seeds = design.schedule
    spent = ALPHA * (np.array(seeds) / seeds[-1]) ** SPENDING_POWER
    return tuple(map(Look, seeds, levels(seeds, np.diff(spent, prepend=0).tolist())))


def levels(seeds: Sequence[int], errors: Sequence[float]) -> list[float]:
    """The two-sided level of each look at which errors of these sizes are made for the first time.

    The sum of the values of n seeds is a Brownian motion at the time n. Its density among the paths that
    crossed no boundary yet is integrated from look to look (Armitage, McPherson & Rowe 1969; Lan & DeMets
    1983 for the error that is spent).

    Arguments:
        seeds: at each look, rising.
        errors: the chance to cross a boundary at each look and not before.
    """
    found: list[float] = []
    places, mass, before = np.zeros(1), np.ones(1), 0
    for time, error in zip(seeds, errors, strict=True):
        step = math.sqrt(time - before)

        def excess(
            bound: float, places: NDArray[Any] = places, mass: NDArray[Any] = mass, step: float = step
        ) -> float:
            outside = ndtr((places - bound) / step) + ndtr((-places - bound) / step)
            return float((mass * outside).sum()) - error  # noqa: B023

        bound = brentq(excess, 0, 40 * math.sqrt(time))
        found.append(float(2 * ndtr(-bound / math.sqrt(time))))
        inside = bound * _PLACES
        steps = (inside[:, None] - places) / step
        density = (mass * np.exp(-(steps**2) / 2)).sum(1) / (step * math.sqrt(2 * math.pi))
        places, mass, before = inside, bound * _WEIGHTS * density, time
    return found


@dataclass(frozen=True, eq=False)
class Step:
    """A look at a problem, and what it decided.

    problem: the runs, up to this look, of the configurations that were open. better, equal: the pairs that
    it found to be so. left: the configurations that it left open, or that were never dropped.
    """

    look: Look
    problem: Problem
    better: frozenset[Pair]
    equal: frozenset[Pair]
    left: tuple[str, ...]


@dataclass(frozen=True)
class Course:
    """The looks at a problem up to now.

    names: all its configurations. steps: the looks whose runs have all ended. seeds: by configuration, how
    many it was given, or is given for the next look. open: the configurations that are still in question.
    """

    design: Sequential
    names: tuple[str, ...]
    steps: tuple[Step, ...]
    seeds: Mapping[str, int]
    open: tuple[str, ...]

    @property
    def waits(self) -> bool:
        """Whether there is a further look, for which runs are to be trained."""
        done = self.steps[-1].look.seeds if self.steps else 0
        return any(self.seeds[name] > done for name in self.open)

    @property
    def pairs(self) -> dict[frozenset[str], Step]:
        """For each pair that was compared, the look that counts: that of the decision, or the last one."""
        counted: dict[frozenset[str], Step] = {}
        for step in self.steps:
            decided = step.better | (step.equal if self.design.every_pair else frozenset())
            counted |= {frozenset(pair): step for pair in decided if frozenset(pair) not in counted}
        for pair in itertools.combinations(self.steps[-1].left, 2) if self.steps else ():
            counted.setdefault(frozenset(pair), self.steps[-1])
        return counted

    def comparisons(self, problems: int) -> Iterator[tuple[Comparison, Step]]:
        """The comparison of each pair at the look that counts. problems: as `compare_problem` takes it."""
        counted = self.pairs
        for step in self.steps:
            if step in counted.values():
                rows = compare_problem(
                    step.problem, self.design.margin, problems, step.look.level, self.design.every_pair
                )
                yield from ((row, step) for row in rows if counted.get(frozenset((row.a, row.b))) is step)

    def last_look(self, name: str) -> Look | None:
        """The last look at a configuration; None before the first."""
        return next((step.look for step in self.steps[::-1] if name in step.problem.values), None)

    def seeds_seen(self, name: str) -> int:
        """The seeds of the last look at a configuration; before the first, those that it gets for it."""
        look = self.last_look(name)
        return self.seeds[name] if look is None else look.seeds


def follow(values: Values, design: Sequential, first_seed: int = 0, problems: int = 1) -> Course:
    """The course of a design on a problem, as far as its runs go.

    A look needs the runs of all open configurations. Runs beyond what the design asked for do not count.

    Arguments:
        values: the runs; those that have not ended are absent.
        design: when to look, and what is in question.
        first_seed: the seed of the first run of each configuration.
        problems: how many problems are one family with this one.
    """
    names = tuple(values)
    undecided = set(map(frozenset, itertools.combinations(names, 2))) if design.every_pair else set()
    given, steps, left = dict.fromkeys(names, 0), list[Step](), names
    for look in looks(design):
        given |= dict.fromkeys(left, look.seeds)
        wanted = range(first_seed, first_seed + look.seeds)
        runs = {name: {seed: values[name][seed] for seed in wanted if seed in values[name]} for name in left}
        if any(len(by_seed) < look.seeds for by_seed in runs.values()):
            break
        problem = Problem(
            runs, positive=all(value > 0 for by_seed in runs.values() for value in by_seed.values())
        )
        better, equal = _decisions(problem, design, look.level, problems)
        if design.every_pair:
            undecided -= set(map(frozenset, better | equal | _without_answer(problem, better)))
            left = tuple(name for name in left if any(name in pair for pair in undecided))
            steps.append(Step(look, problem, better, equal, left))
        else:
            left = tuple(name for name in left if all(worse != name for _, worse in better))
            steps.append(Step(look, problem, better, equal, left))
            if _is_known(problem, left, equal):
                left = ()
        if not left:
            break
    return Course(design, names, tuple(steps), given, left)


def _decisions(
    problem: Problem, design: Sequential, level: float, problems: int
) -> tuple[frozenset[Pair], frozenset[Pair]]:
    """The pairs of which the first is better, and those that are equal. level: of the look."""
    better_than_lost = _better_than_lost(problem, design, level, problems)
    tests = pair_tests(problem, design.every_pair, level)
    if tests is None:
        return better_than_lost, frozenset()
    is_better = tests.p_family < level / problems
    is_equal = (equality(problem, tests, design.margin) < level / problems) & ~is_better
    better, equal = (
        frozenset(pair for pair, chosen in zip(tests.pairs, mask, strict=True) if chosen)
        for mask in (is_better, is_equal)
    )
    return better | better_than_lost, equal


def _better_than_lost(problem: Problem, design: Sequential, level: float, problems: int) -> frozenset[Pair]:
    """The pairs of which the second lost all its runs, so that `pair_tests` leaves it out: by ranks alone.

    The rank-sum test is corrected for all configurations, as `pair_tests` does.
    """
    order, means = problem.ordered, len(problem.values)
    rivals = order if design.every_pair else order[:1]
    better = set()
    for name, lost in itertools.product(rivals, (name for name in problem.values if name not in order)):
        ranks = rank_sum(problem.scaled_runs(name), problem.scaled_runs(lost), 1 - level)
        if ranks.high < 0 and corrected(ranks.p, means) < level / problems:
            better.add((name, lost))
    return frozenset(better)


def _without_answer(problem: Problem, better: frozenset[Pair]) -> frozenset[Pair]:
    """The pairs that both lost all their runs, and are worse than others: nothing is there to compare."""
    order = problem.ordered
    lost = sorted({worse for _, worse in better if worse not in order})
    return frozenset(itertools.combinations(lost, 2))


def _is_known(problem: Problem, left: Sequence[str], equal: frozenset[Pair]) -> bool:
    """Whether the best is known: each other configuration that is left is equal to it."""
    if len(left) < 2:
        return True
    ranked = [name for name in problem.ranked if name in left]
    return bool(ranked) and all((ranked[0], name) in equal for name in left if name != ranked[0])
