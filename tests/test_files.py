"""A file holds its old content or its new one, never half of it."""

import errno
import json
import os
from pathlib import Path
from typing import Any

import pytest

from sinegan.files import write_json, write_whole

NO_SPACE = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def refuse(*_: Any) -> None:
    raise NO_SPACE


@pytest.mark.parametrize("content", ["μ = ½\n", b"\x00\r\n\xff", "", b""])
def test_text_and_bytes_are_written_as_they_are(tmp_path: Path, content: str | bytes) -> None:
    write_whole(tmp_path / "file", content)
    expected = content.encode("utf-8") if isinstance(content, str) else content
    assert (tmp_path / "file").read_bytes() == expected


def test_missing_parents_are_made(tmp_path: Path) -> None:
    write_whole(tmp_path / "a" / "b" / "file.txt", "new")
    assert (tmp_path / "a" / "b" / "file.txt").read_text() == "new"


def test_an_old_file_is_replaced_and_no_temporary_stays(tmp_path: Path) -> None:
    write_whole(tmp_path / "file", "a longer old text")
    write_whole(tmp_path / "file", "new")
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"file": "new"}


@pytest.mark.parametrize("call", ["fsync", "replace"])
@pytest.mark.parametrize("old", ["old", None])
def test_a_write_that_fails_midway_leaves_the_folder_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str, old: str | None
) -> None:
    before = {} if old is None else {"file": old}
    for name, text in before.items():
        (tmp_path / name).write_text(text)
    monkeypatch.setattr(os, call, refuse)
    with pytest.raises(OSError, match="No space left"):
        write_whole(tmp_path / "file", "new")
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == before


def test_a_reader_sees_the_old_file_until_the_new_one_is_complete(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "file"
    file.write_text("old")
    seen: list[tuple[str, list[str]]] = []
    replace = os.replace

    def look_and_replace(source: Path, goal: Path) -> None:
        seen.append((file.read_text(), [Path(source).read_text(), Path(source).parent.name]))
        replace(source, goal)

    monkeypatch.setattr(os, "replace", look_and_replace)
    write_whole(file, "new")
    assert seen == [("old", ["new", tmp_path.name])]
    assert file.read_text() == "new"


def test_an_interrupt_leaves_no_temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_whole(tmp_path / "file", "new")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("durable", [True, False])
def test_only_a_durable_write_waits_for_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, durable: bool
) -> None:
    synced: list[int] = []
    monkeypatch.setattr(os, "fsync", synced.append)
    write_whole(tmp_path / "file", "new", durable=durable)
    assert len(synced) == durable


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OSError, match="file") as caught:
        write_whole(tmp_path / "file" / "below", "new")
    assert str(tmp_path / "file") in str(caught.value)


def test_json_is_read_back_as_it_was(tmp_path: Path) -> None:
    value = {"settings": {"lr": 1e-4, "layers": [8, 16]}, "name": "½", "none": None}
    write_json(tmp_path / "value.json", value)
    text = (tmp_path / "value.json").read_text()
    assert json.loads(text) == value
    assert text.endswith("}\n")
    assert text.count("\n") > len(value)  # for people, too: a line a key


def test_what_json_cannot_say_leaves_the_old_file(tmp_path: Path) -> None:
    write_json(tmp_path / "value.json", {"a": 1})
    with pytest.raises(TypeError):
        write_json(tmp_path / "value.json", {"a": object()})
    assert [json.loads(path.read_text()) for path in tmp_path.iterdir()] == [{"a": 1}]
