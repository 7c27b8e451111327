"""Verdicts: what the seeds support, as values. The sentences are made in `words.answers`."""

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import pandas as pd

from sinegan.designs import Design, Fixed, Sequential
from sinegan.report.referee.analysis import Analysis
from sinegan.report.referee.comparisons import EQUAL, UNDECIDED, better_pairs, problems_of, ranks
from sinegan.report.referee.estimates import status_counts
from sinegan.report.referee.problem import AND_RANKS, Problem
from sinegan.report.referee.ranks import Pair, in_order
from sinegan.report.referee.run_values import Samples
from sinegan.report.referee.run_values import untrained as untrained_metric
from sinegan.report.referee.statistics import FEWEST, Estimate, estimate
from sinegan.statuses import DIVERGED, FAILED
from sinegan.storage.results import records

FEWEST_BY_RANKS = 4
"""Runs with which the rank-sum test can separate two configurations that lost runs."""


class Seeds(NamedTuple):
    """The fewest and the most seeds that a finding rests on."""

    fewest: int
    most: int


@dataclass(frozen=True)
class Effect:
    """One configuration against another: the ratio of their estimates, or the difference, with its interval.

    open_ended: whether lost runs can leave an end of the interval open.
    """

    is_ratio: bool
    value: float
    low: float
    high: float
    open_ended: bool = False


class Ends(NamedTuple):
    """The number of runs, and of those that were lost in each way. other: in a way that is not known."""

    runs: int
    diverged: int
    failed: int
    other: int = 0

    @property
    def lost(self) -> int:
        return self.diverged + self.failed + self.other


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
class Blind:
    """No values could have separated anything: there are too few seeds. estimates: by configuration.

    seeds_needed: those with which something could be separated.
    """

    seeds: Seeds
    estimates: Mapping[str, float]
    seeds_needed: int


@dataclass(frozen=True)
class OnlyOne:
    """One of several configurations has a rank; the others lost half of their runs or more."""

    seeds: Seeds
    only: str
    estimate: Estimate


@dataclass(frozen=True)
class NoneRanked:
    """All configurations lost half of their runs or more. lowest: the best estimate, of the rest."""

    seeds: Seeds
    best: str
    estimate: Estimate


@dataclass(frozen=True)
class Better:
    """The first of two configurations is better than the other."""

    seeds: Seeds
    better: str
    worse: str
    effect: Effect | None


@dataclass(frozen=True)
class Equal:
    """Two configurations differ by no more than the margin."""

    seeds: Seeds
    a: str
    b: str
    effect: Effect | None


@dataclass(frozen=True)
class Undecided:
    """The seeds support neither a difference between two configurations nor that they are equal."""

    seeds: Seeds
    a: str
    b: str
    effect: Effect | None
    seeds_needed: int | None


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
    """Several configurations share the first rank, or one leads that is not separated from all others.

    first: those that share it, best first. undecided: further ones from which the first of them is not
    separated. equal: whether those that share the rank are equal, each to each. estimate: of the first.
    equal_to_first: whether each is equal to the first, where a design asks for no more.
    has_best_estimate: whether nobody has a better estimate than the first, as one that a design dropped can.
    """

    seeds: Seeds
    first: Sequence[str]
    undecided: Sequence[str]
    ranked: int
    estimate: float
    equal: bool
    seeds_needed: int | None
    equal_to_first: bool = False
    has_best_estimate: bool = True


Finding = (
    NothingEnded
    | NothingMeasured
    | Single
    | Blind
    | OnlyOne
    | NoneRanked
    | Better
    | Equal
    | Undecided
    | Best
    | Shared
)


@dataclass(frozen=True)
class Verdict:
    """The finding on one problem: a target and a metric.

    names: all its configurations, in the order of the sweep. ends: by configuration. margin: the share
    by which two of them may differ and are still equal.
    """

    metric: str
    margin: float
    names: Sequence[str]
    finding: Finding
    ends: Mapping[str, Ends]


