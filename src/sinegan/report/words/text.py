"""Tables in words: for the terminal and as Markdown."""

import math
import re
from collections import Counter
from collections.abc import Callable

import pandas as pd
from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from sinegan.printable import printable
from sinegan.report.referee.effects import effects_words
from sinegan.report.referee.statistics import CONFIDENCE
from sinegan.report.words.answers import answer
from sinegan.report.words.escapes import in_markdown, markdown_line
from sinegan.report.words.tables import LOG_4, Sweep, notes, theory_table

MOST_ROWS = 40
"""Rows that a terminal is shown; the files have all."""

THEORY = (
    f"At the optimum D(real) = D(fake) = 1/2 and the value V = -log 4 = {-LOG_4:.4f} "
    "(Goodfellow et al. 2014, theorem 1); `gap` is how far V lies above it."
)


def shown_table(sweep: Sweep) -> pd.DataFrame:
    """The comparison table as people read it: rounded, one column an interval."""
    wide = sweep.table
    columns: dict[str, list[str]] = {key: told(wide[key]) for key in sweep.swept or ["configuration"]}
    metrics = wide["metric"].unique()
    if len(metrics) > 1:
        columns["metric"] = wide["metric"].tolist()
    columns["n"] = [str(n) for n in wide["n"]]
    columns[metrics[0] if len(metrics) == 1 else "estimate"] = [number(x) for x in wide["estimate"]]
    columns[f"{CONFIDENCE:.0%} interval"] = spans(wide["low"], wide["high"])
    if wide["rank"].notna().any():
        columns["rank"] = rank_words(wide["rank"], sweep.samples.rows["problem"])
    columns["range"] = spans(wide["smallest"], wide["largest"])
    for name in ("failed", "diverged", "unfinished"):
        if wide[name].any():
            columns[name] = [str(count) for count in wide[name]]
    columns["seconds"] = [
        f"{seconds:,.0f}" if seconds >= 10 else f"{seconds:.2g}" for seconds in wide["seconds"]
    ]
    return pd.DataFrame(columns)


def shown_theory(sweep: Sweep) -> pd.DataFrame:
    """How far from the optimum, rounded."""
    table = theory_table(sweep)
    labels = {key: told(table[key]) for key in sweep.swept}
    names = {"d_real": "D(real)", "d_fake": "D(fake)", "value": "V", "value_gap": "gap"}
    return pd.DataFrame(labels | {title: table[name].map(number) for name, title in names.items()})


def number(value: float) -> str:
    """Three significant digits; a dash for what is not there."""
    if math.isnan(value):
        return "-"
    return f"{value:.3g}" if value == 0 or 1e-4 <= abs(value) < 1e4 else f"{value:.2e}"


def told(labels: "pd.Series[str]") -> list[str]:
    """Labels as texts; a dash for a key that a configuration does not have, a penalty's weight say."""
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
    """A text for rich, which reads no markup in it; what would move the cursor is told in words."""
    return Text(printable(text))


def estimate_words(sweep: Sweep, shown: Callable[[str], str] = printable) -> str:
    """What the numbers of the table are. shown: how names of metrics are written."""
    metrics = shown(" or ".join(sweep.configurations["metric"].unique()))
    return (
        f"The estimate is of each run's mean {metrics} over its last 20 % of evaluations, over the n "
        f"runs that ended well: their geometric mean (the mean where values can be negative) with a "
        f"{CONFIDENCE:.0%} t interval. Less is better. Configurations that are not separated from the "
        f"best share its rank (`1=`). `seconds`: computing time of all its runs."
    )


COMPARISON_WORDS = (
    "`ratio`: a's estimate over b's, less than 1 when a is better, with its own 95% interval. `p`: paired "
    "by seed (t on logarithms) where seeds are shared and no run was lost; `corrected` for all that was "
    "compared. `seeds needed`: to find a difference of 10 % with a chance of 0.8 at this spread. "
    "`improvement`: the chance that a run of a is better than one of b."
)
EFFECT_WORDS = (
    "`ratio`: the level's geometric mean over that of the level it is held against, over the rest of the "
    "grid, computed in each seed. `corrected` for all keys and interactions of the sweep, and for the levels."
)


