"""The answer in words: verdicts as whole sentences."""

import math
import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import pandas as pd

from sinegan.report.labels import short_keys, short_label
from sinegan.report.referee.analysis import Analysis
from sinegan.report.referee.comparisons import PLANNED
from sinegan.report.referee.statistics import CONFIDENCE, FEWEST, Estimate
from sinegan.report.referee.verdicts import (
    Best,
    Better,
    Depends,
    Effect,
    Ends,
    KeyVerdict,
    Matters,
    MattersMore,
    NoEffect,
    NothingEnded,
    NothingMeasured,
    NotSeparated,
    Seeds,
    SeedsNeeded,
    Shared,
    Single,
    Unranked,
    Verdict,
    key_verdicts,
    verdicts,
)
from sinegan.report.sweep import Sweep
from sinegan.statuses import DIVERGED, FAILED
from sinegan.storage.results import records

MOST_TARGETS = 4
MOST_LISTED = 5
"""Configurations that are named when they share a rank; of more only the lowest is."""


def answers(analysis: Analysis) -> list[str]:
    """The sentences on the configurations, then those on the swept keys."""
    return [*comparison_sentences(analysis), *key_sentences(analysis.effects)]


def comparison_sentences(analysis: Analysis) -> list[str]:
    """A sentence for each target and metric."""
    all_verdicts = verdicts(analysis)
    shown = all_verdicts if len(all_verdicts) <= MOST_TARGETS else all_verdicts[: MOST_TARGETS - 1]
    rows = {row["name"]: row for row in records(analysis.samples.rows)}
    keys = short_keys([key for key in analysis.samples.keys if key.split(".")[0] != "target"])
    words = {name: short_label(row, keys) for name, row in rows.items()}
    sentences = [
        verdict_sentence(verdict, f"on {context(analysis.sweep, rows[verdict.names[0]])}", words)
        for verdict in shown
    ]
    left = len(all_verdicts) - len(shown)
    return [*sentences, f"The tables have {left} more targets or metrics."] if left else sentences


def verdict_sentence(verdict: Verdict, where: str, words: Mapping[str, str]) -> str:
    """A verdict as a sentence. where: `on sine/tiny`. words: what its configurations are called."""
    clauses = _clauses(verdict, where, words)
    if not isinstance(verdict.finding, NothingEnded | NothingMeasured):
        clauses.append(_lost(verdict.ends, words))
    return f"{'; '.join(filter(None, clauses))}."


def _clauses(verdict: Verdict, where: str, words: Mapping[str, str]) -> list[str]:
    """The clauses of a sentence, those that have nothing to say empty. Arguments as `verdict_sentence`."""
    metric = verdict.metric
    match verdict.finding:
        case NothingEnded():
            return [f"No run {where} has ended yet"]
        case NothingMeasured():
            lost = sum(ends.lost for ends in verdict.ends.values())
            runs = f"All {lost:,} runs" if lost > 1 else "The only run"
            return [f"{runs} {where} {_were_lost(verdict.ends.values())}: nothing was measured"]
        case Single(estimate, untrained):
            return [
                f"{_at(Seeds(estimate.n, estimate.n))}, the {metric} {where} is {_estimate(estimate)}",
                "" if untrained is None else f"before training it was {untrained:.3g}",
                "" if estimate.n >= FEWEST else f"an interval needs {FEWEST} seeds",
            ]
        case Unranked(seeds, estimates):
            return [
                f"{_at(seeds)}, the {metric} {where} is {_estimates(estimates, words)}",
                f"with fewer than {FEWEST} seeds nothing is ranked",
            ]
        case Better(seeds, better, worse, effect):
            claim = f"{_at(seeds)}, {words[better]} is better than {words[worse]} {where}"
            return [_with_effect(claim, effect, metric)]
        case NotSeparated(seeds, a, b, effect, needed):
            claim = f"{_at(seeds)}, {words[a]} and {words[b]} are not separated {where}"
            return [_with_effect(claim, effect, metric), _seeds_needed(needed)]
        case Best(seeds, best, ranked, second, effect):
            claim = f"{_at(seeds)}, {words[best]} is the best of {ranked:,} {where}"
            next_best = _with_effect(f"against the next, {words[second]}", effect, metric)
            return [f"{claim}, separated from every other", next_best if effect else ""]
        case Shared(seeds_needed=needed) as shared:
            return [*_shared(shared, metric, where, words), _seeds_needed(needed)]


