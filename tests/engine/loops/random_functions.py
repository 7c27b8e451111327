"""Functions of random operations on small tensors, which write into their arguments."""

import random
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

SHAPES = [(4, 6), (4, 6), (6, 4), (6,), (4, 1), ()]
"""The shapes of the arguments of a function. It writes into the first four."""

Function = Callable[[list[Tensor]], None]


def arguments(seed: int) -> list[Tensor]:
    made = torch.Generator().manual_seed(seed)
    return [torch.rand(shape, generator=made) + 0.25 for shape in SHAPES]


def random_function(seed: int, operations: int = 12) -> Function:
    """A function that is the same at each call."""

    def function(tensors: list[Tensor]) -> None:
        chosen = random.Random(seed)
        values = list(tensors)
        for _ in range(operations):
            values.append(chosen.choice(OPERATIONS)(chosen, values))
        written = tensors[:4]
        new = [fitted(chosen.choice(values), place) * 1.5 for place in written]
        for place, value in zip(written, new, strict=True):
            place.copy_(value)

    return function


def fitted(value: Tensor, like: Tensor) -> Tensor:
    """A value with the shape of another tensor: itself, its mean, its transpose, or a sum of it."""
    candidates = [value, value.mean(), *([value.T] if value.ndim == 2 else [])]
    candidates += [value.sum(axis) for axis in range(value.ndim)]
    fitting = [each for each in candidates if _is_broadcast_to(each.shape, like.shape)]
    return fitting[0].expand(like.shape)


def _is_broadcast_to(shape: Sequence[int], wanted: Sequence[int]) -> bool:
    pairs = zip(reversed(shape), reversed(wanted), strict=False)
    return len(shape) <= len(wanted) and all(one in (1, other) for one, other in pairs)


def _two(chosen: random.Random, values: list[Tensor]) -> tuple[Tensor, Tensor]:
    one, other = chosen.choice(values), chosen.choice(values)
    return one, fitted(other, one)


def _unary(chosen: random.Random, values: list[Tensor]) -> Tensor:
    functions = [torch.tanh, torch.sigmoid, torch.neg, torch.relu, lambda x: x * 0.5, lambda x: 1 - x]
    return chosen.choice(functions)(chosen.choice(values))


def _binary(chosen: random.Random, values: list[Tensor]) -> Tensor:
    functions = [torch.add, torch.sub, torch.mul, torch.maximum]
    return torch.tanh(chosen.choice(functions)(*_two(chosen, values)))


def _where(chosen: random.Random, values: list[Tensor]) -> Tensor:
    one, other = _two(chosen, values)
    return torch.where(one > other, other, one)


def _reduced(chosen: random.Random, values: list[Tensor]) -> Tensor:
    value = chosen.choice([value for value in values if value.ndim])
    axis = chosen.randrange(value.ndim)
    functions = [lambda x: x.sum(axis), lambda x: x.mean(axis, keepdim=True), lambda x: x.amax(axis)]
    return chosen.choice([*functions, lambda x: x.sum().tanh(), lambda x: x.mean()])(value)


def _product(chosen: random.Random, values: list[Tensor]) -> Tensor:
    matrices = [value for value in values if value.ndim == 2]
    one = chosen.choice(matrices)
    others = [value for value in matrices if value.shape[0] == one.shape[1]] or [one.T]
    return torch.mm(one, chosen.choice(others)) * 0.1


def _viewed(chosen: random.Random, values: list[Tensor]) -> Tensor:
    value = chosen.choice([value for value in values if value.ndim])
    views = [
        lambda x: x.movedim(0, -1),
        lambda x: x.flatten(),
        lambda x: x[1:],
        lambda x: x[..., :1],
        lambda x: x[::2],
    ]
    view = chosen.choice(views)(value) if value.shape[0] > 1 else value.flatten()
    return view.expand(3, *view.shape[1:]) if view.ndim and view.shape[0] == 1 else view


def _assembled(chosen: random.Random, values: list[Tensor]) -> Tensor:
    value = chosen.choice([value for value in values if value.ndim])
    return torch.cat([value[1:], value[:1] * 2])


def _ordered(chosen: random.Random, values: list[Tensor]) -> Tensor:
    value = chosen.choice([value for value in values if value.ndim])
    return value.sort(dim=chosen.randrange(value.ndim)).values


OPERATIONS = [_unary, _unary, _binary, _binary, _where, _reduced, _product, _viewed, _assembled, _ordered]
