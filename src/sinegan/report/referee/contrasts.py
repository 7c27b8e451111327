"""Tests of two samples, and Holm's correction, as small pure functions.

Values are of a metric of which less is better, one a run. A run that was lost (failed, diverged) has
the value infinity: it ranks last and is never dropped.
"""

import math
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtri, stdtr, stdtrit
from scipy.stats import mannwhitneyu, rankdata

from sinegan.report.referee.statistics import CONFIDENCE, FEWEST

ALPHA = 1 - CONFIDENCE
EXACT_RUNS = 60
"""Runs of two configurations together up to which the rank-sum test is exact."""

PAIRED, WELCH, RANKS = "paired t", "Welch t", "rank sum"
EFFECT_COLUMNS = ("ratio", "low", "high", "difference", "difference_low", "difference_high")


class Difference(NamedTuple):
    """a less b on the scale of its values, with its interval; NaN where the number of values allows none.

    n: pairs, or values of the smaller sample. deviation: standard deviation of a pair's difference, or
    of one value where they are no pairs; NaN for ranks. method: PAIRED, WELCH or RANKS.
    """

    n: int
    difference: float
    low: float
    high: float
    p: float
    deviation: float
    method: str

    def columns(self, positive: bool) -> dict[str, float]:
        """The columns of a table: a ratio with its interval where values are positive, else a difference.

        positive: whether the difference is one of logarithms.
        """
        numbers = [self.difference, self.low, self.high]
        missing = [math.nan] * 3
        with np.errstate(over="ignore"):
            ratio = [float(np.exp(number)) for number in numbers] if positive else missing
        return dict(zip(EFFECT_COLUMNS, ratio + (missing if positive else numbers), strict=True))


def paired_t(differences: ArrayLike) -> Difference:
    """Student's paired t test and interval (Student 1908). differences: shape (pairs,), finite."""
    array = np.asarray(differences, float)
    n = array.size
    mean = float(array.mean()) if n else math.nan
    if n < FEWEST:
        return _untested(n, mean, PAIRED)
    deviation = float(array.std(ddof=1))
    return _t(n, mean, deviation / math.sqrt(n), n - 1, deviation, PAIRED)


def welch_t(a: ArrayLike, b: ArrayLike) -> Difference:
    """The test for unequal variances (Welch 1947). a, b: shapes (runs_a,), (runs_b,), finite."""
    first, second = np.asarray(a, float), np.asarray(b, float)
    n = min(first.size, second.size)
    mean = float(first.mean() - second.mean()) if n else math.nan
    if n < FEWEST:
        return _untested(n, mean, WELCH)
    squares = np.array([first.var(ddof=1) / first.size, second.var(ddof=1) / second.size])
    error = math.sqrt(squares.sum())
    below = (squares**2 / (first.size - 1, second.size - 1)).sum()
    freedom = error**4 / below if below else first.size + second.size - 2
    deviation = math.sqrt((first.var(ddof=1) + second.var(ddof=1)) / 2)
    return _t(n, mean, error, freedom, deviation, WELCH)


def _untested(n: int, difference: float, method: str) -> Difference:
    return Difference(n, difference, math.nan, math.nan, math.nan, math.nan, method)


def _t(n: int, mean: float, error: float, freedom: float, deviation: float, method: str) -> Difference:
    if error == 0:  # all differences are the same one
        return Difference(n, mean, mean, mean, float(mean == 0), deviation, method)
    half = float(stdtrit(freedom, (1 + CONFIDENCE) / 2)) * error
    p = 2 * float(stdtr(freedom, -abs(mean) / error))
    return Difference(n, mean, mean - half, mean + half, p, deviation, method)


