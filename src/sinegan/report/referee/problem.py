"""The configurations of one problem (one target and one metric) against one another."""

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from sinegan.report.referee.contrasts import ALPHA, Difference, improvement, rank_sum
from sinegan.report.referee.ranges import corrected, studentised_range_quantile
from sinegan.report.referee.statistics import FEWEST
from sinegan.report.referee.variances import Differences, Fit, differences, fit

MOST_PAIRED = 12
"""Configurations up to which all pairs are compared; of more, the best with each of the others."""
CHANCE = 0.8
"""The chance with which `seeds_needed` seeds decide."""
PAIRED, UNPAIRED = "paired t", "Welch t"
POOLED_PAIRED, POOLED = "moderated t, paired", "moderated t"
AND_RANKS = " and rank sum"
RANKS_ALONE = 9
"""Runs from which on the rank-sum test alone decides about configurations that lost runs."""
ALL_PAIRS, STEP_DOWN = "studentised range", "studentised range, step-down"


@dataclass(frozen=True)
class Problem:
    """The runs of all configurations of one problem.

    values: by configuration and seed; the value of a run that was lost is infinite.
    positive: whether ratios are compared, and not differences.
    """

    values: Mapping[str, Mapping[int, float]]
    positive: bool
    more_is_better: bool = False

    def finite(self, name: str) -> NDArray[Any]:
        """The values of the runs that ended well."""
        array: NDArray[Any] = np.array(list(self.values[name].values()), float)
        return np.asarray(array[np.isfinite(array)])

    def lost(self, name: str) -> int:
        """The number of runs that were lost."""
        return len(self.values[name]) - self.finite(name).size

    def scaled(self, values: NDArray[Any]) -> NDArray[Any]:
        """Values on the scale that is compared: less is better, logarithms where positive, lost runs last."""
        known = np.isfinite(values)
        array = np.where(known, values, 1.0)
        array = np.log(array) if self.positive else array
        return np.asarray(np.where(known, -array if self.more_is_better else array, math.inf))

    def scaled_runs(self, name: str) -> NDArray[Any]:
        """The scaled values of a configuration, in the order of its seeds."""
        return self.scaled(np.array(list(self.values[name].values()), float))

    def unscaled(self, difference: float) -> float:
        """A difference on the scale that is compared, as a ratio (or a difference) of values."""
        signed = -difference if self.more_is_better else difference
        with np.errstate(over="ignore"):
            return float(np.exp(np.float64(signed))) if self.positive else signed

    @property
    def ranked(self) -> list[str]:
        """The configurations that have a rank, best first: those that lost less than half of their runs."""
        kept = [
            name
            for name, by_seed in self.values.items()
            if len(by_seed) >= FEWEST and 2 * self.lost(name) < len(by_seed)
        ]
        return sorted(kept, key=self._center)

    @property
    def ordered(self) -> list[str]:
        """The configurations that have an estimate: the ranked ones, and then the others, best first."""
        ranked = self.ranked
        others = [name for name in self.values if name not in ranked and self.finite(name).size]
        return [*ranked, *sorted(others, key=self._center)]

    def _center(self, name: str) -> float:
        return float(self.scaled(self.finite(name)).mean())


class Comparison(NamedTuple):
    """One configuration against another, on the scale of `Problem.scaled`: negative where a is better.

    n: pairs of seeds, or runs of the smaller sample. p: of this comparison alone. p_family: of "a is
    better than b", corrected for all comparisons of the problem. p_equal: of "they differ by no more than
    the margin", corrected likewise. NaN where there are too few runs.
    """

    a: str
    b: str
    n: int
    difference: float
    low: float
    high: float
    p: float
    p_family: float
    p_equal: float
    seeds_needed: float
    improvement: float
    method: str
    correction: str


