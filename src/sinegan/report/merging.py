"""Several sweeps as one: what their configurations share, and where their settings clash."""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

Overrides = Mapping[str, str]
Settings = Mapping[str, Any]

_SEEDS = ("seed", "seeds")
_NO_PART_OF_THE_GAME = (*_SEEDS, "executor", "plot")
DEFAULT = "default"
"""Shown for a choice that a command left to the defaults and that no other command names."""


def split_overrides(overrides: Iterable[str]) -> dict[str, str]:
    """`['optim.lr=0.1', '+x=2']` -> `{'optim.lr': '0.1', 'x': '2'}`."""
    pairs = (text.split("=", 1) for text in overrides if "=" in text)
    return {key.lstrip("+~"): value.strip("'\"") for key, value in pairs}


def swept_keys(overrides: Sequence[Overrides]) -> list[str]:
    """The keys that differ between configurations, in the order of the command."""
    keys = dict.fromkeys(key for one in overrides for key in one)
    return [key for key in keys if len({one.get(key) for one in overrides}) > 1]


def flat(settings: Settings, prefix: str = "") -> dict[str, Any]:
    """`{'optim': {'lr': 0.1}}` -> `{'optim.lr': 0.1}`; lists stay whole."""
    found: dict[str, Any] = {}
    for key, value in settings.items():
        path = f"{prefix}{key}"
        found |= flat(value, f"{path}.") if isinstance(value, Mapping) else {path: value}
    return found


def completed(overrides: Sequence[Overrides], settings: Sequence[Settings]) -> list[dict[str, str]]:
    """The overrides with what other configurations name and these left to the defaults.

    Such a value is taken from the settings; a choice (of a loss, say) is called as the command called it
    that chose the same. Numbers that are equal are written alike.
    """
    found = [dict(one) for one in overrides]
    for key in swept_keys(overrides):
        seen: dict[float, str] = {}
        named = {
            json.dumps(_at(its_settings, key), sort_keys=True): one[key]
            for one, its_settings in zip(overrides, settings, strict=True)
            if key in one
        }
        for one, its_settings in zip(found, settings, strict=True):
            value = _at(its_settings, key)
            if key not in one:
                if isinstance(value, Mapping):
                    one[key] = named.get(json.dumps(value, sort_keys=True), DEFAULT)
                elif value is not None:
                    one[key] = value if isinstance(value, str) else json.dumps(value)
            try:
                one[key] = seen.setdefault(float(one[key]), one[key])
            except (KeyError, ValueError):
                continue
    return found


def _at(settings: Settings, key: str) -> Any:
    value: Any = settings
    for part in key.split("."):
        if not isinstance(value, Mapping) or part not in value:
            return None
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
) -> dict[str, list[str]]:
    """Settings that differ between sweeps and that no swept key tells: each with its values.

    homes: the sweep of each configuration; swept: its swept keys; settings: all that it was trained
    with. Such a setting is the same within each sweep.
    """
    all_flat = [flat(one) for one in settings]
    keys = list(swept[0]) if swept else []
    found = {}
    for key in dict.fromkeys(key for one in all_flat for key in one):
        if _is_of(key, (*_NO_PART_OF_THE_GAME, *keys)):
            continue
        values = [json.dumps(one.get(key)) for one in all_flat]
        by_home = {(home, value) for home, value in zip(homes, values, strict=True)}
        if len(by_home) > len(set(homes)) or len(set(values)) == 1:
            continue
        group = key.split(".")[0] + "."
        follows = any(
            _same_parts(values, [str(one.get(other)) for one in swept])
            for other in keys
            if other.startswith(group)
        )
        if not follows:
            found[key] = [value.strip('"') for value in values]
    return found


def _same_parts(a: Sequence[str], b: Sequence[str]) -> bool:
    return len(set(a)) == len(set(b)) == len(set(zip(a, b, strict=True)))


def _is_of(key: str, groups: Iterable[str]) -> bool:
    """Whether a key is one of the groups or lies within one."""
    return any(key == group or key.startswith(f"{group}.") for group in groups)
