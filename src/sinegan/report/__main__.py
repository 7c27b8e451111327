"""python -m sinegan.report DIR …: makes the report of sweeps again, or one table of them."""

import argparse
import math
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from sinegan.printable import PrintableParser, printable_lines
from sinegan.report.load import UnreadableSweepError, load_sweep
from sinegan.report.make import make_report, print_view, report_folder, write_view
from sinegan.report.referee.run_values import SUMMARIES, UnknownNameError
from sinegan.report.words.formats import FORMATS, UnknownFormatError, check_formats
from sinegan.report.words.tables import in_terminal
from sinegan.report.words.views import by_view, pivot_view
from sinegan.storage.results import ResultFilesError


def main() -> None:
    chosen = _parser().parse_args()
    folders: list[Path] = chosen.folders
    try:
        run(chosen, folders)
    except (
        UnusableOptionError,
        UnreadableSweepError,
        UnknownNameError,
        UnknownFormatError,
        ResultFilesError,
    ) as error:
        sys.exit(printable_lines(f"sinegan.report: {error}"))
    except OSError as error:
        sys.exit(printable_lines(f"sinegan.report: cannot write the report of {folders[0]}: {error}"))


def run(chosen: argparse.Namespace, folders: Sequence[Path]) -> None:
    """The whole report, or with any option that shapes a table that table alone."""
    formats = _names("--format", chosen.format, f"of {', '.join(FORMATS)}")
    check_formats(formats)
    by = None if chosen.by is None else _names("--by", chosen.by, "of swept keys")
    rows, columns, metric = (
        None if given is None else _name(option, given)
        for option, given in (
            ("--rows", chosen.rows),
            ("--columns", chosen.columns),
            ("--metric", chosen.metric),
        )
    )
    tolerance = None if chosen.tolerance is None else _above_0("--tolerance", chosen.tolerance)
    first, *more = folders
    if (by, rows, columns, metric, tolerance) == (None,) * 5:
        make_report(first, more=more, formats=formats)
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
        view = pivot_view(sweep, rows, columns, metric, tolerance)
    else:
        view = by_view(sweep, by or [], metric, tolerance)
    written = write_view(view, report_folder(first, more), formats)
    console = Console()
    print_view(view, console)
    for path in written:
        console.print(in_terminal(str(path)), soft_wrap=True)


class UnusableOptionError(ValueError):
    """An option's value cannot be used; the message says what is allowed."""


def _names(option: str, text: str, kind: str) -> list[str]:
    """The names in a list with commas, each once."""
    names = [name.strip() for name in text.split(",")]
    if not all(names):
        raise UnusableOptionError(f"{option} {text!r}: must be a list {kind}, with a name between the commas")
    return list(dict.fromkeys(names))


def _name(option: str, text: str) -> str:
    if not text.strip():
        raise UnusableOptionError(f"{option} {text!r}: must be a name")
    return text.strip()


def _above_0(option: str, text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not 0 < number < math.inf:
        raise UnusableOptionError(f"{option} {text!r}: must be a number above 0, and finite")
    return number


def _parser() -> argparse.ArgumentParser:
    parser = PrintableParser(
        prog="python -m sinegan.report",
        description="Makes the report of a sweep, or of a single run, from its files: the comparison "
        "table (printed, and as report/configurations.csv and .md), all comparisons, the effects of the "
        "swept keys and the figures. Several sweeps are merged. It works on an unfinished or interrupted "
        "sweep, too. With --by, --metric or --rows and --columns it makes that table alone.",
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
        "--tolerance",
        metavar="NUMBER",
        help="of steps_to_tolerance; by default a tenth of what the untrained generators have",
    )
    return parser


if __name__ == "__main__":
    main()
