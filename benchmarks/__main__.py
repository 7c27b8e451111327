"""sinegan beside what one would use instead: the same work, in turn, on the whole machine.

    python -m benchmarks [--rounds 3] [--seconds 5] [--runs 1,8,32,128,512] [--out FOLDER]

Needs the extra `bench`. First each way trains a few runs of the original to the end, and their errors
must lie where the original's do; then all take turns (A B C, A B C) at each number of runs, for about
so many seconds each; then the README's sweep and a single run are timed from command to table, with
caches of compiled programs empty and full. Writes rates.csv, tables.csv, goals.csv, benchmark.md and
rates.png into the folder. About 40 minutes.
"""

import argparse
import os
import sys
import tempfile
from pathlib import Path
from statistics import median

import pandas as pd

from benchmarks.measuring import CORES, Command, Found, Joblib, Processes, Way, timed
from benchmarks.summary import write

RMSE_AT_THE_END = (0.018, 0.045)
"""Where the median of a few runs of the original lies after 10,000 steps (8 seeds: 0.024 [0.021, 0.062])."""

ENGINE = Processes("sinegan", "the engine alone, a process a core", 9_000, module="engine", pinned=True)
COMMAND = Command("sinegan, command", "python -m sinegan.main, whole, warm cache", 6_000)
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

README = ["-m", "sinegan.main", "-m", "optim.lr=1e-4,3e-4"]
ALONE = ["-m", "sinegan.main", "seeds=1"]
JAX_README = ["-m", "benchmarks.peers.jax_table"]
JAX_ALONE = ["-m", "benchmarks.peers.jax_table", "--lr=1e-4", "--seeds=1"]


def checked() -> list[dict[str, object]]:
    """Trains the original to the end with each way. Exits when one does not do the same work."""
    rows: list[dict[str, object]] = []
    for way in (each for each in WAYS if each not in BOUND and each is not COMMAND):
        found = way.measure(min(8, way.most), 10_000)
        middle = median(found.rmse)
        print(f"{way.name}, {way.words}: median RMSE {middle:.3f} of {found.runs} runs", flush=True)
        if not RMSE_AT_THE_END[0] <= middle <= RMSE_AT_THE_END[1]:
            sys.exit(f"{way.name} does not do the original's work: {found.rmse}, wanted {RMSE_AT_THE_END}")
        rows.append(row(way, found))
    return rows


def row(way: Way, found: Found) -> dict[str, object]:
    size = {"runs": found.runs, "steps": found.steps, "seconds": found.seconds}
    return {"way": way.name, "how": way.words, **size, "rate": found.rate}


def rates(points: list[int], rounds: int, seconds: float) -> pd.DataFrame:
    """A row a measurement: way, how, runs (of the point), timed_runs, steps, seconds, rate, round."""
    rows = []
    for runs in points:
        for turn in range(rounds):
            for way in WAYS:
                timed_runs = min(runs, way.most)
                steps = round(seconds * way.guess / timed_runs, -2)
                found = way.measure(timed_runs, int(min(10_000, max(200, steps))))
                rows.append(row(way, found) | {"runs": runs, "timed_runs": timed_runs, "round": turn})
                print(f"{runs} runs, round {turn + 1}: {way.name}, {found.rate:,.0f} run-steps/s", flush=True)
    return pd.DataFrame(rows)


def tables(rounds: int) -> pd.DataFrame:
    """A row a command: what, way, cache, seconds to the table, seconds of the whole command, round."""
    rows = []
    work = {
        "README's sweep": (("sinegan", README, " optim.lr"), ("JAX", JAX_README, "| lr")),
        "one run": (("sinegan", ALONE, " configuration"), ("JAX", JAX_ALONE, "| lr")),
    }
    for what, commands in work.items():
        for turn in range(rounds):
            for way, command, head in commands:
                with tempfile.TemporaryDirectory() as name:
                    caches = {"SINEGAN_CACHE": f"{name}/a", "TORCHINDUCTOR_CACHE_DIR": f"{name}/b"}
                    caches |= {"JAX_COMPILATION_CACHE_DIR": f"{name}/c"}
                    caches |= {"JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0"}
                    output = [f"hydra.{mode}.dir={name}/out" for mode in ("sweep", "run")]
                    for cache in ("cold", "warm"):
                        more = [each + cache for each in output] if way == "sinegan" else []
                        whole, seen = timed([sys.executable, *command, *more], caches, head)
                        rows.append([what, way, cache, seen, whole, turn])
                        print(f"{what}, {way}, {cache}: {seen:.1f} s, whole {whole:.1f} s", flush=True)
    return pd.DataFrame(rows, columns=["what", "way", "cache", "to_table", "whole", "round"])


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
    same_work = pd.DataFrame(checked())
    measured = rates([int(runs) for runs in args.runs.split(",")], args.rounds, args.seconds)
    write(args.out, same_work, measured, tables(args.rounds))


if __name__ == "__main__":
    main()
