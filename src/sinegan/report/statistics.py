"""Estimates and intervals, as small pure functions."""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import stdtrit

CONFIDENCE = 0.95
LAST_SHARE = 0.2


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


def estimate(values: ArrayLike) -> Estimate:
    """What a handful of seeds says of a configuration.

    All values positive: the geometric mean with Student's t interval on the log scale; otherwise
    the mean with the plain t interval (Student 1908). An interval needs three values: two give
    their mean and range, one gives itself. values: shape (runs,), no NaN.
    """
    array = np.asarray(values, float)
    n = array.size
    if n == 0:
        return NOTHING
    positive = bool((array > 0).all())
    scaled = np.log(array) if positive else array
    center, half = float(scaled.mean()), math.nan
    if n >= 3:
        half = float(stdtrit(n - 1, (1 + CONFIDENCE) / 2) * scaled.std(ddof=1) / math.sqrt(n))
    ends = np.array([center, center - half, center + half])
    with np.errstate(over="ignore"):
        value, low, high = (np.exp(ends) if positive else ends).tolist()
    return Estimate(n, value, low, high, float(np.median(array)), float(array.min()), float(array.max()))


def caution(n: int) -> str | None:
    """The sentence that goes with few seeds, or None."""
    if n == 0:
        return "no run finished, so there is nothing to estimate"
    if n == 1:
        return "one seed gives a value, but no interval and no ranking: another seed may differ as much"
    if n == 2:
        return "two seeds give a range, but no interval that could be trusted"
    if n == 3:
        return "three seeds: the interval is honest but wide"
    return None
