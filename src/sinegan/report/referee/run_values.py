"""From the history of a sweep to one value a run: the samples that configurations are compared by."""

import json
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sinegan.report.referee.statistics import LAST_SHARE
from sinegan.schema import nearest
from sinegan.statuses import ENDED_WELL, UNFINISHED
from sinegan.storage.results import records

if TYPE_CHECKING:
    from sinegan.report.sweep import Sweep

MEAN, LAST, BEST, WORST, STEPS = "mean", "last", "best", "worst", "steps_to_tolerance"
TOLERANCE = "tolerance"
SUMMARIES = (LAST, BEST, WORST, STEPS)
"""Secondary metrics: other ways to sum up the primary metric of a run."""
LESS_IS_BETTER = ("rmse", "bias", "spread", "energy_distance", "sliced_wasserstein")
TOLERANCE_SHARE = 0.1
"""The tolerance by default: this share of what the sweep's untrained generators have (their median)."""


class UnknownNameError(ValueError):
    """A key or a metric that the sweep does not have; the message names the nearest that it has."""


@dataclass(frozen=True)
class Samples:
    """One value a run, for each configuration (or group of configurations).

    rows: a row a configuration, with `name`, `problem` and the `keys` that tell them apart. values: of
    each name, by seed; a lost run is infinite, an unfinished one is absent. Only configurations of one
    problem (one target and one metric) are compared. positive: whether the metrics of a problem are.
    """

    metric: str
    keys: list[str]
    rows: pd.DataFrame
    values: dict[str, dict[int, float]]
    positive: dict[str, bool]
    ranked: bool
    """Whether less is better; a gradient norm, say, is neither good nor bad."""

    def problems(self) -> dict[str, list[str]]:
        """The names of the configurations of each problem."""
        found: dict[str, list[str]] = {}
        for name, problem in zip(self.rows["name"], self.rows["problem"], strict=True):
            found.setdefault(problem, []).append(name)
        return found


def samples(
    sweep: "Sweep",
    metric: str | None = None,
    by: Sequence[str] | None = None,
    tolerance: float | None = None,
) -> Samples:
    """The samples of a sweep.

    metric: a column of the history (its mean over the last 20 % of evaluations counts) or one of
    SUMMARIES of the primary metric; None is the primary metric. by: keys that make the groups, instead
    of all swept keys; the value of a seed is its geometric mean over the rest of the grid (the mean
    where there are values that are not positive), in which a lost run counts as the worst of all runs.
    Raises UnknownNameError.
    """
    check_metric(sweep, metric)
    check_keys(sweep, by or ())
    runs = run_values(sweep, metric, tolerance)
    rows = sweep.labels.copy()
    if metric is not None and metric not in SUMMARIES:
        rows["metric"] = metric
    elif metric is not None:
        rows["metric"] = [f"{metric} ({name})" for name in rows["metric"]]
    targets = {
        name: json.dumps(settings.get("target"), sort_keys=True) for name, settings in sweep.settings.items()
    }
    rows["problem"] = [
        f"{targets[name]} {metric}"
        for name, metric in zip(rows["configuration"], rows["metric"], strict=True)
    ]
    rows["name"] = unique_labels(records(rows), sweep.swept)
    ranked = metric is None or metric in SUMMARIES or metric in LESS_IS_BETTER
    lost = ~runs["status"].isin(ENDED_WELL)
    runs = runs[~lost | ((runs["status"] != UNFINISHED) & ranked)]
    values = runs["value"].mask(lost | runs["value"].isna(), math.inf) if ranked else runs["value"]
    runs = runs.assign(value=values)[values.notna()]
    problem_of = dict(zip(rows["configuration"], rows["problem"], strict=True))
    smallest = runs.groupby(runs["configuration"].map(problem_of))["value"].min()
    positive = {problem: bool(smallest.get(problem, 1.0) > 0) for problem in rows["problem"].unique()}
    if by:
        return _pooled(sweep, runs, rows, list(by), positive, ranked)
    name_of = dict(zip(rows["configuration"], rows["name"], strict=True))
    found: dict[str, dict[int, float]] = {name: {} for name in rows["name"]}
    for configuration, seed, value in zip(runs["configuration"], runs["seed"], runs["value"], strict=True):
        found[name_of[configuration]][int(seed)] = float(value)
    return Samples(_metric_words(rows), list(sweep.swept), rows, found, positive, ranked)


