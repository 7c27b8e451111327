"""Ranks: which configurations follow one another and are not separated."""

import heapq
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

Pair = tuple[str, str]
"""Two configurations, the better one first."""


class Place(NamedTuple):
    """The rank of a configuration, as in sports (1, 1, 1, 4), and the number of its group."""

    rank: int
    group: int


def places(order: Sequence[str], separated: Collection[tuple[str, str]]) -> dict[str, Place]:
    """The place of each configuration.

    A configuration shares the rank of the one before it, unless it is separated from any that has this
    rank: so ranks rise with the estimate, and nobody shares a rank with one that is better. Where only
    the best was compared with the others, all that follow the first group are in the second.

    Arguments:
        order: the configurations, best first.
        separated: the pairs that are, the better one first.
    """
    apart = set(separated)
    by_name: dict[str, Place] = {}
    group: list[str] = []
    for number, name in enumerate(order, start=1):
        if not group or any((better, name) in apart for better in group):
            place = Place(number, by_name[group[0]].group + 1 if group else 1)
            group = []
        group.append(name)
        by_name[name] = place
    return by_name


def with_inferred(separated: Collection[Pair], compared: Collection[Pair]) -> set[Pair]:
    """All pairs of which the first is better: those that are separated, and what follows from them.

    Where x is better than y, and y than z, x is better than z, though the two were never compared: a
    sequential design compares nobody with a configuration that it dropped before.

    Arguments:
        separated: the pairs that were found to be so.
        compared: all pairs with a verdict of their own, which holds.
    """
    worse: dict[str, list[str]] = defaultdict(list)
    for a, b in separated:
        worse[a].append(b)
    known = {frozenset(pair) for pair in compared}
    inferred = {
        (name, other)
        for name in worse
        for other in _below(name, worse)
        if frozenset((name, other)) not in known and name != other
    }
    return {*separated, *(pair for pair in inferred if pair[::-1] not in inferred)}


def _below(name: str, worse: Mapping[str, Sequence[str]]) -> set[str]:
    """All that are worse than a configuration, directly or by way of others."""
    below: set[str] = set()
    ahead = list(worse.get(name, ()))
    while ahead:
        other = ahead.pop()
        if other not in below:
            below.add(other)
            ahead += worse.get(other, ())
    return below


def in_order(names: Sequence[str], better: Collection[Pair]) -> list[str]:
    """The configurations in the order of their estimates, but nobody before one that is better.

    Estimates rest on different numbers of seeds where a design dropped some configurations early: then a
    lucky one can have a better estimate than the one that it lost to.

    Arguments:
        names: the order of the estimates, best first.
        better: the pairs of which the first is better.
    """
    place = {name: index for index, name in enumerate(names)}
    pairs = [(place[a], place[b]) for a, b in better if a in place and b in place]
    if all(a < b for a, b in pairs):
        return list(names)
    worse: dict[int, list[int]] = defaultdict(list)
    waiting = [0] * len(names)
    for a, b in pairs:
        worse[a].append(b)
        waiting[b] += 1
    free = [index for index, count in enumerate(waiting) if not count]
    ordered: dict[int, None] = {}
    while len(ordered) < len(names):
        if not free:  # claims that contradict one another: the estimate decides
            free.append(next(index for index in range(len(names)) if index not in ordered))
        index = heapq.heappop(free)
        if index in ordered:
            continue
        ordered[index] = None
        for other in worse[index]:
            waiting[other] -= 1
            if not waiting[other]:
                heapq.heappush(free, other)
    return [names[index] for index in ordered]
