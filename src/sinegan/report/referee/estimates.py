"""Tables of numbers with a row a configuration."""

import math
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from sinegan.report.referee.comparisons import ranks
from sinegan.report.referee.run_values import BEST, LAST, STEPS, TOLERANCE, WORST, Samples, late_means
from sinegan.report.referee.statistics import estimate, interquartile_mean, median_interval, wilson
from sinegan.report.sweep import Sweep
from sinegan.statuses import DIVERGED, ENDED_WELL, FAILED
from sinegan.storage.results import records

LOG_4 = math.log(4)


def wide_table(sweep: Sweep, samples: Samples, placed: pd.DataFrame) -> pd.DataFrame:
    """All numbers of each configuration: the columns of `configurations_table` and some more.

    samples: of the primary metric. placed: their `ranks`.
    """
    counts = status_counts(sweep)
    seconds = sweep.runs.groupby("configuration")["seconds"].sum().to_dict()
    rows = []
    for about, name, rank, group in zip(
        records(sweep.labels), samples.rows["name"], placed["rank"], placed["tie_group"], strict=True
    ):
        values = np.array(list(samples.values[name].values()))
        statuses = counts.get(about["configuration"], {})
        ended = sum(statuses.get(status, 0) for status in ENDED_WELL)
        lost = {status: statuses.get(status, 0) for status in (FAILED, DIVERGED)}
        unfinished = about["seeds"] - ended - sum(lost.values())
        rows.append(
            about
            | estimate(
                values[np.isfinite(values)], _positive(samples, name), samples.confidence_of(name)
            )._asdict()
            | lost
            | {"unfinished": unfinished, "seconds": seconds.get(about["configuration"], 0.0)}
            | {"rank": rank, "tie_group": group}
        )
    return pd.DataFrame(rows).astype({"rank": "Int64", "tie_group": "Int64"})


def configurations_table(sweep: Sweep, wide: pd.DataFrame) -> pd.DataFrame:
    """The comparison table: a row a configuration, in the order of the sweep.

    Columns: the swept keys (and `metric` when configurations differ in it), `n`, `failed`,
    `diverged`, `estimate`, `low`, `high`, `median`, `seconds`, `rank`, `tie_group`. The estimate is
    of the primary metric of the `n` runs that ended well; `seconds` is the time of all its runs
    together. Configurations that are not separated from the best share its rank (`comparisons.ranks`).
    wide: as `wide_table` makes it.
    """
    mixed = ["metric"] if wide["metric"].nunique() > 1 else []
    fixed = ["n", "failed", "diverged", "estimate", "low", "high", "median", "seconds"]
    fixed += ["rank", "tie_group"]
    return wide[[*sweep.swept, *mixed, *fixed]]


def status_counts(sweep: Sweep) -> dict[str, dict[str, int]]:
    """The number of runs with each status, by configuration."""
    counts: dict[str, dict[str, int]] = {}
    sizes: Any = sweep.runs.groupby(["configuration", "status"]).size()
    for (configuration, status), count in sizes.items():
        counts.setdefault(configuration, {})[status] = int(count)
    return counts


def _positive(samples: Samples, name: str) -> bool:
    # The labels of a large sweep are many; its problems are few.
    if len(samples.positive) == 1:
        return next(iter(samples.positive.values()))
    problem = samples.rows.loc[samples.rows["name"] == name, "problem"].iloc[0]
    return samples.positive[problem]


def estimates_table(samples: Samples, comparisons: pd.DataFrame) -> pd.DataFrame:
    """A row a configuration or group, for any metric.

    Columns: the keys, `metric`, `n`, `lost` (runs that are infinite: lost, or censored), `estimate`, `low`,
    `high`, `median`, `median_low`, `median_high`, `rank`, `tie_group`. The median counts lost runs as the
    worst; the estimate is of the n others.
    """
    sign = -1 if samples.more_is_better else 1
    rows = []
    for name, metric, problem in zip(
        samples.rows["name"], samples.rows["metric"], samples.rows["problem"], strict=True
    ):
        values = np.array(list(samples.values[name].values()))
        finite = values[np.isfinite(values)]
        center = estimate(finite, samples.positive[problem], samples.confidence_of(name))
        worst_last = np.where(np.isfinite(values), sign * values, math.inf)
        ends = [sign * end for end in median_interval(worst_last)]
        rows.append(
            {"metric": metric, "n": center.n, "lost": values.size - finite.size}
            | {"estimate": center.estimate, "low": center.low, "high": center.high}
            | {"median": sign * _median(worst_last), "median_low": min(ends), "median_high": max(ends)}
        )
    keys = samples.rows[samples.keys] if samples.keys else samples.rows[["name"]]
    return pd.concat([keys, pd.DataFrame(rows), ranks(samples, comparisons)], axis=1)


