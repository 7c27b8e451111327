"""Several sweeps as one: seeds add up, and what differs is shown."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from sinegan.report.load import UnreadableSweepError, load_sweep
from sinegan.report.merging import clashes, fill_in_defaults, identity_key, split_overrides, swept_keys
from sinegan.report.referee.analysis import Analysis
from sinegan.report.words.notes import notes
from sinegan.storage.files import read_sealed, write_sealed
from sinegan.storage.results import records

FileConfiguration = Callable[..., Path]


def change(folder: Path, settings: Mapping[str, Any], **provenance: Any) -> None:
    """Changes the settings and other facts of a configuration's provenance."""
    path = folder / "provenance.json"
    known = read_sealed(path)
    known["settings"] |= settings
    write_sealed(path, known | provenance)


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


def test_a_resume_with_other_workers_pictures_or_margin_sweeps_none_of_them() -> None:
    resumed = {"executor.workers": 2, "executor": "dask", "plot.animation": True, "margin": 0.05}
    assert swept_keys([{"a": 1, "executor.workers": 1}, {"a": 2} | resumed]) == ["a"]
    assert swept_keys([{"executors": 1}, {"executors": 2}]) == ["executors"]


def test_a_default_value_is_taken_from_the_settings() -> None:
    overrides = [{"loss": "minimax"}, {"optim.lr": 1e-3}, {"loss": "other", "optim.lr": 0.002}]
    settings = [
        {"loss": {"kind": 1}, "optim": {"lr": 0.001}},
        {"loss": {"kind": 1}, "optim": {"lr": 0.001}},
        {"loss": {"kind": 2}, "optim": {"lr": 0.002}},
    ]
    assert fill_in_defaults(overrides, settings) == [
        {"loss": "minimax", "optim.lr": 0.001},
        {"loss": "minimax", "optim.lr": 0.001},
        {"loss": "other", "optim.lr": 0.002},
    ]


def test_a_choice_that_no_command_names_is_called_default() -> None:
    found = fill_in_defaults([{"loss": "other"}, {}], [{"loss": {"kind": 2}}, {"loss": {"kind": 1}}])
    assert found == [{"loss": "other"}, {"loss": "default"}]


def test_seeds_executor_and_plot_are_no_part_of_the_identity() -> None:
    first = identity_key({"loss": "a", "seeds": "8"}, {"seed": 0, "plot": {"live": True}, "optim": {"lr": 1}})
    assert first == identity_key(
        {"loss": "a", "seeds": "4"}, {"seed": 8, "plot": {"live": False}, "optim": {"lr": 1}}
    )
    assert first != identity_key({"loss": "a", "seeds": "8"}, {"seed": 0, "optim": {"lr": 2}})


def test_a_clash_is_a_difference_between_sweeps_that_no_swept_key_explains() -> None:
    settings = [
        {"steps": 1, "optim": {"lr": 1, "generator_lr": 1}, "seed": 0},
        {"steps": 1, "optim": {"lr": 2, "generator_lr": 2}, "seed": 0},
        {"steps": 5, "optim": {"lr": 2, "generator_lr": 2}, "seed": 8},
    ]
    swept = [{"optim.lr": 1}, {"optim.lr": 2}, {"optim.lr": 2}]
    assert clashes(["one", "one", "two"], swept, settings) == {"steps": [1, 1, 5]}
    varied = [settings[0], settings[1] | {"steps": 2}, settings[2]]  # by a sweep of its own
    assert clashes(["one", "one", "two"], swept, varied) == {}
    assert clashes(["one", "two", "three"], swept, settings) == {"steps": [1, 1, 5]}


def test_configurations_with_other_seeds_are_merged_into_more_runs(
    tmp_path: Path, file_configuration: FileConfiguration
) -> None:
    for home, seeds in (("one", (0, 1, 2)), ("two", (8, 9))):
        for place, loss in enumerate("xy"):
            folder = tmp_path / home / str(place)
            file_configuration(
                folder, [f"loss={loss}", f"seed={seeds[0]}"], {seed: [1.0 + seed] for seed in seeds}
            )
            change(folder, {"seed": seeds[0]})
    sweep = load_sweep(tmp_path / "one", tmp_path / "two")
    assert sweep.swept == ["loss"]
    assert sweep.configurations["configuration"].tolist() == ["one/0", "one/1"]
    assert sweep.configurations["seeds"].tolist() == [5, 5]
    assert Analysis(sweep).wide_table["n"].tolist() == [5, 5]
    assert Analysis(sweep).wide_table["unfinished"].tolist() == [0, 0]
    assert sweep.remarks == ()


