"""From the files of a sweep to its comparison table: nothing is dropped, nothing is made up."""

import json
import math
import subprocess
import sys
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import sinegan
from sinegan.report.words import tables
from sinegan.report.words.tables import (
    MOST_NOTES,
    UnreadableSweepError,
    configurations_table,
    label,
    load_sweep,
    notes,
    objective,
    split_overrides,
    swept_keys,
    theory_table,
)
from sinegan.storage.results import records

FileConfiguration = Callable[..., Path]
Seal = Callable[[Path], None]

COLUMNS = ["n", "failed", "diverged", "estimate", "low", "high", "median", "seconds", "rank", "tie_group"]
GOOD = {0: [9.0] * 8 + [0.5, 1.5], 1: [9.0] * 8 + [2.0, 2.0], 2: [9.0] * 8 + [5.0, 3.0]}
"""Three seeds and ten evaluations each; the means of the last fifth are 1, 2 and 4."""
HALF = 4.302652729749462 * math.log(2) / math.sqrt(3)
"""Half the width of their interval on the log scale."""


def row(folder: Path, configuration: str = "0") -> dict[str, Any]:
    sweep = load_sweep(folder)
    names = sweep.configurations["configuration"].tolist()
    return records(configurations_table(sweep))[names.index(configuration)]


def test_the_files_of_a_sweep_are_plain_json_and_csv(tmp_path: Path, seal: Seal) -> None:
    for name, lr, rmse in (("0", "1e-3", 0.5), ("1", "1e-2", 0.25)):
        folder = tmp_path / name
        folder.mkdir()
        known = {
            "overrides": [f"optim.lr={lr}", "network=tiny"],
            "settings": {"training": {"steps": 100}, "seeds": 1},
            "primary_metric": "rmse",
            "engine": "compiled",
        }
        checksum = sha256(json.dumps(known, sort_keys=True).encode()).hexdigest()
        (folder / "provenance.json").write_text(json.dumps(known | {"sha256": checksum}))
        (folder / "runs.csv").write_text(
            f"seed,status,step,seconds,message,rmse,d_real\n7,finished,100,1.25,,{rmse},0.5\n"
        )
        (folder / "history.csv").write_text(f"seed,step,rmse,d_real\n7,0,1.0,0.6\n7,100,{rmse},0.5\n")
        seal(folder)

    sweep = load_sweep(tmp_path)

    assert sweep.folder == tmp_path
    assert sweep.swept == ["optim.lr"]
    assert records(sweep.configurations) == [
        {
            "configuration": name,
            "optim.lr": lr,
            "folder": str(tmp_path / name),
            "metric": "rmse",
            "engine": "compiled",
            "steps": 100,
            "seeds": 1,
        }
        for name, lr in (("0", "1e-3"), ("1", "1e-2"))
    ]
    about = ["configuration", "optim.lr", "seed"]
    assert list(sweep.runs) == [*about, "status", "step", "seconds", "message", "rmse", "d_real"]
    assert list(sweep.history) == [*about, "step", "rmse", "d_real"]
    assert sweep.history[["configuration", "optim.lr", "seed", "step", "rmse"]].to_numpy().tolist() == [
        ["0", "1e-3", 7, 0, 1.0],
        ["0", "1e-3", 7, 100, 0.5],
        ["1", "1e-2", 7, 0, 1.0],
        ["1", "1e-2", 7, 100, 0.25],
    ]
    assert sweep.settings["1"] == {"training": {"steps": 100}, "seeds": 1}


