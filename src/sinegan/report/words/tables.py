"""Tables as people read them: rounded texts, an interval a column; and how a terminal shows them."""

import math
from collections import Counter

import pandas as pd
from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from sinegan.printable import printable
from sinegan.report.referee.analysis import Analysis
from sinegan.report.referee.decisions import COLUMNS as DECISION_COLUMNS
from sinegan.report.referee.effects import INTERACTION, MAIN
from sinegan.report.referee.statistics import CONFIDENCE

MOST_ROWS = 40
"""Rows that a terminal is shown; the files have all."""
INTERVAL = f"{CONFIDENCE:.0%} interval"
"""The title of a column."""


def shown_table(analysis: Analysis) -> pd.DataFrame:
    """The comparison table, with a column for each kind of lost runs that there are."""
    wide = analysis.wide_table
    keys = analysis.sweep.swept or ["configuration"]
    columns: dict[str, list[str]] = {key: label_texts(wide[key]) for key in keys}
    metrics = wide["metric"].unique()
    if len(metrics) > 1:
        columns["metric"] = wide["metric"].tolist()
    columns["n"] = [str(n) for n in wide["n"]]
    columns[metrics[0] if len(metrics) == 1 else "estimate"] = [number(x) for x in wide["estimate"]]
    columns[INTERVAL] = spans(wide["low"], wide["high"])
    if wide["rank"].notna().any():
        columns["rank"] = rank_words(wide["rank"], analysis.samples.rows["problem"])
    columns["range"] = spans(wide["smallest"], wide["largest"])
    for name in ("failed", "diverged", "unfinished"):
        if wide[name].any():
            columns[name] = [str(count) for count in wide[name]]
    columns["seconds"] = [
        f"{seconds:,.0f}" if seconds >= 10 else f"{seconds:.2g}" for seconds in wide["seconds"]
    ]
    return pd.DataFrame(columns)


def shown_theory(analysis: Analysis) -> pd.DataFrame:
    """The distance from the optimum."""
    table = analysis.theory
    labels = {key: label_texts(table[key]) for key in analysis.sweep.swept}
    names = {"d_real": "D(real)", "d_fake": "D(fake)", "value": "V", "value_gap": "gap"}
    return pd.DataFrame(labels | {title: table[name].map(number) for name, title in names.items()})


def number(value: float) -> str:
    """A number with three significant digits; a dash for NaN."""
    if math.isnan(value):
        return "-"
    return f"{value:.3g}" if value == 0 or 1e-4 <= abs(value) < 1e4 else f"{value:.2e}"


def percent(share: float) -> str:
    """`10 %`."""
    return f"{100 * share:.0f} %"


def label_texts(labels: "pd.Series[str]") -> list[str]:
    """Labels as texts; a dash for a key that a configuration does not have (a penalty's weight, say)."""
    return ["-" if pd.isna(label) else str(label) for label in labels]


def rank_words(ranks: "pd.Series[int]", problems: "pd.Series[str]") -> list[str]:
    """`1=` for a rank that several of a problem share, `-` where there is none."""
    count = Counter(zip(problems, ranks.fillna(0), strict=True))
    return [
        "-" if pd.isna(rank) else f"{rank}=" if count[problem, rank] > 1 else str(rank)
        for problem, rank in zip(problems, ranks, strict=True)
    ]


def spans(low: "pd.Series[float]", high: "pd.Series[float]") -> list[str]:
    """Intervals in words, a dash where there is none."""
    pairs = zip(low, high, strict=True)
    return ["-" if math.isnan(a) or math.isnan(b) else f"{number(a)} to {number(b)}" for a, b in pairs]


def terminal_table(table: pd.DataFrame, title: str) -> Table:
    """A table for rich; long ones are cut at MOST_ROWS."""
    shown = Table(
        title=in_terminal(title), title_justify="left", title_style="bold", box=SIMPLE_HEAD, pad_edge=False
    )
    for place, column in enumerate(table.columns):
        shown.add_column(in_terminal(column), justify="left" if place == 0 else "right", overflow="fold")
    for row in table.head(MOST_ROWS).itertuples(index=False):
        shown.add_row(*map(in_terminal, row))
    return shown


def in_terminal(text: str) -> Text:
    """A text for rich, which reads no markup in it; control characters are written out."""
    return Text(printable(text))


def shown_comparisons(comparisons: pd.DataFrame) -> pd.DataFrame:
    """The comparisons, at most MOST_ROWS of them, the clearest first."""
    chosen = comparisons.sort_values("p_corrected", kind="stable").head(MOST_ROWS)
    columns = {name: chosen[name].tolist() for name in ("a", "b")} | {"n": [str(n) for n in chosen["n"]]}
    columns |= _effect_columns(chosen)
    columns |= {"p": list(map(number, chosen["p"])), "corrected": list(map(number, chosen["p_corrected"]))}
    columns["verdict"] = chosen["verdict"].tolist()
    columns["seeds needed"] = ["-" if pd.isna(seeds) else f"{seeds:,.0f}" for seeds in chosen["seeds_needed"]]
    columns["improvement"] = list(map(number, chosen["improvement"]))
    return pd.DataFrame(columns)


def shown_effects(effects: pd.DataFrame) -> pd.DataFrame:
    """The effects of levels and the interactions, at most MOST_ROWS of them."""
    chosen = effects[effects["kind"].isin([MAIN, INTERACTION])].head(MOST_ROWS)
    columns = {name: [str(value) for value in chosen[name]] for name in ("key", "level", "against")}
    columns["n"] = [str(n) for n in chosen["n"]]
    columns |= _effect_columns(chosen)
    columns |= {"p": list(map(number, chosen["p"])), "corrected": list(map(number, chosen["p_corrected"]))}
    columns["separated"] = ["yes" if separated else "no" for separated in chosen["separated"]]
    return pd.DataFrame(columns)


def shown_decisions(decisions: pd.DataFrame) -> pd.DataFrame:
    """The decisions of a sequential design, at most MOST_ROWS of them."""
    chosen = decisions.head(MOST_ROWS)
    keys = [key for key in decisions if key not in DECISION_COLUMNS]
    columns = {key: label_texts(chosen[key]) for key in keys}
    columns |= {name: label_texts(chosen[name]) for name in ("seeds", "outcome")}
    columns |= {"decided at": label_texts(chosen["decided_at"]), "against": label_texts(chosen["against"])}
    columns["corrected"] = list(map(number, chosen["p_corrected"]))
    return pd.DataFrame(columns)


def _effect_columns(table: pd.DataFrame) -> dict[str, list[str]]:
    """The ratios with their intervals, and the differences where there are any."""
    columns: dict[str, list[str]] = {}
    ratios, differences = table["ratio"].notna(), table["difference"].notna()
    if ratios.any() or not differences.any():
        columns |= {"ratio": list(map(number, table["ratio"])), INTERVAL: spans(table["low"], table["high"])}
    if differences.any():
        columns["difference"] = list(map(number, table["difference"]))
        of_difference = spans(table["difference_low"], table["difference_high"])
        columns[f"{INTERVAL} of difference" if ratios.any() else INTERVAL] = of_difference
    return columns
