"""Resuming a sweep: matches the command's configurations with the stored ones, and refuses differences."""

import os
from collections.abc import Hashable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch

from sinegan.config import Config
from sinegan.designs import Fixed, UntilAll, UntilBest
from sinegan.printable import shortened
from sinegan.storage.files import name_problem
from sinegan.storage.results import PARTS, KnownRun
from sinegan.storage.settings import flattened, setting
from sinegan.storage.sweep_folder import (
    HANDLING,
    REPORT,
    configuration_folders,
    is_configuration,
    listed,
    missing_configurations,
    read_provenance,
)
from sinegan.training.signature import is_compiled

Settings = Mapping[str, Any]

FREE = (*HANDLING, "seeds", "training.compile", "decide.budget")
"""The settings that may differ: they change no run's numbers, or are compared separately."""
MOST_NAMED = 50
"""Lines of a refusal that name single configurations."""
MOST_PAIRS = 10_000
"""Pairs of a stored and a wanted configuration up to which each is held against each."""
NEIGHBOURS = 5
"""Of more, each is held against so many on either side of its place in the sweep."""
DESIGNS = {f"{each.__module__}.{each.__qualname__}": each.word for each in (Fixed, UntilBest, UntilAll)}
FIXED = next(iter(DESIGNS))


class CannotResumeError(ValueError):
    """The command does not match the content of the folder; the message lists the differences."""


class Stored(NamedTuple):
    """The configurations of a sweep, by job number.

    present: those in its folder. missing: those in its list only: their folders were deleted or never begun.
    """

    present: Mapping[int, Settings]
    missing: Mapping[int, Settings]


def stored_settings(configuration: Path) -> dict[str, Any] | None:
    """The settings of a stored configuration; None when the folder is not a configuration's.

    Raises DamagedResultsError.
    """
    if not is_configuration(configuration):
        return None
    settings: dict[str, Any] = read_provenance(configuration)["settings"]
    return settings


def stored_sweep(home: Path) -> Stored:
    """The configurations of a sweep's folder. Raises DamagedResultsError.

    A configuration that is not in the sweep's list has its folder's name as its number, or the next number.
    """
    number_of = {entry.folder: entry.number for entry in listed(home)}
    missing = {entry.number: entry.settings for entry in missing_configurations(home)}
    present: dict[int, Settings] = {}
    for folder in configuration_folders(home) if home.is_dir() else ():
        name = folder.relative_to(home).as_posix()
        number = number_of.get(name, int(name) if name.isdecimal() else -1)
        if number < 0 or number in present:
            number = max([-1, *present, *missing, *number_of.values()]) + 1
        present[number] = read_provenance(folder)["settings"]
    return Stored(present, missing)


def assign_numbers(
    wanted: Sequence[Settings], stored: Stored, first: int, earlier: Mapping[int, Settings] | None = None
) -> list[int]:
    """The number of each wanted configuration: its old one if the sweep has had it, else a new one.

    Equal configurations have one number.

    Arguments:
        wanted: the resolved settings of each configuration.
        stored: the configurations of the sweep.
        first: the smallest new number.
        earlier: the configurations of earlier batches, by number.

    Raises:
        CannotResumeError: a configuration in the folder is not wanted with the same settings and at least as
            many seeds.
    """
    present, missing = _Unmatched(stored.present), _Unmatched(stored.missing)
    following = max([first - 1, *stored.present, *stored.missing]) + 1
    number_of = {identity(settings): number for number, settings in (earlier or {}).items()}
    added = []
    for settings in wanted:
        key = identity(settings)
        if key in number_of:
            continue
        number = present.take(settings)
        if number is None:
            number = missing.take(settings)
        if number is None:
            number, following = following, following + 1
            added.append(settings)
        number_of[key] = number
    by_key = _by_matching_key(wanted)
    unwanted = {
        number: old
        for number, old in present.left.items()
        # Otherwise it is stored twice.
        if all(differences(old, settings) for settings in by_key.get(_matching_key(old), ()))
    }
    if unwanted:
        raise CannotResumeError("\n".join(_unwanted_lines(unwanted, added or wanted)))
    return [number_of[identity(settings)] for settings in wanted]


