"""Which configurations differ: all comparisons of a sweep, ranks, and the answer in words."""

import itertools
import math
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from sinegan.report.contrasts import (
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
from sinegan.report.samples import Samples, samples
from sinegan.report.statistics import FEWEST, estimate
from sinegan.results import records

if TYPE_CHECKING:
    from sinegan.report.sweeps import Sweep

MOST_PAIRED = 12
"""Configurations of one problem up to which all pairs are compared; above, the best with the others."""
PLANNED = 0.1
"""The difference that `seeds_needed` plans for, as a share."""
COLUMNS = ["a", "b", "metric", "n", "ratio", "low", "high", "p", "p_holm", "separated", "seeds_needed"]
COLUMNS += ["difference", "difference_low", "difference_high", "improvement", "method", "correction"]
HOLM, MAX_T, EVERY_PAIR = "Holm", "max-T", "Holm, of all pairs"


def compare(sweep: "Sweep", metric: str | None = None, by: Sequence[str] | None = None) -> pd.DataFrame:
    """The comparisons of a sweep, a row each: `a` against `b`, in the order of the sweep.

    Up to MOST_PAIRED configurations of one problem (target and metric) these are all pairs, and p_holm
    is corrected over all of them; above, `a` is the best, and p_holm is corrected for having chosen it
    (`correction` names how). `n` counts the pairs of seeds. `ratio` is a's estimate over b's, less than
    1 when a is better, with its own 95 % interval `low`, `high`; where values can be negative it is
    empty, and `difference` is used. `p` is of `method`: the paired t test on logarithms, Welch's where
    seeds are not shared, the rank-sum test where runs were lost. `separated`: p_holm is below 0.05.
    `seeds_needed`: for those that are not, the seeds to find a difference of 10 % with a chance of
    0.8 at this spread and correction. `improvement`: the chance that a run of a is better than one of b.

    metric, by: as `samples` takes them. Raises UnknownNameError.
    """
    return compare_samples(samples(sweep, metric, by))


def compare_samples(given: Samples) -> pd.DataFrame:
    """As `compare`, of samples at hand."""
    rows: list[dict[str, Any]] = []
    metric = dict(zip(given.rows["name"], given.rows["metric"], strict=True))
    for problem, names in given.problems().items():
        chosen = {name: given.values[name] for name in names if given.values[name]}
        positive = given.positive[problem]
        found = (
            all_pairs(chosen, positive) if len(chosen) <= MOST_PAIRED else best_against_rest(chosen, positive)
        )
        rows += [row | {"metric": metric[row["a"]]} for row in found]
    if not rows:
        return _typed(pd.DataFrame(columns=COLUMNS))
    table = _corrected(pd.DataFrame(rows))
    return table if given.ranked else table.assign(improvement=math.nan)


def all_pairs(values: Mapping[str, Mapping[int, float]], positive: bool) -> list[dict[str, Any]]:
    """A row a pair, without its correction. values: of each configuration, by seed."""
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
    most = max(len(mine) for mine in values.values())
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
    lost = any(math.isinf(value) for mine in values.values() for value in mine.values())

    def center(name: str) -> float:
        mine = np.array(list(values[name].values()))
        if not lost:
            return estimate(mine, positive).estimate
        # The larger of the two middle values: half the runs do as well.
        return float(np.sort(mine)[mine.size // 2])

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
    found = contrast(values[a], values[b], positive)
    numbers = [found.difference, found.low, found.high]
    with np.errstate(over="ignore"):
        ratio = [float(np.exp(number)) for number in numbers] if positive else [math.nan] * 3
    finite = [abs(np.mean([x for x in values[name].values() if math.isfinite(x)] or [0])) for name in (a, b)]
    return {
        "a": a,
        "b": b,
        "n": found.n,
        "p": found.p,
        "p_holm": math.nan,
        "correction": HOLM,
        "improvement": improvement(list(values[a].values()), list(values[b].values())),
        "method": found.method,
        "_deviation": found.deviation,
        "_planned": math.log1p(PLANNED) if positive else PLANNED * float(max(finite)),
    } | dict(
        zip(
            ("ratio", "low", "high", "difference", "difference_low", "difference_high"),
            ratio + ([math.nan] * 3 if positive else numbers),
            strict=True,
        )
    )


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


def ranks(given: Samples, comparisons: pd.DataFrame) -> pd.DataFrame:
    """`rank` and `tie_group` of each row of the samples, empty where there are fewer than three runs.

    Within a problem the configurations that are not separated from the best share its rank, and so on.
    """
    found: dict[str, tuple[int, int]] = {}
    apart = comparisons[comparisons["separated"]]
    pairs = list(zip(apart["a"], apart["b"], strict=True))
    for problem, names in given.problems().items():
        tested = {name: given.values[name] for name in names if len(given.values[name]) >= FEWEST}
        if not given.ranked or len(tested) < 2:
            continue
        order = ordered(tested, given.positive[problem])
        place = {name: number for number, name in enumerate(order)}
        mine = [(place[a], place[b]) for a, b in pairs if a in place and b in place]
        if len(order) > MOST_PAIRED:  # the others were held against the best alone
            beaten = [other for pair in mine for other in pair if other]
            mine += list(itertools.product([one for one in range(len(order)) if one not in beaten], beaten))
        found |= {order[number]: both for number, both in tie_groups(mine, range(len(order))).items()}
    columns = {"rank": 0, "tie_group": 1}
    return pd.DataFrame(
        {
            name: pd.array(
                [found[row][place] if row in found else pd.NA for row in given.rows["name"]], "Int64"
            )
            for name, place in columns.items()
        }
    )


def answer(sweep: "Sweep", comparisons: pd.DataFrame) -> str:
    """What the comparisons of the primary metric say, in a sentence for each target and metric."""
    given = sweep.samples
    placed = pd.concat([given.rows, ranks(given, comparisons)], axis=1)
    sentences = []
    for problem, rows in placed.groupby("problem", sort=False):
        names = [name for name in rows["name"] if given.values[name]]
        mine = comparisons[comparisons["a"].isin(names) & comparisons["b"].isin(names)]
        words = {row["name"]: short_label(row, given.keys) for row in records(rows)}
        values = {name: given.values[name] for name in names}
        metric, where = str(rows["metric"].iloc[0]), f"on {context(sweep, records(rows)[0])}"
        best_first = ordered(values, given.positive[str(problem)])
        if len(rows) == 1:
            sentences.append(_single(values, metric, given.positive[str(problem)], where))
        elif mine["p"].isna().all():
            sentences.append(
                f"with fewer than {FEWEST} seeds nothing is ranked {where}: others may differ as much"
            )
        elif len(mine) == 1:
            sentences.append(_two(records(mine)[0], words, metric, where))
        else:
            first = set(rows["name"][rows["tie_group"] == 1])
            tied = [words[name] for name in best_first if name in first]
            mine = mine[
                ~mine["separated"] & mine["a"].isin(first) & mine["b"].isin(first) | mine["separated"]
            ]
            sentences.append(_several(tied, int(rows["rank"].notna().sum()), mine, metric, where))
    shown = sentences if len(sentences) <= 4 else [*sentences[:3], f"and {len(sentences) - 3} more targets"]
    return "; ".join(shown) if len(shown) > 2 else ". ".join(shown)


def _single(values: Mapping[str, Mapping[int, float]], metric: str, positive: bool, where: str) -> str:
    finite = [value for mine in values.values() for value in mine.values() if math.isfinite(value)]
    found = estimate(finite, positive)
    if not found.n:
        return f"no run ended well {where}"
    span = "" if math.isnan(found.low) else f", {found.low:.3g}-{found.high:.3g}"
    return (
        f"{_seeds([found.n])}, {metric} {found.estimate:.3g}{span} {where}; there is nothing to compare with"
    )


def _two(row: Mapping[str, Any], words: Mapping[str, str], metric: str, where: str) -> str:
    a, b = words[row["a"]], words[row["b"]]
    at = _seeds([row["n"]])
    if not row["separated"]:
        return f"{at}, {a} and {b} are not separated {where}: {_effect(row, metric)}{_needed([row])}"
    if row["improvement"] < 0.5:
        a, b, row = b, a, _turned(row)
    return f"{at}, {a} is better than {b} {where}: {_effect(row, metric)}"


def _several(tied: Sequence[str], ranked: int, mine: pd.DataFrame, metric: str, where: str) -> str:
    at = _seeds(mine["n"][mine["p"].notna()].tolist())
    if len(tied) == 1:
        return f"{at}, {tied[0]} is the best of {ranked} {where}, separated from every other by {metric}"
    needed = _needed([row for row in records(mine) if not row["separated"]])
    if len(tied) == ranked:
        lowest = f"the lowest {metric} {where}, {tied[0]}"
        return f"{at}, none of {ranked} configurations is separated from {lowest}{needed}"
    share = f"{len(tied)} of {ranked} configurations share the first rank by {metric} {where}"
    return f"{at}, {share}: {_listed(tied)}{needed}"


def _seeds(counts: Sequence[int]) -> str:
    low, high = min(counts), max(counts)
    span = str(low) if low == high else f"{low} to {high}"
    return f"at {span} seed{'s' if high > 1 else ''}"


def _effect(row: Mapping[str, Any], metric: str) -> str:
    if math.isnan(row["ratio"]):
        return (
            f"{metric} difference {row['difference']:.3g}, "
            f"{row['difference_low']:.3g} to {row['difference_high']:.3g}"
        )
    # In ratios the second digit behind the point counts, also for those like 0.004.
    numbers = [
        f"{row[name]:.2f}" if row[name] >= 0.1 else f"{row[name]:.2g}" for name in ("ratio", "low", "high")
    ]
    return f"ratio {numbers[0]}, {numbers[1]}-{numbers[2]}"


def _turned(row: Mapping[str, Any]) -> dict[str, Any]:
    """The comparison of b against a."""
    with np.errstate(divide="ignore"):
        ratio, low, high = (float(1 / np.float64(row[name])) for name in ("ratio", "high", "low"))
    turned = {"ratio": ratio, "low": low, "high": high, "difference": -row["difference"]}
    ends = {"difference_low": -row["difference_high"], "difference_high": -row["difference_low"]}
    return dict(row) | turned | ends


def _needed(rows: Sequence[Mapping[str, Any]]) -> str:
    seeds = [row["seeds_needed"] for row in rows if math.isfinite(row["seeds_needed"])]
    if not seeds:
        return ""
    return f"; {max(seeds):,.0f} seeds would be needed for a difference of {PLANNED:.0%}".replace("%", " %")


def _listed(names: Sequence[str]) -> str:
    shown = list(names) if len(names) <= 5 else [*names[:4], f"{len(names) - 4} more"]
    return " and ".join([", ".join(shown[:-1]), shown[-1]])


def short_label(row: Mapping[str, Any], keys: Sequence[str]) -> str:
    """A configuration in words without what names its target: `minimax/small`, `optim.lr=0.1`."""
    own = [key for key in keys if key.split(".")[0] != "target"]
    return "/".join(f"{key}={row[key]}" if "." in key else str(row[key]) for key in own) or str(row["name"])


def context(sweep: "Sweep", row: Mapping[str, Any]) -> str:
    """What a configuration was tried on: its target, and the network that all share, as far as named."""
    settings = sweep.settings[row["configuration"]].get("target") or {}
    name = str(settings.get("_target_", "")).rpartition(".")[2]
    plain = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower() or "its target"
    swept = [key for key in sweep.swept if key.split(".")[0] == "target"]
    words = [str(row[key]) if key == "target" else f"{key}={row[key]}" for key in swept]
    if "target" not in swept:
        words.insert(0, sweep.shared.get("target", plain))
    return "/".join([*words, *([sweep.shared["network"]] if "network" in sweep.shared else [])])
