"""Tables by the keys, the metric and the shape that one asks for."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import pandas as pd

from sinegan.report.referee.comparisons import compare_samples
from sinegan.report.referee.estimates import estimates_table
from sinegan.report.referee.run_values import UnknownNameError, check_keys, samples
from sinegan.report.referee.statistics import CONFIDENCE
from sinegan.report.words.escapes import in_file_name
from sinegan.report.words.text import number, rank_words, spans, told, winners

if TYPE_CHECKING:
    from sinegan.report.sweep import Sweep


class View(NamedTuple):
    """A table with full precision, the same as people read it, and what stands out in it.

    bold: as `shown`, whether a cell is of a configuration that is separated from every other of its
    target and metric. comparisons: as `comparisons.compare` makes them.
    """

    name: str
    title: str
    full: pd.DataFrame
    shown: pd.DataFrame
    bold: pd.DataFrame
    comparisons: pd.DataFrame


def by_view(
    sweep: "Sweep", by: Sequence[str] = (), metric: str | None = None, tolerance: float | None = None
) -> View:
    """A row for each combination of some keys, or of all. Raises UnknownNameError."""
    given = samples(sweep, metric, by, tolerance)
    comparisons = compare_samples(given)
    full = estimates_table(given, comparisons)
    if full["metric"].nunique() == 1:
        full = full.drop(columns="metric")
    single = pd.Series(
        winners(pd.concat([given.rows["problem"], full[["rank", "tie_group"]]], axis=1)), index=full.index
    )
    columns = {key: told(full[key]) for key in given.keys or ["name"]}
    if "metric" in full:
        columns["metric"] = full["metric"].tolist()
    columns["n"] = [str(n) for n in full["n"]]
    if full["lost"].any():
        columns["lost"] = [str(count) for count in full["lost"]]
    columns["estimate"] = [number(value) for value in full["estimate"]]
    columns[f"{CONFIDENCE:.0%} interval"] = spans(full["low"], full["high"])
    columns["median"] = [number(value) for value in full["median"]]
    if given.ranked and full["rank"].notna().any():
        columns["rank"] = rank_words(full["rank"], given.rows["problem"])
    shown = pd.DataFrame(columns)
    bold = pd.DataFrame({name: single & (name in ("estimate", "rank")) for name in shown})
    title = f"{given.metric} by {', '.join(by)}" if by else given.metric
    return View(in_file_name(title), title, sweep.in_full(full), shown, bold, comparisons)


def pivot_view(
    sweep: "Sweep", rows: str, columns: str, metric: str | None = None, tolerance: float | None = None
) -> View:
    """A table of two keys: in each cell the estimate with its interval, over the rest of the grid.

    A target that was swept, too, has rows of its own. Raises UnknownNameError.
    """
    check_keys(sweep, [rows, columns])
    if rows == columns:
        raise UnknownNameError(f"key {rows}: cannot be the rows and the columns; name two keys")
    given = samples(sweep, metric, [rows, columns], tolerance)
    comparisons = compare_samples(given)
    table = estimates_table(given, comparisons)
    table["bold"] = winners(pd.concat([given.rows["problem"], table[["rank", "tie_group"]]], axis=1))
    intervals = spans(table["low"], table["high"])
    table["cell"] = [
        number(value) if span == "-" else f"{number(value)} ({span})"
        for value, span in zip(table["estimate"], intervals, strict=True)
    ]
    index = [key for key in given.keys if key != columns]
    if table["metric"].nunique() > 1:
        index.insert(0, "metric")
    keys = table[["estimate", "cell", "bold"]].assign(**{key: told(table[key]) for key in (*index, columns)})
    order = list(dict.fromkeys(keys[columns]))

    def wide(values: str) -> pd.DataFrame:
        pivoted = keys.set_index([*index, columns])[values].unstack(columns, sort=False)
        return pivoted[order]

    full = wide("estimate").reset_index().rename_axis(columns=None)
    named = {level: f"{columns}={level}" for level in order}
    cells = wide("cell").fillna("-").rename(columns=named)
    bold = wide("bold").fillna(False).astype(bool).rename(columns=named).reset_index(drop=True)
    for place, key in enumerate(index):
        bold.insert(place, key, False)
    title = f"{given.metric} by {rows} and {columns}"
    shown = cells.reset_index().rename_axis(columns=None)
    levels = dict(zip(order, sweep.in_full(pd.DataFrame({columns: order}))[columns], strict=True))
    return View(
        in_file_name(title), title, sweep.in_full(full).rename(columns=levels), shown, bold, comparisons
    )
