"""The engine knows no game and no training, and the rest of the package uses few of its names."""

import ast
import sys
from importlib import import_module
from pathlib import Path

import pytest

import sinegan
from sinegan.engine import programs
from sinegan.game.losses import Minimax

PACKAGE = Path(*sinegan.__path__)
DOOR = {
    "sinegan.engine.programs": {"CompiledFunction", "CannotCompileError", "load_all", "preload"},
    "sinegan.engine.cpp_compiler": {"why_no_compiler"},
    "sinegan.engine.kernels": {"use_uniform_kernels", "environment"},
    "sinegan.engine.program_cache": {"remove_abandoned_scratch_folders"},
    "sinegan.engine.torch_private": {"pytree"},
}


def imports(path: Path) -> set[tuple[str, str]]:
    nodes = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.ImportFrom)]
    return {(str(node.module), alias.name) for node in nodes for alias in node.names}


def test_the_engine_imports_nothing_of_other_rooms_but_files() -> None:
    used = set().union(*map(imports, (PACKAGE / "engine").rglob("*.py")))
    rooms = {module for module, _ in used if module.startswith("sinegan")}
    others = {module for module in rooms if not module.startswith("sinegan.engine")}
    assert others == {"sinegan.storage.files", "sinegan.storage.systems"}


def test_other_rooms_use_only_the_names_of_the_door() -> None:
    for path in PACKAGE.rglob("*.py"):
        if PACKAGE / "engine" not in path.parents:
            for module, name in imports(path):
                if module.startswith("sinegan.engine"):
                    assert name in DOOR.get(module, set()), f"{path}: {module}.{name}"


def test_a_program_depends_on_every_file_of_the_packages_that_its_caller_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "formulas_of_a_test"
    (package / "deep").mkdir(parents=True)
    for file in ("__init__.py", "loss.py", "deep/kernel.cpp"):
        (package / file).write_text("")
    monkeypatch.syspath_prepend(tmp_path)
    module = import_module(package.name)
    seen = {programs._descriptions([module])[0]}
    for file in ("loss.py", "deep/kernel.cpp"):
        (package / file).write_text("changed")
        programs._package_checksum.cache_clear()
        seen.add(programs._descriptions([module])[0])
    assert len(seen) == 3
    del sys.modules[package.name]


def test_the_source_of_a_class_counts_unless_its_package_does() -> None:
    alone, _, within = programs._descriptions([Minimax()])[0], *programs._descriptions([sinegan, Minimax()])
    assert alone.startswith(within)
    assert "class Minimax" in alone
    assert "class Minimax" not in within


def test_the_programs_of_a_stack_depend_on_games_and_training() -> None:
    source = Path(PACKAGE / "training" / "program.py").read_text()
    assert "formulas = (sinegan.game, sinegan.training)" in source
    assert source.count("(*formulas, *parts)") == source.count("CompiledFunction(")