def test_the_comparison_table_is_what_a_hand_would_compute(
    tmp_path: Path, file_configuration: FileConfiguration
) -> None:
    file_configuration(tmp_path / "0", ["loss=minimax", "optim.lr=0.1", "seeds=3"], GOOD, seconds=2.5)
    file_configuration(
        tmp_path / "1", ["loss=other", "optim.lr=0.2", "seeds=3"], {0: [0.125], 1: [0.25], 2: [0.5]}
    )
    sweep = load_sweep(tmp_path)
    table = configurations_table(sweep)
    assert list(table) == ["loss", "optim.lr", *COLUMNS]
    expected = [
        ["minimax", "0.1", 3, 0, 0, 2, 2 * math.exp(-HALF), 2 * math.exp(HALF), 2, 7.5, 2, 2],
        ["other", "0.2", 3, 0, 0, 0.25, 0.25 * math.exp(-HALF), 0.25 * math.exp(HALF), 0.25, 6, 1, 1],
    ]
    for found, wanted in zip(table.to_numpy().tolist(), expected, strict=True):
        assert found[:5] == wanted[:5]
        assert found[5:] == pytest.approx(wanted[5:], rel=1e-12)


def test_the_metric_is_a_column_only_where_configurations_differ_in_it(
    tmp_path: Path, file_configuration: FileConfiguration
) -> None:
    file_configuration(tmp_path / "0", ["target=sine"], {0: [0.5]})
    file_configuration(tmp_path / "1", ["target=noisy_sine"], {0: [-0.25]}, metric="energy_distance")
    table = configurations_table(load_sweep(tmp_path))
    assert list(table) == ["target", "metric", *COLUMNS]
    assert table["metric"].tolist() == ["rmse", "energy_distance"]
    assert table["estimate"].tolist() == [0.5, -0.25]


@pytest.mark.parametrize("status", ["diverged", "failed"])
def test_a_lost_run_is_counted_and_not_in_the_estimate(
    tmp_path: Path, file_configuration: FileConfiguration, status: str
) -> None:
    lost = {3: [100.0], 4: []}
    file_configuration(tmp_path / "0", ["a=1"], {**GOOD, **lost}, status=dict.fromkeys(lost, status))
    found = row(tmp_path)
    other = "failed" if status == "diverged" else "diverged"
    assert (found["n"], found[status], found[other]) == (3, 2, 0)
    assert (found["estimate"], found["median"]) == pytest.approx((2, 2))
    assert found["low"] == pytest.approx(2 * math.exp(-HALF))
    assert found["seconds"] == 10


def test_a_run_that_stopped_has_ended_well(tmp_path: Path, file_configuration: FileConfiguration) -> None:
    file_configuration(tmp_path / "0", ["a=1"], GOOD, status={1: "stopped"})
    assert row(tmp_path)["n"] == 3


def test_an_unfinished_configuration_is_read_from_its_parts(
    tmp_path: Path, file_configuration: FileConfiguration
) -> None:
    home = tmp_path / "0"
    file_configuration(home, ["a=1"], {0: [1.0], 1: [4.0]}, seeds=5, part="parts/000000")
    file_configuration(
        home,
        ["a=1"],
        {2: [50.0], 3: [70.0]},
        seeds=5,
        part="parts/000002",
        status={2: "unfinished", 3: "diverged"},
    )
    sweep = load_sweep(tmp_path)
    assert sweep.runs["seed"].tolist() == [0, 1, 2, 3]
    found = row(tmp_path)
    assert (found["n"], found["failed"], found["diverged"]) == (2, 0, 1)
    assert found["estimate"] == pytest.approx(2)
    assert tables.wide_table(sweep)["unfinished"].tolist() == [2]


def test_a_configuration_that_has_not_begun_has_a_row(
    tmp_path: Path, file_configuration: FileConfiguration
) -> None:
    file_configuration(tmp_path / "0", ["a=1"], {0: [0.5]})
    file_configuration(tmp_path / "1", ["a=2"], seeds=3)
    sweep = load_sweep(tmp_path)
    assert configurations_table(sweep)["a"].tolist() == ["1", "2"]
    assert row(tmp_path, "1")["n"] == 0
    assert math.isnan(row(tmp_path, "1")["estimate"])
    assert tables.wide_table(sweep)["unfinished"].tolist() == [0, 3]


