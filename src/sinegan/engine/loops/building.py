"""Builds the nodes of operations, given the views and numbers that they take."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

import torch
from torch import Tensor

from sinegan.engine.loops.nodes import (
    TYPES,
    Assembly,
    Node,
    Ordered,
    Pointwise,
    Product,
    Reduction,
    View,
    contiguous_strides,
    part_of,
    without_ones,
)
from sinegan.engine.loops.operations import (
    COMPARISONS,
    COPIES,
    CREATED,
    GELU,
    POINTWISE,
    REDUCTIONS,
    SCALED,
    Operation,
    literal,
)


class UnsupportedError(Exception):
    """An operation that loops cannot compute. The message is its name."""


class Builder:
    """nodes: those that were built, each after those it reads."""

    def __init__(self) -> None:
        self.nodes: list[Node] = []

    def compute(self, name: str, args: Any, kwargs: Mapping[str, Any], like: Tensor) -> View:
        """The result of an operation that is no view. like: has its shape and dtype."""
        if (special := SPECIAL.get(name)) is not None:
            return special(self, name, args, kwargs, like)
        if name in CREATED:
            return self.constant(CREATED[name](*args), like)
        if name in REDUCTIONS:
            return self._reduction(name, args, like)
        if name in COPIES:
            return self.pointwise(like, lambda _, x: x, args[:1], 0)
        if name in COMPARISONS and like.dtype == torch.bool:
            return self._compared(COMPARISONS[name], args, like)
        if name in SCALED and (factor := kwargs.get("alpha", args[2] if len(args) > 2 else 1)) != 1:
            scaled, text = SCALED[name], literal(factor, TYPES[like.dtype])
            return self.pointwise(like, lambda _, x, y: scaled(x, y, text), args[:2], 2)
        if name not in POINTWISE or set(kwargs) - {"alpha"}:
            raise UnsupportedError
        operation: Operation = POINTWISE[name]
        return self.pointwise(like, operation.write, args, operation.cost)

    def _added(self, node: Node, shape: Sequence[int]) -> View:
        self.nodes.append(node)
        return View.whole(node, shape)

    def constant(self, value: float, like: Tensor) -> View:
        """A tensor of one number. like: has its shape and dtype."""
        text = literal(value, TYPES[like.dtype])
        return self.pointwise(like, lambda _: text, [], 0)

    def copied(self, value: View, dtype: torch.dtype) -> View:
        like = torch.empty(value.meta.shape, dtype=dtype, device="meta")
        return self.pointwise(like, lambda _, x: x, [value], 0)

    # Operations on elements.

    def pointwise(
        self,
        like: Tensor,
        write: Callable[..., str],
        operands: Sequence[Any],
        cost: int,
        as_they_are: int = 0,
    ) -> View:
        """A function of elements.

        Arguments:
            like: has the shape and the dtype of the result, and of the operands.
            write: from the type of the operands and their expressions.
            operands: views, which are broadcast, and numbers.
            cost: as `Pointwise` has it.
            as_they_are: how many of the first operands are not converted.
        """
        kind = TYPES[like.dtype]
        return self._of_kind(kind, like, write, operands, cost, as_they_are)

    def _of_kind(
        self,
        kind: str,
        like: Tensor,
        write: Callable[..., str],
        operands: Sequence[Any],
        cost: int,
        as_they_are: int = 0,
    ) -> View:
        """The same, with operands of another C++ type than the result."""
        inputs = [
            each.access(like.shape) if isinstance(each, View) else literal(each, kind) for each in operands
        ]
        converted = [
            isinstance(each, View) and place >= as_they_are and each.node.type != kind
            for place, each in enumerate(operands)
        ]

        def written(*texts: str) -> str:
            as_kind = [
                f"{kind}({text})" if convert else text for text, convert in zip(texts, converted, strict=True)
            ]
            return write(kind, *as_kind)

        node = Pointwise(
            shape=without_ones(like.shape), dtype=like.dtype, write=written, inputs=inputs, cost=cost
        )
        return self._added(node, like.shape)

    def _compared(self, write: Callable[..., str], operands: Sequence[Any], like: Tensor) -> View:
        """A comparison: operands are converted to the type that PyTorch would compare them in."""
        samples = [
            torch.empty([1] * min(1, each.meta.ndim), dtype=each.node.dtype, device="meta")
            if isinstance(each, View)
            else each
            for each in operands
        ]
        common = torch.result_type(*samples) if len(samples) == 2 else samples[0].dtype
        return self._of_kind(TYPES[common], like, lambda _, *texts: write(*texts), operands, 1)

    def _clamp(self, _: str, args: Any, kwargs: Mapping[str, Any], like: Tensor) -> View:
        value, *bounds = args
        given = {**dict(zip(("min", "max"), bounds, strict=False)), **kwargs}
        for bound in ("min", "max"):
            if given.get(bound) is not None:
                write = POINTWISE[f"clamp_{bound}"].write
                value = self.pointwise(like, write, [value, given[bound]], 1)
        return cast("View", value)

    def _where(self, _: str, args: Any, __: Mapping[str, Any], like: Tensor) -> View:
        return self.pointwise(like, lambda _, c, x, y: f"{c} ? {x} : {y}", args, 1, as_they_are=1)

    def _fill(self, _: str, args: Any, __: Mapping[str, Any], like: Tensor) -> View:
        return self.pointwise(like, lambda _, x: x, args[1:], 0)

    def _gelu(self, name: str, args: Any, kwargs: Mapping[str, Any], like: Tensor) -> View:
        if kwargs.get("approximate", "none") != "none":
            raise UnsupportedError
        return self.pointwise(like, GELU[name].write, args, GELU[name].cost)

    # Reductions and products.

    def _reduction(self, name: str, args: Any, like: Tensor) -> View:
        value: View = args[0]
        sizes = value.meta.shape
        if name in ("amax", "amin") and not value.node.dtype.is_floating_point:
            raise UnsupportedError
        reduced = _axes(args, value.meta.ndim)
        kept = [axis for axis in range(value.meta.ndim) if axis not in reduced]
        stride = dict(zip(kept, contiguous_strides([sizes[axis] for axis in kept]), strict=True))
        strides = tuple(stride.get(axis, 0) for axis, size in enumerate(sizes) if size != 1)
        if all(strides):  # along axes of length 1
            copied = self.copied(value, like.dtype)
            return View.whole(copied.node, like.shape)
        if value.node.dtype != like.dtype:
            value = self.copied(value, like.dtype)
        node = Reduction(
            shape=without_ones(like.shape),
            dtype=like.dtype,
            kind=name,
            input=value.access(),
            strides=strides,
        )
        return self._added(node, like.shape)

    def _mean(self, _: str, args: Any, __: Mapping[str, Any], like: Tensor) -> View:
        value: View = args[0]
        count = math.prod(value.meta.shape[axis] for axis in _axes(args, value.meta.ndim))
        total = self._reduction("sum", args, like)
        return self.pointwise(like, POINTWISE["div"].write, [total, count], POINTWISE["div"].cost)

    def _squares(self, value: View, centre: View | float) -> View:
        """The squares of a tensor's distances from a centre."""
        like = torch.empty(value.meta.shape, dtype=value.node.dtype, device="meta")
        centred = self.pointwise(like, POINTWISE["sub"].write, [value, centre], 1)
        return self.pointwise(like, POINTWISE["mul"].write, [centred, centred], 1)

    def _extreme(self, name: str, args: Any, _: Mapping[str, Any], like: Tensor) -> View:
        """The largest or smallest of all elements."""
        if len(args) > 1:
            raise UnsupportedError
        return self._reduction(f"a{name}", args, like)

    def _variance(self, _: str, args: Any, kwargs: Mapping[str, Any], like: Tensor) -> View:
        value: View = args[0]
        axes = sorted(_axes(args, value.meta.ndim))
        count = math.prod(value.meta.shape[axis] for axis in axes)
        correction = kwargs.get("correction")
        kept = torch.empty(
            [1 if axis in axes else size for axis, size in enumerate(value.meta.shape)],
            dtype=like.dtype,
            device="meta",
        )
        mean = self._mean("mean", [value, axes], {}, kept)
        total = self._reduction("sum", [self._squares(value, mean), axes], like)
        freedom = max(0, count - (1 if correction is None else correction))
        return self.pointwise(like, POINTWISE["div"].write, [total, freedom], POINTWISE["div"].cost)

    def _norm(self, _: str, args: Any, __: Mapping[str, Any], like: Tensor) -> View:
        if len(args) > 1 and args[1] != 2:
            raise UnsupportedError
        total = self._reduction("sum", [self._squares(args[0], 0.0), *args[2:3]], like)
        return self.pointwise(like, POINTWISE["sqrt"].write, [total], POINTWISE["sqrt"].cost)

    def _softmax(self, name: str, args: Any, _: Mapping[str, Any], like: Tensor) -> View:
        value: View = args[0]
        axis = [args[1] % value.meta.ndim]
        kept = torch.empty(
            [1 if at in axis else size for at, size in enumerate(value.meta.shape)],
            dtype=like.dtype,
            device="meta",
        )
        most = self._reduction("amax", [value, axis], kept)
        centred = self.pointwise(like, POINTWISE["sub"].write, [value, most], 1)
        exponentials = self.pointwise(like, POINTWISE["exp"].write, [centred], POINTWISE["exp"].cost)
        total = self._reduction("sum", [exponentials, axis], kept)
        if name == "_softmax":
            return self.pointwise(like, POINTWISE["div"].write, [exponentials, total], 4)
        logarithm = self.pointwise(kept, POINTWISE["log"].write, [total], POINTWISE["log"].cost)
        return self.pointwise(like, POINTWISE["sub"].write, [centred, logarithm], 1)

    def _repeat(self, _: str, args: Any, __: Mapping[str, Any], like: Tensor) -> View:
        value, repeats = args
        sizes = [1] * (len(repeats) - value.meta.ndim) + list(value.meta.shape)
        seen = value.meta.reshape([part for size in sizes for part in (1, size)])
        pairs = zip(repeats, sizes, strict=True)
        seen = seen.expand([part for pair in pairs for part in pair])
        copied = self.copied(View(value.node, seen), like.dtype)
        return View.whole(copied.node, like.shape)

    def _product(self, _: str, args: Any, __: Mapping[str, Any], like: Tensor) -> View:
        a, b = args
        if like.dtype not in (torch.float32, torch.float64):
            raise UnsupportedError
        if a.meta.shape[-1] == 1:  # each element is one product
            return self.pointwise(like, POINTWISE["mul"].write, [a, b], 1)
        result = torch.empty(like.shape, device="meta")
        node = Product(shape=without_ones(like.shape), dtype=like.dtype, a=a, b=b, result=result)
        return self._added(node, like.shape)

    def sort(self, args: Any, kwargs: Mapping[str, Any]) -> View:
        value: View = args[0]
        given = {**dict(zip(("dim", "descending"), args[1:], strict=False)), **kwargs}
        if given.get("descending"):
            raise UnsupportedError(" in descending order")
        return self.ordered(value, given.get("dim", -1), None)

    def kthvalue(self, args: Any, kwargs: Mapping[str, Any]) -> View:
        value, k, *rest = args
        given = {**dict(zip(("dim", "keepdim"), rest, strict=False)), **kwargs}
        dim = given.get("dim", -1)
        selected = self.ordered(value, dim, k - 1)
        return selected if given.get("keepdim") else View(selected.node, selected.meta.squeeze(dim))

    def ordered(self, value: View, dim: int, rank: int | None) -> View:
        """A tensor, sorted along an axis; or the numbers of that rank, which leave an axis of length 1."""
        if not value.meta.ndim:
            return value
        value = View(value.node, value.meta.movedim(dim, -1))
        if not value.access().is_identity:
            value = self.copied(value, value.node.dtype)
        *lines, length = value.meta.shape
        shape = [*lines, length if rank is None else 1]
        node = Ordered(
            shape=without_ones(shape), dtype=value.node.dtype, lines=value.access(), length=length, rank=rank
        )
        ordered = self._added(node, shape)
        return View(node, ordered.meta.movedim(-1, dim))

    # Assemblies.

    def _cat(self, _: str, args: Any, kwargs: Mapping[str, Any], like: Tensor) -> View:
        values: Sequence[View] = args[0]
        dim = args[1] if len(args) > 1 else kwargs.get("dim", 0)
        whole, start = torch.empty(like.shape, device="meta"), 0
        node = Assembly(shape=without_ones(like.shape), dtype=like.dtype)
        for each in values:
            value = each if each.node.dtype == like.dtype else self.copied(each, like.dtype)
            length = value.meta.shape[dim]
            node.parts.append(part_of(value, whole.narrow(dim, start, length)))
            start += length
        return self._added(node, like.shape)

    def _stack(self, name: str, args: Any, kwargs: Mapping[str, Any], like: Tensor) -> View:
        dim = args[1] if len(args) > 1 else kwargs.get("dim", 0)
        rows = [View(each.node, each.meta.unsqueeze(dim)) for each in args[0]]
        return self._cat(name, [rows, dim], {}, like)

    def _select_backward(self, _: str, args: Any, __: Mapping[str, Any], like: Tensor) -> View:
        value, _sizes, dim, index = args
        return self._padded(value, torch.empty(like.shape, device="meta").select(dim, index), like)

    def _slice_backward(self, _: str, args: Any, __: Mapping[str, Any], like: Tensor) -> View:
        value, _sizes, *bounds = args
        return self._padded(
            value, torch.ops.aten.slice(torch.empty(like.shape, device="meta"), *bounds), like
        )

    def _constant_pad(self, _: str, args: Any, __: Mapping[str, Any], like: Tensor) -> View:
        value, widths, *fill = args
        if any(fill) or min(widths) < 0:
            raise UnsupportedError
        place = torch.empty(like.shape, device="meta")
        for last, before in enumerate(widths[::2], 1):
            place = place.narrow(-last, before, value.meta.shape[-last])
        return self._padded(value, place, like)

    def _padded(self, value: View, place: Tensor, like: Tensor) -> View:
        """A tensor with zeros around it. place: where it goes, a view of the whole."""
        node = Assembly(shape=without_ones(like.shape), dtype=like.dtype, parts=[part_of(value, place)])
        return self._added(node, like.shape)


SPECIAL: dict[str, Callable[[Builder, str, Any, Mapping[str, Any], Tensor], View]] = {
    "_log_softmax": Builder._softmax,
    "_softmax": Builder._softmax,
    "bmm": Builder._product,
    "cat": Builder._cat,
    "clamp": Builder._clamp,
    "constant_pad_nd": Builder._constant_pad,
    "fill": Builder._fill,
    "gelu": Builder._gelu,
    "gelu_backward": Builder._gelu,
    "linalg_vector_norm": Builder._norm,
    "max": Builder._extreme,
    "mean": Builder._mean,
    "min": Builder._extreme,
    "mm": Builder._product,
    "repeat": Builder._repeat,
    "select_backward": Builder._select_backward,
    "slice_backward": Builder._slice_backward,
    "stack": Builder._stack,
    "var": Builder._variance,
    "where": Builder._where,
}
"""Operations with a way of their own."""


def _axes(args: Any, rank: int) -> set[int]:
    """The axes that a reduction is taken along."""
    chosen = args[1] if len(args) > 1 and args[1] not in (None, []) else range(rank)
    return {axis % rank for axis in ([chosen] if isinstance(chosen, int) else chosen)} if rank else set()
