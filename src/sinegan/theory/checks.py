"""All checks, each on the configurations of a sweep that it applies to."""

from matplotlib.figure import Figure

from sinegan.report.sweep import Sweep
from sinegan.storage.results import records
from sinegan.theory import dirac, modes, optimum, tutorial, vanishing
from sinegan.theory.common import Check, Row

CHECKS = (
    Check(dirac.applies, dirac.rows, dirac.pictures),
    Check(optimum.applies, optimum.rows),
    Check(vanishing.applies, vanishing.rows, vanishing.pictures),
    Check(tutorial.applies, tutorial.rows),
    Check(modes.applies, modes.rows),
)


def theory_rows(sweep: Sweep) -> list[Row]:
    """A row with COLUMNS for each comparison of an expectation with a result."""
    return [row for check in CHECKS for row in check.rows(sweep, _chosen(sweep, check))]


def theory_pictures(sweep: Sweep) -> dict[str, Figure]:
    """The pictures of all checks, by file name."""
    figures: dict[str, Figure] = {}
    for check in CHECKS:
        figures |= check.pictures(sweep, _chosen(sweep, check))
    return figures


def _chosen(sweep: Sweep, check: Check) -> list[Row]:
    rows = records(sweep.configurations)
    return [row for row in rows if check.applies(sweep.settings[row["configuration"]])]
