"""A function is compiled once and cached under everything that its program depends on."""

import fcntl
import getpass
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils import _pytree as pytree

from sinegan.engine import program_cache, programs
from sinegan.engine.cpp_compiler import Compiler, compiler
from sinegan.engine.program_cache import Stored
from sinegan.engine.programs import CannotCompileError, CompiledFunction
from sinegan.game.losses import Minimax, NonSaturating

pytestmark = pytest.mark.usefixtures("cache")


@dataclass(frozen=True)
class Homemade:
    """A class outside the package: its source is part of the cache key."""

    factor: float = 2.0


def scaled(weights: dict[str, Tensor], shift: Tensor) -> dict[str, Any]:
    return {"sum": weights["a"] + shift, "parts": [weights["b"] * 2.0]}


ARGUMENTS = (
    {"a": torch.tensor([[1.0, 2.0], [5.0, 6.0]]), "b": torch.tensor([3.0, 4.0])},
    torch.tensor([[10.0, 20.0], [0.0, 0.5]]),
)


RESULTS = {"sum": [[11.0, 22.0], [5.0, 6.5]], "parts": [[6.0, 8.0]]}


def results(program: CompiledFunction) -> dict[str, Any]:
    found: dict[str, Any] = pytree.tree_map(lambda tensor: tensor.tolist(), program(*ARGUMENTS))
    return found


@pytest.fixture(scope="module")
def stored() -> Stored:
    """The program of `scaled`, compiled under environment variables that would break or redirect it."""
    leaves, given = pytree.tree_flatten(ARGUMENTS)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ATEN_CPU_CAPABILITY", "default")
        patch.setenv("TORCHINDUCTOR_CACHE_DIR", "/dev/null/of-another")
        patch.setenv("CXX", f"{shutil.which('env')} {compiler().words[0]}")
        return programs._compile(scaled, [leaf[:1].contiguous() for leaf in leaves], given)


