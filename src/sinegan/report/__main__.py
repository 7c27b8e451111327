"""python -m sinegan.report DIR …: makes the report of sweeps again, or one table of them."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from sinegan.printable import printable_lines
from sinegan.report.formats import FORMATS, UnknownFormatError, check_formats
from sinegan.report.make import make_report, print_view, report_folder, write_view
from sinegan.report.samples import SUMMARIES, UnknownNameError
from sinegan.report.tables import UnreadableSweepError, load_sweep
from sinegan.report.text import in_terminal
from sinegan.report.views import by_view, pivot_view
from sinegan.results import ResultFilesError


def main() -> None:
    chosen = _parser().parse_args()
    folders: list[Path] = chosen.folders
    try:
        run(chosen, folders)
    except (UnreadableSweepError, UnknownNameError, UnknownFormatError, ResultFilesError) as error:
        sys.exit(printable_lines(f"sinegan.report: {error}"))
    except OSError as error:
        sys.exit(printable_lines(f"sinegan.report: cannot write the report of {folders[0]}: {error}"))


def run(chosen: argparse.Namespace, folders: Sequence[Path]) -> None:
    """The whole report, or with any option that shapes a table that table alone."""
    formats = _words(chosen.format)
    check_formats(formats)
    by, (first, *more) = _words(chosen.by), folders
    if not (by or chosen.metric or chosen.rows or chosen.columns or chosen.tolerance is not None):
        make_report(first, more=more, formats=formats)
        return
    if bool(chosen.rows) != bool(chosen.columns):
        raise UnknownNameError("--rows and --columns: give both, a swept key each")
    if by and chosen.rows:
        raise UnknownNameError("--by and --rows: give one of them; a pivot table is by its rows and columns")
    sweep = load_sweep(first, *more)
    if chosen.rows:
        view = pivot_view(sweep, chosen.rows, chosen.columns, chosen.metric, chosen.tolerance)
    else:
        view = by_view(sweep, by, chosen.metric, chosen.tolerance)
    written = write_view(view, report_folder(first, more), formats)
    console = Console()
    print_view(view, console)
    for path in written:
        console.print(in_terminal(str(path)), soft_wrap=True)


def _words(text: str) -> list[str]:
    return [word.strip() for word in text.split(",") if word.strip()]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m sinegan.report",
        description="Makes the report of a sweep, or of a single run, from its files: the comparison "
        "table (printed, and as report/configurations.csv and .md), all comparisons, the effects of the "
        "swept keys and the figures. Several sweeps are merged. It works on an unfinished or interrupted "
        "sweep, too. With --by, --metric or --rows and --columns it makes that table alone.",
    )
    parser.add_argument(
        "folders", type=Path, nargs="+", metavar="DIR", help="a folder below outputs/sweeps or outputs/runs"
    )
    parser.add_argument("--by", default="", metavar="KEY,…", help="a row for each combination of these keys")
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
        "--tolerance",
        type=float,
        help="of steps_to_tolerance; by default a tenth of what the untrained generators have",
    )
    return parser


if __name__ == "__main__":
    main()
