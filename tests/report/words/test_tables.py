"""Tables as people read them: rounded, and no wider than a terminal."""

import io
import math
from collections import Counter
from collections.abc import Callable
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from forged import Keys, sweep_of
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from values import drawn

from sinegan.report.load import load_sweep
from sinegan.report.make import print_report
from sinegan.report.referee.analysis import Analysis
from sinegan.report.words.captions import THEORY, estimates_caption
from sinegan.report.words.markdown import markdown
from sinegan.report.words.notes import MOST_NOTES
from sinegan.report.words.tables import (
    MOST_ROWS,
    number,
    rank_words,
    shown_comparisons,
    shown_effects,
    shown_table,
    shown_theory,
    terminal_table,
)
from sinegan.storage.results import records

FileConfiguration = Callable[..., Path]

GOOD = {0: [1.0], 1: [2.0], 2: [4.0]}


def printed(table: pd.DataFrame, width: int = 80) -> list[str]:
    screen = io.StringIO()
    Console(width=width, file=screen).print(terminal_table(table, "A title"))
    return screen.getvalue().splitlines()


def letters(text: str) -> Counter[str]:
    """How often each letter occurs, whatever the spaces between."""
    return Counter("".join(text.split()))


def three_keys(folder: Path, file_configuration: FileConfiguration, lost: bool) -> pd.DataFrame:
    """The shown table of eight configurations; if lost, the first has lost runs of each kind."""
    choices = product(["minimax", "non_saturating"], ["small", "medium"], ["0.0001", "0.0003"])
    for place, (loss, network, lr) in enumerate(choices):
        file_configuration(
            folder / str(place),
            [f"loss={loss}", f"network={network}", f"optim.lr={lr}"],
            {seed: [0.0123456 * (seed + 1)] for seed in range(8)},
            status={0: "diverged", 1: "failed"} if lost and place == 0 else {},
            seeds=9 if lost and place == 0 else 8,
            seconds=123.4,
        )
    return shown_table(Analysis(load_sweep(folder)))


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0234567, "0.0235"),
        (0.5, "0.5"),
        (-1.38629, "-1.39"),
        (123.456, "123"),
        (0.0, "0"),
        (1e-4, "0.0001"),
        (9.9994e-5, "1.00e-04"),
        (-2.5e-7, "-2.50e-07"),
        (12345.6, "1.23e+04"),
        (math.nan, "-"),
        (math.inf, "inf"),
    ],
)
def test_numbers_have_three_significant_digits(value: float, text: str) -> None:
    assert number(value) == text


@given(st.floats(1e-30, 1e30) | st.floats(-1e30, -1e-30))
def test_a_shown_number_is_within_half_a_percent_and_short(value: float) -> None:
    assert float(number(value)) == pytest.approx(value, rel=0.5e-2)
    assert len(number(value)) <= 9


def test_the_shown_table_has_one_column_an_interval(
    tmp_path: Path, file_configuration: FileConfiguration
) -> None:
    file_configuration(tmp_path / "0", ["a=x"], GOOD, seconds=0.123)
    file_configuration(tmp_path / "1", ["a=y"], {0: [0.5]}, seconds=1234.5)
    shown = shown_table(Analysis(load_sweep(tmp_path)))
    assert list(shown) == ["a", "n", "rmse", "95% interval", "range", "seconds"]
    assert shown.to_numpy().tolist() == [
        ["x", "3", "2", "0.357 to 11.2", "1 to 4", "0.37"],
        ["y", "1", "0.5", "-", "0.5 to 0.5", "1,234"],
    ]


def test_lost_and_missing_runs_have_columns_only_where_there_are_any(
    tmp_path: Path, file_configuration: FileConfiguration
) -> None:
    file_configuration(tmp_path / "0", ["a=x"], GOOD, status={0: "failed"})
    file_configuration(tmp_path / "1", ["a=y"], GOOD, seeds=5)
    shown = shown_table(Analysis(load_sweep(tmp_path)))
    assert list(shown)[-3:] == ["failed", "unfinished", "seconds"]
    assert shown[["n", "failed", "unfinished"]].to_numpy().tolist() == [["2", "1", "0"], ["3", "0", "2"]]


def test_metrics_that_differ_are_named_in_each_row(
    tmp_path: Path, file_configuration: FileConfiguration
) -> None:
    file_configuration(tmp_path / "0", ["a=x"], GOOD)
    file_configuration(tmp_path / "1", ["a=y"], GOOD, metric="energy_distance")
    sweep = load_sweep(tmp_path)
    shown = shown_table(Analysis(sweep))
    assert shown["metric"].tolist() == ["rmse", "energy_distance"]
    assert shown["estimate"].tolist() == ["2", "2"]
    assert "rmse or energy_distance" in estimates_caption(sweep)


