"""The average effect of each swept key over the rest of the grid, and which keys depend on one another."""

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sinegan.report.referee.contrasts import ALPHA, Difference, paired_t
from sinegan.report.referee.run_values import Samples
from sinegan.report.referee.statistics import FEWEST
from sinegan.report.referee.variances import Differences, differences, fit
from sinegan.storage.results import records
from sinegan.storage.sweep_folder import SEED_KEYS

KEY, MAIN, INTERACTION, ORDER = "key", "main", "interaction", "order"
ROUNDING = 1e-13
"""A coefficient below this share of the largest value of its seed is nothing but rounding."""
COLUMNS = ["kind", "key", "level", "against", "metric", "n", "ratio", "low", "high", "p", "p_corrected"]
COLUMNS += ["separated", "spread", "difference", "difference_low", "difference_high"]
_NO_NUMBERS = dict.fromkeys(COLUMNS[6:], math.nan)
SHARES = {KEY: 2, INTERACTION: 4, ORDER: 4}
"""Each kind may claim something of nothing in this part of 5 % of sweeps: a half, a quarter, a quarter."""
MOST_COEFFICIENTS = 1_000
"""Coefficients up to which a linear model of the keys is fitted: time and memory grow with their square."""
MOST_WITH_PRODUCTS = 2_000
"""The same for the model of the interactions, whose coefficients are not compared in pairs."""
AND = " & "
"""Stands between keys that advance together, and between their levels."""
TIMES = " x "
"""Stands between the keys, and between the levels, of an interaction."""


def factor_effects(samples: Samples) -> pd.DataFrame:
    """The factor effects of a sweep, a row each; empty where no grid or fewer than three seeds allow any.

    kind `key`: whether the levels of a `key` differ at all. kind `main`: the `level` of a `key` over its
    first level in the sweep, `against`: the `ratio` of their geometric means over the rest of the grid,
    with its 95 % interval (the `difference` where values can be negative). kind `interaction`: how much
    the effect of one key changes with another (a ratio of two ratios); only those that survive the
    correction have a row. kind `order`: whether the levels of `key` differ more than those of `against`.
    `spread` is the typical factor (or difference) between the levels of a key and their middle, freed of
    what chance adds to it. Targets are no levels to compare: their errors are of different problems; but
    the effect of a key may change with the target.

    Every effect is computed once in each of the `n` seeds, by least squares over the configurations, and
    tested over the seeds, so that nothing is assumed of the spread within a configuration. The levels of
    a key are compared as the configurations of a problem are: all pairs, by the studentised range, with
    variances that learn from one another; two levels by Student's paired t. An interaction is tested by
    Student's t, and an order by the jackknife of the difference of two squared spreads, each a U-statistic
    over pairs of seeds (Arvesen 1969). p_corrected: Bonferroni over all keys, interactions and orders of
    the sweep as one family, as SHARES divides it. A lost run counts as the worst of its problem.

    The levels of all keys together may be too many for the model, or their products; see `coefficients`.
    """
    keys = [key for key in samples.keys if key not in SEED_KEYS]
    rows = []
    for metric, configurations in samples.rows.groupby("metric", sort=False):
        design = _design(samples, configurations, keys)
        if design is not None:
            rows += [row | {"metric": metric} for row in _effects(design)]
    if not rows:
        return pd.DataFrame(columns=COLUMNS).astype({"n": int, "separated": bool})
    table = pd.DataFrame(rows)
    table["p_corrected"] = _corrected(table)
    table["separated"] = table["p_corrected"] < ALPHA
    kept = (table["kind"] != INTERACTION) | table["separated"]
    return table.loc[kept, COLUMNS].reset_index(drop=True)


def coefficients(samples: Samples) -> tuple[int, int]:
    """The numbers of coefficients that the models need: of the keys alone, and with products of their levels.

    Beyond MOST_COEFFICIENTS there are no effects, beyond MOST_WITH_PRODUCTS no interactions. The greatest of
    any metric.
    """
    keys = [key for key in samples.keys if key not in SEED_KEYS]
    counts = [
        [len(set(column)) - 1 for column in joined_factors(rows, keys).values()]
        for _, rows in samples.rows.groupby("metric", sort=False)
    ]
    products = [sum(a * b for a, b in itertools.combinations(each, 2)) for each in counts]
    alone = [sum(each) for each in counts]
    return max(alone, default=0), max(map(sum, zip(alone, products, strict=True)), default=0)


def _corrected(table: pd.DataFrame) -> "pd.Series[float]":
    """The p-values of all rows, corrected. An order is no surer than that its key matters."""
    counts = table["kind"].value_counts()
    alone = set(table["kind"]) <= {KEY, MAIN} and counts[KEY] == 1
    factors = {kind: 1 if alone else share * counts.get(kind, 0) for kind, share in SHARES.items()}
    factors[MAIN] = factors[KEY]
    corrected = np.minimum(1, table["p_family"] * table["kind"].map(factors))
    keys = table["kind"] == KEY
    names = zip(table["metric"][keys], table["key"][keys], strict=True)
    of_key = dict(zip(names, corrected[keys], strict=True))
    surer = [
        of_key[row["metric"], row["key"]] if row["kind"] == ORDER else 0.0
        for row in records(table[["kind", "metric", "key"]])
    ]
    return pd.Series(np.maximum(corrected, surer), table.index)


