"""The notes under a table: what is missing, what failed, and cautions about few seeds."""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pandas as pd

from sinegan.report.labels import label
from sinegan.report.referee.analysis import Analysis
from sinegan.report.referee.effects import MOST_COEFFICIENTS, MOST_WITH_PRODUCTS, coefficients
from sinegan.report.words.decisions import decision_notes
from sinegan.statuses import DIVERGED, FAILED, UNFINISHED
from sinegan.storage.results import records

MOST_NOTES = 12
"""Configurations whose lost runs have a sentence; of more there is only the sum."""
MOST_NAMED = 3
"""Configurations with few runs that are named."""
LACKS = (UNFINISHED, DIVERGED, FAILED)

CAUTIONS = {
    0: "no run finished, so there is nothing to estimate",
    1: "one seed gives a value, but no interval and no ranking: another seed may differ as much",
    2: "two seeds give a range, but no interval that could be trusted",
    3: "three seeds: the interval is honest but wide",
}
"""By the number of runs."""


def notes(analysis: Analysis) -> list[str]:
    """Sentences that belong under the table: what is missing, what failed, how few seeds there are."""
    sweep, wide = analysis.sweep, analysis.wide_table
    lines = [f"{remark}." for remark in sweep.remarks]
    runs = dict(iter(sweep.runs.groupby("configuration", sort=False)))
    short = wide[(wide[[*LACKS]] > 0).any(axis=1)]
    for row in records(short.head(MOST_NOTES)):
        its_runs = runs.get(row["configuration"], sweep.runs.head(0))
        name = label(row, sweep.swept)
        lines += [f"{name}: {words}." for words in _shortcomings(row, its_runs, analysis.values)]
    if len(short) > MOST_NOTES:
        counts = {status: int(short[status].sum()) for status in LACKS}
        ends = ", ".join(f"{count:,} {status}" for status, count in counts.items() if count)
        lines.append(f"{len(short):,} of {len(wide):,} configurations lack runs: {ends}; the table has all.")
    lines += [f"{whose}: {CAUTIONS[n]}." for n, whose in _few_runs(wide, sweep.swept)]
    return [*lines, *_left_out(analysis), *decision_notes(analysis)]


def _left_out(analysis: Analysis) -> Iterator[str]:
    """The effects of keys that are not computed, because the keys have too many levels."""
    alone, with_products = coefficients(analysis.samples)
    if alone > MOST_COEFFICIENTS:
        yield (
            f"The effects of the keys are left out: their levels need {alone:,} coefficients, and at most "
            f"{MOST_COEFFICIENTS:,} are fitted."
        )
    elif with_products > MOST_WITH_PRODUCTS:
        yield (
            f"Whether keys depend on one another was not tested: that needs {with_products:,} coefficients, "
            f"and at most {MOST_WITH_PRODUCTS:,} are fitted."
        )


def _few_runs(wide: pd.DataFrame, swept: Sequence[str]) -> Iterator[tuple[int, str]]:
    """Each small number of runs that ended well, and the names of the configurations that have it."""
    for n in sorted(set(wide["n"]) & set(CAUTIONS)):
        rows = records(wide[wide["n"] == n])
        names = [label(row, swept) for row in rows]
        if len(rows) == len(wide):
            yield n, f"n = {n}"
        elif len(rows) <= MOST_NAMED:
            yield n, f"{', '.join(names)} (n = {n})"
        else:
            yield n, f"{len(rows):,} configurations (n = {n})"


def _shortcomings(
    row: Mapping[str, Any], runs: pd.DataFrame, values: Mapping[tuple[str, int], float]
) -> Iterator[str]:
    """The facts that a row's estimate hides. runs: its own. values: the primary metric of all runs."""
    of_all = f"of {row['seeds']} runs"
    by_status = {str(status): group for status, group in runs.groupby("status")}
    if row[UNFINISHED]:
        begun = by_status.get(UNFINISHED, runs.head(0))
        reached = "not begun"
        if len(begun):
            so_far = begun["seed"].map(lambda seed: values.get((row["configuration"], seed), math.nan))
            reached = f"step {begun['step'].max():,.0f} of {row['steps']:,}"
            reached += f", median {row['metric']} so far {so_far.median():.3g}"
        yield f"{row[UNFINISHED]} {of_all} are unfinished ({reached})"
    if row[DIVERGED]:
        first = by_status[DIVERGED]["step"].min()
        yield f"{row[DIVERGED]} {of_all} diverged, the first at step {first:,.0f}"
    if row[FAILED]:
        messages = by_status[FAILED]["message"].dropna().unique()
        yield f"{row[FAILED]} {of_all} failed: {'; '.join(messages)}"
