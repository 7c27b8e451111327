"""Targets on a line or in a plane are drawn as points, not as curves."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from sinegan.report.figures.curves import generated_curves
from sinegan.report.figures.points import BINS, are_points, draw_line, draw_plane, outside, window
from sinegan.report.load import load_sweep
from sinegan.report.referee.analysis import Analysis
from sinegan.report.words.tables import shown_theory

FileConfiguration = Callable[..., Path]
Seal = Callable[[Path], None]

PLANE = {
    "x": np.arange(2.0),
    "real": np.array([[-1.0, 0.0], [1.0, 0.0], [0.0, 1.0]]),
    "modes": np.array([[-1.0, 0.0], [1.0, 0.0]]),
    "seeds": np.array([0]),
    "curves": np.array([[[0.5, 0.5], [7.0, 0.0]]], np.float32),
    "probability": np.full((1, 2), 0.5, np.float32),
}
LINE = {
    "x": np.arange(1.0),
    "real": np.array([[0.0]]),
    "seeds": np.array([0]),
    "curves": np.full((1, 2, 1), 0.9, np.float32),
    "probability": np.full((1, 2), 0.5, np.float32),
}
CURVE = LINE | {
    "x": np.array([0.0, 6.0]),
    "real": np.array([[1.0, 3.0]]),
    "curves": np.zeros((1, 2, 2), np.float32),
}


def test_a_target_has_points_when_its_grid_counts_coordinates() -> None:
    assert are_points(np.arange(1.0))
    assert are_points(np.arange(2.0))
    assert not are_points(np.array([0.0, 6.28]))
    assert not are_points(np.arange(3.0))


def test_points_of_a_plane_are_drawn_to_scale_with_real_points_and_modes() -> None:
    axes = Figure().subplots()
    generated = PLANE["curves"][0]
    draw_plane(axes, PLANE["real"], generated, PLANE["modes"])
    real, modes, red = axes.lines
    np.testing.assert_array_equal(real.get_xydata(), PLANE["real"])
    np.testing.assert_array_equal(modes.get_xydata(), PLANE["modes"])
    np.testing.assert_array_equal(red.get_xydata(), generated)
    assert to_hex(red.get_color()) == "#c8102e"
    assert {line.get_linestyle() for line in axes.lines} == {"None"}
    # From -1 to 1, and half of these 2 beyond either end.
    assert axes.get_xlim() == axes.get_ylim() == (-2, 2)
    assert axes.get_aspect() == 1
    assert outside(axes, generated) == 1, "the one at 7"


def test_points_of_a_line_are_a_histogram_with_outliers_in_its_last_bins() -> None:
    axes = Figure().subplots()
    real, generated = np.array([[-1.0], [1.0], [1.0], [1.0]]), np.array([[-9.0], [1.0], [1.01], [50.0]])
    draw_line(axes, real, generated, np.array([[-1.0], [1.0]]))
    assert axes.get_xlim() == (-2, 2)
    red, black = (patch.get_data().values for patch in axes.patches)
    assert len(red) == BINS == 24
    # Bins of 4 / 24: that from 1 on is the 18th when counted from 0.
    assert (red[0], red[18], red[-1]) == (0.25, 0.5, 0.25)
    assert (black[6], black[18]) == (0.25, 0.75)
    assert red.sum() == black.sum() == 1
    assert axes.lines[0].get_xdata().tolist() == [-1, 1]


def test_the_window_around_a_single_point_has_margins() -> None:
    assert window(np.array([[3.0]])) == (2, 4)


def figure_of(tmp_path: Path, configure: FileConfiguration, seal: Seal, *samples: dict[str, Any]) -> Figure:
    for place, arrays in enumerate(samples):
        folder = tmp_path / str(place)
        configure(folder, [f"target={place}"], {0: [1.0]})
        np.savez(folder / "samples.npz", **arrays)
        seal(folder)
    figure = generated_curves(Analysis(load_sweep(tmp_path)))
    assert figure is not None
    return figure


def test_each_panel_of_points_has_its_own_scale(
    tmp_path: Path, file_configuration: FileConfiguration, seal: Seal
) -> None:
    wide = PLANE | {"real": 4 * PLANE["real"], "modes": 4 * PLANE["modes"]}
    figure = figure_of(tmp_path, file_configuration, seal, PLANE, wide)
    assert figure.get_suptitle() == "Generated (red) against real points"
    assert [axes.get_xlim() for axes in figure.axes] == [(-2, 2), (-8, 8)]
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["0", "1"]
    np.testing.assert_array_equal(figure.axes[1].lines[1].get_xydata(), wide["modes"])
    said = figure.get_supxlabel().replace("\n", " ")
    assert said == (
        "2 samples of the first seed at its end. Panels: target. Grey: real points; crosses: the modes. "
        "Generated points outside the frames: 1."
    )


def test_a_point_mass_is_a_histogram_next_to_panels_of_curves(
    tmp_path: Path, file_configuration: FileConfiguration, seal: Seal
) -> None:
    figure = figure_of(tmp_path, file_configuration, seal, LINE, CURVE)
    line, curve = figure.axes
    red, black = (patch.get_data().values for patch in line.patches)
    # From -1 to 1 in 24 bins: 0.9 is in the 22nd, 0 in the 12th.
    assert np.flatnonzero(red).tolist() == [22]
    assert np.flatnonzero(black).tolist() == [12]
    assert curve.lines[-1].get_ydata().tolist() == [1, 3]
    assert curve.get_ylim() == (0, 4)
    assert figure.get_suptitle() == "Generated (red) against real samples"


def test_samples_without_stored_modes_are_drawn_without_modes(
    tmp_path: Path, file_configuration: FileConfiguration, seal: Seal
) -> None:
    older = {name: array for name, array in PLANE.items() if name != "modes"}
    (axes,) = figure_of(tmp_path, file_configuration, seal, older).axes
    assert [len(line.get_xydata()) for line in axes.lines] == [3, 0, 2]


def test_a_panel_title_leaves_out_a_key_that_its_configuration_lacks(
    tmp_path: Path, file_configuration: FileConfiguration, seal: Seal
) -> None:
    paired = ["loss=relativistic_paired", "penalty=r1,r2", "penalty.r1.gamma=0.1"]
    swept = [paired, ["loss=hinge", "penalty=none"]]
    for place, overrides in enumerate(swept):
        folder = tmp_path / str(place)
        file_configuration(folder, overrides, {0: [1.0]})
        np.savez(folder / "samples.npz", **PLANE)
        seal(folder)
    figure = generated_curves(Analysis(load_sweep(tmp_path)))
    assert figure is not None
    assert shown_theory(Analysis(load_sweep(tmp_path)))["penalty.r1.gamma"].tolist() == ["0.1", "-"]
    titles = [axes.get_title(loc="left") for axes in figure.axes]
    assert titles == ["relativistic_paired, r1,r2, 0.1", "hinge, none"]