def test_a_sweep_in_which_nothing_has_begun_has_a_table(
    tmp_path: Path, file_configuration: FileConfiguration
) -> None:
    file_configuration(tmp_path / "0", ["a=1"], seeds=3)
    sweep = load_sweep(tmp_path)
    assert configurations_table(sweep)["n"].tolist() == [0]
    assert sweep.history.empty
    assert theory_table(sweep).empty


def test_the_whole_file_counts_when_parts_are_left_beside_it(
    tmp_path: Path, file_configuration: FileConfiguration
) -> None:
    file_configuration(tmp_path / "0", ["a=1"], {0: [99.0]}, status={0: "unfinished"}, part="parts/000000")
    file_configuration(tmp_path / "0", ["a=1"], {0: [0.5]})
    assert row(tmp_path)["estimate"] == 0.5
    assert len(load_sweep(tmp_path).history) == 1


def test_folders_are_in_the_order_of_their_numbers(
    tmp_path: Path, file_configuration: FileConfiguration
) -> None:
    for number in [10, 2, 11, *range(2), *range(3, 10)]:
        file_configuration(tmp_path / str(number), [f"a={number}"], {0: [1.0]})
    file_configuration(tmp_path / "extra", ["a=extra"], {0: [1.0]})
    (tmp_path / "report").mkdir()
    wanted = [*map(str, range(12)), "extra"]
    sweep = load_sweep(tmp_path)
    assert sweep.configurations["configuration"].tolist() == wanted
    assert configurations_table(sweep)["a"].tolist() == wanted


def test_the_folder_of_a_single_run_is_a_sweep_of_one(
    tmp_path: Path, file_configuration: FileConfiguration
) -> None:
    file_configuration(tmp_path / "18-00-00", ["optim.lr=0.1"], GOOD)
    sweep = load_sweep(str(tmp_path / "18-00-00"))
    assert sweep.swept == []
    table = configurations_table(sweep)
    assert list(table) == COLUMNS
    assert table["n"].tolist() == [3]
    assert label(records(sweep.configurations)[0], sweep.swept) == "configuration 18-00-00"


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(UnreadableSweepError, match="no such folder") as caught:
        load_sweep(tmp_path / "gone")
    assert str(tmp_path / "gone") in str(caught.value)


def test_an_empty_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(UnreadableSweepError, match=r"holds no configuration \(found: nothing\)") as caught:
        load_sweep(tmp_path)
    assert str(tmp_path) in str(caught.value)


def test_a_folder_of_something_else_is_told_by_what_is_in_it(tmp_path: Path) -> None:
    for name in "fedcba":
        (tmp_path / name).mkdir()
    with pytest.raises(UnreadableSweepError, match=r"found: a, b, c, d, e\); give a folder below outputs"):
        load_sweep(tmp_path)


@pytest.mark.parametrize("content", ["", "{", '{"overrides": ["a=1"'])
def test_a_broken_provenance_is_named(
    tmp_path: Path, file_configuration: FileConfiguration, content: str
) -> None:
    file_configuration(tmp_path / "0", ["a=1"], {0: [1.0]})
    broken = file_configuration(tmp_path / "1", ["a=2"], {0: [1.0]}) / "provenance.json"
    broken.write_text(content)
    with pytest.raises(UnreadableSweepError, match="cannot be read") as caught:
        load_sweep(tmp_path)
    assert str(broken) in str(caught.value)


@pytest.mark.parametrize("name", ["runs.csv", "history.csv"])
@pytest.mark.parametrize("content", ["", "seed,st", "seed,status\n0,finished\n"])
@pytest.mark.parametrize("part", ["", "parts/000000"])
def test_a_table_that_was_cut_short_or_changed_is_named(
    tmp_path: Path, file_configuration: FileConfiguration, name: str, content: str, part: str
) -> None:
    broken = file_configuration(tmp_path / "0", ["a=1"], {0: [1.0]}, part=part) / part / name
    broken.write_text(content)
    with pytest.raises(UnreadableSweepError, match="is not what was written") as caught:
        load_sweep(tmp_path)
    assert str(broken) in str(caught.value)


