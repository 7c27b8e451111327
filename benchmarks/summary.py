"""The summary of a benchmark: medians, ratios against the goals, and a figure."""

from pathlib import Path

import matplotlib
import pandas as pd
from matplotlib.figure import Figure

from sinegan.report.figures.style import COLOURS, STYLE

AGAINST = {
    "the original script": ("original script", 8, 40.0),
    "clean eager loop under joblib": ("eager, joblib", 8, 10.0),
    "JAX, its best": ("JAX", 8, 1.3),
    "matrix products as the original makes them": ("bound", 32, 0.75),
}
"""For each goal: a way, the fewest runs at which it holds, and the least ratio of run-steps per second."""


def medians(rates: pd.DataFrame) -> pd.DataFrame:
    """Run-steps per second: a row for each way and how, a column for each number of runs."""
    order = list(dict.fromkeys(zip(rates["way"], rates["how"], strict=True)))
    return rates.pivot_table(values="rate", index=["way", "how"], columns="runs", aggfunc="median").loc[order]


def best(table: pd.DataFrame) -> pd.DataFrame:
    """Each way in its best configuration at each number of runs."""
    return table.groupby(level="way", sort=False).max()


def goals(rates: pd.DataFrame, tables: pd.DataFrame) -> pd.DataFrame:
    """A row for each goal, with the columns against, at, goal, found and met."""
    quickest = best(medians(rates))
    rows = []
    for against, (way, least, goal) in AGAINST.items():
        for runs in (each for each in quickest.columns if each >= least):
            ratio = quickest.loc["sinegan", runs] / quickest.loc[way, runs]
            rows.append((against, f"{runs} runs", f">= {goal:g} x", ratio, ratio >= goal))
    if {8, 128} <= set(quickest.columns):
        cost = quickest.loc["sinegan", 8] / quickest.loc["sinegan", 128]
        rows.append(
            ("sinegan with 8 runs", "128 runs, cost a run-step", "0.9 to 1.1 x", cost, abs(cost - 1) <= 0.1)
        )
    seconds = tables.groupby(["what", "way", "cache"])["to_table"].median()
    for what, cache, goal in (
        ("README's sweep", "cold", 1.0),
        ("README's sweep", "warm", 0.6),
        ("one run", "warm", 1.0),
    ):
        ratio = seconds[what, "sinegan", cache] / seconds[what, "JAX", cache]
        rows.append(
            ("JAX, time to the table", f"{what}, {cache} cache", f"<= {goal:g} x", ratio, ratio <= goal)
        )
    return pd.DataFrame(rows, columns=["against", "at", "goal", "found", "met"])


def figure(rates: pd.DataFrame) -> Figure:
    """Run-steps per second by the number of runs, each way in its best configuration."""
    quickest = best(medians(rates))
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


def write(folder: Path, rates: pd.DataFrame, tables: pd.DataFrame) -> None:
    """Writes goals.csv, benchmark.md and rates.png."""
    reached = goals(rates, tables)
    reached.to_csv(folder / "goals.csv", index=False)
    seconds = tables.groupby(["what", "way", "cache"])[["to_table", "whole"]].median().reset_index()
    by_runs = medians(rates).reset_index()
    by_runs.columns = [str(column) for column in by_runs.columns]
    shown = reached.assign(
        found=[f"{ratio:.2f} x" for ratio in reached["found"]],
        met=["yes" if met else "no" for met in reached["met"]],
    )
    (folder / "benchmark.md").write_text(
        "\n\n".join(
            [
                "Run-steps per second by the number of runs: medians of the rounds",
                by_runs.to_markdown(index=False, floatfmt=",.0f"),
                "Seconds from command to table, and of the whole command: medians of the rounds",
                seconds.to_markdown(index=False, floatfmt=".1f"),
                "Ratios and goals, each peer in its best configuration",
                shown.to_markdown(index=False),
            ]
        )
        + "\n"
    )
    with matplotlib.rc_context(STYLE):
        figure(rates).savefig(folder / "rates.png", dpi=200)