def _shared(finding: Shared, metric: str, where: str, words: Mapping[str, str]) -> list[str]:
    """The clauses on a first rank that several share. Arguments as `_clauses`."""
    first, at = finding.first, _at(finding.seeds)
    lowest = f"the lowest is {words[first[0]]}, {finding.lowest:.3g}"
    if len(first) == finding.ranked:
        separated = f"none of {finding.ranked:,} configurations is separated from the others by {metric}"
        return [f"{at}, {separated} {where}", lowest]
    share = f"{len(first):,} of {finding.ranked:,} configurations share the first rank by {metric}"
    if len(first) > MOST_LISTED:
        return [f"{at}, {share} {where}", lowest]
    return [f"{at}, {share} {where}: {_listed([words[name] for name in first])}"]


def _at(seeds: Seeds) -> str:
    """The beginning of a sentence: `At 8 seeds`."""
    low, high = seeds
    span = str(low) if low == high else f"{low} to {high}"
    return f"At {span} seed{'s' if high > 1 else ''}"


def _estimate(estimate: Estimate) -> str:
    """`2, 95 % interval 0.357 to 11.2`; two values as they are."""
    if not math.isnan(estimate.low):
        span = f"{estimate.low:.3g} to {estimate.high:.3g}"
        return f"{estimate.estimate:.3g}, {percent(CONFIDENCE)} interval {span}"
    if estimate.n == 2:
        return f"{estimate.smallest:.3g} and {estimate.largest:.3g}"
    return f"{estimate.estimate:.3g}"


def _estimates(estimates: Mapping[str, float], words: Mapping[str, str]) -> str:
    """`2 for x and 3 for y`; the range of more than two."""
    if len(estimates) <= 2:
        return " and ".join(f"{value:.3g} for {words[name]}" for name, value in estimates.items())
    low, high = min(estimates.values()), max(estimates.values())
    return f"{low:.3g} to {high:.3g} in {len(estimates):,} configurations"


def _with_effect(claim: str, effect: Effect | None, metric: str) -> str:
    """`…: ratio 0.37, 0.30-0.45`."""
    if effect is None:
        return claim
    if effect.is_ratio:
        return f"{claim}: ratio {_ratio(effect.value)}, {_ratio_span(effect)}"
    span = f"{effect.low:.3g} to {effect.high:.3g}"
    return f"{claim}: difference in {metric} {effect.value:.3g}, {span}"


def _ratio_span(effect: Effect) -> str:
    low, high = effect.low, effect.high
    if effect.open_ended and low == 0 and math.isinf(high):
        return "which may be any"
    if effect.open_ended and low == 0:
        return f"at most {_ratio(high)}"
    if effect.open_ended and math.isinf(high):
        return f"at least {_ratio(low)}"
    return f"{_ratio(low)}-{_ratio(high)}"


def _ratio(value: float) -> str:
    """A ratio with two decimals; very small and very large ones with two or three digits."""
    return f"{value:.2f}" if 0.1 <= value < 100 else f"{value:.2g}" if value < 0.1 else f"{value:.3g}"


def _seeds_needed(seeds: SeedsNeeded | None) -> str:
    """The seeds that would find a difference of 10 %, or that those at hand are enough."""
    if seeds is None:
        return ""
    difference = f"a difference of {percent(PLANNED)}"
    if seeds.needed <= seeds.given:
        return f"{difference} would have been found with {seeds.needed:,}"
    return f"{seeds.needed:,} seeds would be needed for {difference}"


