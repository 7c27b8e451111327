"""Records where the numbers of a configuration come from: settings, code, versions, machine."""

import functools
import os
import platform
import shlex
import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch

from sinegan.storage.sweep_folder import PROVENANCE, read_provenance, write_provenance
from sinegan.sweep.plan import Configuration
from sinegan.training.signature import is_compiled

PACKAGES = ("sinegan", "torch", "numpy", "hydra-core", "omegaconf", "pandas", "scipy", "matplotlib")


def begin_provenance(configuration: Configuration, is_resume: bool = True) -> None:
    """Writes the provenance of a configuration that starts; `complete_provenance` adds the rest.

    A configuration that was begun before keeps its record, with the new settings and, for a resume, the time.

    Arguments:
        configuration: the configuration.
        is_resume: whether an earlier command began it, if it was begun.
    """
    config, folder = configuration.config, configuration.folder
    now = datetime.now(UTC).isoformat(timespec="milliseconds")
    if (folder / PROVENANCE).exists():
        before = read_provenance(folder)
        after = {"overrides": list(configuration.overrides), "settings": configuration.settings}
        resumed = [*before["resumed"], now] if is_resume else before["resumed"]
        write_provenance(folder, before | after | {"resumed": resumed})
        return
    provenance = {
        "overrides": list(configuration.overrides),
        "settings": configuration.settings,
        "primary_metric": config.primary_metric,
        "data": config.target.fingerprint(),
        "engine": "compiled" if is_compiled(config.setup) else "eager",
        "kernels": torch.backends.cpu.get_cpu_capability(),
        "started": now,
        "resumed": [],
        "seconds": None,
        **surroundings(),
    }
    write_provenance(folder, provenance)


def complete_provenance(folder: Path, engines: Sequence[str]) -> None:
    """Adds the engines that trained the configuration, and the seconds since its start or last resume."""
    provenance = read_provenance(folder)
    starts = [provenance["started"], *provenance["resumed"]]
    elapsed = datetime.now(UTC) - datetime.fromisoformat(starts[-1])
    engine = ", ".join(engines) or provenance["engine"]
    write_provenance(folder, provenance | {"seconds": elapsed.total_seconds(), "engine": engine})


@functools.cache
def surroundings() -> dict[str, Any]:
    """Command, code, versions and machine: the same for a whole sweep."""
    return {
        "command": shlex.join(typed_command(sys.orig_argv)),
        "git": git_state(Path(__file__).parent),
        "versions": {"python": platform.python_version()} | {name: _version(name) for name in PACKAGES},
        "machine": {
            "host": platform.node(),
            "system": platform.platform(),
            "processor": cpu_model(),
            "cores": os.cpu_count(),
        },
    }


def typed_command(words: list[str]) -> list[str]:
    """The command as it was typed, without the paths of programs on this machine.

    >>> typed_command(["/usr/bin/python3", "-m", "sinegan.main", "-m", "seeds=2,4"])
    ['python', '-m', 'sinegan.main', '-m', 'seeds=2,4']
    >>> typed_command(["/usr/bin/python3", "/usr/bin/sinegan", "seeds=2"])
    ['sinegan', 'seeds=2']
    """
    _, *rest = words
    if rest and not rest[0].startswith("-"):
        return [Path(rest[0]).name, *rest[1:]]
    return ["python", *rest]


def git_state(folder: Path) -> dict[str, Any] | None:
    """Commit and dirty flag of the repository that tracks this code; None for an installed wheel."""

    def git(*arguments: str) -> str:
        command = ["git", "-C", str(folder), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    try:
        git("ls-files", "--error-unmatch", "__init__.py")
        return {"commit": git("rev-parse", "HEAD"), "dirty": bool(git("status", "--porcelain"))}
    except (OSError, subprocess.CalledProcessError):
        return None


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def cpu_model() -> str:
    """The name of this machine's processor."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor()
