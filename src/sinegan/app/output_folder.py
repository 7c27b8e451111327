"""The folder that a command works in: which it is, made only when it is free, removed when unused."""

import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from hydra.core.config_loader import ConfigLoader
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from hydra_plugins.stacked_launcher.stacked_launcher import current
from sinegan.storage.files import LOCK, UnwritableFileError, writing
from sinegan.storage.results import UNFINISHED, known_runs
from sinegan.storage.sweep_folder import configuration_folders, holds_sweep, is_configuration

BEFORE_ANY_WORK = {"multirun.yaml", LOCK, ".hydra", "sinegan.log"}
"""What a command may leave in its folder when it ends before it has begun a configuration."""


def home(loader: ConfigLoader, config_name: str, overrides: Sequence[str], multirun: bool) -> str:
    """The folder that a command names, composed with everything that was typed; empty for null.

    A sweep's folder may name its overrides as they were typed, values and all. Raises HydraException or
    OmegaConf's errors when it cannot be composed.
    """
    mode, key = (RunMode.MULTIRUN, "hydra.sweep.dir") if multirun else (RunMode.RUN, "hydra.run.dir")
    config = loader.load_configuration(config_name, list(overrides), run_mode=mode)
    assert isinstance(config, DictConfig)
    with current(config):
        folder = OmegaConf.select(config, key)
    return "" if folder is None else str(folder)


def made_by(folder: Path) -> list[Path]:
    """The folders, innermost first, that have to be made for a folder to exist."""
    return [path for path in (folder, *folder.parents) if not os.path.lexists(path)]


def claimed(folder: Path, chosen: bool) -> Path:
    """A folder that nothing else writes to.

    Two commands in the same second get two folders; one that the user chose must not hold anything.
    Raises UnwritableFileError when it does, or when the folder cannot be made.
    """
    if chosen:
        with writing(folder):
            held = set(os.listdir(folder)) if os.path.isdir(folder) else set()
        if held - BEFORE_ANY_WORK:
            raise UnwritableFileError(f"{folder}: holds files already; name another folder")
        return folder
    candidate, number = folder, 1
    with writing(folder):
        while True:
            candidate.parent.mkdir(parents=True, exist_ok=True)
            try:
                candidate.mkdir()
                return candidate
            except FileExistsError:
                number += 1
                candidate = folder.with_name(f"{folder.name}-{number}")
            except FileNotFoundError:  # another command has just removed the parent, as unused
                continue


def remove_unused(folder: Path, made: Sequence[Path]) -> None:
    """Removes a folder in which no work was begun, and of those that were made for it what is empty."""
    if _is_unused(folder):
        for parent, folders, files in os.walk(folder, topdown=False):
            for name in files:
                (Path(parent) / name).unlink()
            for name in folders:
                (Path(parent) / name).rmdir()
        with suppress(OSError):
            folder.rmdir()
    for path in made:
        with suppress(OSError):  # it holds something, or is not there
            path.rmdir()


def _is_unused(folder: Path) -> bool:
    try:
        return {path.name for path in folder.iterdir()} <= BEFORE_ANY_WORK
    except OSError:
        return False


def can_go_on(folder: Path) -> bool:
    """Whether `resume=` takes the folder."""
    return is_configuration(folder) or holds_sweep(folder)


def has_ended_runs(folder: Path) -> bool:
    """Whether any run in the folder has a result."""
    return any(run.status != UNFINISHED for each in configuration_folders(folder) for run in known_runs(each))
