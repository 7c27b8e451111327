"""The studentised range: the reference of all pairwise differences of several means at once.

One table of the range of normal values serves all comparisons of a family, so that tens of thousands of
them take seconds; `scipy.stats.studentized_range` integrates each of them from the start.
"""

import math
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.polynomial.legendre import leggauss
from numpy.typing import ArrayLike, NDArray
from scipy.optimize.elementwise import find_root
from scipy.special import digamma, gammaln, ndtr, ndtri, polygamma

_LARGEST_RANGE = 16.0
_PLACES, _WEIGHTS = leggauss(32)
_NORMAL = 1e5
"""Degrees of freedom from which on a studentised value is normal."""


def range_sf(width: ArrayLike, means: int) -> NDArray[Any]:
    """The chance that the range of some independent standard normal values exceeds a width.

    Hartley 1942. width: any shape, and so is the result.
    """
    table_width, table = _range_table(means)
    return np.asarray(np.interp(np.asarray(width, float), table_width, table, right=0.0))


def corrected(p: float, means: int) -> float:
    """The p-value of one comparison (two-sided), corrected for all pairs of so many means.

    The normal value that is as surprising is held against their range.
    """
    return float(range_sf(-math.sqrt(2) * ndtri(p / 2), means))


def studentised_range_sf(width: ArrayLike, means: int, freedom: ArrayLike) -> NDArray[Any]:
    """The chance that a range of normal values, over an independent standard deviation, exceeds a width.

    Copenhaver & Holland 1988. Exact to three digits from 3 degrees of freedom on, to a few percent at 1.

    Arguments:
        width: the range over the estimated standard deviation.
        means: the number of values.
        freedom: the degrees of freedom of the standard deviation, greater than 0; infinity is allowed.

    Returns:
        An array of the shape that width and freedom have together.
    """
    width, freedom = np.broadcast_arrays(np.asarray(width, float), np.asarray(freedom, float))
    half = np.minimum(freedom, _NORMAL) / 2
    # The logarithm of the variance, whose density is smooth and nearly normal for any freedom.
    center, spread = digamma(half) - np.log(half), np.sqrt(polygamma(1, half))
    lowest, highest = center - np.where(half < 2, 9, 7) * spread, center + 5 * spread
    log_variance = (lowest + highest)[..., None] / 2 + (highest - lowest)[..., None] / 2 * _PLACES
    half = half[..., None]
    log_density = half * (np.log(half) + log_variance - np.exp(log_variance)) - gammaln(half)
    weights = _WEIGHTS * np.exp(log_density - log_density.max(-1, keepdims=True))
    exceeded = range_sf(width[..., None] * np.exp(log_variance / 2), means)
    return np.asarray((weights * exceeded).sum(-1) / weights.sum(-1))


def studentised_range_quantile(chance: float, means: int, freedom: ArrayLike) -> NDArray[Any]:
    """The width that a studentised range exceeds with a chance. Arguments and result as above."""

    def excess(width: NDArray[Any], freedom: NDArray[Any]) -> NDArray[Any]:
        return studentised_range_sf(width, means, freedom) - chance

    freedom = np.asarray(freedom, float)
    low, high = np.zeros(freedom.shape), np.full(freedom.shape, 4.0)
    while (studentised_range_sf(high, means, freedom) > chance).any():
        high *= 2
    root = find_root(excess, (low, high), args=(freedom,), tolerances={"xrtol": 1e-6})
    return np.asarray(root.x)


@lru_cache(maxsize=512)
def _range_table(means: int) -> tuple[NDArray[Any], NDArray[Any]]:
    """Widths, and the chance that the range of so many values exceeds each."""
    width = np.linspace(0, _LARGEST_RANGE, 1601)
    places, weights = leggauss(200)
    lowest = 8 * places
    weights = 8 * weights * np.exp(-(lowest**2) / 2) / math.sqrt(2 * math.pi)
    within = ndtr(lowest + width[:, None]) - ndtr(lowest)
    exceeded = 1 - means * (weights * within ** (means - 1)).sum(1)
    # The sum of all pairs' chances is a bound, and exact where the difference above is only rounding.
    bound = means * (means - 1) * ndtr(-width / math.sqrt(2))
    return width, np.where(exceeded < 1e-10, np.minimum(bound, 1), np.minimum(exceeded, 1))
