"""Finds the C++ compiler for programs, and tries it before anything is compiled."""

import functools
import os
import re
import shlex
import shutil
import subprocess
from pathlib import Path
from typing import NamedTuple

from sinegan.engine.program_cache import CAN_BE_TRUSTED

NAMES = ("g++", "clang++", "c++")
"""The compilers to try, in this order, if CXX names none."""

FLAGS = ("-std=c++20", "-x", "c++", "-E", "-P", "-")

PROBE = """\
__cplusplus "version" __VERSION__
#if __has_include(<vector>)
"library"
#endif
#if __has_include(<omp.h>)
"OpenMP"
#endif
"""

ONE_THREAD = """\
#pragma once
inline int omp_get_max_threads() { return 1; }
inline int omp_get_num_threads() { return 1; }
inline int omp_get_thread_num() { return 0; }
inline int omp_in_parallel() { return 0; }
"""
"""Replaces the header of OpenMP, which clang lacks. Programs have one thread."""


class NoCompilerError(Exception):
    """No C++ compiler can be used; the message says why, and what to do."""


class Compiler(NamedTuple):
    """A C++ compiler.

    words: the command, with the arguments that CXX gives it. version: the version that it reports.
    openmp: whether it finds the header of OpenMP.
    """

    words: tuple[str, ...]
    version: str
    openmp: bool = True

    def __str__(self) -> str:
        """A text that differs between compilers whose programs may differ in their last bits."""
        program = shutil.which(self.words[0]) or self.words[0]
        name = Path(self.words[0]).name  # PyTorch chooses options by it
        return " ".join([name, os.path.realpath(program), *self.words[1:], self.version, str(self.openmp)])

    def command(self, folder: Path) -> str:
        """The compiler as one word that PyTorch can call. folder: where a script for that may be written."""
        if self.openmp and len(self.words) == 1 and not re.search(r"\s", self.words[0]):
            return self.words[0]
        without = []
        if not self.openmp:
            (folder / "omp.h").write_text(ONE_THREAD)
            without = ["-fno-openmp", "-idirafter", str(folder)]
        script = folder / ("clang++" if "clang" in self.version.lower() else "g++")
        script.write_text(f'#!/bin/sh\nexec {shlex.join(self.words)} "$@" {shlex.join(without)}\n')
        script.chmod(0o700)
        return str(script)


def compiler() -> Compiler:
    """The compiler of this machine: the one that CXX names, or the first of NAMES that works.

    Raises NoCompilerError.
    """
    if not CAN_BE_TRUSTED:
        raise NoCompilerError("programs are compiled on Linux and macOS only; train there")
    result = _first_that_works(os.environ.get("CXX", "").strip(), os.environ.get("PATH", os.defpath))
    if isinstance(result, str):
        raise NoCompilerError(result)
    return result


def why_no_compiler() -> str:
    """Why this machine cannot compile, with the remedy; empty if it can."""
    try:
        compiler()
    except NoCompilerError as error:
        return str(error)
    return ""


@functools.cache
def _first_that_works(chosen: str, path: str) -> Compiler | str:  # noqa: ARG001
    """A compiler, or why there is none. Cached for each environment: chosen is its CXX, path its PATH."""
    if chosen:
        result = _try_command(_split_command(chosen))
        return result if isinstance(result, Compiler) else f"CXX = {chosen}: {result}, or unset CXX"
    tried = [_try_command((name,)) for name in NAMES if shutil.which(name)]
    works = (each for each in tried if isinstance(each, Compiler))
    none = f"there is no C++ compiler ({', '.join(NAMES)}); install one"
    return next(works, tried[0] if tried else none)


def _split_command(chosen: str) -> tuple[str, ...]:
    """The words of a command as a shell would split it, or a path with spaces as one word."""
    if shutil.which(chosen):
        return (chosen,)
    try:
        return tuple(shlex.split(chosen))
    except ValueError:  # a quotation mark that is not closed
        return (chosen,)


def _try_command(words: tuple[str, ...]) -> Compiler | str:
    """A compiler that knows C++20 and finds its library, or why the command is not one."""
    name = words[0]
    if not shutil.which(name):
        return f"there is no program {name}; name one that is there"
    try:
        done = subprocess.run(
            [*words, *FLAGS],
            input=PROBE,
            capture_output=True,
            text=True,
            errors="replace",
            env=os.environ | {"LC_ALL": "C"},
            timeout=30,
            check=False,
        )
    except (OSError, subprocess.SubprocessError) as error:
        reason = getattr(error, "strerror", None) or "it does not answer"
        return f"{name} cannot be run ({reason}); name a C++ compiler"
    standard, _, answers = done.stdout.partition(' "version" ')
    if done.returncode or not (standard.endswith("L") and standard[:-1].isdigit()):
        return f"{name} is no compiler of C++20; name one that is"
    version, *headers = answers.splitlines()
    if '"library"' not in headers:
        return f"{name} finds no header <vector>; install the C++ standard library's"
    return Compiler(words, version.strip('"'), '"OpenMP"' in headers)
