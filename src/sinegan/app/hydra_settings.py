"""Checks Hydra's own settings before Hydra uses them, which would end in a traceback."""

import importlib.util
import logging
import os
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from hydra.core.override_parser.types import Override
from omegaconf import DictConfig, OmegaConf, open_dict

from hydra_plugins.stacked_launcher.stacked_launcher import current_config
from sinegan.app.composition import dotted_keys
from sinegan.app.problems import describe_error
from sinegan.report.labels import spelled

CHOSEN = ("hydra.sweeper", "hydra.launcher")
"""The settings that are chosen as a group, by `hydra/sweeper=NAME`."""
NEEDED = (*CHOSEN, "hydra.run", "hydra.sweep", "hydra.job", "hydra.runtime", "hydra.mode")
SEARCH_PATH = "hydra.searchpath"


def override_problems(override: Override, options: Callable[[str], list[str]]) -> list[str]:
    """The problems of an override of one of Hydra's settings.

    options: gives the choices of a group.
    """
    key, line = override.key_or_group.replace("/", "."), str(override.input_line)
    value = override.value()
    if override.is_sweep_override():
        return [f"{line}: Hydra's own settings cannot be swept; give one value"]
    if override.is_delete():
        needed = any(key == each or key.startswith(f"{each}.") for each in NEEDED)
        optional = key.startswith("hydra.job.env")
        return [f"{line}: is needed, and cannot be deleted"] if needed and not optional else []
    if override.key_or_group in CHOSEN and not isinstance(value, dict):
        group = override.key_or_group.replace(".", "/")
        return [f"{line}: must be chosen as {group}=NAME, one of {', '.join(options(group))}"]
    return list(_search_path_problems(value)) if key == SEARCH_PATH else []


def _search_path_problems(paths: Any) -> Iterator[str]:
    if not (isinstance(paths, list) and all(isinstance(path, str) for path in paths)):
        yield f"{SEARCH_PATH} = {spelled(paths)}: must be a list of folders, such as [file:///my/conf]"
        return
    for path in paths:
        scheme, _, rest = path.rpartition("://")
        if scheme in ("", "file") and not os.path.isdir(rest):
            yield f"{SEARCH_PATH} = {path}: no such folder"
        elif scheme == "pkg" and not _is_package(rest.replace("/", ".")):
            yield f"{SEARCH_PATH} = {path}: no such package"
        elif scheme not in ("", "file", "pkg", "structured"):
            yield f"{SEARCH_PATH} = {path}: must begin with file:// or pkg://"


def _is_package(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except (ImportError, ValueError):
        return False


def config_problems(config: DictConfig) -> Iterator[str]:
    """The problems in Hydra's own settings that Hydra would find when it sets up a job, a line each."""
    verbose: Any = config.hydra.verbose
    verbose = OmegaConf.to_container(verbose) if OmegaConf.is_config(verbose) else verbose
    names = verbose if isinstance(verbose, list) else []
    if not (isinstance(verbose, bool | str) or names) or not all(isinstance(name, str) for name in names):
        yield f"hydra.verbose = {spelled(verbose)}: must be true, false or the names of loggers"
    copy = config.copy()
    with open_dict(copy):
        copy.hydra.runtime.output_dir = "."
    with current_config(copy):
        for key in dotted_keys(copy.hydra):
            if not key.startswith(("run.", "sweep.", "overrides.")):  # checked elsewhere
                yield from unresolved(copy, f"hydra.{key}")
        for key in ("hydra.job_logging", "hydra.hydra_logging"):
            yield from _logging_problems(copy, key)


def _logging_problems(config: DictConfig, key: str) -> Iterator[str]:
    """The settings that Python's logging would refuse: unknown levels, and files in missing folders."""
    for name in dotted_keys(OmegaConf.select(config, key)):
        path = f"{key}.{name}"
        try:
            value = OmegaConf.select(config, path)
        except Exception:  # `unresolved` reports it
            continue
        last = name.rpartition(".")[2]
        if last == "level" and value not in logging.getLevelNamesMapping() and not _is_level(value):
            yield f"{path} = {spelled(value)}: must be one of {', '.join(logging.getLevelNamesMapping())}"
        if last == "filename" and not os.path.isdir(os.path.dirname(str(value)) or "."):
            yield f"{path} = {value}: there is no folder {os.path.dirname(str(value))}"


def _is_level(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def unresolved(config: DictConfig, key: str) -> Iterator[str]:
    """The reason why a setting cannot be resolved, in a line, if there is one."""
    try:
        with current_config(config):
            OmegaConf.select(config, key)
    except Exception as error:  # a resolver may raise anything
        raw: Any = OmegaConf.to_container(config.hydra, resolve=False)
        for part in key.split(".")[1:]:
            raw = raw.get(part) if isinstance(raw, Mapping) else raw
        yield f"{key} = {raw}: {describe_error(error)}"