class _Unmatched:
    """The stored configurations that no wanted one has taken yet, by number."""

    def __init__(self, stored: Mapping[int, Settings]) -> None:
        self.left = dict(sorted(stored.items()))
        self._numbers: dict[Hashable, list[int]] = {}
        for number, settings in self.left.items():
            self._numbers.setdefault(_matching_key(settings), []).append(number)

    def take(self, wanted: Settings) -> int | None:
        """Takes the configuration that equals the wanted one, or that leaves least to train; its number."""
        numbers = self._numbers.get(_matching_key(wanted), [])
        matches = [number for number in numbers if not differences(self.left[number], wanted)]
        if not matches:
            return None
        key = identity(wanted)
        best = max(matches, key=lambda each: (identity(self.left[each]) == key, self.left[each]["seeds"]))
        numbers.remove(best)
        del self.left[best]
        return best


def _by_matching_key(settings: Sequence[Settings]) -> dict[Hashable, list[Settings]]:
    by_key: dict[Hashable, list[Settings]] = {}
    for each in settings:
        by_key.setdefault(_matching_key(each), []).append(each)
    return by_key


def _matching_key(settings: Settings) -> Hashable:
    """A key that is equal for configurations without `differences`, whatever their seeds.

    With it a sweep of many configurations is matched in a time that grows with their number, not its square.
    """
    return frozenset(
        (key, _hashable(value))
        for key, value in {**flattened(settings), "decide._target_": _design(settings)}.items()
        if value is not None and not {key, key.split(".")[0]} & set(FREE)
    )


def identity(settings: Settings) -> Hashable:
    """A key that is equal for configurations that train the same runs, on any executor, for any report."""
    left_out = {*HANDLING, "decide.budget", *(["seeds"] if _decides(settings) else [])}
    return frozenset(
        (key, _hashable(value))
        for key, value in {"decide._target_": FIXED, **flattened(settings)}.items()
        if not {key, key.split(".")[0]} & left_out
    )


def _decides(settings: Settings) -> bool:
    """Whether the sweep chooses the seeds of its configurations itself."""
    return bool(_design(settings) != FIXED)


def _design(settings: Settings) -> Any:
    return setting(settings, "decide._target_", FIXED)  # older sweeps have no design


def _word(settings: Settings) -> str:
    """What commands call the design: `best`."""
    design = _design(settings)
    return DESIGNS.get(design, str(design))


def _hashable(value: Any) -> Hashable:
    return tuple(map(_hashable, value)) if isinstance(value, list) else value


def find_misplaced(home: Path, wanted: Mapping[Path, Settings]) -> list[str]:
    """The reasons why jobs cannot use their folders, a line each.

    A job's folder must be inside the sweep's folder, must not contain another job's, and must hold no other
    configuration. wanted: the settings of each job, by its folder.
    """
    lines = []
    for folder, settings in wanted.items():
        name = os.path.relpath(folder, home)
        parts = Path(name).parts
        if not parts or parts[0] == ".." or folder == home:
            lines.append(f"{folder}: must be inside {home}; change hydra.sweep.subdir")
        elif problem := name_problem(str(folder)):
            lines.append(f"{shortened(name)}: {problem}; change hydra.sweep.subdir")
        elif parts[0] in (REPORT, PARTS) or any(part.startswith(".") for part in parts):
            lines.append(f"{name}: is no name for a configuration's folder; change hydra.sweep.subdir")
        elif outer := next((one for one in folder.parents if one in wanted), None):
            lines.append(f"{name}: is inside {os.path.relpath(outer, home)}; change hydra.sweep.subdir")
        elif (before := stored_settings(folder)) is not None:
            lines += [f"{name}: {line}" for line in differences(before, settings)]
    return lines


