"""Swept values have one spelling in words, and are numbers in DataFrames."""

import json
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from hypothesis import example, given, settings
from hypothesis import strategies as st

from sinegan.report.labels import name_values, shortened, spelled, tails
from sinegan.report.load import load_sweep
from sinegan.report.make import make_report
from sinegan.report.referee.analysis import Analysis
from sinegan.report.sweep import Sweep
from sinegan.report.words.answers import answers
from sinegan.report.words.tables import shown_table
from sinegan.report.words.views import by_view, pivot_view
from sinegan.storage.results import parsed_csv, records

FileConfiguration = Callable[..., Path]
MakeSweep = Callable[[Sequence[tuple[Sequence[str], Mapping[str, Any]]]], Sweep]

THREE = {0: [1.0], 1: [1.5], 2: [2.0]}


@pytest.fixture
def swept(tmp_path: Path, file_configuration: FileConfiguration) -> MakeSweep:
    """A sweep of configurations, each with its overrides and its settings."""

    def make(configurations: Sequence[tuple[Sequence[str], Mapping[str, Any]]]) -> Sweep:
        for place, (overrides, trained) in enumerate(configurations):
            values = {seed: [(place + 1) * value for value in series] for seed, series in THREE.items()}
            file_configuration(tmp_path / str(place), overrides, values, settings=trained)
        return load_sweep(tmp_path)

    return make


def rates(*values: Any, typed: Sequence[str] = ()) -> list[tuple[list[str], dict[str, Any]]]:
    """A configuration for each learning rate. typed: the spellings in the command, if others."""
    texts = typed or [str(value) for value in values]
    return [
        ([f"optim.lr={text}"], {"optim": {"lr": value}}) for text, value in zip(texts, values, strict=True)
    ]


@given(st.floats())
@example(1e23)
@example(5e-324)
@example(-1.7976931348623157e308)
def test_a_spelled_number_reads_back_the_same(value: float) -> None:
    read = float(spelled(value))
    assert read == value or math.isnan(value)
    assert len(spelled(value)) <= len(repr(value)) + 1


@given(st.integers(-(2**53), 2**53))
@example(10**15)
def test_a_whole_number_is_spelled_alike_as_an_integer_and_as_a_float(value: int) -> None:
    assert spelled(value) == spelled(float(value)) == spelled(np.float64(value)) == spelled(np.int64(value))
    assert spelled(value).lstrip("-").isdigit() or "e" in spelled(value)


@given(st.floats(allow_nan=False, allow_infinity=False))
@settings(max_examples=20)
def test_hydra_reads_what_is_spelled(value: float) -> None:
    assert float(OverridesParser.create().parse_override(f"a={spelled(value)}").value()) == value


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("1e-3", "0.001"),
        ("0.0010", "0.001"),
        ("1e-4", "0.0001"),
        ("3.5E-4", "0.00035"),
        ("1e-05", "1e-5"),
        ("0.000015", "1.5e-5"),
        ("1.0", "1"),
        ("-0.0", "0"),
        ("8.0", "8"),
        ("999999", "999999"),
        ("1000000", "1e6"),
        ("100000000.0", "1e8"),
        ("1e+08", "1e8"),
        ("1234567", "1234567"),
        ("-2500000", "-2.5e6"),
        ("123456.75", "123456.75"),
        ("inf", "inf"),
    ],
)
def test_a_number_has_one_spelling(text: str, word: str) -> None:
    assert spelled(float(text)) == word


def test_words_lists_and_choices_are_spelled_as_hydra_has_them() -> None:
    assert [spelled(value) for value in (True, False, None, "true", "1e-04")] == [
        "true", "false", "null", "true", "1e-04",
    ]  # fmt: skip
    assert spelled([64, 128.0, [1e-5]]) == "[64,128,[1e-5]]"
    assert spelled({"gamma": 1.0, "of": [1]}) == "{gamma:1,of:[1]}"
    assert spelled(4294967295) == "4294967295"


def test_numbers_of_a_search_are_shortened_to_the_digits_that_distinguish_them() -> None:
    assert shortened([0.00041845372002648684, 0.0018590458886827295]) == ["0.000418", "0.00186"]
    assert shortened([0.0004184537212, 0.0004181111111]) == ["0.0004185", "0.0004181"]
    assert shortened([0.30000000000000004, 0.3]) == ["0.30000000000000004", "0.3"]
    assert shortened([0.1, 0.2, 0.30000000000000004]) == ["0.1", "0.2", "0.3"]
    assert shortened([0.123456789, 0.123456789]) == ["0.123", "0.123"]
    assert shortened([1.2345678901e-7, 2.0]) == ["1.23e-7", "2"]


