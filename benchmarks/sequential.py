"""How often a sequential design errs, and what it costs: simulated sweeps whose truth is known.

    python -m benchmarks.sequential                        (about half an hour on two cores)

Values are drawn, not trained; the draws are always the same. Every sweep is followed to its end, look by
look, with the defaults of `decide=best` and `decide=all`.

- errors: how often a sweep makes a false claim at any look, and how often the truly best is dropped
- coverage: how often the intervals at the end hold the true value, next to naive 95 % ones
- cost: runs until the end, next to fixed designs, successive halving and Optuna's Wilcoxon pruner, on
  simulated sweeps and on models of real ones (`benchmarks/racing.py`)

Writes `errors.csv`, `cost.csv` and `steps.csv` (a row a figure or method) and `sequential.md`.
"""

import argparse
import math
import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from benchmarks import null_sweeps, race_models, racing
from benchmarks.null_sweeps import SHAPES, Generator, Values, problem, true_values
from benchmarks.sequential_page import ANY, DROPPED, EQUAL, page
from sinegan.designs import Sequential, UntilAll, UntilBest
from sinegan.report.referee.comparisons import MARGIN
from sinegan.report.referee.contrasts import ALPHA
from sinegan.report.referee.looks import Course, follow
from sinegan.report.referee.problem import Comparison, compare_problem
from sinegan.report.referee.ranks import Pair
from sinegan.report.referee.statistics import estimate

DESIGNS: dict[str, Sequential] = {"best": UntilBest(), "all": UntilAll()}
MOST = UntilBest().most
RATIO, ESTIMATE = "ratio", "estimate"
NAIVE = ", naive"
LOST = "lost runs"
TURNS = 4
"""The sweeps of all figures are drawn in so many turns: a study that is stopped has some of each."""
NARROW = 0.2
"""Power of the values in the study of equality: their standard deviation is 0.05."""


class Cell(NamedTuple):
    """One set of sweeps.

    fewer: by how much its sweeps are fewer than those of others. narrow: whether values scatter little.
    covers: whether intervals are looked at.
    """

    design: str
    shape: str
    configurations: int
    truth: str = "nothing differs"
    targets: int = 1
    fewer: int = 1
    narrow: bool = False
    covers: bool = False

    @property
    def ratios(self) -> Values:
        return null_sweeps.TRUTHS[self.truth](self.configurations)

    def draw(self, rng: Generator) -> Values:
        """Values, shape (configurations, MOST seeds)."""
        if self.narrow:
            return SHAPES[self.shape](rng, self.configurations, MOST) ** NARROW * self.ratios[:, None]
        return null_sweeps.Cell("", self.shape, self.configurations, MOST, self.truth).draw(rng)


def better_pairs(course: Course) -> set[Pair]:
    """The pairs of which the first was called better at any look."""
    return {pair for step in course.steps for pair in step.better}


def equal_pairs(course: Course) -> set[Pair]:
    """The pairs that the report calls equal: by their first decision, or at the last look at the best."""
    if not course.design.every_pair:
        last = course.steps[-1]
        return {pair for pair in last.equal if pair[0] == last.problem.ordered[0]}
    counted = course.pairs
    return {pair for step in course.steps for pair in step.equal if counted[frozenset(pair)] is step}


def errors(cell: Cell, rng: Generator) -> dict[str, float]:
    """Whether a sweep makes an error of each kind, in any of its targets."""
    scale, wrong = np.log(cell.ratios), {ANY: False}
    differ, best = float(np.ptp(scale)) > 0, int(scale.argmin())
    known_margin = differ and cell.shape != "either sign"
    if known_margin:
        wrong[EQUAL] = False
    if (scale > scale[best]).sum() == len(scale) - 1:
        wrong[DROPPED] = False
    for _ in range(cell.targets):
        course = follow(problem(cell.draw(rng)).values, DESIGNS[cell.design], problems=cell.targets)
        better = better_pairs(course)
        wrong[ANY] |= any(scale[int(a)] >= scale[int(b)] for a, b in better)
        if known_margin:
            beyond = math.log1p(MARGIN) - 1e-9
            wrong[EQUAL] |= any(abs(scale[int(a)] - scale[int(b)]) >= beyond for a, b in equal_pairs(course))
        if DROPPED in wrong:
            wrong[DROPPED] |= any(int(b) == best for _, b in better)
    return {kind: float(made) for kind, made in wrong.items()}


