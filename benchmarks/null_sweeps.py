"""How often the referee is wrong, and how often it sees: simulated sweeps whose truth is known.

    python -m benchmarks.null_sweeps                       (about half an hour on two cores)

Values are drawn, not trained. Each figure is a share of 2,000 sweeps; the draws are always the same.

- false claims: nothing differs, or some configurations are better than all others and within each group
  nothing differs; how often the report names a difference that is not there
- targets: the same with several targets, which are one family
- effects: the same for the effects of keys, their interactions and their order in a 2 x 3 grid
- equality: two configurations differ by the margin of 10 % (calling them equal is false), or not at all
- coverage: how often 95 % intervals hold the true value
- power: how often what is better is separated

Writes `null_sweeps.csv` (a row a figure) and `null_sweeps.md`.
"""

import argparse
import math
import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sinegan.report.referee.comparisons import MARGIN
from sinegan.report.referee.contrasts import ALPHA
from sinegan.report.referee.effects import KEY, factor_effects
from sinegan.report.referee.problem import MOST_PAIRED, Problem, compare_problem, pair_tests
from sinegan.report.referee.run_values import Samples
from sinegan.report.referee.statistics import FEWEST_FOR_MEDIAN, estimate, median_interval

Values = NDArray[Any]
Generator = np.random.Generator
Draw = Callable[[Generator, int, int], Values]
"""Draws the values of (configurations, seeds), all with the same true value."""
SD = 0.25
"""Standard deviation of the logarithm, about that of the RMSE of small GANs."""


def log_normal(rng: Generator, configurations: int, seeds: int) -> Values:
    return np.exp(SD * rng.standard_normal((configurations, seeds)))


def humps(share: float) -> Draw:
    """A share of the runs is worse by a factor of 2; within each hump the standard deviation is 0.1."""

    def draw(rng: Generator, configurations: int, seeds: int) -> Values:
        shape = configurations, seeds
        return np.exp(0.1 * rng.standard_normal(shape) + math.log(2) * (rng.random(shape) < share))

    return draw


def shared_seeds(correlation: float) -> Draw:
    """The runs of a seed have a part in common."""

    def draw(rng: Generator, configurations: int, seeds: int) -> Values:
        common, own = rng.standard_normal((1, seeds)), rng.standard_normal((configurations, seeds))
        return np.exp(SD * (math.sqrt(correlation) * common + math.sqrt(1 - correlation) * own))

    return draw


def random_deviations(rng: Generator, configurations: int, seeds: int) -> Values:
    """Each configuration has its own standard deviation, e^U(-1, 1) times the usual one."""
    deviation = SD * np.exp(rng.uniform(-1, 1, (configurations, 1)))
    return np.exp(deviation * rng.standard_normal((configurations, seeds)))


def two_deviations(rng: Generator, configurations: int, seeds: int) -> Values:
    """Standard deviations of 0.15 and 0.75 in turn."""
    deviation = np.where(np.arange(configurations) % 2, 0.75, 0.15)[:, None]
    return np.exp(deviation * rng.standard_normal((configurations, seeds)))


def steps(count: int) -> Draw:
    """Whole numbers, each as likely as another."""

    def draw(rng: Generator, configurations: int, seeds: int) -> Values:
        return rng.integers(count, 2 * count, (configurations, seeds)).astype(float)

    return draw


def lost_runs(rng: Generator, configurations: int, seeds: int) -> Values:
    """Log-normal, and one run in ten is lost."""
    values = log_normal(rng, configurations, seeds)
    return np.where(rng.random(values.shape) < 0.1, math.inf, values)


SHAPES: dict[str, Draw] = {
    "log-normal": log_normal,
    "normal": lambda rng, configurations, seeds: 1 + SD * rng.standard_normal((configurations, seeds)),
    "log-t3": lambda rng, configurations, seeds: np.exp(SD * rng.standard_t(3, (configurations, seeds))),
    "gamma": lambda rng, configurations, seeds: rng.gamma(4, 1, (configurations, seeds)),
    "two-humped": humps(0.5),
    "lopsided humps": humps(0.2),
    "random deviations": random_deviations,
    "0.15 and 0.75": two_deviations,
    "shared seeds, 0.5": shared_seeds(0.5),
    "shared seeds, 0.95": shared_seeds(0.95),
    "three steps": steps(3),
    "ten steps": steps(10),
    "either sign": lambda rng, configurations, seeds: rng.standard_normal((configurations, seeds)),
    "lost runs": lost_runs,
}
FEW_SHAPES = ["log-normal", "two-humped", "random deviations", "0.15 and 0.75", "lost runs"]


