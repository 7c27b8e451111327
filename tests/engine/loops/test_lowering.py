"""A function that loops would compute wrongly is refused, with the operation that they do not know."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from sinegan.engine.loops.building import UnsupportedError
from sinegan.engine.loops.lowering import Lowering
from sinegan.engine.loops.recording import record


def reads_a_view_of_the_old_value(x: Tensor, y: Tensor) -> None:
    old = x.T
    x.add_(1)
    y.copy_(old)


def reads_a_tensor_that_a_view_replaced(x: Tensor, y: Tensor) -> None:
    x.unsqueeze(0).add_(1)
    y.copy_(x)


def writes_into_a_row(x: Tensor, y: Tensor) -> None:
    x[0].add_(y[0])


def writes_into_what_has_become_an_argument(x: Tensor, y: Tensor) -> None:
    new = y * 2
    x.copy_(new)
    new.add_(1)


def decides_by_a_value(x: Tensor, y: Tensor) -> None:
    x.copy_(y if x.sum() > 0 else -y)


def takes_a_number_out(x: Tensor, y: Tensor) -> None:
    x.add_(y[0, 0].item())


def decides_by_an_index(x: Tensor, y: Tensor) -> None:
    x.copy_(y.sort(dim=1).indices)


CONSTANT = torch.tensor([[1.0, 2.0], [3.0, 4.0]])


@pytest.mark.parametrize(
    ("function", "words"),
    [
        (reads_a_view_of_the_old_value, "a view of a tensor that was overwritten"),
        (reads_a_tensor_that_a_view_replaced, "a view of a tensor that was overwritten"),
        (writes_into_a_row, "aten.add_.Tensor into a view"),
        (writes_into_what_has_become_an_argument, "aten.add_.Tensor into a view"),
        (decides_by_a_value, "aten._local_scalar_dense.default"),
        (takes_a_number_out, "aten._local_scalar_dense.default"),
        (decides_by_an_index, "aten.sort.default"),
        (lambda x, y: x.copy_(y * CONSTANT), "a tensor that is no argument"),
        (lambda x, y: x.copy_(y.half()), "aten._to_copy.default"),
    ],
)
def test_a_function_is_refused_by_the_name_of_the_operation(function: Callable[..., Any], words: str) -> None:
    x, y = torch.rand(2, 2), torch.rand(2, 2)
    with pytest.raises(UnsupportedError) as caught:
        Lowering(record(function, [x, y]))
    assert str(caught.value) == words


def test_nodes_without_influence_on_the_results_are_known_but_nothing_is_written() -> None:
    lowering = Lowering(record(lambda x: x.exp().sum(), [torch.rand(3)]))
    assert lowering.outputs == {}
