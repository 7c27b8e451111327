"""Tables by the keys, the metric and the shape that a command asks for."""

from collections.abc import Sequence
from typing import NamedTuple

import pandas as pd

from sinegan.report.referee.analysis import Analysis
from sinegan.report.referee.comparisons import MARGIN, winners
from sinegan.report.referee.estimates import estimates_table
from sinegan.report.referee.run_values import UnknownNameError, check_keys
from sinegan.report.sweep import Sweep
from sinegan.report.words.decisions import shared_note
from sinegan.report.words.escapes import in_file_name
from sinegan.report.words.tables import INTERVAL, label_texts, number, rank_words, spans


class View(NamedTuple):
    """A table with full precision, the same as people read it, and what stands out in it.

    bold: as `shown`, whether a cell is of a configuration that is separated from every other of its
    target and metric. comparisons: as `comparisons.compare` makes them. note: on the seeds, or nothing.
    """

    name: str
    title: str
    full: pd.DataFrame
    shown: pd.DataFrame
    bold: pd.DataFrame
    comparisons: pd.DataFrame
    note: str = ""


def by_view(
    sweep: Sweep,
    by: Sequence[str] = (),
    metric: str | None = None,
    tolerance: float | None = None,
    margin: float = MARGIN,
) -> View:
    """A row for each combination of some keys, or of all.

    Arguments:
        sweep: the sweep.
        by: the keys that the rows are named by; none are all swept keys.
        metric, tolerance: as `samples_of` takes them.
        margin: as `compare` takes it; a sequential design has its own.

    Raises:
        UnknownNameError: there is no such key or metric.
    """
    analysis = Analysis(sweep, margin)
    samples, comparisons = analysis.judged(metric, by, tolerance)
    note = shared_note(analysis) if analysis.pools(metric, by) else ""
    full = estimates_table(samples, comparisons)
    if full["metric"].nunique() == 1:
        full = full.drop(columns="metric")
    columns = {key: label_texts(full[key]) for key in samples.keys or ["name"]}
    if "metric" in full:
        columns["metric"] = full["metric"].tolist()
    columns["n"] = [str(n) for n in full["n"]]
    if full["lost"].any():
        columns["lost"] = [str(count) for count in full["lost"]]
    columns["estimate"] = [number(value) for value in full["estimate"]]
    columns[INTERVAL] = spans(full["low"], full["high"])
    columns["median"] = [number(value) for value in full["median"]]
    if samples.ranked and full["rank"].notna().any():
        columns["rank"] = rank_words(full["rank"], samples.rows["problem"])
    shown = pd.DataFrame(columns)
    winner = pd.Series(winners(samples, comparisons), index=full.index)
    bold = pd.DataFrame({name: winner & (name in ("estimate", "rank")) for name in shown})
    title = f"{samples.metric} by {', '.join(by)}" if by else samples.metric
    return View(in_file_name(title), title, sweep.in_full(full), shown, bold, comparisons, note)


def pivot_view(
    sweep: Sweep,
    rows: str,
    columns: str,
    metric: str | None = None,
    tolerance: float | None = None,
    margin: float = MARGIN,
) -> View:
    """A table of two keys: in each cell the estimate with its interval, over the rest of the grid.

    A target that was swept, too, has rows of its own.

    Arguments:
        sweep: the sweep.
        rows, columns: the two keys.
        metric, tolerance: as `samples_of` takes them.
        margin: as `compare` takes it.

    Raises:
        UnknownNameError: there is no such key or metric, or the two keys are the same.
    """
    check_keys(sweep, [rows, columns])
    if rows == columns:
        raise UnknownNameError(f"key {rows}: cannot be the rows and the columns; name two keys")
    analysis = Analysis(sweep, margin)
    samples, comparisons = analysis.judged(metric, [rows, columns], tolerance)
    table = estimates_table(samples, comparisons)
    index = [key for key in samples.keys if key != columns]
    if table["metric"].nunique() > 1:
        index.insert(0, "metric")
    long = _cells(table, [*index, columns]).assign(bold=winners(samples, comparisons))
    full = _wide(long, index, columns, "estimate").reset_index().rename_axis(columns=None)
    levels = list(dict.fromkeys(long[columns]))
    named = {level: f"{columns}={level}" for level in levels}
    shown = _wide(long, index, columns, "cell").fillna("-").rename(columns=named)
    bold = _wide(long, index, columns, "bold").eq(True).rename(columns=named)
    bold = bold.reset_index(drop=True)
    for place, key in enumerate(index):
        bold.insert(place, key, False)
    title = f"{samples.metric} by {rows} and {columns}"
    in_full = dict(zip(levels, sweep.in_full(pd.DataFrame({columns: levels}))[columns], strict=True))
    return View(
        in_file_name(title),
        title,
        sweep.in_full(full).rename(columns=in_full),
        shown.reset_index().rename_axis(columns=None),
        bold,
        comparisons,
        shared_note(analysis) if analysis.pools(metric, [rows, columns]) else "",
    )


def _cells(table: pd.DataFrame, keys: Sequence[str]) -> pd.DataFrame:
    """The keys of each row as texts, its `estimate`, and the text of its `cell`."""
    pairs = zip(table["estimate"], spans(table["low"], table["high"]), strict=True)
    cells = [number(value) if span == "-" else f"{number(value)} ({span})" for value, span in pairs]
    texts = {key: label_texts(table[key]) for key in keys}
    return table[["estimate"]].assign(cell=cells, **texts)


def _wide(long: pd.DataFrame, index: Sequence[str], columns: str, values: str) -> pd.DataFrame:
    """A column of a long table as a wide one: a column for each level of `columns`, in their order."""
    # Not `unstack(sort=False)`: pandas 2.2.1 puts values into the wrong cells.
    parts = {
        level: part.set_index(list(index))[values]
        for level, part in long.groupby(columns, sort=False, dropna=False)
    }
    rows = long[list(index)].drop_duplicates().set_index(list(index)).index
    return pd.concat(parts, axis=1).reindex(rows)