class PairTests(NamedTuple):
    """The tests of the configurations of a problem that have enough runs.

    names: these configurations, best first. pairs: the compared ones, the better one first. runs: the
    number of runs of either that a comparison rests on, shape (2, pairs). p_family: of "the first is
    better", corrected for all comparisons of the problem, shape (pairs,).
    """

    names: list[str]
    pairs: list[tuple[str, str]]
    differences: Differences
    runs: NDArray[Any]
    p_family: NDArray[Any]
    method: str
    correction: str


def compare_problem(
    problem: Problem,
    margin: float,
    problems: int = 1,
    level: float = ALPHA,
    every_pair: bool | None = None,
) -> list[Comparison]:
    """All pairs of configurations, or of many the best with each of the others; the better one first.

    A comparison with lost runs has the interval of the rank-sum test.

    Arguments:
        problem: the runs.
        margin: the share by which two may differ and are still equal.
        problems: how many problems are one family with this one.
        level: the chance with which the interval of a comparison misses the true difference.
        every_pair: whether all pairs are compared; None where they are few.
    """
    tests = pair_tests(problem, every_pair, level)
    tested = {} if tests is None else _comparisons(problem, tests, margin, problems, level)
    return [tested.get(pair) or _untested(problem, *pair) for pair in _pairs(problem.ordered, every_pair)]


def pair_tests(problem: Problem, every_pair: bool | None = None, level: float = ALPHA) -> PairTests | None:
    """The tests of a problem; None where fewer than two configurations have enough runs.

    Up to MOST_PAIRED configurations all differences are held against the studentised range of so many
    means. Of more, the best is compared with the others step by step, the clearest difference first, and
    each step has one mean less. A lost run counts as the worst of all runs, and a
    comparison with lost runs follows the rank-sum test. Nobody is better whose
    estimate (of the runs that ended well) is not.

    Arguments:
        problem: the runs.
        every_pair: whether all pairs are compared; None where they are few.
        level: that of the intervals, which a claim by ranks must not contradict.
    """
    order = problem.ordered
    names = [name for name in order if len(problem.values[name]) >= FEWEST]
    pairs = [pair for pair in _pairs(order, every_pair) if pair[0] in names and pair[1] in names]
    if not pairs:
        return None
    paired = all(_share_seeds(problem.values[a], problem.values[b]) for a, b in pairs)
    table = _table(problem, names, paired)
    fitted = fit(table, paired)
    place = {name: index for index, name in enumerate(names)}
    first, second = (np.array([place[pair[side]] for pair in pairs]) for side in (0, 1))
    if paired:
        both = np.isfinite(table[first]) & np.isfinite(table[second])
        runs = np.tile(both.sum(1), (2, 1))
        difference = np.where(both, table[first] - table[second], 0).sum(1) / runs[0]
    else:
        runs = np.array([fitted.runs[first], fitted.runs[second]])
        difference = fitted.mean[first] - fitted.mean[second]
    compared = differences(fitted, difference, first, second, runs)
    all_pairs = _is_few(order) if every_pair is None else every_pair
    family = compared.p(len(names)) if all_pairs else _step_down(compared, len(names))
    family = np.where(compared.difference < 0, family, 1)
    family = np.array(
        [_with_ranks(problem, *pair, p, len(names), level) for pair, p in zip(pairs, family, strict=True)]
    )
    correction = ALL_PAIRS if all_pairs else STEP_DOWN
    return PairTests(names, pairs, compared, runs, family, _method(fitted), correction)


def equality(problem: Problem, tests: PairTests, margin: float) -> NDArray[Any]:
    """The p-values of "they differ by no more than the margin", corrected likewise, shape (pairs,).

    1 where runs were lost.
    """
    compared = tests.differences
    allowed = _margins(problem, tests.pairs, margin)
    p = compared.exceeded(allowed - np.abs(compared.difference), len(tests.names))
    whole = [not (problem.lost(a) or problem.lost(b)) for a, b in tests.pairs]
    return np.where(whole, p, 1.0)


def _is_few(configurations: Sequence[str]) -> bool:
    return len(configurations) <= MOST_PAIRED


