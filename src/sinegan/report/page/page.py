"""The report as one self-contained HTML page: works from disk, loads nothing, escapes everything."""

import json
import math
import re
from base64 import b64encode
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from hashlib import sha256
from importlib.resources import files
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from jinja2 import Environment, StrictUndefined, Template
from markupsafe import Markup

from sinegan.printable import printable
from sinegan.report.labels import label
from sinegan.report.referee.analysis import Analysis
from sinegan.report.sweep import Sweep
from sinegan.report.words.captions import estimates_caption
from sinegan.report.words.notes import notes
from sinegan.report.words.tables import INTERVAL, number
from sinegan.statuses import DIVERGED, FAILED, UNFINISHED
from sinegan.storage.results import records
from sinegan.storage.settings import flattened

MOST_ROWS = 1_000
"""Rows of a table on the page; the CSV files next to it have all."""
MOST_ANSWERS = 3
"""Sentences that are shown at once; further ones fold."""
MOST_PAIRS = 200
MOST_VALUES = 12
MOST_ENDS = 100
PIXELS = 5 / 3
"""Pixels of a point of a picture: a quarter larger than in print."""

CAPTIONS = {
    "learning_curves": "Learning curves: the primary metric over steps, each run faint.",
    "generated_curves": "Generated curves at the end against the real ones.",
    "intervals": "Estimates of all configurations with their intervals and tie groups.",
    "decisions": "How the decision came about: the seeds of each configuration, and its outcome.",
    "heat_map": "The primary metric over two swept numbers; lost runs are marked.",
    "value_and_probabilities": "The value V against −log 4, and D(real) with D(fake), over steps.",
    "gradient_norms": "Norm of the generator’s gradient over steps, by loss.",
}

TITLES = {
    "seeds_needed": "seeds needed",
    "p_corrected": "p corrected",
    "p_equal": "p equal",
    "tie_group": "tie group",
    "decided_at": "decided at",
}
FIRST = ("rank", "tie_group", "n", "estimate", "low", "high")
"""Columns right after the names, so that they are seen together, also on a phone."""


class Cell(NamedTuple):
    """A cell of a table. sort: the number (NaN for nothing) or text that its column is sorted by."""

    shown: str
    sort: str
    numeric: bool


class PageTable(NamedTuple):
    """A table of the page. titles: each with whether it heads numbers. left_off: how many rows it lacks."""

    name: str
    titles: list[tuple[str, bool]]
    rows: list[list[Cell]]
    left_off: int


def page(analysis: Analysis, sentences: Sequence[str], figures: Mapping[str, str]) -> str:
    """The whole page. No text of it is trusted: names, values and messages come from configs and logs.

    sentences: the answer, a paragraph each. figures: SVG texts by the names that `all_figures` gives.
    """
    sweep = analysis.sweep
    shared, differing = settings(sweep)
    return template().render(
        title=f"Report of {sweep.folder.resolve().name}",
        counts=counts(sweep),
        answer=sentences,
        most_answers=MOST_ANSWERS,
        words=estimates_caption(sweep).replace("`", ""),
        tables=[
            page_table("configurations", _names_first(analysis.table, sweep), MOST_ROWS),
            page_table("comparisons", analysis.comparisons, MOST_PAIRS, ratio="ratio a / b"),
            page_table("effects", analysis.effects, MOST_PAIRS),
            page_table("decisions", analysis.decisions if analysis.courses else pd.DataFrame(), MOST_ROWS),
        ],
        figures=[picture(name, svg) for name, svg in figures.items()],
        ends=page_table("ends", ends(sweep), MOST_ENDS),
        notes=notes(analysis)[:MOST_ENDS],
        shared=shared,
        differing=differing,
        origins=origins(sweep),
        style=_asset("page.css"),
        script=_asset("page.js"),
        style_hash=_csp_hash(_asset("page.css")),
        script_hash=_csp_hash(_asset("page.js")),
    )


@cache
def template() -> Template:
    """The page's template. Every value is escaped, whatever the name of the template."""
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, finalize=_shown
    )
    return environment.from_string(_asset("page.html"))


