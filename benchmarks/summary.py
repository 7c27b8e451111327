"""The summary of a benchmark: medians, ratios against the goals, and a figure."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import matplotlib
import pandas as pd
from matplotlib.figure import Figure

from benchmarks.works import ORIGINAL, WORKS, Work
from sinegan.report.figures.style import COLOURS, STYLE

AGAINST = {
    "the original script": ("original script", 8, 40.0),
    "clean eager loop under joblib": ("eager, joblib", 8, 10.0),
    "matrix products as the original makes them": ("bound", 32, 0.75),
}
"""For each goal of the original: a way, the fewest runs at which it holds, and the least ratio of rates."""

TABLE_GOALS = {
    ("README's sweep", "cold"): 0.8,
    ("README's sweep", "warm"): 0.6,
    ("one run", "warm"): 0.7,
}
"""For each task and cache, the largest ratio of sinegan's seconds to the table to those of JAX."""

SHARE_GOALS = {64: 0.7}
"""By the bytes of a vector: the least share of the ceiling that the original's products reach."""
USUAL_SHARE_GOAL = 0.65

COLUMNS = ["work", "against", "at", "goal", "found", "met"]
SHARE_COLUMNS = [
    "work",
    "runs",
    "mflop_a_step",
    "gflop_s",
    "ceiling_gflop_s",
    "share_of_ceiling",
    "share_of_step_time",
]
Row = tuple[str, str, str, str, float, bool]


def medians(rates: pd.DataFrame) -> pd.DataFrame:
    """Run-steps per second: a row for each way and how, a column for each number of runs."""
    order = list(dict.fromkeys(zip(rates["way"], rates["how"], strict=True)))
    return rates.pivot_table(values="rate", index=["way", "how"], columns="runs", aggfunc="median").loc[order]


def best(table: pd.DataFrame) -> pd.DataFrame:
    """Each way in its best configuration at each number of runs."""
    return table.groupby(level="way", sort=False).max()


def works_in(rates: pd.DataFrame) -> list[Work]:
    """The pieces of work that were measured."""
    return [WORKS[name] for name in dict.fromkeys(rates["work"])]


def rates_of(rates: pd.DataFrame, work: Work) -> pd.DataFrame:
    return rates[rates["work"] == work.name]


def ratio_goals(work: Work, quickest: pd.DataFrame) -> Iterator[Row]:
    """The goals of one work's rates."""
    against = {"JAX, its best": ("JAX", 8, work.goal)} | (AGAINST if work is ORIGINAL else {})
    measured = {words: goal for words, goal in against.items() if {"sinegan", goal[0]} <= set(quickest.index)}
    for words, (way, least, goal) in measured.items():
        for runs in (each for each in quickest.columns if each >= least):
            ratio = quickest.loc["sinegan", runs] / quickest.loc[way, runs]
            yield work.name, words, f"{runs} runs", f">= {goal:g} x", ratio, ratio >= goal
    if work is ORIGINAL and {8, 128} <= set(quickest.columns):
        cost = quickest.loc["sinegan", 8] / quickest.loc["sinegan", 128]
        yield (
            work.name,
            "sinegan with 8 runs",
            "128 runs, cost a run-step",
            "0.9 to 1.1 x",
            cost,
            abs(cost - 1) <= 0.1,
        )


def share_goals(shares: pd.DataFrame, vector_bytes: int) -> Iterator[Row]:
    """The goals of the original's matrix products."""
    goal = SHARE_GOALS.get(vector_bytes, USUAL_SHARE_GOAL)
    for row in shares[shares["work"] == ORIGINAL.name].itertuples():
        share = float(row.share_of_ceiling)
        at = f"{row.runs} runs, matrix products alone"
        yield ORIGINAL.name, "fused multiply-adds", at, f">= {goal:g} x", share, share >= goal


def table_goals(tables: pd.DataFrame) -> Iterator[Row]:
    """The goals of whole commands."""
    if tables.empty:
        return
    seconds = tables.groupby(["what", "way", "cache"])["to_table"].median()
    for (what, cache), goal in TABLE_GOALS.items():
        ratio = seconds[what, "sinegan", cache] / seconds[what, "JAX", cache]
        at = f"{what}, {cache} cache"
        yield ORIGINAL.name, "JAX, time to the table", at, f"<= {goal:g} x", ratio, ratio <= goal


def goals(rates: pd.DataFrame, shares: pd.DataFrame, tables: pd.DataFrame, vector_bytes: int) -> pd.DataFrame:
    """A row for each goal, with the columns work, against, at, goal, found and met."""
    rows: list[Row] = []
    for work in works_in(rates):
        rows += ratio_goals(work, best(medians(rates_of(rates, work))))
    return pd.DataFrame([*rows, *share_goals(shares, vector_bytes), *table_goals(tables)], columns=COLUMNS)


