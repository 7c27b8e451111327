"""Stored settings by their dotted keys, as commands and tables name them."""

from collections.abc import Mapping
from typing import Any

Settings = Mapping[str, Any]

SEED_LIMIT = 2**32
"""A seed is a whole number below this."""

ABSENT = object()
"""Stands for a value that the settings do not have; null is a value that they have."""


def flattened(settings: Settings, prefix: str = "") -> dict[str, Any]:
    """Maps dotted keys to values; lists stay whole.

    >>> flattened({"optim": {"lr": 0.1}, "seeds": 8})
    {'optim.lr': 0.1, 'seeds': 8}
    """
    values: dict[str, Any] = {}
    for key, value in settings.items():
        path = f"{prefix}{key}"
        values |= flattened(value, f"{path}.") if isinstance(value, Mapping) else {path: value}
    return values


def setting(settings: Settings, key: str, otherwise: Any = ABSENT) -> Any:
    """The value of a dotted key, or `otherwise` where there is none."""
    value: Any = settings
    for part in key.split("."):
        if not isinstance(value, Mapping) or part not in value:
            return otherwise
        value = value[part]
    return value
