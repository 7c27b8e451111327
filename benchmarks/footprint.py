"""Measures the memory of stacks next to its estimate: python benchmarks/footprint.py.

Each case trains in a process of its own. Its peak is that of the resident memory, less the memory after a
tiny stack of the same kind. Linux only.
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

WIDE = {"generator": [2048, 2048], "discriminator": [2048, 2048]}
MIDDLE = {"generator": [512, 512], "discriminator": [512, 512]}
PHASES = {"_target_": "sinegan.game.targets.RandomPhase"}

CASES: list[dict[str, Any]] = [
    {"runs": 4, "network": WIDE},
    {"runs": 4, "network": WIDE, "optim": {"_target_": "sinegan.game.optimisers.SGD"}},
    {"runs": 2, "network": WIDE, "average": {"_target_": "sinegan.game.averages.Exponential"}},
    {"runs": 2, "network": WIDE, "training": {"dtype": "float64"}},
    {"runs": 2, "target": {"points": 100_000}},
    {"runs": 2, "training": {"batch_size": 200_000}},
    {"runs": 2, "training": {"batch_size": 50_000}, "target": PHASES},
    {"runs": 2, "training": {"batch_size": 5_000, "steps": 200}, "network": {"latent": 100}},
    {"runs": 2, "training": {"batch_size": 2_000, "discriminator_steps": 50}},
    {"runs": 2, "training": {"batch_size": 20_000}, "network": MIDDLE},
    {
        "runs": 2,
        "training": {"batch_size": 20_000},
        "network": MIDDLE,
        "penalty": {"one": {"_target_": "sinegan.game.penalties.ConsensusOptimisation"}},
    },
    {
        "runs": 2,
        "training": {"batch_size": 20_000},
        "penalty": {"one": {"_target_": "sinegan.game.penalties.Dragan"}},
    },
    {"runs": 2, "training": {"evaluation_samples": 300_000}},
    {"runs": 2, "training": {"evaluation_samples": 1_500}, "target": PHASES},
    {"runs": 8, "training": {"evaluation_samples": 500}, "target": PHASES | {"points": 64}},
    {"runs": 4, "training": {"batch_size": 50_000, "compile": "always"}},
]


def measured(case: dict[str, Any]) -> tuple[float, float]:
    """The bytes of a case, estimated and at the peak, in a process of its own."""
    command = [sys.executable, __file__, json.dumps(case)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=300)
    estimate, peak = json.loads(done.stdout.splitlines()[-1])
    return estimate, peak


def train_here(case: dict[str, Any]) -> tuple[float, float]:
    """Trains a case in this process; returns its bytes, estimated and at the peak."""
    from sinegan.engine.kernels import use_uniform_kernels

    use_uniform_kernels()
    from sinegan.config import Config, validate
    from sinegan.sweep.plan import Configuration, Shard, unfinished_runs
    from sinegan.sweep.worker import train_shard
    from sinegan.training.footprint import worker_bytes

    def config(changes: dict[str, Any]) -> Config:
        parts: dict[str, Any] = {
            "target": {"_target_": "sinegan.game.targets.Sine"},
            "network": {"_target_": "sinegan.game.networks.Network"},
            "loss": {"_target_": "sinegan.game.losses.Minimax"},
            "optim": {"_target_": "sinegan.game.optimisers.Adam"},
            "training": {"compile": "never", "steps": 3},
            "plot": {},
        }
        merged = {name: {**parts.get(name, {}), **group} for name, group in changes.items()}
        return validate(parts | merged | {"seeds": runs})

    def train(config: Config) -> None:
        with tempfile.TemporaryDirectory() as folder:
            runs = unfinished_runs(0, Configuration(config, Path(folder) / "0"), known=[])
            progress = Path(folder) / "progress"
            progress.mkdir()
            assert train_shard(Shard(0, tuple(runs)), progress).failure is None

    runs = case.pop("runs")
    tiny = {"network": {"generator": [4], "discriminator": [4]}}
    few = {"training": {"batch_size": 2, "evaluation_samples": 4}}
    kind = {"target": {name: value for name, value in case.get("target", {}).items() if name == "_target_"}}
    train(config({**case, **tiny, **few, **kind}))
    Path("/proc/self/clear_refs").write_text("5")  # the peak is counted from here on
    before = int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    large = config(case)
    train(large)
    (line,) = [
        line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM")
    ]
    compiled = large.training.compile == "always"
    return worker_bytes(large.setup, runs, compiled), 1024.0 * int(line.split()[1]) - before


def main() -> None:
    if len(sys.argv) > 1:
        print(json.dumps(train_here(json.loads(sys.argv[1]))))
        return
    print("estimate/MiB  peak/MiB  ratio  case")
    for case in CASES:
        estimate, peak = measured(case)
        print(
            f"{estimate / 2**20:12,.0f} {peak / 2**20:9,.0f} {estimate / peak:6.2f}  {json.dumps(case)}",
            flush=True,
        )


if __name__ == "__main__":
    main()