def _lost(ends: Mapping[str, Ends], words: Mapping[str, str]) -> str:
    """`3 of 8 runs of minimax diverged`, or `9 of 40 runs diverged, in 3 configurations`."""
    losing = [name for name, each in ends.items() if each.lost]
    if not losing:
        return ""
    named = len(ends) > 1 and len(losing) <= 2
    runs = sum(ends[name].runs for name in (losing if named else ends))
    lost = sum(ends[name].lost for name in losing)
    names = f" of {_listed([words[name] for name in losing])}" if named else ""
    clause = f"{lost:,} of {runs:,} runs{names} {_were_lost(ends.values())}"
    return clause if len(losing) <= 2 else f"{clause}, in {len(losing):,} configurations"


def _were_lost(ends: Collection[Ends]) -> str:
    """`diverged`, or `were lost (3 diverged, 2 failed)`."""
    counts = {DIVERGED: sum(each.diverged for each in ends), FAILED: sum(each.failed for each in ends)}
    some = {status: count for status, count in counts.items() if count}
    if len(some) == 1:
        return next(iter(some))
    return f"were lost ({', '.join(f'{count:,} {status}' for status, count in some.items())})"


def _listed(names: Sequence[str]) -> str:
    """`x, y and z`."""
    return " and ".join([", ".join(names[:-1]), names[-1]]) if len(names) > 1 else names[0]


def percent(share: float) -> str:
    """`10 %`."""
    return f"{100 * share:.0f} %"


def key_sentences(effects: pd.DataFrame) -> list[str]:
    """A sentence for each verdict on the swept keys; of several metrics each has sentences of its own.

    effects: as `factor_effects` makes them.
    """
    by_metric = key_verdicts(effects)
    several = len(by_metric) > 1
    return [
        key_sentence(verdict, metric if several else None)
        for metric, its_verdicts in by_metric.items()
        for verdict in its_verdicts
    ]


def key_sentence(verdict: KeyVerdict, metric: str | None = None) -> str:
    """A verdict on a key as a sentence. metric: to be named, where there are several."""
    clause = _key_clause(verdict)
    if metric is not None:
        return f"by {metric}, {clause}."
    if isinstance(verdict, Matters | MattersMore):  # it begins with the name of a key
        return f"{clause}."
    return f"{clause[0].upper()}{clause[1:]}."


def _key_clause(verdict: KeyVerdict) -> str:
    match verdict:
        case MattersMore(key, against, spread, spread_against, is_ratio):
            more = f"{key} matters more than {against}"
            return f"{more}: {_size(is_ratio)} {spread:.3g} against {spread_against:.3g}"
        case Matters(key, spread, is_ratio):
            return f"{key} matters: {_size(is_ratio)} {spread:.3g}"
        case Depends(key, on):
            return f"the effect of {key} depends on {on}"
        case NoEffect(key):
            return f"no effect of {key} on average can be told from chance"


def _size(is_ratio: bool) -> str:
    return "a typical factor of" if is_ratio else "typically"


def context(sweep: Sweep, row: Mapping[str, Any]) -> str:
    """The target of a configuration, and the network that all share, if it is named: `sine/tiny`."""
    settings = sweep.settings[row["configuration"]].get("target") or {}
    name = str(settings.get("_target_", "")).rpartition(".")[2]
    plain = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower() or "its target"
    swept = [key for key in sweep.swept if key.split(".")[0] == "target"]
    words = [str(row[key]) if key == "target" else f"{key}={row[key]}" for key in swept]
    if "target" not in swept:
        words.insert(0, sweep.shared.get("target", plain))
    return "/".join([*words, *([sweep.shared["network"]] if "network" in sweep.shared else [])])
