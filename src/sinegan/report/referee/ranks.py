"""Ranks: which configurations follow one another and are not separated."""

from collections.abc import Collection, Sequence
from typing import NamedTuple


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
