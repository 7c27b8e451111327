"""Times Hydra for each configuration: the launcher and sweeper of this project against the basic ones.

    python benchmarks/launcher_overhead.py --configurations 500

Both sweep the same configurations of conf/ (two losses times as many learning rates) with a task
function that does nothing, from the command line to the last filed job: start of Python, composing,
checking, and for every job its folder, its log and its .hydra/. They take turns, each in a process and
an empty folder of its own. The table gives milliseconds for each configuration: by the clock, of
computing time, and by the clock in Hydra's `run_job`, which files a job and is the same function for
both. The ratios are those of the quickest rounds, because other work of the machine only adds time. A
sweep in which every job has its own choice of groups gains less: each is composed in full once, not twice.
"""

import argparse
import importlib
import json
import resource
import subprocess
import sys
import tempfile
import time
from typing import Any

import hydra
from hydra.core.plugins import Plugins
from omegaconf import DictConfig

from sinegan.app.conf_folder import conf_folder

WAYS = {
    "basic": "hydra._internal.core_plugins.basic_launcher",
    "stacked": "hydra_plugins.stacked_launcher.stacked_launcher",
}
SWEEPERS = {"basic": "basic", "stacked": "grid"}


def sweep(way: str, configurations: int) -> None:
    """Runs one sweep in this process; prints the seconds spent in `run_job` as its last line."""
    spent = 0.0
    Plugins.instance()
    launcher: Any = importlib.import_module(WAYS[way])
    run_job = launcher.run_job

    def timed(*args: Any, **settings: Any) -> Any:
        nonlocal spent
        began = time.perf_counter()
        try:
            return run_job(*args, **settings)
        finally:
            spent += time.perf_counter() - began

    def nothing(_: DictConfig) -> None:
        pass

    launcher.run_job = timed
    rates = ",".join(f"{1e-6 * (1 + place):.6g}" for place in range(configurations // 2))
    sys.argv = [
        sys.argv[0],
        "-m",
        f"hydra/launcher={way}",
        f"hydra/sweeper={SWEEPERS[way]}",
        "loss=minimax,non_saturating",
        f"optim.lr={rates}",
        "hydra.sweep.dir=sweep",
    ]
    hydra.main(config_path=str(conf_folder()), config_name="config", version_base="1.3")(nothing)()
    print(json.dumps(spent))


def measured(way: str, configurations: int) -> list[float]:
    """Times a sweep in a process of its own: milliseconds a configuration in all, computing, in `run_job`."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, __file__, "--only", way, "--configurations", str(configurations)]
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        began = time.perf_counter()
        done = subprocess.run(command, cwd=folder, check=True, stdout=subprocess.PIPE, text=True)
        seconds = time.perf_counter() - began
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
    computing = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return [1e3 * each / configurations for each in (seconds, computing, float(done.stdout.split()[-1]))]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--configurations", type=int, default=500, help="an even number (default 500)")
    parser.add_argument("--rounds", type=int, default=3, help="how often each takes its turn (default 3)")
    parser.add_argument("--only", choices=WAYS, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.configurations < 2 or args.configurations % 2:
        parser.error(f"--configurations {args.configurations}: must be even and at least 2")
    if args.only:
        sweep(args.only, args.configurations)
        return
    print(
        f"{args.configurations} configurations, ms each\n\nround   way       clock   computing   in run_job"
    )
    rounds: dict[str, list[list[float]]] = {way: [] for way in WAYS}
    for number in range(1, args.rounds + 1):
        for way in WAYS:
            row = measured(way, args.configurations)
            rounds[way].append(row)
            print(f"{number:5d}   {way:7s} {row[0]:7.1f}   {row[1]:9.1f}   {row[2]:10.1f}", flush=True)
    basic, stacked = ([min(column) for column in zip(*rounds[way], strict=True)] for way in WAYS)
    clock, computing = basic[0] / stacked[0], basic[1] / stacked[1]
    print(f"\nbasic / stacked, quickest rounds: {clock:.1f} by the clock, {computing:.1f} in computing time")


if __name__ == "__main__":
    main()
