"""Loading a sweep: nothing is dropped, nothing is invented."""

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
from sinegan.report.labels import label
from sinegan.report.load import UnreadableSweepError, load_sweep
from sinegan.report.referee.analysis import Analysis
from sinegan.report.referee.estimates import theory_table
from sinegan.storage.results import records

FileConfiguration = Callable[..., Path]
Seal = Callable[[Path], None]


def row(folder: Path, configuration: str = "0") -> dict[str, Any]:
    sweep = load_sweep(folder)
    names = sweep.configurations["configuration"].tolist()
    return records(Analysis(sweep).table)[names.index(configuration)]


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
    assert Analysis(sweep).wide_table["unfinished"].tolist() == [2]


def test_a_configuration_that_has_not_begun_has_a_row(
    tmp_path: Path, file_configuration: FileConfiguration
) -> None:
    file_configuration(tmp_path / "0", ["a=1"], {0: [0.5]})
    file_configuration(tmp_path / "1", ["a=2"], seeds=3)
    sweep = load_sweep(tmp_path)
    assert Analysis(sweep).table["a"].tolist() == ["1", "2"]
    assert row(tmp_path, "1")["n"] == 0
    assert math.isnan(row(tmp_path, "1")["estimate"])
    assert Analysis(sweep).wide_table["unfinished"].tolist() == [0, 3]


def test_a_sweep_in_which_nothing_has_begun_has_a_table(
    tmp_path: Path, file_configuration: FileConfiguration
) -> None:
    file_configuration(tmp_path / "0", ["a=1"], seeds=3)
    sweep = load_sweep(tmp_path)
    assert Analysis(sweep).table["n"].tolist() == [0]
    assert sweep.history.empty
    assert theory_table(sweep).empty


def test_the_merged_files_count_when_parts_are_left_next_to_them(
    tmp_path: Path, file_configuration: FileConfiguration
) -> None:
    file_configuration(tmp_path / "0", ["a=1"], {0: [99.0]}, status={0: "unfinished"}, part="parts/000000")
    file_configuration(tmp_path / "0", ["a=1"], {0: [0.5]})
    assert row(tmp_path)["estimate"] == 0.5
    assert len(load_sweep(tmp_path).history) == 1


def test_configurations_are_in_the_order_of_their_numbers(
    tmp_path: Path, file_configuration: FileConfiguration
) -> None:
    for number in [10, 2, 11, *range(2), *range(3, 10)]:
        file_configuration(tmp_path / str(number), [f"a={number}"], {0: [1.0]})
    file_configuration(tmp_path / "extra", ["a=extra"], {0: [1.0]})
    (tmp_path / "report").mkdir()
    wanted = [*map(str, range(12)), "extra"]
    sweep = load_sweep(tmp_path)
    assert sweep.configurations["configuration"].tolist() == wanted
    assert Analysis(sweep).table["a"].tolist() == wanted


def test_the_folder_of_a_single_run_is_a_sweep_of_one(
    tmp_path: Path, file_configuration: FileConfiguration
) -> None:
    file_configuration(tmp_path / "18-00-00", ["optim.lr=0.1"], {0: [1.0], 1: [2.0]})
    sweep = load_sweep(str(tmp_path / "18-00-00"))
    assert sweep.swept == []
    table = Analysis(sweep).table
    assert next(iter(table)) == "n"
    assert table["n"].tolist() == [2]
    assert label(records(sweep.configurations)[0], sweep.swept) == "configuration 18-00-00"


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(UnreadableSweepError, match="no such folder") as caught:
        load_sweep(tmp_path / "gone")
    assert str(tmp_path / "gone") in str(caught.value)


def test_an_empty_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(UnreadableSweepError, match=r"holds no configuration \(found: nothing\)") as caught:
        load_sweep(tmp_path)
    assert str(tmp_path) in str(caught.value)


def test_a_folder_without_a_sweep_is_refused_with_its_content(tmp_path: Path) -> None:
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
def test_a_truncated_or_changed_table_is_named(
    tmp_path: Path, file_configuration: FileConfiguration, name: str, content: str, part: str
) -> None:
    broken = file_configuration(tmp_path / "0", ["a=1"], {0: [1.0]}, part=part) / part / name
    broken.write_text(content)
    with pytest.raises(UnreadableSweepError, match="is not what was written") as caught:
        load_sweep(tmp_path)
    assert str(broken) in str(caught.value)


def test_a_missing_table_is_named(tmp_path: Path, file_configuration: FileConfiguration) -> None:
    lost = file_configuration(tmp_path / "0", ["a=1"], {0: [1.0]}) / "history.csv"
    lost.unlink()
    with pytest.raises(UnreadableSweepError, match="cannot be read") as caught:
        load_sweep(tmp_path)
    assert str(lost) in str(caught.value)


@pytest.mark.parametrize("value", ["<script>alert(1)</script>", "a,b;c", "[bold]x", "µ|½", "{x:g}%s"])
def test_values_stay_as_they_were_typed(
    tmp_path: Path, file_configuration: FileConfiguration, value: str
) -> None:
    file_configuration(tmp_path / "0", [f"a={value}"], {0: [1.0]})
    file_configuration(tmp_path / "1", ["a=1"], {0: [1.0]})
    sweep = load_sweep(tmp_path)
    assert Analysis(sweep).table["a"].tolist() == [value, "1"]
    assert sweep.runs["a"].tolist() == [value, "1"]
    assert label(records(sweep.configurations)[0], sweep.swept) == f"a={value}"
    assert label({"a": value, "b": "2"}, ["b", "a"]) == f"b=2, a={value}"


def test_numbers_are_read_to_the_bit(tmp_path: Path, file_configuration: FileConfiguration) -> None:
    values = [0.1 + 0.2, 1 / 3, 5e-324, 1.7976931348623157e308, 0.30000000000000004]
    file_configuration(tmp_path / "0", ["a=1"], {0: values})
    assert load_sweep(tmp_path).history["rmse"].tolist() == values


def imported_with(statement: str) -> set[str]:
    """The large packages that a fresh interpreter has imported after a statement."""
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
