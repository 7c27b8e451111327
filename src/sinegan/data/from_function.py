"""The target that learns a curve from the user's own Python function."""

import importlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from sinegan.data.table import UnusableError
from sinegan.game.targets import Array, Curve


@dataclass(frozen=True, kw_only=True)
class FromFunction(Curve):
    """function(x) for an array x of shape (points,), e.g. numpy.sinc or my_module.my_curve."""

    function: str

    def curve(self, x: Array) -> Array:
        try:
            with np.errstate(all="ignore"):  # values that are not finite are reported below
                values = np.asarray(_imported(self.function)(x), float)
        except UnusableError:
            raise
        except Exception as error:
            raise UnusableError(f"raised {type(error).__name__} ({error})") from error
        if values.shape != x.shape:
            raise UnusableError(f"gave the shape {values.shape} for x of shape {x.shape}; must be the same")
        if not np.isfinite(values).all():
            raise UnusableError(f"is not finite at x = {x[~np.isfinite(values)][0]:g}")
        return values

    def conflicts(self) -> Iterator[str]:
        yield from super().conflicts()
        try:
            self.curve(self.grid())
        except UnusableError as error:
            yield f"function = {self.function}: {error}"


def _imported(path: str) -> Callable[[Array], Any]:
    module, _, name = path.rpartition(".")
    try:
        function = getattr(importlib.import_module(module), name)
    except Exception as error:  # importing a user's module may raise anything
        raise UnusableError(f"cannot be imported ({error}); give module.function") from error
    if not callable(function):
        raise UnusableError(f"is no function but {type(function).__name__}")
    checked: Callable[[Array], Any] = function
    return checked
