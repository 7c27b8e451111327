"""Merging sweeps: the keys that differ between their configurations, and the settings that clash."""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sinegan.report.labels import spelled
from sinegan.storage.settings import ABSENT, Settings, flattened, setting
from sinegan.storage.sweep_folder import HANDLING, SEED_KEYS

Overrides = Mapping[str, Any]
"""Trained values by the keys that a command set: the name of a choice, or a value as in the settings."""

_NOT_SWEPT = (*HANDLING, "decide", "plot")
_NOT_COMPARED = (*SEED_KEYS, *_NOT_SWEPT)
DEFAULT = "default"
"""Shown for a choice that a command left to the defaults and that no other command names."""


def split_overrides(overrides: Iterable[str]) -> dict[str, str]:
    """`['optim.lr=0.1', '+x=2']` -> `{'optim.lr': '0.1', 'x': '2'}`."""
    pairs = (text.split("=", 1) for text in overrides if "=" in text)
    return {key.lstrip("+~"): value.strip("'\"") for key, value in pairs}


def trained_values(overrides: Mapping[str, str], settings: Settings) -> dict[str, Any]:
    """Maps each key of a command to its trained value: that of a setting, or the choice of a group.

    Lists are in Hydra's grammar, so that values can be compared and be keys of a table.
    """
    values: dict[str, Any] = {}
    for key, text in overrides.items():
        value = setting(settings, key)
        interpolated = "${" in text or r"$\{" in text
        is_group = value is ABSENT or (isinstance(value, Mapping) and not interpolated)
        values[key] = text if is_group else plain(value)
    return values


def plain(value: Any) -> Any:
    """A value of a setting; lists and mappings in Hydra's grammar, `[64,128]`."""
    return spelled(value) if isinstance(value, list | tuple | Mapping) else value


def swept_keys(overrides: Sequence[Overrides]) -> list[str]:
    """The keys that differ between configurations, in the order of the command.

    Not those of the executor, the pictures, the design and the referee, which a resume may change.
    """
    keys = dict.fromkeys(key for values in overrides for key in values if not _is_within(key, _NOT_SWEPT))
    return [key for key in keys if len({_spelling(values, key) for values in overrides}) > 1]


def _spelling(overrides: Overrides, key: str) -> str | None:
    return spelled(overrides[key]) if key in overrides else None


def fill_in_defaults(overrides: Sequence[Overrides], settings: Sequence[Settings]) -> list[dict[str, Any]]:
    """Adds the keys that other configurations set and a configuration left to the defaults.

    Their values are taken from the settings; a choice (of a loss, say) has the name that another command
    gave the same choice, or `default`.
    """
    complete = [dict(values) for values in overrides]
    for key in swept_keys(overrides):
        names = {
            json.dumps(setting(resolved, key, None), sort_keys=True): values[key]
            for values, resolved in zip(overrides, settings, strict=True)
            if key in values
        }
        for values, resolved in zip(complete, settings, strict=True):
            value = setting(resolved, key)
            if key in values or value is ABSENT:
                continue
            if isinstance(value, Mapping):
                values[key] = names.get(json.dumps(value, sort_keys=True), DEFAULT)
            else:
                values[key] = plain(value)
    return complete


def identity_key(overrides: Overrides, settings: Settings) -> str:
    """A text that is equal for configurations that differ only in seeds, design, executor and pictures."""
    compared = [
        {key: value for key, value in each.items() if not _is_within(key, _NOT_COMPARED)}
        for each in (overrides, flattened(settings))
    ]
    return json.dumps(compared, sort_keys=True)


def clashes(
    homes: Sequence[str], swept: Sequence[Overrides], settings: Sequence[Settings]
) -> dict[str, list[Any]]:
    """Finds the settings that differ between sweeps and that do not follow from a swept key.

    Arguments:
        homes: for each configuration, the name of its sweep.
        swept: for each configuration, its swept keys and their values.
        settings: for each configuration, all its settings.

    Returns:
        For each such setting its value in each configuration. It is the same within each sweep, and ABSENT
        in a sweep without it.
    """
    by_key = [flattened(each) for each in settings]
    swept_names = list(swept[0]) if swept else []
    values_by_key = {}
    for key in dict.fromkeys(key for values in by_key for key in values):
        if _is_within(key, (*_NOT_COMPARED, *swept_names)):
            continue
        values = [_spelling(each, key) for each in by_key]
        by_home = {(home, value) for home, value in zip(homes, values, strict=True)}
        if len(by_home) > len(set(homes)) or len(set(values)) == 1:
            continue
        group = key.split(".")[0] + "."
        follows = any(
            _same_partition(values, [_spelling(each, other) for each in swept])
            for other in swept_names
            if other.startswith(group)
        )
        if not follows:
            values_by_key[key] = [plain(each[key]) if key in each else ABSENT for each in by_key]
    return values_by_key


def _same_partition(a: Sequence[str | None], b: Sequence[str | None]) -> bool:
    """Whether two columns are equal in the same rows."""
    return len(set(a)) == len(set(b)) == len(set(zip(a, b, strict=True)))


def _is_within(key: str, groups: Iterable[str]) -> bool:
    """Whether a key is one of the groups or lies within one."""
    return any(key == group or key.startswith(f"{group}.") for group in groups)
