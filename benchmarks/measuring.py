"""Times a way to train runs: processes that start together, or a whole command."""

import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.works import Work

ONE_THREAD = {
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1",
}
CORES = sorted(os.sched_getaffinity(0))


@dataclass(frozen=True)
class Measurement:
    """The result of a measurement; seconds without preparation, unless a whole command was timed."""

    runs: int
    steps: int
    seconds: float
    rmse: tuple[float, ...] = ()

    @property
    def rate(self) -> float:
        """Run-steps per second."""
        return self.runs * self.steps / self.seconds


@dataclass(frozen=True)
class Way:
    """A way to train runs that a user could pick."""

    name: str
    words: str
    guess: float
    """Run-steps per second of the original, to choose how many steps are timed."""
    most: int = 10_000
    """The largest number of runs that is timed: a way that trains one after the other has the same rate."""
    only_at: tuple[int, ...] = ()
    """The numbers of runs at which it is timed; empty: all."""
    has_rmse: bool = True
    """Whether it returns the errors of the runs."""

    def measure(self, work: Work, runs: int, steps: int) -> Measurement:
        """Trains this many runs for this many steps of this work."""
        raise NotImplementedError


@dataclass(frozen=True)
class Processes(Way):
    """Processes of `benchmarks.peers` that share the runs and start together."""

    module: str = ""
    lanes: int = 1
    pinned: bool = False
    """One process a core, one thread each; else a single one with default threads."""

    def measure(self, work: Work, runs: int, steps: int) -> Measurement:
        count = min(len(CORES), runs) if self.pinned else 1
        shares = [runs // count + (place < runs % count) for place in range(count)]
        processes: list[Any] = []
        for core, share in zip(CORES, shares, strict=False):
            command = [sys.executable, "-m", "benchmarks.peers", self.module, "--work", work.name]
            command += ["--runs", str(share), "--steps", str(steps), "--lanes", str(self.lanes)]
            command += ["--core", str(core)] if self.pinned else []
            environment = os.environ | (ONE_THREAD if self.pinned else {})
            processes.append(
                subprocess.Popen(
                    command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
                )
            )
        for process in processes:
            if process.stdout.readline().strip() != "ready":
                sys.exit(f"{self.name}: a process was not ready")
        for process in processes:
            process.stdin.write("\n")
            process.stdin.flush()
        ended = [json.loads(process.communicate()[0]) for process in processes]
        return joined(ended, runs, steps)


def joined(processes: list[dict[str, Any]], runs: int, steps: int) -> Measurement:
    """Joins the times of processes: from the first that began to the last that ended."""
    seconds = max(each["ended"] for each in processes) - min(each["began"] for each in processes)
    return Measurement(runs, steps, seconds, tuple(error for each in processes for error in each["rmse"]))


@dataclass(frozen=True)
class Joblib(Way):
    """Hydra's joblib launcher: a run a job, as many at once as there are cores, one thread each."""

    def measure(self, work: Work, runs: int, steps: int) -> Measurement:
        del work
        with tempfile.TemporaryDirectory() as folder:
            seeds = ",".join(map(str, range(1, runs + 1)))
            command = [sys.executable, "-m", "benchmarks.peers.eager", "-m", "hydra/launcher=joblib"]
            command += [f"seed={seeds}", f"steps={steps}", f"hydra.sweep.dir={folder}"]
            timed(command, ONE_THREAD)
            return joined(
                [json.loads(file.read_text()) for file in Path(folder).glob("*/run.json")], runs, steps
            )


@dataclass(frozen=True)
class Command(Way):
    """The whole command as a user runs it, with loading, metrics, files, report, pictures and page."""

    def measure(self, work: Work, runs: int, steps: int) -> Measurement:
        with tempfile.TemporaryDirectory() as folder:
            command = [sys.executable, "-m", "sinegan.main", "-m", *work.settings]
            command += [f"seeds={runs}", f"training.steps={steps}"]
            seconds, _ = timed([*command, "training.compile=always", f"hydra.sweep.dir={folder}/sweep"])
        return Measurement(runs, steps, seconds)


def timed(command: list[str], settings: dict[str, str] | None = None, until: str = "") -> tuple[float, float]:
    """Seconds to the end of a command, and to the first line of its output that starts with `until`."""
    began = time.monotonic()
    seen = float("nan")
    environment = os.environ | (settings or {})
    process = subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    assert process.stdout
    lines = []
    for line in process.stdout:
        lines.append(line)
        if until and line.startswith(until) and seen != seen:
            seen = time.monotonic() - began
    if process.wait():
        sys.exit(f"{' '.join(command)} ended with {process.returncode}:\n{''.join(lines)}")
    return time.monotonic() - began, seen
