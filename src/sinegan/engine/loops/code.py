"""Writes the C++ of a schedule: a function for each step, and `run`, which calls them for all lanes."""

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from torch import Tensor

from sinegan.engine.loops.nodes import (
    Access,
    Argument,
    Assembly,
    Node,
    Ordered,
    Pointwise,
    Product,
    Reduction,
    Shape,
    contiguous_strides,
)
from sinegan.engine.loops.operations import REDUCTIONS
from sinegan.engine.loops.schedule import Loop, Schedule, axes_read

FRAME = """\
#include "arithmetic.h"
#include "lanes.h"
#include "order.h"
#include "products.h"

namespace {{

{functions}
void step(char* const* arguments, char* memory) {{
{calls}}}

}}  // namespace

extern "C" void run(
    char* const* data, const int64_t* by_step, const int64_t* by_lane, int64_t steps, int64_t lanes) {{
  each_lane<{arguments}, {size}>(step, data, by_step, by_lane, steps, lanes);
}}
"""

ADDED = {"sum": "+", "prod": "*"}
"""The reductions that compilers may split into vectors of partial results."""


def source(schedule: Schedule) -> str:
    """The C++ of a program, with the function `run` that `native.Native` calls."""
    functions: list[str] = []
    calls: list[str] = []

    def function(body: str) -> None:
        name = f"part{len(functions)}"
        functions.append(f"void {name}(char* const* arguments, char* memory) {{\n{body}}}\n")
        calls.append(f"  {name}(arguments, memory);\n")

    for step in schedule.steps:
        if isinstance(step, Loop):
            function(_loop(schedule, step))
        elif isinstance(step, Assembly):
            function(_assembly(schedule, step))
        elif isinstance(step, Ordered):
            calls.append(_ordered(schedule, step))
        elif isinstance(step, Product):
            calls += _products(schedule, step)
    for argument, access in schedule.copies:
        function(_copy(schedule, access, argument, contiguous_strides(access.sizes), 0))
    return FRAME.format(
        functions="\n".join(functions),
        calls="".join(calls),
        arguments=len(schedule.arguments),
        size=schedule.size,
    )


def _address(schedule: Schedule, node: Node) -> str:
    place = schedule.homes.get(node, node)
    if isinstance(place, Argument):
        return f"reinterpret_cast<{node.type}*>(arguments[{place.place}])"
    return f"reinterpret_cast<{node.type}*>(memory + {schedule.offsets[node]})"


def _products(schedule: Schedule, node: Product) -> Iterator[str]:
    """A call for each of the matrices."""

    def matrix(of: Node, meta: Tensor, number: int) -> str:
        offset = int(meta.storage_offset()) + (number * meta.stride(0) if meta.ndim == 3 else 0)
        row, column = (
            stride if length != 1 else usual
            for length, stride, usual in zip(
                meta.shape[-2:], meta.stride()[-2:], (meta.shape[-1], 1), strict=True
            )
        )
        return f"{{{_address(schedule, of)} + {offset}, {row}, {column}}}"

    a, b, result = node.a.meta, node.b.meta, node.result
    sizes = f"{result.shape[-2]}, {result.shape[-1]}, {a.shape[-1]}"
    for number in range(result.shape[0] if result.ndim == 3 else 1):
        matrices = [
            matrix(of, meta, number) for of, meta in ((node.a.node, a), (node.b.node, b), (node, result))
        ]
        yield f"  product<{node.type}>({', '.join(matrices)}, {sizes});\n"


def _ordered(schedule: Schedule, node: Ordered) -> str:
    lines, result = _address(schedule, node.lines.node), _address(schedule, node)
    sizes = f"{math.prod(node.lines.sizes) // node.length}, {node.length}"
    if node.rank is None:
        return f"  sort_lines({lines}, {sizes}, {result});\n"
    return f"  select_from_lines({lines}, {sizes}, {node.rank}, {result});\n"


