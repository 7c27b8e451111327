"""Decides from a graph's operations, before any code is generated, whether it can be a native program.

A native program consists of loops that the code generator writes and of our own matrix products: it cannot
call PyTorch. The code generator writes loops for the operations that are listed here and for all that PyTorch
tags as pointwise. A graph with any other operation, such as sorting, scattering, random numbers or linear
algebra, becomes a packaged program.
"""

import operator
from typing import Any

import torch

VIEWS = """
_unsafe_view alias as_strided detach diagonal expand permute select slice split split_with_sizes squeeze t
transpose unbind unfold unsqueeze view
"""
COPIES = """
_to_copy cat clone constant_pad_nd copy_ diag_embed fill_ flip gather index_select masked_fill repeat roll
select_backward select_scatter slice_backward slice_scatter stack tril triu zero_
"""
CREATION = """
arange empty empty_like eye full full_like linspace new_empty new_full new_ones new_zeros ones ones_like
scalar_tensor zeros zeros_like
"""
REDUCTIONS = """
all amax amin aminmax any argmax argmin count_nonzero dist dot linalg_vector_norm logsumexp max mean min mv
nansum norm prod std std_mean sum trace var var_mean vdot
"""
UNTAGGED_POINTWISE = """
_prelu_kernel binary_cross_entropy elu_backward floor_divide glu hardsigmoid_backward hardswish
hardswish_backward hardtanh_backward huber_loss leaky_relu_backward log_sigmoid_backward log_sigmoid_forward
mse_loss mse_loss_backward rsub smooth_l1_loss soft_margin_loss softplus_backward
"""
LAYERS = """
_log_softmax _log_softmax_backward_data _softmax _softmax_backward_data native_group_norm native_layer_norm
"""

LOOPS = frozenset(" ".join([VIEWS, COPIES, CREATION, REDUCTIONS, UNTAGGED_POINTWISE, LAYERS]).split())
"""Operations for which the code generator writes loops, in addition to those tagged as pointwise."""

PRODUCTS = frozenset(["bmm", "mm"])
"""Operations that our own products compute, in the precisions of the program's arguments."""


def foreign_operations(graph: torch.fx.GraphModule) -> list[str]:
    """The operations and constants of a graph that a native program cannot have, by name.

    graph: a graph of `make_fx`, which notes for each node the tensor that it gives.
    """
    nodes = graph.graph.nodes
    arguments = {node.meta["val"].dtype for node in nodes if node.op == "placeholder"}
    precisions = arguments & {torch.float32, torch.float64}
    return sorted({str(node.target) for node in nodes if not _is_native(node, precisions)})


def _is_native(node: torch.fx.Node, precisions: set[torch.dtype]) -> bool:
    """Whether a native program can compute a node. precisions: those that it has products for."""
    if node.op in ("placeholder", "output") or node.target is operator.getitem:
        return True
    operation: Any = node.target
    if getattr(operation, "namespace", None) != "aten":  # a constant, or an operation that is not PyTorch's
        return False
    name = operation.name().removeprefix("aten::").partition(".")[0]
    if name in PRODUCTS:
        return node.meta["val"].dtype in precisions
    if torch.Tag.nondeterministic_seeded in operation.tags:
        return False
    return name in LOOPS or torch.Tag.pointwise in operation.tags
