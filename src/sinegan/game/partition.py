"""The seam between what is static and what is batched.

Rules are a tree of frozen dataclasses. Its float fields differ from run to run, so they become tensors
with one entry a run. Everything else decides which program is compiled and must be equal for all runs of
a stack. `partition` separates the two, `combine` joins them again, for instance inside `vmap`. The model
is Equinox: Kidger & Garcia 2021, "Equinox: neural networks in JAX via callable PyTrees and filtered
transformations".
"""

import dataclasses
from collections.abc import Iterator
from typing import Any, TypeVar

from sinegan.schema import float_fields

T = TypeVar("T")

Leaves = dict[str, Any]
"""The float fields of a dataclass by name; a nested dataclass is a `Leaves`, a tuple of them a list."""


def partition(tree: T) -> tuple[T, Leaves]:
    """Splits a tree of frozen dataclasses into its static part and its float leaves.

    The static part has None in the place of each float. It is hashable, and equal for two trees that
    differ in floats alone.
    """
    static: dict[str, Any] = {}
    leaves: Leaves = {}
    floats = float_fields(tree)
    for field, value in _fields(tree):
        name = field.name
        if name in floats:
            static[name] = None
            if field.init:  # `__post_init__` derives the others again
                leaves[name] = value
        elif dataclasses.is_dataclass(value):
            static[name], leaves[name] = partition(value)
        elif _is_sequence(value):
            pairs = [partition(item) for item in value]
            static[name], leaves[name] = tuple(item for item, _ in pairs), [item for _, item in pairs]
        else:
            static[name] = value
    return _rebuilt(tree, static), leaves


def combine(static: T, leaves: Leaves) -> T:
    """The tree that `partition` split, with these leaves, which may be tensors instead of floats."""
    filled: dict[str, Any] = {}
    for name, leaf in leaves.items():
        part = getattr(static, name)
        if isinstance(leaf, dict):
            filled[name] = combine(part, leaf)
        elif isinstance(leaf, list):
            filled[name] = tuple(combine(*pair) for pair in zip(part, leaf, strict=True))
        else:
            filled[name] = leaf
    joined: Any = dataclasses.replace(static, **filled)  # type: ignore[type-var]
    return joined  # type: ignore[no-any-return]


def components(tree: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """All dataclasses below a dataclass, each with its dotted path, such as `optim` or `penalties.0`."""
    for field, value in _fields(tree):
        place = f"{path}.{field.name}" if path else field.name
        if dataclasses.is_dataclass(value):
            nested = [(place, value)]
        elif _is_sequence(value):
            nested = [(f"{place}.{number}", item) for number, item in enumerate(value)]
        else:
            continue
        for where, component in nested:
            yield where, component
            yield from components(component, where)


def _fields(tree: Any) -> list[tuple["dataclasses.Field[Any]", Any]]:
    return [(field, getattr(tree, field.name)) for field in dataclasses.fields(tree)]


def _is_sequence(value: Any) -> bool:
    """Whether a value is a tuple of dataclasses; an empty tuple has no leaves."""
    return isinstance(value, tuple) and bool(value) and all(map(dataclasses.is_dataclass, value))


def _rebuilt(tree: T, values: dict[str, Any]) -> T:
    """A dataclass of the same class with these fields. It skips `__post_init__`, which expects numbers."""
    rebuilt = object.__new__(type(tree))
    for name, value in values.items():
        object.__setattr__(rebuilt, name, value)
    return rebuilt