def shown_comparisons(comparisons: pd.DataFrame) -> pd.DataFrame:
    """The comparisons, rounded; at most MOST_ROWS of them, the clearest first."""
    chosen = comparisons.sort_values("p_holm", kind="stable").head(MOST_ROWS)
    columns = {name: chosen[name].tolist() for name in ("a", "b")} | {"n": [str(n) for n in chosen["n"]]}
    columns |= _effect_columns(chosen)
    columns |= {"p": list(map(number, chosen["p"])), "corrected": list(map(number, chosen["p_holm"]))}
    columns["separated"] = ["yes" if one else "no" for one in chosen["separated"]]
    columns["seeds needed"] = ["-" if pd.isna(seeds) else f"{seeds:,.0f}" for seeds in chosen["seeds_needed"]]
    columns["improvement"] = list(map(number, chosen["improvement"]))
    return pd.DataFrame(columns)


def shown_effects(effects: pd.DataFrame) -> pd.DataFrame:
    """The effects of levels and the interactions, rounded; at most MOST_ROWS."""
    chosen = effects[effects["kind"].isin(["main", "interaction"])].head(MOST_ROWS)
    columns = {name: [str(value) for value in chosen[name]] for name in ("key", "level", "against")}
    columns["n"] = [str(n) for n in chosen["n"]]
    columns |= _effect_columns(chosen)
    columns |= {"p": list(map(number, chosen["p"])), "corrected": list(map(number, chosen["p_holm"]))}
    columns["separated"] = ["yes" if one else "no" for one in chosen["separated"]]
    return pd.DataFrame(columns)


def _effect_columns(table: pd.DataFrame) -> dict[str, list[str]]:
    interval = f"{CONFIDENCE:.0%} interval"
    found: dict[str, list[str]] = {}
    ratios, differences = table["ratio"].notna(), table["difference"].notna()
    if ratios.any() or not differences.any():
        found |= {"ratio": list(map(number, table["ratio"])), interval: spans(table["low"], table["high"])}
    if differences.any():
        found["difference"] = list(map(number, table["difference"]))
        of_difference = spans(table["difference_low"], table["difference_high"])
        found[f"{interval} of difference" if ratios.any() else interval] = of_difference
    return found


def markdown(sweep: Sweep) -> str:
    """The report's tables as Markdown."""
    shown = shown_table(sweep)
    winner = winners(pd.concat([sweep.samples.rows["problem"], sweep.table[["rank", "tie_group"]]], axis=1))
    marked = [name for name in ("estimate", "rank", *sweep.table["metric"].unique()) if name in shown]
    bold = pd.DataFrame({name: [one and name in marked for one in winner] for name in shown})
    said = "".join(f"- {markdown_line(note)}\n" for note in notes(sweep))
    text = "# Configurations\n\n"
    text += "".join(f"{markdown_line(sentence(line))}\n\n" for line in answer(sweep))
    text += f"{markdown_table(shown, bold)}\n\n{estimate_words(sweep, in_markdown)}\n\n{said}\n"
    if len(sweep.comparisons):
        text += f"## Comparisons\n\n{markdown_table(shown_comparisons(sweep.comparisons))}\n\n"
        left = len(sweep.comparisons) - MOST_ROWS
        text += f"{COMPARISON_WORDS}{f' {left} more are in comparisons.csv.' if left > 0 else ''}\n\n"
    if len(sweep.effects):
        lines = "".join(f"- {markdown_line(sentence(line))}\n" for line in effects_words(sweep.effects))
        text += f"## Effects\n\n{lines}\n{markdown_table(shown_effects(sweep.effects))}\n\n{EFFECT_WORDS}\n\n"
    return f"{text}## Distance from the optimum\n\n{markdown_table(shown_theory(sweep))}\n\n{THEORY}\n"


def sentence(words: str) -> str:
    """Words with a full stop, and a capital where they do not begin with a name."""
    return f"{words[0].upper()}{words[1:]}." if re.match(r"(a|all|at|no|none|the) ", words) else f"{words}."


def winners(placed: pd.DataFrame) -> list[bool]:
    """Who is alone in the first tie group of its problem: separated from every other that is ranked.

    placed: with the columns `problem`, `rank` and `tie_group`.
    """
    first = placed[placed["tie_group"] == 1].groupby("problem").size()
    return [
        bool(not pd.isna(group) and group == 1 and first[problem] == 1)
        for problem, group in zip(placed["problem"], placed["tie_group"], strict=True)
    ]


def markdown_table(shown: pd.DataFrame, bold: pd.DataFrame | None = None) -> str:
    """A table of strings as Markdown, numbers as they are typed. bold: which cells are."""
    cells = shown.map(in_markdown)
    if bold is not None:
        cells = cells.mask(bold, "**" + cells + "**")
    cells.columns = pd.Index([in_markdown(str(name)) for name in cells.columns])
    return str(cells.to_markdown(index=False, disable_numparse=True))
