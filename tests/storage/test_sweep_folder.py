"""All configurations of a sweep are found by any folder name, and damaged files are named."""

import json
import os
import re
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sinegan.storage import sweep_folder
from sinegan.storage.files import read_sealed, write_sealed
from sinegan.storage.results import DamagedResultsError
from sinegan.storage.sweep_folder import (
    Listed,
    configuration_folders,
    holds_sweep,
    is_configuration,
    listed,
    missing_configurations,
    read_provenance,
    write_list,
    write_provenance,
)

KNOWN = {"overrides": ["optim.lr=0.1"], "settings": {"seeds": 3, "seed": 0}, "primary_metric": "rmse"}


def begin_configuration(home: Path, *names: str) -> None:
    for name in names:
        write_provenance(home / name, KNOWN)


def found_names(home: Path) -> list[str]:
    return [path.relative_to(home).as_posix() for path in configuration_folders(home)]


def test_configurations_are_found_at_any_depth_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    begin_configuration(tmp_path, "run_10", "run_2", "minimax/lr=0.1, x/1", "minimax/lr=0.1, x/0", "é")
    (tmp_path / "notes").mkdir()
    assert found_names(tmp_path) == ["minimax/lr=0.1, x/0", "minimax/lr=0.1, x/1", "run_2", "run_10", "é"]


def test_the_list_of_a_sweep_determines_the_order_of_configurations(tmp_path: Path) -> None:
    names = ["wide/0", "1", "a"]
    begin_configuration(tmp_path, *names, "added")
    write_list(tmp_path, [Listed(number, name, {}) for number, name in enumerate(names)])
    assert found_names(tmp_path) == [*names, "added"]


def test_the_report_and_hidden_folders_hold_no_configurations(tmp_path: Path) -> None:
    begin_configuration(tmp_path, "0", "report/1", ".trash/2", "a/report/3")
    assert found_names(tmp_path) == ["0", "a/report/3"]


def test_the_folder_of_a_single_run_is_its_only_configuration(tmp_path: Path) -> None:
    begin_configuration(tmp_path, ".", "inside")
    assert configuration_folders(tmp_path) == [tmp_path]
    assert not holds_sweep(tmp_path)


@pytest.mark.parametrize("name", ["runs.csv", "history.csv", "samples.npz", "checkpoint.pt", "manifest.json"])
def test_a_configuration_without_its_provenance_is_still_found(tmp_path: Path, name: str) -> None:
    begin_configuration(tmp_path, "0")
    (tmp_path / "lost").mkdir()
    (tmp_path / "lost" / name).write_text("")
    assert found_names(tmp_path) == ["0", "lost"]
    with pytest.raises(DamagedResultsError, match=re.escape(f"{tmp_path / 'lost'}/provenance.json: cannot")):
        read_provenance(tmp_path / "lost")


def test_a_folder_with_parts_alone_is_a_configuration(tmp_path: Path) -> None:
    (tmp_path / "0/parts/000000-1").mkdir(parents=True)
    assert not is_configuration(tmp_path / "0")
    (tmp_path / "0/parts/000000-1/manifest.json").write_text("{}")
    assert found_names(tmp_path) == ["0"]


def test_a_folder_with_a_list_or_a_configuration_holds_a_sweep(tmp_path: Path) -> None:
    assert not holds_sweep(tmp_path)
    begin_configuration(tmp_path / "deep", "a/b")
    assert holds_sweep(tmp_path / "deep")
    write_list(tmp_path / "deleted", [Listed(0, "0", {})])
    assert holds_sweep(tmp_path / "deleted")
    assert not holds_sweep(tmp_path / "none")


def test_a_link_to_a_configuration_is_refused_and_other_links_are_not_followed(tmp_path: Path) -> None:
    begin_configuration(tmp_path / "other", "0")
    begin_configuration(tmp_path / "sweep", "0")
    (tmp_path / "sweep/around").symlink_to(tmp_path)
    assert found_names(tmp_path / "sweep") == ["0"]
    (tmp_path / "sweep/1").symlink_to(tmp_path / "other/0")
    with pytest.raises(DamagedResultsError, match="sweep/1: is a symbolic link to a configuration"):
        configuration_folders(tmp_path / "sweep")


