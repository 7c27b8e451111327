"""Shared by the checks: settings in words, the runs of a configuration, and rows of the result."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from sinegan.report.referee.contrasts import Difference, paired_t
from sinegan.report.sweep import Sweep

COLUMNS = ["check", "variant", "update", "expected", "found", "holds"]

Settings = Mapping[str, Any]
Row = dict[str, Any]


class Check(NamedTuple):
    """One theorem or published fact.

    applies: whether it has an expectation for a configuration with these settings. rows: a row with COLUMNS
    for each comparison, for the configurations that it applies to. pictures: their pictures, by file name.
    """

    applies: Callable[[Settings], bool]
    rows: Callable[[Sweep, Sequence[Row]], Iterator[Row]]
    pictures: Callable[[Sweep, Sequence[Row]], Mapping[str, Figure]] = lambda *_: {}


GROUPS = ("target", "network", "loss", "penalty", "optim")
TRAINING = {"updates": "simultaneous", "discriminator_steps": 1}
"""The behaviour of versions that had no such settings."""


def add_missing_settings(settings: Settings) -> dict[str, Any]:
    """Adds the settings that a check reads and that the folder of an older version lacks."""
    groups = {group: settings.get(group, {}) for group in GROUPS}
    return {**settings, **groups, "training": TRAINING | settings["training"]}


class Interval(NamedTuple):
    """A location with its 95 % interval, NaN where there are too few runs."""

    middle: float
    low: float
    high: float

    def words(self, digits: int = 3) -> str:
        """`0.95, 0.88 to 1.03`."""
        ends = "" if math.isnan(self.low) else f", {self.low:.{digits}g} to {self.high:.{digits}g}"
        return f"{self.middle:.{digits}g}{ends}"


def ratio(above: ArrayLike, below: ArrayLike) -> Interval:
    """The geometric mean of above / below over pairs, with the paired t interval on logarithms.

    above, below: positive, shape (pairs,).
    """
    return ratio_interval(paired_t(np.log(np.asarray(above, float)) - np.log(np.asarray(below, float))))


def ratio_interval(difference: Difference) -> Interval:
    """The ratio that belongs to a difference of logarithms."""
    return Interval(*np.exp([difference.difference, difference.low, difference.high]).tolist())


def variant(settings: Settings) -> str:
    """Loss and penalties in words: `NonSaturating, r1 gamma=0.3`."""
    words = [kind(settings["loss"])]
    for name, values in sorted(settings["penalty"].items()):
        size = next((f"{key}={values[key]:g}" for key in ("gamma", "std", "limit") if key in values), "")
        words.append(f"{name} {size}".rstrip())
    return ", ".join(words)


def update(settings: Settings) -> str:
    """The order of updates in words: `alternating, 5 D steps`."""
    steps = settings["training"]["discriminator_steps"]
    return f"{settings['training']['updates']}, {steps} D step{'s' if steps > 1 else ''}"


def rates(settings: Settings) -> tuple[float, float]:
    """The generator's and the discriminator's learning rate, derived from `lr` where they are not set."""
    optim = settings["optim"]
    lr = optim.get("lr", math.nan)
    return optim.get("generator_lr", lr), optim.get("discriminator_lr", lr * optim.get("lr_ratio", 1.0))


def kind(settings: Settings) -> str:
    """The name of the class that a group of settings builds: `NonSaturating`."""
    return str(settings.get("_target_", "")).rpartition(".")[2]


def runs_of(sweep: Sweep, about: Row, *metrics: str) -> list[tuple[Any, pd.DataFrame]]:
    """The seeds of a configuration, each with its evaluations; none where a metric is not stored."""
    history = sweep.history
    if history.empty or not set(metrics) <= set(history):
        return []
    return list(history[history["configuration"] == about["configuration"]].groupby("seed"))


def outcome(expected: str, found: str, holds: bool | None = None) -> Row:
    """The last three of COLUMNS. holds: by default whether the two are the same words."""
    return {"expected": expected, "found": found, "holds": expected == found if holds is None else holds}
