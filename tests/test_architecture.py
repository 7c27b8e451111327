"""The map in CONTRIBUTING is the contract of imports, and the code keeps it."""

import ast
import re
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCES = ROOT / "src"
PLUGINS = "hydra_plugins"


def module_name(path: Path) -> str:
    parts = path.relative_to(SOURCES).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_name(path): ast.parse(path.read_text()) for path in sorted(SOURCES.rglob("*.py"))}


def imported_names(tree: ast.Module) -> Iterator[str]:
    """Every module that a file imports, at its top or inside a function."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


PACKAGES = {module_name(path) for path in SOURCES.rglob("__init__.py")}
IMPORTS = {
    name: {each for each in imported_names(tree) if each in MODULES and each not in (name, *PACKAGES)}
    for name, tree in MODULES.items()
}


TEXT = (ROOT / "CONTRIBUTING.md").read_text()
ROWS = re.findall(r"^\| (`[^|]*`) \|[^|]*\| ([^|]*) \|$", TEXT, re.MULTILINE)
NAME = re.compile(r"`([\w.]+)`")

ROOMS = {NAME.findall(names)[0]: set(NAME.findall(allowed)) for names, allowed in ROWS}
"""The rooms of the map with the rooms that each may import, from the ground up.

A room of several modules is called by the first of them.
"""
PLACES = {name: NAME.findall(names)[0] for names, _ in ROWS for name in NAME.findall(names)}


def room_of(module: str) -> str:
    """The innermost room of the map that holds a module; empty when none does."""
    short = module.removeprefix("sinegan.")
    matching = [name for name in PLACES if short == name or short.startswith(f"{name}.")]
    return PLACES[max(matching, key=len)] if matching else ""


def test_every_module_lies_in_a_room_of_the_map() -> None:
    assert len(ROOMS) > 10
    homeless = [name for name in MODULES if name not in ("sinegan", PLUGINS) and not room_of(name)]
    assert homeless == []


def test_a_room_may_import_only_rooms_that_stand_before_it() -> None:
    order = list(ROOMS)
    for room, allowed in ROOMS.items():
        assert allowed <= set(order[: order.index(room)]), room


def test_rooms_import_what_the_map_allows_and_no_more() -> None:
    arrows: dict[str, set[str]] = {room: set() for room in ROOMS}
    for module, imported in IMPORTS.items():
        if module != "sinegan":  # the public names, fetched when they are asked for
            arrows[room_of(module)] |= {room_of(each) for each in imported}
    assert {room: to - {room} for room, to in arrows.items()} == ROOMS


def test_no_files_import_each_other_in_a_circle() -> None:
    TopologicalSorter(IMPORTS).prepare()  # raises CycleError, which names the circle


def outside(module: str) -> set[str]:
    """The libraries that a module imports."""
    return {name.split(".")[0] for name in imported_names(MODULES[module])}


def modules_of(*parts: str) -> list[str]:
    return [name for name in MODULES if name.removeprefix("sinegan.").startswith(parts)]


def test_hydra_is_imported_by_the_application_and_the_plugins_alone() -> None:
    importing = {name for name in MODULES if {"hydra", "omegaconf"} & outside(name)}
    assert importing <= {*modules_of("app", PLUGINS)}


@pytest.mark.parametrize("room", ["report", "theory", "storage", PLUGINS])
def test_a_room_that_needs_no_torch_does_not_import_it(room: str) -> None:
    assert [name for name in modules_of(room) if "torch" in outside(name)] == []


def test_the_rules_of_a_game_open_no_file() -> None:
    for name in modules_of("game"):
        assert not {"os", "io", "pathlib", "shutil", "tempfile"} & outside(name), name
        called = {node.func.id for node in ast.walk(MODULES[name]) if _calls_a_name(node)}
        assert "open" not in called, name


def _calls_a_name(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
