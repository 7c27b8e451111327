"""Private names of Hydra are listed in one place, and each of them still exists."""

import ast
import re
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import pytest

import sinegan

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
