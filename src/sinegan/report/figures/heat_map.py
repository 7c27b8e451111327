"""The heat map over two swept numbers."""

import math
from typing import Any, NamedTuple

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LogNorm, Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from sinegan.report.figures.series import keys_title, names, scale
from sinegan.report.figures.style import COLUMN, HIGHEST, LONG_NAME, PAGE, STYLE, headline, plain, tidy
from sinegan.storage.results import records
from sinegan.storage.sweep_folder import SEED_KEYS

MOST_MAPS = 6
MOST_TICKS = 16
LARGEST_MARK = 6.0
"""Size of a number in a cell, points; in many cells it is smaller."""
FILLED = 0.5
"""Least share of trained cells: a search visits few, which make no map."""
WORSE, HATCH = "#D9D9D9", "#8C8C8C"
COLOUR_MAP = matplotlib.colormaps["viridis"].with_extremes(over=WORSE)


class Pair(NamedTuple):
    """Two swept keys that hold numbers."""

    across: str
    up: str


def heat_map(
    table: pd.DataFrame, swept: list[str], metric: str, untrained: float | None = None
) -> Figure | None:
    """The estimate over two swept numbers, a map for each combination of the other keys.

    Lost runs are shown: by their number where some of a cell diverged or failed, by a hatched cell with a
    cross where none ended well. A dot marks what shares the first rank.

    Arguments:
        table: as for `interval_plot`.
        swept: the swept keys.
        metric: the name of the primary metric.
        untrained: the metric before the first step; worse values are grey, so that a few explosions do not
            take all colours.
    """
    pair = swept_pair(table, swept)
    if pair is None:
        return None
    others = [key for key in swept if key not in pair]
    # Configurations without a key have a map of their own.
    groups = [group for _, group in table.groupby(others, sort=False, dropna=False)] if others else [table]
    shown = groups[:MOST_MAPS]
    titles = names([records(group)[0] for group in shown], others, LONG_NAME) if others else [""]
    norm = _norm(table["estimate"], untrained)
    marked = "rank" in table and bool((table["rank"] > 1).any())
    with matplotlib.rc_context(STYLE):
        figure, grid = _frame(len(shown), table[pair.up].nunique() / table[pair.across].nunique())
        for axes, group, title in zip(grid, shown, titles, strict=True):
            _draw(axes, group.assign(marked=(group["rank"] == 1) if marked else False), pair, norm)
            axes.set_title(title)
            axes.set_xlabel(plain(pair.across))
        grid[0].set_ylabel(plain(pair.up))
        guide = _guide(table, marked)
        if table["estimate"].notna().any():
            worse = bool((table["estimate"] > norm.vmax).any())
            _add_colour_bar(figure, grid, norm, metric, worse)
            guide += [f"Grey: worse than untrained ({metric} {untrained:.3g})."] if worse else []
        if len(shown) < len(groups):
            guide.insert(0, f"The first {len(shown)} of {len(groups):,} maps.")
        if others:
            guide.append(f"Maps: {keys_title(others)}.")
        headline(
            figure, f"{metric} of each pair of {_last(pair.across)} and {_last(pair.up)}", " ".join(guide)
        )
    return figure


def _add_colour_bar(figure: Figure, grid: list[Axes], norm: Normalize, metric: str, worse: bool) -> None:
    """Draws the scale of all maps above them. worse: whether some estimates lie beyond it."""
    extend = "max" if worse else "neither"
    colours = ScalarMappable(norm, COLOUR_MAP)
    bar = figure.colorbar(colours, ax=grid, location="top", aspect=30, shrink=0.9, extend=extend)
    bar.set_label(f"{metric}, less is better", fontsize=7)
    scale(bar.ax.xaxis, np.array([norm.vmin, norm.vmax], float))
    bar.ax.tick_params(which="both", length=2.5, pad=2)  # major and minor labels on one line


def _frame(maps: int, aspect: float) -> tuple[Figure, list[Axes]]:
    """A figure for maps: a column wide for one, a page wide for several. aspect: height by width of a map."""
    columns = min(maps, 3)
    rows = math.ceil(maps / columns)
    width = COLUMN * 1.2 if maps == 1 else PAGE
    map_width = (width - 0.75) / columns
    figure = Figure(figsize=(width, min(HIGHEST, 1.2 + rows * (0.75 + map_width * aspect))))
    grid = list(figure.subplots(rows, columns, squeeze=False, sharey=True).flat)
    for axes in grid[maps:]:
        axes.set_axis_off()
    return figure, grid[:maps]


