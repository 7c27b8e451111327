"""Measures how a sweep grows with its runs, and computes what a million of them cost.

    python benchmarks/scale.py --configurations 5,50,500
    python benchmarks/scale.py --simulated --configurations 12,125,1250

Without --simulated, sweeps that many learning rates with 20 seeds and 200 steps each, as a user would, in an
empty folder; then makes the report again with `python -m sinegan.report`. Prints a row a sweep, as Markdown:
the seconds of the whole command, with imports and compiling; the most memory that the main process and that a
worker held at any time (resident set, MiB); the files and their size; seconds and memory of the report alone.

With --simulated, nothing is trained (`benchmarks/simulated.py`), so that larger sweeps can be measured: grids
of four keys with 8 seeds, 10,000 steps and 101 evaluations a run. The seconds are of processor time, which
other work on the machine changes least: of the command until the first run could train (`launch`), of writing
and filing all results (`file`), of the same command with `resume=` when nothing is left to train, and of the
report. At last, runs are trained for the rate of a core, and a table says what a million runs cost on some
numbers of cores, at the growth between the two largest sweeps.
"""

import argparse
import json
import math
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import psutil

from sinegan.sweep.provenance import cpu_model

SEEDS, STEPS = 20, 200
HEAD = (
    "| configurations | runs | seconds | ms a run | main MiB | worker MiB | files | MB "
    "| report seconds | report MiB |\n|---|---|---|---|---|---|---|---|---|---|"
)
SIMULATED_SEEDS = 8
SIMULATED_HEAD = (
    "| configurations | runs | launch s | file s | main MiB | resume s | report s | report MiB "
    "| files | MB |\n|---|---|---|---|---|---|---|---|---|---|"
)
LOSSES = ("minimax", "non_saturating", "least_squares", "hinge", "wasserstein")
MILLION = 1_000_000
CORES = (1, 64, 1_000)
GAMES = {
    "the original's, 10,000 steps": (10_000, ()),
    "quick, 1,000 steps": (1_000, ("training.evaluate_every=50",)),
}
"""The games of the million runs: steps, and settings."""
SHORT, LONG = 2_000, 10_000
"""The steps of two commands, whose difference is the time of steps and evaluations alone."""


def measured(arguments: list[str], folder: Path) -> tuple[float, float, float]:
    """Runs a command: its seconds, and the most MiB that its main process and that any child held."""
    began = time.perf_counter()
    with (folder / "log").open("a") as log:
        process = psutil.Popen([sys.executable, "-m", *arguments], cwd=folder, stdout=log, stderr=log)
    main = worker = 0
    while process.poll() is None:
        try:
            main = max(main, process.memory_info().rss)
            worker = max([worker, *(each.memory_info().rss for each in process.children(recursive=True))])
        except psutil.NoSuchProcess:
            continue
        time.sleep(0.1)
    seconds = time.perf_counter() - began
    if process.returncode:
        sys.exit(f"exit code {process.returncode} of {arguments}\n{(folder / 'log').read_text()}")
    return seconds, main / 2**20, worker / 2**20


def print_trained(counts: Sequence[int], overrides: Sequence[str]) -> None:
    """Prints the table of sweeps that are trained."""
    print(HEAD, flush=True)
    for count in counts:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            rates = ",".join(f"{1e-6 * (1 + place):.6g}" for place in range(count))
            sweep = ["sinegan.main", "-m", f"optim.lr={rates}", f"seeds={SEEDS}", f"training.steps={STEPS}"]
            sweep += ["hydra.sweep.dir=sweep", *overrides]
            seconds, in_main, in_worker = measured(sweep, folder)
            files, size = content(folder / "sweep")
            report, in_report, _ = measured(["sinegan.report", "sweep"], folder)
            runs = count * SEEDS
            print(
                f"| {count:,} | {runs:,} | {seconds:,.0f} | {1e3 * seconds / runs:,.1f} | {in_main:,.0f} "
                f"| {in_worker:,.0f} | {files:,} | {size / 1e6:,.0f} | {report:.1f} | {in_report:,.0f} |",
                flush=True,
            )


def content(folder: Path) -> tuple[int, int]:
    """The number of files below a folder, and their bytes."""
    sizes = [file.stat().st_size for file in folder.rglob("*") if file.is_file()]
    return len(sizes), sum(sizes)


class Scale(NamedTuple):
    """A simulated sweep. launch, file, resume, report: seconds of a processor. main, in_report: MiB."""

    configurations: int
    launch: float
    file: float
    main: float
    resume: float
    report: float
    in_report: float
    files: int
    size: int