def find_moved(home: Path, wanted: Iterable[Path]) -> list[str]:
    """The stored configurations whose folders no job uses, a line each, with the remedy.

    Either a folder was copied or renamed, or the command names its folders differently.
    """
    names = {entry.folder for entry in listed(home)}
    missing = {identity(entry.settings): entry.folder for entry in missing_configurations(home)}
    lines = []
    for folder in sorted(set(configuration_folders(home)) - set(wanted)):
        name = folder.relative_to(home).as_posix()
        former_name = missing.get(identity(read_provenance(folder)["settings"]))
        if name in names or not names:
            remedy = "no job of the command uses it; give hydra.sweep.subdir as before"
        elif former_name is not None:
            remedy = f"was called {former_name}; rename it to that"
        else:
            remedy = f"does not belong to this sweep (a copy?); move it out of {home}"
        lines.append(f"{name}: {remedy}")
    return lines


def differences(stored: Settings, wanted: Settings) -> list[str]:
    """The differences between a stored configuration and a wanted one that prevent a resume, a line each."""
    old, new = ({"decide._target_": _design(each), **flattened(each)} for each in (stored, wanted))
    designs = [_word(each) for each in (stored, wanted)]
    other_design = designs[0] != designs[1]
    lines = [f"decide: {designs[0]} in the folder, {designs[1]} in the command"] if other_design else []
    lines += [
        f"{key}: {old.get(key, 'absent')} in the folder, {new.get(key, 'absent')} in the command"
        for key in dict.fromkeys([*old, *new])
        if not {key, key.split(".")[0]} & set(FREE) and old.get(key) != new.get(key)
        if not (other_design and key.startswith("decide."))
    ]
    if wanted["seeds"] < stored["seeds"] and not _decides(wanted):
        lines.append(f"seeds: {stored['seeds']} in the folder, only {wanted['seeds']} in the command")
    return lines


def _unwanted_lines(unwanted: Mapping[int, Settings], wanted: Sequence[Settings]) -> list[str]:
    """For each stored configuration that the command lacks, the differences from the nearest wanted one.

    A difference that all of them have is named once. Of many configurations, those at about the same place in
    the sweep count as near.
    """
    numbers_of: dict[str, list[int]] = {}
    few = len(unwanted) * len(wanted) <= MOST_PAIRS
    for place, (number, old) in enumerate(unwanted.items()):
        middle = min(place, len(wanted) - 1)
        near = wanted if few else wanted[max(0, middle - NEIGHBOURS) : middle + NEIGHBOURS + 1]
        nearest = min((differences(old, settings) for settings in near), key=len)
        for line in nearest or ["not in the command"]:
            numbers_of.setdefault(line, []).append(number)
    lines = [
        line if len(numbers) == len(unwanted) > 1 else f"configuration {number}: {line}"
        for line, numbers in numbers_of.items()
        for number in (numbers[:1] if len(numbers) == len(unwanted) else numbers)
    ]
    more = len(lines) - MOST_NAMED
    return [*lines[:MOST_NAMED], f"… and {more:,} more lines like these"] if more > 0 else lines


def changed_data(folder: Path, config: Config) -> str | None:
    """The reason why new runs in a folder would not learn the same data as its other runs, or None.

    Raises DamagedResultsError.
    """
    now = config.target.fingerprint()
    if now is None or not is_configuration(folder) or read_provenance(folder).get("data", now) == now:
        return None
    return (
        f"{folder}: the data of its target (target.path, for example) has changed since; restore it, "
        "or begin a new sweep"
    )


def changed_engine(folder: Path, config: Config, known: Iterable[KnownRun]) -> str | None:
    """The reason why new runs in a folder would differ from its other runs in their last bits, or None."""
    compiled = is_compiled(config.setup)
    for run in known:
        if run.torch and run.torch != str(torch.__version__):
            return (
                f"{folder} was trained by PyTorch {run.torch}, and this is {torch.__version__}, with other "
                f"last bits; install torch=={run.torch.partition('+')[0]}, or begin a new sweep"
            )
        if run.engine and (run.engine == "eager") == compiled:
            before, now = ("eager", "compiled") if compiled else ("compiled", "eager")
            word = "never" if compiled else "always"
            return f"{folder} was trained {before}, but would be resumed {now}; set training.compile={word}"
    return None