def test_a_lost_table_is_named(tmp_path: Path, file_configuration: FileConfiguration) -> None:
    lost = file_configuration(tmp_path / "0", ["a=1"], {0: [1.0]}) / "history.csv"
    lost.unlink()
    with pytest.raises(UnreadableSweepError, match="cannot be read") as caught:
        load_sweep(tmp_path)
    assert str(lost) in str(caught.value)


def test_overrides_are_split_at_their_first_equals_sign() -> None:
    assert split_overrides(["optim.lr=0.1", "+x=a=b", "~y='c d'", "z=[1,2]", "~gone"]) == {
        "optim.lr": "0.1",
        "x": "a=b",
        "y": "c d",
        "z": "[1,2]",
    }


def test_swept_keys_are_those_that_differ_in_the_order_of_the_command() -> None:
    same = {"seeds": "4"}
    assert swept_keys([{"b": "1", **same, "a": "1"}, {"b": "1", **same, "a": "2"}]) == ["a"]
    assert swept_keys([{"b": "1", **same, "a": "1"}, {"b": "2", **same, "a": "2"}]) == ["b", "a"]
    assert swept_keys([{"a": "1"}, {"a": "1", "c": "2"}]) == ["c"]
    assert swept_keys([{"a": "1", "b": "2"}]) == []


@pytest.mark.parametrize("value", ["<script>alert(1)</script>", "a,b;c", "[bold]x", "µ|½", "{x:g}%s"])
def test_values_stay_as_they_were_typed(
    tmp_path: Path, file_configuration: FileConfiguration, value: str
) -> None:
    file_configuration(tmp_path / "0", [f"a={value}"], {0: [1.0]})
    file_configuration(tmp_path / "1", ["a=1"], {0: [1.0]})
    sweep = load_sweep(tmp_path)
    assert configurations_table(sweep)["a"].tolist() == [value, "1"]
    assert sweep.runs["a"].tolist() == [value, "1"]
    assert label(records(sweep.configurations)[0], sweep.swept) == f"a={value}"
    assert label({"a": value, "b": "2"}, ["b", "a"]) == f"b=2, a={value}"


def test_the_objective_is_the_mean_over_runs(tmp_path: Path, file_configuration: FileConfiguration) -> None:
    file_configuration(tmp_path / "0", [], GOOD, status={2: "stopped"})
    assert objective(load_sweep(tmp_path / "0")) == pytest.approx(7 / 3)


@pytest.mark.parametrize("status", ["diverged", "failed", "unfinished"])
def test_the_objective_is_infinite_when_a_run_is_lost(
    tmp_path: Path, file_configuration: FileConfiguration, status: str
) -> None:
    file_configuration(tmp_path / "0", [], GOOD, status={1: status})
    assert objective(load_sweep(tmp_path / "0")) == math.inf


def test_the_distance_from_the_optimum_is_the_median_over_runs_that_ended_well(
    tmp_path: Path, file_configuration: FileConfiguration, seal: Seal
) -> None:
    folder = file_configuration(tmp_path / "0", ["a=1"], GOOD | {3: [1.0]}, status={3: "diverged"})
    rows = ["seed,step,rmse,d_real,d_fake,value,value_gap"]
    for seed, d_real in ((0, 0.5), (1, 4.0), (2, 0.625), (3, 9.0)):
        rows += [f"{seed},{step},1,0,0,0,0" for step in range(0, 80, 10)]
        rows += [f"{seed},80,1,{d_real - 0.125},0.25,-2,1", f"{seed},90,1,{d_real + 0.125},0.5,-1,3"]
    (folder / "history.csv").write_text("\n".join(rows))
    seal(folder)
    file_configuration(tmp_path / "1", ["a=2"], {0: [1.0]}, status={0: "failed"})
    table = theory_table(load_sweep(tmp_path))
    assert records(table) == [{"a": "1", "d_real": 0.625, "d_fake": 0.375, "value": -1.5, "value_gap": 2.0}]


