"""Nodes: the values of a graph that are computed, and how they are read."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

Shape = tuple[int, ...]
Writer = Callable[..., str]
"""Writes a C++ expression from those of its operands."""

TYPES = {
    torch.float32: "float",
    torch.float64: "double",
    torch.int64: "int64_t",
    torch.int32: "int32_t",
    torch.uint8: "uint8_t",
    torch.bool: "bool",
}
"""The C++ type of each dtype that programs know."""


def without_ones(shape: Sequence[int]) -> Shape:
    return tuple(int(size) for size in shape if size != 1)


def contiguous_strides(shape: Sequence[int]) -> Shape:
    """The distance in elements between neighbours along each axis of a contiguous tensor."""
    return tuple(math.prod(shape[axis + 1 :]) for axis in range(len(shape)))


@dataclass(eq=False, kw_only=True)
class Node:
    """A value. It is contiguous in memory, if it is in memory. shape: without axes of length 1."""

    shape: Shape
    dtype: torch.dtype

    @property
    def numel(self) -> int:
        return math.prod(self.shape)

    @property
    def type(self) -> str:
        """Its C++ type."""
        return TYPES[self.dtype]

    @property
    def space(self) -> Shape:
        """The lengths of the loops that compute it."""
        return self.shape

    def reads(self) -> "Iterator[Access]":
        """What is read to compute it."""
        yield from ()


@dataclass(frozen=True)
class Access:
    """A node as a loop reads it.

    strides: in elements, for each of the loop's axes; 0 where it is repeated.
    """

    node: Node
    sizes: Shape
    strides: Shape
    offset: int = 0

    @property
    def is_identity(self) -> bool:
        """Whether the loop runs over the elements of the node in their order."""
        return (
            self.offset == 0
            and self.sizes == self.node.shape
            and self.strides == contiguous_strides(self.sizes)
        )


@dataclass(eq=False, kw_only=True)
class Argument(Node):
    """An argument of the program. place: its number."""

    place: int


@dataclass(eq=False, kw_only=True)
class Pointwise(Node):
    """A function of elements.

    write: gives its expression. inputs: what it reads, and literals. cost: of one element, roughly in
    additions.
    """

    write: Writer
    inputs: Sequence[Access | str]
    cost: int = 1

    def reads(self) -> Iterator[Access]:
        yield from (each for each in self.inputs if isinstance(each, Access))


@dataclass(eq=False, kw_only=True)
class Reduction(Node):
    """A sum, or the like, along some axes.

    kind: one of `operations.REDUCTIONS`. input: what is read. strides: those of the result along each axis
    of the input; 0 along the axes that are reduced.
    """

    kind: str
    input: Access
    strides: Shape

    @property
    def space(self) -> Shape:
        return self.input.sizes

    def reads(self) -> Iterator[Access]:
        yield self.input


@dataclass(eq=False, kw_only=True)
class Standalone(Node):
    """A value that is computed by itself, from values in memory."""


@dataclass(eq=False, kw_only=True)
class Product(Standalone):
    """Matrix products. a, b, result: (matrices, rows, columns) or (rows, columns)."""

    a: "View"
    b: "View"
    result: Tensor

    def reads(self) -> Iterator[Access]:
        yield self.a.access()
        yield self.b.access()


@dataclass(eq=False, kw_only=True)
class Ordered(Standalone):
    """Lines of numbers in ascending order, or one number of each line; not-a-numbers are last.

    lines: what is read, (lines, length), contiguous. rank: the place of the number that is kept, from 0; None
    if all are.
    """

    lines: Access
    length: int
    rank: int | None

    def reads(self) -> Iterator[Access]:
        yield self.lines


@dataclass(eq=False, kw_only=True)
class Assembly(Standalone):
    """Parts next to each other, and zero elsewhere.

    parts: of each what is read, and the strides and the offset at which it is written.
    """

    parts: list[tuple[Access, Shape, int]] = field(default_factory=list)

    def reads(self) -> Iterator[Access]:
        yield from (read for read, _, _ in self.parts)

    @property
    def is_covered(self) -> bool:
        """Whether the parts leave nothing out."""
        return sum(math.prod(read.sizes) for read, _, _ in self.parts) == self.numel


@dataclass(frozen=True)
class View:
    """A tensor of the graph. meta: has no memory, but the shape, strides and offset with which it is seen."""

    node: Node
    meta: Tensor

    @classmethod
    def whole(cls, node: Node, shape: Sequence[int]) -> "View":
        """All of a node. shape: with axes of length 1."""
        return cls(node, torch.empty(tuple(shape), device="meta"))

    def access(self, shape: Sequence[int] | None = None) -> Access:
        """How a loop over this tensor reads it, or a loop over the shape that it is broadcast to."""
        meta = self.meta if shape is None else self.meta.expand(tuple(shape))
        sizes, strides = _without_ones(meta)
        return Access(self.node, sizes, strides, int(self.meta.storage_offset()))


def part_of(read: View, place: Tensor) -> tuple[Access, Shape, int]:
    """A part of an assembly. place: where it goes, a view of the whole."""
    return read.access(), _without_ones(place)[1], int(place.storage_offset())


def _without_ones(meta: Tensor) -> tuple[Shape, Shape]:
    """The sizes and strides of all axes but those of length 1."""
    kept = [(size, stride) for size, stride in zip(meta.shape, meta.stride(), strict=True) if size != 1]
    return tuple(size for size, _ in kept), tuple(stride for _, stride in kept)
