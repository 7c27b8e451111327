"""The interval plot draws the estimate, the interval and the tie group of every configuration."""

import math
from typing import Any

import pandas as pd
from forged import Keys, sweep_of
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from values import drawn as values_of

from sinegan.report.figures.intervals import FIRST, MOST_NAMED, OTHER, interval_plot
from sinegan.report.referee.analysis import Analysis

COLUMNS = ["loss", "n", "failed", "diverged", "estimate", "low", "high", "rank", "tie_group"]
TABLE = pd.DataFrame(
    [
        ("c", 5, 0, 0, 3.0, 2.5, 3.5, 3, None),
        ("a", 5, 0, 0, 1.0, 0.5, 2.0, 1, "A"),
        ("gone", 0, 2, 3, math.nan, math.nan, math.nan, None, None),
        ("b", 4, 0, 1, 1.5, 0.7, 2.2, 1, "A"),
        ("two", 2, 0, 0, 2.0, math.nan, math.nan, 4, None),
    ],
    columns=COLUMNS,
)


def drawn(table: pd.DataFrame, **more: Any) -> tuple[Figure, Any]:
    figure = interval_plot(table, ["loss"], "rmse", **more)
    assert figure is not None
    (axes,) = figure.axes
    return figure, axes


def marks(axes: Any) -> dict[str, list[list[float]]]:
    """The estimates at their heights, by colour."""
    found: dict[str, list[list[float]]] = {}
    for line in axes.lines:
        if to_hex(line.get_color()).upper() in (FIRST, OTHER) and len(line.get_xdata()):
            found[to_hex(line.get_color()).upper()] = line.get_xydata().tolist()
    return found


def test_interval_rows_are_ordered_by_rank_and_show_names_intervals_and_lost_runs() -> None:
    _, axes = drawn(TABLE)
    assert [text.get_text() for text in axes.get_yticklabels()] == ["a", "b", "c", "two", "gone"]
    assert axes.yaxis_inverted()
    spans = sorted(
        segment.tolist() for lines in axes.collections for segment in lines.get_segments() if len(segment)
    )
    known = [span for span in spans if not math.isnan(span[0][0])]
    assert known == [[[0.5, 0], [2, 0]], [[0.7, 1], [2.2, 1]], [[2.5, 2], [3.5, 2]]]
    assert [text.get_text() for text in axes.texts] == ["A", "A  1 diverged", "", "", "3 diverged, 2 failed"]


def test_intervals_separated_from_the_best_have_another_colour() -> None:
    figure, axes = drawn(TABLE)
    found = marks(axes)
    assert found[FIRST] == [[1, 0], [1.5, 1]]
    assert [height for _, height in found[OTHER]] == [2, 3, 4]
    assert "share the first rank" in figure.get_supxlabel()


def test_intervals_without_any_separation_have_one_colour() -> None:
    for table in (TABLE.assign(rank=1), TABLE.drop(columns=["rank", "tie_group"])):
        figure, axes = drawn(table)
        assert set(marks(axes)) == {FIRST}
        assert "rank" not in figure.get_supxlabel()


def test_the_interval_plot_has_a_dot_for_each_run() -> None:
    values = [[3.0, 3.1], [1.0], [], [1.4, 1.6], [2.0]]
    _, axes = drawn(TABLE, runs=values)
    dots = [line.get_xydata().tolist() for line in axes.lines if line.get_markersize() < 2]
    assert dots == [[[1, 0.3]], [[1.4, 1.3], [1.6, 1.3]], [[3, 2.3], [3.1, 2.3]], [[2, 3.3]], []]


def test_the_interval_axis_is_linear_for_negative_values_and_logarithmic_otherwise() -> None:
    assert drawn(TABLE)[1].get_xscale() == "log"
    assert drawn(TABLE.assign(low=-1.0))[1].get_xscale() == "linear"


def test_the_intervals_of_many_configurations_are_drawn_without_names() -> None:
    count = MOST_NAMED + 1
    many = pd.DataFrame(
        [(str(place), 5, 0, 0, 1.0 + place, 0.5, 60.0, place + 1, None) for place in range(count)],
        columns=COLUMNS,
    )
    many.loc[count - 1, ["n", "diverged", "estimate"]] = [0, 5, math.nan]
    figure, axes = drawn(many)
    assert axes.get_yticks().tolist() == []
    assert axes.get_ylabel() == "all 41 configurations"
    assert sum(len(places) for places in marks(axes).values()) == 41
    assert "Below, without a mark: 1 in which no run ended well." in figure.get_supxlabel().replace("\n", " ")


def test_no_estimates_have_no_interval_plot() -> None:
    assert interval_plot(TABLE.iloc[[2]], ["loss"], "rmse") is None


def test_one_without_a_rank_comes_after_those_with_one_and_is_not_first() -> None:
    table = TABLE.assign(rank=[3, 1, None, None, 4])  # b, which has a better estimate than c
    _, axes = drawn(table)
    assert [text.get_text() for text in axes.get_yticklabels()] == ["a", "c", "two", "b", "gone"]
    assert marks(axes)[FIRST] == [[1, 0]]


def test_the_picture_shows_the_ranks_of_a_sweep() -> None:
    keys: dict[Keys, dict[int, float]] = {
        (("loss", "x"),): values_of(1),
        (("loss", "y"),): values_of(2),
        (("loss", "far"),): values_of(3, 9),
        (("loss", "gone"),): dict.fromkeys(range(8), math.inf),
    }
    analysis = Analysis(sweep_of(keys))
    _, axes = drawn(analysis.table)
    first = analysis.table[analysis.table["rank"] == 1]
    assert set(first["loss"]) == {"x", "y"}
    assert sorted(place for place, _ in marks(axes)[FIRST]) == sorted(first["estimate"])
    assert [text.get_text() for text in axes.get_yticklabels()][2:] == ["far", "gone"]
    assert axes.texts[3].get_text().strip() == "8 diverged"
