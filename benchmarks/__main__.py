"""Compares sinegan with what one would use instead: the same work, in turn, on the whole machine.

    python -m benchmarks [--rounds 3] [--seconds 5] [--runs 1,8,32,128,512] [--out FOLDER]

Needs the extra `bench`. First each way trains a few runs of the original to the end, and their errors
must lie in the range of the original's; then all take turns (A B C, A B C) at each number of runs, for
about --seconds each; then the README's sweep and a single run are timed from command to table, with
caches of compiled programs empty and full. Writes work.csv, rates.csv, tables.csv, goals.csv,
benchmark.md and rates.png into the folder; rows that the first three already have are not measured
again. It takes about 40 minutes.
"""

import argparse
import itertools
import os
import sys
import tempfile
from pathlib import Path
from statistics import median

import pandas as pd

from benchmarks.measuring import CORES, Command, Joblib, Processes, Way, timed
from benchmarks.summary import write

RMSE_AT_THE_END = (0.018, 0.045)
"""Range of the median of a few runs of the original after 10,000 steps (8 seeds: 0.024 [0.021, 0.062])."""

ENGINE = Processes("sinegan", "the engine alone, a process a core", 9_000, module="engine", pinned=True)
COMMAND = Command("sinegan, command", "python -m sinegan.main, whole, warm cache", 30_000)
JAX = [
    Processes("JAX", f"jit(vmap(scan)), {words}", guess, module="jax_scan", lanes=lanes, pinned=pinned)
    for words, guess, lanes, pinned in (
        ("a pinned process a core, 4 lanes", 8_000, 4, True),
        ("a pinned process a core, 8 lanes", 8_000, 8, True),
        ("one process, all lanes", 3_000, 512, False),
    )
]
BOUND = [
    Processes(
        "bound", f"matrix products alone, {lanes} lanes", 7_000, module="products", lanes=lanes, pinned=True
    )
    for lanes in (4, 8)
]
WAYS: list[Way] = [
    Processes("original script", "run after run, default threads", 200, most=4, module="original"),
    Joblib("eager, joblib", "clean loop, a process a core", 700, most=8),
    Processes("vmap", "torch.func.vmap, eager, one process", 900, module="vmap_eager"),
    *JAX,
    ENGINE,
    COMMAND,
    *BOUND,
]

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


def check_work(results: Results) -> None:
    """Trains the original to the end with each way. Exits when one does other work."""
    low, high = RMSE_AT_THE_END
    for way in (each for each in WAYS if each not in BOUND and each is not COMMAND):
        if results.has(way=way.name, how=way.words):
            continue
        measured = way.measure(min(8, way.most), 10_000)
        middle = median(measured.rmse)
        if not low <= middle <= high:
            sys.exit(f"{way.name}, {way.words}: other work than the original's, {measured.rmse}")
        results.add(way=way.name, how=way.words, runs=measured.runs, median_rmse=middle)


def measure_rates(results: Results, points: list[int], rounds: int, seconds: float) -> None:
    """Adds a row for each measurement: at `runs` runs, of which `timed_runs` were timed for `steps` steps."""
    for runs, turn, way in itertools.product(points, range(rounds), WAYS):
        if results.has(way=way.name, how=way.words, runs=runs, round=turn):
            continue
        timed_runs = min(runs, way.most)
        steps = int(min(10_000, max(200, round(seconds * way.guess / timed_runs, -2))))
        measured = way.measure(timed_runs, steps)
        about = {"way": way.name, "how": way.words, "runs": runs, "round": turn}
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
    parser.add_argument("--out", type=Path, default=Path("outputs/benchmark"))
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    os.environ.setdefault("PYTHONPATH", os.getcwd())
    print(f"{len(CORES)} cores", flush=True)
    work, rates, tables = (Results(args.out / f"{name}.csv") for name in ("work", "rates", "tables"))
    check_work(work)
    measure_rates(rates, [int(runs) for runs in args.runs.split(",")], args.rounds, args.seconds)
    time_tables(tables, args.rounds)
    write(args.out, rates.table, tables.table)


if __name__ == "__main__":
    main()