def test_a_single_configuration_is_called_by_its_folder(
    tmp_path: Path, file_configuration: FileConfiguration
) -> None:
    file_configuration(tmp_path / "18-00-00", ["seeds=3"], GOOD)
    shown = shown_table(Analysis(load_sweep(tmp_path / "18-00-00")))
    assert list(shown)[:2] == ["configuration", "n"]
    assert shown["configuration"].tolist() == ["18-00-00"]


@pytest.mark.parametrize("lost", [False, True])
def test_three_swept_keys_fit_80_columns_and_nothing_is_cut(
    tmp_path: Path, file_configuration: FileConfiguration, lost: bool
) -> None:
    table = three_keys(tmp_path, file_configuration, lost)
    assert set(table) >= ({"failed", "diverged", "unfinished"} if lost else set())
    lines = printed(table)
    assert max(len(line.rstrip()) for line in lines) <= 80
    cells = "".join(["A title", *table.columns, *table.to_numpy().ravel()])
    assert letters(cells) == letters("".join(lines).replace("─", ""))


def test_numbers_of_a_sweep_with_three_keys_stay_on_one_line(
    tmp_path: Path, file_configuration: FileConfiguration
) -> None:
    table = three_keys(tmp_path, file_configuration, lost=False)
    lines = [line.split() for line in printed(table)]
    for row in records(table):
        begin = [row["network"], row["optim.lr"], row["n"], row["rmse"]]
        assert any(line[1:5] == begin and line[-1] == row["seconds"] for line in lines)


def test_where_80_columns_are_too_few_the_range_and_the_seconds_go_and_the_rank_stays(
    tmp_path: Path, file_configuration: FileConfiguration
) -> None:
    screen = io.StringIO()
    three_keys(tmp_path, file_configuration, lost=False)
    print_report(Analysis(load_sweep(tmp_path)), Console(width=80, file=screen))
    (head,) = [line for line in screen.getvalue().splitlines() if line.split()[:2] == ["loss", "network"]]
    assert head.split()[-2:] == ["interval", "rank"]


def test_a_table_without_a_need_to_fold_has_a_line_a_row(
    tmp_path: Path, file_configuration: FileConfiguration
) -> None:
    table = three_keys(tmp_path, file_configuration, lost=True)
    lines = [line.split() for line in printed(table, width=200)]
    for row in table.itertuples(index=False):
        assert " ".join(row).split() in lines
    assert lines[0] == ["A", "title"]


def test_a_long_table_is_cut_in_the_terminal_and_says_so(
    tmp_path: Path, file_configuration: FileConfiguration
) -> None:
    for place in range(MOST_ROWS + 3):
        file_configuration(tmp_path / str(place), [f"a={place}"], {0: [0.5]}, status={0: "failed"})
    sweep = load_sweep(tmp_path)
    assert terminal_table(shown_table(Analysis(sweep)), "").row_count == MOST_ROWS
    screen = io.StringIO()
    print_report(Analysis(sweep), Console(width=80, file=screen))
    text = screen.getvalue()
    assert "… and 3 more rows in the files." in text
    lost = f"{MOST_ROWS + 3} of {MOST_ROWS + 3} configurations lack runs: {MOST_ROWS + 3} failed"
    assert f"a={MOST_NOTES - 1}: 1 of 1 runs failed" in text
    assert f"a={MOST_NOTES}: 1 of 1 runs failed" not in text
    assert lost in text
    assert markdown(Analysis(sweep)).count("| ") >= MOST_ROWS + 3
    assert lost in markdown(Analysis(sweep))


def test_a_report_in_a_narrow_terminal_is_narrow(
    tmp_path: Path, file_configuration: FileConfiguration
) -> None:
    three_keys(tmp_path, file_configuration, lost=True)
    for width, most in ((60, 60), (80, 80), (200, 80)):
        screen = io.StringIO()
        print_report(Analysis(load_sweep(tmp_path)), Console(width=width, file=screen))
        assert max(len(line.rstrip()) for line in screen.getvalue().split("\n")) <= most


