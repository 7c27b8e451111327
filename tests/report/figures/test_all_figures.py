"""All pictures of a sweep: their number, style and files, also with many configurations."""

import dataclasses
import itertools
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import pandas as pd
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.transforms import Bbox

from sinegan.report.figures.all_figures import all_figures
from sinegan.report.figures.style import (
    COLOURS,
    HIGHEST,
    LONG_LABEL,
    PAGE,
    SHORTEST,
    STYLE,
    cut,
    fitted,
    headline,
    listed,
    panels_of,
    plain,
    png,
    svg,
    tidy,
)
from sinegan.report.load import load_sweep
from sinegan.report.referee.analysis import Analysis
from sinegan.report.sweep import Sweep

FileConfiguration = Callable[..., Path]
FileSamples = Callable[..., None]

EVERYWHERE = ["learning_curves", "generated_curves", "value_and_probabilities"]


def figures_of(sweep: Sweep) -> dict[str, Figure]:
    return all_figures(Analysis(sweep))


def grid(folder: Path, file: FileConfiguration, side: int, *, samples: FileSamples | None = None) -> Sweep:
    """Side x side learning rates for the two players."""
    rates = [f"{10.0**-power:g}" for power in range(side)]
    for place, (g, d) in enumerate((g, d) for g in rates for d in rates):
        values = {seed: [1.0, 0.1 + place + seed] for seed in range(2)}
        file(folder / str(place), [f"optim.generator_lr={g}", f"optim.discriminator_lr={d}"], values)
        if samples:
            samples(folder / str(place))
    return load_sweep(folder)


def test_a_single_configuration_has_no_figure_of_intervals(
    tmp_path: Path, file_configuration: FileConfiguration, file_samples: FileSamples
) -> None:
    file_configuration(tmp_path, [], {0: [1.0, 0.5]})
    file_samples(tmp_path)
    assert list(figures_of(load_sweep(tmp_path))) == EVERYWHERE


def test_two_swept_numbers_have_a_heat_map(
    tmp_path: Path, file_configuration: FileConfiguration, file_samples: FileSamples
) -> None:
    found = figures_of(grid(tmp_path, file_configuration, 2, samples=file_samples))
    assert list(found) == ["intervals", "heat_map", *EVERYWHERE]


def test_swept_losses_have_a_figure_of_gradient_norms(
    tmp_path: Path, file_configuration: FileConfiguration
) -> None:
    for place, loss in enumerate(("minimax", "non_saturating")):
        file_configuration(tmp_path / str(place), [f"loss={loss}"], {0: [1.0, 0.5]})
    sweep = load_sweep(tmp_path)
    assert "gradient_norms" not in figures_of(sweep)
    measured = dataclasses.replace(sweep, history=sweep.history.assign(generator_gradient=2.0))
    assert "gradient_norms" in figures_of(measured)


def test_a_sweep_without_measurements_has_no_figures(
    tmp_path: Path, file_configuration: FileConfiguration
) -> None:
    file_configuration(tmp_path / "0", ["a=1", "b=1"], seeds=2)
    file_configuration(tmp_path / "1", ["a=2", "b=1"], {0: []}, status={0: "failed"})
    assert figures_of(load_sweep(tmp_path)) == {}


def test_two_metrics_have_separate_figures(tmp_path: Path, file_configuration: FileConfiguration) -> None:
    file_configuration(tmp_path / "0", ["a=x"], {0: [1.0], 1: [2.0]})
    file_configuration(tmp_path / "1", ["a=y"], {0: [3.0], 1: [4.0]}, metric="energy_distance")
    found = figures_of(load_sweep(tmp_path))
    assert {"intervals_rmse", "intervals_energy_distance"} < set(found)
    assert found["intervals_rmse"].axes[0].get_xlabel() == "rmse, less is better"
    assert [text.get_text() for text in found["intervals_energy_distance"].axes[0].get_yticklabels()] == ["y"]


def test_many_configurations_on_two_targets_have_intervals_and_panels_for_each_target(
    tmp_path: Path, file_configuration: FileConfiguration
) -> None:
    """The second target is harder: every rmse on it is larger than all on the first."""
    for target, least in {"easy": 0.0, "hard": 100.0}.items():
        for loss in range(21):
            values = {seed: [200.0, 1.0 + least + loss] for seed in range(2)}
            file_configuration(tmp_path / f"{target}{loss}", [f"target={target}", f"loss={loss}"], values)
    sweep = load_sweep(tmp_path)
    targets = {name: {"target": {"_target_": name[:4]}} for name in sweep.settings}
    found = figures_of(dataclasses.replace(sweep, settings=targets))
    assert {name for name in found if name.startswith("intervals")} == {"intervals_1", "intervals_2"}
    for name, target in {"intervals_1": "easy", "intervals_2": "hard"}.items():
        named = [text.get_text() for text in found[name].axes[0].get_yticklabels()]
        assert len(named) == 21
        assert all(label.startswith(target) for label in named)
    curves = found["learning_curves"]
    titles = [axes.get_title(loc=where) for axes in curves.axes for where in ("left", "center")]
    counted = [sum(title.startswith(target) for title in titles) for target in ("easy", "hard")]
    assert counted == [6, 6]
    assert "12 of 42 configurations: of each target lowest rmse" in curves.get_supxlabel()


