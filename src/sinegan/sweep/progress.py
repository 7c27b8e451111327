"""Live progress of a sweep, from small files that the workers leave in a shared folder.

Files, not queues, so that it works the same for any executor that shares a disk.
"""

import json
import threading
import time
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from types import TracebackType
from typing import Any

from rich.console import Console
from rich.live import Live
from rich.progress import BarColumn, Progress, TextColumn

from sinegan.storage.files import write_json
from sinegan.storage.results import FAILED
from sinegan.sweep.plan import Shard
from sinegan.training.loop import DIVERGED, RUNNING, Evaluation
from sinegan.training.signature import is_compiled

FOLDER = ".progress"
"""In it each command has a folder of its own, and removes it when it ends."""

SECONDS_BETWEEN_WRITES = 0.5
SECONDS_BETWEEN_PLAIN_LINES = 10.0
BESIDE_THE_BAR = 45
"""Columns that are left for words in a terminal of 80."""


class AbandonedError(Exception):
    """Nobody waits for a shard any more: the command that it belongs to has ended."""


class Reporter:
    """A worker's side: says that its shard has begun, and how far it is, at most twice a second."""

    def __init__(self, folder: Path, shard: Shard) -> None:
        self._folder = folder
        self._file = folder / f"{shard.number}.json"
        self._shard = shard
        self._written = 0.0
        # Until the first evaluation; a program that somebody compiled before is loaded in no time.
        compiling = is_compiled(shard.members[0].run.setup.training)
        self._write({"done": 0, "ended": {}, "compiling": compiling})

    def say(self, evaluation: Evaluation) -> None:
        """Raises AbandonedError when the folder has gone."""
        if time.monotonic() < self._written + SECONDS_BETWEEN_WRITES:
            return
        self._written = time.monotonic()
        done = sum(evaluation.step - member.step for member in self._shard.members)
        latest = {
            name: round(float(values[evaluation.measured].mean()), 4)
            for name, values in (evaluation.metrics or {}).items()
            if name in ("d_real", "d_fake") and evaluation.measured.any()
        }
        ended = Counter(word for word in evaluation.status if word != RUNNING)
        self._write({"done": done, "ended": dict(ended), **latest})

    def _write(self, state: dict[str, Any]) -> None:
        if not self._folder.exists():
            raise AbandonedError(f"{self._folder} has gone")
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
    compiling: bool = False

    def line(self, width: int = 80) -> str:
        """One line of at most `width` columns; what matters less is left out where it does not fit."""
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
            parts.append("compiling" if self.compiling else "starting")
        if "d_real" in self.latest:
            parts.append(f"D {self.latest['d_real']:.2f} {self.latest['d_fake']:.2f}")
        line = parts[0]
        for part in parts[1:]:
            if len(line) + len(part) + 2 <= width:
                line += f", {part}"
        return line


class Watcher:
    """The main process's side: reads the files and adds up.

    folder: where they are; runs, run_steps: all the work that there is; configurations: how many it
    belongs to.
    """

    def __init__(self, folder: Path, runs: int, run_steps: int, configurations: int) -> None:
        self.folder = folder
        self._runs = runs
        self._all_run_steps = run_steps
        self._done: set[int] = set()
        self._done_run_steps = 0
        self._ended = Counter[str]()
        self._past: deque[tuple[float, int]] = deque()
        self.configurations = configurations
        self.configurations_done = 0

    def shard_done(self, shard: Shard, statuses: Counter[str]) -> None:
        """The last word on a shard; its file is no longer read. statuses: of its runs."""
        self._ended.update(statuses)
        self._close(shard, shard.run_steps)

    def shard_replaced(self, shard: Shard, by: Sequence[Shard]) -> None:
        """A shard failed; others go on with its runs from where its files left them."""
        self._close(shard, shard.run_steps - sum(each.run_steps for each in by))

    def has_begun(self, shard: Shard) -> bool:
        """Whether a worker has begun with a shard that has not ended."""
        return self._file(shard).exists()

    def _close(self, shard: Shard, run_steps: int) -> None:
        self._done.add(shard.number)
        self._done_run_steps += run_steps
        self._file(shard).unlink(missing_ok=True)

    def _file(self, shard: Shard) -> Path:
        return self.folder / f"{shard.number}.json"

    def standing(self) -> Standing:
        run_steps, statuses, latest = self._done_run_steps, self._ended.copy(), dict[str, float]()
        compiling = False
        for state in self._states():
            run_steps += state["done"]
            statuses.update(state["ended"])
            latest = {name: state[name] for name in ("d_real", "d_fake") if name in state}
            compiling |= state.get("compiling", False)
        return Standing(
            run_steps=run_steps,
            all_run_steps=self._all_run_steps,
            runs=self._runs,
            ended=statuses.total(),
            failed=statuses[FAILED],
            diverged=statuses[DIVERGED],
            rate=self._rate(run_steps),
            latest=latest,
            compiling=compiling,
        )

    def _rate(self, run_steps: int) -> float:
        """Run-steps a second over the last minute, from the first step on: compiling is no training."""
        now = time.monotonic()
        if self._past and self._past[-1][1] == run_steps and len({done for _, done in self._past}) == 1:
            self._past.clear()
        self._past.append((now, run_steps))
        while self._past[0][0] < now - 60:
            self._past.popleft()
        then, before = self._past[0]
        return (run_steps - before) / (now - then) if now > then + 1 else 0.0

    def _states(self) -> Iterator[dict[str, Any]]:
        for file in self.folder.glob("[0-9]*.json"):
            if int(file.stem) in self._done:
                continue
            try:
                yield json.loads(file.read_text())
            except (OSError, json.JSONDecodeError):
                continue


class _Display:
    """A bar in a terminal, plain lines elsewhere."""

    def __init__(self, watcher: Watcher, console: Console) -> None:
        self._watcher = watcher
        self._in_terminal = console.is_terminal  # it may be gone at the end
        self._stop = threading.Event()
        self._bar = Progress(
            TextColumn("{task.description}"), BarColumn(bar_width=10), TextColumn("{task.fields[words]}")
        )
        self._task = self._bar.add_task("training", words="starting")
        self._live = Live(console=console, get_renderable=self._render, transient=True)
        self._thread = threading.Thread(target=self._plain_lines, daemon=True)

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
        now = self._watcher.standing()
        done = f"{self._watcher.configurations_done}/{self._watcher.configurations}"
        self._bar.update(
            self._task,
            total=now.all_run_steps,
            completed=now.run_steps,
            description=f"{done} configurations",
            words=now.line(BESIDE_THE_BAR),
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
