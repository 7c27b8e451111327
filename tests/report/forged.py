"""Sweeps in memory, from the values of their runs, and forged ones of every kind."""

import dataclasses
import itertools
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from sinegan.designs import Sequential, UntilAll, UntilBest
from sinegan.report.referee.looks import follow
from sinegan.report.sweep import Sweep

Keys = tuple[tuple[str, str], ...]
"""The swept keys of a configuration with their values."""


def sweep_of(values: Mapping[Keys, Mapping[int, float]], metric: str = "rmse") -> Sweep:
    """A sweep with one evaluation a run, as `load_sweep` would read it; an infinite value is a lost run."""
    swept = list(dict.fromkeys(key for keys in values for key, _ in keys))
    configurations, runs, history = [], [], []
    settings: dict[str, dict[str, Any]] = {}
    for place, (keys, by_seed) in enumerate(values.items()):
        chosen = dict(keys)
        named = {"configuration": str(place)} | {key: chosen.get(key) for key in swept}
        about = {"folder": str(place), "metric": metric, "engine": "eager", "steps": 100}
        configurations.append(named | about | {"seeds": len(by_seed)})
        settings[str(place)] = {**chosen, "target": {"_target_": chosen.get("target", "Sine")}}
        for seed, value in by_seed.items():
            status = "finished" if math.isfinite(value) else "diverged"
            runs.append(
                named | {"seed": seed, "status": status, "step": 100, "seconds": 1.0, "message": None}
            )
            if math.isfinite(value):
                end = {"d_real": 0.5, "d_fake": 0.25, "value": -1.25, "value_gap": 0.125}
                history.append(named | {"seed": seed, "step": 100, metric: value} | end)
    columns = ["configuration", *swept, "seed", "step", metric, "d_real", "d_fake", "value", "value_gap"]
    return Sweep(
        Path("forged"),
        swept,
        pd.DataFrame(configurations),
        pd.DataFrame(runs),
        pd.DataFrame(history, columns=columns),
        settings,
        {},
    )


def forged(number: int) -> Sweep:
    """A sweep of any kind: few or many configurations, seeds, targets and keys, lost runs, odd values."""
    keys, values, metric = _any_kind(np.random.default_rng(number))
    return sweep_of(
        {key: dict(enumerate(row)) for key, row in zip(keys, values.tolist(), strict=True)}, metric
    )


def _any_kind(rng: np.random.Generator, seeds: int | None = None) -> tuple[list[Keys], Any, str]:
    """The configurations of a sweep, the values of their runs, (configurations, seeds), and a metric."""
    targets = [f"t{place}" for place in range(rng.choice([1, 1, 1, 2, 3]))]
    number = int(rng.choice([1, 2, 3, 3, 4, 4, 5, 6, 8, 9]))
    if rng.random() < 0.5:
        cells = [(("loss", f"l{place}"),) for place in range(int(rng.integers(2, 15)))]
    else:
        sizes = rng.choice([(2, 2), (2, 3), (3, 2), (2, 7), (3, 4), (4, 3)])
        levels = itertools.product(range(sizes[0]), range(sizes[1]))
        cells = [(("loss", f"l{a}"), ("network", f"n{b}")) for a, b in levels]
    keys = [
        (*((("target", target),) if len(targets) > 1 else ()), *cell) for target in targets for cell in cells
    ]
    values = _values(rng, len(keys), seeds or number)
    return keys, values, "energy_distance" if (values <= 0).any() else "rmse"


def _values(rng: np.random.Generator, configurations: int, seeds: int) -> Any:
    """Values of runs, shape (configurations, seeds); infinite where a run was lost."""
    effect = rng.choice([0, 0.05, 0.3, 1.0]) * rng.integers(0, 4, (configurations, 1))
    spread = rng.choice([0.003, 0.05, 0.25, 0.25, 0.6])
    spreads = spread * np.exp(rng.choice([0, 0, 1]) * rng.uniform(-1, 1, (configurations, 1)))
    common = rng.choice([0, 0, 1]) * spread * rng.standard_normal(seeds)
    values = effect + common + spreads * rng.standard_normal((configurations, seeds))
    kind = rng.choice(["positive", "positive", "signed", "steps", "equal"])
    if kind in ("positive", "steps"):
        values = 0.05 * np.exp(values)
    if kind == "steps":
        values = np.maximum(np.round(values, 2), 0.01)
    if kind == "equal":
        values = np.full_like(values, 0.5) + 0.1 * rng.integers(0, 2, (configurations, 1))
    if rng.random() < 0.15:
        values[rng.integers(configurations), rng.integers(seeds)] *= 1e6
    lost = rng.choice([0, 0, 0, 0.1, 0.4, 0.9, 1.0])
    return np.where(
        rng.random(values.shape) < lost * rng.integers(0, 2, (configurations, 1)), math.inf, values
    )


def decided_values(
    values: Mapping[Keys, Mapping[int, float]], design: Sequential, spent: int | None = None
) -> dict[Keys, dict[int, float]]:
    """The runs that a design would have trained.

    Arguments:
        values: all runs that it could have trained, of the seeds from 0 on.
        design: which of them it asks for.
        spent: runs after which the sweep was killed; None is never.
    """
    of_target: dict[str, list[Keys]] = {}
    for keys in values:
        of_target.setdefault(dict(keys).get("target", ""), []).append(keys)
    family = max(1, sum(len(group) > 1 for group in of_target.values()))
    by_text = {str(keys): keys for keys in values}
    given = {}
    for group in of_target.values():
        course = follow({str(keys): values[keys] for keys in group}, design, 0, family)
        given |= {by_text[text]: seeds for text, seeds in course.seeds.items()}
    # A killed sweep has trained seed by seed, as the design asked for them.
    asked = sorted((seed, place) for place, keys in enumerate(values) for seed in range(given[keys]))
    trained = set(asked if spent is None else asked[:spent])
    return {
        keys: {seed: value for seed, value in by_seed.items() if (seed, place) in trained}
        for place, (keys, by_seed) in enumerate(values.items())
    }


def with_design(sweep: Sweep, design: Sequential) -> Sweep:
    """A sweep whose settings say by which design its seeds were trained."""
    stored = {"_target_": f"{type(design).__module__}.{type(design).__name__}", **dataclasses.asdict(design)}
    return dataclasses.replace(
        sweep, settings={name: {**each, "decide": dict(stored)} for name, each in sweep.settings.items()}
    )


def forged_decided(number: int) -> Sweep:
    """A sweep of any kind with a sequential design, decided, at its most seeds, or killed half-way."""
    rng = np.random.default_rng(number)
    keys, values, metric = _any_kind(rng, seeds=24)
    kind = UntilAll if rng.random() < 0.3 else UntilBest
    design = kind(first=int(rng.integers(3, 6)), most=int(rng.choice([9, 14, 24])))
    runs = {key: dict(enumerate(row)) for key, row in zip(keys, values.tolist(), strict=True)}
    spent = int(rng.integers(1, 15 * len(keys))) if rng.random() < 0.3 else None
    return with_design(sweep_of(decided_values(runs, design, spent), metric), design)
