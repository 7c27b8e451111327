"""The average effect of each swept key over the rest of the grid, and which keys depend on one another."""

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sinegan.report.referee.contrasts import (
    ALPHA,
    PERMUTATIONS,
    Difference,
    holm,
    paired_t,
    permuted_means,
)
from sinegan.report.referee.run_values import Samples
from sinegan.report.referee.statistics import FEWEST
from sinegan.storage.results import records
from sinegan.storage.sweep_folder import SEED_KEYS

KEY, MAIN, INTERACTION, ORDER = "key", "main", "interaction", "order"
ROUNDING = 1e-13
"""A coefficient below this share of the largest value of its seed is nothing but rounding."""
COLUMNS = ["kind", "key", "level", "against", "metric", "n", "ratio", "low", "high", "p", "p_holm"]
COLUMNS += ["separated", "spread", "difference", "difference_low", "difference_high"]
_NO_NUMBERS = dict.fromkeys(COLUMNS[6:], math.nan)
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
    what chance adds to it.

    Every effect is computed once in each of the `n` seeds, by least squares over the configurations, and
    tested over the seeds: with Student's t, and a key of more than two levels by permutations of its
    levels within each seed. Nothing is assumed of the spread within a configuration. The `spread` is the
    square root of a U-statistic over pairs of seeds, compared by its jackknife (Arvesen 1969). p_holm:
    Holm over the keys and, apart, over the interactions, each doubled, so that both together claim
    something of nothing in 5 % of sweeps; a level or an order is no surer than its key (a closed family,
    Marcus, Peritz & Gabriel 1976). A lost run counts as the worst of all runs.
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
    table["p_holm"] = _corrected(table)
    table["separated"] = table["p_holm"] < ALPHA
    kept = (table["kind"] != INTERACTION) | table["separated"]
    return table.loc[kept, COLUMNS].reset_index(drop=True)


def _corrected(table: pd.DataFrame) -> "pd.Series[float]":
    corrected = pd.Series(math.nan, table.index)
    for kind in (KEY, INTERACTION):
        chosen = table[table["kind"] == kind]
        corrected[chosen.index] = np.minimum(1, 2 * holm(chosen["p"]))
    keys = table[table["kind"] == KEY]
    of_key = {
        f"{row['metric']} {row['key']}": p
        for row, p in zip(records(keys), corrected[keys.index], strict=True)
    }
    main = table[table["kind"] == MAIN]
    for about, levels in main.groupby(main["metric"] + " " + main["key"], sort=False):
        corrected[levels.index] = np.maximum(holm(levels["p"]), of_key[str(about)])
    order = table[table["kind"] == ORDER]
    surer = [
        min(of_key[f"{row['metric']} {row[side]}"] for side in ("key", "against")) for row in records(order)
    ]
    corrected[order.index] = np.maximum(holm(order["p"]), np.array(surer, float))
    return corrected


@dataclass(frozen=True)
class _Design:
    """The configurations of one metric as a linear model.

    levels: for each factor its levels, the first of which the others are held against. dummies: for each
    factor, shape (configurations, levels - 1). values: shape (configurations, seeds), logarithms when
    positive.
    """

    levels: dict[str, list[str]]
    dummies: dict[str, NDArray[Any]]
    values: NDArray[Any]
    positive: bool


def _design(samples: Samples, rows: pd.DataFrame, keys: Sequence[str]) -> _Design | None:
    """The model of the configurations with enough runs; None where there is nothing to fit."""
    rows = rows[[len(samples.values[name]) >= FEWEST for name in rows["name"]]]
    factors = joined_factors(rows, keys)
    if not factors or len(rows) < 2:
        return None
    values = seed_table([samples.values[name] for name in rows["name"]])
    if not np.isfinite(values).any():
        return None
    values = np.minimum(values, values[np.isfinite(values)].max())
    positive = all(samples.positive[problem] for problem in rows["problem"])
    levels = {name: list(dict.fromkeys(column)) for name, column in factors.items()}
    dummies = {
        name: np.array([[value == level for level in levels[name][1:]] for value in column], float)
        for name, column in factors.items()
    }
    return _Design(levels, dummies, np.log(values) if positive else values, positive)


def _effects(design: _Design) -> Iterator[dict[str, Any]]:
    """The rows of a metric, without their correction."""
    fitted = _fit(list(design.dummies.values()), design.values)
    if fitted is None:
        return
    effects = dict(zip(design.levels, fitted, strict=True))
    products = {name: spread_products(effect) for name, effect in effects.items()}
    for name, effect in effects.items():
        yield from _key_rows(name, effect, _spread(products[name], design.positive), design)
    pairs = list(itertools.combinations(design.levels, 2))
    for pair in pairs:
        a, b = sorted(pair, key=lambda name: _u_statistic(products[name]), reverse=True)
        order = jackknife(products[a] - products[b])
        about = {"kind": ORDER, "key": a, "level": "", "against": b, "n": order.n, "p": order.p}
        yield _NO_NUMBERS | about | {"spread": _spread(products[a], design.positive)}
    yield from _interaction_rows(pairs, design)


def _key_rows(name: str, effect: NDArray[Any], spread: float, design: _Design) -> Iterator[dict[str, Any]]:
    """The row of a key, and one for each of its levels. effect: shape (levels - 1, seeds)."""
    about: dict[str, Any] = {"kind": KEY, "key": name, "level": "", "against": "", "spread": spread}
    yield _NO_NUMBERS | about | {"n": effect.shape[1], "p": key_p(effect)}
    first, *others = design.levels[name]
    for level, differences in zip(others, effect, strict=True):
        about = {"kind": MAIN, "key": name, "level": level, "against": first, "spread": spread}
        yield about | _numbers(paired_t(differences), design.positive)


def _interaction_rows(pairs: Sequence[tuple[str, str]], design: _Design) -> Iterator[dict[str, Any]]:
    """A row for each combination of levels of two keys, from a model with the products of all pairs."""
    products = [_products(design.dummies[a], design.dummies[b]) for a, b in pairs]
    fitted = _fit([*design.dummies.values(), *products], design.values) if pairs else None
    if fitted is None:
        return
    for (a, b), effect in zip(pairs, fitted[len(design.levels) :], strict=True):
        (first_a, *others_a), (first_b, *others_b) = design.levels[a], design.levels[b]
        cells = itertools.product(others_a, others_b)
        for (level_a, level_b), differences in zip(cells, effect, strict=True):
            about = {
                "kind": INTERACTION,
                "key": f"{a}{TIMES}{b}",
                "level": f"{level_a}{TIMES}{level_b}",
                "against": f"{first_a}{TIMES}{first_b}",
                "spread": math.nan,
            }
            yield about | _numbers(paired_t(differences), design.positive)


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
                joined = [f"{first} & {second}" for first, second in zip(other, column, strict=True)]
                factors[f"{name} & {key}"] = joined
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


def key_p(effect: NDArray[Any], permutations: int = PERMUTATIONS) -> float:
    """The p-value of "the levels of a key differ". effect: each over the first, (levels - 1, seeds).

    Two levels: Student's paired t. More: the sum of squares of the level means under permutations of the
    levels within each seed (Fisher 1935; the draws are always the same).
    """
    if len(effect) == 1:
        return paired_t(effect[0]).p
    levels = _centered(effect)
    observed = float((levels.mean(1) ** 2).sum())
    # Equal sums differ in their last bits.
    least = observed * (1 - 1e-9)
    reached = sum(int(((means**2).sum(1) >= least).sum()) for means in permuted_means(levels, permutations))
    return (1 + reached) / (permutations + 1)


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