def coverage(cell: Cell, rng: Generator) -> dict[str, float]:
    """Shares of the intervals at the end of a sweep that hold the true value."""
    scale, design = np.log(cell.ratios), DESIGNS[cell.design]
    values = problem(cell.draw(rng)).values
    course = follow(values, design)
    held: dict[str, list[bool]] = {kind + naive: [] for kind in (RATIO, ESTIMATE) for naive in ("", NAIVE)}

    def holds(row: Comparison) -> bool:
        return row.low <= scale[int(row.a)] - scale[int(row.b)] <= row.high

    counted = [(row, step.look) for row, step in course.comparisons(1)]
    held[RATIO] = [holds(row) for row, _ in counted]
    chosen = {(row.a, row.b, look.seeds) for row, look in counted}
    for step in course.steps:
        if any(look == step.look for _, look in counted):
            rows = compare_problem(step.problem, design.margin, 1, ALPHA, design.every_pair)
            held[RATIO + NAIVE] += [holds(row) for row in rows if (row.a, row.b, step.look.seeds) in chosen]
    for name, by_seed in values.items():
        look = course.last_look(name)
        assert look is not None
        runs, ratio = np.array(list(by_seed.values()))[: look.seeds], cell.ratios[int(name)]
        positive = cell.shape != "either sign"
        true = location(cell.shape) * ratio if positive else location(cell.shape) + math.log(ratio)
        for naive, level in (("", look.level), (NAIVE, ALPHA)):
            interval = estimate(runs, positive, confidence=1 - level)
            held[ESTIMATE + naive].append(interval.low <= true <= interval.high)
    return {kind: float(np.mean(each)) for kind, each in held.items() if each}


@lru_cache
def location(shape: str) -> float:
    """The true location of a shape that `estimate` is of."""
    return true_values(SHAPES[shape])[0]


def cells() -> Iterator[Cell]:
    """All cells of the studies of errors and coverage."""
    few, two = ("log-normal", "two-humped", "0.15 and 0.75"), ("log-normal", "two-humped")
    more = (*few, "log-t3", "lopsided humps", "random deviations", "shared seeds, 0.95", "ten steps")
    yield from (Cell("best", shape, 6) for shape in (*more, "either sign"))
    # Of two configurations, both designs ask the same.
    yield from (Cell("best", shape, 2) for shape in (*more, "either sign", LOST))
    yield Cell("best", "log-normal", 13)
    yield Cell("best", "0.15 and 0.75", 13, fewer=2)
    yield from (Cell(design, LOST, 6, fewer=4) for design in DESIGNS)
    yield from (Cell("best", shape, 3) for shape in few)
    yield from (Cell("all", shape, 6) for shape in few)
    for truth in ("two close ones", "one better by 1.2", "one better by 1.5", "one better by 2"):
        yield from (Cell("best", shape, 6, truth) for shape in few)
        yield Cell("best", LOST, 6, truth, fewer=4)
    yield from (Cell("best", shape, count, "from 1 to 20") for shape in few for count in (6, 13))
    yield from (Cell("best", "log-normal", count, "from 1 to 20", fewer=4) for count in (36, 144))
    half, apart = "half are better by 4", "every other one is 10 % worse"
    yield from (Cell("all", shape, 2, apart, narrow=True) for shape in (*few, "lopsided humps"))
    for truth in ("nothing differs", "one better by 1.5"):
        for shape in two:
            yield from (Cell(design, shape, 6, truth, fewer=8, covers=True) for design in DESIGNS)
    yield from (Cell("best", shape, 6, targets=4, fewer=4) for shape in few)
    yield from (Cell("best", shape, 6, half) for shape in few)
    yield Cell("best", LOST, 6, half, fewer=4)
    yield from (Cell("best", shape, 36, fewer=4) for shape in two)
    yield Cell("all", "log-normal", 13, fewer=2)
    yield Cell("all", "log-normal", 36, fewer=20)
    yield Cell("all", "log-normal", 6, "two close ones")
    yield Cell("all", "0.15 and 0.75", 6, half)
    yield Cell("best", "log-normal", 36, half, fewer=4)
    for design in DESIGNS:
        yield from (Cell(design, shape, 6, apart, narrow=True) for shape in two)


