"""PyTorch is given the first compiler that was found and works."""

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from sinegan.engine.cpp_compiler import Compiler, NoCompilerError, compiler, why_no_compiler

GCC = shutil.which("g++")
needs_gcc = pytest.mark.skipif(GCC is None, reason="needs g++")

ANSWERS = {
    "works": """echo '202002L "version" "9.9 of this test"'; echo '"library"'; echo '"OpenMP"'""",
    "without OpenMP": """echo '202002L "version" "Debian Clang 14.0.6"'; echo '"library"'""",
    "no library": 'echo \'202002L "version" "9.9"\'',
    "fails": "echo 'internal compiler error' >&2; exit 1",
    "says nothing": "true",
    "repeats": 'echo "$@"',
    "is none": "cat",
}


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], Path]:
    """Puts a program on a PATH that holds nothing else but the shell's own commands."""
    monkeypatch.delenv("CXX", raising=False)
    (tmp_path / "bin").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))

    def put(name: str, answer: str) -> Path:
        path = tmp_path / "bin" / name
        path.write_text(f"#!/bin/sh\n{ANSWERS[answer]}\n")
        path.chmod(0o755)
        # What is known of a PATH is kept: so that this one is new, the folder is named once more.
        monkeypatch.setenv("PATH", f"{os.environ['PATH']}:{tmp_path / 'bin'}")
        return path

    return put


Put = Callable[[str, str], Path]


def test_a_missing_compiler_is_reported(programs: Put) -> None:
    assert programs
    assert why_no_compiler() == "there is no C++ compiler (g++, clang++, c++); install one"
    with pytest.raises(NoCompilerError):
        compiler()


def test_the_first_compiler_that_works_is_taken(programs: Put) -> None:
    programs("c++", "works")
    assert compiler().words == ("c++",)
    programs("clang++", "works")
    assert compiler() == Compiler(("clang++",), "9.9 of this test")
    programs("g++", "fails")
    assert compiler().words == ("clang++",)
    programs("g++", "works")
    assert compiler().words == ("g++",)
    assert why_no_compiler() == ""


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ("fails", "g++ is no compiler of C++20"),
        ("says nothing", "g++ is no compiler of C++20"),
        ("repeats", "g++ is no compiler of C++20"),
        ("is none", "g++ is no compiler of C++20"),
        ("no library", "g++ finds no header <vector>"),
    ],
)
def test_a_compiler_that_fails_is_named_with_the_reason(programs: Put, answer: str, reason: str) -> None:
    programs("g++", answer)
    assert why_no_compiler().startswith(reason)


@pytest.mark.parametrize(
    "chosen",
    ["nonsense", "/no/such/c++", "fails", "repeats -O2", "'open", "{bin}", "{bin}/unreadable", "-E", "!"],
)
def test_a_cxx_that_cannot_compile_is_not_replaced_by_another(
    programs: Put, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, chosen: str
) -> None:
    programs("g++", "works")
    for name in ("fails", "repeats"):
        programs(name, name)
    programs("unreadable", "works").write_bytes(b"\x7fELF no program")
    monkeypatch.setenv("CXX", chosen.format(bin=tmp_path / "bin"))
    assert why_no_compiler().startswith(f"CXX = {os.environ['CXX']}: ")
    assert "unset CXX" in why_no_compiler()


def test_cxx_is_a_command_with_arguments_or_a_path(
    programs: Put, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = programs("mine", "works")
    spaced = path.rename(tmp_path / "bin" / "my own")
    programs("g++", "works")
    for chosen, words in {
        "": ("g++",),
        "  ": ("g++",),
        "g++ -m64 '-DX=a b'": ("g++", "-m64", "-DX=a b"),
        str(spaced): (str(spaced),),
        f"'{spaced}' -m64": (str(spaced), "-m64"),
        " g++ ": ("g++",),
    }.items():
        monkeypatch.setenv("CXX", chosen)
        assert compiler().words == words


def test_the_compiler_command_for_pytorch_is_one_word_that_names_its_kind(
    programs: Put, tmp_path: Path
) -> None:
    assert Compiler(("g++",), "12").command(tmp_path) == "g++"
    assert list(tmp_path.iterdir()) == [tmp_path / "bin"]
    path = programs("mine", "repeats")
    for words, version, name in (
        ((str(path), "-m64", "a b"), "12.2", "g++"),
        ((str(shutil.copy(path, tmp_path / "bin" / "my own")),), "Debian Clang 14", "clang++"),
    ):
        script = Path(Compiler(words, version).command(tmp_path))
        assert script.name == name
        said = subprocess.run([script, "-c", "x y"], capture_output=True, text=True, check=True).stdout
        assert said.split() == [*" ".join(words[1:]).split(), "-c", "x", "y"]


def test_a_compiler_without_openmp_is_called_without_its_flag(programs: Put, tmp_path: Path) -> None:
    programs("clang++", "without OpenMP")
    found = compiler()
    assert not found.openmp
    programs("clang++", "repeats")
    script = found.command(tmp_path)
    said = subprocess.run([script, "-fopenmp"], capture_output=True, text=True, check=True).stdout
    assert said.split() == ["-fopenmp", "-fno-openmp", "-idirafter", str(tmp_path)]
    assert "omp_get_max_threads() { return 1; }" in (tmp_path / "omp.h").read_text()


def test_different_compilers_have_different_names_in_the_cache(programs: Put, tmp_path: Path) -> None:
    path = programs("g++", "works")
    one = Compiler(("g++",), "12")
    assert str(path.resolve()) in str(one)
    assert str(one) == str(Compiler((str(path),), "12"))
    (tmp_path / "bin" / "c++").symlink_to(path)  # PyTorch takes flags by the name
    others = [Compiler(("g++",), "13"), Compiler(("g++", "-O1"), "12"), Compiler(("c++",), "12")]
    assert len({str(each) for each in (one, *others, Compiler(("g++",), "12", openmp=False))}) == 5


@needs_gcc
@pytest.mark.parametrize("chosen", ["g++", "{path}", "{path} -m64", "env g++"])
def test_gcc_works(monkeypatch: pytest.MonkeyPatch, chosen: str) -> None:
    monkeypatch.setenv("CXX", chosen.format(path=GCC))
    assert compiler().version[0].isdigit()


@needs_gcc
@pytest.mark.parametrize("chosen", ["true", "false", "echo", "cat", "ls", "sh", "g++ --no-such-option"])
def test_a_program_that_is_no_compiler_is_refused(monkeypatch: pytest.MonkeyPatch, chosen: str) -> None:
    monkeypatch.setenv("CXX", chosen)
    assert f"CXX = {chosen}: {chosen.split()[0]} is no compiler of C++20" in why_no_compiler()