def test_short_numbers_and_whole_numbers_keep_all_digits() -> None:
    assert shortened([0.0012345, 0.001]) == ["0.0012345", "0.001"]
    assert shortened([1234567890123, 12]) == ["1234567890123", "12"]
    assert shortened(["0.00041845372002648684", "tiny", None]) == ["0.00041845372002648684", "tiny", "null"]


@given(st.lists(st.floats(1e-9, 1e9), min_size=1, max_size=20))
def test_shortened_numbers_are_distinct_and_near_their_values(values: list[float]) -> None:
    short = shortened(values)
    assert len(set(short)) == len(set(values))
    assert [float(one) for one in short] == pytest.approx(values, rel=0.006)


def test_files_are_named_by_the_shortest_distinct_ends_of_their_paths() -> None:
    assert tails(["data/x.csv", "data/y.csv"]) == ["x.csv", "y.csv"]
    assert tails(["x.csv", "y.csv"]) == ["x.csv", "y.csv"]
    assert tails(["/a/one/x.csv", "/b/one/x.csv"]) == ["a/one/x.csv", "b/one/x.csv"]
    assert tails(["x.csv", "/x.csv"]) == ["x.csv", "/x.csv"]
    assert tails(["a/", "b/"]) == ["a/", "b/"]
    assert name_values(["data/x.csv", None, "data/y.csv"]) == ["x.csv", "null", "y.csv"]


def test_a_swept_interpolation_is_shown_as_its_number(swept: MakeSweep) -> None:
    typed = ["$\\{optim.lr\\}", "0.5"]
    sweep = swept(
        [
            ([f"optim.generator_lr={text}"], {"optim": {"generator_lr": value}})
            for text, value in zip(typed, (1e-4, 0.5), strict=True)
        ]
    )
    assert shown_table(Analysis(sweep))["optim.generator_lr"].tolist() == ["0.0001", "0.5"]
    assert sweep.runs["optim.generator_lr"].unique().tolist() == [1e-4, 0.5]


def test_swept_lists_by_interpolation_are_shown_in_hydras_grammar(swept: MakeSweep) -> None:
    sweep = swept(
        [
            (["network.generator=$\\{network.discriminator\\}"], {"network": {"generator": [16, 8]}}),
            (["network.generator=[64,128]"], {"network": {"generator": [64, 128]}}),
        ]
    )
    assert shown_table(Analysis(sweep))["network.generator"].tolist() == ["[16,8]", "[64,128]"]
    assert sweep.runs["network.generator"].unique().tolist() == ["[16,8]", "[64,128]"]


def test_choices_keep_the_names_that_were_typed(swept: MakeSweep) -> None:
    sweep = swept(
        [
            (
                ["loss=minimax", "penalty=[r1,r2]", "experiment=007"],
                {"loss": {"a": 1}, "penalty": {"r1": {}}},
            ),
            (["loss=hinge", "penalty=none", "experiment=a/b"], {"loss": {"a": 2}, "penalty": {}}),
        ]
    )
    shown = records(shown_table(Analysis(sweep)))
    assert [(row["loss"], row["penalty"], row["experiment"]) for row in shown] == [
        ("minimax", "[r1,r2]", "007"),
        ("hinge", "none", "a/b"),
    ]


def test_equal_numbers_that_were_written_differently_are_not_swept(swept: MakeSweep) -> None:
    sweep = swept(
        [
            (["optim.lr=1e-3", "loss=a"], {"optim": {"lr": 0.001}}),
            (["optim.lr=0.0010", "loss=b"], {"optim": {"lr": 0.001}}),
        ]
    )
    assert sweep.swept == ["loss"]
    assert sweep.shared == {"optim.lr": "0.001"}


def test_swept_numbers_are_numbers_in_all_frames(swept: MakeSweep) -> None:
    sweep = swept(rates(1e-4, 1, typed=["1e-4", "1"]))
    for frame in (sweep.runs, sweep.history, sweep.configurations):
        assert frame["optim.lr"].dtype == np.float64
        assert sorted(set(frame["optim.lr"])) == [1e-4, 1.0]
    assert sweep.runs.groupby("optim.lr")["seed"].count().to_dict() == {1e-4: 3, 1.0: 3}


TEXT = str(pd.Series(["text"]).dtype)
"""`str` from pandas 3 on, `object` before."""


