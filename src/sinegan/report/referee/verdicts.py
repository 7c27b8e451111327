"""Verdicts: what the seeds support, as values. The sentences are made in `words.answers`."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from sinegan.report.referee.analysis import Analysis
from sinegan.report.referee.comparisons import ordered
from sinegan.report.referee.contrasts import RANKS
from sinegan.report.referee.effects import INTERACTION, KEY, ORDER, TIMES
from sinegan.report.referee.estimates import status_counts
from sinegan.report.referee.run_values import untrained
from sinegan.report.referee.statistics import Estimate, estimate
from sinegan.statuses import DIVERGED, FAILED
from sinegan.storage.results import records


class Seeds(NamedTuple):
    """The fewest and the most seeds that a finding rests on."""

    fewest: int
    most: int


@dataclass(frozen=True)
class Effect:
    """One configuration against another: the ratio of their estimates, or the difference, with its interval.

    open_ended: whether lost runs can leave an end of the interval open, at 0 or infinity.
    """

    is_ratio: bool
    value: float
    low: float
    high: float
    open_ended: bool = False

    def turned(self) -> "Effect":
        """The other configuration against the one."""
        if not self.is_ratio:
            return Effect(False, -self.value, -self.high, -self.low, self.open_ended)
        with np.errstate(divide="ignore"):
            value, low, high = (float(1 / np.float64(each)) for each in (self.value, self.high, self.low))
        return Effect(True, value, low, high, self.open_ended)


class SeedsNeeded(NamedTuple):
    """The seeds that find a difference of PLANNED, and those that there were."""

    needed: int
    given: int


class Ends(NamedTuple):
    """The number of runs, and of those that were lost in either way."""

    runs: int
    diverged: int
    failed: int

    @property
    def lost(self) -> int:
        return self.diverged + self.failed


@dataclass(frozen=True)
class NothingEnded:
    """No run has ended yet."""


@dataclass(frozen=True)
class NothingMeasured:
    """All runs that have ended were lost."""


@dataclass(frozen=True)
class Single:
    """One configuration, and nothing to compare it with. untrained: its metric before the first step."""

    estimate: Estimate
    untrained: float | None


@dataclass(frozen=True)
class Unranked:
    """Too few seeds for a comparison. estimates: by configuration."""

    seeds: Seeds
    estimates: Mapping[str, float]


@dataclass(frozen=True)
class Better:
    """The first of two configurations is better than the other."""

    seeds: Seeds
    better: str
    worse: str
    effect: Effect | None


@dataclass(frozen=True)
class NotSeparated:
    """The seeds do not support a difference between two configurations."""

    seeds: Seeds
    a: str
    b: str
    effect: Effect | None
    seeds_needed: SeedsNeeded | None


@dataclass(frozen=True)
class Best:
    """One of several configurations is separated from every other. effect: of the best against the next."""

    seeds: Seeds
    best: str
    ranked: int
    second: str
    effect: Effect | None


@dataclass(frozen=True)
class Shared:
    """Several configurations share the first rank, or all of them. first: the lowest first."""

    seeds: Seeds
    first: Sequence[str]
    ranked: int
    lowest: float
    seeds_needed: SeedsNeeded | None


Finding = NothingEnded | NothingMeasured | Single | Unranked | Better | NotSeparated | Best | Shared


@dataclass(frozen=True)
class Verdict:
    """The finding on one problem: a target and a metric.

    names: all its configurations, in the order of the sweep. ends: by configuration.
    """

    metric: str
    names: Sequence[str]
    finding: Finding
    ends: Mapping[str, Ends]


@dataclass(frozen=True)
class Matters:
    """The levels of a key differ, by this typical factor (or difference) from their middle."""

    key: str
    spread: float
    is_ratio: bool


@dataclass(frozen=True)
class MattersMore:
    """The levels of a key differ more than those of another."""

    key: str
    against: str
    spread: float
    spread_against: float
    is_ratio: bool


@dataclass(frozen=True)
class Depends:
    """The effect of a key depends on another key."""

    key: str
    on: str


@dataclass(frozen=True)
class NoEffect:
    """The effect of a key on average cannot be told from chance."""

    key: str


KeyVerdict = Matters | MattersMore | Depends | NoEffect


def verdicts(analysis: Analysis) -> list[Verdict]:
    """A verdict for each problem, in the order of the sweep."""
    placed = pd.concat([analysis.samples.rows, analysis.ranks], axis=1)
    return [verdict(analysis, rows) for _, rows in placed.groupby("problem", sort=False)]


def verdict(analysis: Analysis, rows: pd.DataFrame) -> Verdict:
    """The verdict on one problem. rows: those of its samples, with `rank` and `tie_group`."""
    counts = status_counts(analysis.sweep)
    ends = {row["name"]: _ends(counts.get(row["configuration"], {})) for row in records(rows)}
    return Verdict(str(rows["metric"].iloc[0]), rows["name"].tolist(), _finding(analysis, rows, ends), ends)


def _ends(counts: Mapping[str, int]) -> Ends:
    """counts: the number of runs with each status."""
    return Ends(sum(counts.values()), counts.get(DIVERGED, 0), counts.get(FAILED, 0))


def _finding(analysis: Analysis, rows: pd.DataFrame, ends: Mapping[str, Ends]) -> Finding:
    samples = analysis.samples
    positive = samples.positive[str(rows["problem"].iloc[0])]
    values = {name: samples.values[name] for name in rows["name"] if samples.values[name]}
    estimates = {name: estimate(_finite(by_seed), positive) for name, by_seed in values.items()}
    measured = {name: each.estimate for name, each in estimates.items() if each.n}
    if not measured:
        return NothingMeasured() if any(each.lost for each in ends.values()) else NothingEnded()
    if len(rows) == 1:
        (only,) = estimates.values()
        return Single(only, _untrained(analysis, rows))
    pairs = analysis.comparisons
    pairs = pairs[pairs["a"].isin(values) & pairs["b"].isin(values)]
    if pairs["p"].isna().all():
        seeds = _seeds([len(by_seed) for by_seed in values.values()])
        return Unranked(seeds, measured)
    if len(pairs) == 1:
        return _pair(records(pairs)[0])
    order = ordered(values, positive)
    tied = set(rows["name"][rows["tie_group"] == 1])
    first = [name for name in order if name in tied]
    return _several(pairs, order, first, int(rows["rank"].notna().sum()), estimates)


def _finite(by_seed: Mapping[int, float]) -> list[float]:
    return [value for value in by_seed.values() if math.isfinite(value)]


def _untrained(analysis: Analysis, rows: pd.DataFrame) -> float | None:
    """The metric of the only configuration before training, where it was measured later, too."""
    history = analysis.sweep.history
    if not (history["step"] > 0).any():
        return None
    row = rows.iloc[0]
    return untrained(history[history["configuration"] == row["configuration"]], row["metric"])


def _pair(row: Mapping[str, Any]) -> Better | NotSeparated:
    """row: of `compare`."""
    seeds, effect = _seeds([row["n"]]), _effect(row)
    if not row["separated"]:
        return NotSeparated(seeds, row["a"], row["b"], effect, _seeds_needed([row]))
    if row["improvement"] < 0.5:
        return Better(seeds, row["b"], row["a"], effect and effect.turned())
    return Better(seeds, row["a"], row["b"], effect)


def _several(
    pairs: pd.DataFrame,
    order: Sequence[str],
    first: Sequence[str],
    ranked: int,
    estimates: Mapping[str, Estimate],
) -> Best | Shared:
    """The finding on more than two configurations.

    Arguments:
        pairs: the rows of `compare` among them.
        order: those with values, best first.
        first: those of the first rank, best first.
        ranked: how many have a rank.
        estimates: of those with values.
    """
    seeds = _seeds(pairs["n"][pairs["p"].notna()].tolist())
    if len(first) == 1:
        best, second = first[0], next(name for name in order if name != first[0])
        (row,) = records(pairs[pairs["a"].isin((best, second)) & pairs["b"].isin((best, second))])
        effect = _effect(row)
        return Best(seeds, best, ranked, second, effect if row["a"] == best else effect and effect.turned())
    tied = pairs[~pairs["separated"] & pairs["a"].isin(first) & pairs["b"].isin(first)]
    lowest = estimates[first[0]].estimate
    return Shared(seeds, first, ranked, lowest, _seeds_needed(records(tied)))


def _seeds(counts: Sequence[int]) -> Seeds:
    return Seeds(min(counts), max(counts))


def _effect(row: Mapping[str, Any]) -> Effect | None:
    """The effect of a row of `compare`; None where so many runs were lost that there is no number."""
    if math.isnan(row["ratio"]):
        if not math.isfinite(row["difference"]):
            return None
        return Effect(False, row["difference"], row["difference_low"], row["difference_high"])
    if not 0 < row["ratio"] < math.inf:
        return None
    return Effect(True, row["ratio"], row["low"], row["high"], open_ended=row["method"] == RANKS)


def _seeds_needed(rows: Sequence[Mapping[str, Any]]) -> SeedsNeeded | None:
    """The most that any of these comparisons needs. rows: of `compare`."""
    known = [row for row in rows if math.isfinite(row["seeds_needed"])]
    if not known:
        return None
    most = max(known, key=lambda row: float(row["seeds_needed"]))
    return SeedsNeeded(int(most["seeds_needed"]), most["n"])


def key_verdicts(effects: pd.DataFrame) -> dict[str, list[KeyVerdict]]:
    """For each metric: which key matters more, which depend on one another, which have no effect.

    effects: as `factor_effects` makes them.
    """
    return {str(metric): _key_verdicts(rows) for metric, rows in effects.groupby("metric", sort=False)}


def _key_verdicts(effects: pd.DataFrame) -> list[KeyVerdict]:
    keys = effects[effects["kind"] == KEY].groupby("key", sort=False)
    spread, proven = keys["spread"].first(), keys["separated"].any()
    is_ratio = bool(effects["ratio"].notna().any())
    order = effects[(effects["kind"] == ORDER) & effects["separated"]]
    interactions = effects[effects["kind"] == INTERACTION]["key"]
    more: list[KeyVerdict] = [
        MattersMore(key, against, float(spread[key]), float(spread[against]), is_ratio)
        for key, against in zip(order["key"], order["against"], strict=True)
        if proven[key]
    ]
    depends: list[KeyVerdict] = [Depends(*pair.split(TIMES, 1)) for pair in dict.fromkeys(interactions)]
    named = {each.key for each in more}
    involved = {key for pair in interactions for key in pair.split(TIMES, 1)}
    alone: list[KeyVerdict] = [
        Matters(key, float(spread[key]), is_ratio) if proven[key] else NoEffect(key)
        for key in proven.index
        if key not in (named if proven[key] else involved)
    ]
    return [*more, *depends, *alone]
