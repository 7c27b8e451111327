"""The price of a sequential design, next to a fixed one, successive halving and a Wilcoxon pruner.

All see the same draws from the models of `benchmarks/race_models.py`; `benchmarks/sequential.py` runs the
races. Scores are the values that the referee compares; less is better.
"""

import math
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.stats import wilcoxon

from benchmarks.null_sweeps import Generator, Values
from benchmarks.race_models import MOST, Kept, Model, Source, fitted
from sinegan.designs import UntilBest
from sinegan.report.referee.comparisons import MARGIN
from sinegan.report.referee.contrasts import ALPHA
from sinegan.report.referee.looks import follow
from sinegan.report.referee.problem import equality, pair_tests

DESIGN = UntilBest()
FEWEST = 3
USUAL = 8
"""The seeds of a sweep by default."""
THRESHOLD, STARTUP = 0.1, 2
"""The Wilcoxon pruner's p-value in the study, and the fewest seeds that it compares."""
ABOUT = {
    "stability map": "Log-normal, with the mean and deviation of each configuration from the report's table "
    "(4 runs each); the runs are not kept, and seeds are taken to share nothing.",
    "games": "Fitted to all kept runs (8 seeds): the mean and deviation of each configuration and, for each "
    "target, the mean correlation of two configurations by seed; log-normal where all values are positive. "
    "Figures are of a target, runs of the sweep.",
    "loss comparison": "Fitted like the games, to the kept runs (8 seeds).",
}
"""How the real sweeps are modelled."""
SAME, SAME_BEFOREHAND = "fixed, same verdicts", "fixed, same verdicts in 4 of 5 sweeps"


# Rules


def rungs(first: float, factor: int, configurations: int, most: int = MOST) -> list[int]:
    """The seeds (or steps) at each rung of successive halving, until one configuration is left.

    Arguments:
        first: at the first rung; the amounts grow from it and are rounded.
        factor: by which the amount grows and the configurations shrink from rung to rung.
        configurations: at the first rung.
        most: the amount at which the best of those that are left is taken.
    """
    amounts, left = [max(1, round(first))], configurations
    while left >= 2 * factor and amounts[-1] < most:
        left //= factor
        amounts.append(min(most, max(1, round(first * factor ** len(amounts)))))
    return amounts


