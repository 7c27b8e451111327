"""Private names of Hydra are listed in one place, and each of them still exists."""

import ast
import re
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import pytest
from hydra.plugins import completion_plugin
from omegaconf import DictConfig, ListConfig, OmegaConf

import sinegan
from hydra_plugins._hydra_private import FLAGS_CACHE, PARENT

ROOT = Path(*sinegan.__path__).parent
LIST = ROOT / "hydra_plugins" / "_hydra_private.py"
PRIVATE = re.compile(r"(hydra|omegaconf)\.(\w+\.)*_[a-zA-Z]")


def imports(path: Path) -> list[tuple[str, str]]:
    """The modules that a file imports, each with what is taken from it."""
    nodes = list(ast.walk(ast.parse(path.read_text())))
    whole = [(alias.name, "") for node in nodes if isinstance(node, ast.Import) for alias in node.names]
    return whole + [
        (str(node.module), alias.name)
        for node in nodes
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    ]


@pytest.mark.parametrize(("module", "name"), imports(LIST))
def test_each_private_name_of_hydra_exists(module: str, name: str) -> None:
    assert find_spec(module), f"this Hydra has no module {module}, from which {name} is taken"
    assert hasattr(import_module(module), name), f"this Hydra has no {module}.{name}"


def test_no_other_module_imports_a_private_name_of_hydra() -> None:
    used = {
        f"{path.name}: {module}.{name}"
        for top in ("sinegan", "hydra_plugins")
        for path in (ROOT / top).rglob("*.py")
        if path != LIST
        for module, name in imports(path)
        if PRIVATE.match(f"{module}.{name}")
    }
    assert used == set()


def test_each_private_attribute_of_hydra_exists() -> None:
    # Hydra scans this folder, and would take a class that is imported here for a plugin.
    assert hasattr(completion_plugin.DefaultCompletionPlugin, "_query")
    config = OmegaConf.create({"a": [1]})
    assert isinstance(config, DictConfig)
    assert isinstance(config.a, ListConfig)
    for node in (config, config.a):
        assert {PARENT, FLAGS_CACHE} <= vars(node).keys()


PUBLIC = {"_asdict", "_exit", "_replace"}
"""Documented names of Python's library that begin with an underscore."""


def foreign_private_names(source: str) -> set[str]:
    """The private attributes that a module uses, as `x._y` or as a keyword, and does not define itself."""
    nodes = list(ast.walk(ast.parse(source)))
    used = {node.attr for node in nodes if isinstance(node, ast.Attribute)}
    used |= {str(node.arg) for node in nodes if isinstance(node, ast.keyword)}
    own = {node.name for node in nodes if isinstance(node, ast.FunctionDef | ast.ClassDef)}
    own |= {
        node.attr for node in nodes if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store)
    }
    own |= {node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    return {name for name in used if re.match("_[a-z]", name)} - own - PUBLIC


COLUMNS = {"_order"}
"""Columns of a DataFrame, which `assign` takes as keywords."""


def test_no_other_module_uses_a_private_attribute_of_an_object_from_elsewhere() -> None:
    used = {
        f"{path.name}: {name}"
        for top in ("sinegan", "hydra_plugins")
        for path in (ROOT / top).rglob("*.py")
        if path.name not in (LIST.name, "torch_private.py")
        for name in foreign_private_names(path.read_text()) - COLUMNS
    }
    assert used == set()


def test_private_attributes_are_found() -> None:
    source = "a._b\nself._c()\nd(_e=1)\nself._f = 1\nself._f\ndef _g(): ...\nself._g()\nh._replace(i=1)"
    assert foreign_private_names(source) == {"_b", "_c", "_e"}
