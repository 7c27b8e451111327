"""The report of a folder: its files, its table in the terminal, and a clear message on failure."""

import importlib
import io
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from rich.console import Console

from sinegan.report.load import UnreadableSweepError, load_sweep
from sinegan.report.make import make_report
from sinegan.report.referee.analysis import Analysis
from sinegan.report.words.answers import answers
from sinegan.report.words.markdown import markdown

FileConfiguration = Callable[..., Path]
FileSamples = Callable[..., None]

TABLES = {"configurations.csv", "configurations.md", "comparisons.csv", "effects.csv", "secondary.csv"}
TABLES |= {"index.html"}
VALUES = {0: [1.0, 0.5], 1: [2.0, 0.25], 2: [4.0, 0.125]}


def reported(folder: Path) -> str:
    """Makes a report and returns what it printed."""
    screen = io.StringIO()
    make_report(folder, Console(width=80, file=screen))
    return screen.getvalue()


def report_in_a_process(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "sinegan.report", *arguments],
        capture_output=True,
        text=True,
        env=os.environ | {"COLUMNS": "80"},
    )


def pictures(*files: str) -> set[str]:
    return {f"{name}.{form}" for name in files for form in ("png", "svg")}


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_a_report_has_tables_pictures_and_a_page(
    tmp_path: Path, file_configuration: FileConfiguration, file_samples: FileSamples
) -> None:
    for place, a in enumerate("xy"):
        file_configuration(tmp_path / str(place), [f"a={a}"], VALUES)
        file_samples(tmp_path / str(place))
    files = names(tmp_path / "0")
    assert files == {"provenance.json", "manifest.json", "runs.csv", "history.csv", "samples.npz"}
    text = reported(tmp_path)
    assert names(tmp_path) == {"0", "1", "report"}
    assert names(tmp_path / "0") == files
    drawn = ("intervals", "learning_curves", "generated_curves", "value_and_probabilities")
    assert names(tmp_path / "report") == TABLES | pictures(*drawn)
    html = (tmp_path / "report" / "index.html").read_text()
    assert html.count("<img") == len(drawn)
    (sentence,) = answers(Analysis(load_sweep(tmp_path)))
    assert "equal within 10 %" in sentence
    assert f"<p>{sentence}</p>" in html
    assert sentence in " ".join(text.split())
    analysis = Analysis(load_sweep(tmp_path))
    table = pd.read_csv(tmp_path / "report" / "configurations.csv")
    pd.testing.assert_frame_equal(table, analysis.table, check_exact=True, check_dtype=False)
    assert (tmp_path / "report" / "configurations.md").read_text() == markdown(analysis)
    for name in ("learning_curves.png", "generated_curves.png"):
        assert (tmp_path / "report" / name).read_bytes().startswith(b"\x89PNG")
    assert "rmse, less is better" in text
    assert [line.split()[:3] for line in text.splitlines() if line.startswith((" x", " y"))] == [
        ["x", "3", "0.25"],
        ["y", "3", "0.25"],
    ]
    assert "- n = 3: three seeds" in text
    assert text.splitlines()[-1] == f"Tables and figures: {tmp_path / 'report'}"
    assert "Distance from the optimum" not in text


def file_decided(folder: Path, file: FileConfiguration) -> None:
    """A sweep that its design decided at the first look."""
    design = {"_target_": "sinegan.designs.UntilBest", "first": 3, "most": 9, "margin": 0.2, "budget": None}
    for place, a in enumerate("xyz"):
        values = {seed: [10.0**place * (1 + seed / 100)] for seed in range(3)}
        file(
            folder / str(place),
            [f"a={a}", "decide=best", "decide.first=3"],
            values,
            settings={"decide": design},
        )