def product_shares(rates: pd.DataFrame, operations: Mapping[str, int]) -> pd.DataFrame:
    """How close the matrix products of a step come to the ceiling, and their share of the step's time.

    Arguments:
        rates: the rows of rates.csv.
        operations: the floating-point operations of a step's products, by work.

    Returns:
        A row for each work and number of runs at which they were measured; GFLOP/s are those of all cores.
    """
    rows = []
    for work in works_in(rates):
        quickest = best(medians(rates_of(rates, work)))
        if not {"sinegan", "products", "ceiling"} <= set(quickest.index):
            continue
        step, products, ceiling = (quickest.loc[way] for way in ("sinegan", "products", "ceiling"))
        for runs in products.dropna().index:
            rows.append(
                {
                    "work": work.name,
                    "runs": runs,
                    "mflop_a_step": operations[work.name] / 1e6,
                    "gflop_s": products[runs] * operations[work.name] / 1e9,
                    "ceiling_gflop_s": ceiling[runs] * operations[work.name] / 1e9,
                    "share_of_ceiling": products[runs] / ceiling[runs],
                    "share_of_step_time": step[runs] / products[runs],
                }
            )
    return pd.DataFrame(rows, columns=SHARE_COLUMNS)


def figure(rates: pd.DataFrame) -> Figure:
    """Run-steps per second of one work by the number of runs, each way in its best configuration."""
    quickest = best(medians(rates)).drop(index=["products", "ceiling"], errors="ignore")
    drawn = Figure(figsize=(6.2, 3.2), layout="constrained")
    axes = drawn.add_subplot()
    markers = "osv^D*P"
    for place, (way, row) in enumerate(quickest.iterrows()):
        style = "--" if way == "bound" else "-"
        colour = COLOURS[place % len(COLOURS)]
        axes.plot(row.index, row, style, marker=markers[place], markersize=4, color=colour, label=str(way))
    axes.set(xscale="log", yscale="log", xlabel="runs", ylabel="run-steps per second")
    axes.set_xticks(list(quickest.columns), [str(runs) for runs in quickest.columns])
    axes.minorticks_off()
    drawn.legend(loc="outside right center")
    return drawn


def write(
    folder: Path,
    rates: pd.DataFrame,
    tables: pd.DataFrame,
    operations: Mapping[str, int],
    vector_bytes: int,
) -> None:
    """Writes products.csv, goals.csv, benchmark.md and, if the original was measured, rates.png.

    Arguments:
        folder: where to write them.
        rates: the rows of rates.csv.
        tables: the rows of tables.csv; none if only other work was measured.
        operations: the floating-point operations of a step's products, by work.
        vector_bytes: the bytes of a vector of this processor.
    """
    shares = product_shares(rates, operations)
    shares.to_csv(folder / "products.csv", index=False)
    reached = goals(rates, shares, tables, vector_bytes)
    reached.to_csv(folder / "goals.csv", index=False)
    parts: list[str] = []
    for work in works_in(rates):
        by_runs = medians(rates_of(rates, work)).reset_index()
        by_runs.columns = [str(column) for column in by_runs.columns]
        parts += [
            f"{work.name} ({work.words}): run-steps per second by the number of runs, medians of the rounds",
            by_runs.to_markdown(index=False, floatfmt=",.0f"),
        ]
    if len(shares):
        parts += [
            "Matrix products of a step alone, GFLOP/s of all cores, and a loop of fused multiply-adds",
            shares.to_markdown(index=False, floatfmt=",.2f"),
        ]
    if len(tables):
        seconds = tables.groupby(["what", "way", "cache"])[["to_table", "whole"]].median().reset_index()
        parts += [
            "Seconds from command to table, and of the whole command: medians of the rounds",
            seconds.to_markdown(index=False, floatfmt=".1f"),
        ]
    shown = reached.assign(
        found=[f"{ratio:.2f} x" for ratio in reached["found"]],
        met=["yes" if met else "no" for met in reached["met"]],
    )
    parts += ["Ratios and goals, each peer in its best configuration", shown.to_markdown(index=False)]
    (folder / "benchmark.md").write_text("\n\n".join(parts) + "\n")
    if ORIGINAL in works_in(rates):
        with matplotlib.rc_context(STYLE):
            figure(rates_of(rates, ORIGINAL)).savefig(folder / "rates.png", dpi=200)
