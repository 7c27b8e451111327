"""Cached programs are read unchanged or not at all, from folders that only the user can write to."""

import fcntl
import os
import shutil
import stat
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sinegan.engine import program_cache
from sinegan.engine.program_cache import (
    DamagedProgramError,
    ProgramFolder,
    Stored,
    UnusableFolderError,
    cache_folder,
    places,
    scratch_folder,
)

NAME = "advance-0123456789abcdef0123"
STORED = Stored('["", []]', ".so", b"\x7fELF" + bytes(range(256)))

AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
STRANGER = 54321


@pytest.fixture
def programs(cache: Path) -> Iterator[ProgramFolder]:
    assert cache == cache_folder()
    with places()[0]() as opened:
        opened.write(NAME, STORED)
        yield opened


def fallback_folders() -> list[Path]:
    """The folders that are used when the cache cannot be."""
    folders = []
    for place in places()[1:]:
        with place() as opened:
            folders.append(opened.path)
    return folders


def test_a_program_is_read_as_it_was_written(cache: Path, programs: ProgramFolder) -> None:
    assert programs.read(NAME) == STORED
    assert programs.read(NAME.replace("advance", "measure")) is None
    assert programs.file(NAME, STORED).read_bytes() == STORED.program
    assert {path.name for path in cache.iterdir()} == {NAME + kind for kind in (".so", ".json", ".sha256")}
    packaged = Stored("[]", ".pt2", b"PK")
    programs.write(NAME, packaged)
    assert programs.read(NAME) == packaged


@pytest.mark.skipif(shutil.which("sha256sum") is None, reason="needs sha256sum")
def test_checksums_are_those_of_sha256sum(cache: Path, programs: ProgramFolder) -> None:
    assert programs.path == cache
    subprocess.run(["sha256sum", "--check", "--strict", f"{NAME}.sha256"], cwd=cache, check=True)


def replaced_by(by: Callable[[Path], object]) -> Callable[[Path], None]:
    def replace(path: Path) -> None:
        path.unlink()
        by(path)

    return replace


