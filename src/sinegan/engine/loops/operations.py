"""The operations that loops compute, by PyTorch's names, as C++ expressions.

A not-a-number goes through all of them, as it does in PyTorch.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

FLOATS = ("float", "double")


class Operation(NamedTuple):
    """write: from the C++ type of the operands and their expressions. cost: roughly in additions."""

    write: Callable[..., str]
    cost: int = 1


def literal(value: float, kind: str) -> str:
    """A number in C++. kind: its type."""
    if kind not in FLOATS:
        return f"{kind}({int(value)})"
    value = float(value)
    if math.isinf(value):
        return f"{kind}({'-' if value < 0 else ''}__builtin_inf())"
    return f'{kind}(__builtin_nan(""))' if math.isnan(value) else f"{kind}({value!r})"


def _power(kind: str, x: str, y: str) -> str:
    known = {
        0.5: f"std::sqrt({x})",
        1.0: x,
        2.0: f"{x} * {x}",
        3.0: f"{x} * {x} * {x}",
        -1.0: f"1 / {x}",
        -0.5: f"1 / std::sqrt({x})",
    }
    exact = {literal(exponent, kind): text for exponent, text in known.items()}
    return exact.get(y, f"std::pow({x}, {y})")


def _normal_distribution(kind: str, x: str) -> str:
    return f"{kind}(0.5) * (1 + loops::erf({x} * {literal(math.sqrt(0.5), kind)}))"


def _called(name: str, cost: int = 10) -> Operation:
    """A function of one number. name: with its namespace, `std` or `loops`."""
    return Operation(lambda _, x: f"{name}({x})", cost)


POINTWISE = {
    "abs": Operation(lambda _, x: f"std::abs({x})"),
    "add": Operation(lambda _, x, y: f"{x} + {y}"),
    "ceil": Operation(lambda _, x: f"std::ceil({x})"),
    "clamp_max": Operation(lambda _, x, y: f"{x} > {y} ? {y} : {x}"),
    "clamp_min": Operation(lambda _, x, y: f"{x} < {y} ? {y} : {x}"),
    "cos": _called("std::cos"),
    "div": Operation(lambda _, x, y: f"{x} / {y}", 4),
    "erf": _called("loops::erf"),
    "exp": _called("loops::exp"),
    "expm1": _called("std::expm1"),
    "floor": Operation(lambda _, x: f"std::floor({x})"),
    "leaky_relu": Operation(lambda _, x, slope="0.01": f"{x} > 0 ? {x} : {x} * {slope}"),
    "leaky_relu_backward": Operation(lambda _, g, x, slope, __: f"{x} > 0 ? {g} : {g} * {slope}"),
    "log": _called("loops::log"),
    "log1p": _called("loops::log1p"),
    "maximum": Operation(lambda _, x, y: f"({x} > {y} || {x} != {x}) ? {x} : {y}"),
    "minimum": Operation(lambda _, x, y: f"({x} < {y} || {x} != {x}) ? {x} : {y}"),
    "mul": Operation(lambda kind, x, y: f"{x} && {y}" if kind == "bool" else f"{x} * {y}"),
    "neg": Operation(lambda _, x: f"-{x}"),
    "pow": Operation(_power, 20),
    "reciprocal": Operation(lambda _, x: f"1 / {x}", 4),
    "relu": Operation(lambda kind, x: f"{x} < 0 ? {kind}(0) : {x}"),
    "round": Operation(lambda _, x: f"std::nearbyint({x})"),
    "rsqrt": Operation(lambda _, x: f"1 / std::sqrt({x})", 8),
    "rsub": Operation(lambda _, x, y: f"{y} - {x}"),
    "sigmoid": _called("loops::sigmoid"),
    "sigmoid_backward": Operation(lambda _, g, y: f"{g} * (1 - {y}) * {y}"),
    "sign": Operation(lambda kind, x: f"{kind}(({x} > 0) - ({x} < 0))"),
    "silu": Operation(lambda _, x: f"{x} * loops::sigmoid({x})", 10),
    "sin": _called("std::sin"),
    "softplus": Operation(
        lambda _, x, beta="1", most="20": (
            f"{x} * {beta} > {most} ? {x} : loops::log1p(loops::exp({x} * {beta})) / {beta}"
        ),
        20,
    ),
    "softplus_backward": Operation(
        lambda _, g, x, beta, most: f"{x} * {beta} > {most} ? {g} : {g} * loops::sigmoid({x} * {beta})", 10
    ),
    "sqrt": Operation(lambda _, x: f"std::sqrt({x})", 4),
    "sub": Operation(lambda _, x, y: f"{x} - {y}"),
    "tanh": _called("loops::tanh"),
    "tanh_backward": Operation(lambda _, g, y: f"{g} * (1 - {y} * {y})"),
    "threshold_backward": Operation(lambda kind, g, x, least: f"{x} <= {least} ? {kind}(0) : {g}"),
}
"""Operations whose operands have the type of the result."""

GELU = {
    "gelu": Operation(lambda kind, x: f"{x} * {_normal_distribution(kind, x)}", 12),
    "gelu_backward": Operation(
        lambda kind, g, x: (
            f"{g} * ({_normal_distribution(kind, x)} + {x} * {literal(1 / math.sqrt(2 * math.pi), kind)} * "
            f"loops::exp({x} * {x} * {kind}(-0.5)))"
        ),
        25,
    ),
}
"""The activation x P(X <= x) for a standard normal X, and its derivative."""

SCALED: dict[str, Callable[..., str]] = {
    "add": lambda x, y, factor: f"{x} + {factor} * {y}",
    "sub": lambda x, y, factor: f"{x} - {factor} * {y}",
    "rsub": lambda x, y, factor: f"{y} - {factor} * {x}",
}
"""The operations with a factor `alpha`."""

COMPARISONS: dict[str, Callable[..., str]] = {
    "bitwise_and": lambda x, y: f"{x} & {y}",
    "bitwise_not": lambda x: f"!{x}",
    "bitwise_or": lambda x, y: f"{x} | {y}",
    "eq": lambda x, y: f"{x} == {y}",
    "ge": lambda x, y: f"{x} >= {y}",
    "gt": lambda x, y: f"{x} > {y}",
    "isnan": lambda x: f"{x} != {x}",
    "le": lambda x, y: f"{x} <= {y}",
    "logical_and": lambda x, y: f"{x} && {y}",
    "logical_not": lambda x: f"!{x}",
    "logical_or": lambda x, y: f"{x} || {y}",
    "lt": lambda x, y: f"{x} < {y}",
    "ne": lambda x, y: f"{x} != {y}",
}
"""Operations whose result is true or false, on operands of one type."""

REDUCTIONS = {
    # how to begin, and to add one
    "all": ("true", "{0} && {1}"),
    "amax": ("-__builtin_inf()", "({1} > {0} || {1} != {1}) ? {1} : {0}"),
    "amin": ("__builtin_inf()", "({1} < {0} || {1} != {1}) ? {1} : {0}"),
    "any": ("false", "{0} || {1}"),
    "prod": ("1", "{0} * {1}"),
    "sum": ("0", "{0} + {1}"),
}

COPIES = frozenset(["_to_copy", "clone", "copy", "lift_fresh_copy"])

CREATED: dict[str, Callable[..., float]] = {
    "empty": lambda *_: 0,
    "empty_like": lambda *_: 0,
    "empty_permuted": lambda *_: 0,
    "full": lambda _, value: value,
    "full_like": lambda _, value: value,
    "new_empty": lambda *_: 0,
    "new_full": lambda _, __, value: value,
    "new_ones": lambda *_: 1,
    "new_zeros": lambda *_: 0,
    "ones": lambda *_: 1,
    "ones_like": lambda *_: 1,
    "scalar_tensor": lambda value: value,
    "zeros": lambda *_: 0,
    "zeros_like": lambda *_: 0,
}
"""Operations that fill a new tensor with one number, which they find among their arguments."""

_VIEWS = """
_unsafe_view alias as_strided detach diagonal expand permute select slice split split_with_sizes squeeze t
transpose unbind unfold unsqueeze view
"""
VIEWS = frozenset(_VIEWS.split())