def measured(place: int, cell: Cell, sweeps: int, turn: int = 0) -> list[dict[str, Any]]:
    """The rows of a cell: a figure each. place, turn: from which its draws follow."""
    rng, study = np.random.default_rng([place, turn]), coverage if cell.covers else errors
    count = max(1, sweeps // cell.fewer)
    figures = pd.DataFrame([study(cell, rng) for _ in range(count)]).mean()
    about = {name: getattr(cell, name) for name in ("truth", "shape", "configurations", "targets", "design")}
    return [
        {"study": study.__name__, **about, "of": of, "sweeps": count, "share": share}
        for of, share in figures.items()
    ]


def joined(rows: list[dict[str, Any]]) -> pd.DataFrame:
    """The figures of all turns as one row each."""
    table = pd.DataFrame(rows)
    table["share"] *= table["sweeps"]
    about = [name for name in table if name not in ("sweeps", "share")]
    table = table.groupby(about, sort=False, as_index=False)[["sweeps", "share"]].sum()
    return table.assign(share=table["share"] / table["sweeps"])


# Sweeps of each race, as a share of those of a figure.
RACES = {"6": 0.2, "36": 0.15, "144": 0.06, "stability map": 0.06, "games": 0.05, "loss comparison": 0.2}


def races(reference: Path, games: Path, sweeps: int) -> Iterator[tuple[race_models.Source, int]]:
    """The sources of the study of cost, the longest first, each with its number of sweeps."""

    def counted(kind: str, source: race_models.Source) -> tuple[race_models.Source, int]:
        return source, max(1, round(RACES[kind] * sweeps))

    if games.is_dir():
        yield counted("games", race_models.kept_sweep("games", race_models.kept_runs(games)))
    yield counted("stability map", race_models.stability_map(reference / "stability_map" / "report"))
    yield counted("144", race_models.simulated("from 1 to 20", 144))
    yield from (counted("36", race_models.simulated(truth, 36)) for truth in ("1, 1.6, 1.9", "from 1 to 20"))
    yield from (counted("6", race_models.simulated(f"one better by {ratio}", 6)) for ratio in (1.2, 1.5, 2))
    kept = race_models.kept_runs(reference / "loss_comparison")
    yield counted("loss comparison", race_models.kept_sweep("loss comparison", kept))


def over_steps(reference: Path, games: Path, draws: int) -> list[dict[str, Any]]:
    """The rows of successive halving over training steps."""
    folders = {"games": games, "loss comparison": reference / "loss_comparison"}
    return [
        row
        for name, folder in folders.items()
        if folder.is_dir()
        for row in racing.races_over_steps(name, race_models.kept_runs(folder), draws, 0)
    ]


Job = tuple[Callable[..., list[dict[str, Any]]], tuple[Any, ...]]


def work_off(
    jobs: list[Job], workers: int, path: Path, table: Callable[[list[dict[str, Any]]], pd.DataFrame]
) -> None:
    """Writes the rows of all jobs in their order, and after each job those that are there."""
    began, done = time.perf_counter(), dict[int, list[dict[str, Any]]]()
    with ProcessPoolExecutor(workers) as executor:
        futures = {executor.submit(work, *given): place for place, (work, given) in enumerate(jobs)}
        for count, future in enumerate(as_completed(futures), start=1):
            rows = done[futures[future]] = future.result()
            first = " ".join(map(str, rows[0].values()))
            print(f"{count}/{len(jobs)} {time.perf_counter() - began:.0f} s: {first}", flush=True)
            table([row for place in sorted(done) for row in done[place]]).to_csv(path, index=False)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sweeps", type=int, default=2000)
    parser.add_argument("--workers", type=int, default=os.cpu_count())
    parser.add_argument("--parts", nargs="*", choices=("errors", "cost"), default=["errors", "cost"])
    parser.add_argument("--games", type=Path, default=Path("outputs/sweeps/games"), help="the trained sweep")
    parser.add_argument("--out", type=Path, default=Path("outputs/reference/sequential"))
    chosen = parser.parse_args()
    reference = Path("outputs/reference")
    chosen.out.mkdir(parents=True, exist_ok=True)
    if "cost" in chosen.parts:
        given = races(reference, chosen.games, chosen.sweeps)
        jobs: list[Job] = [(racing.race, (*each, place)) for place, each in enumerate(given)]
        table = pd.DataFrame(over_steps(reference, chosen.games, chosen.sweeps))
        table.to_csv(chosen.out / "steps.csv", index=False)
        work_off(jobs, chosen.workers, chosen.out / "cost.csv", pd.DataFrame)
    if "errors" in chosen.parts:
        part = -(-chosen.sweeps // TURNS)
        jobs = [
            (measured, (place, cell, part, turn))
            for turn in range(TURNS)
            for place, cell in enumerate(cells())
        ]
        work_off(jobs, chosen.workers, chosen.out / "errors.csv", joined)
    (chosen.out / "sequential.md").write_text(page(chosen.out))


if __name__ == "__main__":
    main()
