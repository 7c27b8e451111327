"""From the history of a sweep to one value a run: the samples that configurations are compared by."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sinegan.report.labels import unique_labels
from sinegan.report.referee.statistics import CONFIDENCE, LAST_SHARE
from sinegan.report.sweep import Sweep
from sinegan.schema import nearest
from sinegan.statuses import ENDED_WELL, UNFINISHED
from sinegan.storage.results import records

MEAN, LAST, BEST, WORST, STEPS = "mean", "last", "best", "worst", "steps_to_tolerance"
TOLERANCE = "tolerance"
SUMMARIES = (LAST, BEST, WORST, STEPS)
"""Secondary metrics: other ways to sum up the primary metric of a run."""
LESS_IS_BETTER = ("rmse", "bias", "spread", "energy_distance", "sliced_wasserstein", "mmd")
MORE_IS_BETTER = ("modes", "high_quality")
TOLERANCE_SHARE = 0.1
"""The tolerance by default: this share of the median over the sweep's untrained generators."""


class UnknownNameError(ValueError):
    """A key or a metric that the sweep does not have; the message names the nearest that it has."""


@dataclass(frozen=True)
class Samples:
    """One value a run, for each configuration (or group of configurations).

    rows: a row a configuration, with `name`, `problem` and the `keys` in which they differ. values: for
    each name, by seed; the value of a lost run is infinite, an unfinished run is absent. Only
    configurations of one problem (one target and one metric) are compared. positive: for each problem,
    whether all values are.
    """

    metric: str
    keys: list[str]
    rows: pd.DataFrame
    values: dict[str, dict[int, float]]
    positive: dict[str, bool]
    ranked: bool
    """Whether less or more is better; a gradient norm, say, is neither good nor bad."""
    more_is_better: bool = False
    confidence: Mapping[str, float] = field(default_factory=dict)
    """The confidence of the interval of an estimate, by name, where it is not CONFIDENCE."""

    def confidence_of(self, name: str) -> float:
        """The confidence of the interval of an estimate."""
        return self.confidence.get(name, CONFIDENCE)

    def problems(self) -> dict[str, list[str]]:
        """The names of the configurations of each problem."""
        names: dict[str, list[str]] = {}
        for name, problem in zip(self.rows["name"], self.rows["problem"], strict=True):
            names.setdefault(problem, []).append(name)
        return names


def samples_of(
    sweep: Sweep,
    metric: str | None = None,
    by: Sequence[str] | None = None,
    tolerance: float | None = None,
    summaries: pd.DataFrame | None = None,
) -> Samples:
    """The samples of a sweep.

    Arguments:
        sweep: the sweep.
        metric: a column of the history (its mean over the last 20 % of evaluations counts) or one of
            SUMMARIES of the primary metric; None is the primary metric.
        by: keys that make the groups, instead of all swept keys; the value of a seed is its geometric mean
            over the rest of the grid (the mean where there are values that are not positive), in which a
            lost run counts as the worst of all runs.
        tolerance: for `steps_to_tolerance`; None is a share of the untrained generators' median.
        summaries: `run_summaries` for this metric and tolerance, where they are at hand.

    Raises:
        UnknownNameError: the sweep has no such metric or did not sweep such a key.
    """
    check_metric(sweep, metric)
    check_keys(sweep, by or ())
    rows = _rows(sweep, metric)
    more = metric in MORE_IS_BETTER
    ranked = metric is None or metric in SUMMARIES or metric in LESS_IS_BETTER or more
    runs = _run_values(sweep, metric, tolerance, summaries)
    if metric is not None and metric not in SUMMARIES:
        rows = _measured(rows, runs)
    runs = _with_lost_runs(runs[runs["configuration"].isin(rows["configuration"])], ranked)
    problem_of = dict(zip(rows["configuration"], rows["problem"], strict=True))
    smallest = runs.groupby(runs["configuration"].map(problem_of))["value"].min()
    positive = {problem: bool(smallest.get(problem, 1.0) > 0) for problem in rows["problem"].unique()}
    metrics = " or ".join(rows["metric"].unique())
    if by:
        keys, groups, values = _pooled(runs, rows, sweep.swept, list(by), positive, more)
        return Samples(metrics, keys, groups, values, positive, ranked, more)
    name_of = dict(zip(rows["configuration"], rows["name"], strict=True))
    values = {name: {} for name in rows["name"]}
    for configuration, seed, value in zip(runs["configuration"], runs["seed"], runs["value"], strict=True):
        values[name_of[configuration]][int(seed)] = float(value)
    return Samples(metrics, list(sweep.swept), rows, values, positive, ranked, more)


