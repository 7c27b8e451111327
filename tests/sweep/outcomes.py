"""The outcome of a configuration, for tests to compare."""

from collections import Counter
from dataclasses import dataclass, field


@dataclass
class Outcome:
    """statuses: of the runs, in the files. errors: the failures that were reported."""

    statuses: Counter[str] = field(default_factory=Counter)
    errors: list[tuple[str, str]] = field(default_factory=list)
