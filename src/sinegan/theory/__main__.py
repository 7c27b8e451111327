"""python -m sinegan.theory FOLDER: checks a sweep against theory, expected next to found.

Writes `report/theory.csv` into the folder, and the pictures of the checks as PNG.
"""

import sys
from pathlib import Path

import pandas as pd

from sinegan.printable import PrintableParser, printable, printable_lines
from sinegan.report.figures.style import png
from sinegan.report.load import UnreadableSweepError, load_sweep
from sinegan.report.make import report_folder
from sinegan.storage.files import UnwritableFileError, write_whole
from sinegan.storage.results import csv, records
from sinegan.theory.checks import theory_pictures, theory_rows
from sinegan.theory.common import COLUMNS


def main() -> None:
    """Prints the checks and writes them. Exits 1 when one does not hold."""
    parser = PrintableParser(
        prog="python -m sinegan.theory", description="theory against the results of a sweep"
    )
    parser.add_argument("folder", type=Path, help="of a sweep: outputs/sweeps/<date>/<time>")
    folder: Path = parser.parse_args().folder
    try:
        sweep = load_sweep(folder)
        report = report_folder(folder)
    except (UnreadableSweepError, UnwritableFileError) as error:
        sys.exit(printable_lines(f"sinegan: {error}"))
    table = pd.DataFrame(theory_rows(sweep), columns=COLUMNS)
    if table.empty:
        sys.exit(f"sinegan: {folder}: holds nothing to check; train experiment=theory/dirac, say")
    write_whole(report / "theory.csv", csv(table))
    for name, figure in theory_pictures(sweep).items():
        write_whole(report / f"{name}.png", png(figure))
    for row in records(table):
        shown = {name: printable(str(value)) for name, value in row.items()}
        result = "holds" if row["holds"] else "FAILS"
        print(f"{result:6}{shown['check']}: {shown['variant']} ({shown['update']})")
        print(f"      expected {shown['expected']}, found {shown['found']}")
    print(f"{table['holds'].sum()} of {len(table)} hold: {report / 'theory.csv'}")
    sys.exit(0 if table["holds"].all() else 1)


if __name__ == "__main__":
    main()
