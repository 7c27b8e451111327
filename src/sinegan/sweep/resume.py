"""Going on with a sweep: which stored configuration is which, and what must not differ."""

import os
from collections.abc import Hashable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch

from sinegan.config import Config
from sinegan.printable import shortened
from sinegan.storage.files import name_problem
from sinegan.storage.results import KnownRun
from sinegan.storage.settings import flattened
from sinegan.storage.sweep_folder import (
    configuration_folders,
    is_configuration,
    listed,
    missing_configurations,
    read_provenance,
)
from sinegan.training.signature import is_compiled

Settings = Mapping[str, Any]

FREE = ("executor", "seeds", "training.compile")
"""Settings that may differ: they change no run's numbers, or are held against the files by themselves."""


class CannotResumeError(ValueError):
    """The command does not fit what the folder holds; the message lists the differences."""


class Stored(NamedTuple):
    """The configurations of a sweep by job number: those that its folder holds, and those that it has lost.

    lost: of configurations whose folders were deleted, or never begun.
    """

    held: Mapping[int, Settings]
    lost: Mapping[int, Settings]


def stored_settings(configuration: Path) -> dict[str, Any] | None:
    """The settings of a stored configuration; None when the folder holds none.

    Raises DamagedResultsError.
    """
    if not is_configuration(configuration):
        return None
    settings: dict[str, Any] = read_provenance(configuration)["settings"]
    return settings


def stored_sweep(home: Path) -> Stored:
    """The configurations of a sweep's folder. Raises DamagedResultsError.

    A configuration that the sweep's list lacks has the number that its folder is called, or the next.
    """
    known = {entry.folder: entry.number for entry in listed(home)}
    lost = {entry.number: entry.settings for entry in missing_configurations(home)}
    held: dict[int, Settings] = {}
    for folder in configuration_folders(home) if home.is_dir() else ():
        name = folder.relative_to(home).as_posix()
        number = known.get(name, int(name) if name.isdecimal() else -1)
        if number < 0 or number in held:
            number = max([-1, *held, *lost, *known.values()]) + 1
        held[number] = read_provenance(folder)["settings"]
    return Stored(held, lost)


def numbers(
    wanted: Sequence[Settings], stored: Stored, first: int, earlier: Mapping[int, Settings] | None = None
) -> list[int]:
    """The number of each wanted configuration: its old one if the sweep has had it, else a new one.

    wanted: resolved settings. earlier: of batches before this one. Equal configurations have one number.
    Raises CannotResumeError unless every stored configuration is wanted, too, with the same settings and
    no fewer seeds.
    """
    earlier = earlier or {}
    free, lost = dict(sorted(stored.held.items())), dict(sorted(stored.lost.items()))
    result: list[int] = []
    following = max([first - 1, *free, *lost]) + 1
    known = {identity(settings): number for number, settings in earlier.items()}
    added = []
    for settings in wanted:
        mine = identity(settings)
        if mine not in known:
            number = _best(free, settings)
            if number is None:
                number = _best(lost, settings)
            if number is None:
                number, following = following, following + 1
                added.append(settings)
            free.pop(number, None)
            lost.pop(number, None)
            known[mine] = number
        result.append(known[mine])
    twice = {n for n, old in free.items() if any(not differences(old, settings) for settings in wanted)}
    if free := {number: old for number, old in free.items() if number not in twice}:
        raise CannotResumeError("\n".join(_left_over(free, added or wanted)))
    return result


def _best(stored: Mapping[int, Settings], wanted: Settings) -> int | None:
    """The stored configuration that is the wanted one, or else the one that leaves the least to train."""
    mine = identity(wanted)
    same = [number for number, old in stored.items() if not differences(old, wanted)]
    return max(same, key=lambda each: (identity(stored[each]) == mine, stored[each]["seeds"]), default=None)


def identity(settings: Settings) -> Hashable:
    """The same for configurations that train the same runs: those that differ in the executor at most."""
    return frozenset(
        (key, _hashable(value))
        for key, value in flattened(settings).items()
        if key.split(".")[0] != "executor"
    )