def _rows(sweep: Sweep, metric: str | None) -> pd.DataFrame:
    """A row a configuration, with its `metric`, `problem` and `name`."""
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
    return rows


def _measured(rows: pd.DataFrame, runs: pd.DataFrame) -> pd.DataFrame:
    """The rows without the problems in which no run that ended well has the metric: a curve has no modes."""
    ended = runs[runs["status"].isin(ENDED_WELL)]
    problem_of = dict(zip(rows["configuration"], rows["problem"], strict=True))
    known = ended["value"].notna().groupby(ended["configuration"].map(problem_of)).any()
    return rows[~rows["problem"].isin(known.index[~known])].reset_index(drop=True)


def _with_lost_runs(runs: pd.DataFrame, ranked: bool) -> pd.DataFrame:
    """Gives lost runs an infinite value where a metric is ranked, and leaves out unfinished ones."""
    lost = ~runs["status"].isin(ENDED_WELL)
    runs = runs[~lost | ((runs["status"] != UNFINISHED) & ranked)]
    values = runs["value"].mask(lost | runs["value"].isna(), math.inf) if ranked else runs["value"]
    return runs.assign(value=values)[values.notna()]


def _pooled(
    runs: pd.DataFrame,
    rows: pd.DataFrame,
    swept: Sequence[str],
    by: list[str],
    positive: dict[str, bool],
    more_is_better: bool,
) -> tuple[list[str], pd.DataFrame, dict[str, dict[int, float]]]:
    """Pools the configurations that are alike in some keys, seed by seed.

    Arguments:
        runs: a row a run, with its `configuration`, `seed` and `value`.
        rows: a row a configuration, as `Samples` has them.
        swept: all swept keys.
        by: those that make the groups.
        positive, more_is_better: as `Samples` has them.

    Returns:
        The keys, rows and values of `Samples`.
    """
    groups = rows.drop_duplicates([*by, "problem"]).drop(columns="name").reset_index(drop=True)
    several = [key for key in swept if key.split(".")[0] == "target" and key not in by]
    # Configurations of different targets are not pooled: the group is named by its target as well.
    keys = [*several, *by]
    groups["name"] = unique_labels(records(groups), keys)
    joined = runs[["configuration", "seed", "value"]].merge(
        rows[["configuration", *by, "problem"]], on="configuration"
    )
    joined = joined.merge(groups[[*by, "problem", "name"]], on=[*by, "problem"])
    values: dict[str, dict[int, float]] = {name: {} for name in groups["name"]}
    for problem, its_runs in joined.groupby("problem"):
        finite = its_runs["value"][np.isfinite(its_runs["value"])]
        worst = (finite.min() if more_is_better else finite.max()) if len(finite) else math.inf
        logs = positive[str(problem)]
        filled = its_runs["value"].replace(math.inf, worst)
        scaled = np.log(filled) if logs else filled
        cells: Any = scaled.groupby([its_runs["name"], its_runs["seed"]])
        all_lost = np.isinf(its_runs["value"]).groupby([its_runs["name"], its_runs["seed"]]).all()
        for (name, seed), value in cells.mean().items():
            pooled = math.exp(value) if logs else float(value)
            values[name][int(seed)] = math.inf if all_lost[name, seed] else pooled
    return keys, groups, values


def _run_values(
    sweep: Sweep, metric: str | None, tolerance: float | None, summaries: pd.DataFrame | None
) -> pd.DataFrame:
    """A row a run: `configuration`, `seed`, `status` and `value`. Arguments as for `samples_of`."""
    if summaries is None:
        of_primary = metric is None or metric in SUMMARIES
        summaries = run_summaries(sweep, None if of_primary else metric, tolerance)
    summary = metric if metric in SUMMARIES else MEAN
    known = summaries[["configuration", "seed", summary]].rename(columns={summary: "value"})
    return sweep.runs[["configuration", "seed", "status"]].merge(
        known, on=["configuration", "seed"], how="left"
    )


