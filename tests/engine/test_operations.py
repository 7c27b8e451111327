"""Which operations a native program can have, and that it computes them as PyTorch does."""

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional as nnf

from sinegan.engine.loops.building import UnsupportedError
from sinegan.engine.native import lowered
from sinegan.engine.program_cache import CACHE_VARIABLE
from sinegan.engine.programs import CompiledFunction

aten = torch.ops.aten


def reason(function: Callable[..., Any], *arguments: Tensor) -> str:
    """Why there is no native program of a function; empty if there is one."""
    try:
        lowered(function, arguments, Path(tempfile.gettempdir()))
    except UnsupportedError as error:
        return str(error)
    return ""


@pytest.mark.parametrize(
    ("function", "operation"),
    [
        (lambda x: x.sort(dim=1).indices + 1, "aten.sort.default"),
        (lambda x: x.sort(dim=1, descending=True).values, "aten.sort.default in descending order"),
        (lambda x: x.median(dim=1).values, "aten.median.dim"),
        (lambda x: x.topk(2).values, "aten.topk.default"),
        (lambda x: x.cumsum(0), "aten.cumsum.default"),
        (lambda x: torch.zeros_like(x).scatter_add(1, x.long(), x), "aten.scatter_add.default"),
        (lambda x: x + torch.rand_like(x), "aten.rand_like.default"),
        (torch.linalg.inv, "aten.linalg_inv_ex.default"),
        (lambda x: torch.cdist(x, x), "aten._cdist_forward.default"),
        (lambda x: x[:, :1].half(), "aten._to_copy.default"),
    ],
)
def test_a_function_that_needs_pytorch_is_packaged(function: Any, operation: str) -> None:
    assert reason(function, torch.eye(3)) == operation


def test_a_product_is_native_in_the_precisions_of_c() -> None:
    def product(x: Tensor) -> Tensor:
        return torch.mm(x, x)

    assert reason(product, torch.ones(2, 2)) == ""
    assert reason(product, torch.ones(2, 2).double()) == ""
    assert reason(lambda x: product(x.double()), torch.ones(2, 2)) == ""
    assert "aten.mm.default" in reason(product, torch.ones(2, 2).long())
    assert "torch.float16" in reason(product, torch.ones(2, 2).half())


def test_a_function_with_a_tensor_constant_is_not_native() -> None:
    constant = torch.tensor([0.5, 1.5])
    assert reason(lambda x: x * constant, torch.ones(2)) == "a tensor that is no argument"


def test_an_operation_that_is_not_pytorchs_is_not_native() -> None:
    @torch.library.custom_op("sinegan_test::twice", mutates_args=())
    def twice(x: Tensor) -> Tensor:
        return 2 * x

    twice.register_fake(torch.empty_like)
    assert reason(twice, torch.ones(2)) == "sinegan_test.twice.default"


PACKAGED = frozenset(
    """
arange argmax argmin diag_embed dist eye flip floor_divide gather index_select linspace native_group_norm
native_layer_norm roll select_scatter slice_scatter std_mean tril triu var_mean
""".split()  # noqa: SIM905
)
"""The samples that no native program can have."""

