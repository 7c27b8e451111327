"""The pictures of the game show the medians of the right columns, and the theoretical optimum."""

import dataclasses
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from sinegan.report.figures.dynamics import MOST_GAMES, MOST_PANELS, gradient_norms, value_and_probabilities
from sinegan.report.figures.style import COLOURS
from sinegan.report.load import load_sweep
from sinegan.report.referee.analysis import Analysis
from sinegan.report.sweep import Sweep

FileConfiguration = Callable[..., Path]


def named(axes: Any) -> dict[str, list[float]]:
    return {
        line.get_label(): line.get_ydata().tolist()
        for line in axes.lines
        if not line.get_label().startswith("_")
    }


def losses(folder: Path, file: FileConfiguration, *more: str) -> Sweep:
    """Minimax with the gradient norms 1, 2, 9 and non-saturating with 10, 20, 90, in each combination."""
    place = 0
    for other in more or ("",):
        for loss in ("minimax", "non_saturating"):
            file(folder / str(place), [f"loss={loss}", *filter(None, [other])], {s: [1.0] for s in range(3)})
            place += 1
    sweep = load_sweep(folder)
    times = sweep.history["loss"].map({"minimax": 1.0, "non_saturating": 10.0})
    norms = times * sweep.history["seed"].map({0: 1.0, 1: 2.0, 2: 9.0})
    return dataclasses.replace(sweep, history=sweep.history.assign(generator_gradient=norms))


def drawn(figure: Figure | None) -> Figure:
    assert figure is not None
    return figure


def test_the_value_is_drawn_against_minus_log_4_and_the_probabilities_against_a_half(
    tmp_path: Path, file_configuration: FileConfiguration
) -> None:
    for place, a in enumerate("xy"):
        file_configuration(tmp_path / str(place), [f"a={a}"], {0: [1.0, 0.5], 1: [1.0, 0.5]})
    left, right = drawn(value_and_probabilities(Analysis(load_sweep(tmp_path)))).axes
    assert named(left) == {"x": [-1.25, -1.25], "y": [-1.25, -1.25]}
    assert left.lines[-1].get_ydata() == [-math.log(4)] * 2
    assert left.texts[0].get_text() == "−log 4"
    *pairs, half = right.lines
    assert [line.get_ydata().tolist() for line in pairs] == [[0.5, 0.5], [0.25, 0.25]] * 2
    assert [line.get_linestyle() for line in pairs] == ["-", "--"] * 2
    assert pairs[0].get_color() == pairs[1].get_color() != pairs[2].get_color()
    assert half.get_ydata() == [0.5, 0.5]
    assert right.get_ylim() == (-0.03, 1.03)


def test_too_many_games_are_cut_with_a_remark(tmp_path: Path, file_configuration: FileConfiguration) -> None:
    for place in range(MOST_GAMES + 2):
        file_configuration(tmp_path / str(place), [f"a={place}"], {0: [9.0 - place]})
    figure = drawn(value_and_probabilities(Analysis(load_sweep(tmp_path))))
    assert list(named(figure.axes[0])) == ["5", "4", "3", "2"]
    assert figure.get_supxlabel().startswith("4 of 6 configurations: lowest rmse.")


def test_gradient_norms_have_a_line_for_each_loss_and_every_run(
    tmp_path: Path, file_configuration: FileConfiguration
) -> None:
    figure = drawn(gradient_norms(losses(tmp_path, file_configuration)))
    (axes,) = figure.axes
    assert named(axes) == {"minimax": [2], "non_saturating": [20]}
    faint = [line.get_ydata().tolist() for line in axes.lines if line.get_label().startswith("_")]
    assert faint == [[1], [2], [9], [10], [20], [90]]
    assert axes.get_yscale() == "log"
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["minimax", "non_saturating"]


def test_gradient_norms_have_a_panel_for_each_combination_of_the_other_keys(
    tmp_path: Path, file_configuration: FileConfiguration
) -> None:
    figure = drawn(gradient_norms(losses(tmp_path, file_configuration, "network=tiny", "network=small")))
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["tiny", "small"]
    assert all(named(axes) == {"minimax": [2], "non_saturating": [20]} for axes in figure.axes)
    assert "Panels: network." in figure.get_supxlabel()


def test_too_many_panels_of_gradient_norms_are_cut_with_a_remark(
    tmp_path: Path, file_configuration: FileConfiguration
) -> None:
    others = [f"network={place}" for place in range(MOST_PANELS + 1)]
    figure = drawn(gradient_norms(losses(tmp_path, file_configuration, *others)))
    assert len(figure.axes) == MOST_PANELS
    assert figure.get_supxlabel().startswith("The first 6 of 7 combinations.")


def test_more_losses_than_colours_are_left_out_with_a_remark(
    tmp_path: Path, file_configuration: FileConfiguration
) -> None:
    for place in range(len(COLOURS) + 2):
        file_configuration(tmp_path / str(place), [f"loss=l{place}"], {0: [1.0]})
    sweep = load_sweep(tmp_path)
    figure = drawn(
        gradient_norms(dataclasses.replace(sweep, history=sweep.history.assign(generator_gradient=1.0)))
    )
    assert list(named(figure.axes[0])) == [f"l{place}" for place in range(len(COLOURS))]
    assert figure.get_supxlabel().startswith("The first 7 of 9 losses.")


def test_one_loss_or_no_gradients_have_no_figure_of_gradient_norms(
    tmp_path: Path, file_configuration: FileConfiguration
) -> None:
    both = losses(tmp_path / "both", file_configuration)
    assert (
        gradient_norms(dataclasses.replace(both, history=both.history.drop(columns="generator_gradient")))
        is None
    )
    file_configuration(tmp_path / "one" / "0", ["a=x"], {0: [1.0]})
    one = load_sweep(tmp_path / "one")
    one = dataclasses.replace(one, history=one.history.assign(generator_gradient=1.0))
    assert gradient_norms(one) is None
