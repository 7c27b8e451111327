"""Learning curves and generated curves show the stored numbers, and say what they leave out."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from sinegan.report.figures.curves import (
    MOST_PANELS,
    MOST_TOGETHER,
    SHOWN_CURVES,
    draw_curves,
    generated_curves,
    learning_curves,
)
from sinegan.report.figures.style import COLOURS, GREY
from sinegan.report.load import load_samples, load_sweep
from sinegan.report.referee.analysis import Analysis

FileConfiguration = Callable[..., Path]
FileSamples = Callable[..., None]


def medians(axes: Any) -> list[Any]:
    """The named lines of an axes: the medians. Lines of single runs have no name."""
    return [line for line in axes.lines if not line.get_label().startswith("_")]


def test_each_configuration_has_a_median_a_band_of_its_middle_half_and_every_run(
    tmp_path: Path, file_configuration: FileConfiguration
) -> None:
    file_configuration(tmp_path / "0", ["a=x"], {0: [1.0, 1.0], 1: [2.0, 2.0], 2: [9.0, 7.0]})
    file_configuration(tmp_path / "1", ["a=y"], {0: [4.0, 3.0]})
    figure = learning_curves(Analysis(load_sweep(tmp_path)))
    assert figure is not None
    (axes,) = figure.axes
    first, second = medians(axes)
    assert first.get_xydata().tolist() == [[0, 2], [10, 2]]
    assert second.get_xydata().tolist() == [[0, 4], [10, 3]]
    # Quartiles of 1, 2, 9 are 1.5 and 5.5; of 1, 2, 7 they are 1.5 and 4.5.
    (band,) = axes.collections
    heights = band.get_paths()[0].vertices[:, 1]
    assert (heights.min(), heights.max()) == (1.5, 5.5)
    runs = [line.get_ydata().tolist() for line in axes.lines if line not in (first, second)]
    assert runs == [[1, 1], [2, 2], [9, 7], [4, 3]]
    legend = axes.get_legend()
    assert [text.get_text() for text in legend.get_texts()] == ["x", "y"]
    assert legend.get_title().get_text() == "a"
    assert axes.get_yscale() == "log"
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("step", "rmse")
    assert figure.get_suptitle() == "Learning curves: rmse, less is better"
    assert figure.get_supxlabel().startswith("Line: median over seeds; band: the middle half of the runs;")


def test_learning_curves_count_lost_runs_as_worst_and_mark_their_end(
    tmp_path: Path, file_configuration: FileConfiguration
) -> None:
    values = {0: [4.0, 1.0, 1.0], 1: [4.0, 2.0, 2.0], 2: [4.0], 3: [4.0, 3.0]}
    file_configuration(tmp_path, [], values, status={2: "diverged", 3: "failed"})
    figure = learning_curves(Analysis(load_sweep(tmp_path)))
    assert figure is not None
    (axes,) = figure.axes
    (line,) = medians(axes)
    # Of 1, 2, 3, inf the median is 2.5; of 1, 2, inf, inf there is none.
    np.testing.assert_array_equal(line.get_ydata(), [4.0, 2.5, np.nan])
    crosses = [mark.get_xydata().tolist() for mark in axes.lines if mark.get_marker() == "x"]
    assert crosses == [[[0, 4]], [[10, 3]]]


def test_learning_curves_extend_a_stopped_run_with_its_last_value(
    tmp_path: Path, file_configuration: FileConfiguration
) -> None:
    file_configuration(tmp_path, [], {0: [4.0, 1.0], 1: [4.0, 3.0, 3.0]}, status={0: "stopped"})
    figure = learning_curves(Analysis(load_sweep(tmp_path)))
    assert figure is not None
    (line,) = medians(figure.axes[0])
    assert line.get_ydata().tolist() == [4, 2, 2]


def test_learning_curves_of_one_seed_say_so(tmp_path: Path, file_configuration: FileConfiguration) -> None:
    file_configuration(tmp_path / "0", [], {0: [1.0, 2.0]})
    figure = learning_curves(Analysis(load_sweep(tmp_path / "0")))
    assert figure is not None
    assert figure.get_supxlabel() == "One seed each."
    (axes,) = figure.axes
    assert [line.get_ydata().tolist() for line in axes.lines] == [[1, 2]]
    assert axes.get_legend() is None


def test_two_metrics_have_separate_panels_with_a_linear_scale_for_negative_values(
    tmp_path: Path, file_configuration: FileConfiguration
) -> None:
    file_configuration(tmp_path / "0", ["a=x"], {0: [1.0, 0.5]})
    file_configuration(tmp_path / "1", ["a=y"], {0: [1.0, -0.5]}, metric="energy_distance")
    figure = learning_curves(Analysis(load_sweep(tmp_path)))
    assert figure is not None
    assert [axes.get_yscale() for axes in figure.axes] == ["log", "linear"]
    assert [axes.get_ylabel() for axes in figure.axes] == ["rmse", "energy_distance"]
    assert [axes.lines[-1].get_ydata().tolist() for axes in figure.axes] == [[1, 0.5], [1, -0.5]]
    assert all(len(axes.lines) == 2 for axes in figure.axes)
    assert figure.get_suptitle() == "Learning curves: rmse or energy_distance, less is better"


def test_a_configuration_without_history_has_no_learning_curve(
    tmp_path: Path, file_configuration: FileConfiguration
) -> None:
    file_configuration(tmp_path / "0", ["a=x"], seeds=2)
    file_configuration(tmp_path / "1", ["a=y"], {0: [1.0]})
    figure = learning_curves(Analysis(load_sweep(tmp_path)))
    assert figure is not None
    assert [text.get_text() for text in figure.axes[0].get_legend().get_texts()] == ["y"]


def test_a_sweep_without_measurements_has_no_learning_curves(
    tmp_path: Path, file_configuration: FileConfiguration
) -> None:
    file_configuration(tmp_path / "0", ["a=x"], seeds=2)
    file_configuration(tmp_path / "1", ["a=y"], {0: []}, status={0: "failed"})
    assert learning_curves(Analysis(load_sweep(tmp_path))) is None
    assert generated_curves(Analysis(load_sweep(tmp_path))) is None


def test_lines_that_share_a_panel_differ_in_colour_and_dash(
    tmp_path: Path, file_configuration: FileConfiguration
) -> None:
    for place in range(MOST_TOGETHER):
        file_configuration(tmp_path / str(place), [f"a={place}"], {0: [1.0 + place], 1: [2.0]})
    figure = learning_curves(Analysis(load_sweep(tmp_path)))
    assert figure is not None
    (axes,) = figure.axes
    lines = medians(axes)
    assert [to_hex(line.get_color()).upper() for line in lines] == list(COLOURS[:4])
    assert len({line.get_linestyle() for line in lines}) == 4


def test_many_learning_curves_have_a_panel_each_with_the_others_in_grey(
    tmp_path: Path, file_configuration: FileConfiguration
) -> None:
    for place in range(MOST_TOGETHER + 1):
        file_configuration(tmp_path / str(place), [f"a={place}"], {0: [1.0 + place], 1: [1.0 + place]})
    figure = learning_curves(Analysis(load_sweep(tmp_path)))
    assert figure is not None
    panels = [axes for axes in figure.axes if axes.axison]
    assert [axes.get_title(loc="left") for axes in panels] == ["0", "1", "2", "3", "4"]
    for place, axes in enumerate(panels):
        (line,) = medians(axes)
        assert line.get_ydata().tolist() == [1 + place]
        grey = [other.get_ydata()[0] for other in axes.lines if to_hex(other.get_color()) == GREY.lower()]
        assert grey == [1, 2, 3, 4, 5]
    said = figure.get_supxlabel().replace("\n", " ")
    assert said.endswith("Panels: a; grey: the medians of the others.")


def test_too_many_configurations_show_those_with_the_fewest_lost_runs_and_lowest_metric(
    tmp_path: Path, file_configuration: FileConfiguration, file_samples: FileSamples
) -> None:
    many = MOST_PANELS + 3
    for place in range(many):
        lost = {1: "diverged"} if place in (3, 4) else {}
        file_configuration(tmp_path / str(place), [f"a={place}"], {0: [many - place], 1: [9.0]}, status=lost)
        file_samples(tmp_path / str(place))
    analysis = Analysis(load_sweep(tmp_path))
    for draw in (learning_curves, generated_curves):
        figure = draw(analysis)
        assert figure is not None
        titles = [axes.get_title(loc="left") for axes in figure.axes]
        assert titles == ["14", "13", "12", "11", "10", "9", "8", "7", "6", "5", "2", "1"]
        said = figure.get_supxlabel().replace("\n", " ")
        assert said.startswith("12 of 15 configurations: fewest lost runs, then lowest rmse.")


def test_generated_curves_have_a_panel_for_the_first_run_of_each_configuration(
    tmp_path: Path, file_configuration: FileConfiguration, file_samples: FileSamples
) -> None:
    for place in range(5):
        file_configuration(tmp_path / str(place), [f"a={place}"], {0: [1.0], 1: [1.0]})
        file_samples(tmp_path / str(place))
    figure = generated_curves(Analysis(load_sweep(tmp_path)))
    assert figure is not None
    panels = [axes for axes in figure.axes if axes.axison]
    assert [axes.get_title(loc="left") for axes in panels] == [str(place) for place in range(5)]
    assert len(figure.axes) == 6
    for axes in panels:
        drawn = [line.get_ydata().tolist() for line in axes.lines]
        expected = np.linspace(-1, 1, 30, dtype=np.float32).reshape(2, 3, 5)[0]
        assert drawn == [*expected.tolist(), [1.0] * 5]
    assert [axes.get_xlabel() for axes in panels] == ["", "", "x", "x", "x"]
    assert figure.get_suptitle() == "Generated (red) against real (black, dashed) curves"
    assert "Panels: a." in figure.get_supxlabel()


def test_generated_curves_beyond_the_frame_are_cut_with_a_remark(
    tmp_path: Path, file_configuration: FileConfiguration, file_samples: FileSamples
) -> None:
    file_configuration(tmp_path, [], {0: [1.0]})
    file_samples(tmp_path)
    figure = generated_curves(Analysis(load_sweep(tmp_path)))
    assert figure is not None
    # The real curve is 1 everywhere; the generated ones begin at -1.
    assert figure.axes[0].get_ylim() == (0.5, 1.5)
    assert figure.get_supxlabel().endswith("Curves leave the frame where they are far off.")


def test_a_configuration_without_generated_curves_has_no_panel(
    tmp_path: Path, file_configuration: FileConfiguration, file_samples: FileSamples
) -> None:
    file_configuration(tmp_path / "0", ["a=0"], seeds=2)
    for place, part in ((1, "parts/000004"), (2, "")):
        file_configuration(tmp_path / str(place), [f"a={place}"], {0: [1.0]}, part=part)
    file_samples(tmp_path / "1" / "parts" / "000004")
    figure = generated_curves(Analysis(load_sweep(tmp_path)))
    assert figure is not None
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["1"]


def test_generated_curves_are_red_real_ones_black_and_their_number_is_limited() -> None:
    axes = Figure().subplots()
    draw_curves(axes, np.arange(3), real=np.ones((40, 3)), generated=np.zeros((30, 3)))
    red, black = axes.lines[:SHOWN_CURVES], axes.lines[SHOWN_CURVES:]
    assert len(black) == SHOWN_CURVES
    assert {to_hex(line.get_color()) for line in red} == {"#c8102e"}
    assert {line.get_ydata()[0] for line in red} == {0}
    assert {to_hex(line.get_color()) for line in black} == {"#000000"}
    assert {line.get_ydata()[0] for line in black} == {1}
    assert [line.get_label() for line in axes.lines if not line.get_label().startswith("_")] == [
        "generated",
        "real",
    ]


def test_samples_come_from_the_whole_set_or_else_from_the_first_part(
    tmp_path: Path, file_configuration: FileConfiguration, file_samples: FileSamples
) -> None:
    assert load_samples(tmp_path) is None
    for number in (7, 3):
        file_configuration(tmp_path, [], {0: [1.0]}, part=f"parts/00000{number}")
        file_samples(tmp_path / "parts" / f"00000{number}", real_curves=number)
    first = load_samples(tmp_path)
    assert first is not None
    assert len(first["real"]) == 3
    file_configuration(tmp_path, [], {0: [1.0]})
    file_samples(tmp_path, real_curves=9)
    whole = load_samples(tmp_path)
    assert whole is not None
    assert len(whole["real"]) == 9
