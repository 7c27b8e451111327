"""All checks, each on the configurations of a sweep that it applies to."""

from dataclasses import replace

from matplotlib.figure import Figure

from sinegan.report.sweep import Sweep
from sinegan.storage.results import records
from sinegan.theory import dirac, modes, optimum, tutorial, vanishing
from sinegan.theory.common import Check, Row, add_missing_settings

CHECKS = (
    Check(dirac.applies, dirac.rows, dirac.pictures),
    Check(optimum.applies, optimum.rows),
    Check(vanishing.applies, vanishing.rows, vanishing.pictures),
    Check(tutorial.applies, tutorial.rows),
    Check(modes.applies, modes.rows),
)


def theory_rows(sweep: Sweep) -> list[Row]:
    """A row with COLUMNS for each comparison of an expectation with a result."""
    sweep = _with_all_settings(sweep)
    return [row for check in CHECKS for row in check.rows(sweep, _chosen(sweep, check))]


def theory_pictures(sweep: Sweep) -> dict[str, Figure]:
    """The pictures of all checks, by file name."""
    sweep = _with_all_settings(sweep)
    figures: dict[str, Figure] = {}
    for check in CHECKS:
        figures |= check.pictures(sweep, _chosen(sweep, check))
    return figures


def _with_all_settings(sweep: Sweep) -> Sweep:
    """The sweep with all settings that a check reads."""
    return replace(
        sweep, settings={name: add_missing_settings(each) for name, each in sweep.settings.items()}
    )


def _chosen(sweep: Sweep, check: Check) -> list[Row]:
    rows = records(sweep.configurations)
    return [row for row in rows if check.applies(sweep.settings[row["configuration"]])]