def flipped(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def sparse(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(2**40)


DAMAGE: dict[str, tuple[Callable[[Path], object], str]] = {
    "a bit": (flipped, "is not what was compiled"),
    "truncated": (lambda path: os.truncate(path, 10), "is not what was compiled"),
    "empty": (lambda path: path.write_bytes(b""), "is not what was compiled"),
    "longer": (lambda path: path.write_bytes(path.read_bytes() + b"\0"), "is not what was compiled"),
    "a number": (lambda path: path.write_text("5"), "is not what was compiled"),
    "nested": (lambda path: path.write_text("[" * 10**6), "is not what was compiled"),
    "no text": (lambda path: path.write_bytes(b"\xff\xfe\0"), "is not what was compiled"),
    "a terabyte": (sparse, "is no file of a program"),
    "gone": (Path.unlink, "is gone"),
    "a FIFO": (replaced_by(os.mkfifo), "is no file of a program"),
    "a folder": (replaced_by(Path.mkdir), "is no file of a program"),
    "a device": (replaced_by(lambda path: path.symlink_to("/dev/zero")), "cannot be read"),
    "a link": (
        replaced_by(lambda path: path.symlink_to(shutil.copy(__file__, path.parent))),
        "cannot be read",
    ),
    "writable by all": (lambda path: path.chmod(0o666), "is writable by others"),
    "writable by the group": (lambda path: path.chmod(0o664), "is writable by others"),
}


@pytest.mark.parametrize("kind", [".so", ".json"])
@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_program_file_is_named(
    cache: Path, programs: ProgramFolder, damage: str, kind: str
) -> None:
    path = cache / (NAME + kind)
    act, words = DAMAGE[damage]
    act(path)
    with pytest.raises(DamagedProgramError) as caught:
        programs.read(NAME)
    assert str(caught.value).startswith(f"{path} {words}")
    if not path.is_dir():
        programs.write(NAME, STORED)
        assert programs.read(NAME) == STORED


@pytest.mark.parametrize("damage", [damage for damage in DAMAGE if damage not in ("longer", "gone")])
def test_a_program_with_damaged_checksums_is_refused(
    cache: Path, programs: ProgramFolder, damage: str
) -> None:
    DAMAGE[damage][0](cache / f"{NAME}.sha256")
    with pytest.raises(DamagedProgramError, match=str(cache / NAME)):
        programs.read(NAME)


def test_a_program_without_checksums_is_refused(cache: Path, programs: ProgramFolder) -> None:
    (cache / f"{NAME}.sha256").unlink()
    with pytest.raises(DamagedProgramError, match="has no checksum"):
        programs.read(NAME)


def test_renamed_files_of_another_program_are_refused(cache: Path, programs: ProgramFolder) -> None:
    other = NAME.replace("advance", "measure")
    for kind in (".so", ".json", ".sha256"):
        shutil.copy(cache / (NAME + kind), cache / (other + kind))
    with pytest.raises(DamagedProgramError, match="is not what was compiled"):
        programs.read(other)


@AS_ROOT
@pytest.mark.parametrize("kind", [".so", ".json", ".sha256"])
def test_a_file_of_another_user_is_not_read(cache: Path, programs: ProgramFolder, kind: str) -> None:
    os.chown(cache / (NAME + kind), STRANGER, STRANGER)
    with pytest.raises(DamagedProgramError, match="belongs to another user"):
        programs.read(NAME)


@pytest.mark.parametrize("mode", [0o777, 0o1777, 0o775, 0o770, 0o702])
def test_a_folder_that_others_can_write_to_is_not_used(cache: Path, mode: int) -> None:
    cache.mkdir()
    cache.chmod(mode)
    with pytest.raises(UnusableFolderError, match=f"{cache} is writable by others"), places()[0]():
        pass
    for path in fallback_folders():
        assert cache not in (path, path.parent)


@AS_ROOT
def test_a_folder_of_another_user_is_not_used(cache: Path) -> None:
    cache.mkdir(mode=0o755)
    os.chown(cache, STRANGER, STRANGER)
    with pytest.raises(UnusableFolderError, match=f"{cache} belongs to another user"), places()[0]():
        pass


@AS_ROOT
@pytest.mark.parametrize("taken", ["by another user", "by a link", "by a file", "by all"])
def test_a_temporary_folder_that_another_user_has_taken_is_not_used(cache: Path, taken: str) -> None:
    first, second = fallback_folders()
    assert first.name == f"sinegan-{os.geteuid()}"
    assert stat.S_IMODE(first.stat().st_mode) == 0o700
    assert not second.exists()  # for now only
    first.rmdir()
    if taken == "by a link":
        cache.mkdir()
        first.symlink_to(cache)
    elif taken == "by a file":
        first.write_text("")
    else:
        first.mkdir()
        os.chown(first, STRANGER if taken == "by another user" else 0, 0)
        first.chmod(0o777 if taken == "by all" else 0o755)
    with pytest.raises(UnusableFolderError, match=str(first)), places()[1]():
        pass
    with places()[2]() as throwaway:
        assert throwaway.path.parent == first.parent
        assert stat.S_IMODE(throwaway.path.stat().st_mode) == 0o700


def test_a_link_to_a_folder_of_this_user_is_used(cache: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir(mode=0o755)
    cache.symlink_to(tmp_path / "elsewhere")
    with places()[0]() as opened:
        opened.write(NAME, STORED)
        assert opened.read(NAME) == STORED


@pytest.mark.parametrize("kind", ["a file", "a dangling link", "below a file"])
def test_a_cache_path_that_is_no_folder_is_not_used(cache: Path, tmp_path: Path, kind: str) -> None:
    if kind == "a dangling link":
        cache.symlink_to(tmp_path / "nowhere")
    else:
        cache.write_text("")
    path = cache / "below" if kind == "below a file" else cache
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(program_cache.CACHE_VARIABLE, str(path))
        with pytest.raises(UnusableFolderError, match=f"{path} cannot be used"), places()[0]():
            pass


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="the system cannot name an open folder")
def test_a_folder_that_replaces_the_open_one_is_not_read(
    cache: Path, programs: ProgramFolder, tmp_path: Path
) -> None:
    cache.rename(tmp_path / "moved")
    cache.mkdir()
    (cache / f"{NAME}.so").write_bytes(b"foreign")
    assert programs.read(NAME) == STORED
    assert programs.file(NAME, STORED).read_bytes() == STORED.program


def test_files_and_folders_are_writable_by_the_user_alone_whatever_the_umask(cache: Path) -> None:
    before = os.umask(0)
    try:
        with places()[0]() as opened:
            opened.write(NAME, STORED)
            with opened.locked(NAME, wait=True):
                pass
            assert opened.read(NAME) == STORED
    finally:
        os.umask(before)
    assert stat.S_IMODE(cache.stat().st_mode) == 0o755
    assert {stat.S_IMODE(path.stat().st_mode) for path in cache.iterdir()} == {0o644}


def test_one_process_at_a_time_holds_the_lock_of_a_program(cache: Path, programs: ProgramFolder) -> None:
    with programs.locked(NAME, wait=False) as first, programs.locked(NAME, wait=False) as second:
        assert (first, second) == (True, False)
    with programs.locked(NAME, wait=False) as again:
        assert again
    assert (cache / f"{NAME}.lock").is_file()


@pytest.mark.parametrize("kind", ["a link", "a folder", "a FIFO"])
def test_a_lock_that_is_no_file_is_not_waited_for(cache: Path, programs: ProgramFolder, kind: str) -> None:
    lock, elsewhere = cache / f"{NAME}.lock", cache / "elsewhere"
    make: dict[str, Callable[[], object]] = {
        "a link": lambda: lock.symlink_to(elsewhere),
        "a folder": lock.mkdir,
        "a FIFO": lambda: os.mkfifo(lock),
    }
    make[kind]()
    with pytest.raises(UnusableFolderError, match=str(cache)), programs.locked(NAME, wait=True):
        pass
    assert not elsewhere.exists()


def name(place: int) -> str:
    return f"advance-{place:020x}"


def test_a_full_cache_removes_the_least_recently_used_programs(
    cache: Path, programs: ProgramFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    programs.remove(NAME)
    of_one = 10_000
    monkeypatch.setattr(program_cache, "LARGEST", 5 * of_one)
    foreign = cache / "advance-foreign.so"
    foreign.write_bytes(bytes(9 * of_one))
    long_ago = time.time() - 1000
    os.utime(foreign, (long_ago, long_ago))
    for place in range(4):
        programs.write(name(place), STORED._replace(program=bytes(of_one)))
        with programs.locked(name(place), wait=True):
            pass
        for file in cache.glob(f"{name(place)}.*"):
            os.utime(file, (long_ago + place,) * 2)
    assert programs.read(name(0)) is not None  # used again
    with (cache / f"{name(1)}.lock").open("a") as at_work:
        fcntl.flock(at_work, fcntl.LOCK_EX)
        programs.write(name(4), STORED._replace(program=bytes(of_one)))
    left = sorted({file.name.split(".")[0] for file in cache.iterdir() if file != foreign})
    assert left == [name(place) for place in (0, 1, 3, 4)]
    assert not list(cache.glob(f"{name(2)}.*"))
    assert foreign.exists()
    programs.write(name(5), STORED._replace(program=bytes(8 * of_one)))
    assert programs.read(name(5)) is not None
    assert {file.name for file in cache.iterdir()} == {foreign.name} | {
        name(5) + kind for kind in (".so", ".json", ".sha256")
    }


def test_leftovers_of_killed_processes_are_removed(cache: Path, programs: ProgramFolder) -> None:
    old, new, foreign = (
        cache / file for file in (f".{NAME}.so.0123abcd.part", f".{NAME}.so.89abcdef.part", ".foreign.part")
    )
    for path in (old, new, foreign):
        path.write_text("half")
    days_ago = time.time() - 3 * 24 * 3600
    for path in (old, foreign):
        os.utime(path, (days_ago, days_ago))
    programs.write(name(1), STORED)
    assert [path.exists() for path in (old, new, foreign)] == [False, True, True]
    with scratch_folder() as first:
        with scratch_folder() as second:
            assert first.is_dir()
            assert stat.S_IMODE(second.stat().st_mode) == 0o700
        assert not second.exists()
        left = Path(os.path.join(first.parent, f"{program_cache.SCRATCH_PREFIX}left"))
        left.mkdir()  # as by a process that was killed
        (left / "half").write_text("a program")
        programs.write(name(1), STORED)
        assert (first.exists(), left.exists()) == (True, False)


@pytest.mark.parametrize("name", ["my folder", "it's", "a;b", "$HOME"])
def test_scratch_folders_of_compilers_need_no_quotes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    (tmp_path / name).mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / name))
    with scratch_folder() as made:
        assert name not in str(made)
        assert made.is_dir()
    assert not made.exists()


def test_a_read_only_cache_is_read(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with places()[0]() as opened:
        opened.write(NAME, STORED)

    def refuse(*_: object, **__: object) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(os, "utime", refuse)
    monkeypatch.setattr(os, "replace", refuse)
    with places()[0]() as opened:
        assert opened.read(NAME) == STORED
        with pytest.raises(UnusableFolderError) as caught:
            opened.write(name(1), STORED)
    assert str(caught.value) == f"{cache} cannot be written: Read-only file system"


def test_programs_are_kept_below_the_users_cache_folder(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    cases = {
        # SINEGAN_CACHE, XDG_CACHE_HOME: the folder
        (None, "/caches"): Path("/caches/sinegan"),
        (None, None): tmp_path / ".cache/sinegan",
        (None, ""): tmp_path / ".cache/sinegan",
        (None, "caches"): tmp_path / ".cache/sinegan",
        ("", None): tmp_path / ".cache/sinegan",
        ("mine", "/caches"): tmp_path / "mine",
        ("~/mine", None): tmp_path / "mine",
        ("/a folder/of mine", None): Path("/a folder/of mine"),
    }
    for (chosen, caches), expected in cases.items():
        for variable, value in ((program_cache.CACHE_VARIABLE, chosen), ("XDG_CACHE_HOME", caches)):
            monkeypatch.delenv(variable, raising=False)
            if value is not None:
                monkeypatch.setenv(variable, value)
        assert cache_folder() == expected


def test_a_user_without_a_home_has_no_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.delenv(program_cache.CACHE_VARIABLE, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "nonexistent"))
    with pytest.raises(UnusableFolderError, match=r"there is no .*/nonexistent"), places()[0]():
        pass
    assert not (tmp_path / "nonexistent").exists()
    monkeypatch.setenv(program_cache.CACHE_VARIABLE, "~nobody-of-this-name/cache")
    with pytest.raises(UnusableFolderError, match="no such home"), places()[0]():
        pass
