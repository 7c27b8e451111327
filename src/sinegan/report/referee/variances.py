"""The means of several configurations, and variances that learn from one another.

A handful of seeds says little about how much the runs of one configuration scatter. The configurations
of a problem say more together, as the genes of a microarray do (Smyth 2004, "limma"): each variance is
shrunk towards what is typical. How far is decided by the data: all strengths of shrinkage are weighed
by how well they explain the variances that were seen (an integral over the prior's degrees of freedom,
not an estimate of them), so that few configurations, or configurations that scatter differently, are
pooled with caution.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize.elementwise import find_root
from scipy.signal import fftconvolve
from scipy.special import gammaln, ndtri, stdtr

from sinegan.report.referee.ranges import studentised_range_sf
from sinegan.report.referee.statistics import CONFIDENCE

PRIOR_FREEDOM = np.array([0.5, 1, 2, 4, 8, 16, 32, 1e4])
"""Strengths of the shrinkage, in degrees of freedom: all are equally likely before the data are seen."""
FEWEST_NEIGHBOURS = 16
"""Configurations on either side, in the order of the means, whose variances say something about one."""
ROUNDING = 1e-12
"""A difference below this share of the largest value is nothing but rounding."""
_BEYOND, _STEP = 3.0, 0.2
"""Typical variances are tried so far beyond those that were seen, and in such steps (of the logarithm)."""
_FEWEST_FREEDOM = 0.7
"""The range table is exact enough from here on."""
_PAIRS_AT_ONCE = 1 << 14
"""Pairs whose chances are computed together: each takes some 10 kB meanwhile."""
_NEARNESS_AT_ONCE = 2_048
"""Configurations up to which the nearness of all to all is one matrix; of more, a convolution needs none."""
_SMALLEST = 1e-3
"""Variances below this share of the median say no more than that they are small: values can be discrete."""


@dataclass(frozen=True)
class Prior:
    """The distribution of the true variances about each configuration: scaled inverse chi-squared, in doubt.

    Each field has the shape (strengths, configurations).
    """

    freedom: NDArray[Any]
    """How much the variance is pooled: 0 stands for not at all, infinity for equal variances."""
    weight: NDArray[Any]
    """How likely each strength is, given the variances that were seen."""
    typical: NDArray[Any]
    """The typical variance."""
    error: NDArray[Any]
    """The variance of the logarithm of `typical`: how well it is known."""


def no_pooling(configurations: int) -> Prior:
    """The prior of variances that say nothing about one another."""
    nothing = np.zeros((1, configurations))
    return Prior(nothing, np.ones((1, configurations)), nothing, nothing)


@dataclass(frozen=True)
class Fit:
    """The configurations of a problem. Each field but the last two has the shape (configurations,).

    variance: of one run, freed of what the runs of a seed have in common where they are `paired`.
    freedom: the degrees of freedom of the variance; all together they are (configurations - 1) x
    (seeds - 1) where they are paired.
    """

    mean: NDArray[Any]
    variance: NDArray[Any]
    freedom: NDArray[Any]
    runs: NDArray[Any]
    prior: Prior
    paired: bool


def fit(values: ArrayLike, paired: bool) -> Fit:
    """Estimates the mean and the variance of each configuration.

    Two configurations are not pooled: their comparison is Student's paired t test, or Welch's.

    Arguments:
        values: shape (configurations, seeds); NaN where a configuration has no such run. Two runs or
            more in each row.
        paired: whether the runs of a column share a seed.
    """
    table = np.asarray(values, float)
    runs = np.isfinite(table).sum(1)
    mean = np.nanmean(table, axis=1)
    residual, freedom = table - mean[:, None], runs - 1.0
    if paired:
        weight = _weights(residual)
        common = np.nansum(weight * residual, axis=0) / np.nansum(weight * np.isfinite(residual), axis=0)
        residual = residual - common
        residual -= np.nanmean(residual, axis=1)[:, None]
        freedom = freedom * (1 - weight[:, 0] / weight.sum())
    variance = np.nansum(residual**2, axis=1) / freedom
    variance[variance < (ROUNDING * np.nanmax(np.abs(table))) ** 2] = 0
    return Fit(mean, variance, freedom, runs, _prior(mean, variance, freedom), paired)


def _weights(residual: NDArray[Any]) -> NDArray[Any]:
    """The weight of each configuration in the common effect of a seed, shape (configurations, 1).

    One whose runs scatter widely gets less, so that its explosions do not spoil all others; none gets
    more than half of them do, so that no narrow one is taken for the truth.
    """
    scatter = np.nanmean((residual - np.nanmedian(residual, axis=0)) ** 2, axis=1)
    median = float(np.median(scatter))
    if median == 0:
        return np.ones((len(residual), 1))
    return np.asarray(median / np.maximum(scatter, median))[:, None]


def _prior(mean: NDArray[Any], variance: NDArray[Any], freedom: NDArray[Any]) -> Prior:
    """The posterior of the prior, from the marginal likelihood of the variances (Smyth 2004, section 4).

    A variance over its typical value has an F distribution with `freedom` and the prior's degrees of
    freedom. The logarithm of the typical value is uniform. The likelihood is local: games that work scatter
    less than games that explode, so a variance counts the more, the nearer its mean is in rank.
    """
    positive = variance[variance > 0]
    if len(variance) < 3 or not positive.size:
        return no_pooling(len(variance))
    seen = np.log(np.maximum(variance, _SMALLEST * np.median(positive)))
    tried = np.arange(seen.min() - _BEYOND, seen.max() + _BEYOND, _STEP)
    strength = PRIOR_FREEDOM[:, None, None]
    ratio = seen - tried[:, None]
    # Shape: (strengths, typical values, configurations).
    density = freedom / 2 * (np.log(freedom / strength) + ratio)
    density -= (freedom + strength) / 2 * np.log1p(freedom / strength * np.exp(ratio))
    density += gammaln((freedom + strength) / 2) - gammaln(freedom / 2) - gammaln(strength / 2)
    log_likelihood = _sum_of_near(density, mean)
    likelihood = np.exp(log_likelihood - log_likelihood.max((0, 1)))
    weight = likelihood.sum(1)
    share = likelihood / np.maximum(weight, 1e-300)[:, None]
    center = (share * tried[:, None]).sum(1)
    error = (share * (tried[:, None] - center[:, None]) ** 2).sum(1)
    strengths = np.broadcast_to(PRIOR_FREEDOM[:, None], weight.shape)
    return Prior(strengths, weight / weight.sum(0), np.exp(center), error)


def _sum_of_near(values: NDArray[Any], mean: NDArray[Any]) -> NDArray[Any]:
    """For each configuration, the sum over all of a value times the nearness of its mean.

    The nearness is the tricube of the distance in rank (Cleveland 1979). Two fifths of the configurations
    count on either side, or FEWEST_NEIGHBOURS. A narrower window takes a few whose runs happen to be good,
    and therefore to scatter little, for a kind of their own.

    Arguments:
        values: shape (…, configurations), and so is the result.
        mean: shape (configurations,).
    """
    order = np.argsort(mean, kind="stable")
    rank = np.argsort(order, kind="stable")
    if len(mean) <= _NEARNESS_AT_ONCE:
        return np.asarray(values @ _tricube(rank[:, None] - rank, len(mean)))
    nearness = _tricube(np.arange(1 - len(mean), len(mean)), len(mean))
    rows = values.reshape(-1, len(mean))[:, order]
    return np.reshape([fftconvolve(row, nearness, mode="valid")[rank] for row in rows], values.shape)


def _tricube(distance: NDArray[Any], configurations: int) -> NDArray[Any]:
    """The nearness of two configurations. distance: in rank."""
    share = np.abs(distance) / max(FEWEST_NEIGHBOURS, 0.4 * configurations)
    return np.asarray((1 - np.minimum(share, 1) ** 3) ** 3)


@dataclass(frozen=True)
class Differences:
    """Differences of means between pairs of configurations.

    difference: shape (pairs,). The others have the shape (strengths, pairs): the standard errors, their
    own degrees of freedom, the degrees of freedom of what all have in common (the typical variance), and
    how likely each strength of pooling is.
    """

    difference: NDArray[Any]
    error: NDArray[Any]
    freedom: NDArray[Any]
    shared_freedom: NDArray[Any]
    weight: NDArray[Any]

    def __getitem__(self, pairs: NDArray[Any]) -> "Differences":
        """Some of the pairs. pairs: their indices."""
        error, freedom, shared = (part[:, pairs] for part in (self.error, self.freedom, self.shared_freedom))
        return Differences(self.difference[pairs], error, freedom, shared, self.weight[:, pairs])

    def p(self, means: int = 2) -> NDArray[Any]:
        """The chance of so large a difference between any two of so many means that are all equal.

        Two means give the p-value of one comparison. Shape (pairs,).
        """
        return self.exceeded(np.abs(self.difference), means)

    def exceeded(self, distance: NDArray[Any], means: int = 2) -> NDArray[Any]:
        """The chance that two of so many equal means come to lie further apart than a distance.

        The error that a standard error does not share with others makes a t statistic, which is turned
        into the normal value of the same chance; the error that all share makes the range a studentised
        one. With equal variances this is Tukey's test (1953), without pooling that of Games & Howell
        (1976). distance: shape (pairs,), and so is the result; 1 where it is not positive.
        """
        if (count := len(distance)) > _PAIRS_AT_ONCE:
            blocks = np.array_split(np.arange(count), -(-count // _PAIRS_AT_ONCE))
            return np.concatenate([self[block].exceeded(distance[block], means) for block in blocks])
        with np.errstate(divide="ignore", invalid="ignore"):
            t = np.where(distance > 0, distance / self.error, 0.0)
        normal = -ndtri(np.maximum(stdtr(self.freedom, -np.minimum(t, 1e8)), 1e-300))
        normal = np.where(t > 0, np.maximum(normal, 0), 0)
        chances = studentised_range_sf(math.sqrt(2) * normal, means, self.shared_freedom)
        return np.where(distance > 0, (self.weight * chances).sum(0), 1.0)

    def half_width(self, confidence: float = CONFIDENCE) -> NDArray[Any]:
        """Half the width of the confidence interval of each difference. Shape (pairs,)."""
        low, high = self.error.min(0), 4 * self.error.max(0)
        while (outside := (self.exceeded(high) > 1 - confidence) & (high > 0)).any():
            high = np.where(outside, 4 * high, high)
        widths = np.zeros(len(high))
        (pairs,) = np.nonzero(high)

        def excess(width: NDArray[Any], pair: NDArray[Any]) -> NDArray[Any]:
            return self[pair].exceeded(width) - (1 - confidence)

        if pairs.size:
            bracket = low[pairs], high[pairs]
            widths[pairs] = find_root(excess, bracket, args=(pairs,), tolerances={"xrtol": 1e-5}).x
        return widths


def differences(
    fitted: Fit, difference: ArrayLike, first: ArrayLike, second: ArrayLike, runs: ArrayLike
) -> Differences:
    """The differences of some pairs, with their standard errors.

    A variance is never taken to be smaller than it was seen: shrinkage only makes small ones larger.

    Arguments:
        fitted: the configurations.
        difference: of the means of each pair, shape (pairs,).
        first, second: the indices of the configurations of each pair.
        runs: the number of runs of either that the difference rests on, shape (2, pairs).
    """
    prior, first, second = fitted.prior, np.asarray(first, int), np.asarray(second, int)
    given = np.asarray(difference, float)
    largest = np.abs(fitted.mean[first]) + np.abs(fitted.mean[second])
    given = np.where(np.abs(given) < ROUNDING * largest, 0, given)
    share = prior.freedom / (prior.freedom + fitted.freedom)
    pooled = share * prior.typical + (1 - share) * fitted.variance
    variance = np.maximum(pooled, fitted.variance)
    own_freedom = prior.freedom + fitted.freedom
    of_first, of_second = variance[:, first] / np.asarray(runs)[0], variance[:, second] / np.asarray(runs)[1]
    squared = of_first + of_second
    below = of_first**2 / own_freedom[:, first] + of_second**2 / own_freedom[:, second]
    with np.errstate(divide="ignore", invalid="ignore"):
        freedom = np.where(below > 0, squared**2 / below, own_freedom[:, first])
        unknown = share**2 * prior.error
        shared = 4 / (unknown[:, first] + unknown[:, second])
    # A strength of pooling that the neighbours of one rule out must not pool the other.
    weight = np.sqrt(prior.weight[:, first] * prior.weight[:, second])
    # Of thousands, the neighbours of the two can agree on no strength: then there is hardly any pooling.
    weight[0] = np.where(weight.sum(0) > 0, weight[0], 1.0)
    weight = weight / weight.sum(0)
    return Differences(given, np.sqrt(squared), freedom, np.maximum(shared, _FEWEST_FREEDOM), weight)