def test_lost_runs_have_no_dot_in_the_interval_plot(
    tmp_path: Path, file_configuration: FileConfiguration
) -> None:
    values = {0: [2.0], 1: [3.0], 2: [700.0]}
    file_configuration(tmp_path / "0", ["a=x"], values, status={2: "diverged"})
    file_configuration(tmp_path / "1", ["a=y"], {0: [5.0]})
    (axes,) = figures_of(load_sweep(tmp_path))["intervals"].axes
    dots = [sorted(line.get_xdata()) for line in axes.lines if line.get_markersize() < 2]
    assert dots == [[2, 3], [5]]


def test_samples_are_read_only_for_the_configurations_that_a_figure_shows(
    tmp_path: Path,
    file_configuration: FileConfiguration,
    file_samples: FileSamples,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sweep = grid(tmp_path, file_configuration, 15, samples=file_samples)
    read: list[Path] = []
    real_load: Any = np.load
    monkeypatch.setattr(np, "load", lambda *a, **k: read.append(a[0]) or real_load(*a, **k))  # type: ignore[func-returns-value]
    found = figures_of(sweep)
    assert len(read) == 12
    assert set(found) == {*EVERYWHERE, "intervals", "heat_map"}
    for name, figure in found.items():
        width, height = figure.get_size_inches()
        assert width <= PAGE, name
        assert height <= HIGHEST, name
        assert len(svg(figure)) < 1_000_000, name
    for name in EVERYWHERE:
        assert "of 225 configurations" in found[name].get_supxlabel()
    assert "225" in found["intervals"].axes[0].get_ylabel()


def test_an_svg_is_reproducible_and_a_png_is_valid(
    tmp_path: Path, file_configuration: FileConfiguration, file_samples: FileSamples
) -> None:
    before = dict(matplotlib.rcParams)
    sweep = grid(tmp_path, file_configuration, 2, samples=file_samples)
    first, second = figures_of(sweep), figures_of(sweep)
    for name, figure in first.items():
        text = svg(figure)
        assert text == svg(second[name])
        assert ElementTree.fromstring(text).tag == "{http://www.w3.org/2000/svg}svg"
        assert "<dc:date>" not in text
        assert png(figure).startswith(b"\x89PNG\r\n\x1a\n")
    assert dict(matplotlib.rcParams) == before


@pytest.mark.parametrize(
    "value", ["<script>alert(1)</script>", "{x:g} %s", "$\\frac{", "\x01-->", "漢字", "x" * 300]
)
def test_any_swept_value_can_be_drawn_in_a_figure(
    tmp_path: Path, file_configuration: FileConfiguration, file_samples: FileSamples, value: str
) -> None:
    for place, name in enumerate((value, "y")):
        file_configuration(tmp_path / str(place), [f"loss={name}"], {0: [1.0, 0.5]})
        file_samples(tmp_path / str(place))
    sweep = load_sweep(tmp_path)
    sweep = dataclasses.replace(sweep, history=sweep.history.assign(generator_gradient=2.0))
    for figure in figures_of(sweep).values():
        root = ElementTree.fromstring(svg(figure))
        assert not root.findall(".//{http://www.w3.org/2000/svg}script")
        assert png(figure).startswith(b"\x89PNG")


def test_a_label_is_one_short_line_with_its_beginning_and_end() -> None:
    assert plain("a\nb\x07c") == "a\\nb\\x07c"
    assert plain("$x$") == "$x$"
    long = plain("begin" + "-" * 100 + "end")
    assert len(long) <= LONG_LABEL
    assert long.startswith("begin")
    assert long.endswith("end")
    assert plain("x" * LONG_LABEL) == "x" * LONG_LABEL


def test_a_cut_text_keeps_its_beginning_and_end() -> None:
    assert cut("relativistic_average", 20) == "relativistic_average"
    assert cut("relativistic_average", 10) == "relati…age"
    assert cut("relativistic_average", 3) == "re…"
    assert all(len(cut("abcdefghij", letters)) == letters for letters in range(1, 11))


def test_a_list_of_values_shows_each_and_cuts_the_longest_first() -> None:
    values = ["relativistic_average", "[r1,r2]", "gaussian_ring", "0.0003"]
    assert listed(values, 52) == "relativistic_average, [r1,r2], gaussian_ring, 0.0003"
    assert listed(values, 45) == "relativi…rage, [r1,r2], gaussian_ring, 0.0003"
    assert listed(values, 38) == "relati…ge, [r1,r2], gaussi…ng, 0.0003"
    assert listed([], 5) == ""
    many = listed(["abcdefgh"] * 9, 20)
    assert (len(many), many[:SHORTEST]) == (20, "abc…h")


def test_panel_titles_break_between_values_and_are_cut_only_at_the_last_line() -> None:
    noise = "relativistic_average, [instance_noise,wgan_gp_zero], gaussian_ring, 0.0003"
    assert fitted(noise, 32) == "relativistic_average,\n[instance_noise,wgan_gp_zero],\ngaussian_ring, 0.0003"
    assert fitted(noise, 27) == "relativistic_average,\n[instance_noise,w…gp_zero],\ngaussian_ring, 0.0003"
    assert [len(line) for line in fitted("x" * 300, 27).splitlines()] == [27]


def boxes(figure: Figure, artists: Sequence[Any]) -> list[Bbox]:
    """The bounding boxes of texts in a picture, inches."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    renderer: Any = canvas.get_renderer()
    return [
        artist.get_window_extent(renderer).transformed(figure.dpi_scale_trans.inverted())
        for artist in artists
    ]


@pytest.mark.parametrize("configurations", [2, 3, 12])
def test_texts_of_a_figure_overlap_nothing_and_stay_in_the_frame(
    tmp_path: Path, file_configuration: FileConfiguration, file_samples: FileSamples, configurations: int
) -> None:
    for place in range(configurations):
        game = ["loss=relativistic_average", "penalty=[instance_noise,wgan_gp_zero]"]
        rates = [
            f"optim.generator_lr=0.000{place + 1}",
            f"optim.discriminator_lr=0.00{place + 1}",
            "average=exponential",
        ]
        if place:
            game = [f"loss=f_gan_jensen_shannon{place}", "penalty=[r1,r2,weight_clipping]"]
            rates[-1] = "average=none"
        overrides = [
            *game,
            "target=random_amplitude_frequency" if place % 2 else "target=two_frequency_sum",
            *rates,
        ]
        file_configuration(tmp_path / str(place), overrides, {0: [1.0, 0.5], 1: [1.0, 0.7]})
        file_samples(tmp_path / str(place))
    sweep = load_sweep(tmp_path)
    sweep = dataclasses.replace(sweep, history=sweep.history.assign(generator_gradient=2.0))
    for name, figure in figures_of(sweep).items():
        width, height = figure.get_size_inches()
        with matplotlib.rc_context(STYLE):
            words = [axes.title if axes.get_title() else axes._left_title for axes in figure.axes]  # type: ignore[attr-defined]
            words += [axes.yaxis.label for axes in figure.axes] + [figure._suptitle, *figure.legends]  # type: ignore[attr-defined]
            found = [box for box in boxes(figure, words) if box.width and box.height]
        for box in found:
            assert min(box.x0, box.y0) >= 0, name
            assert box.x1 <= width, name
            assert box.y1 <= height, name
        assert not [1 for a, b in itertools.combinations(found, 2) if a.overlaps(b)], name


@pytest.mark.parametrize(
    ("value", "shown"), [(2e-5, "2e-5"), (1e6, "1e6"), (1e-10, "1e-10"), (0.5, "0.5"), (100.0, "100")]
)
def test_numbers_on_axes_are_short(value: float, shown: str) -> None:
    assert tidy(value) == shown


def test_colours_differ_in_grey_or_have_different_dashes() -> None:
    assert len(set(COLOURS)) == len(COLOURS)
    # Rec. 709 luminance: the first three, which most pictures need, differ also in a copy.
    grey = [float(np.dot((0.2126, 0.7152, 0.0722), to_rgb(colour))) for colour in COLOURS]
    assert min(abs(grey[0] - grey[1]), abs(grey[0] - grey[2])) > 0.04
    assert pd.Series(grey).lt(0.85).all()


def test_panel_titles_do_not_reach_into_the_next_panel() -> None:
    figure, grid = panels_of(3, 1.7)
    for axes in grid:
        axes.set_title("non_saturating, 0.000274, 0.000408, relu", loc="left")
    headline(figure, "A title")
    assert [axes.get_title(loc="left") for axes in grid] == ["non_saturating, 0.000274,\n0.000408, relu"] * 3
    alone, (axes,) = panels_of(1, 1.7)
    axes.set_title("non_saturating, 0.000274, 0.000408, relu", loc="left")
    headline(alone, "A title")
    assert axes.get_title(loc="left") == "non_saturating, 0.000274, 0.000408, relu"
