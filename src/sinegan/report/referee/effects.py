"""What each swept key does on average over the rest of the grid, and which keys depend on one another."""

import itertools
import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sinegan.report.referee.contrasts import ALPHA, Difference, holm, paired_t
from sinegan.report.referee.run_values import Samples, samples
from sinegan.report.referee.statistics import FEWEST
from sinegan.storage.results import records
from sinegan.storage.sweep_folder import SEED_KEYS

if TYPE_CHECKING:
    from sinegan.report.sweep import Sweep

KEY, MAIN, INTERACTION, ORDER = "key", "main", "interaction", "order"
PERMUTATIONS = 2_000
ROUNDING = 1e-13
"""Share of the largest value of its seed up to which a coefficient is nothing but rounding."""
COLUMNS = ["kind", "key", "level", "against", "metric", "n", "ratio", "low", "high", "p", "p_holm"]
COLUMNS += ["separated", "spread", "difference", "difference_low", "difference_high"]
_TIMES = " x "


def effects(sweep: "Sweep", metric: str | None = None) -> pd.DataFrame:
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
    return effects_of(samples(sweep, metric))


def effects_of(given: Samples) -> pd.DataFrame:
    """As `effects`, of samples at hand."""
    keys = [key for key in given.keys if key not in SEED_KEYS]
    rows = [
        row | {"metric": name}
        for name, mine in given.rows.groupby("metric", sort=False)
        for row in _effects(given, mine, keys)
    ]
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


def _effects(given: Samples, rows: pd.DataFrame, keys: Sequence[str]) -> Iterator[dict[str, Any]]:
    rows = rows[[len(given.values[name]) >= FEWEST for name in rows["name"]]]
    factors = joined_factors(rows, keys)
    if not factors or len(rows) < 2:
        return
    values = seed_table([given.values[name] for name in rows["name"]])
    if not np.isfinite(values).any():
        return
    values = np.minimum(values, values[np.isfinite(values)].max())
    positive = all(given.positive[problem] for problem in rows["problem"])
    scaled = np.log(values) if positive else values
    levels = {name: list(dict.fromkeys(column)) for name, column in factors.items()}
    dummies = {
        name: np.array([[value == level for level in levels[name][1:]] for value in column], float)
        for name, column in factors.items()
    }
    fitted = _fit(list(dummies.values()), scaled)
    if fitted is None:
        return
    variances: dict[str, NDArray[Any]] = {}
    for name, effect in zip(factors, fitted, strict=True):
        variances[name] = spread_products(effect)
        spread = _spread(variances[name], positive)
        about: dict[str, Any] = {"kind": KEY, "key": name, "level": "", "against": "", "spread": spread}
        yield dict.fromkeys(COLUMNS[6:], math.nan) | about | {"n": effect.shape[1], "p": key_p(effect)}
        for level, differences in zip(levels[name][1:], effect, strict=True):
            about = {"kind": MAIN, "key": name, "level": level, "against": levels[name][0]}
            yield about | {"spread": spread} | _numbers(paired_t(differences), positive)
    pairs = list(itertools.combinations(factors, 2))
    for a, b in pairs:
        a, b = sorted((a, b), key=lambda name: _u_statistic(variances[name]), reverse=True)
        found = jackknife(variances[a] - variances[b])
        about = {"kind": ORDER, "key": a, "level": "", "against": b, "n": found.n, "p": found.p}
        yield dict.fromkeys(COLUMNS[6:], math.nan) | about | {"spread": _spread(variances[a], positive)}
    products = [_products(dummies[a], dummies[b]) for a, b in pairs]
    both = _fit([*dummies.values(), *products], scaled) if pairs else None
    for (a, b), effect in zip(pairs, (both or [])[len(factors) :], strict=False):
        cells = itertools.product(levels[a][1:], levels[b][1:])
        for (first, second), differences in zip(cells, effect, strict=True):
            about = {
                "kind": INTERACTION,
                "key": f"{a}{_TIMES}{b}",
                "level": f"{first}{_TIMES}{second}",
                "against": f"{levels[a][0]}{_TIMES}{levels[b][0]}",
                "spread": math.nan,
            }
            yield about | _numbers(paired_t(differences), positive)


def joined_factors(rows: pd.DataFrame, keys: Sequence[str]) -> dict[str, list[str]]:
    """The levels of each factor, a value a row; keys that advance together are one factor, `a & b`."""
    found: dict[str, list[str]] = {}
    for key in keys:
        column = ["-" if pd.isna(value) else str(value) for value in rows[key]]
        if len(set(column)) < 2:
            continue
        for name, other in found.items():
            if len(set(zip(column, other, strict=True))) == len(set(column)) == len(set(other)):
                del found[name]
                joined = [f"{two} & {one}" for one, two in zip(column, other, strict=True)]
                found[f"{name} & {key}"] = joined
                break
        else:
            found[key] = column
    return found