@pytest.fixture
def compiled(stored: Stored, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Replaces compiling, which takes seconds; records the names of the compiled functions."""
    made: list[str] = []

    def compile_(function: Callable[..., Any], *_: Any) -> Stored:
        made.append(function.__name__)
        return stored

    monkeypatch.setattr(programs, "_compile", compile_)
    return made


def test_a_program_is_compiled_once_and_cached_for_the_next_process(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert results(CompiledFunction(scaled, "scaled", [Minimax()])) == RESULTS
    monkeypatch.setattr(programs, "_compile", lambda *_: pytest.fail("compiled again"))
    again = CompiledFunction(scaled, "scaled", [Minimax()])
    assert results(again) == RESULTS
    assert again.remarks == []
    assert len(list(cache.glob("scaled-*.json"))) == 1
    assert not list(cache.glob(".*"))
    assert not list((tmp_path / "temporary").iterdir())
    (lock,) = cache.glob("*.lock")
    lock.unlink()
    for path in cache.iterdir():
        path.chmod(0o444)
    assert results(CompiledFunction(scaled, "scaled", [Minimax()])) == RESULTS
    assert not lock.exists()  # only what compiles needs it


@pytest.mark.slow
def test_the_shared_folder_of_the_compiler_in_tmp_is_not_used(tmp_path: Path, cache: Path) -> None:
    temporary = tmp_path / "temporary"
    taken = temporary / f"torchinductor_{getpass.getuser()}"
    taken.write_text("not a folder")
    settings = ["steps=20", "batch_size=4", "evaluation_samples=8", "compile=always"]
    command = [sys.executable, "-m", "sinegan.main", "network=tiny", "seeds=1", "executor=serial"]
    done = subprocess.run(
        [*command, *(f"training.{setting}" for setting in settings)],
        cwd=tmp_path,
        env=os.environ | {"TMPDIR": str(temporary)},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    assert list(temporary.iterdir()) == [taken]
    assert len(list(cache.glob("*.so"))) == 2


def test_a_loaded_program_survives_damage_to_its_file(cache: Path, compiled: list[str]) -> None:
    program = CompiledFunction(scaled, "scaled", [])
    program.load(*ARGUMENTS)
    for path in cache.iterdir():
        os.truncate(path, 0)
    assert results(program) == RESULTS
    again = CompiledFunction(scaled, "scaled", [])
    assert results(again) == RESULTS
    assert len(again.remarks) == 1
    assert compiled == ["scaled", "scaled"]


def test_a_program_is_loaded_from_the_cache_when_the_temporary_folder_is_noexec(
    cache: Path, compiled: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    load = programs.Native

    def forbidden(path: Path) -> Any:
        if "temporary" in path.parts:
            raise OSError("failed to map segment from shared object")
        return load(path)

    monkeypatch.setattr(programs, "Native", forbidden)
    program = CompiledFunction(scaled, "scaled", [])
    assert results(program) == RESULTS
    assert program.remarks == []
    assert len(list(cache.glob("*.so"))) == len(compiled) == 1


def test_the_lock_of_a_program_in_compilation_is_awaited_only_on_demand(
    cache: Path, compiled: list[str]
) -> None:
    CompiledFunction(scaled, "scaled", []).load(*ARGUMENTS)
    (lock,) = cache.glob("*.lock")
    for path in (*cache.glob("*.so"), *cache.glob("*.sha256"), *cache.glob("*.json")):
        path.unlink()
    late = CompiledFunction(scaled, "scaled", [])
    with lock.open() as at_work:
        fcntl.flock(at_work, fcntl.LOCK_EX)
        assert not late.load(*ARGUMENTS, wait=False)
    assert late.load(*ARGUMENTS, wait=False)
    assert compiled == ["scaled", "scaled"]


def test_compiling_ignores_the_environment_variables_of_pytorch(
    compiled: list[str],
) -> None:
    assert results(CompiledFunction(scaled, "scaled", [])) == RESULTS
    assert compiled == ["scaled"]


@pytest.mark.parametrize("kind", ["json", "so", "sha256"])
@pytest.mark.parametrize("damage", ["gone", "empty", "a bit", "5"])
def test_a_damaged_program_is_compiled_again_with_a_remark(
    cache: Path, compiled: list[str], kind: str, damage: str
) -> None:
    assert results(CompiledFunction(scaled, "scaled", [])) == RESULTS
    (path,) = cache.glob(f"*.{kind}")
    content = path.read_bytes()
    if damage == "gone":
        path.unlink()
    else:
        path.write_bytes({"empty": b"", "5": b"5"}.get(damage, content[:60] + b"?" + content[61:]))
    again = CompiledFunction(scaled, "scaled", [])
    assert results(again) == RESULTS
    assert compiled == ["scaled", "scaled"]
    (line,) = again.remarks
    assert str(path.with_suffix("")) in line
    assert line.endswith(": compiled again.")
    third = CompiledFunction(scaled, "scaled", [])
    assert results(third) == RESULTS
    assert (compiled, third.remarks) == (["scaled", "scaled"], [])


def test_a_cache_that_others_can_write_to_is_neither_read_nor_written(
    cache: Path, tmp_path: Path, compiled: list[str]
) -> None:
    CompiledFunction(scaled, "scaled", []).load(*ARGUMENTS)
    cache.chmod(0o777)
    before = {path: path.read_bytes() for path in cache.iterdir()}
    programs = [CompiledFunction(scaled, "scaled", []) for _ in range(2)]
    for program in programs:
        assert results(program) == RESULTS
        other = tmp_path / "temporary" / f"sinegan-{os.geteuid()}"
        assert program.remarks == [f"{cache} is writable by others (chmod go-w): {other} is used."]
    assert compiled == ["scaled", "scaled"]  # the second found it in the temporary folder
    assert {path: path.read_bytes() for path in cache.iterdir()} == before


def test_a_program_that_no_folder_can_store_is_kept_in_a_throwaway_folder(
    cache: Path, tmp_path: Path, compiled: list[str]
) -> None:
    cache.write_text("a file")
    other = tmp_path / "temporary" / f"sinegan-{os.geteuid()}"
    other.mkdir()
    other.chmod(0o777)
    program = CompiledFunction(scaled, "scaled", [])
    assert results(program) == RESULTS
    (line,) = program.remarks
    assert line.startswith(f"{cache} cannot be used: File exists; {other} is writable by others")
    assert compiled == ["scaled"]
    assert list((tmp_path / "temporary").iterdir()) == [other]
    assert not list(other.iterdir())


def test_a_program_that_a_full_disk_cannot_store_is_cached_elsewhere(
    cache: Path, compiled: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    write = program_cache.write_whole

    def full(path: Path, *arguments: Any, **options: Any) -> None:
        if os.path.samefile(path.parent, cache):
            raise OSError(28, "No space left on device")
        write(path, *arguments, **options)

    monkeypatch.setattr(program_cache, "write_whole", full)
    program = CompiledFunction(scaled, "scaled", [])
    assert results(program) == RESULTS
    assert compiled == ["scaled"]
    assert program.remarks[0].startswith(f"{cache} cannot be written: No space left on device: ")
    again = CompiledFunction(scaled, "scaled", [])
    assert results(again) == RESULTS
    assert again.remarks == program.remarks
    monkeypatch.setattr(program_cache, "write_whole", write)
    third = CompiledFunction(scaled, "scaled", [])
    assert results(third) == RESULTS
    assert compiled == ["scaled"]
    assert len(list(cache.glob("*.so"))) == 1  # which has room again
    assert third.remarks == []


def test_a_failed_compilation_says_why_and_is_not_repeated(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[str] = []

    def fail(*_: Any) -> Stored:
        tried.append("")
        raise CannotCompileError("g++: no such thing")

    monkeypatch.setattr(programs, "_compile", fail)
    program = CompiledFunction(scaled, "scaled", [])
    for _ in range(2):
        with pytest.raises(CannotCompileError, match=r"^g\+\+: no such thing$"):
            program.load(*ARGUMENTS)
    assert len(tried) == 1
    assert program.engine == ""
    assert not [path for path in cache.iterdir() if path.suffix != ".lock"]


def test_a_program_that_cannot_be_loaded_is_not_cached(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(programs, "_compile", lambda *_: Stored('["", []]', ".so", b"no library"))
    with pytest.raises(
        CannotCompileError, match=r"^no program can be loaded from \S+: .*(short|ELF|invalid)"
    ):
        CompiledFunction(scaled, "unloadable", []).load(*ARGUMENTS)
    for folder in (cache, tmp_path / "temporary" / f"sinegan-{os.geteuid()}"):
        assert not list(folder.iterdir())


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ('echo "x.cpp:1:10: fatal error: vector: No such file"; exit 1', "vector: No such file"),
        ("echo all is lost; exit 3", "all is lost"),
        ("exit 1", "exit code 1"),
        ("exit 0", "No such file or directory"),
    ],
)
def test_a_failing_compiler_is_quoted_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: str, words: str
) -> None:
    script = tmp_path / "fails-g++"
    script.write_text(f'#!/bin/sh\ncase "$*" in *--version*|*-dump*|-v) echo 12;; *) {answer};; esac\n')
    script.chmod(0o755)
    monkeypatch.setattr(programs, "compiler", lambda: Compiler((str(script),), "12"))
    with pytest.raises(CannotCompileError) as caught:
        CompiledFunction(scaled, "scaled", []).load(*ARGUMENTS)
    assert str(caught.value).startswith(f"{script}: ")
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_error_of_the_function_itself_is_no_compile_error() -> None:
    def wrong(_: Tensor) -> Tensor:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        CompiledFunction(wrong, "wrong", []).load(torch.ones(2, 2))


def test_programs_that_other_processes_compile_are_awaited_last() -> None:
    asked: list[tuple[str, bool]] = []

    class Asked(CompiledFunction):
        def load(self, *_: Any, wait: bool = True) -> bool:
            asked.append((self._name, wait))
            return wait or self._name != "busy"

    busy, free = (Asked(scaled, name, []) for name in ("busy", "free"))
    programs.load_all((busy, ARGUMENTS), (free, ARGUMENTS))
    assert asked == [("busy", False), ("free", False), ("busy", True)]


def test_the_cache_key_contains_everything_that_a_program_depends_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    wanted: list[str] = []

    def note(_: Any, name: str) -> None:
        wanted.append(name)
        raise InterruptedError

    monkeypatch.setattr(program_cache.ProgramFolder, "read", note)

    def ask(name: str, part: Any, *arguments: Any) -> None:
        with pytest.raises(InterruptedError):
            CompiledFunction(scaled, name, [part])(*arguments)

    longer = ({"a": torch.ones(2, 3), "b": torch.ones(2)}, torch.ones(2, 3))
    double = ({"a": torch.ones(2, 2).double(), "b": torch.ones(2)}, torch.ones(2, 2))
    more_lanes = tuple(pytree.tree_map(lambda tensor: torch.cat([tensor] * 3), ARGUMENTS))
    for case in (
        ("scaled", Minimax(), *ARGUMENTS),
        ("other", Minimax(), *ARGUMENTS),
        ("scaled", NonSaturating(), *ARGUMENTS),
        ("scaled", Homemade(), *ARGUMENTS),
        ("scaled", Homemade(factor=3.0), *ARGUMENTS),
        ("scaled", Minimax(), *longer),
        ("scaled", Minimax(), *double),
    ):
        ask(*case)
    assert len(set(wanted)) == len(wanted) == 7
    ask("scaled", Minimax(), *more_lanes)
    assert wanted.pop() == wanted[0]
    monkeypatch.setattr(programs, "_package_checksum", lambda _: "another version")
    ask("scaled", Minimax(), *ARGUMENTS)
    monkeypatch.setattr(programs, "_processor", lambda: "another machine")
    ask("scaled", Minimax(), *ARGUMENTS)
    monkeypatch.setattr(programs, "compiler", lambda: Compiler(("clang++",), "14"))
    ask("scaled", Minimax(), *ARGUMENTS)
    assert len(set(wanted)) == 10


KILLED = """
import os, signal, tempfile
from concurrent.futures import BrokenExecutor
from pathlib import Path
from sinegan.engine.program_cache import SCRATCH_PREFIX, scratch_folder
from sinegan.engine.inductor_files import own_inductor_files
from sinegan.sweep.executors import Local

def killed_while_it_compiles():
    from tqdm import tqdm
    with scratch_folder() as folder, own_inductor_files(folder):
        tqdm.get_lock()
        os.kill(os.getpid(), signal.SIGKILL)

if __name__ == "__main__":
    try:
        with Local(workers=1).open() as pool:
            pool.submit(killed_while_it_compiles).result()
    except BrokenExecutor:
        print(list(Path(tempfile.gettempdir()).glob(f"{SCRATCH_PREFIX}*")))
"""


def test_a_worker_that_is_killed_while_it_compiles_leaves_no_folder_and_no_semaphore(tmp_path: Path) -> None:
    environment = os.environ | {"TMPDIR": str(tmp_path)}
    script = tmp_path / "killed.py"
    script.write_text(KILLED)
    done = subprocess.run(
        [sys.executable, str(script)], capture_output=True, text=True, env=environment, check=False
    )
    assert (done.stdout, done.stderr) == ("[]\n", "")