def test_a_decided_sweep_has_a_table_and_a_picture_of_the_decisions(
    tmp_path: Path, file_configuration: FileConfiguration
) -> None:
    file_decided(tmp_path, file_configuration)
    text = " ".join(reported(tmp_path).split())
    assert "x is the best of 3" in text
    assert "decide=best ended after 9 of at most 27 runs (33 %)" in text
    assert {"decisions.csv", "decisions.png", "decisions.svg"} <= names(tmp_path / "report")
    table = pd.read_csv(tmp_path / "report" / "decisions.csv")
    assert list(table) == ["a", "seeds", "outcome", "decided_at", "against", "p_corrected"]
    assert table["outcome"].tolist() == ["best", "dropped", "dropped"]
    assert table["decided_at"].tolist() == table["seeds"].tolist() == [3, 3, 3]
    assert table["against"].tolist() == ["a=y", "a=x", "a=x"]
    assert (table["p_corrected"] < 0.05).all()
    page = (tmp_path / "report" / "index.html").read_text()
    assert page.count('alt="How the decision came about') == 1
    assert page.count("<figcaption>How the decision came about") == 1


def test_a_report_without_decisions_removes_those_of_an_earlier_one(
    tmp_path: Path, file_configuration: FileConfiguration
) -> None:
    file_decided(tmp_path, file_configuration)
    report = tmp_path / "report"
    report.mkdir()
    for name in ("decisions.csv", "decisions_1.png"):
        (report / name).write_text("old")
    for folder in sorted(tmp_path.glob("[0-9]"))[1:]:  # a single configuration has nothing to decide
        shutil.rmtree(folder)
    reported(tmp_path)
    assert not [name for name in names(report) if name.startswith("decisions")]


def test_a_decided_sweep_keeps_the_margin_that_it_was_decided_within(
    tmp_path: Path, file_configuration: FileConfiguration
) -> None:
    file_decided(tmp_path, file_configuration)
    ended = report_in_a_process(str(tmp_path), "--margin", "0.3")
    assert ended.returncode == 1
    assert ended.stderr == (
        "sinegan.report: --margin 0.3: leave it out; the sweep was decided within decide.margin = 0.2\n"
    )
    make_report(tmp_path, Console(file=io.StringIO()), margin=0.2)