SAMPLES: dict[str, Callable[[Tensor], Any]] = {
    # x: (4, 6), positive and no whole numbers.
    "_log_softmax": lambda x: aten._log_softmax(x, 1, False),
    "_log_softmax_backward_data": lambda x: aten._log_softmax_backward_data(x, -x, 1, x.dtype),
    "_prelu_kernel": lambda x: aten._prelu_kernel(-x, x[:1]),
    "_softmax": lambda x: aten._softmax(x, 1, False),
    "_softmax_backward_data": lambda x: aten._softmax_backward_data(x, -x, 1, x.dtype),
    "_to_copy": lambda x: x.to(torch.int64) + 1,
    "_unsafe_view": lambda x: aten._unsafe_view(x, [6, 4]) + 1,
    "alias": lambda x: aten.alias(x) + 1,
    "all": lambda x: x.all(1),
    "amax": lambda x: x.amax(1),
    "amin": lambda x: x.amin(1),
    "aminmax": lambda x: list(x.aminmax(dim=1)),
    "any": lambda x: x.any(1),
    "arange": lambda x: x + torch.arange(6),
    "argmax": lambda x: x.argmax(1),
    "argmin": lambda x: x.argmin(1),
    "as_strided": lambda x: x.as_strided([3], [7]) + 1,
    "binary_cross_entropy": lambda x: aten.binary_cross_entropy(x / 9, x / 10),
    "cat": lambda x: torch.cat([x, x + 1]),
    "clone": lambda x: x.clone(),
    "constant_pad_nd": lambda x: nnf.pad(x, [1, 2]),
    "copy_": lambda x: torch.empty_like(x).copy_(x),
    "count_nonzero": lambda x: aten.count_nonzero(x),
    "detach": lambda x: aten.detach(x) + 1,
    "diag_embed": lambda x: torch.diag_embed(x),
    "diagonal": lambda x: x.diagonal() + 1,
    "dist": lambda x: torch.dist(x, x + 1),
    "dot": lambda x: torch.dot(x[0], x[1]),
    "elu_backward": lambda x: aten.elu_backward(x, 1.0, 1.0, 1.0, False, -x),
    "empty": lambda x: torch.empty([4, 6]).copy_(x),
    "empty_like": lambda x: torch.empty_like(x).copy_(x),
    "expand": lambda x: x[:, :1].expand(4, 6) + 1,
    "eye": lambda x: x[:, :4] + torch.eye(4),
    "fill_": lambda x: (x + 1).fill_(2.0),
    "flip": lambda x: x.flip(1),
    "floor_divide": lambda x: torch.floor_divide(x, 0.3),
    "full": lambda x: x + torch.full([6], 2.0),
    "full_like": lambda x: torch.full_like(x, 2.0) + x,
    "gather": lambda x: x.gather(1, (x > 1).long()),
    "gelu": lambda x: [nnf.gelu(3 - 2 * x), aten.gelu_backward(x, 3 - 2 * x)],
    "glu": lambda x: nnf.glu(x),
    "hardsigmoid_backward": lambda x: aten.hardsigmoid_backward(x, x),
    "hardswish": lambda x: nnf.hardswish(x),
    "hardswish_backward": lambda x: aten.hardswish_backward(x, x),
    "hardtanh_backward": lambda x: aten.hardtanh_backward(x, x, -1.0, 1.0),
    "huber_loss": lambda x: nnf.huber_loss(x, x * x),
    "index_select": lambda x: x.index_select(1, (x[0] > 1).long()),
    "leaky_relu_backward": lambda x: aten.leaky_relu_backward(x, -x, 0.1, False),
    "linalg_vector_norm": lambda x: torch.linalg.vector_norm(x, dim=1),
    "linspace": lambda x: x + torch.linspace(0, 1, 6),
    "log_sigmoid_backward": lambda x: aten.log_sigmoid_backward(x, -x, (-x.abs()).exp()),
    "log_sigmoid_forward": lambda x: aten.log_sigmoid_forward(x)[0],
    "logsumexp": lambda x: x.logsumexp(1),
    "masked_fill": lambda x: x.masked_fill(x > 1, 0.0),
    "max": lambda x: x.max(),
    "kthvalue": lambda x: [
        x.kthvalue(2, dim=0).values,
        x.kthvalue(6).values,
        x.flatten().kthvalue(9, keepdim=True).values,
    ],
    "mean": lambda x: x.mean(1),
    "min": lambda x: x.min(),
    "mse_loss": lambda x: aten.mse_loss(x, x * x),
    "mse_loss_backward": lambda x: aten.mse_loss_backward(x.sum(), x, x * x, 1),
    "mv": lambda x: torch.mv(x, x[0]),
    "nansum": lambda x: x.nansum(1),
    "native_group_norm": lambda x: aten.native_group_norm(x[None], None, None, 1, 4, 6, 2, 1e-5)[0],
    "native_layer_norm": lambda x: aten.native_layer_norm(x, [6], None, None, 1e-5)[0],
    "new_empty": lambda x: x.new_empty(4, 6).copy_(x),
    "new_full": lambda x: x.new_full([6], 2.0) + x,
    "new_ones": lambda x: x.new_ones(6) + x,
    "new_zeros": lambda x: x.new_zeros(6) + x,
    "norm": lambda x: aten.norm(x, 2, [1]),
    "ones": lambda x: torch.ones(6) + x,
    "ones_like": lambda x: torch.ones_like(x) + x,
    "permute": lambda x: x.permute(1, 0) + 1,
    "prod": lambda x: x.prod(1),
    "repeat": lambda x: x.repeat(2, 1),
    "roll": lambda x: aten.roll(x, [1], [0]),
    "rsub": lambda x: torch.rsub(x, x * x),
    "scalar_tensor": lambda x: aten.scalar_tensor(2.0) + x,
    "select": lambda x: x[1] + 1,
    "select_backward": lambda x: aten.select_backward(x[0], [4, 6], 0, 2),
    "select_scatter": lambda x: x.select_scatter(x[0], 0, 1),
    "slice": lambda x: x[1:3] + 1,
    "slice_backward": lambda x: aten.slice_backward(x[:2], [4, 6], 0, 0, 2, 1),
    "slice_scatter": lambda x: x.slice_scatter(x[:2], 0, 2, 4),
    "smooth_l1_loss": lambda x: nnf.smooth_l1_loss(x, x * x),
    "soft_margin_loss": lambda x: nnf.soft_margin_loss(x, x * x),
    "softplus_backward": lambda x: aten.softplus_backward(x, x, 1.0, 20.0),
    "sort": lambda x: [x.sort(dim=0).values, x.sort(dim=1).values, x.sort(dim=0, stable=True).values],
    "split": lambda x: aten.split(x, 2)[1] + 1,
    "split_with_sizes": lambda x: aten.split_with_sizes(x, [1, 3])[1] + 1,
    "squeeze": lambda x: aten.squeeze(x[None], 0) + 1,
    "stack": lambda x: torch.stack([x, x + 1]),
    "std": lambda x: x.std(1),
    "std_mean": lambda x: list(torch.std_mean(x, 1)),
    "sum": lambda x: x.sum(1),
    "t": lambda x: aten.t(x) + 1,
    "trace": lambda x: aten.trace(x),
    "transpose": lambda x: x.transpose(0, 1) + 1,
    "tril": lambda x: x.tril(),
    "triu": lambda x: x.triu(),
    "unbind": lambda x: x.unbind()[2] + 1,
    "unfold": lambda x: x.unfold(1, 2, 2) + 1,
    "unsqueeze": lambda x: x.unsqueeze(1) + 1,
    "var": lambda x: x.var(1),
    "var_mean": lambda x: list(torch.var_mean(x, 1)),
    "vdot": lambda x: torch.vdot(x[0], x[1]),
    "view": lambda x: x.view(6, 4) + 1,
    "zero_": lambda x: (x + 1).zero_(),
    "zeros": lambda x: torch.zeros(6) + x,
    "zeros_like": lambda x: torch.zeros_like(x) + x,
    "bmm": lambda x: torch.bmm(x[None], x.T[None]),
    "mm": lambda x: torch.mm(x, x.T),
}


@pytest.mark.parametrize("name", sorted(PACKAGED))
def test_what_is_packaged_is_known_to_be(name: str) -> None:
    assert reason(SAMPLES[name], torch.rand(4, 6) + 0.25)


@pytest.mark.slow
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_each_native_operation_computes_what_pytorch_computes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dtype: torch.dtype
) -> None:
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path))
    native = {name: sample for name, sample in SAMPLES.items() if name not in PACKAGED}

    def all_samples(x: Tensor) -> list[list[Tensor]]:
        results = [torch.utils._pytree.tree_leaves(sample(x[0])) for sample in native.values()]
        return [[result.clone()[None] for result in each] for each in results]

    x = torch.rand(1, 4, 6, generator=torch.Generator().manual_seed(0), dtype=dtype) + 0.25
    program = CompiledFunction(all_samples, "samples", [])
    found = program(x)
    assert program.engine == "native"
    for name, results, expected in zip(native, found, all_samples(x), strict=True):
        torch.testing.assert_close(results, expected, msg=lambda text, name=name: f"{name}: {text}")
