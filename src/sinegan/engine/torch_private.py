"""The private names of PyTorch that this package relies on, each with the reason.

Any release of PyTorch may drop a private name, so nothing else in the package may use one:
`tests/engine/test_torch_private.py` checks that, and names those that a new release has dropped.
"""

from importlib import import_module
from typing import Any

from torch.utils import _pytree

pytree = _pytree
"""Flattens nested arguments. `vmap` and `torch.export` nest by this module; it has no public twin."""

REASONS = {
    "torch.utils._pytree": "see `pytree`",
    # Recording a function, for a native program.
    "torch.utils._python_dispatch.TorchDispatchMode": (
        "sees each operation, as documented; make_fx and torch.export would import the compiler: seconds"
    ),
    "torch._dynamo": (
        "what the first gradient of torch.func loads, in a second; the fork server loads it earlier"
    ),
    # Loading a packaged program.
    "torch._C._aoti.AOTIModelPackageLoader": (
        "runs a packaged program; torch._inductor.aoti_load_package would import the compiler: seconds"
    ),
    # Compiling a packaged program.
    "torch._inductor.runtime.cache_dir_utils.temporary_cache_dir": (
        "keeps the compiler's files out of the shared folder in /tmp, and forgets those of the program before"
    ),
    "torch._inductor.aoti_compile_and_package": "the documented way into AOTInductor",
}
"""For each private name why it is used."""


def private(name: str) -> Any:
    """The object behind one of the names in REASONS, imported when it is first needed.

    Raises KeyError for a name that is not listed; ImportError or AttributeError when PyTorch has dropped it.
    """
    if name not in REASONS:
        raise KeyError(f"{name} is not listed in REASONS")
    parts = name.split(".")
    value: Any = import_module(parts[0])
    for place, part in enumerate(parts[1:], 2):
        if not hasattr(value, part):
            import_module(".".join(parts[:place]))
        value = getattr(value, part)
    return value
