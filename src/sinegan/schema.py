"""Typed, frozen settings built from plain mappings, with every problem found at once.

A setting is a field of a frozen dataclass that holds its bounds or choices. `build` turns a nested mapping
(a composed configuration) into such objects. The key `_target_` of a mapping names the class to build, so
a new target or loss needs no registry.
"""

import dataclasses
import difflib
import importlib
import inspect
import math
import sys
import types
import typing
from collections.abc import Iterable, Mapping
from dataclasses import MISSING, dataclass, field
from typing import Any

MOST = 10**12
"""The largest whole number in a field that has no upper bound of its own."""


@dataclass(frozen=True)
class Allowed:
    """The values that a field takes: an open or closed range, or a list of choices.

    fewest: the smallest number of entries, in a field that takes a list.
    """

    above: float | None = None
    at_least: float | None = None
    below: float | None = None
    at_most: float | None = None
    choices: tuple[str, ...] = ()
    fewest: int = 0

    def words(self) -> str:
        """The restriction in words, e.g. `above 0 and at most 1`; empty if there is none."""
        if self.choices:
            return "one of " + ", ".join(self.choices)
        limits = {
            "above": self.above,
            "at least": self.at_least,
            "below": self.below,
            "at most": self.at_most,
        }
        return " and ".join(f"{word} {_plain(limit)}" for word, limit in limits.items() if limit is not None)

    def takes(self, value: Any) -> bool:
        """Whether a value of the right type is within the range or among the choices."""
        if self.choices:
            return value in self.choices
        return (
            (self.above is None or value > self.above)
            and (self.at_least is None or value >= self.at_least)
            and (self.below is None or value < self.below)
            and (self.at_most is None or value <= self.at_most)
        )


def _plain(limit: float) -> str:
    return str(int(limit)) if float(limit).is_integer() else f"{limit:g}"


def bounded(
    default: Any = MISSING,
    *,
    above: float | None = None,
    at_least: float | None = None,
    below: float | None = None,
    at_most: float | None = None,
    fewest: int = 0,
) -> Any:
    """A field that takes a number within bounds, or a tuple of at least `fewest` such numbers."""
    allowed = Allowed(above, at_least, below, at_most, fewest=fewest)
    return field(default=default, metadata={"allowed": allowed})


def choice(default: str, *others: str) -> Any:
    """A field that takes one of several words; the first is the default."""
    return field(default=default, metadata={"allowed": Allowed(choices=(default, *others))})


def float_fields(component: Any) -> list[str]:
    """The names of the fields of a dataclass that are annotated `float`."""
    return [f.name for f in dataclasses.fields(component) if f.type in (float, "float")]


def allowed_values(component: Any, name: str) -> Allowed:
    """The values that a field of a dataclass takes."""
    metadata = component.__dataclass_fields__[name].metadata
    allowed: Allowed = metadata.get("allowed", Allowed())
    return allowed


def nearest(word: str, known: Iterable[str]) -> str:
    """`; did you mean …?` for the nearest known word, or nothing when none is near."""
    matches = difflib.get_close_matches(word, list(known), n=1, cutoff=0.5)
    return f"; did you mean {matches[0]}?" if matches else ""


def build(expected: type, values: Any, key: str = "") -> tuple[Any, list[str]]:
    """Builds a dataclass from a mapping.

    Arguments:
        expected: the class, or the base of the class that `_target_` names.
        values: the mapping of field names to plain values.
        key: the dotted path of the mapping, for messages.

    Returns:
        The object, or None if there is a problem, and the problems: a line each with the key, the value and
        the values that are allowed.
    """
    if not isinstance(values, Mapping):
        return None, [f"{key} = {short_text(values)}: must be a group of settings"]
    cls, problems = _chosen_class(expected, values, key)
    if cls is None:
        return None, problems
    hints = typing.get_type_hints(cls)
    fields = {f.name: f for f in dataclasses.fields(cls) if f.init}
    arguments: dict[str, Any] = {}
    for name, value in values.items():
        path = f"{key}.{name}" if key else str(name)
        if name == "_target_":
            continue
        if name not in fields:
            hint = nearest(str(name), fields) or f"; known: {', '.join(fields)}"
            problems.append(f"{path} = {short_text(value)}: no such key{hint}")
            continue
        if value is None and fields[name].default is None:
            continue  # null leaves the value to the class
        arguments[name], of_field = _convert(hints[name], value, path, allowed_values(cls, name))
        problems += of_field
    for name, f in fields.items():
        if name not in values and f.default is MISSING and f.default_factory is MISSING:
            path = f"{key}.{name}" if key else name
            problems.append(
                f"{path}: missing; set it to {_description(hints[name], allowed_values(cls, name))}"
            )
    if problems:
        return None, problems
    built = cls(**arguments)
    conflicts: Iterable[str] = getattr(built, "conflicts", tuple)()
    problems += [f"{key}.{line}" if key else line for line in conflicts]
    return (None if problems else built), problems


