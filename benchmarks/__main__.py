"""Compares sinegan with what one would use instead: the same work, in turn, on the whole machine.

    python -m benchmarks [--rounds 3] [--seconds 5] [--runs 1,8,32,128,512] [--work original,r1_ring]
                         [--out FOLDER]

Needs the extra `bench`. The pieces of work are those of `works.py`; all of them, if --work names none.
First it is checked that all ways do the same work: JAX takes the same steps as sinegan
(`benchmarks.agreement`), and every way trains a few runs of the original to the end, with errors in the
original's range. Then all ways take turns (A B C, A B C) at each number of runs, for about --seconds each;
other work than the original at 8 and 32 runs only. Last, the README's sweep and a single run are timed from
command to table, with caches of compiled programs empty and full. Writes agreement.csv, work.csv, rates.csv,
tables.csv, products.csv, goals.csv, benchmark.md and rates.png into the folder; rows that the first four
already have are not measured again. On two cores it takes about 90 minutes, 40 of them for the original.
"""

import argparse
import itertools
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

import pandas as pd

from benchmarks.measuring import CORES, timed
from benchmarks.peers.ceiling import load_loop
from benchmarks.products import operations_of_step
from benchmarks.summary import works_in, write
from benchmarks.ways import FEW, ways_of
from benchmarks.works import ORIGINAL, WORKS, Work

RMSE_AT_THE_END = (0.018, 0.045)
"""Range of the median of a few runs of the original after 10,000 steps (8 seeds: 0.024 [0.021, 0.062])."""

JAX_TABLE = ["-m", "benchmarks.peers.jax_table"]
COMMANDS = [
    ("README's sweep", "sinegan", ["-m", "sinegan.main", "-m", "optim.lr=1e-4,3e-4"], " optim.lr"),
    ("README's sweep", "JAX", JAX_TABLE, "| lr"),
    ("one run", "sinegan", ["-m", "sinegan.main", "seeds=1"], " configuration"),
    ("one run", "JAX", [*JAX_TABLE, "--lr=1e-4", "--seeds=1"], "| lr"),
]
"""For each command: its task, its way, its arguments, and the beginning of its table's first line."""


class Results:
    """Rows of a CSV file, written one by one, so that an interrupted benchmark can be resumed."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.rows = pd.read_csv(path).to_dict("records") if path.exists() else []

    def has(self, **key: object) -> bool:
        return any(all(row[name] == value for name, value in key.items()) for row in self.rows)

    def add(self, **row: object) -> None:
        self.rows.append(row)
        self.table.to_csv(self.path, index=False)
        print(*(f"{value:,.4g}" if isinstance(value, float) else value for value in row.values()), sep=", ")
        sys.stdout.flush()

    @property
    def table(self) -> pd.DataFrame:
        return pd.DataFrame(self.rows)


def check_agreement(results: Results, works: list[Work]) -> None:
    """Compares steps of JAX with those of sinegan, in both precisions. Exits on a difference."""
    for work, dtype in itertools.product(works, ("float64", "float32")):
        if results.has(work=work.name, dtype=dtype):
            continue
        command = [sys.executable, "-m", "benchmarks.agreement", work.name, "--dtype", dtype]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
        if done.returncode:
            sys.exit(f"{work.name}, {dtype}: JAX and sinegan could not be compared, or do other work")
        results.add(work=work.name, dtype=dtype, **json.loads(done.stdout.splitlines()[-1]))


def check_errors(results: Results) -> None:
    """Trains the original to the end with each way. Exits when one does other work."""
    low, high = RMSE_AT_THE_END
    for way in (each for each in ways_of(ORIGINAL) if each.has_rmse):
        if results.has(way=way.name, how=way.words):
            continue
        measured = way.measure(ORIGINAL, min(8, way.most), 10_000)
        middle = median(measured.rmse)
        if not low <= middle <= high:
            sys.exit(f"{way.name}, {way.words}: other work than the original's, {measured.rmse}")
        results.add(way=way.name, how=way.words, runs=measured.runs, median_rmse=middle)


def measure_rates(results: Results, work: Work, points: list[int], rounds: int, seconds: float) -> None:
    """Adds a row for each measurement: at `runs` runs, `timed_runs` were timed for `steps` steps."""
    for runs, turn, way in itertools.product(points, range(rounds), ways_of(work)):
        about = {"work": work.name, "way": way.name, "how": way.words, "runs": runs, "round": turn}
        if (way.only_at and runs not in way.only_at) or results.has(**about):
            continue
        timed_runs = min(runs, way.most)
        steps = int(min(10_000, max(200, round(seconds * way.guess / work.cost / timed_runs, -2))))
        measured = way.measure(work, timed_runs, steps)
        results.add(**about, timed_runs=timed_runs, steps=steps, seconds=measured.seconds, rate=measured.rate)


def time_tables(results: Results, rounds: int) -> None:
    """Adds a row for each command: seconds to the table and to the end, with a cold or a warm cache."""
    for turn, (what, way, command, head) in itertools.product(range(rounds), COMMANDS):
        if results.has(what=what, way=way, cache="warm", round=turn):
            continue
        with tempfile.TemporaryDirectory() as name:
            caches = {"SINEGAN_CACHE": f"{name}/a", "TORCHINDUCTOR_CACHE_DIR": f"{name}/b"}
            caches |= {"JAX_COMPILATION_CACHE_DIR": f"{name}/c"}
            caches |= {"JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0"}
            output = [f"hydra.{mode}.dir={name}/out" for mode in ("sweep", "run")]
            for cache in ("cold", "warm"):
                more = [each + cache for each in output] if way == "sinegan" else []
                whole, seen = timed([sys.executable, *command, *more], caches, head)
                results.add(what=what, way=way, cache=cache, round=turn, to_table=seen, whole=whole)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--runs", default="1,8,32,128,512")
    parser.add_argument("--work", default=",".join(WORKS))
    parser.add_argument("--out", type=Path, default=Path("outputs/benchmark"))
    args = parser.parse_args()
    names = args.work.split(",")
    if unknown := set(names) - WORKS.keys():
        parser.error(f"--work: {', '.join(sorted(unknown))}: must be of {', '.join(WORKS)}")
    works = [WORKS[name] for name in names]
    args.out.mkdir(parents=True, exist_ok=True)
    os.environ.setdefault("PYTHONPATH", os.getcwd())
    print(f"{len(CORES)} cores", flush=True)
    agreement, errors, rates, tables = (
        Results(args.out / f"{name}.csv") for name in ("agreement", "work", "rates", "tables")
    )
    points = [int(runs) for runs in args.runs.split(",")]
    check_agreement(agreement, works)
    if ORIGINAL in works:
        check_errors(errors)
    for work in works:
        few = [runs for runs in points if runs in FEW]
        chosen = points if work is ORIGINAL else few or points
        measure_rates(rates, work, chosen, args.rounds, args.seconds)
    if ORIGINAL in works:
        time_tables(tables, args.rounds)
    operations = {work.name: operations_of_step(work) for work in works_in(rates.table)}
    write(args.out, rates.table, tables.table, operations, load_loop().vector_bytes())


if __name__ == "__main__":
    main()