def test_markdown_has_the_table_the_words_the_notes_and_the_theory(
    tmp_path: Path, file_configuration: FileConfiguration
) -> None:
    file_configuration(tmp_path / "0", ["a=x", "b=1e-4"], GOOD)
    file_configuration(tmp_path / "1", ["a=y", "b=1e-4"], GOOD, status={1: "diverged"})
    sweep = load_sweep(tmp_path)
    text = markdown(Analysis(sweep))
    lines = text.splitlines()
    assert lines[0] == "# Configurations"
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("|")]
    assert cells[0] == ["a", "n", "rmse", "95% interval", "rank", "range", "diverged", "seconds"]
    assert cells[2] == ["x", "3", "2", "0.357 to 11.2", "1=", "1 to 4", "0", "6"]
    assert cells[3] == ["y", "2", "2", "-", "1=", "1 to 4", "1", "6"]
    theory = cells.index(["a", "D(real)", "D(fake)", "V", "gap"])
    assert cells[theory + 2] == ["x", "0.5", "0.25", "-1.25", "0.125"]
    assert "**" not in text
    assert estimates_caption(sweep) in lines
    assert "- a=y: 1 of 3 runs diverged, the first at step 100." in lines
    assert lines.index("## Distance from the optimum") > lines.index(estimates_caption(sweep))
    assert lines[-1] == THEORY
    assert "-1.3863" in THEORY


def test_markdown_leaves_a_choice_that_looks_like_a_number_as_it_was_typed(
    tmp_path: Path, file_configuration: FileConfiguration
) -> None:
    file_configuration(tmp_path / "0", ["experiment=1e-04"], GOOD)
    file_configuration(tmp_path / "1", ["experiment=0.00030"], GOOD)
    text = markdown(Analysis(load_sweep(tmp_path)))
    assert text.count("| 1e-04 ") == text.count("| 0.00030 ") == 3  # as a level of the effects, too


def test_without_a_run_that_ended_well_the_theory_is_an_empty_table(
    tmp_path: Path, file_configuration: FileConfiguration
) -> None:
    file_configuration(tmp_path / "0", [], {0: [0.5]}, status={0: "failed"})
    sweep = load_sweep(tmp_path / "0")
    assert list(shown_theory(Analysis(sweep))) == ["D(real)", "D(fake)", "V", "gap"]
    assert shown_theory(Analysis(sweep)).empty
    assert "1 of 1 runs failed" in markdown(Analysis(sweep))


def test_a_rank_that_several_of_a_problem_share_says_so() -> None:
    ranks = pd.Series([1, 1, 3, 1, pd.NA, pd.NA], dtype="Int64")
    assert rank_words(ranks, pd.Series(list("sssttt"))) == ["1=", "1=", "3", "1", "-", "-"]


def test_the_clearest_comparisons_are_shown_first_with_their_verdicts() -> None:
    close = {seed: value * (1.001 if seed % 2 else 0.999) for seed, value in drawn(1).items()}
    keys: dict[Keys, dict[int, float]] = {
        (("loss", "x"),): drawn(1),
        (("loss", "y"),): close,
        (("loss", "far"),): drawn(2, 9, spread=0.01),
    }
    comparisons = Analysis(sweep_of(keys)).comparisons
    shown = shown_comparisons(comparisons)
    assert list(shown) == [
        "a", "b", "n", "ratio", "95% interval", "p", "corrected", "verdict", "seeds needed", "improvement",
    ]  # fmt: skip
    assert shown["verdict"].tolist()[:2] == ["better", "better"]
    assert set(shown["b"][:2]) == {"loss=far"}
    by_pair = comparisons.set_index(["a", "b"])
    for row in records(shown):
        full = by_pair.loc[row["a"], row["b"]]
        assert row["verdict"] == full["verdict"]
        assert row["corrected"] == number(full["p_corrected"])
        assert (row["seeds needed"] == "-") == (row["verdict"] != "undecided")


def test_a_few_rows_of_many_comparisons_are_shown() -> None:
    keys: dict[Keys, dict[int, float]] = {
        (("loss", f"l{place}"),): drawn(place, runs=3) for place in range(11)
    }
    analysis = Analysis(sweep_of(keys))
    assert len(analysis.comparisons) == 55
    assert len(shown_comparisons(analysis.comparisons)) == MOST_ROWS
    assert "15 more are in comparisons.csv." in markdown(analysis)


def test_the_effects_of_levels_are_shown_and_differences_have_a_column() -> None:
    values = {
        (("loss", loss), ("network", network)): dict(
            enumerate((np.log([*drawn(place).values()]) + 3).tolist())
        )
        for place, (loss, network) in enumerate(product("xy", "nm"))
    }
    effects = Analysis(sweep_of(values, "energy_distance")).effects
    shown = shown_effects(effects)
    assert list(shown) == [
        "key", "level", "against", "n", "difference", "95% interval", "p", "corrected", "separated",
    ]  # fmt: skip
    assert shown[["key", "level", "against"]].to_numpy().tolist() == [
        ["loss", "y", "x"],
        ["network", "m", "n"],
    ]
