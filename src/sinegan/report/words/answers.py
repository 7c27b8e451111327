"""The answer in words: verdicts as whole sentences."""

import math
import re
from collections.abc import Collection, Mapping, Sequence
from itertools import accumulate
from textwrap import shorten, wrap
from typing import Any

import numpy as np
import pandas as pd

from sinegan.report.labels import short_keys, short_label
from sinegan.report.referee.analysis import Analysis
from sinegan.report.referee.key_verdicts import (
    Depends,
    KeyVerdict,
    LevelBetter,
    Matters,
    MattersMore,
    NoEffect,
    key_verdicts,
)
from sinegan.report.referee.statistics import CONFIDENCE, FEWEST, Estimate
from sinegan.report.referee.verdicts import (
    Best,
    Better,
    Blind,
    Effect,
    Ends,
    Equal,
    NoneRanked,
    NothingEnded,
    NothingMeasured,
    OnlyOne,
    Seeds,
    Shared,
    Single,
    Undecided,
    Verdict,
    verdicts,
)
from sinegan.report.sweep import Sweep
from sinegan.report.words.decisions import course_sentences
from sinegan.report.words.tables import percent
from sinegan.statuses import DIVERGED, FAILED
from sinegan.storage.results import records

MOST_LINES = 6
"""Lines that a terminal shows before the table."""
LONGEST_WORD = 20
"""Characters that a line of a shortened sentence may lack at its end."""
LARGE = 1e5
"""Factors from here on are written with a power of ten."""
MOST_LISTED = 5
"""Configurations that are named when they share a rank; of more only the lowest is."""


def answers(analysis: Analysis) -> list[str]:
    """The sentences on the configurations and on what they cost, then those on the swept keys."""
    return [*configuration_sentences(analysis), *key_sentences(analysis.effects, analysis.samples.keys)]


def configuration_sentences(analysis: Analysis) -> list[str]:
    """A sentence for each target and metric, and one on the course of a sequential design."""
    return [*comparison_sentences(analysis), *course_sentences(analysis)]


