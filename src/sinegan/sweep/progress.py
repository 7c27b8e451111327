"""The progress of a sweep, from small files that the workers write into a shared folder.

Files, and not queues, work the same for any executor that shares a disk.
"""

import json
import time
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from sinegan.statuses import DIVERGED, FAILED, RUNNING
from sinegan.storage.files import write_json
from sinegan.sweep.plan import Shard
from sinegan.training.loop import Evaluation
from sinegan.training.signature import is_compiled

SECONDS_BETWEEN_WRITES = 0.5


class AbandonedError(Exception):
    """The command that a shard belongs to has ended, so nobody waits for the shard."""


class Reporter:
    """The worker's side: reports that its shard has begun, and how far it is, at most twice a second."""

    def __init__(self, folder: Path, shard: Shard) -> None:
        self._folder = folder
        self._file = folder / f"{shard.number}.json"
        self._shard = shard
        self._written = 0.0
        # True until the first evaluation. A program that was compiled before loads at once.
        compiling = is_compiled(shard.runs[0].run.setup)
        self._write({"done": 0, "ended": {}, "compiling": compiling})

    def report(self, evaluation: Evaluation) -> None:
        """Writes how far the shard is. Raises AbandonedError when the folder has gone."""
        if time.monotonic() < self._written + SECONDS_BETWEEN_WRITES:
            return
        self._written = time.monotonic()
        done = sum(evaluation.step - pending.step for pending in self._shard.runs)
        latest = {
            name: round(float(values[evaluation.measured].mean()), 4)
            for name, values in (evaluation.metrics or {}).items()
            if name in ("d_real", "d_fake") and evaluation.measured.any()
        }
        ended = Counter(status for status in evaluation.status if status != RUNNING)
        self._write({"done": done, "ended": dict(ended), **latest})

    def _write(self, state: dict[str, Any]) -> None:
        if not self._folder.exists():
            raise AbandonedError(f"{self._folder} has gone")
        write_json(self._file, state, durable=False)


@dataclass(frozen=True)
class SweepProgress:
    """How far a sweep is, in runs and in run-steps (steps, summed over the runs)."""

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
        """One line of at most `width` columns; the less important parts are left out when they do not fit."""
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
    """The main process's side: reads the workers' files and adds them up."""

    def __init__(self, folder: Path, runs: int, run_steps: int, configurations: int) -> None:
        """Starts at zero.

        Arguments:
            folder: where the workers write their files.
            runs: the number of runs to train.
            run_steps: the number of their steps, summed over the runs.
            configurations: the number of configurations of the command.
        """
        self.folder = folder
        self._runs = runs
        self._all_run_steps = run_steps
        self._done: set[int] = set()
        self._done_run_steps = 0
        self._ended = Counter[str]()
        self._past: deque[tuple[float, int]] = deque()
        self.configurations = configurations
        self.configurations_done = 0
        self.title = ""
        """What the command is doing; empty for the number of configurations that are done."""

    def add_work(self, runs: int, run_steps: int) -> None:
        """Counts more runs to train, and their steps summed over the runs."""
        self._runs += runs
        self._all_run_steps += run_steps

    def shard_done(self, shard: Shard, statuses: Counter[str]) -> None:
        """Counts a shard that has ended, with the statuses of its runs; its file is no longer read."""
        self._ended.update(statuses)
        self._close(shard, shard.run_steps)

    def shard_replaced(self, shard: Shard, by: Sequence[Shard]) -> None:
        """Counts the work of a failed shard that the shards in its place need not repeat."""
        self._close(shard, shard.run_steps - sum(each.run_steps for each in by))

    def has_begun(self, shard: Shard) -> bool:
        """Whether a worker has begun a shard that has not ended."""
        return self._file(shard).exists()

    def _close(self, shard: Shard, run_steps: int) -> None:
        self._done.add(shard.number)
        self._done_run_steps += run_steps
        self._file(shard).unlink(missing_ok=True)

    def _file(self, shard: Shard) -> Path:
        return self.folder / f"{shard.number}.json"

    def read_progress(self) -> SweepProgress:
        """Reads the workers' files."""
        run_steps, statuses, latest = self._done_run_steps, self._ended.copy(), dict[str, float]()
        compiling = False
        for state in self._states():
            run_steps += state["done"]
            statuses.update(state["ended"])
            latest = {name: state[name] for name in ("d_real", "d_fake") if name in state}
            compiling |= state.get("compiling", False)
        return SweepProgress(
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
        """Run-steps per second over the last minute, without the time before the first step."""
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
