"""The answer in words: what the seeds say of a sweep, and what they do not."""

import math
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd

from sinegan.report.referee.comparisons import PLANNED, ordered
from sinegan.report.referee.contrasts import RANKS
from sinegan.report.referee.effects import effects_words
from sinegan.report.referee.estimates import status_counts
from sinegan.report.referee.statistics import CONFIDENCE, FEWEST, estimate
from sinegan.statuses import DIVERGED, FAILED
from sinegan.storage.results import records

if TYPE_CHECKING:
    from sinegan.report.sweep import Sweep

MOST_TARGETS = 4
MOST_LISTED = 5
"""Configurations that are named when they share a rank; of more only the lowest is."""

Values = Mapping[str, Mapping[int, float]]


class Question(NamedTuple):
    """The configurations of one target and metric.

    names: of those with values, in the order of the sweep. words: what each is called. first: those of the
    first rank, best first. ranked: how many have a rank. comparisons: the rows of `compare` among them.
    lost: what is to be said of lost runs, or nothing.
    """

    metric: str
    where: str
    names: list[str]
    words: dict[str, str]
    values: Values
    positive: bool
    first: list[str]
    ranked: int
    comparisons: pd.DataFrame
    lost: str


def answers(sweep: "Sweep") -> list[str]:
    """What a sweep says in words, a sentence each, without its capital and full stop."""
    return [*answer(sweep), *effects_words(sweep.effects)]


def answer(sweep: "Sweep") -> list[str]:
    """What the comparisons of the primary metric say, a sentence for each target and metric."""
    given = sweep.samples
    placed = pd.concat([given.rows, sweep.placed], axis=1)
    groups = [rows for _, rows in placed.groupby("problem", sort=False)]
    shown = groups if len(groups) <= MOST_TARGETS else groups[: MOST_TARGETS - 1]
    said = [sentence_of(sweep, rows) for rows in shown]
    left = len(groups) - len(shown)
    return [*said, f"the tables have {left} more targets or metrics"] if left else said


def sentence_of(sweep: "Sweep", rows: pd.DataFrame) -> str:
    """The sentence of one target and metric. rows: of its samples, with `rank` and `tie_group`."""
    asked = _question(sweep, rows)
    ends = _ends(sweep, rows["configuration"].tolist())
    lost = sum(ends.values())
    if not any(math.isfinite(value) for name in asked.names for value in asked.values[name].values()):
        many = f"all {lost:,} runs" if lost > 1 else "the only run"
        return f"{many} {asked.where} {_were(ends)}: nothing was measured" if lost else _not_yet(asked)
    if len(rows) == 1:
        return _single(asked, sweep, str(rows["configuration"].iloc[0]))
    if asked.comparisons["p"].isna().all():
        return _unranked(asked)
    if len(asked.comparisons) == 1:
        return _two(asked)
    return _several(asked)


def _question(sweep: "Sweep", rows: pd.DataFrame) -> Question:
    given = sweep.samples
    names = [name for name in rows["name"] if given.values[name]]
    positive = given.positive[str(rows["problem"].iloc[0])]
    values = {name: given.values[name] for name in names}
    about = records(rows)
    keys = short_keys([key for key in given.keys if key.split(".")[0] != "target"])
    first = set(rows["name"][rows["tie_group"] == 1])
    comparisons = sweep.comparisons
    words = {row["name"]: short_label(row, keys) for row in about}
    counts = status_counts(sweep)
    return Question(
        metric=str(rows["metric"].iloc[0]),
        where=f"on {context(sweep, about[0])}",
        names=names,
        words=words,
        values=values,
        positive=positive,
        first=[name for name in ordered(values, positive) if name in first],
        ranked=int(rows["rank"].notna().sum()),
        comparisons=comparisons[comparisons["a"].isin(names) & comparisons["b"].isin(names)],
        lost=_lost({words[row["name"]]: counts.get(row["configuration"], {}) for row in about}),
    )


def _ends(sweep: "Sweep", configurations: Sequence[str]) -> dict[str, int]:
    """How many runs of these configurations diverged and failed."""
    counts = status_counts(sweep)
    return {
        status: sum(counts.get(name, {}).get(status, 0) for name in configurations)
        for status in (DIVERGED, FAILED)
    }


def _were(ends: Mapping[str, int]) -> str:
    """`diverged`, or `were lost (3 diverged, 2 failed)`."""
    some = {status: count for status, count in ends.items() if count}
    if len(some) == 1:
        return next(iter(some))
    return f"were lost ({', '.join(f'{count:,} {status}' for status, count in some.items())})"