def seed_table(values: Sequence[dict[int, float]]) -> NDArray[Any]:
    """The values of several configurations, shape (configurations, seeds).

    Of the seeds that all share, where these are three and half of all; otherwise in their order.
    """
    shared = sorted(set.intersection(*map(set, values)))
    fewest = min(map(len, values))
    if len(shared) >= FEWEST and 2 * len(shared) >= fewest:
        return np.array([[mine[seed] for seed in shared] for mine in values])
    return np.array([[mine[seed] for seed in sorted(mine)][:fewest] for mine in values])


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
    """Products over seeds of how far levels are from their middle, over (levels - 1): shape (seeds, seeds).

    effect: of each level over the first, shape (levels - 1, seeds). Off the diagonal their expected value
    is the variance of the levels, whatever chance adds within a seed.
    """
    levels = np.vstack([np.zeros(effect.shape[1]), effect])
    levels -= levels.mean(0)
    return np.asarray(levels.T @ levels / len(effect))


def key_p(effect: NDArray[Any], permutations: int = PERMUTATIONS) -> float:
    """The p-value of "the levels of a key differ". effect: of each over the first, shape (levels - 1, seeds).

    Two levels: Student's paired t. More: the sum of squares of the level means under permutations of the
    levels within each seed (Fisher 1935; the draws are always the same).
    """
    if len(effect) == 1:
        return paired_t(effect[0]).p
    levels = np.vstack([np.zeros(effect.shape[1]), effect])
    levels -= levels.mean(0)
    rng = np.random.default_rng(0)
    found = float((levels.mean(1) ** 2).sum())
    reached, block = 1, max(1, 1_000_000 // levels.size)
    for begin in range(0, permutations, block):
        count = min(block, permutations - begin)
        drawn = rng.permuted(np.tile(levels, (count, 1, 1)), axis=1).mean(2)
        # Equal sums differ in their last bits.
        reached += int(((drawn**2).sum(1) >= found * (1 - 1e-9)).sum())
    return reached / (permutations + 1)


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


def _numbers(found: Difference, positive: bool) -> dict[str, Any]:
    numbers = [found.difference, found.low, found.high]
    with np.errstate(over="ignore"):
        ratio = [float(np.exp(number)) for number in numbers] if positive else [math.nan] * 3
    differences = [math.nan] * 3 if positive else numbers
    names = ("ratio", "low", "high", "difference", "difference_low", "difference_high")
    return dict(zip(names, ratio + differences, strict=True)) | {"n": found.n, "p": found.p}


def effects_words(table: pd.DataFrame) -> list[str]:
    """What the effects say, a line each: which key matters more, which depend on one another, which are
    not told from chance. Of several metrics each has lines of its own. table: as `effects` makes it.
    """
    by_metric = {str(metric): _words(rows) for metric, rows in table.groupby("metric", sort=False)}
    if len(by_metric) > 1:
        return [f"by {metric}, {line}" for metric, lines in by_metric.items() for line in lines]
    return [line for lines in by_metric.values() for line in lines]


def _words(table: pd.DataFrame) -> list[str]:
    """The lines of one metric."""
    said = []
    keys = table[table["kind"] == KEY]
    spread = keys.groupby("key", sort=False)["spread"].first()
    ratio = bool(table["ratio"].notna().any())
    size = "a typical factor of" if ratio else "typically"
    proven = keys.groupby("key", sort=False)["separated"].any()
    order = table[(table["kind"] == ORDER) & table["separated"]]
    for key, against in zip(order["key"], order["against"], strict=True):
        if proven[key]:
            said.append(
                f"{key} matters more than {against}: {size} {spread[key]:.3g} against {spread[against]:.3g}"
            )
    interactions = table[table["kind"] == INTERACTION]["key"]
    proven_pairs = list(dict.fromkeys(interactions))
    for pair in proven_pairs:
        first, second = pair.split(_TIMES, 1)
        said.append(f"the effect of {first} depends on {second}")
    involved = {key for pair in proven_pairs for key in pair.split(_TIMES, 1)}
    ahead = set(order["key"][[bool(proven[key]) for key in order["key"]]])
    for key in proven.index:
        if proven[key] and key not in ahead:
            said.append(f"{key} matters: {size} {spread[key]:.3g}")
        elif not proven[key] and key not in involved:
            said.append(f"no effect of {key} on average can be told from chance")
    return said
