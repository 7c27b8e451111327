"""The page of the study of sequential designs, from its tables."""

import math
from pathlib import Path
from typing import Any

import pandas as pd

from benchmarks import racing
from sinegan.designs import UntilBest

ANY, EQUAL, DROPPED = "any false claim", "false equal", "best dropped"
MEASURED = 0.066
"""The largest share of false claims, measured on 2,000 sweeps, that the promise of 5 % allows."""
ERROR_WORDS = {
    ANY: "Share of sweeps in which, at any look, a configuration is called better that is not truly better.",
    EQUAL: "Share of sweeps in which two configurations are called equal that differ by exactly the margin, "
    "10 %. The standard deviation is 0.05 here, and 0.25 elsewhere.",
    DROPPED: "Share of sweeps in which the one truly best configuration is dropped.",
}
COVERAGE_WORDS = (
    "Share of the intervals at the end of a sweep that hold the true value. `ratio`: of the comparisons that "
    "the report shows, at the level of the look that counts. `estimate`: of each configuration, at the level "
    "of its last look. `naive`: the same as 95 % intervals, as if there had been one look only."
)
COST_WORDS = """Each method sees the same draws.

- fixed, same verdicts: the smallest fixed design that separates as many configurations and gives as many
  verdicts as decide=best did, looked up in each sweep's own draw (no user could); 64 seeds where none does
  (`not reached`). `of fixed`: runs over those of this design.
- fixed, same verdicts in 4 of 5 sweeps: seeds fixed beforehand, so many that 80 % of the sweeps have them.
- halving: at each rung the better half (or third) by the mean gets twice (or three times) the seeds. At
  equal cost, it begins with as many seeds as make it cost what decide=best does.
- Wilcoxon: Optuna's WilcoxonPruner with its default threshold of 0.1 and 2 startup steps; configurations are
  trials in random order, seeds are steps.
- `separated`: share of the others that are worse than another configuration. `verdicts`: that are separated,
  or equal to the best. `decided`: share of questions with nothing open.
- `dropped`: share of questions in which no truly best configuration is left; halving leaves one alone.
  `not picked`: in which the best of those left is not truly best. `far`: in which it is worse than the truly
  best by more than 10 %.

Means are taken on the scale that the referee compares: of logarithms where values are positive.
"""
STEPS_WORDS = (
    "One seed each, drawn from the kept runs; survivors by the metric at the rung. The truly best "
    "configuration has the lowest mean over all kept runs."
)
SHARES = ["separated", "verdicts", "decided", "dropped", "not picked", "far", "not reached"]
DECIDE, SAME, SAME_BEFOREHAND = "decide=best", racing.SAME, racing.SAME_BEFOREHAND


def percent(share: float) -> str:
    return "-" if math.isnan(share) else f"{100 * share:.1f} %"


def wide(table: pd.DataFrame, columns: list[str]) -> str:
    """A table of shares, one column a design (and kind of figure)."""
    index = ["truth", "shape", "configurations", "targets", "sweeps"]
    index = [name for name in index if name != "targets" or table[name].nunique() > 1]
    shown = table.pivot_table(index=index, columns=columns, values="share", sort=False, dropna=False)
    shown = shown.dropna(how="all").map(percent)
    shown.columns = [
        ", ".join(each) if isinstance(each, tuple) else f"decide={each}" for each in shown.columns
    ]
    return str(shown.reset_index().to_markdown(index=False))


def errors_page(table: pd.DataFrame) -> str:
    """The part of the page about errors and coverage."""
    made = table[table["study"] == "errors"]
    text = "## Errors\n\n5 % is promised, measured at most 6.6 %.\n\n"
    for of in (ANY, EQUAL, DROPPED):
        rows = made[made["of"] == of]
        for design, ours in rows.groupby("design"):
            worst = ours.loc[ours["share"].idxmax()]
            text += f"- {of}, decide={design}: at most {percent(worst['share'])} ({described(worst)}); "
            over = ours[ours["share"] > MEASURED].sort_values("share", ascending=False)
            text += f"above {percent(MEASURED)} in {len(over)} of {len(ours)} cells.\n"
            text += "".join(f"  - {percent(row['share'])}: {described(row)}\n" for _, row in over.iterrows())
    for of, words in ERROR_WORDS.items():
        rows = made[(made["of"] == of) & ((of != EQUAL) | made["truth"].str.contains("10 %"))]
        if rows.empty:
            continue
        text += f"\n### {of.capitalize()}\n\n{words}\n\n{wide(rows, ['design'])}\n"
    covered = table[table["study"] == "coverage"]
    return text + f"\n## Coverage\n\n{COVERAGE_WORDS}\n\n{wide(covered, ['design', 'of'])}\n"


