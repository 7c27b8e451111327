"""Free memory is the least of what the system, the control groups and the process's limit leave."""

import doctest
import math
import os
import subprocess
import sys
from pathlib import Path

import pytest

from sinegan.sweep import room
from sinegan.sweep.room import Room, free_memory, group_folders, left_in_group, parse_available

MEMINFO = "MemTotal:       24684024 kB\nMemFree:        23280800 kB\nMemAvailable:   24000000 kB\n"


def test_doctests_of_room():
    found = doctest.testmod(room)
    assert found.attempted >= 3
    assert found.failed == 0


def test_available_memory_is_memavailable_and_not_memfree():
    assert parse_available(MEMINFO) == 24_000_000 * 1024


@pytest.mark.parametrize("text", ["", "MemTotal: 5 kB\n", "MemAvailable:\n", "MemAvailable: lots kB\n"])
def test_available_memory_is_unknown_without_memavailable(text):
    assert parse_available(text) is None


@pytest.mark.parametrize(
    ("membership", "folders"),
    [
        ("0::/user.slice/app\n", ["user.slice/app", "user.slice", "."]),
        ("0::/\n", ["."]),
        ("5:cpu:/x\n4:memory:/docker/abc\n", ["memory/docker/abc", "memory/docker", "memory"]),
        ("3:cpuset,memory:/\n", ["memory"]),
        ("", []),
        ("nonsense\n", []),
    ],
)
def test_control_groups_are_that_of_the_process_and_all_above(membership, folders):
    assert group_folders(membership) == folders


@pytest.mark.parametrize(
    ("limit", "usage", "stat", "left"),
    [
        ("max\n", "5\n", "", math.inf),
        ("", "", "", math.inf),
        ("9223372036854771712\n", "5\n", "", math.inf),
        ("1000\n", "400\n", "anon 100\ninactive_file 300\n", 900),
        ("1000\n", "400\n", "inactive_file 1\ntotal_inactive_file 300\n", 900),
        ("1000\n", "", "", 1000),
        ("1000\n", "4000\n", "", 0),
    ],
)
def test_memory_left_in_a_control_group_includes_inactive_files(limit, usage, stat, left):
    assert left_in_group(limit, usage, stat) == left


def test_the_control_group_with_the_least_memory_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    inside = tmp_path / "job" / "step"
    inside.mkdir(parents=True)
    for folder, limit in ((inside, "max"), (inside.parent, "5000000"), (tmp_path, "9000000")):
        (folder / "memory.max").write_text(limit)
        (folder / "memory.current").write_text("1000000")
    monkeypatch.setattr(room, "CGROUPS", tmp_path)
    monkeypatch.setattr(
        room, "_text", _texts({"/proc/self/cgroup": "0::/job/step\n", "/proc/meminfo": MEMINFO})
    )
    assert free_memory().here == 4_000_000


def test_control_groups_of_version_1_count_as_well(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    folder = tmp_path / "memory" / "job"
    folder.mkdir(parents=True)
    (folder / "memory.limit_in_bytes").write_text("3000000")
    (folder / "memory.usage_in_bytes").write_text("1000000")
    monkeypatch.setattr(room, "CGROUPS", tmp_path)
    monkeypatch.setattr(room, "_text", _texts({"/proc/self/cgroup": "7:memory:/job\n"}))
    assert free_memory().here == 2_000_000


def test_free_memory_without_proc_is_that_of_the_machine(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(room, "_text", lambda _: "")
    monkeypatch.setattr(os, "sysconf", {"SC_PHYS_PAGES": 1000, "SC_PAGE_SIZE": 4096}.__getitem__)
    assert free_memory().here == 4_096_000
    monkeypatch.delattr(os, "sysconf")
    assert free_memory() == Room(math.inf, math.inf)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no ulimit")
def test_the_ulimit_of_the_process_leaves_what_it_has_not_taken():
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            "import resource; from sinegan.sweep.room import free_memory; "
            "resource.setrlimit(resource.RLIMIT_AS, (3 * 10**9, 3 * 10**9)); print(free_memory().each)",
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    assert 1e9 < float(done.stdout) < 3e9


def _texts(known: dict[str, str]):  # type: ignore[no-untyped-def]
    def read(path: Path) -> str:
        return known.get(str(path)) or (
            path.read_text() if path.exists() and "proc" not in path.parts else ""
        )

    return read