def test_without_a_run_that_ended_well_there_is_no_distance(
    tmp_path: Path, file_configuration: FileConfiguration
) -> None:
    file_configuration(tmp_path / "0", ["a=1"], {0: [1.0]}, status={0: "diverged"})
    file_configuration(tmp_path / "1", ["a=2"], {0: [1.0]}, status={0: "failed"})
    table = theory_table(load_sweep(tmp_path))
    assert table.empty
    assert list(table) == ["a", "d_real", "d_fake", "value", "value_gap"]


def test_notes_say_what_the_table_does_not(tmp_path: Path, file_configuration: FileConfiguration) -> None:
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
    *said, nothing, few = notes(load_sweep(tmp_path))
    assert said == [
        "a=2: 2 of 5 runs diverged, the first at step 1,234.",
        "a=3: 1 of 5 runs failed: OSError: disk, full.",
        "a=4: 2 of 2 runs are unfinished (not begun).",
        "a=5: 3 of 3 runs are unfinished (step 5,000 of 20,000, median rmse so far 0.5).",
    ]
    assert nothing.startswith("n = 0: no run finished")
    assert few.startswith("n = 3: three seeds")


def test_a_sweep_that_went_well_needs_no_notes(tmp_path: Path, file_configuration: FileConfiguration) -> None:
    file_configuration(tmp_path / "0", ["a=1"], {seed: [1.0] for seed in range(4)})
    assert notes(load_sweep(tmp_path)) == []


def test_numbers_are_read_to_the_bit(tmp_path: Path, file_configuration: FileConfiguration) -> None:
    values = [0.1 + 0.2, 1 / 3, 5e-324, 1.7976931348623157e308, 0.30000000000000004]
    file_configuration(tmp_path / "0", ["a=1"], {0: values})
    assert load_sweep(tmp_path).history["rmse"].tolist() == values


def imported_with(statement: str) -> set[str]:
    """Which of the large packages a fresh interpreter has loaded after a statement."""
    code = f"import sys, json; {statement}; print(json.dumps([*sys.modules]))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return {"torch", "pandas", "matplotlib", "hydra"} & set(json.loads(done.stdout))


def test_the_package_offers_its_loader_without_loading_anything_large(
    tmp_path: Path, file_configuration: FileConfiguration
) -> None:
    file_configuration(tmp_path / "0", ["a=1"], {0: [1.0]})
    assert sinegan.load_sweep is load_sweep
    assert isinstance(sinegan.load_sweep(tmp_path), sinegan.Sweep)
    assert isinstance(sinegan.load_sweep(tmp_path).runs, pd.DataFrame)
    with pytest.raises(AttributeError, match="no attribute 'load_swep'"):
        _ = sinegan.load_swep
    assert imported_with("import sinegan") == set()
    assert imported_with("from sinegan import load_sweep") == {"pandas"}


def test_a_report_needs_no_torch() -> None:
    assert imported_with("import sinegan.report.make") == {"pandas", "matplotlib"}


def test_of_many_configurations_that_lost_runs_the_sum_is_told(
    tmp_path: Path, file_configuration: FileConfiguration
) -> None:
    for place in range(MOST_NOTES + 2):
        status = {0: "diverged", 1: "failed"} if place else {}
        file_configuration(
            tmp_path / str(place), [f"loss={place}"], {seed: [1.0] for seed in range(8)}, status=status
        )
    said = notes(load_sweep(tmp_path))
    assert said[0] == "loss=1: 1 of 8 runs diverged, the first at step 100."
    assert said[-1] == "13 of 14 configurations lack runs: 13 diverged, 13 failed; the table has all."
    assert len(said) == 2 * MOST_NOTES + 1