def simulated(count: int, overrides: Sequence[str]) -> Scale:
    """Simulates a sweep of so many configurations, resumes it, and makes its report."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        sweep = ["-m", *grid(count), f"seeds={SIMULATED_SEEDS}", "executor=serial", *overrides]
        first, again = (
            phases(folder, [*sweep, where]) for where in ("hydra.sweep.dir=sweep", "resume=sweep")
        )
        files, size = content(folder / "sweep")
        before = processor_seconds()
        _, in_report, _ = measured(["sinegan.report", "sweep"], folder)
        return Scale(
            configurations=count,
            launch=first["planned"][0],
            file=first["filed"][0] - first["planned"][0],
            main=first["filed"][1],
            resume=again["filed"][0],
            report=processor_seconds() - before,
            in_report=in_report,
            files=files,
            size=size,
        )


def phases(folder: Path, words: Sequence[str]) -> dict[str, tuple[float, float]]:
    """The phases of a simulated command, as `simulated.Phases` writes them."""
    file = folder / "phases.json"
    command = [sys.executable, "-m", "benchmarks.simulated", str(file), str(folder), *words]
    root = Path(__file__).parents[1]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=root)
    if done.returncode:
        sys.exit(f"exit code {done.returncode} of {command}\n{done.stdout}{done.stderr}")
    ends: dict[str, tuple[float, float]] = json.loads(file.read_text())
    return ends


def grid(count: int) -> list[str]:
    """A grid of so many configurations over four keys, with about as many levels each."""
    levels = [1, 1, 1, 1]
    for factor in reversed(prime_factors(count)):
        levels[levels.index(min(levels))] *= factor
    levels.sort(reverse=True)
    if levels[-1] > len(LOSSES):
        sys.exit(f"--configurations {count}: has no small prime factor; take another number, such as 1250")
    rates = [",".join(f"{1e-5 * (1 + place):g}" for place in range(number)) for number in levels[:2]]
    betas = ",".join(f"{0.5 + 0.01 * place:g}" for place in range(levels[2]))
    words = [f"optim.generator_lr={rates[0]}", f"optim.discriminator_lr={rates[1]}", f"optim.beta1={betas}"]
    return [*words, f"loss={','.join(LOSSES[: levels[3]])}"]


def prime_factors(number: int) -> list[int]:
    """The prime factors of a number, ascending."""
    for factor in range(2, math.isqrt(number) + 1):
        if number % factor == 0:
            return [factor, *prime_factors(number // factor)]
    return [number] if number > 1 else []


def processor_seconds() -> float:
    """The processor time of all commands that were waited for."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def core_rate(settings: Sequence[str]) -> float:
    """The run-steps a second of a core: of 8 runs in one process, with their evaluations."""
    seconds = {}
    for steps in (SHORT, SHORT, LONG):  # the first may compile
        with tempfile.TemporaryDirectory() as name:
            before = processor_seconds()
            command = [
                "sinegan.main",
                f"training.steps={steps}",
                "training.compile=always",
                "executor=serial",
            ]
            measured([*command, *settings, "hydra.run.dir=run"], Path(name))
            seconds[steps] = processor_seconds() - before
    return SIMULATED_SEEDS * (LONG - SHORT) / (seconds[LONG] - seconds[SHORT])


def print_simulated(counts: Sequence[int], overrides: Sequence[str]) -> None:
    """Prints the table of simulated sweeps, and what a million runs cost."""
    print(SIMULATED_HEAD, flush=True)
    sweeps = []
    for count in counts:
        each = simulated(count, overrides)
        sweeps.append(each)
        print(
            f"| {count:,} | {count * SIMULATED_SEEDS:,} | {each.launch:,.0f} | {each.file:,.0f} "
            f"| {each.main:,.0f} | {each.resume:,.0f} | {each.report:,.0f} | {each.in_report:,.0f} "
            f"| {each.files:,} | {each.size / 1e6:,.1f} |",
            flush=True,
        )
    if len(sweeps) > 1:
        print_million(*sweeps[-2:])


def print_million(smaller: Scale, larger: Scale) -> None:
    """Prints what a million runs cost, at the growth from one sweep to another."""
    configurations = MILLION / SIMULATED_SEEDS
    more = larger.configurations - smaller.configurations
    grown = Scale(
        *(big + (big - small) / more * (configurations - larger.configurations)
          for small, big in zip(smaller, larger, strict=True))
    )  # fmt: skip
    print(f"\n{MILLION:,} runs, {configurations:,.0f} configurations, processor: {cpu_model()}\n")
    print(
        f"- beside the training: launch {grown.launch / 3600:.1f} h, file {grown.file / 3600:.1f} h, "
        f"resume {grown.resume / 3600:.1f} h, report {grown.report / 3600:.1f} h, each on one core\n"
        f"- memory: main process {grown.main / 1024:.0f} GiB, report {grown.in_report / 1024:.0f} GiB\n"
        f"- {grown.files:,.0f} files, {grown.size / 1e9:.0f} GB\n"
    )
    print(
        "| game | run-steps/s of a core | core-hours | " + " | ".join(f"{n:,} cores, h" for n in CORES) + " |"
    )
    print("|---" * (3 + len(CORES)) + "|")
    for game, (steps, settings) in GAMES.items():
        rate = core_rate(settings)
        hours = MILLION * steps / rate / 3600
        cells = [f"{hours / cores:,.1f}" for cores in CORES]
        print(f"| {game} | {rate:,.0f} | {hours:,.0f} | {' | '.join(cells)} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--configurations", default="5,50,500", help="how many, of each sweep (5,50,500)")
    parser.add_argument("--simulated", action="store_true", help="train nothing")
    parser.add_argument("overrides", nargs="*", help="more settings for each sweep, key=value")
    args = parser.parse_args()
    counts = [int(count) for count in args.configurations.split(",")]
    (print_simulated if args.simulated else print_trained)(counts, args.overrides)


if __name__ == "__main__":
    main()
