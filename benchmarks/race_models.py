"""Models of sweeps to draw runs from: simulated ones, and real ones whose kept runs were fitted.

Scores are the values that the referee compares: logarithms where all values are positive; less is better.
"""

import math
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import stdtrit

from benchmarks.null_sweeps import SD, TRUTHS, Generator, Values
from sinegan import load_sweep
from sinegan.designs import UntilBest
from sinegan.report.referee.comparisons import MARGIN
from sinegan.report.referee.contrasts import ALPHA
from sinegan.report.referee.problem import Problem
from sinegan.report.referee.run_values import samples_of

MOST = UntilBest().most
STORED_RUNS = 4
"""Runs of each configuration of the stability map."""


class Model(NamedTuple):
    """The runs of the configurations of a problem: normal scores, with a part that the runs of a seed share.

    location, deviation: shape (configurations,). positive: whether scores are logarithms of values.
    """

    name: str
    location: Values
    deviation: Values
    correlation: float = 0.0
    positive: bool = True

    def draw(self, rng: Generator, sweeps: int) -> Values:
        """Scores, shape (sweeps, configurations, MOST seeds)."""
        count = len(self.location)
        common, own = rng.standard_normal((sweeps, 1, MOST)), rng.standard_normal((sweeps, count, MOST))
        normal = math.sqrt(self.correlation) * common + math.sqrt(1 - self.correlation) * own
        return np.asarray(self.location[:, None] + self.deviation[:, None] * normal)

    def problem(self, scores: Values) -> Problem:
        """The runs as the referee takes them. scores: shape (configurations, seeds)."""
        values = np.exp(scores) if self.positive else scores
        rows = {str(place): dict(enumerate(row)) for place, row in enumerate(values.tolist())}
        return Problem(rows, bool((values > 0).all()))

    @property
    def best(self) -> NDArray[Any]:
        """Whether a configuration is truly best, shape (configurations,)."""
        return np.asarray(self.location <= self.location.min() + 1e-9)

    @property
    def far(self) -> NDArray[Any]:
        """Whether a configuration is truly worse than the best by more than the margin."""
        best, size = self.location.min(), np.abs(self.location)
        allowed = math.log1p(MARGIN) if self.positive else MARGIN * np.maximum(size, abs(best))
        return np.asarray(self.location > best + allowed)


class Source(NamedTuple):
    """A sweep to draw from. models: of each target. steps: of each run."""

    name: str
    models: list[Model]
    steps: int = 1

    @property
    def configurations(self) -> int:
        return len(self.models[0].location)


def simulated(truth: str, configurations: int) -> Source:
    location = np.log(TRUTHS[truth](configurations))
    model = Model(truth, location, np.full(configurations, SD))
    return Source(f"{configurations} configurations, {truth}", [model])


def fitted(name: str, scores: Values, positive: bool) -> Model:
    """A model with the mean and deviation of each configuration, and the mean correlation of two.

    scores: shape (configurations, seeds).
    """
    correlation = np.corrcoef(scores)
    pairs = correlation[~np.eye(len(scores), dtype=bool)]
    shared = float(np.clip(np.nanmean(pairs), 0, 1))
    return Model(name, scores.mean(1), scores.std(axis=1, ddof=1), shared, positive)


class Kept(NamedTuple):
    """The kept runs of a problem of a real sweep.

    scores: shape (configurations, seeds). histories: the metric at each evaluation, shape (configurations,
    seeds, evaluations). steps: of the evaluations.
    """

    name: str
    scores: Values
    positive: bool
    histories: Values
    steps: NDArray[Any]


def kept_runs(folder: Path) -> list[Kept]:
    """The runs of a sweep's folder, by target."""
    sweep = load_sweep(folder)
    samples = samples_of(sweep)
    rows = samples.rows.set_index("name")
    kept = []
    for problem, names in samples.problems().items():
        seeds = sorted(samples.values[names[0]])
        values = np.array([[samples.values[name][seed] for seed in seeds] for name in names])
        chosen = rows.loc[names]
        history = sweep.history.set_index(["configuration", "seed", "step"])[chosen["metric"].iloc[0]]
        wide = history.loc[chosen["configuration"].tolist()].unstack("step")
        wide = wide.reindex([(each, seed) for each in chosen["configuration"] for seed in seeds])
        kept.append(
            Kept(
                name=str(chosen["target"].iloc[0]) if "target" in chosen else "",
                scores=np.log(values) if samples.positive[problem] else values,
                positive=samples.positive[problem],
                histories=wide.to_numpy().reshape(len(names), len(seeds), -1),
                steps=wide.columns.to_numpy(int),
            )
        )
    return kept


def kept_sweep(name: str, kept: list[Kept]) -> Source:
    """The source that kept runs fit."""
    models = [fitted(each.name, each.scores, each.positive) for each in kept]
    return Source(name, models, int(kept[0].steps[-1]))


def stability_map(report: Path, steps: int = 2000) -> Source:
    """The source that the table of the stability map fits: its runs are not kept.

    A deviation follows from the interval of four runs. What the runs of a seed share is not in the table,
    and nothing is assumed.
    """
    table = pd.read_csv(report / "configurations.csv")
    half = np.log((table["high"] / table["low"]).to_numpy()) / 2
    deviation = half * math.sqrt(STORED_RUNS) / stdtrit(STORED_RUNS - 1, 1 - ALPHA / 2)
    return Source("stability map", [Model("sine", np.log(table["estimate"].to_numpy()), deviation)], steps)