def _pooled(
    sweep: "Sweep",
    runs: pd.DataFrame,
    rows: pd.DataFrame,
    by: list[str],
    positive: dict[str, bool],
    ranked: bool,
) -> Samples:
    groups = rows.drop_duplicates([*by, "problem"]).drop(columns="name").reset_index(drop=True)
    several = [key for key in sweep.swept if key.split(".")[0] == "target" and key not in by]
    # Configurations of different targets are not pooled: the group is named by its target as well.
    keys = [*several, *by]
    groups["name"] = unique_labels(records(groups), keys)
    joined = runs[["configuration", "seed", "value"]].merge(
        rows[["configuration", *by, "problem"]], on="configuration"
    )
    joined = joined.merge(groups[[*by, "problem", "name"]], on=[*by, "problem"])
    found: dict[str, dict[int, float]] = {name: {} for name in groups["name"]}
    for problem, mine in joined.groupby("problem"):
        finite = mine["value"][np.isfinite(mine["value"])]
        worst = finite.max() if len(finite) else math.inf
        logs = positive[str(problem)]
        filled = mine["value"].clip(upper=worst)
        scaled = np.log(filled) if logs else filled
        cells: Any = scaled.groupby([mine["name"], mine["seed"]])
        all_lost = np.isinf(mine["value"]).groupby([mine["name"], mine["seed"]]).all()
        for (name, seed), value in cells.mean().items():
            pooled = math.exp(value) if logs else float(value)
            found[name][int(seed)] = math.inf if all_lost[name, seed] else pooled
    return Samples(_metric_words(rows), keys, groups, found, positive, ranked)


def run_values(sweep: "Sweep", metric: str | None = None, tolerance: float | None = None) -> pd.DataFrame:
    """A row a run: `configuration`, `seed`, `status` and its `value` of a metric, as `samples` takes it."""
    of_primary = metric is None or metric in SUMMARIES
    if of_primary and tolerance is None:
        summaries = sweep.summaries
    else:
        summaries = run_summaries(sweep, None if of_primary else metric, tolerance)
    summary = metric if metric in SUMMARIES else MEAN
    known = summaries[["configuration", "seed", summary]].rename(columns={summary: "value"})
    return sweep.runs[["configuration", "seed", "status"]].merge(
        known, on=["configuration", "seed"], how="left"
    )


def run_summaries(sweep: "Sweep", metric: str | None = None, tolerance: float | None = None) -> pd.DataFrame:
    """A row a run with evaluations: `mean` and `worst` over the last 20 % of them, `last`, `best`, and
    `steps_to_tolerance`, the step from which on the metric is never above the tolerance (infinite when
    it is at the end: right-censored). As `statistics.last_share_mean` and `steps_until_held` define
    them, for all runs at once.
    """
    history = sweep.history
    if history.empty:
        return pd.DataFrame(columns=["configuration", "seed", MEAN, WORST, LAST, BEST, TOLERANCE, STEPS])
    values = _primary(sweep) if metric is None else np.asarray(history[metric], float)
    first, length = _rows_of_runs(history)
    late, tail_first, tail = _tails(first, length)
    table = history.iloc[first][["configuration", "seed"]].reset_index(drop=True)
    table[MEAN] = np.add.reduceat(values[late], tail_first) / tail
    table[WORST] = np.maximum.reduceat(values[late], tail_first)
    table[LAST] = values[first + length - 1]
    table[BEST] = np.fmin.reduceat(values, first)
    limits = _tolerances(sweep, values, first, table) if tolerance is None else np.full(len(first), tolerance)
    place = np.arange(len(values)) - np.repeat(first, length)
    above = ~(values <= np.repeat(limits, length))
    held = np.maximum.reduceat(np.where(above, place + 1, 0), first)
    steps = history["step"].to_numpy(float)
    table[TOLERANCE] = limits
    table[STEPS] = np.where(held < length, steps[first + np.minimum(held, length - 1)], math.inf)
    return table


