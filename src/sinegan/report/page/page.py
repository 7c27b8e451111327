"""The report as one self-contained HTML page: works from disk, loads nothing, escapes everything."""

import json
import math
import re
from base64 import b64encode
from collections.abc import Iterable, Mapping
from functools import cache
from hashlib import sha256
from importlib.resources import files
from typing import Any, NamedTuple

import pandas as pd
from jinja2 import Environment, StrictUndefined, Template
from markupsafe import Markup

from sinegan.printable import printable
from sinegan.report.referee.statistics import CONFIDENCE
from sinegan.report.words.tables import Sweep, label, notes
from sinegan.report.words.text import estimate_words, number
from sinegan.statuses import DIVERGED, FAILED, UNFINISHED
from sinegan.storage.results import records

MOST_ROWS = 1_000
"""Rows of a table on the page; the CSV files beside it have all."""
MOST_PAIRS = 200
MOST_VALUES = 12
MOST_ENDS = 100
PIXELS = 5 / 3
"""Of a point of a picture: a quarter larger than in print."""

CAPTIONS = {
    "learning_curves": "Learning curves: the primary metric over steps, each run faint.",
    "generated_curves": "Generated curves at the end against the real ones.",
    "intervals": "Estimates of all configurations with their intervals and tie groups.",
    "heat_map": "The primary metric over two swept numbers; lost runs are marked.",
    "value_and_probabilities": "The value V against −log 4, and D(real) with D(fake), over steps.",
    "gradient_norms": "Norm of the generator’s gradient over steps, by loss.",
}

TITLES = {"seeds_needed": "seeds needed", "p_holm": "p (Holm)", "tie_group": "tie group"}
FIRST = ("rank", "tie_group", "n", "estimate", "low", "high")
"""Columns that stand right after the names, so that the eye (and a phone) has them together."""


class Cell(NamedTuple):
    """What a cell shows, and what its column is sorted by: a number, NaN for nothing, or a text."""

    shown: str
    sort: str
    numeric: bool


class PageTable(NamedTuple):
    """A table of the page. titles: with whether they head numbers. left_off: how many rows are not shown."""

    name: str
    titles: list[tuple[str, bool]]
    rows: list[list[Cell]]
    left_off: int


def page(
    sweep: Sweep,
    table: pd.DataFrame,
    comparisons: pd.DataFrame,
    effects: pd.DataFrame,
    answer: str,
    figures: Mapping[str, str],
) -> str:
    """The whole page. No text of it is trusted: names, values and messages come from configs and logs.

    table, comparisons, effects: as in the CSV files. answer: what the sweep says, in words, a
    paragraph a line. figures: SVG texts by the names that `all_figures` gives.
    """
    shared, differing = settings(sweep)
    return template().render(
        title=f"Report of {sweep.folder.resolve().name}",
        counts=counts(sweep),
        answer=[line for line in answer.splitlines() if line.strip()],
        words=estimate_words(sweep).replace("`", ""),
        tables=[
            page_table("configurations", _told_first(table, sweep), MOST_ROWS),
            page_table("comparisons", comparisons, MOST_PAIRS, ratio="ratio a / b"),
            page_table("effects", effects, MOST_PAIRS),
        ],
        figures=[picture(name, svg) for name, svg in figures.items()],
        ends=page_table("ends", ends(sweep), MOST_ENDS),
        notes=notes(sweep)[:MOST_ENDS],
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
    """The page's template. Everything that is put into it is escaped, whatever its file is called."""
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, finalize=_shown
    )
    return environment.from_string(_asset("page.html"))