def lead(sentences: Sequence[str], width: int, lines: int = MOST_LINES) -> list[str]:
    """As many of the sentences as fit in some lines of a width, and a line on those that do not."""
    ends = list(accumulate(len(wrap(sentence, width)) for sentence in sentences))
    if not ends or ends[-1] <= lines:
        return list(sentences)
    shown = [sentence for sentence, end in zip(sentences, ends, strict=True) if end < lines]
    left = len(sentences) - len(shown)
    if not shown:
        shown = [shorten(sentences[0], (lines - 1) * max(width - LONGEST_WORD, width // 2), placeholder=" …")]
    return [*shown, f"The report says more: {left} further sentence{'s' if left > 1 else ''}."]


def comparison_sentences(analysis: Analysis) -> list[str]:
    """A sentence for each verdict."""
    rows = {row["name"]: row for row in records(analysis.samples.rows)}
    keys = short_keys([key for key in analysis.samples.keys if key.split(".")[0] != "target"])
    words = {name: short_label(row, keys) for name, row in rows.items()}
    return [
        verdict_sentence(verdict, f"on {context(analysis.sweep, rows[verdict.names[0]])}", words)
        for verdict in verdicts(analysis)
    ]


def verdict_sentence(
    verdict: Verdict, where: str, words: Mapping[str, str], more_is_better: bool = False
) -> str:
    """A verdict as a sentence.

    Arguments:
        verdict: the verdict.
        where: `on sine/tiny`, or nothing.
        words: what its configurations are called.
        more_is_better: whether its metric is better when it is higher.
    """
    clauses = _clauses(verdict, f" {where}" if where else "", words, more_is_better)
    if not isinstance(verdict.finding, NothingEnded | NothingMeasured):
        clauses.append(_lost(verdict.ends, words))
    return f"{'; '.join(filter(None, clauses))}."


def _clauses(verdict: Verdict, where: str, words: Mapping[str, str], more_is_better: bool) -> list[str]:
    """The clauses of a sentence, those that have nothing to say empty. Arguments as `verdict_sentence`."""
    metric, within = verdict.metric, f"equal within {percent(verdict.margin)}"
    match verdict.finding:
        case NothingEnded():
            return [f"No run{where} has ended yet"]
        case NothingMeasured():
            lost = sum(ends.lost for ends in verdict.ends.values())
            runs = f"All {lost:,} runs" if lost > 1 else "The only run"
            return [f"{runs}{where} {_were_lost(verdict.ends.values())}: nothing was measured"]
        case Single(estimate, untrained):
            return [
                f"{_at(Seeds(estimate.n, estimate.n))}, the {metric}{where} is {_estimate(estimate)}",
                "" if untrained is None else f"before training it was {untrained:.3g}",
                "" if estimate.n >= FEWEST else f"an interval needs {FEWEST} seeds",
            ]
        case Blind(seeds, estimates, needed):
            return [
                f"{_at(seeds)}, nothing{where} can be separated, whatever the values: "
                f"give {needed} seeds or more",
                f"the {metric} is {_estimates(estimates, words)}",
            ]
        case OnlyOne(seeds, only, estimate):
            return [
                f"{_at(seeds)}, only {words[only]} has a rank{where}; its {metric} is {_estimate(estimate)}",
                f"the others have fewer than {FEWEST} runs, or lost half of them or more",
            ]
        case NoneRanked(seeds, best, estimate):
            return [
                f"{_at(seeds)}, every configuration lost half of its runs or more{where}: none has a rank",
                f"of the runs that ended well, those of {words[best]} have the best {metric}, "
                f"{_estimate(estimate)}",
            ]
        case Better(seeds, better, worse, effect):
            claim = f"{_at(seeds)}, {words[better]} is better than {words[worse]}{where}"
            return [_join(claim, f"its {metric} is {_effect(effect)}" if effect else "")]
        case Equal(seeds, a, b, effect):
            claim = f"{_at(seeds)}, {words[a]} and {words[b]} are {within}{where}"
            return [_join(claim, f"the {metric} of {words[a]} is {_effect(effect)}" if effect else "")]
        case Undecided(seeds, a, b, effect, needed):
            claim = f"{_at(seeds)}, {words[a]} and {words[b]} are not separated{where}"
            of_first = f"the {metric} of {words[a]} is {_effect(effect)}" if effect else ""
            return [_join(claim, of_first), _seeds_needed(needed)]
        case Best(seeds, best, ranked, second, effect):
            claim = (
                f"{_at(seeds)}, {words[best]} is the best of {ranked:,}{where}, separated from every other"
            )
            of_best = (
                f"its {metric} is {_effect(effect)} than that of the next, {words[second]}" if effect else ""
            )
            return [_join(claim, of_best)]
        case Shared() as shared:
            return _shared(shared, metric, where, words, within, more_is_better)


def _join(claim: str, detail: str) -> str:
    return f"{claim}: {detail}" if detail else claim


def _shared(
    finding: Shared, metric: str, where: str, words: Mapping[str, str], within: str, more_is_better: bool
) -> list[str]:
    """The clauses on a first rank that several share. within: `equal within 10 %`. Others as `_clauses`."""
    first, at, ranked = finding.first, _at(finding.seeds), finding.ranked
    extreme = "highest" if more_is_better else "lowest"
    the_first = extreme if finding.has_best_estimate else "first"
    lead = f"the {the_first} is {words[first[0]]}, {finding.estimate:.3g}"
    if len(first) == 1:
        leads = f"has the {extreme} {metric} of {ranked:,}"
        if not finding.has_best_estimate:
            leads = f"leads {ranked:,} configurations by {metric}"
        claim = f"{at}, {words[first[0]]} {leads}{where}, {finding.estimate:.3g}"
        others = finding.undecided
        named = (
            _listed([words[name] for name in others]) if len(others) <= MOST_LISTED else f"{len(others):,}"
        )
        return [f"{claim}, but is not separated from {named}", _seeds_needed(finding.seeds_needed)]
    if len(first) == ranked and not finding.equal:
        claim = f"{at}, none of {ranked:,} configurations is separated from another by {metric}{where}"
        return [claim, lead, _seeds_needed(finding.seeds_needed)]
    claim = f"{at}, {len(first):,} of {ranked:,} configurations share the first rank by {metric}{where}"
    names = _listed([words[name] for name in first]) if len(first) <= MOST_LISTED else ""
    more = _further(len(finding.undecided))
    equal = f"they are {within}" if finding.equal else ""
    if finding.equal_to_first and not more:
        equal = f"each is equal to the first{within.removeprefix('equal')}"
    return [_join(claim, names), "" if names else lead, equal, more, _seeds_needed(finding.seeds_needed)]


def _further(configurations: int) -> str:
    """A clause on further configurations that are not separated from the first of a shared rank."""
    if not configurations:
        return ""
    return f"{configurations:,} more {'is' if configurations == 1 else 'are'} not separated from the first"


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


def _effect(effect: Effect) -> str:
    """`2.9 times lower (95 % interval 2.3 to 3.6)`; a difference as `lower by 0.2 (…)`."""
    if not effect.is_ratio:
        way, size, low, high = "higher", effect.value, effect.low, effect.high
        if size <= 0:
            way, size, low, high = "lower", -size, -high, -low
        return f"{way} by {size:.3g} ({percent(CONFIDENCE)} interval {low:.3g} to {high:.3g})"
    way, times, low, high = "higher", effect.value, effect.low, effect.high
    if times <= 1:
        with np.errstate(divide="ignore"):
            times, low, high = (float(1 / np.float64(each)) for each in (times, high, low))
        way = "lower"
    factor, *ends = _factors(times, low, high)
    return f"{factor} times {way} ({_span(low, high, ends, effect.open_ended)})"


def _span(low: float, high: float, ends: Sequence[str], open_ended: bool) -> str:
    """An interval of a factor. ends: as texts. open_ended: whether lost runs can leave an end open."""
    interval = f"{percent(CONFIDENCE)} interval"
    if math.isnan(low):
        return "too few seeds for an interval"
    if open_ended and low == 0 and math.isinf(high):
        return f"{interval}: any factor"
    if open_ended and low == 0:
        return f"{interval}: at most {ends[1]}"
    if open_ended and math.isinf(high):
        return f"{interval}: at least {ends[0]}"
    return f"{interval} {ends[0]} to {ends[1]}"


def _factors(value: float, *ends: float) -> list[str]:
    """A factor and the ends of its interval with as many decimals as tell them apart: 2.9, 2.3, 3.6."""
    texts: list[str] = []
    fewest = 2 if value < 2 else 1 if value < 10 else 0
    for decimals in range(fewest, fewest + 4):
        texts = [_times(each, decimals) for each in (value, *ends)]
        if len(set(texts)) == len({value, *ends}):
            break
    return texts


def _times(value: float, decimals: int) -> str:
    return f"{value:,.{decimals}f}" if value < LARGE else f"{value:.3g}"


def _seeds_needed(seeds: int | None) -> str:
    return "" if seeds is None else f"{seeds:,} seeds would decide"


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
    if any(each.other for each in ends):
        return "were lost"
    if len(some) == 1:
        return next(iter(some))
    return f"were lost ({', '.join(f'{count:,} {status}' for status, count in some.items())})"


def _listed(names: Sequence[str]) -> str:
    """`x, y and z`."""
    return " and ".join([", ".join(names[:-1]), names[-1]]) if len(names) > 1 else names[0]


def key_sentences(effects: pd.DataFrame, keys: Sequence[str]) -> list[str]:
    """A sentence for each verdict on the swept keys; of several metrics each has sentences of its own.

    Arguments:
        effects: as `factor_effects` makes them.
        keys: all swept keys.
    """
    by_metric = key_verdicts(effects, keys)
    several = len(by_metric) > 1
    return [
        key_sentence(verdict, metric, several)
        for metric, metric_verdicts in by_metric.items()
        for verdict in metric_verdicts
    ]


def key_sentence(verdict: KeyVerdict, metric: str, several: bool = False) -> str:
    """A verdict on a key as a sentence. several: whether there are other metrics, so that this is named."""
    clause = _key_clause(verdict, metric)
    if several:
        return f"By {metric}, {clause}."
    begins_with_key = isinstance(verdict, Matters | MattersMore | LevelBetter)
    return f"{clause}." if begins_with_key else f"{clause[0].upper()}{clause[1:]}."


def _key_clause(verdict: KeyVerdict, metric: str) -> str:
    match verdict:
        case Matters(key, spread, is_ratio):
            size = (
                f"by a typical factor of {_factors(spread)[0]}" if is_ratio else f"typically by {spread:.3g}"
            )
            return f"{key} matters: on average, its levels differ {size} from their middle"
        case LevelBetter(key, better, worse, effect):
            first, second = (_level(key, level) for level in (better, worse))
            better_by = f"the {metric} of {first} is {_effect(effect)} than that of {second}"
            return f"{key} matters: on average, {better_by}"
        case MattersMore(key, against):
            return f"{key} matters more than {against}"
        case Depends(key, on):
            return f"the effect of {key} depends on {on}"
        case NoEffect(key):
            return f"on average over the rest, no effect of {key} is shown"


def _level(key: str, level: str) -> str:
    """The name of a level of a key in a sentence: `minimax`, `optim.lr=0.1`."""
    return short_label({key: level}, {key: key})


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
