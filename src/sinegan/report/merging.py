"""Several sweeps as one: what their configurations share, and where their settings clash."""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sinegan.report.labels import spelled
from sinegan.storage.sweep_folder import SEED_KEYS

Overrides = Mapping[str, Any]
"""What was trained, by the keys that a command set: a choice by its name, all else as in the settings."""
Settings = Mapping[str, Any]

_NO_PART_OF_THE_GAME = (*SEED_KEYS, "executor", "plot")
DEFAULT = "default"
"""Shown for a choice that a command left to the defaults and that no other command names."""
ABSENT = object()
"""In place of a value that settings do not have; null is one that they have."""


def split_overrides(overrides: Iterable[str]) -> dict[str, str]:
    """`['optim.lr=0.1', '+x=2']` -> `{'optim.lr': '0.1', 'x': '2'}`."""
    pairs = (text.split("=", 1) for text in overrides if "=" in text)
    return {key.lstrip("+~"): value.strip("'\"") for key, value in pairs}


def trained(overrides: Mapping[str, str], settings: Settings) -> dict[str, Any]:
    """What the keys of a command stood for: of a setting the value that it came to, of a group its choice.

    Lists are told in Hydra's grammar, so that values can be compared and be keys of a table.
    """
    found: dict[str, Any] = {}
    for key, text in overrides.items():
        value = setting(settings, key)
        interpolated = "${" in text or r"$\{" in text
        of_group = value is ABSENT or (isinstance(value, Mapping) and not interpolated)
        found[key] = text if of_group else plain(value)
    return found


def plain(value: Any) -> Any:
    """A value of a setting; lists and mappings in Hydra's grammar, `[64,128]`."""
    return spelled(value) if isinstance(value, list | tuple | Mapping) else value


def swept_keys(overrides: Sequence[Overrides]) -> list[str]:
    """The keys that differ between configurations, in the order of the command."""
    keys = dict.fromkeys(key for one in overrides for key in one)
    return [key for key in keys if len({_told(one, key) for one in overrides}) > 1]


def _told(overrides: Overrides, key: str) -> str | None:
    return spelled(overrides[key]) if key in overrides else None


def flat(settings: Settings, prefix: str = "") -> dict[str, Any]:
    """`{'optim': {'lr': 0.1}}` -> `{'optim.lr': 0.1}`; lists stay whole."""
    found: dict[str, Any] = {}
    for key, value in settings.items():
        path = f"{prefix}{key}"
        found |= flat(value, f"{path}.") if isinstance(value, Mapping) else {path: value}
    return found


def completed(overrides: Sequence[Overrides], settings: Sequence[Settings]) -> list[dict[str, Any]]:
    """The overrides with what other configurations name and these left to the defaults.

    Such a value is taken from the settings; a choice (of a loss, say) is called as the command called it
    that chose the same.
    """
    found = [dict(one) for one in overrides]
    for key in swept_keys(overrides):
        named = {
            json.dumps(setting(its_settings, key, None), sort_keys=True): one[key]
            for one, its_settings in zip(overrides, settings, strict=True)
            if key in one
        }
        for one, its_settings in zip(found, settings, strict=True):
            value = setting(its_settings, key)
            if key in one or value is ABSENT:
                continue
            if isinstance(value, Mapping):
                one[key] = named.get(json.dumps(value, sort_keys=True), DEFAULT)
            else:
                one[key] = plain(value)
    return found


def setting(settings: Settings, key: str, otherwise: Any = ABSENT) -> Any:
    """The value of a dotted key, or `otherwise` where there is none."""
    value: Any = settings
    for part in key.split("."):
        if not isinstance(value, Mapping) or part not in value:
            return otherwise
        value = value[part]
    return value


def identity(overrides: Overrides, settings: Settings) -> str:
    """The same for configurations that differ in nothing but seeds, executor and pictures."""
    mine = [
        {k: v for k, v in one.items() if not _is_of(k, _NO_PART_OF_THE_GAME)}
        for one in (overrides, flat(settings))
    ]
    return json.dumps(mine, sort_keys=True)


def clashes(
    homes: Sequence[str], swept: Sequence[Overrides], settings: Sequence[Settings]
) -> dict[str, list[Any]]:
    """Settings that differ between sweeps and that no swept key tells: each with its values.

    homes: the sweep of each configuration; swept: its swept keys; settings: all that it was trained
    with. Such a setting is the same within each sweep; its value is ABSENT in a sweep without it.
    """
    all_flat = [flat(one) for one in settings]
    keys = list(swept[0]) if swept else []
    found = {}
    for key in dict.fromkeys(key for one in all_flat for key in one):
        if _is_of(key, (*_NO_PART_OF_THE_GAME, *keys)):
            continue
        values = [_told(one, key) for one in all_flat]
        by_home = {(home, value) for home, value in zip(homes, values, strict=True)}
        if len(by_home) > len(set(homes)) or len(set(values)) == 1:
            continue
        group = key.split(".")[0] + "."
        follows = any(
            _same_parts(values, [_told(one, other) for one in swept])
            for other in keys
            if other.startswith(group)
        )
        if not follows:
            found[key] = [plain(one[key]) if key in one else ABSENT for one in all_flat]
    return found


def _same_parts(a: Sequence[str | None], b: Sequence[str | None]) -> bool:
    return len(set(a)) == len(set(b)) == len(set(zip(a, b, strict=True)))


def _is_of(key: str, groups: Iterable[str]) -> bool:
    """Whether a key is one of the groups or lies within one."""
    return any(key == group or key.startswith(f"{group}.") for group in groups)