def _shown(value: Any) -> Any:
    """What is put into the template: texts of others have no control characters; ours stay as they are."""
    return printable(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def counts(sweep: Sweep) -> str:
    """How much was trained: `4 configurations, 32 runs: 30 finished, 2 diverged`."""
    status = sweep.runs["status"].value_counts()
    ends_of = ", ".join(f"{count:,} {name}" for name, count in status.items())
    said = f"{_plural(len(sweep.configurations), 'configuration')}, {_plural(len(sweep.runs), 'run')}"
    return f"{said}: {ends_of}" if ends_of else said


def page_table(name: str, frame: pd.DataFrame, most: int, **titles: str) -> PageTable:
    """A DataFrame as the page shows it: numbers in three digits, sorted by their full values.

    `low` and `high` become one column. titles: of columns that are not called as they are named.
    """
    shown = frame.head(most)
    columns = {str(column): [cell(value) for value in shown[column]] for column in shown}
    if {"low", "high"} <= set(columns):
        spans = zip(columns["low"], columns.pop("high"), strict=True)
        columns["low"] = [
            low._replace(shown=f"{low.shown} to {high.shown}") if high.sort else low for low, high in spans
        ]
    names = TITLES | {"low": f"{CONFIDENCE:.0%} interval"} | titles
    return PageTable(
        name,
        [(names.get(column, column), all(one.numeric for one in cells)) for column, cells in columns.items()],
        [list(row) for row in zip(*columns.values(), strict=True)],
        len(frame) - len(shown),
    )


def _told_first(table: pd.DataFrame, sweep: Sweep) -> pd.DataFrame:
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
    if isinstance(value, bool) or str(type(value).__name__) == "bool":
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
    told = lost.assign(message=lost["message"].astype(object).fillna(""))
    groups = told.groupby(["configuration", "status", "message"], sort=False)
    rows = [
        {
            "configuration": words[name],
            "status": status,
            "runs": len(mine),
            "seeds": ", ".join(map(str, mine["seed"].tolist())),
            "first step": mine["step"].min(),
            "message": message,
        }
        for (name, status, message), mine in groups
    ]
    return pd.DataFrame(rows, columns=columns)


def settings(sweep: Sweep) -> tuple[dict[str, str], dict[str, str]]:
    """The settings that all configurations share, and the values of those in which they differ."""
    flat = [flattened(sweep.settings[name]) for name in sweep.configurations["configuration"]]
    shared, differing = {}, {}
    for key in dict.fromkeys(key for one in flat for key in one):
        values = list(dict.fromkeys(one.get(key, "(none)") for one in flat))
        if len(values) == 1:
            shared[key] = values[0]
        else:
            more = f" … ({len(values):,} values)" if len(values) > MOST_VALUES else ""
            differing[key] = ", ".join(values[:MOST_VALUES]) + more
    return shared, differing


def flattened(nested: Mapping[str, Any], path: str = "") -> dict[str, str]:
    """`{'optim': {'lr': 0.1}}` -> `{'optim.lr': '0.1'}`."""
    flat: dict[str, str] = {}
    for key, value in nested.items():
        if isinstance(value, Mapping):
            flat |= flattened(value, f"{path}{key}.")
        else:
            flat[f"{path}{key}"] = value if isinstance(value, str) else json.dumps(value)
    return flat


def origins(sweep: Sweep) -> dict[str, list[str]]:
    """Where the numbers come from: each fact with its values, several when configurations differ."""
    facts: dict[str, dict[str, None]] = {}
    for known in sweep.provenances.values():
        for name, value in _facts(known):
            facts.setdefault(name, {})[value] = None
    return {name: list(values)[:MOST_VALUES] for name, values in facts.items()}


def _facts(known: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
    """What the page says of a provenance; what it lacks is left out."""
    if known.get("command"):
        yield "command", str(known["command"])
    git = known.get("git")
    if isinstance(git, Mapping):
        yield "commit", f"{git.get('commit')}{' (with uncommitted changes)' if git.get('dirty') else ''}"
    if known.get("started"):
        yield "day", str(known["started"])[:10]
    for part in ("versions", "machine"):
        if isinstance(known.get(part), Mapping):
            yield part, ", ".join(f"{name} {value}" for name, value in known[part].items())
    for name in ("engine", "kernels"):
        if known.get(name):
            yield name, str(known[name])


class Picture(NamedTuple):
    """A picture of the page. width: in pixels, as it is shown where there is room."""

    name: str
    caption: str
    source: str
    width: int


def picture(name: str, svg: str) -> Picture:
    """As an image, an SVG runs no script and its names clash with nothing on the page."""
    found = re.search(r'<svg\b[^>]*?\bwidth="([\d.]+)pt"', svg)
    width = round(float(found[1]) * PIXELS) if found else 0
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
    """A file that lies beside this module: our own text, the only one that is not escaped."""
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
