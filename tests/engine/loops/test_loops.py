"""Loops compute what PyTorch computes, in random functions and where writes depend on each other."""

from typing import Any

import pytest
import torch
from random_functions import Function, arguments, random_function
from torch import Tensor

from sinegan.engine.programs import CompiledFunction

pytestmark = pytest.mark.usefixtures("cache")


def assert_computed(functions: list[Function], tensors: list[list[Tensor]]) -> None:
    """Compiles functions as one program and compares what they leave in their arguments."""

    def together(lanes: list[list[Tensor]]) -> list[Tensor]:
        for function, each in zip(functions, lanes, strict=True):
            function([tensor[0] for tensor in each])
        return []

    lanes = [[tensor.clone()[None] for tensor in each] for each in tensors]
    program = CompiledFunction(together, "together", [])
    program(lanes)
    assert program.engine == "native"
    for number, (function, found, expected) in enumerate(zip(functions, lanes, tensors, strict=True)):
        function(expected)
        for place, (one, other) in enumerate(zip(found, expected, strict=True)):
            torch.testing.assert_close(one[0], other, msg=lambda text, at=(number, place): f"{at}: {text}")


def test_functions_of_random_operations_are_computed() -> None:
    seeds = range(40)
    assert_computed([random_function(seed) for seed in seeds], [arguments(seed) for seed in seeds])


def swapped(tensors: list[Tensor]) -> None:
    x, y = tensors[:2]
    old = x + 0.0
    x.copy_(y)
    y.copy_(old)


def rotated(tensors: list[Tensor]) -> None:
    x, y = tensors[:2]
    new = [y * 2, x + 1]
    x.copy_(new[0])
    y.copy_(new[1])


def turned(tensors: list[Tensor]) -> None:
    square = tensors[0]
    square.copy_(square.T * 2)


def summed_over_all_that_is_replaced(tensors: list[Tensor]) -> None:
    x, y = tensors[:2]
    total = x.sum(0, keepdim=True)
    x.copy_(x + total)
    y.copy_(y * total)


def written_twice(tensors: list[Tensor]) -> None:
    x, y = tensors[:2]
    x.add_(1)
    y.copy_(x * 3)
    x.mul_(y).zero_().sub_(2)


def replaced_by_one_value(tensors: list[Tensor]) -> None:
    x, y = tensors[:2]
    value = x - y
    x.copy_(value)
    y.copy_(value)


def multiplied_by_itself_in_place(tensors: list[Tensor]) -> None:
    x, y = tensors[:2]
    x.copy_(torch.mm(x, y))
    y.copy_(torch.mm(y, y))


def test_not_a_numbers_are_the_last_in_order_as_in_pytorch() -> None:
    nan, inf = float("nan"), float("inf")

    def ordered(x: Tensor) -> list[Tensor]:
        return [x.sort(dim=1).values, *[x.kthvalue(rank, dim=1).values for rank in (1, 2, 4)]]

    x = torch.tensor([[3.0, nan, -inf, 1.0], [nan, nan, inf, nan], [nan, 2.0, 2.0, -1.0]])
    program = CompiledFunction(ordered, "ordered", [])
    found = program(x)
    assert program.engine == "native"
    by_hand = [[-inf, 1, 3, nan], [inf, nan, nan, nan], [-1, 2, 2, nan]]
    columns = [[line[place] for line in by_hand] for place in (0, 1, 3)]
    for one, other in zip(found, [by_hand, *columns], strict=True):
        torch.testing.assert_close(one, torch.tensor(other), equal_nan=True, rtol=0, atol=0)


WRITES: dict[str, tuple[Function, Any]] = {
    # with x = [[1, 2], [3, 4]] and y = [[5, 6], [7, 8]]; the results by hand
    "swapped": (swapped, [[[5, 6], [7, 8]], [[1, 2], [3, 4]]]),
    "rotated": (rotated, [[[10, 12], [14, 16]], [[2, 3], [4, 5]]]),
    "turned": (turned, [[[2, 6], [4, 8]], [[5, 6], [7, 8]]]),
    "summed": (summed_over_all_that_is_replaced, [[[5, 8], [7, 10]], [[20, 36], [28, 48]]]),
    "written twice": (written_twice, [[[-2, -2], [-2, -2]], [[6, 9], [12, 15]]]),
    "one value": (replaced_by_one_value, [[[-4, -4], [-4, -4]], [[-4, -4], [-4, -4]]]),
    "products": (multiplied_by_itself_in_place, [[[19, 22], [43, 50]], [[67, 78], [91, 106]]]),
}


def test_writes_into_arguments_that_are_still_read_come_last() -> None:
    start = [[[1.0, 2.0], [3.0, 4.0]], [[5.0, 6.0], [7.0, 8.0]]]
    functions = [function for function, _ in WRITES.values()]

    def together(lanes: list[list[Tensor]]) -> list[Tensor]:
        for function, each in zip(functions, lanes, strict=True):
            function([tensor[0] for tensor in each])
        return []

    lanes = [[torch.tensor([each]) for each in start] for _ in functions]
    program = CompiledFunction(together, "together", [])
    program(lanes)
    assert program.engine == "native"
    found = {name: [each[0].tolist() for each in lane] for name, lane in zip(WRITES, lanes, strict=True)}
    assert found == {name: expected for name, (_, expected) in WRITES.items()}