def described(row: Any) -> str:
    targets = f", {row['targets']} targets" if row["targets"] > 1 else ""
    return f"{row['truth']}, {row['shape']}, {row['configurations']} configurations{targets}, " + (
        f"{row['sweeps']:,} sweeps"
    )


def cost_page(table: pd.DataFrame, steps: pd.DataFrame) -> str:
    """The part of the page about cost."""
    text = f"\n## Cost\n\n{COST_WORDS}\n### In short\n\n{in_short(table).to_markdown(index=False)}\n"
    for source, rows in table.groupby("source", sort=False):
        first = rows.iloc[0]
        text += f"\n### {str(source).capitalize()}\n\n{first['configurations']} configurations"
        text += f" on {first['targets']} targets" if first["targets"] > 1 else ""
        text += f", {first['sweeps']:,} sweeps. {racing.ABOUT.get(str(source), '')}\n\n"
        shown = rows[["method", "runs", "run_steps", "of fixed", *SHARES]].copy()
        shown[SHARES] = shown[SHARES].map(percent)
        shown["of fixed"] = shown["of fixed"].map("{:.2f}".format)
        shown[["runs", "run_steps"]] = shown[["runs", "run_steps"]].map("{:,.0f}".format)
        shown = shown.drop(columns="run_steps") if shown["run_steps"].equals(shown["runs"]) else shown
        text += f"{shown.to_markdown(index=False)}\n"
    shown = steps.assign(**{name: steps[name].map(percent) for name in ("dropped", "far")})
    shown = shown.drop(columns="not picked").fillna("")
    return text + f"\n## Halving over training steps\n\n{STEPS_WORDS}\n\n{shown.to_markdown(index=False)}\n"


def in_short(table: pd.DataFrame) -> pd.DataFrame:
    """A row a source: the runs of decide=best over those of fixed designs, and how often the best is lost."""
    rows = []
    for source, methods in table.groupby("source", sort=False):
        runs, dropped, far = (
            dict(zip(methods["method"], methods[name], strict=True)) for name in ("runs", "dropped", "far")
        )
        equal_cost = [name for name in runs if "equal cost" in str(name)]
        rows.append(
            {
                "source": source,
                "runs, decide=best": f"{runs[DECIDE]:,.0f}",
                "over fixed, same verdicts": f"{runs[DECIDE] / runs[SAME]:.2f}",
                "over fixed, in 4 of 5": f"{runs[DECIDE] / runs[SAME_BEFOREHAND]:.2f}",
                "dropped, decide=best": percent(dropped[DECIDE]),
                **{f"dropped, {name.split(',')[0]}": percent(dropped[name]) for name in equal_cost},
                "far, decide=best": percent(far[DECIDE]),
                **{f"far, {name.split(',')[0]}": percent(far[name]) for name in equal_cost},
            }
        )
    return pd.DataFrame(rows)


def page(folder: Path) -> str:
    """The page of the tables that are there."""
    text = (
        "# Sequential designs: errors and cost\n\nMade by `benchmarks/sequential.py`, with the defaults of "
    )
    text += f"`decide`: looks at {', '.join(map(str, UntilBest().schedule))} seeds, a margin of 10 %.\n\n"
    text += "A share of 5 % of 2,000 sweeps has a standard error of 0.5 %, of 500 sweeps 1 %. Figures "
    text += "with fewer sweeps are dearer, or the study was stopped before their last turn.\n\n"
    if (folder / "errors.csv").exists():
        text += errors_page(pd.read_csv(folder / "errors.csv"))
    if (folder / "cost.csv").exists():
        text += cost_page(pd.read_csv(folder / "cost.csv"), pd.read_csv(folder / "steps.csv"))
    return text
