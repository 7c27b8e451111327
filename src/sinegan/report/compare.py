"""python -m sinegan.report compare FILE …: judges the scores of a CSV file as a sweep is judged."""

import argparse
import math
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
from rich.console import Console

from sinegan.printable import PrintableParser
from sinegan.report.figures.intervals import interval_panels
from sinegan.report.figures.style import png, svg
from sinegan.report.make import WIDTH
from sinegan.report.options import share
from sinegan.report.referee.analysis import Analysis
from sinegan.report.referee.comparisons import MARGIN
from sinegan.report.scores import CONFIGURATION, PROBLEM, Columns, Scores, read_scores, scores_of
from sinegan.report.sweep import Sweep
from sinegan.report.words.answers import lead
from sinegan.report.words.tables import (
    INTERVAL,
    MOST_ROWS,
    in_terminal,
    number,
    rank_words,
    spans,
    terminal_table,
)
from sinegan.storage.files import refuse_link, write_whole
from sinegan.storage.results import csv


def compare(
    data: Sweep | pd.DataFrame,
    metric: str | None = None,
    by: Sequence[str] | None = None,
    margin: float = MARGIN,
    *,
    configuration: str = CONFIGURATION,
    seed: str = "seed",
    problem: str | None = None,
    more_is_better: bool = False,
) -> pd.DataFrame:
    """The comparisons of a sweep, or of any long table with a row a run, as `compare_samples` makes them.

    Arguments:
        data: a sweep, or a table with a row a run; a run without a number (NaN) counts as lost.
        metric: of a sweep, as `samples_of` takes it; of a table, the column of the values (`score`).
        by: of a sweep, keys that make groups, as `samples_of` takes them.
        margin: the share by which two configurations may differ and still be equal; a sequential design
            has its own.
        configuration, seed: of a table, the columns that say which run a row is of.
        problem: of a table, the column of what is compared apart: the data set, the task.
        more_is_better: of a table, whether the values are better when they are higher.

    Returns:
        A row a comparison. Of a table with problems the first column is `problem`.

    Raises:
        UnknownNameError: a sweep has no such metric or key.
        UnreadableScoresError: a table has no such column, or its rows are no runs.
    """
    if isinstance(data, Sweep):
        return Analysis(data, margin).judged(metric, by)[1]
    columns = Columns(configuration, seed, metric or "score", problem)
    return scores_of(data, columns, more_is_better, margin).comparisons


def main(arguments: Sequence[str]) -> None:
    """The command. Raises UnusableOptionError, UnreadableScoresError, OSError."""
    chosen = _parser().parse_args(arguments)
    margin = MARGIN if chosen.margin is None else share("--margin", chosen.margin)
    columns = Columns(chosen.configuration, chosen.seed, chosen.metric, chosen.problem)
    scores = scores_of(read_scores(chosen.file), columns, chosen.more_is_better, margin)
    console = Console()
    print_scores(scores, console)
    if chosen.out is not None:
        for path in write_scores(scores, chosen.out):
            console.print(in_terminal(str(path)), soft_wrap=True)


def print_scores(scores: Scores, console: Console) -> None:
    """Prints the answer and the table, in at most 80 columns."""
    width = min(console.width, WIDTH)
    for sentence in lead(scores.answer, width):
        console.print(in_terminal(sentence), width=width)
    way = "more" if scores.samples.more_is_better else "less"
    shown = shown_scores(scores)
    console.print(terminal_table(shown, f"{scores.samples.metric}, {way} is better"), width=width)
    if len(shown) > MOST_ROWS:
        console.print(f"… and {len(shown) - MOST_ROWS} more rows; --out writes all.")


def shown_scores(scores: Scores) -> pd.DataFrame:
    """The table of configurations as people read it."""
    table = scores.configurations
    columns: dict[str, list[str]] = {key: table[key].tolist() for key in scores.samples.keys}
    columns["n"] = [str(n) for n in table["n"]]
    if table["lost"].any():
        columns["lost"] = [str(count) for count in table["lost"]]
    columns[scores.samples.metric] = list(map(number, table["estimate"]))
    columns[INTERVAL] = spans(table["low"], table["high"])
    if table["rank"].notna().any():
        columns["rank"] = rank_words(table["rank"], scores.samples.rows[PROBLEM])
    return pd.DataFrame(columns)


def write_scores(scores: Scores, folder: Path) -> list[Path]:
    """Writes the tables, the answer and the picture of the intervals; returns the files."""
    refuse_link(folder)
    folder.mkdir(parents=True, exist_ok=True)
    contents: dict[str, str | bytes] = {
        "configurations.csv": csv(scores.configurations),
        "comparisons.csv": csv(scores.comparisons),
        "answer.txt": "".join(f"{in_terminal(sentence)}\n" for sentence in scores.answer),
    }
    samples = scores.samples
    figure = interval_panels(_panels(scores), [CONFIGURATION], samples.metric, samples.more_is_better)
    if figure is not None:
        contents |= {"intervals.png": png(figure), "intervals.svg": svg(figure)}
    for name, content in contents.items():
        write_whole(folder / name, content)
    return [folder / name for name in contents]


def _panels(scores: Scores) -> dict[str, tuple[pd.DataFrame, list[list[float]]]]:
    """The table and the runs of each problem, by its name."""
    samples = scores.samples
    table = scores.configurations.assign(problem=samples.rows[PROBLEM], name=samples.rows["name"])
    panels = {}
    for problem, rows in table.groupby(PROBLEM, sort=False):
        by_seed = [samples.values[name].values() for name in rows["name"]]
        panels[str(problem)] = rows, [[value for value in runs if math.isfinite(value)] for runs in by_seed]
    return panels


def _parser() -> argparse.ArgumentParser:
    parser = PrintableParser(
        prog="python -m sinegan.report compare",
        description="Judges any long table of scores, a row a run, as a sweep is judged: which "
        "configuration is better, which are equal, and what the runs leave undecided. A run without a "
        "number counts as lost.",
    )
    parser.add_argument("file", type=Path, metavar="FILE", help="a CSV file with a line of names")
    for option, default, words in (
        ("--configuration", CONFIGURATION, "what is compared: the method, the model"),
        ("--seed", "seed", "which runs are a pair: the seed, the fold"),
        ("--metric", "score", "the values"),
        ("--problem", None, "what is compared apart: the data set, the task"),
    ):
        by_default = f" (default {default})" if default else ""
        parser.add_argument(option, default=default, metavar="COLUMN", help=f"{words}{by_default}")
    parser.add_argument("--more-is-better", action="store_true", help="by default less is")
    parser.add_argument(
        "--margin", metavar="SHARE", help=f"two that differ by less are equal (default {MARGIN:g})"
    )
    parser.add_argument(
        "--out",
        type=Path,
        metavar="FOLDER",
        help="where to write configurations.csv, comparisons.csv, answer.txt and intervals.png",
    )
    return parser
