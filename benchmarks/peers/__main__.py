"""One process of one peer: prepares, prints `ready`, waits for a line, trains, and prints its times.

    python -m benchmarks.peers engine --work original --runs 8 --steps 1000 --lanes 8 [--core 0]

`python -m benchmarks` starts them.
"""

import argparse
import importlib
import json
import os
import time

import numpy as np

from benchmarks.works import WORKS

LR = 1e-4


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("module")
    parser.add_argument("--work", choices=WORKS, required=True)
    parser.add_argument("--runs", type=int, required=True)
    parser.add_argument("--steps", type=int, required=True)
    parser.add_argument("--lanes", type=int, required=True)
    parser.add_argument("--core", type=int)
    args = parser.parse_args()
    if args.core is not None:
        os.sched_setaffinity(0, {args.core})
    peer = importlib.import_module(f"benchmarks.peers.{args.module}")
    train = peer.prepare(WORKS[args.work], [LR] * args.runs, args.steps, args.lanes)
    print("ready", flush=True)
    input()
    began = time.monotonic()
    evaluate = train()
    ended = time.monotonic()
    print(
        json.dumps({"began": began, "ended": ended, "rmse": np.asarray(evaluate(), float).tolist()}),
        flush=True,
    )


if __name__ == "__main__":
    main()
