"""Train whole sweeps of small GANs stacked, and compare them honestly."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sinegan.report.compare import compare
    from sinegan.report.load import load_sweep
    from sinegan.report.sweep import Sweep

__all__ = ["Sweep", "compare", "load_sweep"]

_HOMES = {"Sweep": "sweep", "load_sweep": "load", "compare": "compare"}


def __getattr__(name: str) -> Any:
    # Imported late: pandas takes longer to load than `--help` or a tab completion should.
    if name in _HOMES:
        return getattr(import_module(f"sinegan.report.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