@pytest.mark.parametrize(
    ("values", "dtype", "frame", "words"),
    [
        ([16, 32], "int64", [16, 32], ["16", "32"]),
        ([True, False], "bool", [True, False], ["true", "false"]),
        ([None, 0.01], "float64", [math.nan, 0.01], ["null", "0.01"]),
        ([None, 5], "float64", [math.nan, 5.0], ["null", "5"]),
        (["auto", 0.5], "object", ["auto", 0.5], ["auto", "0.5"]),
        ([None, True], "object", [None, True], ["null", "true"]),
        (["never", "always"], TEXT, ["never", "always"], ["never", "always"]),
        ([1e8, 0.001], "float64", [1e8, 0.001], ["1e8", "0.001"]),
    ],
)
def test_columns_have_the_types_of_their_values(
    swept: MakeSweep, values: list[Any], dtype: str, frame: list[Any], words: list[str]
) -> None:
    sweep = swept(rates(*values))
    for one in (sweep.configurations, sweep.runs.drop_duplicates("configuration")):
        assert str(one["optim.lr"].dtype) == dtype
        pd.testing.assert_series_equal(
            one["optim.lr"].reset_index(drop=True), pd.Series(frame, name="optim.lr"), check_dtype=False
        )
    assert shown_table(Analysis(sweep))["optim.lr"].tolist() == words


def test_a_key_that_a_configuration_lacks_is_missing_and_shown_as_a_dash(swept: MakeSweep) -> None:
    sweep = swept(
        [
            (["penalty=none"], {"penalty": {}}),
            (["penalty=r1", "penalty.r1.gamma=2"], {"penalty": {"r1": {"gamma": 2.0}}}),
        ]
    )
    assert sweep.configurations["penalty.r1.gamma"].isna().tolist() == [True, False]
    assert sweep.runs["penalty.r1.gamma"].dtype == np.float64
    assert shown_table(Analysis(sweep))["penalty.r1.gamma"].tolist() == ["-", "2"]
    assert by_view(sweep, ["penalty.r1.gamma"]).shown["penalty.r1.gamma"].tolist() == ["-", "2"]
    assert list(pivot_view(sweep, "penalty", "penalty.r1.gamma").full) == ["penalty", "-", "2"]
    pairs = Analysis(sweep).comparisons[["a", "b"]].to_numpy().tolist()
    assert pairs == [["penalty=none", "penalty=r1, penalty.r1.gamma=2"]]
    assert not any("=nan" in line or "nan/" in line for line in answers(Analysis(sweep)))


def test_numbers_of_a_search_are_short_in_sentences_and_whole_in_csv_files(
    swept: MakeSweep, tmp_path: Path
) -> None:
    values = [0.00041845372002648684, 0.0018590458886827295]
    sweep = swept(rates(*values))
    make_report(tmp_path, formats=["latex", "html"])
    report = tmp_path / "report"
    assert parsed_csv((report / "configurations.csv").read_bytes())["optim.lr"].tolist() == values
    assert parsed_csv((report / "secondary.csv").read_bytes())["optim.lr"].tolist() == values
    assert by_view(sweep).full["optim.lr"].tolist() == [repr(value) for value in values]
    for name in ("configurations.md", "comparisons.csv", "effects.csv", "configurations.tex"):
        text = (report / name).read_text()
        assert "0.000418" in text
        assert "0.0004184" not in text
    assert any("optim.lr=0.000418 " in line for line in answers(Analysis(sweep)))


def test_swept_files_have_short_names_and_whole_paths_in_the_csv(swept: MakeSweep, tmp_path: Path) -> None:
    paths = ["/home/me/data/a.csv", "/home/me/data/b.csv"]
    sweep = swept([([f"target.path={path}"], {"target": {"path": path}}) for path in paths])
    make_report(tmp_path)
    assert shown_table(Analysis(sweep))["target.path"].tolist() == ["a.csv", "b.csv"]
    assert sweep.runs["target.path"].unique().tolist() == paths
    assert pd.read_csv(tmp_path / "report" / "configurations.csv")["target.path"].tolist() == paths


def test_one_number_has_one_spelling_in_every_table_and_sentence(swept: MakeSweep, tmp_path: Path) -> None:
    swept(rates(1e-5, 1e8, typed=["1e-05", "1e+08"]))
    make_report(tmp_path)
    for file in (tmp_path / "report").glob("*.[cm]*"):
        text = file.read_text()
        assert "1e-05" not in text, file
        assert "1e+08" not in text, file
        assert "100000000.0" not in text, file
        assert "1e-5" in text, file
    page = (tmp_path / "report" / "index.html").read_text()
    assert "optim.lr=1e-5" in page


def test_merged_sweeps_show_values_as_they_were_trained(
    tmp_path: Path, file_configuration: FileConfiguration
) -> None:
    for home, lr in (("one", 1e-5), ("two", 0.001)):
        file_configuration(
            tmp_path / home / "0", ["loss=x"], THREE, settings={"optim": {"lr": lr}, "loss": {"kind": 1}}
        )
    sweep = load_sweep(tmp_path / "one", tmp_path / "two")
    assert sweep.remarks == ("the sweeps differ in optim.lr: 1e-5 in one, 0.001 in two",)
    assert sweep.configurations["optim.lr"].tolist() == [1e-5, 0.001]
    assert json.loads(json.dumps(shown_table(Analysis(sweep))["optim.lr"].tolist())) == ["1e-5", "0.001"]
