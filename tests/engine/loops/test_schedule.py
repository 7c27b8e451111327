"""A schedule computes each value before it is read, and keeps it for as long as it is read."""

from hypothesis import given, settings
from hypothesis import strategies as st
from random_functions import arguments, random_function

from sinegan.engine.loops.lowering import Lowering
from sinegan.engine.loops.nodes import Argument, Node, Pointwise
from sinegan.engine.loops.recording import record
from sinegan.engine.loops.schedule import Loop, Schedule


def scheduled(seed: int) -> tuple[Schedule, list[list[Node]]]:
    """A schedule, and the roots of each of its steps."""
    function = random_function(seed, operations=20)
    recording = record(lambda *tensors: function(list(tensors)), arguments(seed))
    schedule = Schedule(Lowering(recording))
    return schedule, [step.roots if isinstance(step, Loop) else [step] for step in schedule.steps]


def leaves(schedule: Schedule, root: Node) -> set[Node]:
    """The roots and arguments that are read to compute a root."""
    found: set[Node] = set()
    waiting = [root]
    while waiting:
        for access in waiting.pop().reads():
            if isinstance(access.node, Argument) or access.node in schedule.roots:
                found.add(access.node)
            else:
                waiting.append(access.node)
    return found


@given(st.integers(0, 10**6))
@settings(max_examples=200)
def test_each_root_is_computed_once_and_after_all_that_it_reads(seed: int) -> None:
    schedule, steps = scheduled(seed)
    assert sorted(map(id, (root for roots in steps for root in roots))) == sorted(map(id, schedule.roots))
    done: set[Node] = set(schedule.arguments)
    for roots in steps:
        for place, root in enumerate(roots):
            # In a loop, an element of an earlier root of the loop is at hand.
            assert leaves(schedule, root) <= done | {
                each for each in roots[:place] if isinstance(each, Pointwise)
            }
        done |= set(roots)
    for argument, access in schedule.copies:
        assert access.node in done
        assert argument not in schedule.homes.values()


@given(st.integers(0, 10**6))
@settings(max_examples=200)
def test_memory_that_is_still_read_is_not_given_away(seed: int) -> None:
    schedule, steps = scheduled(seed)
    last_read: dict[Node, int] = {}
    for place, roots in enumerate(steps):
        for root in roots:
            last_read |= dict.fromkeys(leaves(schedule, root), place)
    last_read |= {access.node: len(steps) for _, access in schedule.copies}
    made = {root: place for place, roots in enumerate(steps) for root in roots}
    for root, argument in schedule.homes.items():
        assert last_read.get(argument, -1) <= made[root]
    stored = list(schedule.offsets)
    for one in stored:
        assert schedule.offsets[one] + one.numel * one.dtype.itemsize <= schedule.size
        for other in stored:
            if one is not other and made[one] <= made[other] <= last_read.get(one, made[one]):
                apart = (
                    schedule.offsets[one] + one.numel * one.dtype.itemsize <= schedule.offsets[other]
                    or schedule.offsets[other] + other.numel * other.dtype.itemsize <= schedule.offsets[one]
                )
                assert apart
    for root in schedule.roots:
        read_later = last_read.get(root, -1) > made[root]
        assert schedule.is_stored(root) or not read_later
