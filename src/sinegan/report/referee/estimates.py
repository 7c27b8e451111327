"""A row a configuration: what its runs say."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from sinegan.report.referee.comparisons import ranks
from sinegan.report.referee.run_values import BEST, LAST, STEPS, TOLERANCE, WORST, Samples, run_summaries
from sinegan.report.referee.statistics import (
    estimate,
    interquartile_mean,
    median_interval,
    wilson,
)
from sinegan.statuses import DIVERGED, ENDED_WELL, FAILED
from sinegan.storage.results import records

if TYPE_CHECKING:
    from sinegan.report.sweep import Sweep


def wide_table(sweep: "Sweep") -> pd.DataFrame:
    """All that is known of each configuration: the columns of `configurations_table` and some more."""
    given = sweep.samples
    placed = sweep.placed
    counts = status_counts(sweep)
    seconds = sweep.runs.groupby("configuration")["seconds"].sum().to_dict()
    rows = []
    for about, name, rank, group in zip(
        records(sweep.labels), given.rows["name"], placed["rank"], placed["tie_group"], strict=True
    ):
        mine = np.array(list(given.values[name].values()))
        found = estimate(mine[np.isfinite(mine)], _positive(given, name))
        its = counts.get(about["configuration"], {})
        ended = sum(its.get(status, 0) for status in ENDED_WELL)
        lost = {status: its.get(status, 0) for status in (FAILED, DIVERGED)}
        unfinished = about["seeds"] - ended - sum(lost.values())
        rows.append(
            about
            | found._asdict()
            | lost
            | {"unfinished": unfinished, "seconds": seconds.get(about["configuration"], 0.0)}
            | {"rank": rank, "tie_group": group}
        )
    return pd.DataFrame(rows).astype({"rank": "Int64", "tie_group": "Int64"})


def status_counts(sweep: "Sweep") -> dict[str, dict[str, int]]:
    """How many runs of each configuration ended how."""
    found: dict[str, dict[str, int]] = {}
    sizes: Any = sweep.runs.groupby(["configuration", "status"]).size()
    for (configuration, status), count in sizes.items():
        found.setdefault(configuration, {})[status] = int(count)
    return found


def _positive(given: Samples, name: str) -> bool:
    # The labels of a large sweep are many; its problems are few.
    if len(given.positive) == 1:
        return next(iter(given.positive.values()))
    problem = given.rows.loc[given.rows["name"] == name, "problem"].iloc[0]
    return given.positive[problem]


def estimates_table(given: Samples, comparisons: pd.DataFrame) -> pd.DataFrame:
    """A row a configuration or group of any metric: the keys, `metric`, `n`, `lost` (runs that are
    infinite: lost, or censored), `estimate`, `low`, `high`, `median`, `median_low`, `median_high`, `rank`,
    `tie_group`. The median counts lost runs as the worst; the estimate is of the n others.
    """
    rows = []
    for name, metric, problem in zip(
        given.rows["name"], given.rows["metric"], given.rows["problem"], strict=True
    ):
        mine = np.array(list(given.values[name].values()))
        finite = mine[np.isfinite(mine)]
        found = estimate(finite, given.positive[problem])
        low, high = median_interval(mine)
        rows.append(
            {"metric": metric, "n": found.n, "lost": mine.size - finite.size}
            | {"estimate": found.estimate, "low": found.low, "high": found.high}
            | {"median": _median(mine), "median_low": low, "median_high": high}
        )
    keys = given.rows[given.keys] if given.keys else given.rows[["name"]]
    return pd.concat([keys, pd.DataFrame(rows), ranks(given, comparisons)], axis=1)


def secondary_table(sweep: "Sweep", tolerance: float | None = None) -> pd.DataFrame:
    """What else there is to say of the primary metric, a row a configuration.

    `median` with its interval and `interquartile_mean` of the runs, the lost ones as the worst (they can
    be infinite); `last`, `best` and `worst` (the worst over the last 20 % of evaluations), each estimated
    as the primary metric; `steps_to_tolerance`: the median over runs of the step from which on the metric
    is held at or below the `tolerance`, infinite where half of them never hold it; the shares of runs that
    `converged` (they hold it), `diverged` and `failed`, with Wilson intervals, of the runs that ended.
    """
    summaries = sweep.summaries if tolerance is None else run_summaries(sweep, None, tolerance)
    status = sweep.runs[["configuration", "seed", "status"]]
    joined = status.merge(summaries, on=["configuration", "seed"], how="left")
    groups = dict(iter(joined.groupby("configuration", sort=False)))
    counts = status_counts(sweep)
    rows = []
    for about, name in zip(records(sweep.labels), sweep.samples.rows["name"], strict=True):
        mine = groups.get(about["configuration"], joined.head(0))
        well = mine[mine["status"].isin(ENDED_WELL)]
        values = np.array(list(sweep.samples.values[name].values()))
        low, high = median_interval(values)
        row: dict[str, Any] = {key: about[key] for key in (*sweep.swept, "metric")} | {"n": len(well)}
        row |= {"median": _median(values), "median_low": low, "median_high": high}
        row["interquartile_mean"] = interquartile_mean(values)
        for summary in (LAST, BEST, WORST):
            found = estimate(well[summary].dropna().to_numpy(float), _positive(sweep.samples, name))
            row |= {summary: found.estimate, f"{summary}_low": found.low, f"{summary}_high": found.high}
        ended = counts.get(about["configuration"], {})
        lost = {word: ended.get(word, 0) for word in (DIVERGED, FAILED)}
        total = len(well) + sum(lost.values())
        steps = np.concatenate([well[STEPS].to_numpy(float), np.full(sum(lost.values()), math.inf)])
        row |= {TOLERANCE: mine[TOLERANCE].min(), STEPS: _median(steps)}
        for word, count in ({"converged": int(np.isfinite(steps).sum())} | lost).items():
            low, high = wilson(count, total)
            share = count / total if total else math.nan
            row |= {word: share, f"{word}_low": low, f"{word}_high": high}
        rows.append(row)
    return pd.DataFrame(rows)


def _median(values: Sequence[float] | Any) -> float:
    """The median, infinite where half of the values are."""
    ordered = np.sort(np.asarray(values, float))
    if not ordered.size:
        return math.nan
    low, high = ordered[(ordered.size - 1) // 2], ordered[ordered.size // 2]
    return float(low if low == high else (low + high) / 2)