def _pairs(order: Sequence[str], every_pair: bool | None) -> list[tuple[str, str]]:
    """The pairs to compare. order: the configurations, best first. every_pair: as `pair_tests` takes it."""
    if _is_few(order) if every_pair is None else every_pair:
        return list(itertools.combinations(order, 2))
    return [(order[0], other) for other in order[1:]]


def _comparisons(
    problem: Problem, tests: PairTests, margin: float, problems: int, level: float
) -> dict[tuple[str, str], Comparison]:
    """The comparisons of the tested pairs. Arguments as `compare_problem`."""
    compared, means = tests.differences, len(tests.names)
    allowed = _margins(problem, tests.pairs, margin)
    width, p = compared.half_width(1 - level), compared.p()
    equal = equality(problem, tests, margin)
    needed = _seeds_needed(compared, tests.runs, allowed, means, level / problems)
    comparisons = {}
    for index, (a, b) in enumerate(tests.pairs):
        difference = float(compared.difference[index])
        comparisons[a, b] = Comparison(
            a=a,
            b=b,
            n=int(tests.runs[:, index].min()),
            difference=difference,
            low=difference - float(width[index]),
            high=difference + float(width[index]),
            p=float(p[index]),
            p_family=float(tests.p_family[index]),
            p_equal=float(equal[index]),
            seeds_needed=float(needed[index]),
            improvement=_improvement(problem, a, b),
            method=tests.method,
            correction=tests.correction,
        )
    return {pair: _with_losses(problem, comparison, level) for pair, comparison in comparisons.items()}


def _share_seeds(a: Mapping[int, float], b: Mapping[int, float]) -> bool:
    """Whether half of the runs of two configurations are pairs, and enough."""
    shared = len(a.keys() & b.keys())
    return shared >= FEWEST and 2 * shared >= min(len(a), len(b))


def _table(problem: Problem, names: Sequence[str], paired: bool) -> NDArray[Any]:
    """The scaled values, shape (configurations, seeds); a lost run counts as the worst of all.

    paired: whether each column is a seed; otherwise the runs of a row are in their order.
    """
    if paired:
        seeds = sorted(set().union(*(problem.values[name] for name in names)))
    else:
        seeds = list(range(max(len(problem.values[name]) for name in names)))
    table = np.full((len(names), len(seeds)), math.nan)
    column = {seed: index for index, seed in enumerate(seeds)}
    for row, name in enumerate(names):
        by_seed = problem.values[name]
        columns = [column[seed] for seed in by_seed] if paired else slice(len(by_seed))
        table[row, columns] = problem.scaled_runs(name)
    return np.where(np.isinf(table), table[np.isfinite(table)].max(), table)


def _step_down(compared: Differences, means: int) -> NDArray[Any]:
    """P-values of the best against each other one, corrected step by step for those that are left."""
    order = np.argsort(compared.p(means), kind="stable")
    left = np.array([_rounded_up(means - place) for place in range(len(order))])
    corrected = np.empty(len(order))
    for count in np.unique(left):
        chosen = order[left == count]
        corrected[chosen] = compared[chosen].p(int(count))
    corrected[order] = np.maximum.accumulate(corrected[order])
    return corrected


