"""The functions of arithmetic.h are as exact as they say, and know infinities and not-a-numbers."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from sinegan.engine.programs import CompiledFunction

pytestmark = pytest.mark.usefixtures("cache")

FUNCTIONS: dict[str, tuple[Callable[[Tensor], Tensor], float, float, float]] = {
    # the function, an interval, and its largest error in units in the last place
    "erf": (torch.erf, -6, 6, 8),
    "exp": (torch.exp, -87, 88.7, 3),
    "log": (torch.log, 1e-30, 1e30, 3),
    "log of small numbers": (torch.log, 1e-3, 4, 3),
    "log1p": (torch.log1p, -0.999, 100, 5),
    "sigmoid": (torch.sigmoid, -87, 87, 4),
    "tanh": (torch.tanh, -12, 12, 4),
}
SPECIAL = [float("nan"), float("inf"), -float("inf"), 0.0, 200.0, -200.0, 1e-40, -1e-10, 1e-10]


def points(low: float, high: float) -> Tensor:
    line = torch.linspace(low, high, 100_001, dtype=torch.float64)
    return line.to(torch.float32) if low < 0 or high < 100 else torch.logspace(-30, 30, 100_001)


def test_functions_of_single_precision_are_exact_to_a_few_units_in_the_last_place() -> None:
    values = [points(low, high)[None] for _, low, high, _ in FUNCTIONS.values()]

    def all_functions(values: list[Tensor]) -> list[Tensor]:
        return [function(x) for (function, *_), x in zip(FUNCTIONS.values(), values, strict=True)]

    program = CompiledFunction(all_functions, "functions", [])
    found = program(values)
    assert program.engine == "native"
    for (name, (function, *_, most)), x, y in zip(FUNCTIONS.items(), values, found, strict=True):
        exact = function(x.double())
        unit = 2.0 ** (exact.abs().clamp_min(2.0**-126).log2().floor() - 23)
        error = ((y.double() - exact).abs() / unit).max().item()
        assert error <= most, f"{name}: {error}"


def test_functions_of_special_numbers_are_pytorchs() -> None:
    functions = {name: function for name, (function, *_) in FUNCTIONS.items()}

    def all_functions(x: Tensor) -> list[Tensor]:
        return [function(x) for function in functions.values()]

    # As many as fill vectors, and a rest.
    x = torch.tensor([SPECIAL * 3])
    for name, one, other in zip(
        functions, CompiledFunction(all_functions, "special", [])(x), all_functions(x), strict=True
    ):
        torch.testing.assert_close(
            one, other, rtol=1e-6, atol=1e-43, equal_nan=True, msg=lambda text, name=name: f"{name}: {text}"
        )
