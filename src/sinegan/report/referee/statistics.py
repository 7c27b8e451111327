"""Estimates and intervals from the runs of one configuration, as small pure functions."""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import bdtr, ndtri, stdtrit

from sinegan import designs

CONFIDENCE = 0.95
LAST_SHARE = 0.2
FEWEST = designs.FEWEST
"""Runs that an interval or a test needs."""
FEWEST_FOR_MEDIAN = 6
"""Runs with which order statistics can hold the median in 95 of 100 cases."""


class Estimate(NamedTuple):
    """A location with its confidence interval; NaN where the number of values allows none."""

    n: int
    estimate: float
    low: float
    high: float
    median: float
    smallest: float
    largest: float


NOTHING = Estimate(0, *[math.nan] * 6)


def last_share_mean(values: ArrayLike, share: float = LAST_SHARE) -> float:
    """Mean of the last share of a series (a fifth, rounded up to whole values).

    A GAN's last step wanders; this is the primary metric of a run. values: shape (evaluations,).
    """
    array = np.asarray(values, float)
    if array.size == 0:
        return math.nan
    return float(array[-math.ceil(share * array.size) :].mean())


def estimate(values: ArrayLike, positive: bool | None = None, confidence: float = CONFIDENCE) -> Estimate:
    """Estimates the metric of a configuration from a handful of seeds.

    Positive metrics: the geometric mean with Student's t interval on the log scale; otherwise the
    mean with the plain t interval (Student 1908). An interval needs three values: two give their
    mean and range, one gives itself.

    Arguments:
        values: shape (runs,), no NaN.
        positive: whether the metric is; None looks at the values.
        confidence: of the interval.
    """
    array = np.asarray(values, float)
    n = array.size
    if n == 0:
        return NOTHING
    if positive is None:
        positive = bool((array > 0).all())
    scaled = np.log(array) if positive else array
    center, half = float(scaled.mean()), math.nan
    if n >= FEWEST:
        half = float(stdtrit(n - 1, (1 + confidence) / 2) * scaled.std(ddof=1) / math.sqrt(n))
    ends = np.array([center, center - half, center + half])
    with np.errstate(over="ignore"):
        value, low, high = (np.exp(ends) if positive else ends).tolist()
    return Estimate(n, value, low, high, float(np.median(array)), float(array.min()), float(array.max()))


def median_interval(values: ArrayLike) -> tuple[float, float]:
    """An interval that holds the median of any distribution in about 95 of 100 cases.

    Interpolated between order statistics (Hettmansperger & Sheather 1986): those alone would hold it
    in 97 to 98 of 100 cases at 6 to 10 values. NaN below FEWEST_FOR_MEDIAN. values: shape (runs,).
    """
    ordered = np.sort(np.asarray(values, float))
    n = ordered.size
    if n < FEWEST_FOR_MEDIAN:
        return math.nan, math.nan
    coverage = 1 - 2 * bdtr(np.arange(n // 2 + 1), n, 0.5)  # of the depths 1, 2, …
    depth = int((coverage >= CONFIDENCE).sum())
    outer, inner = coverage[depth - 1], coverage[depth]
    share = (outer - CONFIDENCE) / (outer - inner)
    weight = (n - depth) * share / (depth + (n - 2 * depth) * share)
    ends = (ordered[depth - 1], ordered[depth]), (ordered[n - depth], ordered[n - depth - 1])
    # An infinite end stays one: infinity times a weight of 0 would be NaN.
    low, high = (a if a == b or weight == 0 else (1 - weight) * a + weight * b for a, b in ends)
    return float(low), float(high)


def wilson(successes: int, n: int) -> tuple[float, float]:
    """An interval of a share (Wilson 1927), which stays within 0 and 1; NaN when n is 0."""
    if n == 0:
        return math.nan, math.nan
    z = float(ndtri((1 + CONFIDENCE) / 2))
    share, scale = successes / n, 1 + z * z / n
    half = z * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n)) / scale
    center = (share + z * z / (2 * n)) / scale
    low = 0.0 if successes == 0 else center - half  # exactly, which rounding would miss
    return low, 1.0 if successes == n else center + half


def interquartile_mean(values: ArrayLike) -> float:
    """The mean of the middle half, a quarter of the values cut off at either end, rounded down.

    The IQM of Agarwal et al. 2021 (arXiv 2108.13264), as in rliable. values: shape (runs,).
    """
    ordered = np.sort(np.asarray(values, float))
    cut = ordered.size // 4
    return float(ordered[cut : ordered.size - cut].mean()) if ordered.size else math.nan
