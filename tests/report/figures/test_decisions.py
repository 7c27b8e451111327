"""The picture of a sequential design has a bar for each configuration, as long as its seeds."""

import pandas as pd
from forged import Keys, decided_values, sweep_of, with_design
from matplotlib.figure import Figure
from values import drawn

from sinegan.designs import UntilBest
from sinegan.report.figures.all_figures import all_figures
from sinegan.report.figures.decisions import LOOKS, decision_figures, decisions_plot
from sinegan.report.figures.intervals import MOST_NAMED
from sinegan.report.referee.analysis import Analysis

DESIGN = UntilBest(most=14)
TABLE = pd.DataFrame(
    [("far", 4, "dropped", 9.0), ("y", 14, "open", 1.2), ("x", 14, "open", 1.1), ("near", 9, "dropped", 2.0)],
    columns=["loss", "seeds", "outcome", "estimate"],
).assign(decided_at=pd.array([4, None, None, 9], "Int64"))


def bars(figure: Figure) -> list[list[tuple[float, float]]]:
    """The height and the length of the bars of each panel, from the top."""
    return [
        sorted((round(bar.get_y() + bar.get_height() / 2, 6), bar.get_width()) for bar in axes.patches)  # type: ignore[attr-defined]
        for axes in figure.axes
    ]


def test_bars_are_ordered_by_seeds_then_estimate() -> None:
    figure = decisions_plot({"": TABLE}, ["loss"], DESIGN.schedule)
    assert figure is not None
    (axes,) = figure.axes
    assert [text.get_text() for text in axes.get_yticklabels()] == ["x", "y", "near", "far"]
    assert bars(figure) == [[(0, 14), (1, 14), (2, 9), (3, 4)]]
    assert axes.yaxis_inverted()


def test_each_look_has_a_line_and_each_outcome_a_colour_and_a_marker() -> None:
    figure = decisions_plot({"": TABLE}, ["loss"], DESIGN.schedule)
    assert figure is not None
    (axes,) = figure.axes
    assert axes.get_xticks().tolist() == [4, 6, 9, 14]
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["open", "dropped"]
    marks = {line.get_marker(): line.get_ydata().tolist() for line in axes.lines if len(line.get_xdata())}  # type: ignore[union-attr,arg-type]
    assert marks == {LOOKS["open"][1]: [0, 1], LOOKS["dropped"][1]: [2, 3]}
    assert (
        len({colour for colour, _ in LOOKS.values()})
        == len({mark for _, mark in LOOKS.values()})
        == len(LOOKS)
    )


def test_the_axis_ends_at_the_look_that_the_last_runs_are_for() -> None:
    figure = decisions_plot({"": TABLE.assign(seeds=[4, 5, 6, 4])}, ["loss"], DESIGN.schedule)
    assert figure is not None
    assert figure.axes[0].get_xticks().tolist() == [4, 6]
    assert "the last at 14 seeds" in figure.get_supxlabel().replace("\n", " ")


def test_a_mark_stands_where_it_was_decided_though_runs_go_on() -> None:
    figure = decisions_plot({"": TABLE.assign(seeds=[6, 14, 14, 9])}, ["loss"], DESIGN.schedule)
    assert figure is not None
    (dropped,) = [line for line in figure.axes[0].lines if line.get_marker() == LOOKS["dropped"][1]]
    assert sorted(dropped.get_xdata()) == [4, 9]  # type: ignore[arg-type]


def test_many_configurations_have_bars_without_names() -> None:
    many = pd.concat([TABLE] * (MOST_NAMED // 4 + 1), ignore_index=True)
    figure = decisions_plot({"": many}, ["loss"], DESIGN.schedule)
    assert figure is not None
    assert figure.axes[0].get_yticks().tolist() == []
    assert len(bars(figure)[0]) == len(many)
    assert decisions_plot({"": TABLE.assign(seeds=0)}, ["loss"], DESIGN.schedule) is None


def decided(configurations: int, targets: int) -> Analysis:
    keys: dict[Keys, dict[int, float]] = {
        (("target", f"t{target}"), ("loss", f"l{place}")): drawn(place, 9.0**place if place < 9 else 1e9, 14)
        for target in range(targets)
        for place in range(configurations)
    }
    return Analysis(with_design(sweep_of(decided_values(keys, DESIGN)), DESIGN))


def test_targets_have_panels_while_the_names_have_room_and_pictures_of_their_own_after() -> None:
    few = decision_figures(decided(3, 2))
    assert list(few) == [""]
    assert few[""] is not None
    assert [axes.get_title(loc="left") for axes in few[""].axes] == ["rmse on t0", "rmse on t1"]
    assert [text.get_text() for text in few[""].axes[0].get_yticklabels()] == ["l0", "l1", "l2"]
    assert list(decision_figures(decided(MOST_NAMED // 2 + 1, 2))) == ["_1", "_2"]
    assert len(decision_figures(decided(2, 12))) == 12


def test_the_picture_is_of_a_sequential_design_alone() -> None:
    analysis = decided(2, 1)
    assert "decisions" in all_figures(analysis)
    assert (
        decision_figures(Analysis(sweep_of({(("loss", "x"),): drawn(1), (("loss", "y"),): drawn(2)}))) == {}
    )