def swept_pair(table: pd.DataFrame, swept: list[str]) -> Pair | None:
    """The first two swept keys whose values are all numbers, if their maps are mostly filled."""
    keys = [key for key in swept if key not in SEED_KEYS and not _numbers(table[key]).isna().any()]
    if len(keys) < 2:
        return None
    across, up = keys[:2]
    others = [key for key in swept if key not in (across, up)]
    maps = len(table[others].drop_duplicates()) if others else 1
    trained = len(table[[across, up, *others]].drop_duplicates())
    possible = table[across].nunique() * table[up].nunique() * maps
    return Pair(across, up) if trained >= FILLED * possible else None


def _draw(axes: Axes, table: pd.DataFrame, pair: Pair, norm: Normalize) -> None:
    """One map. table: with `marked`, whether a cell has a dot."""
    x, y = (_numbers(table[key]) for key in pair)
    columns, rows = sorted(x.unique()), sorted(y.unique())
    estimates = np.full((len(rows), len(columns)), np.nan)
    digits = len(str((table["failed"] + table["diverged"]).max()))
    size = _mark_size(axes, max(len(columns), len(rows)), digits)
    for row, across, up in zip(records(table), x, y, strict=True):
        column, level = columns.index(across), rows.index(up)
        estimates[level, column] = row["estimate"]
        _mark(axes, column, level, row, norm, size)
    axes.imshow(np.ma.masked_invalid(estimates), cmap=COLOUR_MAP, norm=norm, origin="lower", aspect="equal")
    every = math.ceil(len(columns) / MOST_TICKS), math.ceil(len(rows) / MOST_TICKS)
    axes.set_xticks(range(0, len(columns), every[0]), [tidy(x) for x in columns[:: every[0]]], rotation=90)
    axes.set_yticks(range(0, len(rows), every[1]), [tidy(y) for y in rows[:: every[1]]])
    axes.tick_params(length=0)


def _mark_size(axes: Axes, cells: int, digits: int) -> float:
    """The size, in points, of numbers that fit into cells. cells: in a row or column of the map."""
    width = 0.8 * axes.get_figure().get_figwidth() / axes.get_gridspec().ncols  # type: ignore[union-attr]
    return min(LARGEST_MARK, 72 * width / cells / (0.7 * digits))


def _mark(axes: Axes, column: int, level: int, row: dict[str, Any], norm: Normalize, size: float) -> None:
    """Marks lost runs and ties in a cell.

    Arguments:
        axes: the map.
        column, level: the place of the cell.
        row: the configuration, with `marked`: whether the cell has a dot.
        norm: the colour scale.
        size: of a number, points.
    """
    lost = row["failed"] + row["diverged"]
    words: Any = {"ha": "center", "va": "center"}
    if lost and not row["n"]:
        corner = (column - 0.5, level - 0.5)
        axes.add_patch(Rectangle(corner, 1, 1, facecolor="white", edgecolor=HATCH, hatch="/////", lw=0))
        axes.text(column, level, "×", fontsize=1.5 * size, fontweight="bold", **words)
    elif row["n"]:
        ink = "black" if norm(row["estimate"]) > 0.6 else "white"
        if lost:
            axes.text(column, level, str(lost), fontsize=size, color=ink, **words)
        elif row["marked"]:
            axes.plot(column, level, "o", markersize=size / 2, color=ink)


def _guide(table: pd.DataFrame, marked: bool) -> list[str]:
    """Sentences that explain the marks of a map."""
    lost = table["failed"] + table["diverged"]
    keys = []
    if (lost[table["n"] == 0] > 0).any():
        keys.append("×: no run ended well.")
    if (lost[table["n"] > 0] > 0).any():
        keys.append("Number: so many runs diverged or failed.")
    if marked:
        keys.append("Dot: shares the first rank.")
    return keys


def _last(key: str) -> str:
    """`generator_lr` of `optim.generator_lr`."""
    return plain(key.rpartition(".")[2])


def _numbers(values: "pd.Series[str]") -> "pd.Series[float]":
    return pd.to_numeric(values, errors="coerce")


def _norm(estimates: "pd.Series[float]", untrained: float | None) -> Normalize:
    """A scale from the lowest estimate to the highest, or to an untrained generator's; log where positive."""
    known = estimates.dropna()
    if known.empty:
        return Normalize(0, 1)
    low, high = float(known.min()), float(known.max())
    if untrained is not None and low < untrained < high:
        high = untrained
    return (LogNorm if low > 0 else Normalize)(low, high)
