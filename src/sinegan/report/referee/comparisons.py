"""All comparisons of the configurations of a sweep, and their ranks."""

import itertools
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from sinegan.report.referee.contrasts import (
    ALPHA,
    PAIRED,
    RANKS,
    Difference,
    holm,
    improvement,
    max_t,
    paired_t,
    rank_sum,
    seeds_needed,
    tie_groups,
    welch_t,
)
from sinegan.report.referee.run_values import Samples, samples_of
from sinegan.report.referee.statistics import FEWEST, estimate
from sinegan.report.sweep import Sweep
from sinegan.storage.results import records

MOST_PAIRED = 12
"""Configurations of one problem up to which all pairs are compared; above, the best with the others."""
PLANNED = 0.1
"""The difference that `seeds_needed` plans for, as a share."""
COLUMNS = ["a", "b", "metric", "n", "ratio", "low", "high", "p", "p_holm", "separated", "seeds_needed"]
COLUMNS += ["difference", "difference_low", "difference_high", "improvement", "method", "correction"]
HOLM, MAX_T, EVERY_PAIR = "Holm", "max-T", "Holm, of all pairs"


def compare(sweep: Sweep, metric: str | None = None, by: Sequence[str] | None = None) -> pd.DataFrame:
    """The comparisons of a sweep, a row each: `a` against `b`, in the order of the sweep.

    Up to MOST_PAIRED configurations of one problem (target and metric) these are all pairs, and p_holm
    is corrected over all of them; above, `a` is the best, and p_holm is corrected for having chosen it
    (`correction` names how). `n` counts the pairs of seeds. `ratio` is a's estimate over b's, less than
    1 when a is better, with its own 95 % interval `low`, `high`; where values can be negative it is
    empty, and `difference` is used. `p` is of `method`: the paired t test on logarithms, Welch's where
    seeds are not shared, the rank-sum test where runs were lost. `separated`: p_holm is below 0.05.
    `seeds_needed`: for those that are not, the seeds to find a difference of 10 % with a chance of
    0.8 at this spread and correction. `improvement`: the chance that a run of a is better than one of b.

    metric, by: as `samples_of` takes them. Raises UnknownNameError.
    """
    return compare_samples(samples_of(sweep, metric, by))


def compare_samples(samples: Samples) -> pd.DataFrame:
    """As `compare`, for samples at hand."""
    rows: list[dict[str, Any]] = []
    metric = dict(zip(samples.rows["name"], samples.rows["metric"], strict=True))
    for problem, names in samples.problems().items():
        values = {name: samples.values[name] for name in names if samples.values[name]}
        compare_values = all_pairs if len(values) <= MOST_PAIRED else best_against_rest
        pairs = compare_values(values, samples.positive[problem])
        rows += [row | {"metric": metric[row["a"]]} for row in pairs]
    if not rows:
        return _typed(pd.DataFrame(columns=COLUMNS))
    table = _corrected(pd.DataFrame(rows))
    return table if samples.ranked else table.assign(improvement=math.nan)


def all_pairs(values: Mapping[str, Mapping[int, float]], positive: bool) -> list[dict[str, Any]]:
    """A row a pair, without its correction. values: the value of each seed, by configuration."""
    return [_row(a, b, values, positive) for a, b in itertools.combinations(values, 2)]


def best_against_rest(values: Mapping[str, Mapping[int, float]], positive: bool) -> list[dict[str, Any]]:
    """A row for each other configuration, corrected for having chosen the best after looking.

    By max-T where at least three seeds, and half of all, are shared by those that have three runs;
    otherwise as if all pairs had been compared.
    """
    names = ordered(values, positive)
    tested = [name for name in names if len(values[name]) >= FEWEST]
    rows = [_row(names[0], name, values, positive) for name in names[1:]]
    shared = sorted(set.intersection(*(set(values[name]) for name in tested))) if tested else []
    most = max(map(len, values.values()))
    corrected = dict.fromkeys(names, math.nan)
    correction = EVERY_PAIR
    if len(shared) >= FEWEST and 2 * len(shared) >= most and names[0] in tested:
        correction = MAX_T
        table = [[values[name][seed] for seed in shared] for name in tested]
        corrected |= dict(zip(tested, max_t(table, tested.index(names[0])).tolist(), strict=True))
    else:
        pairs = len(tested) * (len(tested) - 1) / 2
        corrected |= {row["b"]: min(1.0, row["p"] * pairs) for row in rows}
    return [row | {"p_holm": corrected[row["b"]], "correction": correction} for row in rows]


