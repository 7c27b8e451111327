"""A sweep of learning rates with JAX, from command to printed table: a pinned process a core.

    python -m benchmarks.peers.jax_table --lr 1e-4,3e-4 --seeds 8 --steps 10000

The processes draw their noise before they train, and share JAX's compilation cache, where there is one.
"""

import argparse
import os
import subprocess
import sys

import numpy as np

LANES = 8
ONE_THREAD = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"


def train_share(rates: list[float], steps: int, core: int) -> None:
    """Trains a share of the runs on one core, and prints the RMSE of each."""
    os.sched_setaffinity(0, {core})
    from benchmarks.peers import jax_scan
    from benchmarks.works import ORIGINAL

    print(*jax_scan.prepare(ORIGINAL, rates, steps, LANES)()())


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--lr", default="1e-4,3e-4")
    parser.add_argument("--seeds", type=int, default=8)
    parser.add_argument("--steps", type=int, default=10_000)
    parser.add_argument("--core", type=int)
    args = parser.parse_args()
    rates = [float(text) for text in args.lr.split(",")]
    if args.core is not None:
        train_share(rates * args.seeds, args.steps, args.core)
        return
    cores = sorted(os.sched_getaffinity(0))
    runs = [lr for lr in rates for _ in range(args.seeds)]
    shares = [share.tolist() for share in np.array_split(runs, min(len(cores), len(runs)))]
    command = [sys.executable, "-m", "benchmarks.peers.jax_table", "--seeds=1", f"--steps={args.steps}"]
    processes = [
        subprocess.Popen(
            [*command, f"--lr={','.join(map(str, share))}", f"--core={core}"],
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | {"XLA_FLAGS": ONE_THREAD},
        )
        for core, share in zip(cores, shares, strict=False)
    ]
    errors = np.array([float(text) for process in processes for text in process.communicate()[0].split()])
    if len(errors) != len(runs):
        sys.exit("a process failed")
    print("| lr | n | RMSE |\n|---|---|---|")
    for lr in rates:
        of_rate = errors[np.array(runs) == lr]
        print(f"| {lr:g} | {len(of_rate)} | {np.exp(np.log(of_rate).mean()):.4f} |")


if __name__ == "__main__":
    main()
