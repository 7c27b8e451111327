"""Going on with a sweep: which stored configuration is which, and what must not differ."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sinegan.config import Config
from sinegan.sweep.provenance import FILE
from sinegan.training.signature import is_compiled

FREE = ("executor", "seeds")
"""Settings that may differ: they change no run's numbers."""


class CannotResumeError(ValueError):
    """The command does not fit what the folder holds; the message lists the differences."""


def stored_settings(configuration: Path) -> dict[str, Any] | None:
    """The settings of a stored configuration; None when the folder holds none."""
    file = configuration / FILE
    if not file.exists():
        return None
    settings: dict[str, Any] = json.loads(file.read_text())["settings"]
    return settings


def stored_sweep(sweep: Path) -> dict[int, dict[str, Any]]:
    """The settings of each configuration of a sweep, by its number."""
    folders = [file.parent for file in sweep.glob(f"*/{FILE}") if file.parent.name.isdigit()]
    return {int(folder.name): stored_settings(folder) or {} for folder in folders}


def numbers(
    wanted: Sequence[Mapping[str, Any]], stored: Mapping[int, Mapping[str, Any]], first: int
) -> list[int]:
    """The number of each wanted configuration: its old one if it is stored, else a new one.

    wanted, stored: resolved settings. Raises CannotResumeError unless every stored configuration
    is wanted, too, with the same settings and no fewer seeds.
    """
    free = dict(sorted(stored.items()))
    found: list[int | None] = []
    for settings in wanted:
        same = [number for number, old in free.items() if not differences(old, settings)]
        # Configurations may differ in their seeds alone: the one that leaves the least to train.
        best = max(same, key=lambda number: free[number]["seeds"], default=None)
        found.append(best)
        if best is not None:
            del free[best]
    if free:
        raise CannotResumeError("\n".join(_left_over(free, wanted)))
    following = max([first - 1, *stored]) + 1
    result = []
    for number in found:
        result.append(following if number is None else number)
        following += number is None
    return result


def differences(stored: Mapping[str, Any], wanted: Mapping[str, Any]) -> list[str]:
    """What keeps a configuration from being the stored one, a line each."""
    old, new = flat(stored), flat(wanted)
    lines = [
        f"{key}: {old.get(key, 'absent')} in the folder, {new.get(key, 'absent')} in the command"
        for key in dict.fromkeys([*old, *new])
        if key.split(".")[0] not in FREE and old.get(key) != new.get(key)
    ]
    if wanted["seeds"] < stored["seeds"]:
        lines.append(f"seeds: {stored['seeds']} in the folder, only {wanted['seeds']} in the command")
    return lines


def flat(settings: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """`{'optim': {'lr': 1}}` -> `{'optim.lr': 1}`."""
    result: dict[str, Any] = {}
    for key, value in settings.items():
        path = f"{prefix}{key}"
        result |= flat(value, f"{path}.") if isinstance(value, Mapping) else {path: value}
    return result


def _left_over(free: Mapping[int, Mapping[str, Any]], wanted: Sequence[Mapping[str, Any]]) -> list[str]:
    """For each stored configuration that the command does not ask for, its nearest wanted one."""
    lines = []
    for number, old in free.items():
        nearest = min((differences(old, settings) for settings in wanted), key=len)
        lines += [f"configuration {number}: {line}" for line in nearest or ["not in the command"]]
    return lines


def changed_engine(folder: Path, config: Config) -> str | None:
    """Why the runs of a folder cannot go on with their bits on this machine's engine, or None."""
    file = folder / FILE
    if not file.exists():
        return None
    before = json.loads(file.read_text())["engine"]
    now = "compiled" if is_compiled(config) else "eager"
    if before == now:
        return None
    word = "always" if before == "compiled" else "never"
    return f"{folder} was trained {before}, but here it would go on {now}; set training.compile={word}"