def secondary_table(sweep: Sweep, samples: Samples, summaries: pd.DataFrame) -> pd.DataFrame:
    """Further summaries of the primary metric, a row a configuration.

    `median` with its interval and `interquartile_mean` of the runs, the lost ones as the worst (they can
    be infinite); `last`, `best` and `worst` (the worst over the last 20 % of evaluations), each estimated
    as the primary metric; `steps_to_tolerance`: the median over runs of the step from which on the metric
    is held at or below the `tolerance`, infinite where half of them never hold it; the shares of runs that
    `converged` (they hold it), `diverged` and `failed`, with Wilson intervals, of the runs that ended.

    samples, summaries: of the primary metric, as `samples_of` and `run_summaries` make them.
    """
    status = sweep.runs[["configuration", "seed", "status"]]
    joined = status.merge(summaries, on=["configuration", "seed"], how="left")
    groups = dict(iter(joined.groupby("configuration", sort=False)))
    counts = status_counts(sweep)
    rows = []
    for about, name in zip(records(sweep.labels), samples.rows["name"], strict=True):
        runs = groups.get(about["configuration"], joined.head(0))
        well = runs[runs["status"].isin(ENDED_WELL)]
        values = np.array(list(samples.values[name].values()))
        low, high = median_interval(values)
        row: dict[str, Any] = {key: about[key] for key in (*sweep.swept, "metric")} | {"n": len(well)}
        row |= {"median": _median(values), "median_low": low, "median_high": high}
        row["interquartile_mean"] = interquartile_mean(values)
        for summary in (LAST, BEST, WORST):
            center = estimate(well[summary].dropna().to_numpy(float), _positive(samples, name))
            row |= {summary: center.estimate, f"{summary}_low": center.low, f"{summary}_high": center.high}
        statuses = counts.get(about["configuration"], {})
        lost = {status: statuses.get(status, 0) for status in (DIVERGED, FAILED)}
        steps = np.concatenate([well[STEPS].to_numpy(float), np.full(sum(lost.values()), math.inf)])
        row |= {TOLERANCE: runs[TOLERANCE].min(), STEPS: _median(steps)}
        converged = {"converged": int(np.isfinite(steps).sum())}
        row |= dict(_shares(converged | lost, total=steps.size))
        rows.append(row)
    return pd.DataFrame(rows)


def _shares(counts: Mapping[str, int], total: int) -> Iterator[tuple[str, float]]:
    """The columns of some counts as shares of a total, each with its interval."""
    for name, count in counts.items():
        low, high = wilson(count, total)
        yield name, count / total if total else math.nan
        yield f"{name}_low", low
        yield f"{name}_high", high


def theory_table(sweep: Sweep) -> pd.DataFrame:
    """The distance of each configuration from the optimum of Goodfellow et al. 2014.

    There D* = p_data / (p_data + p_g) = 1/2 and the value V = -log 4. Medians over the runs that
    ended well, of the mean over their last evaluations.
    """
    names = ["d_real", "d_fake", "value", "value_gap"]
    ended = sweep.runs[sweep.runs["status"].isin(ENDED_WELL)][["configuration", "seed"]]
    if ended.empty or sweep.history.empty:
        return pd.DataFrame(columns=[*sweep.swept, *names])
    by_run = late_means(sweep.history, names).merge(ended, on=["configuration", "seed"])
    medians = by_run.groupby("configuration", sort=False)[names].median().reset_index()
    labels = sweep.labels[["configuration", *sweep.swept]]
    return labels.merge(medians, on="configuration").drop(columns="configuration")


def _median(values: ArrayLike) -> float:
    """The median, infinite where half of the values are."""
    ordered = np.sort(np.asarray(values, float))
    if not ordered.size:
        return math.nan
    low, high = ordered[(ordered.size - 1) // 2], ordered[ordered.size // 2]
    return float(low if low == high else (low + high) / 2)
