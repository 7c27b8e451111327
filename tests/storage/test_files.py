"""A file holds its old or its new content, never half of it; a lock gives a folder one writer."""

import errno
import fcntl
import json
import os
import re
import signal
import subprocess
import sys
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from sinegan.storage import files, systems
from sinegan.storage.files import (
    LOCK,
    InUseError,
    UnwritableFileError,
    exclusive,
    read_regular,
    refuse_links,
    write_json,
    write_whole,
)

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


def test_a_write_replaces_the_old_file_and_leaves_no_temporary_file(tmp_path: Path) -> None:
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


def test_an_interrupted_write_leaves_no_temporary_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
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


def test_a_folder_that_cannot_be_made_is_refused_by_name(tmp_path: Path) -> None:
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


def test_a_value_that_json_cannot_hold_leaves_the_old_file(tmp_path: Path) -> None:
    write_json(tmp_path / "value.json", {"a": 1})
    with pytest.raises(TypeError):
        write_json(tmp_path / "value.json", {"a": object()})
    assert [json.loads(path.read_text()) for path in tmp_path.iterdir()] == [{"a": 1}]


HOLDER = """
import sys
from pathlib import Path
from sinegan.storage.files import exclusive

with exclusive(Path(sys.argv[1])):
    print("at work", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def hold(tmp_path: Path) -> Iterator[Callable[[], "subprocess.Popen[str]"]]:
    """Starts another process that holds the lock of the folder until its standard input ends."""
    with ExitStack() as processes:

        def start() -> "subprocess.Popen[str]":
            command = [sys.executable, "-c", HOLDER, str(tmp_path)]
            process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            processes.enter_context(process)
            processes.callback(process.kill)
            assert process.stdout is not None
            assert process.stdout.readline() == "at work\n"
            return process

        yield start


def assert_in_use(folder: Path, owner: int) -> None:
    message = f"^{re.escape(str(folder))}: process {owner} is working in it"
    with pytest.raises(InUseError, match=message), exclusive(folder):
        pytest.fail("two processes have the folder")


def test_the_lock_of_a_folder_is_held_until_its_process_ends_even_if_killed(
    tmp_path: Path, hold: Callable[[], "subprocess.Popen[str]"]
) -> None:
    holder = hold()
    assert_in_use(tmp_path, holder.pid)
    assert_in_use(tmp_path, holder.pid)  # the one that was refused has changed nothing
    holder.kill()
    assert holder.wait(30) == -signal.SIGKILL
    assert (tmp_path / LOCK).read_text() == str(holder.pid)
    with exclusive(tmp_path):
        assert_in_use(tmp_path, os.getpid())
    assert list(tmp_path.iterdir()) == []


def test_the_lock_is_removed_when_its_process_ends(
    tmp_path: Path, hold: Callable[[], "subprocess.Popen[str]"]
) -> None:
    holder = hold()
    holder.communicate("", timeout=30)
    assert holder.returncode == 0
    assert list(tmp_path.iterdir()) == []


def test_an_error_releases_the_lock(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="enough"), exclusive(tmp_path / "new" / "folder"):
        raise ValueError("enough")
    with exclusive(tmp_path / "new" / "folder"):
        pass
    assert list((tmp_path / "new" / "folder").iterdir()) == []


def test_a_lock_that_another_process_has_just_removed_is_taken_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flock, calls = fcntl.flock, []

    def remove_first(*arguments: Any) -> None:
        if not calls:
            (tmp_path / LOCK).unlink()
        calls.append(arguments)
        flock(*arguments)

    monkeypatch.setattr(fcntl, "flock", remove_first)
    with exclusive(tmp_path):
        assert (tmp_path / LOCK).read_text() == str(os.getpid())
        assert_in_use(tmp_path, os.getpid())


def test_a_lock_is_not_written_through_a_link(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.write_text("mine")
    folder = tmp_path / "sweep"
    folder.mkdir()
    (folder / LOCK).symlink_to(outside)
    with pytest.raises(UnwritableFileError, match=r"\.lock: cannot be written"), exclusive(folder):
        pytest.fail("locked")
    assert outside.read_text() == "mine"


def test_a_pipe_in_place_of_the_lock_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / LOCK)
    with pytest.raises(UnwritableFileError, match=r"\.lock: cannot be written"), exclusive(tmp_path):
        pytest.fail("locked")


def test_symbolic_links_below_a_folder_are_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "0/deep").mkdir(parents=True)
    refuse_links(tmp_path)
    (tmp_path / "0/deep/link").symlink_to("nowhere")
    with pytest.raises(UnwritableFileError, match="0/deep/link: is a symbolic link"):
        refuse_links(tmp_path)


def test_reading_reserves_no_more_memory_than_a_file_has(tmp_path: Path) -> None:
    (tmp_path / "small").write_bytes(b"abc")
    tracemalloc.start()
    try:
        assert read_regular(tmp_path / "small") == b"abc"
        assert tracemalloc.get_traced_memory()[1] < 2**20
    finally:
        tracemalloc.stop()


def test_a_lock_by_path_has_one_holder_and_is_free_again_when_it_is_killed(tmp_path: Path) -> None:
    holder = (
        "import sys; from pathlib import Path; from sinegan.storage.systems import lock_path\n"
        "with lock_path(Path(sys.argv[1])): print('at work', flush=True); sys.stdin.read()"
    )
    path = tmp_path / LOCK
    command = [sys.executable, "-c", holder, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "at work\n"
        with pytest.raises(systems.LockedError), systems.lock_path(path):
            pytest.fail("two processes have the lock")
        process.kill()
        process.wait(30)
        with systems.lock_path(path), pytest.raises(systems.LockedError), systems.lock_path(path):
            pytest.fail("one process has the lock twice")


def test_without_locks_on_open_files_a_folder_is_still_locked_and_no_link_followed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(systems, "HAS_LOCKS", False)
    in_use = pytest.raises(InUseError, match="another process is working in it")
    with exclusive(tmp_path), in_use, exclusive(tmp_path):
        pytest.fail("locked twice")
    (tmp_path / LOCK).unlink(missing_ok=True)
    (tmp_path / LOCK).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(UnwritableFileError, match="is a symbolic link"), exclusive(tmp_path):
        pytest.fail("locked")
    assert not (tmp_path / "elsewhere").exists()


@pytest.mark.parametrize("waits", [True, False])
def test_where_open_files_cannot_be_replaced_a_file_waits_for_its_readers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, waits: bool
) -> None:
    replace, refused = os.replace, []

    def open_at_first(source: Path, target: Path) -> None:
        if len(refused) < 3:
            refused.append(target)
            raise PermissionError(errno.EACCES, "Access is denied")
        replace(source, target)

    monkeypatch.setattr(systems, "KEEPS_OPEN_FILES", waits)
    monkeypatch.setattr(files.os, "replace", open_at_first)
    path = tmp_path / "progress.json"
    if waits:
        write_whole(path, "{}")
        assert path.read_text() == "{}"
    else:
        with pytest.raises(UnwritableFileError, match="Access is denied"):
            write_whole(path, "{}")
        assert len(refused) == 1