def late_means(history: pd.DataFrame, columns: Sequence[str]) -> pd.DataFrame:
    """A row a run: the means of some columns over its last 20 % of evaluations. history: not empty."""
    first, length = _rows_of_runs(history)
    late, tail_first, tail = _tails(first, length)
    table = history.iloc[first][["configuration", "seed"]].reset_index(drop=True)
    for column in columns:
        table[column] = np.add.reduceat(np.asarray(history[column], float)[late], tail_first) / tail
    return table


def _rows_of_runs(history: pd.DataFrame) -> tuple[NDArray[Any], NDArray[Any]]:
    """The first row of each run, and how many it has: they lie together."""
    run: Any = history.groupby(["configuration", "seed"], sort=False).ngroup().to_numpy()
    first = np.flatnonzero(np.diff(run, prepend=-1))
    return first, np.diff(first, append=len(run))


def _tails(first: NDArray[Any], length: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    """Which rows are among the last 20 % of their run; among these the first of each run, and how many."""
    tail = np.ceil(LAST_SHARE * length).astype(int)
    place = np.arange(length.sum()) - np.repeat(first, length)
    return place >= np.repeat(length - tail, length), np.cumsum(tail) - tail, tail


def _primary(sweep: "Sweep") -> NDArray[Any]:
    """The primary metric of each row of the history."""
    history = sweep.history
    metric = dict(zip(sweep.configurations["configuration"], sweep.configurations["metric"], strict=True))
    if len(set(metric.values())) == 1:
        return np.asarray(history[next(iter(metric.values()))], float)
    name = history["configuration"].map(metric)
    values = np.full(len(history), np.nan)
    for one in set(metric.values()) & set(history):
        mine = (name == one).to_numpy()
        values[mine] = history[one].to_numpy(float)[mine]
    return values


def _tolerances(
    sweep: "Sweep", values: NDArray[Any], first: NDArray[Any], table: pd.DataFrame
) -> NDArray[Any]:
    """The tolerance of each run: a share of the untrained generators' median, metric by metric."""
    metric = dict(zip(sweep.configurations["configuration"], sweep.configurations["metric"], strict=True))
    untrained = pd.Series(values[first]).groupby(table["configuration"].map(metric))
    return np.asarray(TOLERANCE_SHARE * untrained.transform("median"))


def check_metric(sweep: "Sweep", metric: str | None) -> None:
    """Raises UnknownNameError when a sweep has no such metric."""
    known = [
        str(name) for name in sweep.history if name not in ("configuration", "seed", "step", *sweep.swept)
    ]
    if metric is not None and metric not in (*known, *SUMMARIES):
        names = [*known, *SUMMARIES]
        hint = nearest(metric, names) or ";"
        raise UnknownNameError(f"metric {metric}: unknown{hint} known: {', '.join(names)}")


def check_keys(sweep: "Sweep", keys: Sequence[str]) -> None:
    """Raises UnknownNameError when a key was not swept."""
    for key in keys:
        if key not in sweep.swept:
            hint = nearest(key, sweep.swept)
            swept = ", ".join(sweep.swept) or "nothing"
            raise UnknownNameError(f"key {key}: was not swept{hint or ';'} swept: {swept}")


def label(row: Mapping[str, Any], swept: Sequence[str]) -> str:
    """A configuration in words: its swept keys and their labels, as far as it has them."""
    known = [key for key in swept if not pd.isna(row[key])]
    return ", ".join(f"{key}={row[key]}" for key in known) or f"configuration {row['configuration']}"


def unique_labels(rows: Sequence[Mapping[str, Any]], swept: Sequence[str]) -> list[str]:
    """The labels of configurations; those that would be alike carry the name of their folder."""
    labels = [label(row, swept) for row in rows]
    count = Counter(labels)
    return [
        one if count[one] == 1 else f"{one} ({row['configuration']})"
        for one, row in zip(labels, rows, strict=True)
    ]


def _metric_words(rows: pd.DataFrame) -> str:
    return " or ".join(rows["metric"].unique())
