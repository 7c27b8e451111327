"""Pictures show what is in the files, and say what they leave out."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from PIL import Image

from sinegan.report.figures import (
    COLOURS,
    DASHES,
    MOST_LINES,
    MOST_PANELS,
    SHOWN_CURVES,
    Painting,
    draw_curves,
    generated_curves,
    learning_curves,
    load_samples,
    png,
    write_animation,
)
from sinegan.report.tables import load_sweep

FileConfiguration = Callable[..., Path]
FileSamples = Callable[..., None]


def legend_of(axes: Any) -> list[str]:
    return [text.get_text() for text in axes.get_legend().get_texts()]


def title_of(axes: Any) -> str:
    return str(axes.get_title(loc="left"))


def test_each_configuration_has_a_line_of_medians_and_a_band(
    tmp_path: Path, file_configuration: FileConfiguration
) -> None:
    file_configuration(tmp_path / "0", ["a=x"], {0: [1.0, 0.5], 1: [2.0, 0.25], 2: [9.0, 0.125]})
    file_configuration(tmp_path / "1", ["a=y"], {0: [4.0, 3.0]})
    figure = learning_curves(load_sweep(tmp_path))
    assert figure is not None
    (axes,) = figure.axes
    first, second = axes.lines
    assert first.get_xydata().tolist() == [[0, 2], [10, 0.25]]
    assert second.get_xydata().tolist() == [[0, 4], [10, 3]]
    heights = axes.collections[0].get_paths()[0].vertices[:, 1]
    assert (heights.min(), heights.max()) == (0.125, 9)
    assert len(axes.collections) == 2
    assert legend_of(axes) == ["a=x", "a=y"]
    assert axes.get_yscale() == "log"
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("step", "rmse")
    assert title_of(axes) == "Median and range over seeds"


def test_one_seed_is_said_to_be_one(tmp_path: Path, file_configuration: FileConfiguration) -> None:
    file_configuration(tmp_path / "0", [], {0: [1.0]})
    figure = learning_curves(load_sweep(tmp_path / "0"))
    assert figure is not None
    assert title_of(figure.axes[0]) == "One seed"


def test_metrics_that_can_be_negative_have_a_linear_scale(
    tmp_path: Path, file_configuration: FileConfiguration
) -> None:
    file_configuration(tmp_path / "0", ["a=x"], {0: [1.0, 0.5]})
    file_configuration(tmp_path / "1", ["a=y"], {0: [1.0, -0.5]}, metric="energy_distance")
    figure = learning_curves(load_sweep(tmp_path))
    assert figure is not None
    assert figure.axes[0].get_yscale() == "linear"
    assert figure.axes[0].get_ylabel() == "rmse or energy_distance"
    assert [line.get_ydata()[-1] for line in figure.axes[0].lines] == [0.5, -0.5]


def test_a_configuration_without_history_has_no_line(
    tmp_path: Path, file_configuration: FileConfiguration
) -> None:
    file_configuration(tmp_path / "0", ["a=x"], seeds=2)
    file_configuration(tmp_path / "1", ["a=y"], {0: [1.0]})
    figure = learning_curves(load_sweep(tmp_path))
    assert figure is not None
    assert legend_of(figure.axes[0]) == ["a=y"]


def test_nothing_measured_is_no_picture(tmp_path: Path, file_configuration: FileConfiguration) -> None:
    file_configuration(tmp_path / "0", ["a=x"], seeds=2)
    file_configuration(tmp_path / "1", ["a=y"], {0: []}, status={0: "failed"})
    assert learning_curves(load_sweep(tmp_path)) is None
    assert generated_curves(load_sweep(tmp_path)) is None


def test_more_lines_than_can_be_told_apart_are_cut_and_the_title_says_so(
    tmp_path: Path, file_configuration: FileConfiguration
) -> None:
    for place in range(MOST_LINES + 2):
        file_configuration(tmp_path / str(place), [f"a={place}"], {0: [1.0 + place], 1: [2.0]})
    figure = learning_curves(load_sweep(tmp_path))
    assert figure is not None
    (axes,) = figure.axes
    assert legend_of(axes) == [f"a={place}" for place in range(12)]
    assert title_of(axes) == "Median and range over seeds (the first 12 of 14)"
    looks = {(line.get_color(), line.get_linestyle()) for line in axes.lines}
    assert len(looks) == 12


def test_all_colours_are_of_the_palette(tmp_path: Path, file_configuration: FileConfiguration) -> None:
    for place in range(MOST_LINES):
        file_configuration(tmp_path / str(place), [f"a={place}"], {0: [1.0]})
    figure = learning_curves(load_sweep(tmp_path))
    assert figure is not None
    assert len(set(COLOURS)) == len(COLOURS)
    (axes,) = figure.axes
    wanted = [COLOURS[place % len(COLOURS)].lower() for place in range(MOST_LINES)]
    assert [to_hex(line.get_color()) for line in axes.lines] == wanted
    assert [to_hex(band.get_facecolor()[0]) for band in axes.collections] == wanted
    assert {line.get_linestyle() for line in axes.lines} <= set(DASHES)


def test_each_configuration_has_a_panel_of_its_first_run(
    tmp_path: Path, file_configuration: FileConfiguration, file_samples: FileSamples
) -> None:
    for place in range(4):
        file_configuration(tmp_path / str(place), [f"a={place}"], {0: [1.0], 1: [1.0]})
        file_samples(tmp_path / str(place))
    figure = generated_curves(load_sweep(tmp_path))
    assert figure is not None
    panels = [axes for axes in figure.axes if axes.axison]
    assert [axes.get_title() for axes in panels] == [f"a={place}" for place in range(4)]
    assert len(figure.axes) == 6
    for axes in panels:
        drawn = [line.get_ydata().tolist() for line in axes.lines]
        expected = np.linspace(-1, 1, 30, dtype=np.float32).reshape(2, 3, 5)[0]
        assert drawn == [*expected.tolist(), [1.0] * 5]
    assert legend_of(figure.axes[0]) == ["generated", "real"]
    assert all(axes.get_legend() is None for axes in panels[1:])
    assert figure.get_suptitle() == "Generated (red) against real (black) curves, first seed"


def test_more_panels_than_fit_are_cut_and_the_title_says_so(
    tmp_path: Path, file_configuration: FileConfiguration, file_samples: FileSamples
) -> None:
    for place in range(MOST_PANELS + 1):
        file_configuration(tmp_path / str(place), [f"a={place}"], {0: [1.0]})
        file_samples(tmp_path / str(place))
    figure = generated_curves(load_sweep(tmp_path))
    assert figure is not None
    assert len(figure.axes) == MOST_PANELS
    assert figure.get_suptitle().endswith("(the first 12 of 13)")


def test_a_configuration_without_curves_has_no_panel(
    tmp_path: Path, file_configuration: FileConfiguration, file_samples: FileSamples
) -> None:
    file_configuration(tmp_path / "0", ["a=0"], seeds=2)
    for place, part in ((1, "parts/000004"), (2, "")):
        file_configuration(tmp_path / str(place), [f"a={place}"], {0: [1.0]}, part=part)
    file_samples(tmp_path / "1" / "parts" / "000004")
    figure = generated_curves(load_sweep(tmp_path))
    assert figure is not None
    assert [axes.get_title() for axes in figure.axes] == ["a=1"]


def test_generated_curves_are_red_and_real_ones_black_and_not_too_many() -> None:
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


def test_a_picture_is_a_png_and_leaves_no_style_behind(
    tmp_path: Path, file_configuration: FileConfiguration, file_samples: FileSamples
) -> None:
    before = dict(matplotlib.rcParams)
    file_configuration(tmp_path / "0", ["a=<script>alert(1)</script>"], {0: [1.0, 0.5]})
    file_configuration(tmp_path / "1", ["a={x:g} %s, µ"], {0: [1.0, 0.5]})
    file_samples(tmp_path / "0")
    sweep = load_sweep(tmp_path)
    for figure in (learning_curves(sweep), generated_curves(sweep)):
        assert figure is not None
        assert png(figure).startswith(b"\x89PNG\r\n\x1a\n")
    assert dict(matplotlib.rcParams) == before


def test_an_animation_has_the_stored_frames_and_nothing_else_is_left(
    tmp_path: Path, file_configuration: FileConfiguration, file_samples: FileSamples
) -> None:
    file_configuration(tmp_path, [], {0: [1.0]})
    before = {path.name for path in tmp_path.iterdir()}
    file_samples(tmp_path, frames={0: -1.0, 50: 0.0, 100: 0.5, 150: 1.0})
    write_animation(tmp_path)
    with Image.open(tmp_path / "animation.gif") as film:
        assert film.format == "GIF"
        assert film.n_frames == 4
        assert film.info["duration"] == 50
        assert film.info["loop"] == 0
    assert {path.name for path in tmp_path.iterdir()} == before | {"animation.gif"}


def test_frames_after_the_end_of_a_run_are_left_out(
    tmp_path: Path, file_configuration: FileConfiguration, file_samples: FileSamples
) -> None:
    file_configuration(tmp_path, [], {0: [1.0]})
    file_samples(tmp_path, frames={0: -1.0, 50: 0.0, 100: np.nan, 150: np.nan})
    write_animation(tmp_path)
    with Image.open(tmp_path / "animation.gif") as film:
        assert film.n_frames == 2


def test_without_frames_there_is_no_animation(
    tmp_path: Path, file_configuration: FileConfiguration, file_samples: FileSamples
) -> None:
    write_animation(tmp_path)
    assert list(tmp_path.iterdir()) == []
    file_configuration(tmp_path, [], {0: [1.0]})
    file_samples(tmp_path)
    write_animation(tmp_path)
    assert not (tmp_path / "animation.gif").exists()


def test_samples_are_those_of_the_whole_set_or_else_of_the_first_part(
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


def test_the_painting_shows_one_curve_the_step_and_what_the_discriminator_thinks() -> None:
    axes = Figure().subplots()
    painting = Painting(axes, np.arange(3.0), np.array([[0.0, -2.0, 1.0]]))
    assert axes.get_ylim() == (-3.2, 3.2)
    painting.show(12_345, np.array([1.0, 2.0, 3.0]), 0.456)
    (text,) = axes.texts
    assert text.get_text() == "step 12,345\nprobability that the red curve is real: 0.46"
    real, generated = axes.lines
    assert real.get_ydata().tolist() == [0, -2, 1]
    assert generated.get_ydata().tolist() == [1, 2, 3]
    painting.show(12_400, np.zeros(3), 1.0)
    assert text.get_text().startswith("step 12,400\n")
    assert generated.get_ydata().tolist() == [0, 0, 0]


def test_a_painting_of_a_flat_real_curve_still_has_room() -> None:
    axes = Figure().subplots()
    Painting(axes, np.arange(3.0), np.zeros((1, 3)))
    assert axes.get_ylim() == (-1.6, 1.6)
