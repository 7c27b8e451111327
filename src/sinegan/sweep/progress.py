"""Live progress of a sweep, from small files that the workers leave in a shared folder.

Files, not queues, so that it works the same for any executor that shares a disk.
"""

import json
import threading
import time
from collections import Counter, deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from types import TracebackType
from typing import Any

from rich.console import Console
from rich.live import Live
from rich.progress import BarColumn, Progress, TextColumn

from sinegan.files import write_json
from sinegan.training.loop import DIVERGED, Evaluation

FOLDER = ".progress"
SECONDS_BETWEEN_WRITES = 0.5
SECONDS_BETWEEN_PLAIN_LINES = 10.0


class Reporter:
    """A worker's side: says how far its shard is, at most twice a second."""

    def __init__(self, folder: Path, number: int) -> None:
        self._file = folder / FOLDER / f"{number}.json"
        self._written = 0.0

    def say(self, evaluation: Evaluation, final: bool = False) -> None:
        if not final and time.monotonic() < self._written + SECONDS_BETWEEN_WRITES:
            return
        self._written = time.monotonic()
        running = sum(word == "running" for word in evaluation.status)
        latest = {
            name: round(float(values[evaluation.measured].mean()), 4)
            for name, values in (evaluation.metrics or {}).items()
            if name in ("d_real", "d_fake") and evaluation.measured.any()
        }
        ended = Counter(word for word in evaluation.status if word != "running")
        state = {"step": evaluation.step, "running": running, "ended": dict(ended), **latest}
        write_json(self._file, state, durable=False)


@dataclass(frozen=True)
class Standing:
    """How far a sweep is."""

    run_steps: int
    all_run_steps: int
    runs: int
    ended: int
    failed: int
    diverged: int
    rate: float
    """Run-steps per second over the last minute."""
    latest: dict[str, float]

    def line(self) -> str:
        """One line of at most 80 columns."""
        parts = [f"{self.ended}/{self.runs} runs"]
        if self.failed:
            parts.append(f"{self.failed} failed")
        if self.diverged:
            parts.append(f"{self.diverged} diverged")
        if self.rate > 0:
            left = (self.all_run_steps - self.run_steps) / self.rate
            parts.append(f"{self.rate:,.0f} steps/s")
            parts.append(f"{timedelta(seconds=round(left))} left")
        elif self.run_steps == 0:
            parts.append("starting")
        if "d_real" in self.latest and len(parts) < 5:
            parts.append(f"D {self.latest['d_real']:.2f} {self.latest['d_fake']:.2f}")
        return ", ".join(parts)


class Watcher:
    """The main process's side: reads the files and adds up.

    shards: for each shard its number of runs and its steps.
    """

    def __init__(self, folder: Path, shards: dict[int, tuple[int, int]], configurations: int) -> None:
        self._folder = folder / FOLDER
        self._shards = shards
        self._done: dict[int, Counter[str]] = {}
        self._past: deque[tuple[float, int]] = deque()
        self.configurations = configurations
        self.configurations_done = 0

    def shard_done(self, number: int, statuses: Counter[str]) -> None:
        """The last word on a shard; its file is no longer read."""
        self._done[number] = statuses
        (self._folder / f"{number}.json").unlink(missing_ok=True)

    def standing(self) -> Standing:
        run_steps, statuses, latest = 0, Counter[str](), dict[str, float]()
        for done in self._done.values():
            statuses.update(done)
        for number, (runs, steps) in self._shards.items():
            if number in self._done:
                run_steps += runs * steps
        for number, state in self._states():
            run_steps += self._shards[number][0] * state["step"]
            statuses.update(state["ended"])
            latest = {name: state[name] for name in ("d_real", "d_fake") if name in state}
        now = time.monotonic()
        self._past.append((now, run_steps))
        while self._past[0][0] < now - 60:
            self._past.popleft()
        then, before = self._past[0]
        elapsed = now - then
        return Standing(
            run_steps=run_steps,
            all_run_steps=sum(runs * steps for runs, steps in self._shards.values()),
            runs=sum(runs for runs, _ in self._shards.values()),
            ended=statuses.total(),
            failed=statuses["failed"],
            diverged=statuses[DIVERGED],
            rate=(run_steps - before) / elapsed if elapsed > 1 else 0.0,
            latest=latest,
        )

    def _states(self) -> Iterator[tuple[int, dict[str, Any]]]:
        for file in self._folder.glob("[0-9]*.json"):
            number = int(file.stem)
            if number in self._done or number not in self._shards:
                continue
            try:
                yield number, json.loads(file.read_text())
            except (OSError, json.JSONDecodeError):
                continue


class _Display:
    """A bar in a terminal, plain lines elsewhere."""

    def __init__(self, watcher: Watcher, console: Console) -> None:
        self._watcher = watcher
        self._console = console
        self._stop = threading.Event()
        self._bar = Progress(
            TextColumn("{task.description}"), BarColumn(bar_width=20), TextColumn("{task.fields[words]}")
        )
        self._task = self._bar.add_task("training", words="starting")
        self._live = Live(console=console, get_renderable=self._render, transient=True)
        self._thread = threading.Thread(target=self._plain_lines, daemon=True)

    def __enter__(self) -> None:
        if self._console.is_terminal:
            self._live.start()
        else:
            self._thread.start()

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._console.is_terminal:
            self._live.stop()
        else:
            self._stop.set()
            self._thread.join()

    def _render(self) -> Progress:
        now = self._watcher.standing()
        done = f"{self._watcher.configurations_done}/{self._watcher.configurations}"
        self._bar.update(
            self._task,
            total=now.all_run_steps,
            completed=now.run_steps,
            description=done,
            words=now.line(),
        )
        return self._bar

    def _plain_lines(self) -> None:
        while not self._stop.wait(SECONDS_BETWEEN_PLAIN_LINES):
            now = self._watcher.standing()
            print(f"{100 * now.run_steps / now.all_run_steps:3.0f} %, {now.line()}", flush=True)


@contextmanager
def shown(watcher: Watcher) -> Iterator[None]:
    """Shows the progress as long as the block runs."""
    with _Display(watcher, Console()):
        yield
