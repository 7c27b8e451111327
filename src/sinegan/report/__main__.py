"""python -m sinegan.report DIR …: makes the report of sweeps again, or one table of them."""

import argparse
import sys
from pathlib import Path

from rich.console import Console

from sinegan.printable import PrintableParser, print_what_can_be_shown, printable_lines
from sinegan.report.compare import main as compare_scores
from sinegan.report.load import UnreadableSweepError, load_sweep
from sinegan.report.make import make_report, print_view, report_folder, stored_margin, write_view
from sinegan.report.options import UnusableOptionError, above_0, name, names, share
from sinegan.report.referee.run_values import SUMMARIES, UnknownNameError
from sinegan.report.scores import UnreadableScoresError
from sinegan.report.words.formats import FORMATS, UnknownFormatError, check_formats
from sinegan.report.words.tables import in_terminal
from sinegan.report.words.views import by_view, pivot_view
from sinegan.storage.results import ResultFilesError

COMPARE = "compare"
"""The word instead of a folder with which a table of scores is judged."""


def main() -> None:
    """Runs the command that was typed."""
    print_what_can_be_shown()
    first, *others = sys.argv[1:] or [""]
    try:
        if first == COMPARE:
            compare_scores(others)
        else:
            report(_parser().parse_args())
    except (
        UnusableOptionError,
        UnreadableSweepError,
        UnreadableScoresError,
        UnknownNameError,
        UnknownFormatError,
        ResultFilesError,
    ) as error:
        sys.exit(printable_lines(f"sinegan.report: {error}"))
    except OSError as error:
        sys.exit(printable_lines(f"sinegan.report: cannot write the report: {error}"))


def report(chosen: argparse.Namespace) -> None:
    """The whole report, or with any option that shapes a table that table alone."""
    formats = names("--format", chosen.format, f"of {', '.join(FORMATS)}")
    check_formats(formats)
    by = None if chosen.by is None else names("--by", chosen.by, "of swept keys")
    rows, columns, metric = (
        None if given is None else name(option, given)
        for option, given in (
            ("--rows", chosen.rows),
            ("--columns", chosen.columns),
            ("--metric", chosen.metric),
        )
    )
    tolerance = None if chosen.tolerance is None else above_0("--tolerance", chosen.tolerance)
    margin = None if chosen.margin is None else share("--margin", chosen.margin)
    folders: list[Path] = chosen.folders
    first, *more = folders
    if (by, rows, columns, metric, tolerance) == (None,) * 5:
        make_report(first, more=more, formats=formats, margin=margin)
        return
    if (rows is None) != (columns is None):
        raise UnusableOptionError("--rows and --columns: give both, a swept key each")
    if rows is not None and rows == columns:
        raise UnusableOptionError(f"--rows and --columns: both are {rows}; give two keys")
    if by and rows:
        raise UnusableOptionError(
            "--by and --rows: give one of them; a pivot table is by its rows and columns"
        )
    sweep = load_sweep(first, *more)
    if rows and columns:
        view = pivot_view(sweep, rows, columns, metric, tolerance, margin or stored_margin(sweep))
    else:
        view = by_view(sweep, by or [], metric, tolerance, margin or stored_margin(sweep))
    written = write_view(view, report_folder(first, more), formats)
    console = Console()
    print_view(view, console)
    for path in written:
        console.print(in_terminal(str(path)), soft_wrap=True)


def _parser() -> argparse.ArgumentParser:
    parser = PrintableParser(
        prog="python -m sinegan.report",
        description="Makes the report of a sweep, or of a single run, from its files: the comparison "
        "table (printed, and as report/configurations.csv and .md), all comparisons, the effects of the "
        "swept keys and the figures. Several sweeps are merged. It works on an unfinished or interrupted "
        "sweep, too. With --by, --metric or --rows and --columns it makes that table alone. "
        "`python -m sinegan.report compare FILE` judges any table of scores.",
    )
    parser.add_argument(
        "folders", type=Path, nargs="+", metavar="DIR", help="a folder below outputs/sweeps or outputs/runs"
    )
    parser.add_argument("--by", metavar="KEY,…", help="a row for each combination of these keys")
    parser.add_argument(
        "--metric",
        metavar="NAME",
        help=f"a column of history.csv (its mean over the last 20 %% of evaluations), or of the primary "
        f"metric: {', '.join(SUMMARIES)}",
    )
    parser.add_argument("--rows", metavar="KEY", help="with --columns: a pivot table of two keys")
    parser.add_argument("--columns", metavar="KEY")
    parser.add_argument(
        "--format", default="md,csv", metavar="NAME,…", help=f"of the files: {', '.join(FORMATS)}"
    )
    parser.add_argument(
        "--margin",
        metavar="SHARE",
        help="two that differ by less are equal (default: the sweep's margin, 0.1)",
    )
    parser.add_argument(
        "--tolerance",
        metavar="NUMBER",
        help="of steps_to_tolerance; by default a tenth of what the untrained generators have",
    )
    return parser


if __name__ == "__main__":
    main()
