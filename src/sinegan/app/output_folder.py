"""The folder that a command works in: its name, its creation, and its removal when it was not used."""

import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from hydra.core.config_loader import ConfigLoader
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from hydra_plugins.stacked_launcher.stacked_launcher import current_config
from sinegan.statuses import UNFINISHED
from sinegan.storage.files import LOCK, UnwritableFileError, writing
from sinegan.storage.results import known_runs
from sinegan.storage.sweep_folder import configuration_folders, holds_sweep, is_configuration

LEFT_BEFORE_WORK = {"multirun.yaml", LOCK, ".hydra", "sinegan.log"}
"""The files and folders of a command that ended before it began a configuration."""


def folder_setting(loader: ConfigLoader, config_name: str, overrides: Sequence[str], multirun: bool) -> str:
    """The setting that names the command's folder; empty for null.

    It is composed with all overrides as they were typed, because a sweep's folder may be named after them.
    Raises HydraException or an error of OmegaConf when it cannot be composed.
    """
    mode, key = (RunMode.MULTIRUN, "hydra.sweep.dir") if multirun else (RunMode.RUN, "hydra.run.dir")
    config = loader.load_configuration(config_name, list(overrides), run_mode=mode)
    assert isinstance(config, DictConfig)
    with current_config(config):
        folder = OmegaConf.select(config, key)
    return "" if folder is None else str(folder)


def missing_folders(folder: Path) -> list[Path]:
    """The folders that must be created for a folder to exist, innermost first."""
    return [path for path in (folder, *folder.parents) if not os.path.lexists(path)]


def claim_folder(folder: Path, chosen: bool) -> Path:
    """Creates a folder for this command alone; returns it.

    Two commands in the same second get two folders. A folder that the user chose must be empty. Raises
    UnwritableFileError when it is not, or when the folder cannot be created.
    """
    if chosen:
        with writing(folder):
            content = set(os.listdir(folder)) if os.path.isdir(folder) else set()
        if content - LEFT_BEFORE_WORK:
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
            except FileNotFoundError:  # another command has just removed the unused parent
                continue


def remove_unused(folder: Path, created: Sequence[Path]) -> None:
    """Removes a folder in which no work was begun, and those of the created folders that are empty."""
    if _is_unused(folder):
        for parent, folders, files in os.walk(folder, topdown=False):
            for name in files:
                (Path(parent) / name).unlink()
            for name in folders:
                (Path(parent) / name).rmdir()
        with suppress(OSError):
            folder.rmdir()
    for path in created:
        with suppress(OSError):  # it holds something, or is not there
            path.rmdir()


def _is_unused(folder: Path) -> bool:
    try:
        return {path.name for path in folder.iterdir()} <= LEFT_BEFORE_WORK
    except OSError:
        return False


def can_resume(folder: Path) -> bool:
    """Whether `resume=` accepts the folder."""
    return is_configuration(folder) or holds_sweep(folder)


def has_ended_runs(folder: Path) -> bool:
    """Whether any run in the folder has a result."""
    return any(run.status != UNFINISHED for each in configuration_folders(folder) for run in known_runs(each))