def test_a_design_is_no_column_and_merged_sweeps_are_judged_without_it(
    tmp_path: Path, file_configuration: FileConfiguration
) -> None:
    for home, seeds in (("fixed", (0, 1, 2)), ("decided", (3, 4, 5, 6))):
        kind = "Fixed" if home == "fixed" else "UntilBest"
        for place, loss in enumerate("xy"):
            folder = tmp_path / home / str(place)
            overrides = [f"loss={loss}", f"decide={'none' if home == 'fixed' else 'best'}"]
            values = {seed: [1.0 + seed + place] for seed in seeds}
            file_configuration(folder, overrides, values)
            change(folder, {"seed": seeds[0], "decide": {"_target_": f"sinegan.designs.{kind}"}})
    assert load_sweep(tmp_path / "decided").swept == ["loss"]
    assert Analysis(load_sweep(tmp_path / "decided")).courses
    merged = load_sweep(tmp_path / "fixed", tmp_path / "decided")
    assert merged.swept == ["loss"]
    assert merged.configurations["seeds"].tolist() == [7, 7]
    assert not Analysis(merged).courses
    assert notes(Analysis(merged)) == [
        "seeds were added by a rule (decide) that these numbers do not account for: they are judged as if "
        "the number of seeds had been fixed beforehand."
    ]


def test_settings_that_clash_are_shown(tmp_path: Path, file_configuration: FileConfiguration) -> None:
    for home, steps in (("one", 100), ("two", 500)):
        for place, loss in enumerate("xy"):
            file_configuration(tmp_path / home / str(place), [f"loss={loss}"], {0: [1.0]}, steps=steps)
    sweep = load_sweep(tmp_path / "one", tmp_path / "two")
    assert sweep.swept == ["loss", "training.steps"]
    assert [(row["loss"], row["training.steps"]) for row in records(Analysis(sweep).table)] == [
        ("x", "100"),
        ("y", "100"),
        ("x", "500"),
        ("y", "500"),
    ]
    assert notes(Analysis(sweep))[0] == "the sweeps differ in training.steps: 100 in one, 500 in two."


def test_a_run_that_stands_in_two_sweeps_counts_once(
    tmp_path: Path, file_configuration: FileConfiguration
) -> None:
    file_configuration(tmp_path / "one" / "0", ["loss=x"], {0: [1.0], 1: [2.0]}, status={1: "failed"})
    file_configuration(tmp_path / "two" / "0", ["loss=x"], {0: [5.0], 1: [4.0]})
    sweep = load_sweep(tmp_path / "one", tmp_path / "two")
    assert Analysis(sweep).values == {("one/0", 0): 1.0, ("one/0", 1): 4.0}  # the first that ended well
    assert sweep.runs["status"].tolist() == ["finished", "finished"]
    assert sweep.remarks == ("2 runs stand in several of the sweeps; the first that ended well counts",)
    file_configuration(tmp_path / "three" / "0", ["loss=x"], {1: [4.0]})
    again = load_sweep(tmp_path / "two", tmp_path / "three")
    assert again.remarks == ("1 run stands in several of the sweeps; the first that ended well counts",)


def test_different_versions_are_remarked(tmp_path: Path, file_configuration: FileConfiguration) -> None:
    for home, torch in (("one", "2.6"), ("two", "2.13")):
        file_configuration(tmp_path / home / "0", [f"loss={home}"], {0: [1.0]})
        change(tmp_path / home / "0", {}, versions={"torch": torch, "sinegan": "0.1"})
    sweep = load_sweep(tmp_path / "one", tmp_path / "two")
    assert sweep.remarks == ("the sweeps were made with different versions of torch: 2.6, 2.13",)


def test_sweeps_with_the_same_folder_name_are_distinguished(
    tmp_path: Path, file_configuration: FileConfiguration
) -> None:
    for day in ("monday", "tuesday"):
        file_configuration(tmp_path / day / "10-00" / "0", [f"loss={day}"], {0: [1.0]})
    sweep = load_sweep(tmp_path / "monday" / "10-00", tmp_path / "tuesday" / "10-00")
    assert sweep.configurations["configuration"].tolist() == ["monday/10-00/0", "tuesday/10-00/0"]
    assert sweep.folder == tmp_path / "monday" / "10-00"


def test_a_folder_given_twice_is_refused(tmp_path: Path, file_configuration: FileConfiguration) -> None:
    file_configuration(tmp_path / "0", ["loss=x"], {0: [1.0]})
    with pytest.raises(UnreadableSweepError, match="more than once"):
        load_sweep(tmp_path, tmp_path)


def test_a_copied_folder_counts_once_and_is_named(
    tmp_path: Path, file_configuration: Callable[..., Path]
) -> None:
    for name, lr in (("0", 0.1), ("1", 0.2), ("1 (copy)", 0.2)):
        file_configuration(tmp_path / name, [f"optim.lr={lr}"], {0: [lr], 1: [lr]})
    sweep = load_sweep(tmp_path)
    assert sweep.configurations["configuration"].tolist() == ["0", "1"]
    assert sweep.remarks == ("folders with the same configuration count once: 1 (copy) is 1 again",)