def _chosen_class(expected: type, values: Mapping[str, Any], key: str) -> tuple[Any, list[str]]:
    """The class that `_target_` names, or `expected` where it is missing; and the problems."""
    path = values.get("_target_")
    if path is None:
        if inspect.isabstract(expected):
            return None, [f"{key}._target_: missing; set it to the dotted path of a {expected.__name__}"]
        return expected, []
    module, _, name = str(path).rpartition(".")
    try:
        cls = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError, ValueError, TypeError) as error:
        return None, [f"{key}._target_ = {path}: cannot be imported ({error})"]
    if not (isinstance(cls, type) and issubclass(cls, expected) and dataclasses.is_dataclass(cls)):
        return None, [f"{key}._target_ = {path}: must be a dataclass derived from {expected.__name__}"]
    if inspect.isabstract(cls):
        return None, [f"{key}._target_ = {path}: is abstract; name a class that can be built"]
    return cls, []


def _convert(hint: Any, value: Any, path: str, allowed: Allowed) -> tuple[Any, list[str]]:
    """Converts one value to the type of its field and checks it.

    Arguments:
        hint: the type annotation of the field.
        value: a plain value.
        path: the dotted path of the field, for messages.
        allowed: the values that the field takes.

    Returns:
        The converted value, or None if there is a problem, and the problems.
    """
    if dataclasses.is_dataclass(hint):
        return build(typing.cast(type, hint), value, path)
    origin, parts = typing.get_origin(hint), typing.get_args(hint)
    if origin is tuple and dataclasses.is_dataclass(parts[0]):
        return _build_several(typing.cast(type, parts[0]), value, path)
    if origin in (types.UnionType, typing.Union):
        return _convert_union(parts, value, path, allowed)
    if origin is tuple:
        return _convert_list(hint, value, path, allowed)
    return _convert_scalar(hint, value, path, allowed)


def _convert_union(kinds: tuple[Any, ...], value: Any, path: str, allowed: Allowed) -> tuple[Any, list[str]]:
    """The same for a field that takes one of several types; None stands for a null."""
    if value is None:
        return None, []
    kinds = tuple(kind for kind in kinds if kind is not type(None))
    if len(kinds) == 1:
        return _convert(kinds[0], value, path, allowed)
    converted = [_convert(kind, value, path, allowed) for kind in kinds]
    described = " or ".join(_description(kind, allowed) for kind in kinds)
    wrong = f"{path} = {short_text(value)}: must be {described}"
    return next((each for each in converted if not each[1]), (None, [wrong]))


def _convert_list(hint: Any, value: Any, path: str, allowed: Allowed) -> tuple[Any, list[str]]:
    """The same for a field that takes a list."""
    wrong = f"{path} = {short_text(value)}: must be {_description(hint, allowed)}"
    if not isinstance(value, list | tuple):
        return None, [wrong]
    kind = typing.get_args(hint)[0]
    items = [_convert(kind, item, path, allowed) for item in value]
    if any(problems for _, problems in items) or len(value) < allowed.fewest:
        return None, [wrong]
    return tuple(item for item, _ in items), []


def _convert_scalar(kind: Any, value: Any, path: str, allowed: Allowed) -> tuple[Any, list[str]]:
    """The same for a field that takes a number, a word, or true and false."""
    wrong = f"{path} = {short_text(value)}: must be {_description(kind, allowed)}"
    accepted = (int, float) if kind is float else (kind,)
    if not isinstance(value, accepted) or (isinstance(value, bool) and kind is not bool):
        whole = kind is int and isinstance(value, float) and value.is_integer() and abs(value) < MOST
        return None, [f"{wrong}; write {value:.0f}" if whole else wrong]
    if kind is float and not abs(value) <= sys.float_info.max:
        return None, [f"{wrong}, and finite"]
    if kind is int and allowed.at_most is None and abs(value) > MOST:
        return None, [f"{wrong} and at most {MOST}"]
    if not allowed.takes(value):
        return None, [wrong + (nearest(value, allowed.choices) if isinstance(value, str) else "")]
    return (float(value) if kind is float else value), []


def _build_several(expected: type, values: Any, key: str) -> tuple[Any, list[str]]:
    """Builds several dataclasses from a mapping of names to their settings, in the order of the names."""
    if not isinstance(values, Mapping):
        return None, [f"{key} = {short_text(values)}: must be named groups of settings"]
    built = [build(expected, values[name], f"{key}.{name}") for name in sorted_names(values)]
    problems = [line for _, lines in built for line in lines]
    return (None if problems else tuple(each for each, _ in built)), problems


def sorted_names(names: Iterable[str]) -> list[str]:
    """The order in which named groups of settings are built, whatever order they were written in."""
    return sorted(names)


_NAMES = {int: "a whole number", float: "a number", bool: "true or false", str: "text"}


def _description(hint: Any, allowed: Allowed) -> str:
    """The values that a field takes, in words."""
    if allowed.choices:
        return allowed.words()
    if typing.get_origin(hint) is tuple:
        item = _NAMES.get(typing.get_args(hint)[0], "values")
        length = f" of at least {allowed.fewest}" if allowed.fewest else ""
        return f"a list{length}, each {item} {allowed.words()}".rstrip()
    return f"{_NAMES.get(hint, getattr(hint, '__name__', str(hint)))} {allowed.words()}".rstrip()


def short_text(value: Any) -> str:
    """A value as text, cut where it is long."""
    if isinstance(value, int) and abs(value) >= 10**100:  # Python refuses to write out thousands of digits
        return f"about 1e{int(value.bit_length() * math.log10(2))}"
    yaml = {"None": "null", "True": "true", "False": "false"}
    text = value if isinstance(value, str) else yaml.get(str(value), str(value))
    return text if len(text) <= 60 else text[:57] + "..."