def verdicts(analysis: Analysis) -> list[Verdict]:
    """A verdict for each problem of a sweep, in the order of the sweep.

    None for a problem that waits for the first look of a design.
    """
    counts = status_counts(analysis.sweep)
    rows = records(analysis.samples.rows)
    ends = {row["name"]: _ends(counts.get(row["configuration"], {})) for row in rows}
    start = _untrained(analysis) if len(rows) == 1 else None
    unseen = {problem for problem, course in analysis.courses.items() if course.waits and not course.steps}
    names = {row["name"] for row in rows if row["problem"] in unseen}
    made = verdicts_of(analysis.samples, analysis.comparisons, analysis.margin, ends, start, analysis.design)
    return [verdict for verdict in made if not names & {*verdict.names}]


def verdicts_of(
    samples: Samples,
    comparisons: pd.DataFrame,
    margin: float,
    ends: Mapping[str, Ends],
    untrained: float | None = None,
    design: Design = Fixed(),  # noqa: B008, which is frozen
) -> list[Verdict]:
    """A verdict for each problem.

    Arguments:
        samples: the values of all runs.
        comparisons: as `compare_samples` makes them, with this margin.
        margin: the share by which two configurations may differ and still be equal.
        ends: by configuration, how its runs ended.
        untrained: the metric of the only configuration before training, where it was measured.
        design: how the sweep got its seeds.
    """
    placed = pd.concat([samples.rows, ranks(samples, comparisons)], axis=1)
    problems, better = problems_of(samples), better_pairs(comparisons)
    made = []
    for name, rows in placed.groupby("problem", sort=False):
        names = rows["name"].tolist()
        pairs = comparisons[comparisons["a"].isin(names) & comparisons["b"].isin(names)]
        tied = set(rows["name"][rows["tie_group"] == 1])
        ends_here = {each: ends[each] for each in names}
        evidence = _Evidence(problems[str(name)], pairs, better, tied, design, samples.confidence_of)
        finding = _finding(evidence, ends_here, untrained)
        made.append(Verdict(str(rows["metric"].iloc[0]), margin, names, finding, ends_here))
    return made


def _ends(counts: Mapping[str, int]) -> Ends:
    """counts: the number of runs with each status."""
    return Ends(sum(counts.values()), counts.get(DIVERGED, 0), counts.get(FAILED, 0))


class _Evidence(NamedTuple):
    """What a finding on a problem rests on.

    pairs: its comparisons. better: the pairs of which the first is better. tied: the configurations of the
    first rank. design: how the sweep got its seeds. confidence: of the interval of an estimate, by name.
    """

    problem: Problem
    pairs: pd.DataFrame
    better: Collection[Pair]
    tied: Collection[str]
    design: Design
    confidence: Callable[[str], float]

    def estimate(self, name: str) -> Estimate:
        return estimate(self.problem.finite(name), self.problem.positive, self.confidence(name))


def _finding(evidence: _Evidence, ends: Mapping[str, Ends], untrained: float | None) -> Finding:
    """The finding on a problem. ends, untrained: as `verdicts_of` takes them."""
    problem, pairs, better, tied, design, _ = evidence
    order = problem.ordered
    if not order:
        return NothingMeasured() if any(each.lost for each in ends.values()) else NothingEnded()
    estimates = {name: evidence.estimate(name) for name in order}
    if len(problem.values) == 1:
        return Single(estimates[order[0]], untrained)
    ranked = in_order(problem.ranked, better)
    runs = _seeds([len(by_seed) for by_seed in problem.values.values() if by_seed])
    if runs.most < FEWEST or (len(order) > 1 and pairs["p"].isna().all()):
        fewest = design.first if isinstance(design, Sequential) else FEWEST
        return Blind(runs, {name: each.estimate for name, each in estimates.items()}, fewest)
    if not ranked:
        return NoneRanked(runs, order[0], estimates[order[0]])
    if len(ranked) == 1:
        return OnlyOne(runs, ranked[0], estimates[ranked[0]])
    if pairs["method"].str.endswith(AND_RANKS).all() and runs.most < FEWEST_BY_RANKS:
        return Blind(runs, {name: each.estimate for name, each in estimates.items()}, FEWEST_BY_RANKS)
    among = pairs[pairs["a"].isin(ranked) & pairs["b"].isin(ranked)]
    if len(problem.values) == 2:
        return _pair(records(among)[0])
    first = [name for name in ranked if name in tied]
    return _several(evidence, among, ranked, first, estimates)