@dataclass(frozen=True)
class _Design:
    """The configurations of one metric as a linear model.

    levels: for each factor its levels, the first of which the others are held against. dummies: for each
    factor, shape (configurations, levels - 1). values: shape (configurations, seeds), logarithms when
    positive. compared: the factors whose levels are compared, all but targets.
    """

    levels: dict[str, list[str]]
    dummies: dict[str, NDArray[Any]]
    values: NDArray[Any]
    positive: bool
    compared: list[str]


def _design(samples: Samples, rows: pd.DataFrame, keys: Sequence[str]) -> _Design | None:
    """The model of the configurations with enough runs; None where there is nothing to fit."""
    rows = rows[[len(samples.values[name]) >= FEWEST for name in rows["name"]]]
    factors = joined_factors(rows, keys)
    levels = {name: list(dict.fromkeys(column)) for name, column in factors.items()}
    if not factors or len(rows) < 2 or sum(len(each) - 1 for each in levels.values()) > MOST_COEFFICIENTS:
        return None
    values = seed_table([samples.values[name] for name in rows["name"]])
    for problem in rows["problem"].unique():
        chosen = (rows["problem"] == problem).to_numpy()
        ended = values[chosen][np.isfinite(values[chosen])]
        if not ended.size:
            return None
        worst = ended.min() if samples.more_is_better else ended.max()
        values[chosen] = np.where(np.isfinite(values[chosen]), values[chosen], worst)
    positive = all(samples.positive[problem] for problem in rows["problem"])
    dummies = {
        name: np.array([[value == level for level in levels[name][1:]] for value in column], float)
        for name, column in factors.items()
    }
    compared = [name for name in levels if not _is_target(name)]
    return _Design(levels, dummies, np.log(values) if positive else values, positive, compared)


def _is_target(factor: str) -> bool:
    return all(key.split(".")[0] == "target" for key in factor.split(AND))


def _effects(design: _Design) -> Iterator[dict[str, Any]]:
    """The rows of a metric, without their correction."""
    fitted = _fit(list(design.dummies.values()), design.values)
    if fitted is None:
        return
    effects = dict(zip(design.levels, fitted, strict=True))
    products = {name: spread_products(effects[name]) for name in design.compared}
    for name in design.compared:
        yield from _key_rows(name, effects[name], _spread(products[name], design.positive), design)
    for pair in itertools.combinations(design.compared, 2):
        a, b = sorted(pair, key=lambda name: _u_statistic(products[name]), reverse=True)
        order = jackknife(products[a] - products[b])
        about = {"kind": ORDER, "key": a, "level": "", "against": b, "n": order.n, "p": order.p}
        yield _NO_NUMBERS | about | {"spread": _spread(products[a], design.positive), "p_family": order.p}
    yield from _interaction_rows([*itertools.combinations(design.levels, 2)], design)


def _key_rows(name: str, effect: NDArray[Any], spread: float, design: _Design) -> Iterator[dict[str, Any]]:
    """The row of a key, and one for each of its levels. effect: shape (levels - 1, seeds)."""
    about: dict[str, Any] = {"kind": KEY, "key": name, "level": "", "against": "", "spread": spread}
    compared, first, second = compared_levels(effect)
    p_family = compared.p(len(effect) + 1)
    least = float(p_family.min())
    n = effect.shape[1]
    yield _NO_NUMBERS | about | {"n": n, "p": least, "p_family": least}
    (with_first,) = np.nonzero(second == 0)
    shown = compared[with_first]
    for index, middle, half, p in zip(
        with_first, shown.difference.tolist(), shown.half_width().tolist(), shown.p().tolist(), strict=True
    ):
        about = {"kind": MAIN, "key": name, "against": design.levels[name][0], "spread": spread, "n": n}
        about["level"] = design.levels[name][first[index]]
        numbers = Difference(n, middle, middle - half, middle + half, p, math.nan, "")
        yield about | _numbers(numbers, design.positive) | {"p_family": float(p_family[index])}


def compared_levels(effect: NDArray[Any]) -> tuple[Differences, NDArray[Any], NDArray[Any]]:
    """All pairs of levels of a key: their differences, and the places of the one and the other level.

    effect: each level over the first, shape (levels - 1, seeds).
    """
    levels = np.vstack([np.zeros(effect.shape[1]), effect])
    fitted = fit(levels, paired=True)
    second, first = np.triu_indices(len(levels), 1)
    runs = np.full((2, len(first)), effect.shape[1])
    return differences(fitted, fitted.mean[first] - fitted.mean[second], first, second, runs), first, second


