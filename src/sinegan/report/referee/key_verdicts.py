"""Verdicts on the swept keys, as values."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from sinegan.report.referee.effects import AND, INTERACTION, KEY, MAIN, ORDER, TIMES
from sinegan.report.referee.verdicts import Effect
from sinegan.storage.results import records
from sinegan.storage.sweep_folder import SEED_KEYS


@dataclass(frozen=True)
class Matters:
    """The levels of a key differ, by this typical factor (or difference) from their middle."""

    key: str
    spread: float
    is_ratio: bool


@dataclass(frozen=True)
class LevelBetter:
    """One of two levels of a key is better on average. effect: the better level against the worse one."""

    key: str
    better: str
    worse: str
    effect: Effect


@dataclass(frozen=True)
class MattersMore:
    """The levels of a key differ more than those of another."""

    key: str
    against: str


@dataclass(frozen=True)
class Depends:
    """The effect of a key depends on another key."""

    key: str
    on: str


@dataclass(frozen=True)
class NoEffect:
    """The effect of a key on average cannot be told from chance."""

    key: str


KeyVerdict = Matters | LevelBetter | MattersMore | Depends | NoEffect


def key_verdicts(effects: pd.DataFrame, keys: Sequence[str]) -> dict[str, list[KeyVerdict]]:
    """For each metric: which keys matter, which matters more, which depend on one another.

    Nothing is said of a single key: its levels are the configurations, which were compared already.

    Arguments:
        effects: as `factor_effects` makes them.
        keys: all swept keys.
    """
    return {
        str(metric): _key_verdicts(rows)
        for metric, rows in effects.groupby("metric", sort=False)
        if set(keys) - {*SEED_KEYS} != set(rows["key"].iloc[0].split(AND))
    }


def _key_verdicts(effects: pd.DataFrame) -> list[KeyVerdict]:
    is_ratio = bool(effects["ratio"].notna().any())
    interactions = list(dict.fromkeys(effects["key"][effects["kind"] == INTERACTION]))
    involved = {key for pair in interactions for key in pair.split(TIMES, 1)}
    verdicts: list[KeyVerdict] = []
    for row in records(effects[effects["kind"] == KEY]):
        levels = effects[(effects["kind"] == MAIN) & (effects["key"] == row["key"])]
        if not row["separated"]:
            verdicts += [] if row["key"] in involved else [NoEffect(row["key"])]
        elif len(levels) == 1:
            verdicts.append(_better_level(records(levels)[0]))
        else:
            verdicts.append(Matters(row["key"], row["spread"], is_ratio))
    orders = effects[(effects["kind"] == ORDER) & effects["separated"]]
    proven = set(effects["key"][(effects["kind"] == KEY) & effects["separated"]])
    verdicts += [
        MattersMore(row["key"], row["against"])
        for row in records(orders)
        if {row["key"], row["against"]} <= proven
    ]
    return verdicts + [Depends(*pair.split(TIMES, 1)) for pair in interactions]


def _better_level(row: Mapping[str, Any]) -> LevelBetter:
    """The better of two levels. row: of `factor_effects`, less is better."""
    is_ratio = not math.isnan(row["ratio"])
    if is_ratio:
        effect = Effect(True, row["ratio"], row["low"], row["high"])
        turned = Effect(True, 1 / row["ratio"], 1 / row["high"], 1 / row["low"])
        first_is_better = row["ratio"] < 1
    else:
        effect = Effect(False, row["difference"], row["difference_low"], row["difference_high"])
        turned = Effect(False, -effect.value, -effect.high, -effect.low)
        first_is_better = row["difference"] < 0
    if first_is_better:
        return LevelBetter(row["key"], row["level"], row["against"], effect)
    return LevelBetter(row["key"], row["against"], row["level"], turned)
