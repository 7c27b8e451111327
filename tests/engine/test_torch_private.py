"""Private names of PyTorch are listed in one place, and each of them still exists."""

import ast
import re
from pathlib import Path

import pytest

import sinegan
from sinegan.engine.torch_private import REASONS, private

SOURCES = [
    path
    for top in ("sinegan", "hydra_plugins")
    for path in Path(*sinegan.__path__).parent.glob(f"{top}/**/*.py")
]
IS_PRIVATE = re.compile(r"torch\.(\w+\.)*_[a-zA-Z]\w*")


@pytest.mark.parametrize("name", REASONS)
def test_each_private_name_of_pytorch_exists(name: str) -> None:
    try:
        private(name)
    except (ImportError, AttributeError) as error:
        pytest.fail(f"this PyTorch has no {name} ({error}); {REASONS[name]}")


def test_a_private_name_that_is_not_listed_is_refused() -> None:
    with pytest.raises(KeyError, match="is not listed"):
        private("torch._inductor.config")


def names_in(source: str) -> set[str]:
    """The dotted names of a module that begin with `torch`, whether imported or looked up."""
    names = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Attribute):
            names.add(ast.unparse(node))
    return {name for name in names if name.startswith("torch.")}


def test_no_other_module_uses_a_private_name_of_pytorch() -> None:
    used = {
        f"{path.name}: {name}"
        for path in SOURCES
        if path.name != "torch_private.py"
        for name in names_in(path.read_text())
        if IS_PRIVATE.match(name)
    }
    assert used == set()


def test_private_names_are_found_in_every_form_of_import_and_attribute() -> None:
    source = "import torch._a\nfrom torch._b import c\nfrom torch.d import _e\ntorch._f.g(1)\n"
    assert {"torch._a", "torch._b.c", "torch.d._e", "torch._f"} <= names_in(source)
    assert not IS_PRIVATE.match("torch.__version__")
