"""The C++ compiler that programs are compiled with: found and tried before anything is compiled."""

import functools
import os
import re
import shlex
import shutil
import subprocess
from pathlib import Path
from typing import NamedTuple

NAMES = ("g++", "clang++", "c++")
"""The compilers that are tried, in this order, where CXX names none."""

FLAGS = ("-std=c++20", "-x", "c++", "-E", "-P", "-")

QUESTION = """\
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
"""Stands for the header of OpenMP, which clang comes without: programs have one thread."""


class NoCompilerError(Exception):
    """No C++ compiler can be used; says why, and what to do."""


class Compiler(NamedTuple):
    """words: the command, with the arguments that CXX gives it. version: what it calls itself.

    openmp: whether it finds the header of OpenMP.
    """

    words: tuple[str, ...]
    version: str
    openmp: bool = True

    def __str__(self) -> str:
        """Tells compilers apart whose programs may differ in their last bits."""
        program = shutil.which(self.words[0]) or self.words[0]
        name = Path(self.words[0]).name  # PyTorch chooses options by it
        return " ".join([name, os.path.realpath(program), *self.words[1:], self.version, str(self.openmp)])

    def command(self, folder: Path) -> str:
        """The compiler as PyTorch can call it, in one word; folder: where what this takes may be written."""
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
    """The compiler of this machine: that of the environment's CXX, or the first of NAMES that works.

    Raises NoCompilerError.
    """
    found = _found(os.environ.get("CXX", "").strip(), os.environ.get("PATH", os.defpath))
    if isinstance(found, str):
        raise NoCompilerError(found)
    return found


def why_no_compiler() -> str:
    """Why this machine can compile nothing, with the remedy; nothing where it can."""
    try:
        compiler()
    except NoCompilerError as error:
        return str(error)
    return ""


@functools.cache
def _found(chosen: str, path: str) -> Compiler | str:  # noqa: ARG001
    """A compiler, or why there is none; asked once for an environment."""
    if chosen:
        found = _tried(_words(chosen))
        return found if isinstance(found, Compiler) else f"CXX = {chosen}: {found}, or unset CXX"
    tried = [_tried((name,)) for name in NAMES if shutil.which(name)]
    works = (each for each in tried if isinstance(each, Compiler))
    none = f"there is no C++ compiler ({', '.join(NAMES)}); install one"
    return next(works, tried[0] if tried else none)


def _words(chosen: str) -> tuple[str, ...]:
    """A command as a shell would read it, or a path that has spaces."""
    if shutil.which(chosen):
        return (chosen,)
    try:
        return tuple(shlex.split(chosen))
    except ValueError:  # a quotation mark that is not closed
        return (chosen,)


def _tried(words: tuple[str, ...]) -> Compiler | str:
    """A compiler that knows C++20 and finds its library, or why it is none."""
    name = words[0]
    if not shutil.which(name):
        return f"there is no program {name}; name one that is there"
    try:
        done = subprocess.run(
            [*words, *FLAGS],
            input=QUESTION,
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
    standard, _, said = done.stdout.partition(' "version" ')
    if done.returncode or not (standard.endswith("L") and standard[:-1].isdigit()):
        return f"{name} is no compiler of C++20; name one that is"
    version, *found = said.splitlines()
    if '"library"' not in found:
        return f"{name} finds no header <vector>; install the C++ standard library's"
    return Compiler(words, version.strip('"'), '"OpenMP"' in found)
