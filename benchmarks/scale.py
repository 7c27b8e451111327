"""Measures how a sweep grows from 100 to 1,000 to 10,000 runs: seconds, memory, files.

    python benchmarks/scale.py --configurations 5,50,500

Sweeps that many learning rates with 20 seeds and 200 steps each, as a user would, in an empty folder;
then makes the report again with `python -m sinegan.report`. Prints a row a sweep, as Markdown: the
seconds of the whole command, with imports and compiling; the most memory that the main process and
that a worker held at any time (resident set, MiB); the files and their size; seconds and memory of the
report alone.
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path

import psutil

SEEDS, STEPS = 20, 200
HEAD = (
    "| configurations | runs | seconds | ms a run | main MiB | worker MiB | files | MB "
    "| report seconds | report MiB |\n|---|---|---|---|---|---|---|---|---|---|"
)


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


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--configurations", default="5,50,500", help="how many, of each sweep (5,50,500)")
    parser.add_argument("overrides", nargs="*", help="more settings for each sweep, key=value")
    args = parser.parse_args()
    print(HEAD, flush=True)
    for count in map(int, args.configurations.split(",")):
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            rates = ",".join(f"{1e-6 * (1 + place):.6g}" for place in range(count))
            sweep = ["sinegan.main", "-m", f"optim.lr={rates}", f"seeds={SEEDS}", f"training.steps={STEPS}"]
            sweep += ["hydra.sweep.dir=sweep", *args.overrides]
            seconds, in_main, in_worker = measured(sweep, folder)
            files = [file for file in (folder / "sweep").rglob("*") if file.is_file()]
            size = sum(file.stat().st_size for file in files) / 1e6
            report, in_report, _ = measured(["sinegan.report", "sweep"], folder)
            runs = count * SEEDS
            print(
                f"| {count:,} | {runs:,} | {seconds:,.0f} | {1e3 * seconds / runs:,.1f} | {in_main:,.0f} "
                f"| {in_worker:,.0f} | {len(files):,} | {size:,.0f} | {report:.1f} | {in_report:,.0f} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
