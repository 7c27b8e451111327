"""How often the report makes a false claim, misses a true value, or finds a real difference.

    python benchmarks/null_sweeps.py --sweeps 4000 --out outputs/reference/null_sweeps

Simulates sweeps of 6 configurations, takes them through the report's own functions, and counts:

- false claims: nothing differs; the share of sweeps in which the report separates any pair (all pairs,
  Holm), any of 20 configurations from the best (max-T), or claims any effect of a 2 x 3 grid (factor
  effects, interactions and their order). 5 % is promised; 6.6 % is what chance allows 1,000 sweeps.
- coverage: how often a 95 % interval holds the true value: of a configuration (t), of its median (order
  statistics), of a ratio of two configurations (paired t).
- power: one configuration is better by a ratio; how often it is separated from a given other one, and from
  all five.

The shapes, each with a logarithm that scatters as the RMSE of small GANs does:

- normal: mean 1, standard deviation 0.25
- log-normal: standard deviation 0.25 of the logarithm
- two-humped: half of the runs are worse by a factor of 2, log-normal with 0.1 within each hump
- lopsided humps: the same, but 1 run in 5 is worse
- either sign: normal about 0, so that no logarithms are taken
- lost runs: log-normal, and each run is lost with a chance of 0.1

Writes `null_sweeps.csv` (a row a figure) and `null_sweeps.md`. The draws are always the same.
"""

import argparse
import math
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from sinegan.report.referee.comparisons import all_pairs, best_against_rest
from sinegan.report.referee.contrasts import ALPHA, holm
from sinegan.report.referee.effects import factor_effects
from sinegan.report.referee.run_values import Samples
from sinegan.report.referee.statistics import estimate, median_interval

Draw = Callable[[np.random.Generator, tuple[int, ...]], Any]
CONFIGURATIONS, MANY = 6, 20
SEEDS = (5, 8, 10, 20)
RATIOS = (1.2, 1.5, 2.0)


def humps(share: float) -> Draw:
    def draw(rng: np.random.Generator, shape: tuple[int, ...]) -> Any:
        return np.exp(0.1 * rng.standard_normal(shape) + math.log(2) * (rng.random(shape) < share))

    return draw


def with_losses(rng: np.random.Generator, shape: tuple[int, ...]) -> Any:
    values = np.exp(0.25 * rng.standard_normal(shape))
    return np.where(rng.random(shape) < 0.1, math.inf, values)


SHAPES: dict[str, Draw] = {
    "normal": lambda rng, shape: 1 + 0.25 * rng.standard_normal(shape),
    "log-normal": lambda rng, shape: np.exp(0.25 * rng.standard_normal(shape)),
    "two-humped": humps(0.5),
    "lopsided humps": humps(0.2),
    "either sign": lambda rng, shape: rng.standard_normal(shape),
    "lost runs": with_losses,
}


def named(values: Any) -> dict[str, dict[int, float]]:
    """values: shape (configurations, seeds)."""
    return {f"c={place}": dict(enumerate(row)) for place, row in enumerate(values.tolist())}


def separated(values: Any) -> dict[tuple[str, str], bool]:
    """Which pairs the report separates."""
    rows = all_pairs(named(values), bool((values > 0).all()))
    return {
        (row["a"], row["b"]): p < ALPHA for row, p in zip(rows, holm([r["p"] for r in rows]), strict=True)
    }


