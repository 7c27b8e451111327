"""The heat map shows every estimate in its cell, and marks lost runs."""

import itertools
import math
from typing import Any

import matplotlib
import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from sinegan.report.figures.heat_map import MOST_MAPS, heat_map, swept_pair
from sinegan.report.figures.style import PAGE, STYLE

SWEPT = ["g", "d"]


def grid(estimates: list[list[float]], **columns: Any) -> pd.DataFrame:
    """A table whose g grows along each row and whose d grows from row to row, written as text."""
    rows = [
        {"g": f"1e-{9 - across}", "d": f"{up + 1}e-10", "estimate": estimate}
        for up, row in enumerate(estimates)
        for across, estimate in enumerate(row)
    ]
    return pd.DataFrame(rows).assign(n=4, failed=0, diverged=0, **columns)


def drawn(table: pd.DataFrame, swept: list[str] | None = None, **more: Any) -> Figure:
    figure = heat_map(table, swept or SWEPT, "rmse", **more)
    assert figure is not None
    return figure


def words(axes: Any) -> dict[tuple[float, float], str]:
    return {text.get_position(): text.get_text() for text in axes.texts}


def test_a_heat_map_has_every_estimate_in_its_cell_whatever_the_order_of_the_rows() -> None:
    table = grid([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
    figure = drawn(table.sample(frac=1, random_state=0))
    axes, bar = figure.axes
    (image,) = axes.images
    assert image.get_array().tolist() == [[1, 2, 3], [4, 5, 6]]
    assert image.origin == "lower"
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("g", "d")
    assert [text.get_text() for text in axes.get_xticklabels()] == ["1e-9", "1e-8", "1e-7"]
    assert [text.get_text() for text in axes.get_yticklabels()] == ["1e-10", "2e-10"]
    assert bar.get_xlabel() == "rmse, less is better"
    assert (image.norm.vmin, image.norm.vmax) == (1, 6)


def test_a_heat_map_counts_lost_runs_and_crosses_cells_without_results() -> None:
    table = grid([[1.0, 2.0], [math.nan, 4.0]])
    table.loc[1, ["n", "diverged"]] = [2, 2]
    table.loc[2, ["n", "diverged", "failed"]] = [0, 3, 1]
    figure = drawn(table)
    axes = figure.axes[0]
    assert words(axes) == {(1, 0): "2", (0, 1): "×"}
    (patch,) = [one for one in axes.patches if isinstance(one, Rectangle)]
    assert patch.get_xy() == (-0.5, 0.5)
    assert patch.get_hatch()
    assert axes.images[0].get_array().mask.tolist() == [[False, False], [True, False]]
    said = figure.get_supxlabel().replace("\n", " ")
    assert said == "×: no run ended well. Number: so many runs diverged or failed."


def test_a_heat_map_is_drawn_when_every_run_was_lost() -> None:
    table = grid([[math.nan] * 2] * 2).assign(n=0, diverged=4)
    axes = drawn(table).axes[0]
    assert set(words(axes).values()) == {"×"}
    assert len(axes.patches) == 4


def test_a_heat_map_shows_estimates_worse_than_untrained_in_grey() -> None:
    figure = drawn(grid([[0.01, 0.1], [0.7, 1e8]]), untrained=0.7)
    image = figure.axes[0].images[0]
    assert image.norm.vmax == 0.7
    shades = image.cmap(image.norm(image.get_array()))[..., :3]
    assert np.ptp(shades[1, 1]) == 0
    assert all(np.ptp(shades[place]) > 0 for place in ((0, 0), (0, 1), (1, 0)))
    assert "Grey: worse than untrained (rmse 0.7)." in figure.get_supxlabel()
    assert "Grey" not in drawn(grid([[0.01, 0.1], [0.7, 0.5]]), untrained=0.7).get_supxlabel()


def test_a_heat_map_marks_cells_that_share_the_first_rank_with_a_dot() -> None:
    table = grid([[1.0, 2.0], [3.0, 4.0]]).assign(rank=[1, 3, 1, 3])
    figure = drawn(table)
    dots = [(line.get_xdata()[0], line.get_ydata()[0]) for line in figure.axes[0].lines]
    assert dots == [(0, 0), (0, 1)]
    assert figure.get_supxlabel() == "Dot: shares the first rank."
    assert len(drawn(table.assign(rank=1)).axes[0].lines) == 0


def test_other_swept_keys_have_a_heat_map_each_in_one_scale_and_too_many_are_cut() -> None:
    maps = [grid([[1.0 + k, 2.0], [3.0, 4.0]], loss=f"l{k}") for k in range(MOST_MAPS + 1)]
    figure = drawn(pd.concat(maps[:2]), ["loss", *SWEPT])
    first, second, _ = figure.axes
    assert [axes.get_title(loc="left") for axes in (first, second)] == ["l0", "l1"]
    assert second.images[0].get_array()[0, 0] == 2
    assert first.images[0].norm is second.images[0].norm
    figure = drawn(pd.concat(maps), ["loss", *SWEPT])
    assert len([axes for axes in figure.axes if axes.images]) == MOST_MAPS
    assert figure.get_supxlabel().startswith("The first 6 of 7 maps.")
    assert figure.get_figwidth() == PAGE


def test_a_heat_map_has_the_shape_of_its_grid_and_readable_ticks() -> None:
    columns = [str(place) for place in range(40)] * 2
    wide = drawn(grid([[1.0] * 40, [2.0] * 40]).assign(g=columns))
    square = drawn(grid([[1.0, 2.0], [3.0, 4.0]]))
    assert wide.get_figheight() < 0.5 * square.get_figheight()
    assert wide.axes[0].get_xticks().tolist() == list(range(0, 40, 3))
    assert wide.axes[0].get_xticklabels()[-1].get_text() == "39"


@pytest.mark.parametrize("keys", [["a"], ["a", "word"], ["a", "seed"], ["word", "seed"]])
def test_fewer_than_two_swept_numbers_have_no_heat_map(keys: list[str]) -> None:
    pairs = itertools.product("12", "34", "56")
    table = pd.DataFrame(pairs, columns=["a", "b", "seed"]).assign(word=["x", "1"] * 4)
    assert swept_pair(table, keys) is None
    assert swept_pair(table, [*keys, "b"]) == (("a", "b") if "a" in keys else None)


def test_the_scattered_pairs_of_a_search_have_no_heat_map() -> None:
    table = pd.DataFrame({"a": [f"{x}" for x in range(9)], "b": [f"{x / 7}" for x in range(9)]})
    assert swept_pair(table, ["a", "b"]) is None


def test_settings_that_belong_to_one_loss_each_have_no_heat_map() -> None:
    """Each configuration has its own pair, so a map would have a single cell."""
    table = grid([[1.0, 2.0], [3.0, 4.0]]).iloc[[0, 3]].assign(loss=["x", "y"])
    assert swept_pair(table, SWEPT) == ("g", "d")
    assert swept_pair(table, [*SWEPT, "loss"]) is None


def test_a_key_that_some_configurations_lack_has_a_heat_map_for_its_absence() -> None:
    table = grid([[1.0, 2.0], [3.0, 4.0]])
    both = pd.concat([table.assign(gamma="0.1"), table.assign(gamma=math.nan)], ignore_index=True)
    figure = drawn(both, ["gamma", *SWEPT])
    assert [axes.images[0].get_array().tolist() for axes in figure.axes[:2]] == [[[1, 2], [3, 4]]] * 2
    alone = drawn(table.assign(gamma=math.nan), [*SWEPT, "gamma"])
    assert alone.axes[0].images[0].get_array().tolist() == [[1, 2], [3, 4]]


def test_numbers_fit_the_cells_of_a_wide_heat_map_and_no_texts_overlap() -> None:
    table = grid([[1.0 + across for across in range(25)] for _ in range(10)], loss="x").assign(diverged=190)
    table["g"] = [f"{100 + place % 25}e-6" for place in range(len(table))]
    two = pd.concat([table, table.assign(loss="y")], ignore_index=True)
    figure = drawn(two, ["loss", *SWEPT], untrained=9.0)
    with matplotlib.rc_context(STYLE):  # as when it is saved
        figure.draw_without_rendering()
    first = figure.axes[0]
    cell = first.get_window_extent().width / 25
    assert max(text.get_window_extent().width for text in first.texts) < cell
    remark = figure._supxlabel  # type: ignore[attr-defined]
    assert remark.get_window_extent().y1 < first.xaxis.label.get_window_extent().y0