def test_a_folder_with_too_many_folders_is_no_sweep(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    begin_configuration(tmp_path, *map(str, range(5)))
    monkeypatch.setattr(sweep_folder, "MOST_FOLDERS", 3)
    with pytest.raises(DamagedResultsError, match="holds over 3 folders, so it is no sweep's folder"):
        configuration_folders(tmp_path)


def test_a_written_provenance_is_read_back(tmp_path: Path) -> None:
    begin_configuration(tmp_path, "0")
    assert read_provenance(tmp_path / "0") == KNOWN


def edited(text: str) -> str:
    return text.replace("0.1", "0.2")


def unsealed(content: Any) -> Callable[[str], str]:
    return lambda _: json.dumps(content)


def sealed(**changes: Any) -> Callable[[str], str]:
    """Changes a file and renews its checksum."""

    def change(_: str) -> str:
        known = {key: value for key, value in (KNOWN | changes).items() if value is not None}
        return json.dumps(known | {"sha256": sha256(json.dumps(known, sort_keys=True).encode()).hexdigest()})

    return change


DAMAGES = {
    "edited": (edited, "it is not what was written"),
    "empty": (lambda _: "", "Expecting value"),
    "cut": (lambda text: text[:-9], "Unterminated string"),
    "a number": (unsealed(5), "it carries no checksum"),
    "a list": (unsealed([1]), "it carries no checksum"),
    "null": (unsealed(None), "it carries no checksum"),
    "no checksum": (unsealed(KNOWN), "it carries no checksum"),
    "deep": (lambda _: "[" * 200_000, "it is nested too deep"),
    "digits": (lambda _: "9" * 10_000, "Exceeds the limit"),
    "no text": (lambda _: "\udcff", "decode"),
    "no settings": (sealed(settings=None), "it lacks settings"),
    "settings of a number": (sealed(settings=5), "settings = 5"),
    "no seeds": (sealed(settings={}), "setting seeds = None; must be of type int"),
    "many seeds": (
        sealed(settings={"seeds": 10**11}),
        "setting seeds = 100000000000; must be 1 to 4",
    ),
    "seeds of text": (sealed(settings={"seeds": "3"}), "setting seeds = '3'"),
    "true seeds": (sealed(settings={"seeds": True}), "setting seeds = True"),
    "overrides of numbers": (sealed(overrides=[1]), "its overrides are no texts"),
    "a metric of nothing": (sealed(primary_metric=["rmse"]), "primary_metric = ['rmse']"),
    "a metric that is a column": (sealed(primary_metric="seed"), "primary_metric = 'seed'; must be rmse or"),
    "a target of a number": (sealed(settings={"seeds": 1, "target": 5}), "target = 5: must be a mapping"),
    "versions of a number": (sealed(versions=5), "versions = 5: must be a mapping"),
}


@pytest.mark.parametrize(("damage", "words"), DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_provenance_is_named_with_the_remedy(
    tmp_path: Path, damage: Callable[[str], str], words: str
) -> None:
    begin_configuration(tmp_path, "0")
    file = tmp_path / "0/provenance.json"
    file.write_bytes(damage(file.read_text()).encode(errors="surrogateescape"))
    with pytest.raises(DamagedResultsError, match=re.escape(words)) as caught:
        read_provenance(tmp_path / "0")
    assert str(caught.value).startswith(f"{file}: cannot be read (")
    assert f"restore it, or delete {tmp_path / '0'} and resume the sweep" in str(caught.value)


json_values: Any = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=12,
)


@given(value=json_values)
@settings(max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_foreign_json_is_refused_as_damaged(tmp_path: Path, value: Any) -> None:
    (tmp_path / "provenance.json").write_text(json.dumps(value))
    with pytest.raises(DamagedResultsError):
        read_provenance(tmp_path)
    (tmp_path / "sweep.json").write_text(json.dumps(value))
    with pytest.raises(DamagedResultsError):
        listed(tmp_path)


@given(value=st.dictionaries(st.text().filter(lambda key: key != "sha256"), json_values, max_size=4))
@settings(max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_sealed_json_is_read_back(tmp_path: Path, value: dict[str, Any]) -> None:
    write_sealed(tmp_path / "any.json", value)
    assert read_sealed(tmp_path / "any.json") == value


@pytest.mark.parametrize("name", ["provenance.json", "sweep.json"])
def test_a_pipe_and_a_device_are_refused_at_once(tmp_path: Path, name: str) -> None:
    read = read_provenance if name == "provenance.json" else listed
    os.mkfifo(tmp_path / name)
    with pytest.raises(DamagedResultsError, match="it is no regular file"):
        read(tmp_path)
    (tmp_path / name).unlink()
    (tmp_path / name).symlink_to("/dev/zero")
    with pytest.raises(DamagedResultsError, match="it is no regular file"):
        read(tmp_path)
    (tmp_path / name).unlink()
    with open(tmp_path / name, "wb") as file:
        file.truncate(10**12)  # sparse: it takes no room
    with pytest.raises(DamagedResultsError, match="it has 1,000,000,000,000 bytes"):
        read(tmp_path)


def test_a_list_may_be_larger_than_other_json_files(tmp_path: Path) -> None:
    entries = [Listed(number, str(number), {"note": "x" * 2**20}) for number in range(65)]
    write_list(tmp_path, entries)
    assert (tmp_path / "sweep.json").stat().st_size > 2**26
    assert listed(tmp_path) == entries


def test_writing_the_list_of_a_sweep_keeps_its_former_entries(tmp_path: Path) -> None:
    first, second = Listed(0, "0", {"seeds": 2}), Listed(1, "x/1", {"seeds": 3})
    write_list(tmp_path, [second])
    write_list(tmp_path, [first])
    assert listed(tmp_path) == [first, second]
    more = first._replace(settings={"seeds": 8})
    write_list(tmp_path, [more])
    assert listed(tmp_path) == [more, second]
    begin_configuration(tmp_path, "x/1")
    assert missing_configurations(tmp_path) == [more]


@pytest.mark.parametrize("folder", ["../0", "/etc", "", "a/../../b", 3, None])
def test_a_list_entry_outside_the_sweep_is_refused(tmp_path: Path, folder: Any) -> None:
    write_sealed(
        tmp_path / "sweep.json", {"configurations": [{"number": 0, "folder": folder, "settings": {}}]}
    )
    with pytest.raises(DamagedResultsError, match="an entry is not of the right form"):
        listed(tmp_path)
