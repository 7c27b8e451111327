"""Any long table of scores, judged as a sweep is: exports of trackers, results of other papers."""

import math
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from sinegan.printable import is_number, shortened
from sinegan.report.referee.comparisons import MARGIN, compare_samples, winners
from sinegan.report.referee.estimates import estimates_table
from sinegan.report.referee.run_values import Samples
from sinegan.report.referee.verdicts import Ends, verdicts_of
from sinegan.report.words.answers import verdict_sentence
from sinegan.schema import nearest
from sinegan.storage.files import read_regular
from sinegan.storage.results import parsed_csv

CONFIGURATION, PROBLEM = "configuration", "problem"
"""Columns of the tables that are made."""


class UnreadableScoresError(ValueError):
    """A table of scores cannot be used; the message says what is missing."""


@dataclass(frozen=True)
class Columns:
    """The columns of a long table, a row a run. problem: None where all runs are of one problem."""

    configuration: str
    seed: str
    metric: str
    problem: str | None = None

    @property
    def names(self) -> list[str]:
        problem = [] if self.problem is None else [self.problem]
        return [self.configuration, self.seed, self.metric, *problem]


@dataclass(frozen=True)
class Scores:
    """The runs of some configurations, on one problem or several, judged by the referee.

    margin: the share by which two configurations may differ and still be equal.
    """

    samples: Samples
    margin: float = MARGIN

    @cached_property
    def comparisons(self) -> pd.DataFrame:
        """A row a comparison: as `compare_samples`, with the `problem` where there are several."""
        table = compare_samples(self.samples, self.margin)
        rows = self.samples.rows.set_index("name")
        if PROBLEM in self.samples.keys:
            table.insert(0, PROBLEM, table["a"].map(rows[PROBLEM]))
        return table.assign(**{side: table[side].map(rows[CONFIGURATION]) for side in ("a", "b")})

    @cached_property
    def configurations(self) -> pd.DataFrame:
        """A row a configuration: as `estimates_table`, without the metric, which all share."""
        return estimates_table(self.samples, self._comparisons).drop(columns="metric")

    @cached_property
    def winners(self) -> list[bool]:
        """For each row of `configurations`, whether it is separated from every other of its problem."""
        return winners(self.samples, self._comparisons)

    @cached_property
    def answer(self) -> list[str]:
        """A sentence for each problem."""
        samples = self.samples
        values = {name: list(by_seed.values()) for name, by_seed in samples.values.items()}
        ends = {name: Ends(len(runs), 0, 0, sum(map(math.isinf, runs))) for name, runs in values.items()}
        rows = samples.rows.set_index("name")
        words = dict(zip(samples.rows["name"], samples.rows[CONFIGURATION], strict=True))
        several = PROBLEM in samples.keys
        return [
            verdict_sentence(
                verdict,
                f"on {rows[PROBLEM][verdict.names[0]]}" if several else "",
                words,
                samples.more_is_better,
            )
            for verdict in verdicts_of(samples, self._comparisons, self.margin, ends)
        ]

    @cached_property
    def _comparisons(self) -> pd.DataFrame:
        """The comparisons, by the names that the samples have."""
        return compare_samples(self.samples, self.margin)


def read_scores(path: Path) -> pd.DataFrame:
    """Reads a CSV file. Raises UnreadableScoresError."""
    try:
        return parsed_csv(read_regular(path), skipinitialspace=True)
    except OSError as error:
        raise UnreadableScoresError(f"{path}: cannot be read: {error.strerror or error}") from None
    except ValueError as error:
        problem = str(error).splitlines()[0]
        raise UnreadableScoresError(f"{path}: must be a CSV file with a line of names: {problem}") from None


def scores_of(
    table: pd.DataFrame, columns: Columns, more_is_better: bool = False, margin: float = MARGIN
) -> Scores:
    """Judges a long table. A run without a number (NaN, or infinite) counts as lost.

    Raises UnreadableScoresError.
    """
    _check(table, columns)
    problems = [""] * len(table) if columns.problem is None else _texts(table[columns.problem])
    configurations = _texts(table[columns.configuration])
    in_order = sorted(set(_texts(table[columns.seed])), key=_in_order)
    seeds = {seed: number for number, seed in enumerate(in_order)}
    values: dict[tuple[str, str], dict[int, float]] = {}
    for problem, configuration, seed, value in zip(
        problems, configurations, _texts(table[columns.seed]), table[columns.metric].tolist(), strict=True
    ):
        runs = values.setdefault((problem, configuration), {})
        runs[seeds[seed]] = float(value) if math.isfinite(value) else math.inf
    several = columns.problem is not None
    keys = [PROBLEM, CONFIGURATION] if several else [CONFIGURATION]
    rows = pd.DataFrame(
        [
            {PROBLEM: problem, CONFIGURATION: configuration, "metric": columns.metric, "name": repr(place)}
            for place, (problem, configuration) in enumerate(values)
        ]
    )
    by_name = dict(zip(rows["name"], values.values(), strict=True))
    ended: dict[str, list[float]] = {}
    for (problem, _), runs in values.items():
        ended.setdefault(problem, []).extend(value for value in runs.values() if math.isfinite(value))
    positive = {problem: min(known, default=1.0) > 0 for problem, known in ended.items()}
    return Scores(Samples(columns.metric, keys, rows, by_name, positive, True, more_is_better), margin)


def _check(table: pd.DataFrame, columns: Columns) -> None:
    """Raises UnreadableScoresError where a table lacks a column, a name or a number, or repeats a run."""
    known = [str(name) for name in table.columns]
    for name in columns.names:
        if name not in known:
            hint = nearest(name, known) or ";"
            raise UnreadableScoresError(f"column {name}: is not there{hint} there are: {', '.join(known)}")
    if len(set(columns.names)) < len(columns.names):
        raise UnreadableScoresError(f"columns {', '.join(columns.names)}: give each another column")
    if table.empty:
        raise UnreadableScoresError("the table has no rows: give a row for each run")
    if not pd.api.types.is_numeric_dtype(table[columns.metric]):
        texts = [text for text in table[columns.metric].dropna().map(str) if not is_number(text)]
        example = f", not {shortened(texts[0])!r}" if texts else ""
        raise UnreadableScoresError(f"column {columns.metric}: must hold numbers{example}")
    runs = [name for name in columns.names if name != columns.metric]
    for name in runs:
        if table[name].isna().any():
            line = int(table[name].isna().to_numpy().argmax()) + 2
            raise UnreadableScoresError(f"column {name}: is empty in line {line}; each run needs a value")
    repeated = table[table.duplicated(runs)]
    if len(repeated):
        first = ", ".join(f"{name}={shortened(str(repeated.iloc[0][name]))}" for name in runs)
        raise UnreadableScoresError(
            f"{first}: is given more than once; give one row a run, and name the column of the problem "
            "where runs differ in it"
        )


def _texts(column: "pd.Series[Any]") -> list[str]:
    return [str(value) for value in column.tolist()]


def _in_order(text: str) -> tuple[float, str]:
    """Sorts numbers by their size, and texts after them."""
    return (float(text), text) if is_number(text) else (math.inf, text)