def _rounded_up(means: int) -> int:
    """A number of means that is no smaller, of few: each needs a table of its own."""
    size = 1 << max(0, means.bit_length() - 4)
    return -(-means // size) * size


def _margins(problem: Problem, pairs: Sequence[tuple[str, str]], margin: float) -> NDArray[Any]:
    """The largest difference of two that are equal: a share, of the larger mean where it is no ratio."""
    if problem.positive:
        return np.full(len(pairs), math.log1p(margin))
    size = {name: abs(float(problem.finite(name).mean())) for name in {*itertools.chain(*pairs)}}
    return np.array([margin * max(size[a], size[b]) for a, b in pairs])


def _seeds_needed(
    compared: Differences, runs: NDArray[Any], margins: NDArray[Any], means: int, level: float
) -> NDArray[Any]:
    """The seeds that tell two that differ by the margin from two that are the same.

    With so many, two configurations whose true values are the same are called equal with a chance of
    CHANCE or more, and two that differ by the margin are separated with a larger one, at the spread that
    was seen. More than the runs of the pair, which did not decide. NaN where there is no spread.
    """
    harmonic = 2 / (1 / runs[0] + 1 / runs[1])
    variance = (compared.weight * compared.error**2).sum(0) * harmonic
    fewest = np.maximum(FEWEST, runs.min(0) + 1)
    needed = fewest.astype(float)
    within = float(ndtri((1 + CHANCE) / 2))
    for _ in range(8):  # more seeds also say more about the spread
        critical = np.interp(0.5 / (needed - 1), *_critical(level, means))
        with np.errstate(divide="ignore"):
            enough = np.ceil(variance * ((critical + within) / margins) ** 2)
        needed = np.clip(enough, fewest, 1e9)
    return np.where((variance > 0) & (margins > 0), needed, math.nan)


@lru_cache(maxsize=256)
def _critical(chance: float, means: int) -> tuple[NDArray[Any], NDArray[Any]]:
    """Reciprocals of degrees of freedom, and the t statistic that separates two of so many means at each."""
    reciprocal = np.linspace(0, 1 / 4, 33)
    freedom = 1 / np.maximum(reciprocal, 1e-6)
    return reciprocal, studentised_range_quantile(chance, means, freedom) / math.sqrt(2)


def _by_ranks(problem: Problem, a: str, b: str, level: float = ALPHA) -> Difference | None:
    """The rank-sum test of two configurations of which either lost runs."""
    if not (problem.lost(a) or problem.lost(b)):
        return None
    return rank_sum(problem.scaled_runs(a), problem.scaled_runs(b), 1 - level)


def _with_ranks(problem: Problem, a: str, b: str, p_family: float, means: int, level: float) -> float:
    """The corrected p-value of "a is better", with the say of the rank-sum test where runs were lost.

    From RANKS_ALONE runs on that test decides alone, corrected for so many means. With fewer, its p-values
    are too coarse to be corrected; the claim is then no surer than the test alone.
    """
    ranks = _by_ranks(problem, a, b, level)
    if ranks is None:
        return p_family
    if not ranks.high < 0:  # ties of lost runs make the test surer than its interval: a claim needs both
        return 1.0
    if ranks.n >= RANKS_ALONE:
        return corrected(ranks.p, means)
    return max(p_family, ranks.p)


def _with_losses(problem: Problem, comparison: Comparison, level: float) -> Comparison:
    """A comparison with the interval of the rank-sum test, where either lost runs."""
    ranks = _by_ranks(problem, comparison.a, comparison.b, level)
    if ranks is None:
        return comparison
    alone = ranks.n >= RANKS_ALONE
    return comparison._replace(
        n=ranks.n,
        difference=ranks.difference,
        low=ranks.low,
        high=ranks.high,
        p=ranks.p if alone else max(comparison.p, ranks.p),
        seeds_needed=math.nan,
        method=f"{comparison.method}{AND_RANKS}",
    )


def _untested(problem: Problem, a: str, b: str) -> Comparison:
    """Two configurations of which one has too few runs for a test."""
    means = [float(problem.scaled(problem.finite(name)).mean()) for name in (a, b)]
    n = min(len(problem.values[a]), len(problem.values[b]))
    low = high = p = p_family = p_equal = needed = math.nan
    better = _improvement(problem, a, b)
    difference = means[0] - means[1]
    return Comparison(a, b, n, difference, low, high, p, p_family, p_equal, needed, better, "", "")


def _improvement(problem: Problem, a: str, b: str) -> float:
    return improvement(problem.scaled_runs(a), problem.scaled_runs(b))


def _method(fitted: Fit) -> str:
    if not fitted.prior.freedom.any():
        return PAIRED if fitted.paired else UNPAIRED
    return POOLED_PAIRED if fitted.paired else POOLED
