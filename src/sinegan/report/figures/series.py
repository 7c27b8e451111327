"""Series of runs over steps: the choice of configurations, their names, and how they are drawn."""

from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.axis import XAxis, YAxis
from matplotlib.ticker import FuncFormatter
from numpy.typing import ArrayLike, NDArray

from sinegan.report.figures.style import LONG_LABEL, listed, plain, tidy
from sinegan.report.labels import short_keys
from sinegan.report.referee.analysis import Analysis
from sinegan.report.sweep import Sweep
from sinegan.statuses import DIVERGED, FAILED, STOPPED
from sinegan.storage.results import records

MOST_POINTS = 20_000
"""Above this many points an SVG has the runs as an image instead of curves."""

Row = dict[str, Any]


def choose_configurations(analysis: Analysis, most: int) -> tuple[list[Row], str]:
    """Chooses the configurations to show; returns them and a sentence on the choice, empty for all.

    Of too many it takes those with the fewest lost runs, then those with the lowest estimates, and as many
    of each target.
    """
    table = analysis.wide_table
    if len(table) <= most:
        return records(table), ""
    lost = table["failed"] + table["diverged"]
    keys = pd.DataFrame({"nothing": table["n"] == 0, "lost": lost, "estimate": table["estimate"]})
    problems = analysis.samples.rows["problem"].set_axis(table.index)
    ordered = keys.sort_values(["nothing", "lost", "estimate"], kind="stable").index
    turns = problems[ordered].groupby(problems[ordered]).cumcount()
    kept = set(turns.sort_values(kind="stable").index[:most])
    places = [place for place in ordered if place in kept]
    metrics = " or ".join(table["metric"].unique())
    which = f"lowest {metrics}" if not lost.any() else f"fewest lost runs, then lowest {metrics}"
    each = "of each target " if problems.nunique() > table["metric"].nunique() else ""
    return records(table.loc[places]), f"{most} of {len(table):,} configurations: {each}{which}."


def names(rows: list[Row], keys: list[str], letters: int = LONG_LABEL) -> list[str]:
    """The values of these swept keys, in at most so many characters: `tiny, 0.001`.

    A key that a configuration does not have (a penalty's weight where there is no penalty) is left out.
    """
    if not keys:
        return [plain(f"configuration {row['configuration']}", letters) for row in rows]
    values = [[str(row[key]) for key in keys if not pd.isna(row[key])] for row in rows]
    return [plain(listed(each, letters), letters) for each in values]


def keys_title(keys: list[str]) -> str:
    """The swept keys, as the title of a legend."""
    return plain(listed([*short_keys(keys).values()], LONG_LABEL))


def run_series(sweep: Sweep, row: Row, metric: str) -> pd.DataFrame:
    """A metric of the runs of a configuration: a row a step, a column a seed.

    After its end a run is inf when it diverged or failed (so a median counts it as the worst), its last
    value when it stopped early, and NaN when it is not finished.
    """
    history = sweep.history
    rows = history[history["configuration"] == row["configuration"]]
    if rows.empty or metric not in rows:
        return pd.DataFrame()
    series: pd.DataFrame = rows.pivot_table(index="step", columns="seed", values=metric, sort=True)
    runs = sweep.runs[sweep.runs["configuration"] == row["configuration"]]
    status: dict[Any, str] = dict(zip(runs["seed"], runs["status"], strict=True))
    for seed in series:
        after = series.index > series[seed].last_valid_index()
        if status.get(seed) in (DIVERGED, FAILED):
            series.loc[after, seed] = np.inf
        elif status.get(seed) == STOPPED:
            series[seed] = series[seed].ffill()
    return series


def quartiles(series: pd.DataFrame) -> pd.DataFrame:
    """Median and quartiles over the runs at each step: columns `low`, `median`, `high`.

    NaN where they do not exist, as when half of the runs are lost.
    """
    with np.errstate(invalid="ignore"):
        rows = np.nanquantile(series.to_numpy(float), [0.25, 0.5, 0.75], axis=1)
    rows[~np.isfinite(rows)] = np.nan
    return pd.DataFrame(rows.T, index=series.index, columns=["low", "median", "high"])


def draw_series(axes: Axes, series: pd.DataFrame, colour: str, dash: str, name: str, faint: bool) -> None:
    """Draws the median as a line, the middle half of the runs as a band, and each run faint.

    A cross marks where a run was lost.

    Arguments:
        axes: where to draw.
        series: as `run_series` makes them.
        colour: of all that is drawn.
        dash: the style of the line.
        name: the line's name in a legend.
        faint: whether to draw the single runs.
    """
    if faint:
        alpha = float(np.clip(2.5 / len(series.columns), 0.06, 0.35))
        finite = series.where(np.isfinite(series))
        axes.plot(
            finite.index,
            finite.to_numpy(),
            color=colour,
            linewidth=0.5,
            alpha=alpha,
            rasterized=finite.size > MOST_POINTS,
        )
        for seed in _lost(series):
            before = finite[seed].dropna()
            axes.plot(
                before.index[-1:], before.iloc[-1:], "x", color=colour, markersize=4, markeredgewidth=0.8
            )
    if len(series.columns) > 2:
        band = quartiles(series)
        axes.fill_between(band.index, band["low"], band["high"], color=colour, alpha=0.2, linewidth=0)
    line = quartiles(series)["median"]
    axes.plot(line.index, line, dash, color=colour, linewidth=1.3, label=name)


def _lost(series: pd.DataFrame) -> list[Any]:
    """The seeds of the runs that diverged or failed."""
    return [seed for seed in series.columns.tolist() if np.isinf(series[seed]).any()]


def scale(axis: XAxis | YAxis, values: ArrayLike) -> None:
    """Makes an axis logarithmic, with plain numbers, where all values (NaN aside) are positive."""
    array = np.asarray(values, float)
    known = array[np.isfinite(array)]
    logarithmic = known.size > 0 and known.min() > 0
    set_scale = axis.axes.set_xscale if isinstance(axis, XAxis) else axis.axes.set_yscale
    set_scale("log" if logarithmic else "linear")
    axis.set_major_formatter(FuncFormatter(tidy))
    # Within a decade or so there are too few powers of ten to read a value.
    ratio = known.max() / known.min() if logarithmic else np.inf
    digits = "123456789" if ratio < 4 else "25" if ratio < 100 else ""
    axis.set_minor_formatter(FuncFormatter(lambda value, _: _tick_label(value, digits)))


def _tick_label(value: float, digits: str) -> str:
    """The label of a tick, empty unless its value begins with one of these digits."""
    return tidy(value) if f"{value:.0e}"[0] in digits else ""


def all_values(shown: Iterable[pd.DataFrame]) -> NDArray[np.float64]:
    """All values of several series, flat."""
    return np.concatenate([series.to_numpy(float).ravel() for series in shown])
