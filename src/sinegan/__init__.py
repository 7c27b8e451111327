"""Train whole sweeps of small GANs stacked, and compare them honestly."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sinegan.report.tables import Sweep, load_sweep

__all__ = ["Sweep", "load_sweep"]


def __getattr__(name: str) -> Any:
    # Imported late: pandas takes longer to load than `--help` or a tab completion should.
    if name in __all__:
        from sinegan.report import tables

        return getattr(tables, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