class Cell(NamedTuple):
    """One set of sweeps. ratios: by how much the value of each configuration is multiplied."""

    study: str
    shape: str
    configurations: int
    seeds: int
    truth: str = "nothing differs"
    targets: int = 1

    @property
    def ratios(self) -> Values:
        return TRUTHS[self.truth](self.configurations)

    def draw(self, rng: Generator) -> Values:
        values, ratios = SHAPES[self.shape](rng, self.configurations, self.seeds), self.ratios[:, None]
        return values + np.log(ratios) if self.shape == "either sign" else values * ratios


def one_better(ratio: float) -> Callable[[int], Values]:
    return lambda configurations: np.array([1 / ratio] + [1.0] * (configurations - 1))


TRUTHS: dict[str, Callable[[int], Values]] = {
    "nothing differs": np.ones,
    "half are better by 4": lambda count: np.where(np.arange(count) % 4 < 2, 1.0, 4.0),
    "one level differs by 2": lambda count: np.where(np.arange(count) % 3 == 2, 2.0, 1.0),
    "both keys matter alike": lambda count: np.exp(np.add.outer([0, 0.6], [0, 0, 0.735]).ravel())[:count],
    "10 % apart": lambda count: np.array([1.0, 1 + MARGIN])[:count],
    "every other one is 10 % worse": lambda count: 1 + MARGIN * (np.arange(count) % 2),
    "two close ones": lambda count: np.array([1.0, 1.05] + [1.5] * (count - 2)),
    "one better by 1.2": one_better(1.2),
    "one better by 1.5": one_better(1.5),
    "one better by 2": one_better(2),
    "from 1 to 20": lambda count: np.linspace(1, 20, count),
    "1, 1.6, 1.9": lambda count: np.repeat([1, 1.6, 1.9], count // 3),
}


def problem(values: Values) -> Problem:
    """The runs of a sweep as the referee takes them. values: shape (configurations, seeds)."""
    names = map(str, range(len(values)))
    by_seed = (dict(enumerate(row)) for row in values.tolist())
    return Problem(dict(zip(names, by_seed, strict=True)), bool((values > 0).all()))


def separated(values: Values, targets: int = 1) -> list[tuple[int, int]]:
    """The separated pairs of a target, the one that is called better first."""
    tests = pair_tests(problem(values))
    if tests is None:
        return []
    chosen = np.flatnonzero(targets * tests.p_family < ALPHA)
    return [(int(tests.pairs[place][0]), int(tests.pairs[place][1])) for place in chosen]


def false_claims(cell: Cell, rng: Generator) -> dict[str, float]:
    """Whether any pair is separated whose first is not better."""
    ratios = cell.ratios
    wrong = False
    for _ in range(cell.targets):
        wrong |= any(ratios[a] >= ratios[b] for a, b in separated(cell.draw(rng), cell.targets))
    return {"any": float(wrong)}


def effects(cell: Cell, rng: Generator) -> dict[str, float]:
    """Whether any effect is claimed that is not there, in a grid of the keys a (2 levels) and b (3)."""
    values = problem(cell.draw(rng))
    rows = pd.DataFrame({"name": list(values.values), "problem": "", "metric": "rmse"})
    rows["a"], rows["b"] = [place // 3 for place in range(6)], [place % 3 for place in range(6)]
    samples = Samples("rmse", ["a", "b"], rows, dict(values.values), {"": values.positive}, ranked=True)
    table = factor_effects(samples)
    table = table[table["separated"]]
    claims = list(zip(table["kind"], table["key"], table["level"], strict=True))
    true = {
        "nothing differs": [],
        "one level differs by 2": [(KEY, "b", ""), ("main", "b", "2"), ("order", "b", "")],
        "both keys matter alike": [(KEY, "a", ""), (KEY, "b", ""), ("main", "a", "1"), ("main", "b", "2")],
    }[cell.truth]
    return {"any": float(any(claim not in true for claim in claims))}


def equality(cell: Cell, rng: Generator) -> dict[str, float]:
    """Whether two configurations are called equal. Their standard deviation is 0.05."""
    values = cell.draw(rng) ** 0.2 if cell.truth == "nothing differs" else None
    if values is None:
        values = SHAPES[cell.shape](rng, 2, cell.seeds) ** 0.2 * cell.ratios[:, None]
    (row,) = compare_problem(problem(values), MARGIN)
    return {"equal": float(row.p_equal < ALPHA)}


def coverage(cell: Cell, rng: Generator) -> dict[str, float]:
    """Whether the intervals of one of six configurations hold its true value."""
    values = cell.draw(rng)
    true, median = TRUE[cell.shape]
    positive = bool((values > 0).all())
    found = estimate(values[0], positive)
    (row,) = (row for row in compare_problem(problem(values), MARGIN) if {row.a, row.b} == {"0", "1"})
    shares = {
        "estimate": float(found.low <= true <= found.high),
        "ratio": float(row.low <= 0 <= row.high),
    }
    if cell.seeds >= FEWEST_FOR_MEDIAN:
        low, high = median_interval(values[0])
        shares["median"] = float(low <= median <= high)
    return shares


def true_values(draw: Draw) -> tuple[float, float]:
    """The true location that `estimate` is of, and the median, by 4,000,000 draws."""
    many = draw(np.random.default_rng(0), 1, 4_000_000)[0]
    positive = many.min() > 0
    return float(np.exp(np.log(many).mean()) if positive else many.mean()), float(np.median(many))


COVERED = ["log-normal", "normal", "gamma", "two-humped", "lopsided humps", "log-t3"]
TRUE: dict[str, tuple[float, float]] = {}


def power(cell: Cell, rng: Generator) -> dict[str, float]:
    """The share of the others that the best is separated from; and whether it is from all."""
    claimed, ratios = separated(cell.draw(rng)), cell.ratios
    best = np.flatnonzero(ratios == ratios.min())
    others = np.flatnonzero(ratios > ratios.min())
    seen = np.mean([any((one, other) in claimed for one in best) for other in others])
    return {"from another": float(seen), "from all": float(seen == 1)}


STUDIES: dict[str, Callable[[Cell, Generator], dict[str, float]]] = {
    "false claims": false_claims,
    "targets": false_claims,
    "effects": effects,
    "equality": equality,
    "coverage": coverage,
    "power": power,
}
WORDS = {
    "false claims": "Share of sweeps in which a difference is claimed that is not there; 5 % is promised. "
    f"Up to {MOST_PAIRED} configurations all pairs are compared, of more the best with the others.",
    "targets": "The same with several targets.",
    "effects": "Share of sweeps in which an effect of a key, an interaction or an order is claimed that is "
    "not there.",
    "equality": "Share of sweeps in which two configurations (standard deviation 0.05) are called equal.",
    "coverage": "Share of 95 % intervals that hold the true value.",
    "power": "Share of the others that the best configuration is separated from, and of sweeps in which it "
    "is separated from all.",
}


def cells() -> Iterator[Cell]:
    """All cells of all studies."""
    for shape in SHAPES:
        yield from (Cell("false claims", shape, 6, seeds) for seeds in (3, 4, 5, 8, 15))
        yield from (Cell("false claims", shape, count, seeds) for count in (2, 3, 12) for seeds in (3, 8))
        yield from (Cell("false claims", shape, count, seeds) for count, seeds in ((13, 3), (13, 8), (36, 4)))
    for shape in FEW_SHAPES:
        yield Cell("false claims", shape, 144, 4)
        yield from (Cell("false claims", shape, 6, seeds, "half are better by 4") for seeds in (4, 8))
        yield Cell("false claims", shape, 20, 4, "half are better by 4")
    for shape in ("log-normal", "two-humped", "0.15 and 0.75"):
        sizes = ((4, 6), (8, 6), (8, 13))
        yield from (Cell("targets", shape, count, 5, targets=targets) for targets, count in sizes)
        yield from (Cell("effects", shape, 6, seeds) for seeds in (3, 8))
        yield from (Cell("effects", shape, 6, seeds, "one level differs by 2") for seeds in (4, 8))
        yield Cell("effects", shape, 6, 5, "both keys matter alike")
    for truth in ("10 % apart", "nothing differs"):
        yield from (Cell("equality", "log-normal", 2, seeds, truth) for seeds in (5, 8, 15))
    for shape in COVERED:
        yield from (Cell("coverage", shape, 6, seeds) for seeds in (5, 8, 20))
    for shape in ("log-normal", "normal", "two-humped", "lopsided humps", "lost runs"):
        for seeds in (4, 5, 8, 10, 20):
            yield from (Cell("power", shape, 6, seeds, f"one better by {ratio}") for ratio in (1.2, 1.5, 2))
    yield from (Cell("power", "log-normal", 36, 8, truth) for truth in ("from 1 to 20", "1, 1.6, 1.9"))
    yield Cell("power", "log-normal", 144, 4, "from 1 to 20")


def measured(place: int, cell: Cell, sweeps: int) -> list[dict[str, Any]]:
    """The rows of a cell: a figure each. place: of the cell, from which its draws follow."""
    if cell.study == "coverage" and cell.shape not in TRUE:
        TRUE[cell.shape] = true_values(SHAPES[cell.shape])
    rng = np.random.default_rng(place)
    figures = pd.DataFrame([STUDIES[cell.study](cell, rng) for _ in range(sweeps)]).mean()
    return [cell._asdict() | {"of": of, "sweeps": sweeps, "share": share} for of, share in figures.items()]


def all_measured(sweeps: int, workers: int, studies: list[str]) -> pd.DataFrame:
    """A row a figure, in the order of the cells."""
    chosen = [(place, cell) for place, cell in enumerate(cells()) if cell.study in studies]
    began, done = time.perf_counter(), {}
    with ProcessPoolExecutor(workers) as executor:
        futures = {executor.submit(measured, place, cell, sweeps): place for place, cell in chosen}
        for count, future in enumerate(as_completed(futures), start=1):
            done[futures[future]] = rows = future.result()
            shares = ", ".join(f"{row['of']} {100 * row['share']:.1f} %" for row in rows)
            about = " ".join(map(str, rows[0].values())).split(" any ")[0]
            print(f"{count}/{len(chosen)} {time.perf_counter() - began:.0f} s: {about}: {shares}", flush=True)
    return pd.DataFrame([row for place, _ in chosen for row in done[place]])


def markdown(table: pd.DataFrame) -> str:
    sweeps = int(table["sweeps"].max())
    text = f"# Null sweeps\n\nMade by `benchmarks/null_sweeps.py` with {sweeps:,} sweeps a figure"
    text += f" (standard error of a share of 5 %: {100 * math.sqrt(0.05 * 0.95 / sweeps):.1f} %).\n"
    for study, words in WORDS.items():
        rows = table[table["study"] == study]
        if rows.empty:
            continue
        index = [
            name
            for name in ("truth", "targets", "shape", "configurations")
            if rows[name].nunique() > 1 or name in ("shape", "configurations")
        ]
        columns = "of" if study in ("coverage",) else "seeds"
        index += ["seeds"] if columns == "of" else ["of"] if rows["of"].nunique() > 1 else []
        wide = rows.pivot_table(index=index, columns=columns, values="share", sort=False, dropna=False)
        wide = wide.dropna(how="all")[sorted(wide)]
        if columns == "seeds":
            wide.columns = [f"{seeds} seeds" for seeds in wide.columns]
        shown = wide.map(lambda share: "-" if math.isnan(share) else f"{100 * share:.1f} %")
        text += f"\n## {study.capitalize()}\n\n{words}\n\n{shown.reset_index().to_markdown(index=False)}\n"
    return text


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sweeps", type=int, default=2000)
    parser.add_argument("--workers", type=int, default=os.cpu_count())
    parser.add_argument("--studies", nargs="+", choices=STUDIES, default=list(STUDIES))
    parser.add_argument("--out", type=Path, default=Path("outputs/reference/null_sweeps"))
    chosen = parser.parse_args()
    table = all_measured(chosen.sweeps, chosen.workers, chosen.studies)
    chosen.out.mkdir(parents=True, exist_ok=True)
    table.to_csv(chosen.out / "null_sweeps.csv", index=False)
    (chosen.out / "null_sweeps.md").write_text(markdown(table))
    print(markdown(table))


if __name__ == "__main__":
    main()