def _assembly(schedule: Schedule, node: Assembly) -> str:
    address = _address(schedule, node)
    zeros = "" if node.is_covered else f"  std::fill_n({address}, {node.numel}, {node.type}(0));\n"
    parts = [_copy(schedule, read, node, strides, offset) for read, strides, offset in node.parts]
    return zeros + "".join(f"  {{\n{part}  }}\n" for part in parts)


def _copy(schedule: Schedule, read: Access, to: Node, strides: Shape, offset: int) -> str:
    nest = _Nest(schedule, read.sizes)
    nest.store(to, strides, offset, nest.load(read.node, read.strides, read.offset))
    return nest.text()


def _loop(schedule: Schedule, loop: Loop) -> str:
    nest = _Nest(schedule, loop.space)
    for root in loop.roots:
        if isinstance(root, Pointwise):
            nest.compute_root(root)
        elif isinstance(root, Reduction):
            nest.reduce(root)
    return nest.text()


@dataclass(frozen=True)
class _Place:
    """An element in memory, for each turn of a nest."""

    pointer: str
    strides: Shape
    offset: int


@dataclass
class _Nest:
    """A loop nest. space: its lengths."""

    schedule: Schedule
    space: Shape
    pointers: dict[Node, str] = field(default_factory=dict)
    declarations: list[str] = field(default_factory=list)
    names: dict[object, str] = field(default_factory=dict)
    body: list[tuple[str, _Place | None]] = field(default_factory=list)
    """Lines, with the place that stands for {} in them."""
    stores: list[tuple[str, _Place]] = field(default_factory=list)
    reductions: list[tuple[Reduction, str, _Place]] = field(default_factory=list)
    numbers: Iterator[int] = field(default_factory=itertools.count)

    def __post_init__(self) -> None:
        self.own_strides = contiguous_strides(self.space)

    # What is computed.

    def compute_root(self, root: Pointwise) -> None:
        name = self._compute(root, list(range(len(self.space))))
        self.names[root, self.own_strides, 0] = name
        if self.schedule.is_stored(root):
            self.store(root, self.own_strides, 0, name)

    def reduce(self, root: Reduction) -> None:
        read = root.input
        name = self._value(read.node, read.strides, read.offset)
        self.reductions.append((root, name, self._place(root, root.strides, 0)))

    def store(self, node: Node, strides: Shape, offset: int, name: str) -> None:
        """Stores come after all loads of a turn: an argument that is replaced is read before."""
        self.stores.append((f"{{}} = {name};", self._place(node, strides, offset)))

    def load(self, node: Node, strides: Shape, offset: int) -> str:
        place = self._place(node, strides, offset)
        if place not in self.names:
            self.names[place] = self._named(node.type, "{}", place)
        return self.names[place]

    def _value(self, node: Node, strides: Shape, offset: int) -> str:
        """The name of an element of a node, which is read or computed."""
        if (known := self.names.get((node, strides, offset))) is not None:
            return known
        if isinstance(node, Argument) or node in self.schedule.roots:
            return self.load(node, strides, offset)
        assert isinstance(node, Pointwise)
        axes = axes_read(node, strides, self.space)
        assert axes is not None
        self.names[node, strides, offset] = name = self._compute(node, axes)
        return name

    def _compute(self, node: Pointwise, axes: Sequence[int | None]) -> str:
        """The name of an element of a node. axes: those of the node along the axes of the nest."""
        operands = [
            self._value(
                each.node, tuple(0 if axis is None else each.strides[axis] for axis in axes), each.offset
            )
            if isinstance(each, Access)
            else each
            for each in node.inputs
        ]
        return self._named(node.type, node.write(*operands), None)

    def _named(self, kind: str, expression: str, place: _Place | None) -> str:
        name = f"v{next(self.numbers)}"
        self.body.append((f"const {kind} {name} = {expression};", place))
        return name

    def _place(self, node: Node, strides: Shape, offset: int) -> _Place:
        at = self.schedule.homes.get(node, node)
        if at not in self.pointers:
            self.pointers[at] = f"p{len(self.pointers)}"
            address = _address(self.schedule, node)
            self.declarations.append(f"{node.type}* __restrict {self.pointers[at]} = {address};")
        return _Place(self.pointers[at], strides, offset)

    # How it is written.

    def text(self) -> str:
        places = [place for _, place in [*self.body, *self.stores] if place is not None]
        places += [place for _, _, place in self.reductions]
        axes = _merged(self.space, [place.strides for place in places])
        at = {
            place: _element(place, [strides[number] for _, strides in axes])
            for number, place in enumerate(places)
        }
        repeated: list[str] = []
        inner: list[str] = []
        for line, place in self.body:
            # GCC makes no vectors of some loops that read one element at every turn.
            once = place is not None and axes and axes[-1][1][places.index(place)] == 0
            (repeated if once else inner).append(line if place is None else line.format(at[place]))
        inner += [line.format(at[place]) for line, place in self.stores]
        before, after, split = self._reduced(inner, at, axes, places)
        lines = [*self.declarations, *self._begun()]
        if not axes:
            return _indented([*lines, *before, *inner, *after], 1)
        before = [*repeated, *before]
        text = _indented(lines, 1)
        for depth, (length, _) in enumerate(axes):
            if depth == len(axes) - 1:
                text += _indented(before, depth + 1) + f"#pragma omp simd{split}\n"
            text += _indented([f"for (int64_t i{depth} = 0; i{depth} < {length}; ++i{depth}) {{"], depth + 1)
        text += _indented(inner, len(axes) + 1)
        for depth in range(len(axes) - 1, -1, -1):
            text += _indented(["}", *(after if depth == len(axes) - 1 else [])], depth + 1)
        return text

    def _begun(self) -> Iterator[str]:
        """The first values of reductions."""
        for root, _, place in self.reductions:
            start = f"{root.type}({REDUCTIONS[root.kind][0]})"
            yield f"std::fill_n({place.pointer}, {root.numel}, {start});"

    def _reduced(
        self,
        inner: list[str],
        at: Mapping[_Place, str],
        axes: Sequence[tuple[int, Sequence[int]]],
        places: Sequence[_Place],
    ) -> tuple[list[str], list[str], str]:
        """Adds the reductions to the innermost lines. Along the last axis, the result stays in a register.

        Returns the lines before and after the innermost loop, and the clause that lets compilers split it.
        """
        before, after, split = [], [], ""
        for number, (root, name, place) in enumerate(self.reductions):
            start, combine = REDUCTIONS[root.kind]
            total = at[place]
            if axes and axes[-1][1][places.index(place)] == 0:
                before.append(f"{root.type} r{number} = {root.type}({start});")
                inner.append(f"r{number} = {combine.format(f'r{number}', name)};")
                after.append(f"{total} = {combine.format(total, f'r{number}')};")
                if root.kind in ADDED:
                    split += f" reduction({ADDED[root.kind]}:r{number})"
            else:
                inner.append(f"{total} = {combine.format(total, name)};")
        return before, after, split


def _merged(space: Shape, tables: Sequence[Shape]) -> list[tuple[int, list[int]]]:
    """The lengths of the loops, each with the strides of all places along it.

    Neighbouring axes are one loop where every place runs through both without a jump.
    """
    axes: list[tuple[int, list[int]]] = []
    for axis, length in enumerate(space):
        strides = [table[axis] for table in tables]
        if axes and all(outer == length * now for outer, now in zip(axes[-1][1], strides, strict=True)):
            axes[-1] = axes[-1][0] * length, strides
        else:
            axes.append((length, strides))
    return axes


def _element(place: _Place, strides: Sequence[int]) -> str:
    terms = [
        f"i{axis}" if stride == 1 else f"i{axis} * {stride}" for axis, stride in enumerate(strides) if stride
    ]
    if place.offset:
        terms.append(str(place.offset))
    return f"{place.pointer}[{' + '.join(terms) or '0'}]"


def _indented(lines: Sequence[str], depth: int) -> str:
    return "".join(f"{'  ' * depth}{line}\n" for line in lines)