def run_summaries(sweep: Sweep, metric: str | None = None, tolerance: float | None = None) -> pd.DataFrame:
    """A row a run with evaluations: `mean` and `worst` over the last 20 % of them, `last`, `best`, and
    `steps_to_tolerance`, the step from which on the metric is never above the tolerance (infinite when
    it is at the end: right-censored). metric: None is the primary metric.
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


def objective(sweep: Sweep) -> float:
    """The value that a search minimises: the mean of the primary metric over the runs of a configuration.

    Infinite when a run diverged or failed: a setting that loses runs is not a good one.
    """
    if not sweep.runs["status"].isin(ENDED_WELL).all():
        return math.inf
    values: list[float] = run_summaries(sweep)[MEAN].tolist()
    return sum(values) / len(values) if values else math.inf


def untrained(history: pd.DataFrame, metric: str) -> float | None:
    """The median of a metric before the first step, where it was measured."""
    if metric not in history:
        return None
    start = history.loc[history["step"] == 0, metric].dropna()
    return float(start.median()) if len(start) else None


def _rows_of_runs(history: pd.DataFrame) -> tuple[NDArray[Any], NDArray[Any]]:
    """The first row of each run, and the number of its rows: they lie together."""
    run: Any = history.groupby(["configuration", "seed"], sort=False).ngroup().to_numpy()
    first = np.flatnonzero(np.diff(run, prepend=-1))
    return first, np.diff(first, append=len(run))


def _tails(first: NDArray[Any], length: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    """Finds the last 20 % of the rows of each run.

    Returns a mask of all rows; the first of each run among the masked ones; and their number in each run.
    """
    tail = np.ceil(LAST_SHARE * length).astype(int)
    place = np.arange(length.sum()) - np.repeat(first, length)
    return place >= np.repeat(length - tail, length), np.cumsum(tail) - tail, tail


def _metrics(sweep: Sweep) -> dict[str, str]:
    """The primary metric of each configuration."""
    return dict(zip(sweep.configurations["configuration"], sweep.configurations["metric"], strict=True))


def _primary(sweep: Sweep) -> NDArray[Any]:
    """The value of the primary metric in each row of the history."""
    history, metrics = sweep.history, _metrics(sweep)
    if len(set(metrics.values())) == 1:
        return np.asarray(history[next(iter(metrics.values()))], float)
    names = history["configuration"].map(metrics)
    values = np.full(len(history), np.nan)
    for name in set(metrics.values()) & set(history):
        chosen = (names == name).to_numpy()
        values[chosen] = history[name].to_numpy(float)[chosen]
    return values


def _tolerances(sweep: Sweep, values: NDArray[Any], first: NDArray[Any], table: pd.DataFrame) -> NDArray[Any]:
    """The tolerance of each run: a share of the untrained generators' median, metric by metric.

    Arguments:
        sweep: the sweep.
        values: the metric in each row of the history.
        first: the first row of each run.
        table: a row a run, with its `configuration`.
    """
    at_start = pd.Series(values[first]).groupby(table["configuration"].map(_metrics(sweep)))
    return np.asarray(TOLERANCE_SHARE * at_start.transform("median"))


def check_metric(sweep: Sweep, metric: str | None) -> None:
    """Raises UnknownNameError when a sweep has no such metric."""
    measured = [
        str(name) for name in sweep.history if name not in ("configuration", "seed", "step", *sweep.swept)
    ]
    if metric is not None and metric not in (*measured, *SUMMARIES):
        names = [*measured, *SUMMARIES]
        hint = nearest(metric, names) or ";"
        raise UnknownNameError(f"metric {metric}: unknown{hint} known: {', '.join(names)}")


def check_keys(sweep: Sweep, keys: Sequence[str]) -> None:
    """Raises UnknownNameError when a key was not swept."""
    for key in keys:
        if key not in sweep.swept:
            hint = nearest(key, sweep.swept)
            swept = ", ".join(sweep.swept) or "nothing"
            raise UnknownNameError(f"key {key}: was not swept{hint or ';'} swept: {swept}")