def spent(amounts: Sequence[int], factor: int, configurations: int) -> int:
    """The seeds (or steps) that successive halving gives to all configurations together."""
    left = [max(1, configurations // factor**place) for place in range(len(amounts))]
    return int(np.dot(left, np.diff(amounts, prepend=0)))


def halving(scores: Sequence[Values], factor: int) -> NDArray[Any]:
    """The configuration that successive halving picks in each sweep, shape (sweeps,).

    At each rung, one in `factor` goes on; at the last one, the best is taken (Jamieson & Talwalkar 2016).
    ASHA (Li et al. 2020) promotes by the same rule before a rung is full, which can only err more often.

    scores: at each rung, shape (sweeps, configurations).
    """
    left = np.ones(scores[0].shape, bool)
    for place, score in enumerate(scores, start=1):
        keep = max(1, score.shape[1] // factor**place) if place < len(scores) else 1
        order = np.argsort(np.where(left, score, math.inf), axis=1, kind="stable")
        left = np.zeros_like(left)
        np.put_along_axis(left, order[:, :keep], True, axis=1)
    return np.asarray(left.argmax(1))


def same_price(price: float, factor: int, configurations: int) -> list[int]:
    """The cheapest rungs that cost no less than a price in runs."""
    tried = (rungs(first, factor, configurations) for first in np.arange(1, MOST + 0.02, 0.02))
    return next(amounts for amounts in tried if spent(amounts, factor, configurations) >= price - 1e-6)


def wilcoxon_pruning(table: Values, order: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    """The seeds of each configuration, whether it was pruned, and the best, by Optuna's WilcoxonPruner.

    After each seed a trial is held against the best one that ended. It is pruned where the one-sided
    signed-rank test of the seeds that both have (zeros are split) is below the threshold, unless its mean
    is no worse. Agrees with Optuna 5.0 on random studies.

    Arguments:
        table: the scores, shape (sweeps, configurations, seeds).
        order: of the trials of each sweep, shape (sweeps, configurations).

    Returns:
        Two arrays of the shape (sweeps, configurations), and one of the shape (sweeps,).
    """
    sweeps, seeds = np.arange(len(table)), table.shape[2]
    given, pruned = np.full(order.shape, seeds), np.zeros(order.shape, bool)
    best = order[:, 0].copy()
    # Fewer seeds cannot reach the threshold: the smallest p-value is 2 ** -seeds.
    earliest = max(STARTUP, math.floor(-math.log2(THRESHOLD)) + 1)
    for trial in order.T[1:]:
        scores, rival = table[sweeps, trial], table[sweeps, best]
        for n in range(earliest, seeds + 1):
            open_ = np.flatnonzero(~pruned[sweeps, trial])
            if not open_.size:
                break
            differences = scores[open_, :n] - rival[open_, :n]
            p = wilcoxon(differences, axis=1, alternative="greater", zero_method="zsplit").pvalue
            out = open_[(p < THRESHOLD) & (scores[open_, :n].mean(1) > rival[open_].mean(1))]
            pruned[out, trial[out]], given[out, trial[out]] = True, n
        ended = ~pruned[sweeps, trial] & (scores.mean(1) < rival.mean(1))
        best = np.where(ended, trial, best)
    return given, pruned, best


# Races


class Outcome(NamedTuple):
    """The end of a design on a problem.

    runs: that it cost. separated: the configurations that are worse than another. verdicts: these, and
    those that are equal to the best. dropped: whether no truly best configuration is left. pick: the best
    of those that are left. decided: whether nothing is open.
    """

    runs: float
    separated: int
    verdicts: int
    dropped: bool
    pick: int
    decided: bool


def decide(model: Model, scores: Values, problems: int) -> Outcome:
    """The end of `decide=best`. scores: shape (configurations, seeds)."""
    course = follow(model.problem(scores).values, DESIGN, problems=problems)
    worse = {int(b) for step in course.steps for _, b in step.better}
    last = course.steps[-1]
    pick = last.problem.ordered[0]
    equal = {int(b) for a, b in last.equal if a == pick} - worse
    dropped = worse >= set(np.flatnonzero(model.best))
    runs = sum(course.seeds.values())
    return Outcome(runs, len(worse), len(worse | equal), dropped, int(pick), not course.open)


def fixed(model: Model, scores: Values, problems: int) -> Outcome:
    """The end of a fixed design, as the referee judges it. scores: shape (configurations, seeds)."""
    problem = model.problem(scores)
    tests = pair_tests(problem)
    assert tests is not None
    better = problems * tests.p_family < ALPHA
    equal = (problems * equality(problem, tests, MARGIN) < ALPHA) & ~better
    pick = tests.names[0]
    worse = {int(b) for (_, b), chosen in zip(tests.pairs, better, strict=True) if chosen}
    same = {int(b) for (a, b), chosen in zip(tests.pairs, equal, strict=True) if chosen and a == pick}
    dropped = worse >= set(np.flatnonzero(model.best))
    verdicts = len(worse | same)
    return Outcome(scores.size, len(worse), verdicts, dropped, int(pick), verdicts == len(scores) - 1)


def smallest_fixed(
    models: Sequence[Model], tables: Sequence[Values], goal: Sequence[Outcome]
) -> tuple[list[Outcome], list[Outcome]]:
    """The ends of the smallest fixed designs that separate as many, and that give as many verdicts, too.

    Both are looked up in the draw itself, which no user could do. With MOST seeds the search ends.

    Arguments:
        models: of each target.
        tables: the scores of each target, shape (configurations, seeds).
        goal: the ends of the other design, by target.
    """
    separating: list[Outcome] | None = None
    ends: list[Outcome] = []
    for seeds in range(FEWEST, MOST + 1):
        ends = [
            fixed(model, table[:, :seeds], len(models)) for model, table in zip(models, tables, strict=True)
        ]
        if separating is None and reaches(ends, goal, "separated"):
            separating = ends
        if separating is not None and reaches(ends, goal, "verdicts"):
            break
    return separating or ends, ends


def reaches(ends: Sequence[Outcome], goal: Sequence[Outcome], count: str) -> bool:
    """Whether some ends have as many verdicts of a kind as others, over all targets."""
    return bool(sum(getattr(end, count) for end in ends) >= sum(getattr(end, count) for end in goal))


def race(source: Source, sweeps: int, seed: int) -> list[dict[str, Any]]:
    """A row a method. seed: of the draws."""
    rng, models, count = np.random.default_rng(seed), source.models, source.configurations
    tables = [model.draw(rng, sweeps) for model in models]
    draws = [[table[place] for table in tables] for place in range(sweeps)]
    decided = [[decide(*each, len(models)) for each in zip(models, draw, strict=True)] for draw in draws]
    smallest = [smallest_fixed(models, *each) for each in zip(draws, decided, strict=True)]
    separating, same = ([pair[place] for pair in smallest] for place in (0, 1))
    short = [not reaches(*each, "verdicts") for each in zip(same, decided, strict=True)]
    usual = [
        [fixed(model, table[:, :USUAL], len(models)) for model, table in zip(models, draw, strict=True)]
        for draw in draws
    ]
    needed = [sum(end.runs for end in ends) for ends in same]
    rows = [
        _judged("decide=best", source, decided),
        _judged(SAME, source, same) | {"not reached": float(np.mean(short))},
        {"method": SAME_BEFOREHAND, "runs": float(np.quantile(needed, 0.8))},
        _judged("fixed, as many separated", source, separating),
        _judged(f"fixed, {USUAL} seeds", source, usual),
    ]
    for factor in (2, 3):
        plain = [rungs(1, factor, count)] * len(models)
        prices = [float(np.mean([ends[place].runs for ends in decided])) for place in range(len(models))]
        priced = [same_price(price, factor, count) for price in prices]
        for words, amounts in (("from 1 seed", plain), ("at equal cost", priced)):
            rows.append(_halved(f"halving by {factor}, {words}", source, tables, amounts, factor))
    rows += [_pruned(f"Wilcoxon, up to {most} seeds", source, tables, most, rng) for most in (16, MOST)]
    about = {"source": source.name, "targets": len(models), "configurations": count, "sweeps": sweeps}
    price = rows[1]["runs"]
    assert rows[1]["method"] == SAME
    return [
        about | row | {"run_steps": row["runs"] * source.steps, "of fixed": row["runs"] / price}
        for row in rows
    ]


def _judged(method: str, source: Source, ends: list[list[Outcome]]) -> dict[str, Any]:
    """The row of a design that gives verdicts. ends: by sweep and target."""
    flat = [(model, end) for row in ends for model, end in zip(source.models, row, strict=True)]
    return {
        "method": method,
        "runs": float(np.mean([sum(end.runs for end in row) for row in ends])),
        "verdicts": float(np.mean([end.verdicts for _, end in flat])) / (source.configurations - 1),
        "separated": float(np.mean([end.separated for _, end in flat])) / (source.configurations - 1),
        "decided": float(np.mean([end.decided for _, end in flat])),
        "dropped": float(np.mean([end.dropped for _, end in flat])),
        "not picked": float(np.mean([not model.best[end.pick] for model, end in flat])),
        "far": float(np.mean([model.far[end.pick] for model, end in flat])),
    }


def _halved(
    method: str, source: Source, tables: list[Values], amounts: list[list[int]], factor: int
) -> dict[str, Any]:
    """The row of successive halving.

    Arguments:
        method: its name.
        source: the sweep.
        tables: the scores of each target, shape (sweeps, configurations, seeds).
        amounts: the seeds at each rung, by target.
        factor: by which configurations shrink from rung to rung.
    """
    picks = [
        halving([table[:, :, :n].mean(2) for n in each], factor)
        for table, each in zip(tables, amounts, strict=True)
    ]
    runs = float(sum(spent(each, factor, source.configurations) for each in amounts))
    return {"method": method, "runs": runs} | _missed(source.models, picks)


def _pruned(method: str, source: Source, tables: list[Values], most: int, rng: Generator) -> dict[str, Any]:
    """The row of the Wilcoxon pruner. Arguments as `_halved`. most: the seeds of a trial that ends."""
    runs, gone, picks = 0.0, [], []
    for model, table in zip(source.models, tables, strict=True):
        order = rng.permuted(np.tile(np.arange(source.configurations), (len(table), 1)), axis=1)
        given, pruned, best = wilcoxon_pruning(table[:, :, :most], order)
        runs += float(given.sum(1).mean())
        gone.append(pruned[:, model.best].all(1))
        picks.append(best)
    return (
        {"method": method, "runs": runs} | _missed(source.models, picks) | {"dropped": float(np.mean(gone))}
    )


def _missed(models: Sequence[Model], picks: Sequence[NDArray[Any]]) -> dict[str, float]:
    """How often the best was dropped by a method that picks one. picks: by target, shape (sweeps,)."""
    missed = float(np.mean([~model.best[pick] for model, pick in zip(models, picks, strict=True)]))
    far = float(np.mean([model.far[pick] for model, pick in zip(models, picks, strict=True)]))
    return {"dropped": missed, "not picked": missed, "far": far}


def races_over_steps(name: str, kept: Sequence[Kept], draws: int, seed: int) -> Iterator[dict[str, Any]]:
    """Rows of successive halving over training steps, one seed each, on the recorded histories.

    Each draw takes a kept run of each configuration. The truly best one has the lowest mean over all runs.

    Arguments:
        name: of the sweep.
        kept: its runs, by target.
        draws: how many.
        seed: of the draws.
    """
    rng = np.random.default_rng(seed)
    for problem in kept:
        count, seeds, _ = problem.histories.shape
        model = fitted(problem.name, problem.scores, problem.positive)
        chosen = rng.integers(seeds, size=(draws, count))
        steps = problem.steps
        for factor in (2, 3):
            places = _rung_places(steps, factor, count)
            amounts = steps[places].tolist()
            scores = [problem.histories[np.arange(count), chosen, place] for place in places]
            yield {
                "source": name,
                "target": problem.name,
                "configurations": count,
                "factor": factor,
                "rungs": " ".join(map(str, amounts)),
                "run_steps": spent(amounts, factor, count),
                "draws": draws,
                **_missed([model], [halving(scores, factor)]),
            }


def _rung_places(steps: NDArray[Any], factor: int, configurations: int) -> list[int]:
    """The evaluations at which halving looks: the last step, and shares of it down to the first evaluation.

    steps: of the evaluations, the first of which is before training.
    """
    deepest = max(1, math.floor(math.log(configurations) / math.log(factor)))
    wanted = [steps[-1] / factor**depth for depth in range(deepest, -1, -1)]
    places = [max(1, int(np.searchsorted(steps, step, side="right")) - 1) for step in wanted]
    return sorted(set(places))