def _hashable(value: Any) -> Hashable:
    return tuple(map(_hashable, value)) if isinstance(value, list) else value


def misplaced(home: Path, wanted: Mapping[Path, Settings]) -> list[str]:
    """What keeps jobs from the folders that they would go to, a line each.

    wanted: the settings of each job by its folder. Each must lie inside the sweep's folder, apart from the
    others, and hold no configuration but its own.
    """
    lines = []
    for folder, settings in wanted.items():
        name = os.path.relpath(folder, home)
        parts = Path(name).parts
        if not parts or parts[0] == ".." or folder == home:
            lines.append(f"{folder}: must lie inside {home}; mend hydra.sweep.subdir")
        elif problem := name_problem(str(folder)):
            lines.append(f"{shortened(name)}: {problem}; mend hydra.sweep.subdir")
        elif parts[0] in ("report", "parts") or any(part.startswith(".") for part in parts):
            lines.append(f"{name}: is no name for a configuration's folder; mend hydra.sweep.subdir")
        elif outer := next((one for one in folder.parents if one in wanted), None):
            lines.append(f"{name}: lies inside {os.path.relpath(outer, home)}; mend hydra.sweep.subdir")
        elif (before := stored_settings(folder)) is not None:
            lines += [f"{name}: {line}" for line in differences(before, settings)]
    return lines


def moved(home: Path, wanted: Iterable[Path]) -> list[str]:
    """The stored configurations that no job goes to, a line each: the command calls its folders otherwise."""
    return [
        f"{folder.relative_to(home)}: no job of the command goes there; give hydra.sweep.subdir as before"
        for folder in sorted(set(configuration_folders(home)) - set(wanted))
    ]


def differences(stored: Settings, wanted: Settings) -> list[str]:
    """What keeps a configuration from being the stored one, a line each."""
    old, new = flattened(stored), flattened(wanted)
    lines = [
        f"{key}: {old.get(key, 'absent')} in the folder, {new.get(key, 'absent')} in the command"
        for key in dict.fromkeys([*old, *new])
        if not {key, key.split(".")[0]} & set(FREE) and old.get(key) != new.get(key)
    ]
    if wanted["seeds"] < stored["seeds"]:
        lines.append(f"seeds: {stored['seeds']} in the folder, only {wanted['seeds']} in the command")
    return lines


def _left_over(free: Mapping[int, Settings], wanted: Sequence[Settings]) -> list[str]:
    """For each stored configuration that the command does not ask for, its nearest wanted one."""
    lines = []
    for number, old in free.items():
        nearest = min((differences(old, settings) for settings in wanted), key=len)
        lines += [f"configuration {number}: {line}" for line in nearest or ["not in the command"]]
    return lines


def changed_data(folder: Path, config: Config) -> str | None:
    """Why other runs of a folder would not learn the data that its runs have learned, or None.

    Raises DamagedResultsError.
    """
    now = config.target.fingerprint()
    if now is None or not is_configuration(folder) or read_provenance(folder).get("data", now) == now:
        return None
    return (
        f"{folder}: the content of its target (target.path, say) has changed since; bring back what it was, "
        "or begin a new sweep"
    )


def changed_engine(folder: Path, config: Config, known: Iterable[KnownRun]) -> str | None:
    """Why other runs of a folder would not have the bits of those that are known, or None."""
    compiled = is_compiled(config)
    for run in known:
        if run.torch and run.torch != str(torch.__version__):
            return (
                f"{folder} was trained by PyTorch {run.torch}, and here is {torch.__version__}, with other "
                f"last bits; install torch=={run.torch.partition('+')[0]}, or begin a new sweep"
            )
        if run.engine and (run.engine == "eager") == compiled:
            before, now = ("eager", "compiled") if compiled else ("compiled", "eager")
            word = "never" if compiled else "always"
            return (
                f"{folder} was trained {before}, but here it would go on {now}; set training.compile={word}"
            )
    return None