def _shown(value: Any) -> Any:
    """A value as the template shows it: foreign texts without control characters, our markup unchanged."""
    return printable(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def counts(sweep: Sweep) -> str:
    """The number of configurations and runs: `4 configurations, 32 runs: 30 finished, 2 diverged`."""
    status = sweep.runs["status"].value_counts()
    endings = ", ".join(f"{count:,} {name}" for name, count in status.items())
    total = f"{_plural(len(sweep.configurations), 'configuration')}, {_plural(len(sweep.runs), 'run')}"
    return f"{total}: {endings}" if endings else total


def page_table(name: str, frame: pd.DataFrame, most: int, **titles: str) -> PageTable:
    """A DataFrame as the page shows it: numbers in three digits, sorted by their full values.

    `low` and `high` become one column.

    Arguments:
        name: the name of the file with all rows.
        frame: the table.
        most: the largest number of rows to show.
        titles: titles of columns that are not called by their names.
    """
    shown = frame.head(most)
    columns = {str(column): [cell(value) for value in shown[column]] for column in shown}
    if {"low", "high"} <= set(columns):
        spans = zip(columns["low"], columns.pop("high"), strict=True)
        columns["low"] = [
            low._replace(shown=f"{low.shown} to {high.shown}") if high.sort else low for low, high in spans
        ]
    names = TITLES | {"low": INTERVAL} | titles
    return PageTable(
        name,
        [
            (names.get(column, column), all(each.numeric for each in cells))
            for column, cells in columns.items()
        ],
        [list(row) for row in zip(*columns.values(), strict=True)],
        len(frame) - len(shown),
    )


def _names_first(table: pd.DataFrame, sweep: Sweep) -> pd.DataFrame:
    """The comparison table with its names first, then `FIRST`, then the rest."""
    names = [column for column in (*sweep.swept, "metric") if column in table]
    first = [column for column in FIRST if column in table]
    rest = [column for column in table if column not in (*names, *first)]
    named = table[[*names, *first, *rest]]
    if not names:
        named.insert(0, "configuration", sweep.configurations["configuration"].tolist())
    return named


def cell(value: Any) -> Cell:
    """One value of a table; numbers that are stored as text (swept values) are sorted as numbers."""
    if value is None or value is pd.NA or (isinstance(value, float) and math.isnan(value)):
        return Cell("–", "", True)
    if isinstance(value, bool | np.bool_):
        return Cell("yes" if value else "no", str(int(value)), False)
    if isinstance(value, str):
        return Cell(value, value, _is_number(value))
    if math.isinf(value):
        return Cell("∞" if value > 0 else "−∞", "Infinity" if value > 0 else "-Infinity", True)
    if float(value).is_integer() and abs(value) < 1e6:
        return Cell(f"{int(value):,}", repr(int(value)), True)
    return Cell(number(float(value)), repr(float(value)), True)


def ends(sweep: Sweep) -> pd.DataFrame:
    """The runs that did not end well: a row for each configuration, status and message."""
    columns = ["configuration", "status", "runs", "seeds", "first step", "message"]
    lost = sweep.runs[sweep.runs["status"].isin([DIVERGED, FAILED, UNFINISHED])]
    if lost.empty:
        return pd.DataFrame(columns=columns)
    words = {row["configuration"]: label(row, sweep.swept) for row in records(sweep.labels)}
    # Where no run has a message the column is one of numbers, all NaN.
    lost = lost.assign(message=lost["message"].astype(object).fillna(""))
    groups = lost.groupby(["configuration", "status", "message"], sort=False)
    rows = [
        {
            "configuration": words[name],
            "status": status,
            "runs": len(group),
            "seeds": ", ".join(map(str, group["seed"].tolist())),
            "first step": group["step"].min(),
            "message": message,
        }
        for (name, status, message), group in groups
    ]
    return pd.DataFrame(rows, columns=columns)


def settings(sweep: Sweep) -> tuple[dict[str, str], dict[str, str]]:
    """The settings that all configurations share, and the values of those in which they differ."""
    texts = [setting_texts(sweep.settings[name]) for name in sweep.configurations["configuration"]]
    shared, differing = {}, {}
    for key in dict.fromkeys(key for each in texts for key in each):
        values = list(dict.fromkeys(each.get(key, "(none)") for each in texts))
        if len(values) == 1:
            shared[key] = values[0]
        else:
            more = f" … ({len(values):,} values)" if len(values) > MOST_VALUES else ""
            differing[key] = ", ".join(values[:MOST_VALUES]) + more
    return shared, differing


def setting_texts(settings: Mapping[str, Any]) -> dict[str, str]:
    """`{'optim': {'lr': 0.1}}` -> `{'optim.lr': '0.1'}`."""
    return {
        key: value if isinstance(value, str) else json.dumps(value)
        for key, value in flattened(settings).items()
    }


def origins(sweep: Sweep) -> dict[str, list[str]]:
    """The origin of the numbers: each fact with its values, several when configurations differ."""
    facts: dict[str, dict[str, None]] = {}
    for provenance in sweep.provenances.values():
        for name, value in _facts(provenance):
            facts.setdefault(name, {})[value] = None
    return {name: list(values)[:MOST_VALUES] for name, values in facts.items()}


def _facts(provenance: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
    """The facts of a provenance that the page shows, as far as it has them."""
    if provenance.get("command"):
        yield "command", str(provenance["command"])
    git = provenance.get("git")
    if isinstance(git, Mapping):
        yield "commit", f"{git.get('commit')}{' (with uncommitted changes)' if git.get('dirty') else ''}"
    if provenance.get("started"):
        yield "day", str(provenance["started"])[:10]
    for part in ("versions", "machine"):
        if isinstance(provenance.get(part), Mapping):
            yield part, ", ".join(f"{name} {value}" for name, value in provenance[part].items())
    for name in ("engine", "kernels"):
        if provenance.get(name):
            yield name, str(provenance[name])


class Picture(NamedTuple):
    """A picture of the page. width: in pixels, as it is shown where there is room."""

    name: str
    caption: str
    source: str
    width: int


def picture(name: str, svg: str) -> Picture:
    """Makes an image of an SVG, so that it runs no script and its ids clash with nothing on the page."""
    points = re.search(r'<svg\b[^>]*?\bwidth="([\d.]+)pt"', svg)
    width = round(float(points[1]) * PIXELS) if points else 0
    return Picture(
        name, _caption(name), f"data:image/svg+xml;base64,{b64encode(svg.encode()).decode()}", width
    )


def _caption(name: str) -> str:
    for known, caption in CAPTIONS.items():
        if name == known:
            return caption
        if name.startswith(f"{known}_"):  # one of several metrics
            return f"{caption[:-1]} ({name.removeprefix(f'{known}_')})."
    return f"{name.replace('_', ' ').capitalize()}."


def _asset(name: str) -> Markup:
    """A file of this package: the only text that is not escaped."""
    return Markup((files("sinegan.report.page") / "templates" / name).read_text("utf-8"))


def _csp_hash(text: str) -> str:
    return f"sha256-{b64encode(sha256(text.encode()).digest()).decode()}"


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False


def _plural(count: int, word: str) -> str:
    return f"{count:,} {word}{'' if count == 1 else 's'}"
