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
    "`ratio`: a's estimate over b's, less than 1 when a is better, with its own 95% interval. `p`: paired "
    "by seed (t on logarithms) where seeds are shared and no run was lost; `corrected` for all that was "
    "compared. `seeds needed`: to find a difference of 10 % with a chance of 0.8 at this spread. "
    "`improvement`: the chance that a run of a is better than one of b."
)
EFFECTS = (
    "`ratio`: the level's geometric mean over that of the level it is held against, over the rest of the "
    "grid, computed in each seed. `corrected` for all keys and interactions of the sweep, and for the levels."
)


def estimates_caption(sweep: Sweep, escaped: Callable[[str], str] = printable) -> str:
    """The explanation of the comparison table. escaped: writes the names of metrics for the kind of file."""
    metrics = escaped(" or ".join(sweep.configurations["metric"].unique()))
    return (
        f"The estimate is of each run's mean {metrics} over its last 20 % of evaluations, over the n "
        f"runs that ended well: their geometric mean (the mean where values can be negative) with a "
        f"{CONFIDENCE:.0%} t interval. Less is better. Configurations that are not separated from the "
        f"best share its rank (`1=`). `seconds`: computing time of all its runs."
    )
