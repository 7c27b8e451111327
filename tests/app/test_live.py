"""Live output while a configuration trains: a line for each evaluation, and a window where possible."""

from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import matplotlib
import numpy as np
import pytest
from matplotlib import pyplot
from matplotlib.figure import Figure

from sinegan.app.live import live_observers, live_picture, missing_display, print_evaluation
from sinegan.config import Config, Plot
from sinegan.game.targets import NoisySine
from sinegan.sweep.plan import Configuration
from sinegan.training.loop import SAMPLE_COUNT, Evaluation, Samples

MakeConfig = Callable[..., Config]


def evaluation(step: int, measured: list[bool], **parts: Any) -> Evaluation:
    nothing: dict[str, Any] = {"metrics": None, "frame": None, "samples": None}
    runs = len(measured)
    return Evaluation(
        step=step,
        measured=np.array(measured),
        ended=np.zeros(runs, bool),
        status=("running",) * runs,
        end_step=(0,) * runs,
        **nothing | parts,
    )


@pytest.fixture
def windows(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Figure]]:
    """Records the windows that would be opened, on a machine with or without a display."""
    opened: list[Figure] = []
    before = matplotlib.get_backend()
    pyplot.switch_backend("Agg")
    monkeypatch.setattr(Figure, "show", lambda figure: opened.append(figure))
    yield opened
    pyplot.close("all")
    pyplot.switch_backend(before)


def test_a_printed_evaluation_has_the_step_and_the_means_of_the_measured_runs(
    capsys: pytest.CaptureFixture[str],
) -> None:
    metrics = {"d_real": np.array([0.5, 9.0, 0.75]), "d_fake": np.array([0.25, 9.0, 0.12346])}
    print_evaluation(evaluation(12_345, [True, False, True], metrics=metrics))
    assert capsys.readouterr().out == "step 12,345   mean D(real) 0.6250   mean D(fake) 0.1867\n"


def test_an_evaluation_without_measurements_prints_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    metrics = {"d_real": np.array([np.nan]), "d_fake": np.array([np.nan])}
    print_evaluation(evaluation(5, [False], metrics=metrics))
    print_evaluation(evaluation(5, [True]))
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("plots", "lines"), [([Plot()], 0), ([Plot(text=True)], 1), ([Plot(text=True), Plot(text=True)], 1)]
)
def test_text_is_printed_once_however_many_configurations_ask(
    make_config: MakeConfig,
    windows: list[Figure],
    capsys: pytest.CaptureFixture[str],
    plots: list[Plot],
    lines: int,
) -> None:
    configurations = [Configuration(make_config(plot=plot), Path(str(n))) for n, plot in enumerate(plots)]
    metrics = {"d_real": np.array([0.5]), "d_fake": np.array([0.5])}
    with live_observers(configurations) as observers:
        for observer in observers:
            observer(evaluation(5, [True], metrics=metrics))
    assert len(capsys.readouterr().out.splitlines()) == lines
    assert windows == []


def test_a_live_picture_shows_the_first_run_and_is_closed_at_the_end(
    make_config: MakeConfig, windows: list[Figure]
) -> None:
    with live_picture(Configuration(make_config(), Path("0"))) as show:
        (figure,) = windows
        (axes,) = figure.axes
        (text,) = axes.texts
        real, generated = axes.lines
        np.testing.assert_allclose(real.get_ydata(), np.sin(real.get_xdata()))
        frame = Samples(np.arange(12.0).reshape(2, 1, 6), np.array([[0.25], [0.9]]))
        show(evaluation(50, [True, True], frame=frame))
        assert text.get_text() == "step 50\nprobability that the red curve is real: 0.25"
        assert generated.get_ydata().tolist() == [0, 1, 2, 3, 4, 5]
        show(evaluation(60, [True, True]))  # no frame at this step
        assert text.get_text().startswith("step 50\n")
        show(evaluation(100, [True, True], frame=Samples(-frame.curves, frame.probability)))
        assert text.get_text().startswith("step 100\n")
        assert generated.get_ydata().tolist() == [0, -1, -2, -3, -4, -5]
        assert pyplot.isinteractive()
        assert pyplot.fignum_exists(figure.number)
    assert not pyplot.fignum_exists(figure.number)
    assert not pyplot.isinteractive()


def test_a_live_picture_is_closed_after_an_error_too(make_config: MakeConfig, windows: list[Figure]) -> None:
    with pytest.raises(RuntimeError), live_picture(Configuration(make_config(), Path("0"))):
        raise RuntimeError
    assert len(windows) == 1
    assert pyplot.get_fignums() == []


def test_a_live_picture_of_a_family_shows_many_real_curves(
    make_config: MakeConfig, windows: list[Figure]
) -> None:
    with live_picture(Configuration(make_config(target=NoisySine(points=6)), Path("0"))):
        *real, _ = windows[0].axes[0].lines
        assert 1 < len({tuple(line.get_ydata()) for line in real}) == len(real) <= SAMPLE_COUNT


def test_only_the_first_live_configuration_gets_a_window(
    make_config: MakeConfig, windows: list[Figure]
) -> None:
    plots = [Plot(), Plot(live=True, text=True), Plot(live=True)]
    targets = [NoisySine(points=6), NoisySine(points=7), NoisySine(points=8)]
    configurations = [
        Configuration(make_config(plot=plot, target=target), Path(str(n)))
        for n, (plot, target) in enumerate(zip(plots, targets, strict=True))
    ]
    with live_observers(configurations) as observers:
        assert observers[0] is print_evaluation
        assert len(observers) == 2
        (figure,) = windows
        assert len(figure.axes[0].lines[0].get_xdata()) == 7


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Pretends to be another machine."""

    def machine(platform: str, backend: str, **variables: str) -> None:
        monkeypatch.setattr("sinegan.app.live.sys", SimpleNamespace(platform=platform))
        monkeypatch.setattr(matplotlib, "get_backend", lambda: backend)
        for name in ("DISPLAY", "WAYLAND_DISPLAY"):
            monkeypatch.delenv(name, raising=False)
        for name, value in variables.items():
            monkeypatch.setenv(name, value)

    return machine


@pytest.mark.parametrize("variables", [{}, {"DISPLAY": "", "WAYLAND_DISPLAY": ""}])
def test_linux_without_a_display_gets_advice_instead_of_a_window(
    machine: Callable[..., None], variables: dict[str, str]
) -> None:
    machine("linux", "TkAgg", **variables)
    assert "DISPLAY is not set" in str(missing_display())
    assert "plot.animation=true" in str(missing_display())


@pytest.mark.parametrize("variables", [{"DISPLAY": ":0"}, {"WAYLAND_DISPLAY": "wayland-0"}])
@pytest.mark.parametrize("backend", ["TkAgg", "tkagg", "QtAgg"])
def test_a_display_and_a_window_backend_can_show_a_live_picture(
    machine: Callable[..., None], variables: dict[str, str], backend: str
) -> None:
    machine("linux", backend, **variables)
    assert missing_display() is None


@pytest.mark.parametrize("backend", ["agg", "Agg", "pdf", "svg"])
def test_a_backend_without_windows_is_named(machine: Callable[..., None], backend: str) -> None:
    machine("linux", backend, DISPLAY=":0")
    assert f"matplotlib's backend {backend} opens no window" in str(missing_display())
    assert "plot.animation=true" in str(missing_display())


def test_other_systems_need_no_display_variable(machine: Callable[..., None]) -> None:
    machine("darwin", "MacOSX")
    assert missing_display() is None
    machine("win32", "agg")
    assert "backend agg" in str(missing_display())
