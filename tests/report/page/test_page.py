"""The page shows the tables, complete and escaped."""

import base64
import dataclasses
import html
import math
import re
from collections.abc import Callable, Mapping, Sequence
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given
from hypothesis import settings as settings_of_hypothesis
from hypothesis import strategies as st

from sinegan.printable import printable
from sinegan.report.load import load_sweep
from sinegan.report.page.page import (
    MOST_ANSWERS,
    MOST_ROWS,
    MOST_VALUES,
    Cell,
    cell,
    counts,
    ends,
    origins,
    page,
    page_table,
    picture,
    setting_texts,
    settings,
)
from sinegan.report.referee.analysis import Analysis
from sinegan.report.sweep import Sweep
from sinegan.storage.files import read_sealed, write_sealed

FileConfiguration = Callable[..., Path]

NO_ROWS = pd.DataFrame()
SVG = '<svg xmlns="http://www.w3.org/2000/svg" width="468pt" height="200pt"></svg>'


class Reader(HTMLParser):
    """The tags of a page, and its texts by the nearest tag around them."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[tuple[str, str]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        if data.strip():
            self.texts.append((self.tags[-1][0], data.strip()))

    def of(self, tag: str) -> list[str]:
        return [text for name, text in self.texts if name == tag]

    @property
    def titles(self) -> list[str]:
        """Of the columns of all tables."""
        return self.of("button")[1:]  # the first changes the colours


def made(
    sweep: Sweep,
    comparisons: pd.DataFrame = NO_ROWS,
    effects: pd.DataFrame = NO_ROWS,
    sentences: Sequence[str] = (),
    figures: Mapping[str, str] | None = None,
    **columns: Any,
) -> str:
    """The page of a sweep with these tables. columns: of the table of configurations."""
    analysis = Analysis(sweep)
    tables = {"table": analysis.table.assign(**columns), "comparisons": comparisons, "effects": effects}
    vars(analysis).update(tables)  # as if they had been computed
    return page(analysis, sentences, figures or {})


@pytest.fixture
def sweep(tmp_path: Path, file_configuration: FileConfiguration) -> Sweep:
    for place, loss in enumerate(("minimax", "non_saturating")):
        file_configuration(tmp_path / str(place), [f"loss={loss}"], {0: [0.5], 1: [2.0], 2: [1.0 + place]})
    return load_sweep(tmp_path)


def test_the_answer_comes_first_a_paragraph_a_line(sweep: Sweep) -> None:
    text = made(sweep, sentences=["One.", "Two."])
    assert text.index("<p>One.</p>") < text.index("<p>Two.</p>") < text.index("<table")


def test_further_sentences_fold(sweep: Sweep) -> None:
    said = [f"Sentence {number}." for number in range(MOST_ANSWERS + 2)]
    text = made(sweep, sentences=said)
    assert "<summary>2 more</summary>" in text
    places = [text.index(f"<p>{sentence}</p>") for sentence in said]
    assert places[MOST_ANSWERS - 1] < text.index("<summary>2 more</summary>") < places[MOST_ANSWERS]
    assert places == sorted(places)
    assert " more</summary>" not in made(sweep, sentences=said[:MOST_ANSWERS])


def test_the_page_table_has_names_then_ranks_then_the_rest(sweep: Sweep) -> None:
    read = Reader(made(sweep, rank=[1, 1], tie_group="A", note="x"))
    assert read.titles[:11] == [
        "loss", "rank", "tie group", "n", "estimate", "95% interval",
        "failed", "diverged", "median", "seconds", "note",
    ]  # fmt: skip
    # The geometric means of 0.5, 2, 1 and of 0.5, 2, 2.
    assert read.of("td")[:5] == ["minimax", "1", "A", "3", "1"]
    assert read.of("td")[11:16] == ["non_saturating", "1", "A", "3", "1.26"]
    sorted_by = [attributes.get("data-sort") for tag, attributes in read.tags if tag == "td"]
    assert float(str(sorted_by[15])) == pytest.approx(2 ** (1 / 3))


def test_a_page_row_without_swept_keys_is_named_by_its_folder(
    tmp_path: Path, file_configuration: FileConfiguration
) -> None:
    file_configuration(tmp_path / "mine", [], {0: [0.5]})
    read = Reader(made(load_sweep(tmp_path / "mine")))
    assert read.titles[0] == "configuration"
    assert read.of("td")[0] == "mine"


def test_comparisons_and_effects_are_there_when_there_are_any(sweep: Sweep) -> None:
    assert "Comparisons" not in made(sweep)
    comparisons = pd.DataFrame(
        [
            {
                "a": "x",
                "b": "y",
                "ratio": 1.06,
                "low": 0.93,
                "high": 1.21,
                "p_corrected": 0.8,
                "separated": False,
            }
        ]
    )
    effects = pd.DataFrame({"key": ["network"], "ratio": [0.7]})
    read = Reader(made(sweep, comparisons, effects))
    assert read.titles[read.titles.index("a") :] == [
        "a", "b", "ratio a / b", "95% interval", "p corrected", "separated", "key", "ratio",
    ]  # fmt: skip
    cells = read.of("td")
    first = cells.index("1.06") - 2
    assert cells[first : first + 6] == ["x", "y", "1.06", "0.93 to 1.21", "0.8", "no"]


def test_the_comparisons_have_their_verdicts(sweep: Sweep) -> None:
    analysis = Analysis(sweep)
    read = Reader(page(analysis, [], {}))
    titles = read.titles[read.titles.index("a") :]
    assert {"verdict", "p corrected", "p equal", "seeds needed"} <= set(titles)
    assert read.of("td").count("undecided") == (analysis.comparisons["verdict"] == "undecided").sum() == 1


def test_long_tables_of_the_page_are_cut_and_name_the_file_with_the_rest() -> None:
    long = pd.DataFrame({"a": range(MOST_ROWS + 5)})
    table = page_table("configurations", long, MOST_ROWS)
    assert (len(table.rows), table.left_off) == (1000, 5)
    assert page_table("configurations", long.head(MOST_ROWS), MOST_ROWS).left_off == 0


def test_the_page_says_that_rows_are_left_off(sweep: Sweep, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "more are in" not in made(sweep)
    monkeypatch.setattr("sinegan.report.page.page.MOST_ROWS", 1)
    assert "The first 1 rows; 1 more are in report/configurations.csv." in made(sweep)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0.123456, Cell("0.123", "0.123456", True)),
        (np.float64(1e-9), Cell("1.00e-09", "1e-09", True)),
        (1_234, Cell("1,234", "1234", True)),
        (np.int64(3), Cell("3", "3", True)),
        (34.0, Cell("34", "34", True)),
        (math.nan, Cell("–", "", True)),
        (None, Cell("–", "", True)),
        (pd.NA, Cell("–", "", True)),
        (math.inf, Cell("∞", "Infinity", True)),
        (-math.inf, Cell("−∞", "-Infinity", True)),
        (True, Cell("yes", "1", False)),
        (np.bool_(False), Cell("no", "0", False)),
        ("1e-4", Cell("1e-4", "1e-4", True)),
        ("tiny", Cell("tiny", "tiny", False)),
        ("nan", Cell("nan", "nan", False)),
    ],
)
def test_a_cell_shows_three_digits_and_sorts_by_all_of_them(value: Any, expected: Cell) -> None:
    assert cell(value) == expected


def test_the_page_lists_lost_runs_with_their_messages(
    tmp_path: Path, file_configuration: FileConfiguration
) -> None:
    values = {seed: [1.0] for seed in range(4)}
    status = {1: "failed", 2: "diverged", 3: "diverged"}
    file_configuration(tmp_path / "0", ["a=x"], values, status=status, end_step=7, message="OSError: full")
    file_configuration(tmp_path / "1", ["a=y"], values)
    sweep = load_sweep(tmp_path)
    assert ends(sweep).to_numpy().tolist() == [
        ["a=x", "failed", 1, "1", 7, "OSError: full"],
        ["a=x", "diverged", 2, "2, 3", 7, "OSError: full"],
    ]
    assert counts(sweep) == "2 configurations, 8 runs: 5 finished, 2 diverged, 1 failed"
    text = made(sweep)
    assert "OSError: full" in text
    assert "a=x: 1 of 4 runs failed" in text
    assert "No run diverged or failed." not in text


def test_the_page_of_a_sweep_without_lost_runs_says_so(sweep: Sweep) -> None:
    assert "No run diverged or failed." in made(sweep)
    assert counts(sweep) == "2 configurations, 6 runs: 6 finished"


def test_the_page_separates_shared_and_differing_settings(sweep: Sweep) -> None:
    first, second = sweep.settings.values()
    first |= {"optim": {"lr": 0.1, "kind": "adam"}, "network": {"sizes": [1, 2]}}
    second |= {"optim": {"lr": 0.2, "kind": "adam"}}
    shared, differing = settings(sweep)
    assert shared == {
        "training.steps": "100", "seeds": "3", "plot.animation": "false", "optim.kind": "adam",
    }  # fmt: skip
    assert differing == {"optim.lr": "0.1, 0.2", "network.sizes": "[1, 2], (none)"}
    read = Reader(made(sweep))
    assert {"optim.lr", "network.sizes", "optim.kind"} <= set(read.of("th"))


def test_a_setting_with_many_values_shows_a_few(sweep: Sweep) -> None:
    many = pd.concat([sweep.configurations.head(1)] * (MOST_VALUES + 1), ignore_index=True)
    many["configuration"] = [str(place) for place in range(len(many))]
    known = {str(place): {"lr": place} for place in range(len(many))}
    _, differing = settings(dataclasses.replace(sweep, configurations=many, settings=known))
    assert differing == {"lr": "0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11 … (13 values)"}


def test_settings_are_flattened_to_the_keys_of_the_command() -> None:
    assert setting_texts({"a": {"b": {"c": None}, "d": "x"}, "e": 1e-4}) == {
        "a.b.c": "null",
        "a.d": "x",
        "e": "0.0001",
    }


def test_the_page_names_the_command_the_commit_the_versions_and_the_machine(
    sweep: Sweep, tmp_path: Path
) -> None:
    file = tmp_path / "0" / "provenance.json"
    more = {
        "command": "python -m sinegan.main -m 'loss=a,b' <x>",
        "git": {"commit": "abc", "dirty": True},
        "versions": {"python": "3.11", "torch": "2"},
        "machine": {"cores": 2},
        "started": "2026-11-23T17:07:18+00:00",
    }
    write_sealed(file, read_sealed(file) | more)
    sweep = load_sweep(tmp_path)
    assert origins(sweep) == {
        "command": ["python -m sinegan.main -m 'loss=a,b' <x>"],
        "commit": ["abc (with uncommitted changes)"],
        "day": ["2026-11-23"],
        "versions": ["python 3.11, torch 2"],
        "machine": ["cores 2"],
        "engine": ["eager"],
    }
    assert more["command"] in Reader(made(sweep)).of("code")


def test_a_picture_of_the_page_is_an_image_with_alternative_text(sweep: Sweep) -> None:
    read = Reader(made(sweep, figures={"heat_map_rmse": SVG, "something_new": SVG}))
    images = [attributes for tag, attributes in read.tags if tag == "img"]
    for image in images:
        kind, content = str(image["src"]).split(",")
        assert kind == "data:image/svg+xml;base64"
        assert base64.b64decode(content).decode() == SVG
    assert [image["alt"] for image in images] == [
        "The primary metric over two swept numbers; lost runs are marked (rmse).",
        "Something new.",
    ]
    assert picture("intervals", SVG).width == 780
    assert "Nothing was measured yet." in made(sweep)


def test_the_page_loads_no_other_file(sweep: Sweep) -> None:
    text = made(sweep, figures={"intervals": SVG})
    links = re.findall(r"""(?:src|href|url)\s*[=(]\s*["']?([^"')\s>]+)""", text)
    assert links
    assert all(link.startswith(("data:", "#")) for link in links)
    (policy,) = [
        str(attributes["content"])
        for tag, attributes in Reader(text).tags
        if tag == "meta" and attributes.get("http-equiv") == "Content-Security-Policy"
    ]
    assert policy.startswith("default-src 'none'; img-src data:;")


def test_the_same_sweep_makes_the_same_page(sweep: Sweep) -> None:
    assert made(sweep, sentences=["x"]) == made(load_sweep(sweep.folder), sentences=["x"])


@settings_of_hypothesis(max_examples=25)
@given(st.text(st.characters(), min_size=1, max_size=30))
@example("\x1b]0;x\x07\u202e\u2028\ud800")
def test_texts_of_configs_and_logs_are_escaped_in_the_page(words: str) -> None:
    hostile = f"<script>alert(1)</script>\"'&</style><!--{words}"
    rows = pd.DataFrame({"configuration": ["0"], "folder": ["."], "loss": [hostile], "metric": [hostile]})
    runs = pd.DataFrame(
        {"configuration": ["0"], "loss": hostile, "seed": [0], "status": "failed", "step": 3, "seconds": 1.0}
        | {"message": hostile}
    )
    about = rows.assign(engine="eager", steps=3, seeds=1)
    sweep = Sweep(Path("sweep"), ["loss"], about, runs, runs.head(0), {"0": {hostile: hostile}}, {})
    table = pd.DataFrame({"loss": [hostile], "n": [0], hostile: [hostile]})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            "sinegan.report.page.page.origins", lambda _: {hostile: [hostile], "command": [hostile]}
        )
        text = made(sweep, table, table, [hostile], {hostile: SVG}, **{hostile: hostile})
        assert [tag for tag, _ in Reader(text).tags].count("script") == 1
    assert hostile not in text
    assert not set(text) - set(filter(str.isprintable, text)) - {"\n"}
    assert html.escape(printable(hostile), quote=False).replace("'", "&#39;").replace('"', "&#34;") in text
