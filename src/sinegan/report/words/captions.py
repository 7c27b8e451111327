"""Explanations of the columns of a report's tables."""

from collections.abc import Callable

from sinegan.printable import printable
from sinegan.report.referee.estimates import LOG_4
from sinegan.report.referee.statistics import CONFIDENCE
from sinegan.report.sweep import Sweep

THEORY = (
    f"At the optimum D(real) = D(fake) = 1/2 and the value V = -log 4 = {-LOG_4:.4f} "
    "(Goodfellow et al. 2014, theorem 1); `gap` is how far V lies above it."
)
COMPARISONS = (
    "`ratio`: the estimate of a, which is the better one, over that of b, with its own 95% interval. `p`: of "
    "this comparison alone; `corrected` for all comparisons of all targets as one family. `verdict`: "
    "`better` (corrected below 0.05), `equal` (they differ by no more than the margin, corrected in the "
    "same family) or `undecided`; then `seeds needed` would decide. `improvement`: the chance that a run of "
    "a is better than one of b."
)
EFFECTS = (
    "`ratio`: the level's geometric mean over that of the level it is held against, over the rest of the "
    "grid, computed in each seed. `corrected` for all keys, levels, interactions and orders of the sweep."
)

DECISIONS = (
    "`outcome`: `best` is better than every other; `equal` ones are equal to the first within the margin; "
    "`dropped` ones, and `decided` ones where every pair is in question, are worse than `against`; `open` "
    "ones are none of these. `decided at`: the seeds of the look that decided. `corrected`: the p-value of "
    "that comparison, corrected for all comparisons, looks and targets."
)


def estimates_caption(sweep: Sweep, escaped: Callable[[str], str] = printable) -> str:
    """The explanation of the comparison table. escaped: writes the names of metrics for the kind of file."""
    metrics = escaped(" or ".join(sweep.configurations["metric"].unique()))
    return (
        f"The estimate is of each run's mean {metrics} over its last 20 % of evaluations, over the n "
        f"runs that ended well: their geometric mean (the mean where values can be negative) with a "
        f"{CONFIDENCE:.0%} t interval. Less is better. A configuration shares the rank of those before "
        f"it (`1=`) unless it is separated from one of them; one that "
        f"lost half of its runs or more has none. `seconds`: computing time of all its runs."
    )
