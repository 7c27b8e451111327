"""Turns a graph of PyTorch's operations into nodes, or names the operations that loops cannot compute."""

import math
import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

import torch
from torch import Tensor, fx

from sinegan.engine.loops.nodes import (
    TYPES,
    Access,
    Argument,
    Assembly,
    Node,
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
    POINTWISE,
    REDUCTIONS,
    SCALED,
    VIEWS,
    Operation,
    literal,
)
from sinegan.engine.torch_private import pytree

Values = Any
"""A view, a number, or a list of these."""


class UnsupportedError(Exception):
    """An operation that loops cannot compute. The message is its name."""


class Lowering:
    """The nodes of a graph that writes into its arguments and returns nothing.

    arguments: in their order. nodes: in an order in which each comes after those it reads. outputs: of each
    argument that is written, what it becomes.
    """

    def __init__(self, graph: fx.GraphModule) -> None:
        """graph: of `make_fx`, which notes for each of its nodes the tensor that it gives.

        Raises UnsupportedError.
        """
        self.arguments: list[Argument] = []
        self.nodes: list[Node] = []
        self.outputs: list[tuple[Argument, Access]] = []
        self._values: dict[fx.Node, Values] = {}
        self._written: set[Node] = set()
        for node in graph.graph.nodes:
            if node.op == "placeholder":
                self._values[node] = self._argument(node.meta["val"])
            elif node.op == "call_function":
                self._values[node] = self._call(node)
            elif node.op != "output":
                raise UnsupportedError(str(node.target))  # a constant

    def _argument(self, like: Tensor) -> View:
        if like.dtype not in TYPES:
            raise UnsupportedError(str(like.dtype))
        argument = Argument(shape=without_ones(like.shape), dtype=like.dtype, place=len(self.arguments))
        self.arguments.append(argument)
        return View.whole(argument, like.shape)

    def _call(self, node: fx.Node) -> Values:
        target: Any = node.target
        args: Any = fx.map_arg(node.args, self._value)
        kwargs: Any = fx.map_arg(node.kwargs, self._value)
        if target is operator.getitem:
            return args[0][args[1]]
        if getattr(target, "namespace", None) != "aten":
            raise UnsupportedError(str(target))
        name = target.name().removeprefix("aten::").partition(".")[0]
        result = node.meta.get("val")
        if any(isinstance(each, View) and each.node in self._written for each in pytree.tree_leaves(args)):
            raise UnsupportedError(f"{target} of an argument that was written")
        if name in VIEWS:
            return self._view(target, args, kwargs)
        if name in WRITES:
            return self._write(target, args[0], args[1] if len(args) > 1 else 0)
        if name.endswith("_") and name[:-1] in KNOWN and isinstance(result, Tensor):
            return self._write(target, args[0], self._compute(name[:-1], args, kwargs, result))
        if not isinstance(result, Tensor) or result.dtype not in TYPES:
            raise UnsupportedError(str(target))
        try:
            return self._compute(name, args, kwargs, result)
        except UnsupportedError:
            raise UnsupportedError(str(target)) from None

    def _compute(self, name: str, args: Any, kwargs: Mapping[str, Any], like: Tensor) -> View:
        """The result of an operation that is no view. like: has its shape and dtype."""
        if (special := SPECIAL.get(name)) is not None:
            return special(self, name, args, kwargs, like)
        if name in CREATED:
            text = literal(CREATED[name](*args), TYPES[like.dtype])
            return self._pointwise(like, lambda _: text, [], 0)
        if name in REDUCTIONS:
            return self._reduction(name, args, like)
        if name in COPIES:
            return self._pointwise(like, lambda _, x: x, args[:1], 0)
        if name in COMPARISONS and like.dtype == torch.bool:
            return self._compared(COMPARISONS[name], args, like)
        if name in SCALED and (factor := kwargs.get("alpha", args[2] if len(args) > 2 else 1)) != 1:
            scaled, text = SCALED[name], literal(factor, TYPES[like.dtype])
            return self._pointwise(like, lambda _, x, y: scaled(x, y, text), args[:2], 2)
        if name not in POINTWISE or set(kwargs) - {"alpha"}:
            raise UnsupportedError(name)
        operation: Operation = POINTWISE[name]
        return self._pointwise(like, operation.write, args, operation.cost)

    def _value(self, node: fx.Node) -> Any:
        return self._values[node]

    def _added(self, node: Node, shape: Sequence[int]) -> View:
        self.nodes.append(node)
        return View.whole(node, shape)

    # Views and writes.

    def _view(self, target: Any, args: Any, kwargs: Mapping[str, Any]) -> Values:
        """Any view of a view: PyTorch computes its strides, on a tensor without memory."""
        value, *rest = args
        see: Any = torch.ops.aten.view.default if "unsafe_view" in target.name() else target
        try:
            seen = see(value.meta, *rest, **kwargs)
        except RuntimeError:  # PyTorch's tensor had other strides than ours
            value = self._copied(value, value.node.dtype)
            seen = see(value.meta, *rest, **kwargs)
        if isinstance(seen, Tensor):
            return View(value.node, seen)
        return [View(value.node, each) for each in seen]

    def _copied(self, value: View, dtype: torch.dtype) -> View:
        like = torch.empty(value.meta.shape, dtype=dtype, device="meta")
        return self._pointwise(like, lambda _, x: x, [value], 0)

    def _write(self, target: Any, argument: View, value: View | float) -> View:
        """Replaces a tensor. Whoever sees a part of the old one may not read it any more."""
        if not argument.access().is_identity:
            raise UnsupportedError(str(target))
        if not isinstance(value, View):
            text = literal(value, argument.node.type)
            like = torch.empty(argument.meta.shape, dtype=argument.node.dtype, device="meta")
            value = self._pointwise(like, lambda _: text, [], 0)
        if value.node.dtype != argument.node.dtype:
            value = self._copied(value, argument.node.dtype)
        if isinstance(value.node, Argument):  # which may be written, too, before this is
            value = self._copied(value, value.node.dtype)
        if isinstance(argument.node, Argument):
            self.outputs.append((argument.node, value.access(argument.meta.shape)))
        self._written.add(argument.node)
        return View(value.node, value.meta.expand(argument.meta.shape))

    # Operations on elements.

    def _pointwise(
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
                value = self._pointwise(like, write, [value, given[bound]], 1)
        return cast("View", value)

    def _where(self, _: str, args: Any, __: Mapping[str, Any], like: Tensor) -> View:
        return self._pointwise(like, lambda _, c, x, y: f"{c} ? {x} : {y}", args, 1, as_they_are=1)

    def _fill(self, _: str, args: Any, __: Mapping[str, Any], like: Tensor) -> View:
        return self._pointwise(like, lambda _, x: x, args[1:], 0)

    # Reductions and products.

    def _reduction(self, name: str, args: Any, like: Tensor) -> View:
        value: View = args[0]
        sizes = value.meta.shape
        if name in ("amax", "amin") and not value.node.dtype.is_floating_point:
            raise UnsupportedError(name)
        reduced = _axes(args, value.meta.ndim)
        kept = [axis for axis in range(value.meta.ndim) if axis not in reduced]
        stride = dict(zip(kept, contiguous_strides([sizes[axis] for axis in kept]), strict=True))
        strides = tuple(stride.get(axis, 0) for axis, size in enumerate(sizes) if size != 1)
        if all(strides):  # along axes of length 1
            copied = self._copied(value, like.dtype)
            return View.whole(copied.node, like.shape)
        if value.node.dtype != like.dtype:
            value = self._copied(value, like.dtype)
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
        return self._pointwise(like, POINTWISE["div"].write, [total, count], POINTWISE["div"].cost)

    def _squares(self, value: View, centre: View | float) -> View:
        """The squares of a tensor's distances from a centre."""
        like = torch.empty(value.meta.shape, dtype=value.node.dtype, device="meta")
        centred = self._pointwise(like, POINTWISE["sub"].write, [value, centre], 1)
        return self._pointwise(like, POINTWISE["mul"].write, [centred, centred], 1)

    def _extreme(self, name: str, args: Any, _: Mapping[str, Any], like: Tensor) -> View:
        """The largest or smallest of all elements."""
        if len(args) > 1:
            raise UnsupportedError(name)
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
        return self._pointwise(like, POINTWISE["div"].write, [total, freedom], POINTWISE["div"].cost)

    def _norm(self, name: str, args: Any, _: Mapping[str, Any], like: Tensor) -> View:
        if len(args) > 1 and args[1] != 2:
            raise UnsupportedError(name)
        total = self._reduction("sum", [self._squares(args[0], 0.0), *args[2:3]], like)
        return self._pointwise(like, POINTWISE["sqrt"].write, [total], POINTWISE["sqrt"].cost)

    def _softmax(self, name: str, args: Any, _: Mapping[str, Any], like: Tensor) -> View:
        value: View = args[0]
        axis = [args[1] % value.meta.ndim]
        kept = torch.empty(
            [1 if at in axis else size for at, size in enumerate(value.meta.shape)],
            dtype=like.dtype,
            device="meta",
        )
        most = self._reduction("amax", [value, axis], kept)
        centred = self._pointwise(like, POINTWISE["sub"].write, [value, most], 1)
        exponentials = self._pointwise(like, POINTWISE["exp"].write, [centred], POINTWISE["exp"].cost)
        total = self._reduction("sum", [exponentials, axis], kept)
        if name == "_softmax":
            return self._pointwise(like, POINTWISE["div"].write, [exponentials, total], 4)
        logarithm = self._pointwise(kept, POINTWISE["log"].write, [total], POINTWISE["log"].cost)
        return self._pointwise(like, POINTWISE["sub"].write, [centred, logarithm], 1)

    def _repeat(self, _: str, args: Any, __: Mapping[str, Any], like: Tensor) -> View:
        value, repeats = args
        sizes = [1] * (len(repeats) - value.meta.ndim) + list(value.meta.shape)
        seen = value.meta.reshape([part for size in sizes for part in (1, size)])
        pairs = zip(repeats, sizes, strict=True)
        seen = seen.expand([part for pair in pairs for part in pair])
        copied = self._copied(View(value.node, seen), like.dtype)
        return View.whole(copied.node, like.shape)

    def _product(self, name: str, args: Any, _: Mapping[str, Any], like: Tensor) -> View:
        a, b = args
        if like.dtype not in (torch.float32, torch.float64):
            raise UnsupportedError(name)
        if a.meta.shape[-1] == 1:  # each element is one product
            return self._pointwise(like, POINTWISE["mul"].write, [a, b], 1)
        result = torch.empty(like.shape, device="meta")
        node = Product(shape=without_ones(like.shape), dtype=like.dtype, a=a, b=b, result=result)
        return self._added(node, like.shape)

    # Assemblies.

    def _assembly(self, name: str, args: Any, kwargs: Mapping[str, Any], like: Tensor) -> View:
        values: Sequence[View] = args[0]
        dim = args[1] if len(args) > 1 else kwargs.get("dim", 0)
        whole, start = torch.empty(like.shape, device="meta"), 0
        node = Assembly(shape=without_ones(like.shape), dtype=like.dtype)
        for each in values:
            value = each if each.node.dtype == like.dtype else self._copied(each, like.dtype)
            length = 1 if name == "stack" else value.meta.shape[dim]
            place = whole.narrow(dim, start, length)
            node.parts.append(part_of(value, place.squeeze(dim) if name == "stack" else place))
            start += length
        return self._added(node, like.shape)

    def _pad(self, name: str, args: Any, _: Mapping[str, Any], like: Tensor) -> View:
        """A tensor with zeros around it."""
        place = torch.empty(like.shape, device="meta")
        value: View = args[0]
        if name == "select_backward":
            place = place.select(args[2], args[3])
        elif name == "slice_backward":
            place = torch.ops.aten.slice(place, *args[2:])
        elif (len(args) > 2 and args[2] != 0) or min(args[1]) < 0:
            raise UnsupportedError(name)
        else:
            for last, before in enumerate(args[1][::2], 1):
                place = place.narrow(-last, before, value.meta.shape[-last])
        node = Assembly(shape=without_ones(like.shape), dtype=like.dtype, parts=[part_of(value, place)])
        return self._added(node, like.shape)


SPECIAL: dict[str, Callable[[Lowering, str, Any, Mapping[str, Any], Tensor], View]] = {
    "_log_softmax": Lowering._softmax,
    "_softmax": Lowering._softmax,
    "bmm": Lowering._product,
    "cat": Lowering._assembly,
    "clamp": Lowering._clamp,
    "constant_pad_nd": Lowering._pad,
    "fill": Lowering._fill,
    "linalg_vector_norm": Lowering._norm,
    "max": Lowering._extreme,
    "mean": Lowering._mean,
    "min": Lowering._extreme,
    "mm": Lowering._product,
    "repeat": Lowering._repeat,
    "select_backward": Lowering._pad,
    "slice_backward": Lowering._pad,
    "stack": Lowering._assembly,
    "var": Lowering._variance,
    "where": Lowering._where,
}
"""Operations with a way of their own."""
WRITES = frozenset(["copy_", "fill_", "zero_"])
KNOWN = frozenset([*SPECIAL, *WRITES, *VIEWS, *CREATED, *REDUCTIONS, *COPIES, *COMPARISONS, *POINTWISE])
"""All operations that loops may be able to compute."""


def _axes(args: Any, rank: int) -> set[int]:
    """The axes that a reduction is taken along."""
    chosen = args[1] if len(args) > 1 and args[1] not in (None, []) else range(rank)
    return {axis % rank for axis in ([chosen] if isinstance(chosen, int) else chosen)} if rank else set()