def rank_sum(a: ArrayLike, b: ArrayLike, confidence: float = CONFIDENCE) -> Difference:
    """The rank-sum test, for samples in which runs were lost (infinite values, all tied for last).

    The p-value is exact also with ties, or from the normal approximation for more than EXACT_RUNS
    runs (Mann & Whitney 1947); the difference is the Hodges-Lehmann estimate, the median of all
    differences, and its interval the one that belongs to the test (Lehmann 1975, sections 1.5, 2.5).
    Both may be infinite. a, b: shapes (runs_a,), (runs_b,), no NaN.
    """
    first, second = np.asarray(a, float), np.asarray(b, float)
    n = min(first.size, second.size)
    if n == 0:
        return _untested(n, math.nan, RANKS)
    with np.errstate(invalid="ignore"):
        all_differences = np.subtract.outer(first, second).ravel()
    all_differences[np.isnan(all_differences)] = 0  # both lost
    ordered = np.sort(all_differences)
    low, high = ordered[(ordered.size - 1) // 2], ordered[ordered.size // 2]
    middle = float(low if low == high else (low + high) / 2)
    if n < FEWEST:
        return _untested(n, middle, RANKS)
    cut = _shift_cut(first.size, second.size, 1 - confidence)
    ends = (-math.inf, math.inf) if cut == 0 else (float(ordered[cut - 1]), float(ordered[-cut]))
    return Difference(n, middle, *ends, _rank_sum_p(first, second), math.nan, RANKS)


def _rank_sum_p(a: NDArray[Any], b: NDArray[Any]) -> float:
    if a.size + b.size > EXACT_RUNS:
        if len({*a.tolist(), *b.tolist()}) == 1:  # all were lost
            return 1.0
        return float(mannwhitneyu(a, b, method="asymptotic").pvalue)
    ranks = np.rint(2 * rankdata([*a, *b])).astype(int)  # midranks, doubled to be whole
    chances = _sum_chances(tuple(sorted(ranks.tolist())), a.size)
    observed = int(ranks[: a.size].sum())
    return min(1.0, 2 * min(float(chances[: observed + 1].sum()), float(chances[observed:].sum())))


def _shift_cut(runs_a: int, runs_b: int, error: float) -> int:
    """The number of differences outside either end of the interval, plus one; 0 for an infinite one.

    error: the chance with which the interval misses the true difference.
    """
    if runs_a + runs_b > EXACT_RUNS:
        spread = math.sqrt(runs_a * runs_b * (runs_a + runs_b + 1) / 12)
        return max(0, math.floor(runs_a * runs_b / 2 + float(ndtri(error / 2)) * spread))
    chances = _sum_chances(tuple(range(2, 2 * (runs_a + runs_b) + 1, 2)), runs_a)
    below = np.cumsum(chances[runs_a * (runs_a + 1) :: 2])
    return int(np.searchsorted(below, error / 2, side="right"))


@lru_cache(maxsize=256)
def _sum_chances(ranks: tuple[int, ...], chosen: int) -> NDArray[Any]:
    """The chance of each sum of `chosen` of the ranks, drawn without putting back."""
    ways = np.zeros((chosen + 1, sum(ranks) + 1))
    ways[0, 0] = 1
    for rank in ranks:
        ways[1:, rank:] += ways[:-1, : ways.shape[1] - rank].copy()
    return np.asarray(ways[chosen] / math.comb(len(ranks), chosen))


def contrast(a: Mapping[int, float], b: Mapping[int, float], positive: bool) -> Difference:
    """The difference a - b of two configurations: paired where half of the seeds are shared.

    Where runs were lost, by ranks. a, b: the value of each seed. positive: whether logarithms are compared.
    """
    shared = sorted(a.keys() & b.keys())
    first, second = (np.array(list(values.values())) for values in (a, b))
    if not (np.isfinite(first).all() and np.isfinite(second).all()):
        return rank_sum(*((np.log(first), np.log(second)) if positive else (first, second)))
    paired = len(shared) >= min(FEWEST, len(a), len(b)) and 2 * len(shared) >= min(len(a), len(b))
    if paired:
        first, second = (np.array([values[seed] for seed in shared]) for values in (a, b))
    if positive:
        first, second = np.log(first), np.log(second)
    return paired_t(first - second) if paired else welch_t(first, second)


def improvement(a: ArrayLike, b: ArrayLike) -> float:
    """The chance that a run of a is better (less) than one of b; a tie counts half.

    The probability of improvement of Agarwal et al. 2021 (arXiv 2108.13264), as in rliable: the
    Mann-Whitney statistic over its maximum. a, b: shapes (runs_a,), (runs_b,), no NaN.
    """
    first, second = np.asarray(a, float)[:, None], np.asarray(b, float)
    if not first.size or not second.size:
        return math.nan
    return float(((first < second) + 0.5 * (first == second)).mean())


def holm(p_values: ArrayLike) -> NDArray[Any]:
    """P-values corrected for their number (Holm 1979); NaN stays NaN and is not counted.

    p_values: shape (comparisons,), and so is the result.
    """
    given = np.asarray(p_values, float)
    corrected = np.full(given.shape, np.nan)
    order = np.argsort(given, kind="stable")[: int((~np.isnan(given)).sum())]
    steps = given[order] * (order.size - np.arange(order.size))
    corrected[order] = np.minimum(1, np.maximum.accumulate(steps))
    return corrected
