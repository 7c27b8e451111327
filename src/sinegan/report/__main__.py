"""python -m sinegan.report DIR: makes the report of a sweep again, finished or not."""

import argparse
import sys
from pathlib import Path

from sinegan.report.make import make_report
from sinegan.report.tables import UnreadableSweepError


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m sinegan.report",
        description="Makes the report of a sweep, or of a single run, from its files: the comparison "
        "table (printed, and as report/configurations.csv and .md) and the figures. It works on an "
        "unfinished or interrupted sweep, too.",
    )
    parser.add_argument("folder", type=Path, help="a folder below outputs/sweeps or outputs/runs")
    folder: Path = parser.parse_args().folder
    try:
        make_report(folder)
    except UnreadableSweepError as error:
        sys.exit(f"sinegan.report: {error}")
    except OSError as error:
        sys.exit(f"sinegan.report: cannot write the report of {folder}: {error}")


if __name__ == "__main__":
    main()
