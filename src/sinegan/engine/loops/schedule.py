"""Decides which nodes share a loop, in which order the loops run, and where their results are kept."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from sinegan.engine.loops.lowering import Lowering
from sinegan.engine.loops.nodes import (
    Access,
    Argument,
    Node,
    Pointwise,
    Shape,
    Standalone,
    contiguous_strides,
)

ALIGNMENT = 64
"""Bytes, of a line of the cache."""
CHEAP = 2
"""A node of at most this cost may be computed again at each use, to save its memory."""


@dataclass(eq=False)
class Loop:
    """Nodes that are computed in one loop nest. space: its lengths."""

    space: Shape
    roots: list[Node] = field(default_factory=list)


Step = Loop | Standalone


class Schedule:
    """The steps of a program, in their order.

    A root is a node that is computed once, and may be stored. Other nodes are computed wherever they are
    used. homes: of the roots that replace an argument, that argument. offsets: of the other roots that are
    stored, their places in the program's memory. size: of this memory, in bytes. copies: arguments that are
    written after all steps.
    """

    def __init__(self, lowering: Lowering) -> None:
        self.arguments = lowering.arguments
        self._outputs = lowering.outputs
        self._order = _scalars_first(_needed(lowering))
        self.roots = self._choose_roots()
        self.steps: list[Step] = []
        self._position: dict[Node, int] = {}
        self._group()
        self.homes: dict[Node, Argument] = {}
        self.copies: list[tuple[Argument, Access]] = []
        self._replace_arguments()
        self.offsets: dict[Node, int] = {}
        self.size = 0
        self._last_use = self._find_last_uses()
        self._assign_memory()

    def is_stored(self, root: Node) -> bool:
        return root in self.homes or root in self.offsets

    # Roots.

    def _choose_roots(self) -> set[Node]:
        written = {access.node for access in self._outputs.values()}
        users: dict[Node, list[tuple[Node, Access]]] = {}
        for node in self._order:
            for access in node.reads():
                users.setdefault(access.node, []).append((node, access))
        roots: set[Node] = set()
        inlined: dict[Node, tuple[int, int]] = {}  # reads and cost of the nodes that are no roots
        for node in self._order:
            if not isinstance(node, Pointwise):
                roots.add(node)
                continue
            of_inputs = [inlined.get(each, (1, 0)) for each in {access.node for access in node.reads()}]
            reads, cost = (sum(each[place] for each in of_inputs) for place in (0, 1))
            cost += node.cost
            uses = users.get(node, [])
            if (
                node in written
                or any(_must_be_stored(node, access, user, cost) for user, access in uses)
                or (len(uses) > 1 and (reads > 1 or cost > CHEAP))
            ):
                roots.add(node)
            else:
                inlined[node] = reads, cost
        return roots

    # Loops.

    def _group(self) -> None:
        for root in self._order:
            if root not in self.roots:
                continue
            place = self._loop_for(root) if not isinstance(root, Standalone) else None
            if place is None:
                place = len(self.steps)
                self.steps.append(root if isinstance(root, Standalone) else Loop(root.space))
            step = self.steps[place]
            if isinstance(step, Loop):
                step.roots.append(root)
            self._position[root] = place

    def _loop_for(self, root: Node) -> int | None:
        """The position of the last loop that can compute a root, too; None where there is none."""
        needs = self._needs(root)
        for place in range(len(self.steps) - 1, -1, -1):
            for other, elementwise in needs.items():
                before = self._position[other]
                if before > place or (before == place and not (elementwise and isinstance(other, Pointwise))):
                    return None
            step = self.steps[place]
            if isinstance(step, Loop) and step.space == root.space:
                return place
        return None

    def _leaves(self, root: Node) -> Iterator[tuple[Node, bool]]:
        """The roots and arguments that a root reads, each with whether element by element."""

        def visit(node: Node, identity: bool) -> Iterator[tuple[Node, bool]]:
            for access in node.reads():
                same = identity and access.is_identity and access.sizes == root.space
                if access.node in self.roots or isinstance(access.node, Argument):
                    yield access.node, same
                else:
                    yield from visit(access.node, same)

        yield from visit(root, True)

    def _needs(self, root: Node) -> dict[Node, bool]:
        """The roots that a root reads, each with whether always element by element."""
        needs: dict[Node, bool] = {}
        for node, same in self._leaves(root):
            if not isinstance(node, Argument):
                needs[node] = needs.get(node, True) and same
        return needs

    # Memory.

    def _replace_arguments(self) -> None:
        """Stores results in the arguments that they replace, where nothing reads the old values later."""
        last_read: dict[Argument, int] = {}
        elsewhere: set[tuple[Argument, int]] = set()  # read in another order than element by element
        for root, place in self._position.items():
            for node, same in self._leaves(root):
                if isinstance(node, Argument):
                    last_read[node] = max(place, last_read.get(node, -1))
                    if not same or not isinstance(self.steps[place], Loop):
                        elsewhere.add((node, place))
        for argument, access in self._outputs.items():
            root, read = access.node, last_read.get(argument, -1)
            place = self._position.get(root, -1)
            if (
                place >= 0
                and root not in self.homes
                and access.is_identity
                and (
                    read < place
                    or (read == place and isinstance(root, Pointwise) and (argument, place) not in elsewhere)
                )
            ):
                self.homes[root] = argument
            else:
                self.copies.append((argument, access))

    def _find_last_uses(self) -> dict[Node, int]:
        last: dict[Node, int] = {}
        for root, place in self._position.items():
            for need in self._needs(root):
                last[need] = max(place, last.get(need, -1))
        for _, access in self.copies:
            last[access.node] = len(self.steps)
        return last

    def _assign_memory(self) -> None:
        """Gives each stored root the first gap that is free from its step to its last use."""
        alive: list[tuple[int, int, int]] = []  # start, end, last use
        for place, step in enumerate(self.steps):
            for root in step.roots if isinstance(step, Loop) else [step]:
                last = self._last_use.get(root, -1)
                if root in self.homes or (isinstance(root, Pointwise) and last <= place):
                    continue
                size = -(-root.numel * root.dtype.itemsize // ALIGNMENT) * ALIGNMENT
                start = _first_gap([(low, high) for low, high, _ in alive], size)
                self.offsets[root] = start
                self.size = max(self.size, start + size)
                alive.append((start, start + size, max(last, place)))
            alive = [each for each in alive if each[2] > place]


def _needed(lowering: Lowering) -> list[Node]:
    """The nodes that some output depends on."""
    wanted = {access.node for access in lowering.outputs.values()}
    kept = []
    for node in reversed(lowering.nodes):
        if node in wanted:
            kept.append(node)
            wanted |= {access.node for access in node.reads()}
    return kept[::-1]


def _scalars_first(order: Sequence[Node]) -> list[Node]:
    """Puts first the scalars that depend on scalar arguments alone, so that they cut no loop in two."""
    early: set[Node] = set()
    for node in order:
        if (
            isinstance(node, Pointwise)
            and node.numel == 1
            and all(
                access.node in early or (isinstance(access.node, Argument) and access.node.numel == 1)
                for access in node.reads()
            )
        ):
            early.add(node)
    return sorted(order, key=lambda node: node not in early)


def _must_be_stored(node: Node, access: Access, user: Node, cost: int) -> bool:
    """Whether a use of a node needs it in memory. cost: of an element, with all that is inlined in it."""
    if isinstance(user, Standalone) or access.offset or axes_read(node, access.strides, access.sizes) is None:
        return True
    return math.prod(access.sizes) > node.numel and cost > CHEAP


def axes_read(node: Node, strides: Shape, sizes: Shape) -> list[int | None] | None:
    """The axis of a node that each axis of a loop runs along, None where it is repeated.

    None as a whole where the loop reads parts of axes, or several as one.
    """
    axes: list[int | None] = []
    own = contiguous_strides(node.shape)
    for size, stride in zip(sizes, strides, strict=True):
        if stride == 0:
            axes.append(None)
            continue
        along = [axis for axis, each in enumerate(own) if each == stride and node.shape[axis] == size]
        if not along:
            return None
        axes.append(along[0])
    return axes


def _first_gap(taken: Sequence[tuple[int, int]], size: int) -> int:
    """The first address from which on so many bytes are free. taken: the ranges that are not."""
    start = 0
    for low, high in sorted(taken):
        if low - start >= size:
            break
        start = max(start, high)
    return start