def _interaction_rows(pairs: Sequence[tuple[str, str]], design: _Design) -> Iterator[dict[str, Any]]:
    """A row for each combination of levels of two keys, from a model with the products of all pairs."""
    counts = {name: len(levels) - 1 for name, levels in design.levels.items()}
    if sum(counts.values()) + sum(counts[a] * counts[b] for a, b in pairs) > MOST_WITH_PRODUCTS:
        return
    products = [_products(design.dummies[a], design.dummies[b]) for a, b in pairs]
    fitted = _fit([*design.dummies.values(), *products], design.values) if pairs else None
    if fitted is None:
        return
    for (a, b), effect in zip(pairs, fitted[len(design.levels) :], strict=True):
        (first_a, *others_a), (first_b, *others_b) = design.levels[a], design.levels[b]
        cells = itertools.product(others_a, others_b)
        for (level_a, level_b), change in zip(cells, effect, strict=True):
            about = {
                "kind": INTERACTION,
                "key": f"{a}{TIMES}{b}",
                "level": f"{level_a}{TIMES}{level_b}",
                "against": f"{first_a}{TIMES}{first_b}",
                "spread": math.nan,
            }
            test = paired_t(change)
            yield about | _numbers(test, design.positive) | {"p_family": test.p}


def joined_factors(rows: pd.DataFrame, keys: Sequence[str]) -> dict[str, list[str]]:
    """The levels of each factor, a value a row; keys that advance together are one factor, `a & b`."""
    factors: dict[str, list[str]] = {}
    for key in keys:
        column = ["-" if pd.isna(value) else str(value) for value in rows[key]]
        if len(set(column)) < 2:
            continue
        for name, other in factors.items():
            if len(set(zip(column, other, strict=True))) == len(set(column)) == len(set(other)):
                del factors[name]
                joined = [f"{first}{AND}{second}" for first, second in zip(other, column, strict=True)]
                factors[f"{name}{AND}{key}"] = joined
                break
        else:
            factors[key] = column
    return factors


def seed_table(values: Sequence[dict[int, float]]) -> NDArray[Any]:
    """The values of several configurations, shape (configurations, seeds).

    The seeds are those that all share, where these are three and half of all; otherwise they are taken in
    their order.
    """
    shared = sorted(set.intersection(*map(set, values)))
    fewest = min(map(len, values))
    if len(shared) >= FEWEST and 2 * len(shared) >= fewest:
        return np.array([[by_seed[seed] for seed in shared] for by_seed in values])
    return np.array([[by_seed[seed] for seed in sorted(by_seed)][:fewest] for by_seed in values])


def _fit(parts: Sequence[NDArray[Any]], values: NDArray[Any]) -> list[NDArray[Any]] | None:
    """Least squares with an intercept: the coefficients of each part, shape (columns, seeds).

    None when the configurations do not tell the parts apart.
    """
    design = np.hstack([np.ones((len(values), 1)), *parts])
    coefficients, _, rank, _ = np.linalg.lstsq(design, values, rcond=None)
    if rank < design.shape[1]:
        return None
    # Two levels with the same values differ by the rounding of the solution, of one sign in every seed:
    # a test would call that proven.
    coefficients[np.abs(coefficients) < ROUNDING * np.abs(values).max(0)] = 0
    return np.split(coefficients[1:], np.cumsum([part.shape[1] for part in parts])[:-1])


def _products(a: NDArray[Any], b: NDArray[Any]) -> NDArray[Any]:
    return np.asarray((a[:, :, None] * b[:, None, :]).reshape(len(a), -1))


def spread_products(effect: NDArray[Any]) -> NDArray[Any]:
    """Products over seeds of the levels' distances from their middle, over (levels - 1): (seeds, seeds).

    effect: each level over the first, shape (levels - 1, seeds). Off the diagonal their expected value
    is the variance of the levels, whatever chance adds within a seed.
    """
    levels = _centered(effect)
    return np.asarray(levels.T @ levels / len(effect))


def _centered(effect: NDArray[Any]) -> NDArray[Any]:
    """All levels, less the mean of their seed. effect: the others over the first, (levels - 1, seeds)."""
    levels = np.vstack([np.zeros(effect.shape[1]), effect])
    return np.asarray(levels - levels.mean(0))


def _u_statistic(products: NDArray[Any]) -> float:
    n = len(products)
    return float((products.sum() - np.trace(products)) / (n * (n - 1)))


def jackknife(products: NDArray[Any]) -> Difference:
    """The mean off the diagonal, tested against 0 by Student's t on its pseudo-values (Arvesen 1969).

    products: shape (seeds, seeds), symmetric, three seeds or more.
    """
    n = len(products)
    without = [_u_statistic(np.delete(np.delete(products, seed, 0), seed, 1)) for seed in range(n)]
    return paired_t(n * _u_statistic(products) - (n - 1) * np.array(without))


def _spread(products: NDArray[Any], positive: bool) -> float:
    root = math.sqrt(max(0.0, _u_statistic(products)))
    return math.exp(root) if positive else root


def _numbers(difference: Difference, positive: bool) -> dict[str, Any]:
    return difference.columns(positive) | {"n": difference.n, "p": difference.p}