def grid(values: Any) -> Samples:
    """Six configurations as a 2 x 3 grid of the keys a and b."""
    rows = pd.DataFrame({"name": list(named(values)), "problem": "", "metric": "rmse"})
    rows["a"], rows["b"] = [place // 3 for place in range(6)], [place % 3 for place in range(6)]
    return Samples("rmse", ["a", "b"], rows, named(values), {"": bool((values > 0).all())}, True)


def false_claims(
    draw: Draw, seeds: int, sweeps: int, rng: np.random.Generator
) -> Iterator[tuple[str, float]]:
    pairs = np.mean([any(separated(draw(rng, (CONFIGURATIONS, seeds))).values()) for _ in range(sweeps)])
    yield "all pairs", float(pairs)
    found = []
    for _ in range(sweeps):
        values = draw(rng, (MANY, seeds))
        rows = best_against_rest(named(values), bool((values > 0).all()))
        found.append(any(row["p_holm"] < ALPHA for row in rows))
    yield "best of 20", float(np.mean(found))
    found, rng = [], np.random.default_rng(seeds)
    for _ in range(sweeps):
        table = factor_effects(grid(draw(rng, (CONFIGURATIONS, seeds))))
        found.append(bool(table["separated"].any()))
    yield "effects", float(np.mean(found))


def coverage(draw: Draw, seeds: int, sweeps: int, rng: np.random.Generator) -> Iterator[tuple[str, float]]:
    many = draw(rng, (4_000_000,))
    positive = bool((draw(rng, (1000,)) > 0).all())
    true = float(np.exp(np.log(many[many > 0]).mean()) if positive else 0.0)
    median = float(np.median(many))
    mine, of_median, of_ratio = [], [], []
    for _ in range(sweeps):
        a, b = draw(rng, (2, seeds))
        found = estimate(a, positive)
        mine.append(found.low <= true <= found.high)
        low, high = median_interval(a)
        of_median.append(low <= median <= high)
        (row,) = all_pairs(named(np.array([a, b])), positive)
        name = ("low", "high", 1.0) if positive else ("difference_low", "difference_high", 0.0)
        of_ratio.append(row[name[0]] <= name[2] <= row[name[1]])
    yield "estimate", float(np.mean(mine))
    yield "median", float(np.mean(of_median)) if seeds >= 6 else math.nan
    yield "ratio", float(np.mean(of_ratio))


def power(draw: Draw, seeds: int, sweeps: int, rng: np.random.Generator) -> Iterator[tuple[str, float]]:
    for ratio in RATIOS:
        one, all_others = [], []
        for _ in range(sweeps):
            values = draw(rng, (CONFIGURATIONS, seeds))
            values[0] /= ratio
            found = separated(values)
            one.append(found["c=0", "c=1"])
            all_others.append(all(found["c=0", f"c={other}"] for other in range(1, CONFIGURATIONS)))
        yield f"{ratio:g}, from one", float(np.mean(one))
        yield f"{ratio:g}, from all five", float(np.mean(all_others))


STUDIES: dict[str, tuple[Any, list[str]]] = {
    "false claims": (false_claims, list(SHAPES)),
    "coverage": (coverage, [shape for shape in SHAPES if shape != "lost runs"]),
    "power": (power, [shape for shape in SHAPES if shape != "either sign"]),
}


def measured(sweeps: int) -> pd.DataFrame:
    """A row a study, shape, number of seeds and figure."""
    rows = []
    for study, (count, shapes) in STUDIES.items():
        for shape in shapes:
            for seeds in SEEDS:
                rng = np.random.default_rng([list(SHAPES).index(shape), seeds, list(STUDIES).index(study)])
                began = time.perf_counter()
                for what, share in count(SHAPES[shape], seeds, sweeps, rng):
                    rows.append(
                        {
                            "study": study,
                            "shape": shape,
                            "seeds": seeds,
                            "of": what,
                            "sweeps": sweeps,
                            "share": share,
                        }
                    )
                print(f"{study}, {shape}, {seeds} seeds: {time.perf_counter() - began:.0f} s", flush=True)
    return pd.DataFrame(rows)


WORDS = {
    "false claims": "Share of sweeps in which nothing differs and something is claimed; 5 % is promised.",
    "coverage": "Share of 95 % intervals that hold the true value.",
    "power": "Share of sweeps in which the better one of six configurations is separated, by true ratio.",
}


def markdown(table: pd.DataFrame) -> str:
    sweeps = int(table["sweeps"].max())
    text = f"# Null sweeps\n\nMade by `benchmarks/null_sweeps.py` with {sweeps:,} sweeps a figure"
    text += f" (standard error of a share of 5 %: {100 * math.sqrt(0.05 * 0.95 / sweeps):.1f} %).\n"
    for study, words in WORDS.items():
        mine = table[table["study"] == study]
        order = list(dict.fromkeys(mine["of"]))
        wide = mine.pivot_table(
            index=["shape", "seeds"], columns="of", values="share", sort=False, dropna=False
        )
        shown = wide[order].map(lambda share: "-" if math.isnan(share) else f"{100 * share:.1f} %")
        text += f"\n## {study.capitalize()}\n\n{words}\n\n{shown.reset_index().to_markdown(index=False)}\n"
    return text


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sweeps", type=int, default=4000)
    parser.add_argument("--out", type=Path, default=Path("outputs/reference/null_sweeps"))
    chosen = parser.parse_args()
    table = measured(chosen.sweeps)
    chosen.out.mkdir(parents=True, exist_ok=True)
    table.to_csv(chosen.out / "null_sweeps.csv", index=False)
    (chosen.out / "null_sweeps.md").write_text(markdown(table))
    print(markdown(table))


if __name__ == "__main__":
    main()