def _untrained(analysis: Analysis) -> float | None:
    """The metric of the only configuration before training, where it was measured later, too."""
    history = analysis.sweep.history
    if not (history["step"] > 0).any():
        return None
    return untrained_metric(history, str(analysis.samples.rows["metric"].iloc[0]))


def _pair(row: Mapping[str, Any]) -> Better | Equal | Undecided:
    """row: of `compare`."""
    seeds, effect = _seeds([row["n"]]), _effect(row)
    if row["separated"]:
        return Better(seeds, row["a"], row["b"], effect)
    if row["verdict"] == EQUAL:
        return Equal(seeds, row["a"], row["b"], effect)
    return Undecided(seeds, row["a"], row["b"], effect, _seeds_needed([row]))


def _several(
    evidence: _Evidence,
    pairs: pd.DataFrame,
    ranked: Sequence[str],
    first: Sequence[str],
    estimates: Mapping[str, Estimate],
) -> Best | Shared:
    """The finding on more than two configurations.

    Arguments:
        evidence: on the problem.
        pairs: the rows of `compare` among the ranked ones.
        ranked: those that have a rank, best first.
        first: those of the first rank, best first.
        estimates: of all.
    """
    seeds = _seeds(pairs["n"][pairs["p"].notna()].tolist())
    best = first[0]
    against_best = {
        row["b"] if row["a"] == best else row["a"]: row
        for row in records(pairs[(pairs["a"] == best) | (pairs["b"] == best)])
    }
    undecided = [name for name in ranked if name != best and (best, name) not in evidence.better]
    if not undecided:
        second = against_best.get(ranked[1])
        return Best(seeds, best, len(ranked), ranked[1], None if second is None else _effect(second))
    tied = pairs[pairs["a"].isin(first) & pairs["b"].isin(first)]
    equal = len(first) > 1 and bool((tied["verdict"] == EQUAL).all()) and _all_pairs(len(first), tied)
    open_rows = [row for row in records(tied) if row["verdict"] == UNDECIDED]
    design = evidence.design
    asks_no_more = isinstance(design, Sequential) and not design.every_pair
    if asks_no_more:
        open_rows = [row for row in open_rows if best in (row["a"], row["b"])]
    equal_to_first = (
        asks_no_more
        and not equal
        and all(name in against_best and against_best[name]["verdict"] == EQUAL for name in undecided)
    )
    further = [name for name in undecided if name not in first]
    if asks_no_more:  # one that lost to any other is out of the question
        worse = {b for _, b in evidence.better}
        further = [name for name in further if name not in worse] or (further if len(first) == 1 else [])
    open_rows = open_rows or [against_best[name] for name in further if name in against_best]
    return Shared(
        seeds,
        first,
        further,
        len(ranked),
        estimates[best].estimate,
        equal,
        None if equal_to_first else _seeds_needed(open_rows),
        equal_to_first,
        has_best_estimate=evidence.problem.ranked[0] == best,
    )


def _all_pairs(names: int, pairs: pd.DataFrame) -> bool:
    """Whether so many configurations were all compared with one another."""
    return len(pairs) == names * (names - 1) // 2


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
    by_ranks = str(row["method"]).endswith(AND_RANKS)
    return Effect(True, row["ratio"], row["low"], row["high"], open_ended=by_ranks)


def _seeds_needed(rows: Sequence[Mapping[str, Any]]) -> int | None:
    """The most seeds that any of these comparisons needs. rows: of `compare`."""
    known = [row["seeds_needed"] for row in rows if math.isfinite(row["seeds_needed"])]
    return int(max(known)) if known else None
