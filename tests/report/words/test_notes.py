"""The notes under a table."""

from collections.abc import Callable
from pathlib import Path

import pytest

from sinegan.report.load import load_sweep
from sinegan.report.referee.analysis import Analysis
from sinegan.report.words import notes as words_of_notes
from sinegan.report.words.notes import MOST_NOTES, notes

FileConfiguration = Callable[..., Path]


def test_notes_add_what_the_table_does_not_show(
    tmp_path: Path, file_configuration: FileConfiguration
) -> None:
    five = {seed: [1.0] for seed in range(5)}
    file_configuration(tmp_path / "0", ["a=1"], five)
    file_configuration(tmp_path / "1", ["a=2"], five, status={0: "diverged", 3: "diverged"}, end_step=1234)
    file_configuration(tmp_path / "2", ["a=3"], five, status={4: "failed"}, message="OSError: disk, full")
    file_configuration(tmp_path / "3", ["a=4"], seeds=2)
    file_configuration(
        tmp_path / "4",
        ["a=5"],
        {0: [9.0, 0.25], 1: [9.0, 0.75]},
        status={0: "unfinished", 1: "unfinished"},
        steps=20_000,
        end_step=5000,
        seeds=3,
        part="parts/000000",
    )
    *said, nothing, few = notes(Analysis(load_sweep(tmp_path)))
    assert said == [
        "a=2: 2 of 5 runs diverged, the first at step 1,234.",
        "a=3: 1 of 5 runs failed: OSError: disk, full.",
        "a=4: 2 of 2 runs are unfinished (not begun).",
        "a=5: 3 of 3 runs are unfinished (step 5,000 of 20,000, median rmse so far 0.5).",
    ]
    assert nothing.startswith("a=4, a=5 (n = 0): no run finished")
    assert few.startswith("a=2 (n = 3): three seeds")


def test_a_sweep_that_went_well_needs_no_notes(tmp_path: Path, file_configuration: FileConfiguration) -> None:
    file_configuration(tmp_path / "0", ["a=1"], {seed: [1.0] for seed in range(4)})
    assert notes(Analysis(load_sweep(tmp_path))) == []


def test_notes_add_up_the_lost_runs_of_many_configurations(
    tmp_path: Path, file_configuration: FileConfiguration
) -> None:
    for place in range(MOST_NOTES + 2):
        status = {0: "diverged", 1: "failed"} if place else {}
        file_configuration(
            tmp_path / str(place), [f"loss={place}"], {seed: [1.0] for seed in range(8)}, status=status
        )
    said = notes(Analysis(load_sweep(tmp_path)))
    assert said[0] == "loss=1: 1 of 8 runs diverged, the first at step 100."
    *_, sums, replayed = said
    assert sums == "13 of 14 configurations lack runs: 13 diverged, 13 failed; the table has all."
    assert replayed == "decide=best would have trained all of these 112 runs."
    assert len(said) == 2 * MOST_NOTES + 2


def test_few_seeds_are_cautioned_about_with_whose_they_are_and_enough_are_not(
    tmp_path: Path, file_configuration: FileConfiguration
) -> None:
    for place, n in enumerate([0, 1, 2, 3, 4, 1, 2, 2, 2]):
        values = {seed: [1.0] for seed in range(n)}
        file_configuration(tmp_path / str(place), [f"a={place}"], values, seeds=n or 1)
    assert notes(Analysis(load_sweep(tmp_path)))[1:] == [
        "a=0 (n = 0): no run finished, so there is nothing to estimate.",
        "a=1, a=5 (n = 1): one seed gives a value, but no interval and no ranking: another seed may differ "
        "as much.",
        "4 configurations (n = 2): two seeds give a range, but no interval that could be trusted.",
        "a=3 (n = 3): three seeds: the interval is honest but wide.",
    ]


def test_what_all_configurations_have_needs_no_names(
    tmp_path: Path, file_configuration: FileConfiguration
) -> None:
    for place in range(2):
        file_configuration(tmp_path / str(place), [f"a={place}"], {seed: [1.0] for seed in range(3)})
    assert notes(Analysis(load_sweep(tmp_path))) == ["n = 3: three seeds: the interval is honest but wide."]


def test_effects_that_are_left_out_are_named(
    tmp_path: Path, file_configuration: FileConfiguration, monkeypatch: pytest.MonkeyPatch
) -> None:
    for place in range(6):
        words = [f"loss={place % 2}", f"network={place // 2}"]
        file_configuration(tmp_path / str(place), words, {seed: [1.0 + place] for seed in range(4)})
    sweep = load_sweep(tmp_path)
    assert notes(Analysis(sweep)) == []
    monkeypatch.setattr(words_of_notes, "MOST_WITH_PRODUCTS", 4)
    assert notes(Analysis(sweep)) == [
        "Whether keys depend on one another was not tested: that needs 5 coefficients, and at most 4 are "
        "fitted."
    ]
    monkeypatch.setattr(words_of_notes, "MOST_COEFFICIENTS", 2)
    assert notes(Analysis(sweep)) == [
        "The effects of the keys are left out: their levels need 3 coefficients, and at most 2 are fitted."
    ]