def ordered(values: Mapping[str, Mapping[int, float]], positive: bool) -> list[str]:
    """The configurations, best first: by the estimate, or by the median where any run was lost."""
    lost = any(math.isinf(value) for by_seed in values.values() for value in by_seed.values())

    def center(name: str) -> float:
        of_runs = np.array(list(values[name].values()))
        if not lost:
            return estimate(of_runs, positive).estimate
        # The larger of the two middle values: half the runs do as well.
        return float(np.sort(of_runs)[of_runs.size // 2])

    return sorted((name for name in values if values[name]), key=center)


def contrast(a: Mapping[int, float], b: Mapping[int, float], positive: bool) -> Difference:
    """The difference a - b, of logarithms when positive; paired where half of the seeds are shared."""
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


def _row(a: str, b: str, values: Mapping[str, Mapping[int, float]], positive: bool) -> dict[str, Any]:
    difference = contrast(values[a], values[b], positive)
    finite = [[value for value in values[name].values() if math.isfinite(value)] for name in (a, b)]
    largest = max(float(abs(np.mean(each or [0]))) for each in finite)
    return {
        "a": a,
        "b": b,
        "n": difference.n,
        "p": difference.p,
        "p_holm": math.nan,
        "correction": HOLM,
        "improvement": improvement(list(values[a].values()), list(values[b].values())),
        "method": difference.method,
        "_deviation": difference.deviation,
        "_planned": math.log1p(PLANNED) if positive else PLANNED * largest,
    } | difference.columns(positive)


def _corrected(rows: pd.DataFrame) -> pd.DataFrame:
    """Holm over all pairs of all problems, as one family; then what follows from it."""
    pairs = (rows["correction"] == HOLM).to_numpy()
    rows.loc[pairs, "p_holm"] = holm(rows.loc[pairs, "p"])
    rows["separated"] = rows["p_holm"] < ALPHA
    # As if it were tested at the strictest level of the family.
    alpha = ALPHA / max(1, int(rows["p"].notna().sum()))
    rows["seeds_needed"] = [
        math.nan
        if row["separated"] or row["method"] == RANKS or row["correction"] == MAX_T
        else seeds_needed(row["_planned"], row["_deviation"], alpha, row["method"] == PAIRED)
        for row in records(rows)
    ]
    return _typed(rows[COLUMNS])


def _typed(rows: pd.DataFrame) -> pd.DataFrame:
    return rows.astype({"n": int, "separated": bool, "seeds_needed": float})


def ranks(samples: Samples, comparisons: pd.DataFrame) -> pd.DataFrame:
    """`rank` and `tie_group` of each row of the samples, empty where there are fewer than three runs.

    Within a problem the configurations that are not separated from the best share its rank, and so on.
    """
    places: dict[str, tuple[int, int]] = {}
    separated = comparisons[comparisons["separated"]]
    pairs = list(zip(separated["a"], separated["b"], strict=True))
    for problem, names in samples.problems().items():
        tested = {name: samples.values[name] for name in names if len(samples.values[name]) >= FEWEST}
        if samples.ranked and len(tested) >= 2:
            places |= _places(ordered(tested, samples.positive[problem]), pairs)
    nowhere = (pd.NA, pd.NA)
    rows = [places.get(name, nowhere) for name in samples.rows["name"]]
    return pd.DataFrame(
        {
            column: pd.array([row[place] for row in rows], "Int64")
            for place, column in enumerate(("rank", "tie_group"))
        }
    )


def _places(order: Sequence[str], separated: Sequence[tuple[str, str]]) -> dict[str, tuple[int, int]]:
    """Rank and tie group of the configurations of one problem. order: best first."""
    if len(order) > MOST_PAIRED:  # the others were held against the best alone
        against_best = {b for a, b in separated if a == order[0]}
        beaten = [name for name in order if name in against_best]
        first = [name for name in order if name not in against_best]
        return dict.fromkeys(first, (1, 1)) | dict.fromkeys(beaten, (len(first) + 1, 2))
    number = {name: place for place, name in enumerate(order)}
    pairs = [(number[a], number[b]) for a, b in separated if a in number and b in number]
    return {order[place]: both for place, both in tie_groups(pairs, range(len(order))).items()}