def _lost(counts: Mapping[str, Mapping[str, int]]) -> str:
    """`3 of 8 runs of minimax diverged`, or `9 of 40 runs diverged, in 3 configurations`.

    counts: of each configuration, how many runs ended how.
    """
    lost = {name: {one: its.get(one, 0) for one in (DIVERGED, FAILED)} for name, its in counts.items()}
    hit = [name for name, ends in lost.items() if any(ends.values())]
    if not hit:
        return ""
    named = len(counts) > 1 and len(hit) <= 2
    runs = sum(sum(counts[name].values()) for name in (hit if named else counts))
    ends = {status: sum(lost[name][status] for name in hit) for status in (DIVERGED, FAILED)}
    said = f"{sum(ends.values()):,} of {runs:,} runs{f' of {_listed(hit)}' if named else ''} {_were(ends)}"
    return said if len(hit) <= 2 else f"{said}, in {len(hit):,} configurations"


def _not_yet(asked: Question) -> str:
    return f"no run {asked.where} has ended yet"


def _single(asked: Question, sweep: "Sweep", configuration: str) -> str:
    values = [value for value in asked.values[asked.names[0]].values() if math.isfinite(value)]
    found = estimate(values, asked.positive)
    before = _untrained(sweep, configuration, asked.metric)
    metric = f"the {asked.metric} {asked.where}"
    said = f"{_seeds([found.n])}, {metric} is {found.estimate:.3g}"
    if not math.isnan(found.low):
        said += f", {CONFIDENCE:.0%} interval {found.low:.3g} to {found.high:.3g}".replace("%", " %")
    elif found.n == 2:
        said = f"{_seeds([2])}, {metric} is {found.smallest:.3g} and {found.largest:.3g}"
    said += f"; before training it was {before:.3g}" if before is not None else ""
    if found.n < FEWEST:
        said += f"; an interval needs {FEWEST} seeds"
    return _and_lost(said, asked)


def _untrained(sweep: "Sweep", configuration: str, metric: str) -> float | None:
    """The median of a metric before the first step, where later ones were measured, too."""
    history = sweep.history
    if metric not in history or not (history["step"] > 0).any():
        return None
    chosen = (history["configuration"] == configuration) & (history["step"] == 0)
    start = history.loc[chosen, metric].dropna()
    return float(start.median()) if len(start) else None


def _unranked(asked: Question) -> str:
    """Too few seeds: the values, and that they rank nothing."""
    centers = {}
    for name in asked.names:
        finite = [value for value in asked.values[name].values() if math.isfinite(value)]
        if finite:
            centers[name] = estimate(finite, asked.positive).estimate
    at = _seeds([len(asked.values[name]) for name in asked.names])
    if len(centers) <= 2:
        each = " and ".join(f"{value:.3g} for {asked.words[name]}" for name, value in centers.items())
        said = f"{at}, the {asked.metric} {asked.where} is {each}"
    else:
        said = (
            f"{at}, the {asked.metric} {asked.where} is {min(centers.values()):.3g} to "
            f"{max(centers.values()):.3g} in {len(centers):,} configurations"
        )
    return _and_lost(f"{said}; with fewer than {FEWEST} seeds nothing is ranked", asked)


def _two(asked: Question) -> str:
    (row,) = records(asked.comparisons)
    a, b = asked.words[row["a"]], asked.words[row["b"]]
    at = _seeds([row["n"]])
    if not row["separated"]:
        said = f"{at}, {a} and {b} are not separated {asked.where}"
        return _and_lost(f"{said}{_effect(row, asked.metric)}{_needed([row])}", asked)
    if row["improvement"] < 0.5:
        a, b, row = b, a, turned(row)
    said = f"{at}, {a} is better than {b} {asked.where}{_effect(row, asked.metric)}"
    return _and_lost(said, asked)


def _several(asked: Question) -> str:
    mine, first = asked.comparisons, asked.first
    at = _seeds(mine["n"][mine["p"].notna()].tolist())
    best = asked.words[first[0]]
    if len(first) == 1:
        said = f"{at}, {best} is the best of {asked.ranked:,} {asked.where}, separated from every other"
        second, row = _next(asked)
        told = _effect(row, asked.metric).removeprefix(": ")
        return _and_lost(f"{said}; against the next, {second}: {told}" if told else said, asked)
    tied = mine[~mine["separated"] & mine["a"].isin(first) & mine["b"].isin(first)]
    needed = _needed(records(tied))
    lowest = f"the lowest is {best}, {_center(asked, first[0]):.3g}"
    if len(first) == asked.ranked:
        said = f"{at}, none of {asked.ranked:,} configurations is separated from the others by {asked.metric}"
        return _and_lost(f"{said} {asked.where}; {lowest}{needed}", asked)
    share = f"{len(first):,} of {asked.ranked:,} configurations share the first rank by {asked.metric}"
    which = f": {_listed([asked.words[name] for name in first])}" if len(first) <= MOST_LISTED else ""
    which = which or f"; {lowest}"
    return _and_lost(f"{at}, {share} {asked.where}{which}{needed}", asked)


def _next(asked: Question) -> tuple[str, Mapping[str, Any]]:
    """The second best, and the comparison of the best with it."""
    best = asked.first[0]
    second = next(name for name in ordered(asked.values, asked.positive) if name != best)
    mine = asked.comparisons
    (row,) = records(
        mine[(mine["a"] == best) & (mine["b"] == second) | (mine["a"] == second) & (mine["b"] == best)]
    )
    return asked.words[second], row if row["a"] == best else turned(row)


