"""The tables of a report and the sentences that belong to them."""

import math
from collections.abc import Iterator
from typing import Any

import pandas as pd

from sinegan.report.merging import split_overrides, swept_keys
from sinegan.report.referee.estimates import wide_table
from sinegan.report.referee.run_values import label, late_means
from sinegan.report.referee.statistics import caution
from sinegan.report.sweep import Sweep, UnreadableSweepError, load_sweep
from sinegan.statuses import ENDED_WELL
from sinegan.storage.results import records

__all__ = [
    "LOG_4",
    "Sweep",
    "UnreadableSweepError",
    "configurations_table",
    "label",
    "load_sweep",
    "notes",
    "objective",
    "split_overrides",
    "swept_keys",
    "theory_table",
    "wide_table",
]

LOG_4 = math.log(4)
MOST_NOTES = 12
"""Configurations whose lost runs have a sentence; of more the sum is told."""


def configurations_table(sweep: Sweep) -> pd.DataFrame:
    """The comparison table: a row a configuration, in the order of the sweep.

    Columns: the swept keys (and `metric` when configurations differ in it), `n`, `failed`,
    `diverged`, `estimate`, `low`, `high`, `median`, `seconds`, `rank`, `tie_group`. The estimate is
    of the primary metric of the `n` runs that ended well; `seconds` is the time of all its runs
    together. Configurations that are not separated from the best share its rank (`comparisons.ranks`).
    """
    wide = sweep.table
    mixed = ["metric"] if wide["metric"].nunique() > 1 else []
    fixed = ["n", "failed", "diverged", "estimate", "low", "high", "median", "seconds"]
    fixed += ["rank", "tie_group"]
    return wide[[*sweep.swept, *mixed, *fixed]]


def objective(sweep: Sweep) -> float:
    """What a search minimises: the mean of the primary metric over the runs of a configuration.

    Infinite when a run diverged or failed: a setting that loses runs is not a good one.
    """
    if not sweep.runs["status"].isin(ENDED_WELL).all():
        return math.inf
    values = list(sweep.values.values())
    return sum(values) / len(values) if values else math.inf


def theory_table(sweep: Sweep) -> pd.DataFrame:
    """How far each configuration is from the optimum of Goodfellow et al. 2014.

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


def notes(sweep: Sweep) -> list[str]:
    """Sentences that belong under the table: what is missing, what failed, how few seeds there are."""
    wide, values = sweep.table, sweep.values
    said: list[str] = [f"{remark}." for remark in sweep.remarks]
    runs = dict(iter(sweep.runs.groupby("configuration", sort=False)))
    short = wide[(wide[["unfinished", "diverged", "failed"]] > 0).any(axis=1)]
    for row in records(short.head(MOST_NOTES)):
        mine = runs.get(row["configuration"], sweep.runs.head(0))
        said += [f"{label(row, sweep.swept)}: {words}." for words in _shortcomings(row, mine, values)]
    if len(short) > MOST_NOTES:
        counts = {word: int(short[word].sum()) for word in ("unfinished", "diverged", "failed")}
        ends = ", ".join(f"{count:,} {word}" for word, count in counts.items() if count)
        said.append(f"{len(short):,} of {len(wide):,} configurations lack runs: {ends}; the table has all.")
    few = {n: caution(n) for n in sorted(set(wide["n"])) if caution(n)}
    return said + [f"n = {n}: {sentence}." for n, sentence in few.items()]


def _shortcomings(
    row: dict[str, Any], mine: pd.DataFrame, values: dict[tuple[str, int], float]
) -> Iterator[str]:
    """What a row's estimate does not tell. mine: its runs; values: the primary metric of all runs."""
    of_all = f"of {row['seeds']} runs"
    by_status = {str(status): runs for status, runs in mine.groupby("status")}
    if row["unfinished"]:
        begun = by_status.get("unfinished", mine.head(0))
        reached = "not begun"
        if len(begun):
            so_far = begun["seed"].map(lambda seed: values.get((row["configuration"], seed), math.nan))
            reached = f"step {begun['step'].max():,.0f} of {row['steps']:,}"
            reached += f", median {row['metric']} so far {so_far.median():.3g}"
        yield f"{row['unfinished']} {of_all} are unfinished ({reached})"
    if row["diverged"]:
        first = by_status["diverged"]["step"].min()
        yield f"{row['diverged']} {of_all} diverged, the first at step {first:,.0f}"
    if row["failed"]:
        messages = by_status["failed"]["message"].dropna().unique()
        yield f"{row['failed']} {of_all} failed: {'; '.join(messages)}"