def test_the_table_is_printed_before_anything_is_drawn(
    tmp_path: Path, file_configuration: FileConfiguration, monkeypatch: pytest.MonkeyPatch
) -> None:
    def draw(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("sinegan.report.make.all_figures", draw)
    file_configuration(tmp_path, [], VALUES)
    screen = io.StringIO()
    with pytest.raises(KeyboardInterrupt):
        make_report(tmp_path, Console(width=80, file=screen))
    assert "Distance from the optimum" in screen.getvalue()
    assert names(tmp_path / "report") == TABLES - {"index.html"}


def test_the_report_of_a_single_configuration_has_the_table_of_theory(
    tmp_path: Path, file_configuration: FileConfiguration
) -> None:
    file_configuration(tmp_path, [], VALUES)
    text = reported(tmp_path)
    assert "Distance from the optimum" in text
    assert "-1.3863" in text
    assert names(tmp_path / "report") == TABLES | pictures("learning_curves", "value_and_probabilities")


def test_only_configurations_with_plot_animation_get_an_animation(
    tmp_path: Path, file_configuration: FileConfiguration, file_samples: FileSamples
) -> None:
    for place, animation in enumerate((True, False)):
        file_configuration(tmp_path / str(place), [f"a={place}"], VALUES, animation=animation)
        file_samples(tmp_path / str(place), frames={0: 0.0, 50: 1.0})
    reported(tmp_path)
    assert "animation.gif" in names(tmp_path / "0")
    assert "animation.gif" not in names(tmp_path / "1")


def test_a_report_is_reproducible(
    tmp_path: Path, file_configuration: FileConfiguration, file_samples: FileSamples
) -> None:
    file_configuration(tmp_path / "0", ["a=x"], VALUES)
    file_samples(tmp_path / "0")
    reported(tmp_path)
    before = {path.name: path.read_bytes() for path in (tmp_path / "report").iterdir()}
    reported(tmp_path)
    assert {path.name: path.read_bytes() for path in (tmp_path / "report").iterdir()} == before


def test_a_sweep_in_which_nothing_was_measured_still_has_a_report(
    tmp_path: Path, file_configuration: FileConfiguration
) -> None:
    file_configuration(tmp_path / "0", ["a=x"], seeds=3)
    file_configuration(tmp_path / "1", ["a=y"], {0: []}, status={0: "failed"}, message="OSError: full")
    text = reported(tmp_path)
    assert "a=x: 3 of 3 runs are unfinished (not begun)." in text
    assert "a=y: 1 of 1 runs failed: OSError: full." in text
    assert names(tmp_path / "report") == TABLES


def test_a_killed_sweep_has_a_report_of_its_parts(
    tmp_path: Path, file_configuration: FileConfiguration, file_samples: FileSamples
) -> None:
    file_configuration(tmp_path / "0", ["a=x"], VALUES, part="parts/000000", seeds=8)
    file_samples(tmp_path / "0" / "parts" / "000000")
    text = reported(tmp_path)
    assert "5 of 8 runs are unfinished" in text
    drawn = ("learning_curves", "generated_curves", "value_and_probabilities")
    assert names(tmp_path / "report") == TABLES | pictures(*drawn)


def test_the_report_command_writes_the_report_and_prints_the_table(
    tmp_path: Path, file_configuration: FileConfiguration
) -> None:
    file_configuration(tmp_path / "0", ["a=x"], VALUES)
    file_configuration(tmp_path / "1", ["a=y"], VALUES)
    done = report_in_a_process(str(tmp_path))
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == reported(tmp_path)
    assert names(tmp_path / "report") == TABLES | pictures(
        "intervals", "learning_curves", "value_and_probabilities"
    )


def test_the_report_command_refuses_a_missing_folder_in_one_line(tmp_path: Path) -> None:
    done = report_in_a_process(str(tmp_path / "gone"))
    assert done.returncode == 1
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"sinegan.report: {tmp_path / 'gone'}: no such folder")


def test_the_report_command_refuses_a_folder_that_cannot_be_written_in_one_line(
    tmp_path: Path, file_configuration: FileConfiguration, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path, *_: Any) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    file_configuration(tmp_path / "0", ["a=x"], VALUES)
    monkeypatch.setattr("sinegan.report.make.write_whole", refuse)
    monkeypatch.setattr(sys, "argv", ["sinegan.report", str(tmp_path)])
    with pytest.raises(SystemExit) as caught:
        importlib.import_module("sinegan.report.__main__").main()
    message = str(caught.value.code)
    assert message.startswith("sinegan.report: cannot write the report: ")
    assert "Permission denied" in message
    assert str(tmp_path / "report") in message
    assert "\n" not in message


def test_an_unreadable_sweep_leaves_no_report(tmp_path: Path, file_configuration: FileConfiguration) -> None:
    file_configuration(tmp_path / "0", ["a=x"], VALUES)
    (tmp_path / "0" / "provenance.json").write_text("{")
    with pytest.raises(UnreadableSweepError):
        reported(tmp_path)
    assert names(tmp_path) == {"0"}


def test_make_report_returns_the_sweep(tmp_path: Path, file_configuration: FileConfiguration) -> None:
    file_configuration(tmp_path / "0", ["a=x"], VALUES)
    sweep = make_report(tmp_path, Console(file=io.StringIO()))
    assert sweep.folder == tmp_path
    np.testing.assert_array_equal(sweep.history["rmse"], np.ravel(list(VALUES.values())))


@pytest.mark.parametrize("module", ["sinegan.report", "sinegan.theory"])
def test_the_message_on_an_unknown_option_has_no_control_characters(module: str) -> None:
    command = [sys.executable, "-m", module, "folder", "--x\x1b[2J"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr.endswith("unrecognized arguments: --x\\x1b[2J\n")
