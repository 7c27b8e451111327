"""The progress of a sweep on the screen: a bar in a terminal, plain lines elsewhere."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType

from rich.console import Console
from rich.live import Live
from rich.progress import BarColumn, Progress, TextColumn

from sinegan.sweep.progress import Watcher

SECONDS_BETWEEN_PLAIN_LINES = 10.0
WIDTH, BAR = 80, 10
BETWEEN = 2
"""Columns between the parts of a line with a bar."""


@contextmanager
def progress_bar(watcher: Watcher) -> Iterator[None]:
    """Shows the progress while the block runs."""
    with _Display(watcher, Console()):
        yield


class _Display:
    def __init__(self, watcher: Watcher, console: Console) -> None:
        self._watcher = watcher
        self._width = console.width
        self._in_terminal = console.is_terminal  # the terminal may be gone at the end
        self._stop = threading.Event()
        self._bar = Progress(
            TextColumn("{task.description}"), BarColumn(bar_width=BAR), TextColumn("{task.fields[line]}")
        )
        self._task = self._bar.add_task("training", line="starting")
        self._live = Live(console=console, get_renderable=self._render, transient=True)
        self._thread = threading.Thread(target=self._print_lines, daemon=True)

    def __enter__(self) -> None:
        if self._in_terminal:
            self._live.start()
        else:
            self._thread.start()

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._in_terminal:
            self._live.stop()
        else:
            self._stop.set()
            self._thread.join()

    def _render(self) -> Progress:
        progress = self._watcher.read_progress()
        done = f"{self._watcher.configurations_done}/{self._watcher.configurations} configurations"
        title = self._watcher.title or done
        self._bar.update(
            self._task,
            total=progress.all_run_steps,
            completed=progress.run_steps,
            description=title,
            line=progress.line(self._width - BAR - 2 * BETWEEN - len(title)),
        )
        return self._bar

    def _print_lines(self) -> None:
        while not self._stop.wait(SECONDS_BETWEEN_PLAIN_LINES):
            progress = self._watcher.read_progress()
            share = f"{100 * progress.run_steps / progress.all_run_steps:3.0f} %"
            first = self._watcher.title or share
            print(f"{first}, {progress.line(WIDTH - len(first) - BETWEEN)}", flush=True)
