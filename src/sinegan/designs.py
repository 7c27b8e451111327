"""Designs: how many seeds a sweep trains, a fixed number or as many as its question needs."""

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

from sinegan.schema import bounded

GROWTH = 1.5
"""From one look to the next, the seeds of an open configuration grow by this factor."""
FEWEST = 3
"""Seeds that a test needs."""
BUDGET = "a time or a number of runs, like 90s, 10min, 2h or 500runs; null is for none"
_SECONDS = {"s": 1, "min": 60, "h": 3600}


class Budget(NamedTuple):
    """The limits of a sweep: seconds of a command, and runs in all; infinite for no limit."""

    seconds: float = math.inf
    runs: float = math.inf


@dataclass(frozen=True, kw_only=True)
class Design:
    """The rule by which the configurations of a sweep get their seeds."""

    word: ClassVar[str] = ""
    """The name of the design in commands, after `decide=`."""


@dataclass(frozen=True, kw_only=True)
class Fixed(Design):
    """Every configuration gets as many seeds as `seeds` says."""

    word = "none"


@dataclass(frozen=True, kw_only=True)
class Sequential(Design):
    """At each look, the configurations about which the answer is still open get more seeds."""

    every_pair: ClassVar[bool | None] = None
    """Whether all pairs of configurations are in question; None asks for the best alone."""

    first: int = bounded(4, at_least=FEWEST, at_most=10**6)
    """Seeds of every configuration at the first look."""
    most: int = bounded(64, at_least=FEWEST, at_most=10**6)
    """Seeds at which a configuration gets no more, decided or not."""
    margin: float = bounded(0.1, above=0, below=1)
    """The share by which two configurations may differ and still be equal."""
    budget: str | int | None = None
    """The time or the runs after which the command stops, as `parse_budget` reads them."""

    def conflicts(self) -> Iterator[str]:
        if self.most < self.first:
            yield f"most = {self.most}: must be at least decide.first, which is {self.first}"
        if self.budget is not None and parse_budget(self.budget) is None:
            yield f"budget = {self.budget}: must be {BUDGET}"

    @property
    def spendable(self) -> Budget:
        return (None if self.budget is None else parse_budget(self.budget)) or Budget()

    @property
    def schedule(self) -> list[int]:
        """The number of seeds at each look.

        >>> UntilBest().schedule
        [4, 6, 9, 14, 21, 32, 48, 64]
        """
        seeds = [self.first]
        while seeds[-1] < self.most:
            seeds.append(min(self.most, math.ceil(GROWTH * seeds[-1])))
        return seeds


@dataclass(frozen=True, kw_only=True)
class UntilBest(Sequential):
    """Until the best configuration is better than, or equal to, each of the others that are left."""

    word = "best"


@dataclass(frozen=True, kw_only=True)
class UntilAll(Sequential):
    """Until of every pair of configurations one is better or both are equal."""

    word = "all"
    every_pair = True


def parse_budget(text: str | int) -> Budget | None:
    """Reads a budget; None where it is none.

    >>> parse_budget("1.5h"), parse_budget("200runs"), parse_budget("soon")
    (Budget(seconds=5400.0, runs=inf), Budget(seconds=inf, runs=200.0), None)
    """
    match = re.fullmatch(r"(\d{1,9}(?:\.\d{1,9})?) ?(s|min|h|runs)", str(text))
    if match is None or float(match[1]) == 0:
        return None
    amount, unit = float(match[1]), match[2]
    if unit == "runs":
        return Budget(runs=amount) if amount.is_integer() else None
    return Budget(seconds=amount * _SECONDS[unit])
