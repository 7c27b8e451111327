"""Turns a recording of PyTorch's operations into nodes, or names an operation that loops cannot compute."""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from sinegan.engine.loops.building import SPECIAL, Builder, UnsupportedError
from sinegan.engine.loops.nodes import TYPES, Access, Argument, Node, View, without_ones
from sinegan.engine.loops.operations import COMPARISONS, COPIES, CREATED, POINTWISE, REDUCTIONS, VIEWS
from sinegan.engine.loops.recording import Call, Recording
from sinegan.engine.torch_private import pytree


def operation_name(operation: Any) -> str:
    """PyTorch's name of an operation, without its namespace and overload; with them for those of others."""
    name: str = operation.name()
    return name.removeprefix("aten::").partition(".")[0] if name.startswith("aten::") else name


class Lowering:
    """The nodes of a function that writes into its arguments.

    arguments: in their order. nodes: in an order in which each comes after those it reads. outputs: of each
    argument that is written, what it becomes.
    """

    def __init__(self, recording: Recording) -> None:
        """Raises UnsupportedError."""
        self.arguments: list[Argument] = []
        self._builder = Builder()
        self.outputs: dict[Argument, Access] = {}
        self._values: dict[int, View] = {}  # by the `id` of a tensor
        self._arguments: dict[int, Argument] = {}  # by the `id` of each tensor that was written as a whole
        self._overwritten: set[Node] = set()
        self._used = recording.tensors_used()
        for tensor in recording.arguments:
            self._values[id(tensor)] = self._argument(tensor)
        for call in recording.calls:
            self._call(call)
        self.nodes = self._builder.nodes

    def _argument(self, like: Tensor) -> View:
        if like.dtype not in TYPES:
            raise UnsupportedError(str(like.dtype))
        argument = Argument(shape=without_ones(like.shape), dtype=like.dtype, place=len(self.arguments))
        self.arguments.append(argument)
        return View.whole(argument, like.shape)

    def _call(self, call: Call) -> None:
        """Adds the nodes of a call, and notes the values of the tensors that it gives."""
        args, kwargs = pytree.tree_map_only(Tensor, self._value, (call.args, dict(call.kwargs)))
        name = operation_name(call.operation)
        results = call.result if isinstance(call.result, tuple | list) else [call.result]
        try:
            if name in VIEWS:
                values = self._views(call.operation, args, kwargs)
            elif name in ORDERED:
                if id(results[1]) in self._used:
                    raise UnsupportedError
                values = [ORDERED[name](self._builder, args, kwargs)]
            elif name in WRITES:
                values = [self._write(call.args[0], args[0], args[1] if len(args) > 1 else 0)]
            elif len(results) > 1 or not isinstance(results[0], Tensor) or results[0].dtype not in TYPES:
                raise UnsupportedError
            elif name.endswith("_") and name[:-1] in KNOWN:
                value = self._builder.compute(name[:-1], args, kwargs, results[0])
                values = [self._write(call.args[0], args[0], value)]
            else:
                values = [self._builder.compute(name, args, kwargs, results[0])]
        except UnsupportedError as error:
            raise UnsupportedError(f"{call.operation}{error}") from None
        for result, value in zip(results, values, strict=False):
            self._values[id(result)] = value

    def _value(self, tensor: Tensor) -> View:
        value = self._values.get(id(tensor))
        if value is None:
            raise UnsupportedError("a tensor that is no argument")
        if value.node in self._overwritten:
            raise UnsupportedError("a view of a tensor that was overwritten")
        return value

    def _views(self, operation: Any, args: Any, kwargs: Mapping[str, Any]) -> list[View]:
        """Any views of a view: PyTorch computes their strides, on a tensor without memory."""
        value, *rest = args
        see: Any = torch.ops.aten.view.default if "unsafe_view" in operation.name() else operation
        try:
            seen = see(value.meta, *rest, **kwargs)
        except RuntimeError:  # PyTorch's tensor had other strides than ours
            value = self._builder.copied(value, value.node.dtype)
            seen = see(value.meta, *rest, **kwargs)
        return [View(value.node, each) for each in ([seen] if isinstance(seen, Tensor) else seen)]

    def _write(self, tensor: Tensor, old: View, value: View | float) -> View:
        """Replaces the value of a tensor as a whole. Other views of the old value cannot be read any more.

        Arguments:
            tensor: the tensor of the recording.
            old: its value.
            value: its new value, which is broadcast.
        """
        is_new = any(old.node is access.node for access in self.outputs.values())
        if not old.access().is_identity or (is_new and id(tensor) not in self._arguments):
            raise UnsupportedError(" into a view")
        if not isinstance(value, View):
            like = torch.empty(old.meta.shape, dtype=old.node.dtype, device="meta")
            value = self._builder.constant(value, like)
        if value.node.dtype != old.node.dtype:
            value = self._builder.copied(value, old.node.dtype)
        if isinstance(value.node, Argument):  # which may be written, too, before this is
            value = self._builder.copied(value, value.node.dtype)
        if isinstance(old.node, Argument):
            self._arguments[id(tensor)] = old.node
        if (argument := self._arguments.get(id(tensor))) is not None:
            self.outputs[argument] = value.access(old.meta.shape)
        if value.node is not old.node:
            self._overwritten.add(old.node)
        return View(value.node, value.meta.expand(old.meta.shape))


ORDERED: dict[str, Callable[[Builder, Any, Mapping[str, Any]], View]] = {
    "kthvalue": Builder.kthvalue,
    "sort": Builder.sort,
}
"""Operations that give values and their indices, of which loops compute the values."""
WRITES = frozenset(["copy_", "fill_", "zero_"])
KNOWN = frozenset(
    [*SPECIAL, *ORDERED, *WRITES, *VIEWS, *CREATED, *REDUCTIONS, *COPIES, *COMPARISONS, *POINTWISE]
)
"""All operations that loops may be able to compute."""
