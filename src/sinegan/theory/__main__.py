"""python -m sinegan.theory FOLDER: checks a sweep against theory, expected next to measured.

Writes `report/theory.csv` into the folder, and the pictures of the checks as PNG.
"""

import sys
from pathlib import Path

import pandas as pd

from sinegan.printable import PrintableParser, print_what_can_be_shown, printable, printable_lines
from sinegan.report.figures.style import png
from sinegan.report.load import UnreadableSweepError, load_sweep
from sinegan.report.make import report_folder
from sinegan.storage.files import UnwritableFileError, write_whole
from sinegan.storage.results import ResultFilesError, csv, records
from sinegan.theory.checks import theory_pictures, theory_rows
from sinegan.theory.common import COLUMNS


def main() -> None:
    """Prints the checks of a folder and writes them. Exits 1 when one does not hold or there is none."""
    print_what_can_be_shown()
    parser = PrintableParser(
        prog="python -m sinegan.theory", description="theory against the results of a sweep"
    )
    parser.add_argument("folder", type=Path, help="of a sweep: outputs/sweeps/<date>/<time>")
    folder: Path = parser.parse_args().folder
    try:
        table, path = check_folder(folder)
    except (UnreadableSweepError, UnwritableFileError, ResultFilesError) as error:
        sys.exit(printable_lines(f"sinegan: {error}"))
    for row in records(table):
        shown = {name: printable(str(value)) for name, value in row.items()}
        result = "holds" if row["holds"] else "FAILS"
        print(f"{result:6}{shown['check']}: {shown['variant']} ({shown['update']})")
        print(f"      expected {shown['expected']}, found {shown['found']}")
    print(printable_lines(f"{table['holds'].sum()} of {len(table)} hold: {path}"))
    sys.exit(0 if table["holds"].all() else 1)


def check_folder(folder: Path) -> tuple[pd.DataFrame, Path]:
    """Writes the checks of a sweep and their pictures; returns the table with COLUMNS, and its file.

    Raises UnreadableSweepError also when no check applies to the sweep.
    """
    sweep = load_sweep(folder)
    report = report_folder(folder)
    table = pd.DataFrame(theory_rows(sweep), columns=COLUMNS)
    if table.empty:
        raise UnreadableSweepError(f"{folder}: holds nothing to check; train experiment=theory/dirac, say")
    write_whole(report / "theory.csv", csv(table))
    for name, figure in theory_pictures(sweep).items():
        write_whole(report / f"{name}.png", png(figure))
    return table, report / "theory.csv"


if __name__ == "__main__":
    main()
