"""The tutorial's picture, and its animation."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from PIL import Image

from sinegan.report.figures.animation import TutorialPicture, write_animation

FileConfiguration = Callable[..., Path]
FileSamples = Callable[..., None]


def test_an_animation_has_the_stored_frames_and_leaves_no_temporary_file(
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


def test_an_animation_leaves_out_frames_after_the_end_of_a_run(
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


def test_the_tutorial_picture_shows_one_curve_the_step_and_the_probability() -> None:
    axes = Figure().subplots()
    painting = TutorialPicture(axes, np.arange(3.0), np.array([[0.0, -2.0, 1.0]]))
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


def test_the_tutorial_picture_of_a_flat_curve_has_margins() -> None:
    axes = Figure().subplots()
    TutorialPicture(axes, np.arange(3.0), np.zeros((1, 3)))
    assert axes.get_ylim() == (-1.6, 1.6)


def test_the_tutorial_picture_of_a_plane_moves_one_point_among_the_real_ones() -> None:
    axes = Figure().subplots()
    painting = TutorialPicture(axes, np.arange(2.0), np.array([[0.0, -2.0], [1.0, 1.0]]))
    assert axes.get_xlim() == axes.get_ylim() == (-3.2, 3.2)
    painting.show(7, np.array([0.5, -1.5]), 0.25)
    real, generated = axes.lines
    assert real.get_xydata().tolist() == [[0, -2], [1, 1]]
    assert generated.get_xydata().tolist() == [[0.5, -1.5]]
    assert axes.texts[0].get_text() == "step 7\nprobability that the red point is real: 0.25"


def test_the_tutorial_picture_of_a_line_moves_one_point_along_it() -> None:
    axes = Figure().subplots()
    painting = TutorialPicture(axes, np.arange(1.0), np.array([[2.0]]))
    painting.show(7, np.array([-1.5]), 0.25)
    real, generated = axes.lines
    assert real.get_xydata().tolist() == [[2, 0]]
    assert generated.get_xydata().tolist() == [[-1.5, 0]]