def _center(asked: Question, name: str) -> float:
    finite = [value for value in asked.values[name].values() if math.isfinite(value)]
    return estimate(finite, asked.positive).estimate


def _and_lost(said: str, asked: Question) -> str:
    return f"{said}; {asked.lost}" if asked.lost else said


def _seeds(counts: Sequence[int]) -> str:
    low, high = min(counts), max(counts)
    span = str(low) if low == high else f"{low} to {high}"
    return f"at {span} seed{'s' if high > 1 else ''}"


def _effect(row: Mapping[str, Any], metric: str) -> str:
    """`: ratio 0.37, 0.30-0.45`; nothing where so many runs were lost that there is no number."""
    if math.isnan(row["ratio"]):
        if not math.isfinite(row["difference"]):
            return ""
        ends = row["difference_low"], row["difference_high"]
        return f": difference in {metric} {row['difference']:.3g}, {_span(*(f'{end:.3g}' for end in ends))}"
    if not 0 < row["ratio"] < math.inf:
        return ""
    return f": ratio {_ratio(row['ratio'])}, {_ratio_span(row)}"


def _ratio_span(row: Mapping[str, Any]) -> str:
    low, high = row["low"], row["high"]
    if row["method"] == RANKS and (low == 0 or math.isinf(high)):
        if low == 0 and math.isinf(high):
            return "which may be any"
        return f"at most {_ratio(high)}" if low == 0 else f"at least {_ratio(low)}"
    return f"{_ratio(low)}-{_ratio(high)}"


def _span(low: str, high: str) -> str:
    return f"{low} to {high}"


def _ratio(value: float) -> str:
    """In ratios the second digit behind the point counts, also for those like 0.004."""
    return f"{value:.2f}" if 0.1 <= value < 100 else f"{value:.2g}" if value < 0.1 else f"{value:.3g}"


def turned(row: Mapping[str, Any]) -> dict[str, Any]:
    """The comparison of b against a."""
    with np.errstate(divide="ignore"):
        ratio, low, high = (float(1 / np.float64(row[name])) for name in ("ratio", "high", "low"))
    numbers = {"ratio": ratio, "low": low, "high": high, "difference": -row["difference"]}
    ends = {"difference_low": -row["difference_high"], "difference_high": -row["difference_low"]}
    return dict(row) | numbers | ends


def _needed(rows: Sequence[Mapping[str, Any]]) -> str:
    """How many seeds would find a difference of 10 %, or that these are enough."""
    known = [row for row in rows if math.isfinite(row["seeds_needed"])]
    if not known:
        return ""
    most = max(known, key=lambda row: float(row["seeds_needed"]))
    share = f"a difference of {PLANNED:.0%}".replace("%", " %")
    if most["seeds_needed"] <= most["n"]:
        return f"; {share} would have been found with {most['seeds_needed']:,.0f}"
    return f"; {most['seeds_needed']:,.0f} seeds would be needed for {share}"


def _listed(names: Sequence[str]) -> str:
    return " and ".join([", ".join(names[:-1]), names[-1]]) if len(names) > 1 else names[0]


def short_keys(keys: Sequence[str]) -> dict[str, str]:
    """What keys are called in a sentence: of several with dots their last parts, where these differ."""
    last = [key.rpartition(".")[2] for key in keys]
    dotted = [key for key in keys if "." in key]
    return dict(zip(keys, last if len(dotted) > 1 and len(set(last)) == len(last) else keys, strict=True))


def short_label(row: Mapping[str, Any], keys: Mapping[str, str]) -> str:
    """A configuration in words without what names its target: `minimax/small`, `optim.lr=0.1`.

    keys: those to name, and what they are called. What it has no value of (a penalty's weight where there
    is no penalty) is left out.
    """
    known = {key: short for key, short in keys.items() if not pd.isna(row[key])}
    named = [str(row[key]) if _is_choice(key) else f"{short}={row[key]}" for key, short in known.items()]
    return "/".join(named) or str(row["name"])


def _is_choice(key: str) -> bool:
    """Whether the value of a key says enough without it: `minimax`, but not `0` of `seed=0`."""
    return "." not in key and key not in ("seed", "seeds")


def context(sweep: "Sweep", row: Mapping[str, Any]) -> str:
    """What a configuration was tried on: its target, and the network that all share, as far as named."""
    settings = sweep.settings[row["configuration"]].get("target") or {}
    name = str(settings.get("_target_", "")).rpartition(".")[2]
    plain = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower() or "its target"
    swept = [key for key in sweep.swept if key.split(".")[0] == "target"]
    words = [str(row[key]) if key == "target" else f"{key}={row[key]}" for key in swept]
    if "target" not in swept:
        words.insert(0, sweep.shared.get("target", plain))
    return "/".join([*words, *([sweep.shared["network"]] if "network" in sweep.shared else [])])
