"""The package trains where POSIX is lacking. Here, a process has what only POSIX offers taken away."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from sinegan.storage.files import LOCK

FOLDER = Path("D±")

ON_WINDOWS = '''
import os, shutil, signal, sys

for name in ("fcntl", "grp", "pwd", "resource", "termios"):
    sys.modules[name] = None
for name in """
    O_DIRECTORY O_NOFOLLOW O_NONBLOCK fork forkpty getegid geteuid getgid getpgid getuid killpg pathconf
    setsid sysconf
""".split():
    delattr(os, name)
for name in ("SIGHUP", "pthread_sigmask"):
    delattr(signal, name)
shutil._use_fd_functions = False  # those of Windows have no flags
'''

ALSO_ON_MACOS = """
import builtins, io, multiprocessing, os, sys

del os.sched_getaffinity
sys.modules["multiprocessing.forkserver"] = None
multiprocessing.get_all_start_methods = lambda: ["spawn"]
multiprocessing.set_start_method("spawn")
of_kind = multiprocessing.get_context
def only_spawn(kind=None):
    if kind not in (None, "spawn"):
        raise ValueError(f"cannot find context for {kind!r}")
    return of_kind(kind)
multiprocessing.get_context = only_spawn

def without_system_files(function):
    def wrapper(path, *arguments, **keywords):
        if isinstance(path, (str, os.PathLike)) and os.fspath(path).startswith(("/proc/", "/sys/")):
            raise FileNotFoundError(2, "No such file or directory", path)
        return function(path, *arguments, **keywords)
    return wrapper

builtins.open = io.open = without_system_files(io.open)
for name in ("open", "stat", "scandir", "listdir"):
    setattr(os, name, without_system_files(getattr(os, name)))
"""
"""Becomes `sitecustomize`, which Python imports at the start of a process and of those that it starts."""

SETTINGS = ["network=tiny", "training.steps=20", "executor.workers=2"]


@pytest.fixture
def lacking(tmp_path: Path) -> dict[str, str]:
    """The environment of processes without POSIX, with a console that knows few characters."""
    return without(ON_WINDOWS + ALSO_ON_MACOS, tmp_path) | {"PYTHONIOENCODING": "ascii"}


def without(taken_away: str, tmp_path: Path) -> dict[str, str]:
    """An environment in which each process of Python begins with this code."""
    place = tmp_path / "python"
    place.mkdir()
    (place / "sitecustomize.py").write_text(taken_away)
    paths = [str(place), *filter(None, [os.environ.get("PYTHONPATH")])]
    return os.environ | {"PYTHONPATH": os.pathsep.join(paths)}


def run(lacking: dict[str, str], folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "sinegan.main", *words]
    return subprocess.run(
        command, env=lacking, cwd=folder, capture_output=True, encoding="ascii", check=False
    )


def test_a_sweep_trains_reports_and_resumes_without_posix(lacking: dict[str, str], tmp_path: Path) -> None:
    sweep = ["-m", *SETTINGS, "optim.lr=1e-4,1e-3"]
    done = run(lacking, tmp_path, *sweep, "seeds=2", f"hydra.sweep.dir='{FOLDER}'")
    assert done.returncode == 0, done.stderr
    assert (
        "Eager, which is slower: programs are compiled on Linux and macOS only; train there." in done.stdout
    )
    assert (tmp_path / FOLDER / "report/index.html").is_file()

    holding = (
        "from pathlib import Path; from sinegan.storage.files import exclusive\n"
        "with exclusive(Path('D±')): print('locked', flush=True); input()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", holding],
        env=lacking,
        cwd=tmp_path,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as holder:
        assert holder.stdin is not None
        assert holder.stdout is not None
        assert holder.stdout.readline() == "locked\n"
        refused = run(lacking, tmp_path, *sweep, "seeds=3", f"resume={FOLDER}")
        assert refused.returncode == 1
        assert "another process is working in it; wait for it" in refused.stderr
        holder.stdin.write("\n")
        holder.stdin.flush()
    resumed = run(lacking, tmp_path, *sweep, "seeds=3", f"resume={FOLDER}")
    assert resumed.returncode == 0, resumed.stderr
    assert [len((tmp_path / FOLDER / f"{n}/runs.csv").read_text().splitlines()) for n in (0, 1)] == [4, 4]
    assert not (tmp_path / FOLDER / LOCK).exists()


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("clang++"), reason="there is no clang++")
def test_spawned_workers_train_compiled_with_clang_and_no_system_files(tmp_path: Path) -> None:
    macos = without(ALSO_ON_MACOS, tmp_path) | {"CXX": "clang++", "SINEGAN_CACHE": str(tmp_path / "cache")}
    words = ["-m", *SETTINGS, "optim.lr=1e-4,1e-3", "seeds=2", "training.compile=always", "hydra.sweep.dir=D"]
    done = subprocess.run(
        [sys.executable, "-m", "sinegan.main", *words],
        env=macos,
        cwd=tmp_path,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert len(list((tmp_path / "cache").glob("*.so"))) == 2


def test_nothing_is_compiled_where_nobody_knows_who_wrote_a_program(
    lacking: dict[str, str], tmp_path: Path
) -> None:
    refused = run(lacking, tmp_path, "training.compile=always")
    assert refused.returncode == 1
    assert "programs are compiled on Linux and macOS only; train there, or use auto" in refused.stderr
