"""The progress of a sweep on the screen: a bar in a terminal, plain lines elsewhere."""

import io
import json
import threading
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from sinegan.app import progress_bar as progress_bar_module
from sinegan.app.progress_bar import progress_bar
from sinegan.statuses import FINISHED
from sinegan.sweep.progress import SweepProgress, Watcher


def write_state(folder: Path, **state: Any) -> None:
    """Writes the progress file of a worker."""
    (folder / "0.json").write_text(json.dumps(state))


@pytest.fixture
def screen(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    """A terminal of 80 columns, with all that is written to it."""
    monkeypatch.setenv("TERM", "xterm-256color")
    screen = io.StringIO()
    monkeypatch.setattr(
        progress_bar_module, "Console", lambda: Console(file=screen, force_terminal=True, width=80)
    )
    return screen


def test_a_terminal_shows_a_progress_bar_with_configurations_and_runs(
    tmp_path: Path, screen: io.StringIO
) -> None:
    watcher = Watcher(tmp_path, runs=4, run_steps=400, configurations=12)
    watcher.configurations_done = 5
    write_state(tmp_path, done=200, ended={FINISHED: 1}, d_real=0.6, d_fake=0.4)
    with progress_bar(watcher):
        pass
    assert "5/12" in screen.getvalue()
    assert "1/4 runs, D 0.60 0.40" in screen.getvalue()


TITLE = "3 of 36 open, 12 to 20 seeds, 41 % of the worst case"


def test_what_is_open_stands_in_the_place_of_the_configurations_and_fits(
    tmp_path: Path, screen: io.StringIO
) -> None:
    watcher = Watcher(tmp_path, runs=4, run_steps=400, configurations=36)
    watcher.title = TITLE
    write_state(tmp_path, done=200, ended={FINISHED: 1}, d_real=0.6, d_fake=0.4)
    with progress_bar(watcher):
        pass
    shown = screen.getvalue()
    assert TITLE in shown
    assert "1/4 runs" in shown
    assert "configurations" not in shown
    assert "D 0.60" not in shown  # for which 80 columns have no room


@pytest.mark.parametrize(("title", "line"), [("", " 50 %, 1/4 runs"), (TITLE, f"{TITLE}, 1/4 runs")])
def test_progress_without_a_terminal_is_printed_as_plain_lines(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    title: str,
    line: str,
) -> None:
    watcher = Watcher(tmp_path, runs=4, run_steps=400, configurations=1)
    watcher.title = title
    write_state(tmp_path, done=200, ended={FINISHED: 1})
    readings = threading.Semaphore(0)
    read = watcher.read_progress

    def counted() -> SweepProgress:
        readings.release()
        return read()

    monkeypatch.setattr(watcher, "read_progress", counted)
    monkeypatch.setattr(progress_bar_module, "SECONDS_BETWEEN_PLAIN_LINES", 0.001)
    monkeypatch.setattr(progress_bar_module, "Console", lambda: Console(file=io.StringIO()))
    with progress_bar(watcher):  # a second reading comes after the first line
        assert all(readings.acquire(timeout=30) for _ in range(2))
    assert capsys.readouterr().out.splitlines()[0] == line
