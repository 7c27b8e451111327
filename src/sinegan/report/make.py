"""Makes the report of a folder: tables as files, figures, and the table in the terminal."""

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from sinegan.report.figures.all_figures import all_figures
from sinegan.report.figures.animation import write_animation
from sinegan.report.figures.style import png, svg
from sinegan.report.merging import flat
from sinegan.report.page.page import page
from sinegan.report.referee.estimates import secondary_table
from sinegan.report.words import text
from sinegan.report.words.answers import answers
from sinegan.report.words.formats import FORMATS, formatted
from sinegan.report.words.tables import Sweep, configurations_table, load_sweep, notes
from sinegan.report.words.views import View, by_view
from sinegan.storage.files import refuse_link, write_whole
from sinegan.storage.results import csv, records
from sinegan.storage.sweep_folder import REPORT

WIDTH = 80


def make_report(
    folder: Path,
    console: Console | None = None,
    more: Sequence[Path] = (),
    formats: Sequence[str] = (),
) -> Sweep:
    """Writes `report/` in a sweep's folder and prints the comparison table, before it draws.

    more: sweeps to be merged with it; the report is then in `report/merged`. formats: in which the
    table of configurations is written besides CSV and Markdown. Raises UnreadableSweepError when there is
    nothing to report on, OSError when it cannot be written.
    """
    console = console or Console()
    sweep = load_sweep(folder, *more)
    report = report_folder(folder, more)
    table = configurations_table(sweep)
    write_whole(report / "configurations.csv", csv(sweep.in_full(table)))
    write_whole(report / "configurations.md", text.markdown(sweep))
    write_whole(report / "comparisons.csv", csv(sweep.comparisons))
    write_whole(report / "effects.csv", csv(sweep.effects))
    write_whole(report / "secondary.csv", csv(sweep.in_full(secondary_table(sweep))))
    for form in formats:
        if form not in ("csv", "md"):
            view = by_view(sweep)
            write_whole(report / f"configurations.{FORMATS[form]}", formatted(view, form))
    print_report(sweep, console)
    pictures = {}
    for name, figure in all_figures(sweep, table).items():
        pictures[name] = svg(figure)
        write_whole(report / f"{name}.svg", pictures[name])
        write_whole(report / f"{name}.png", png(figure))
    said = "\n".join(map(text.sentence, answers(sweep)))
    write_whole(report / "index.html", page(sweep, table, sweep.comparisons, sweep.effects, said, pictures))
    for row in records(sweep.configurations):
        if flat(sweep.settings[row["configuration"]]).get("plot.animation") is True:
            write_animation(Path(row["folder"]))
    console.print(text.in_terminal(f"Tables and figures: {report}"), soft_wrap=True)
    return sweep


def report_folder(folder: Path, more: Sequence[Path] = ()) -> Path:
    """Where the report of a sweep is, or of several. Raises UnwritableFileError for a link in its place."""
    report = folder / REPORT
    for path in (report, report / "merged"):
        refuse_link(path)
    return report / "merged" if more else report


def write_view(view: View, report: Path, formats: Sequence[str]) -> list[Path]:
    """Writes a table in several formats, and with CSV its comparisons; returns the files."""
    written = []
    for form in formats:
        written.append(report / f"{view.name}.{FORMATS[form]}")
        write_whole(written[-1], formatted(view, form))
    if "csv" in formats:
        written.append(report / f"{view.name}_comparisons.csv")
        write_whole(written[-1], csv(view.comparisons))
    return written


def print_view(view: View, console: Console) -> None:
    """A table in at most 80 columns: the intervals of a pivot table go where they do not fit."""
    width = min(console.width, WIDTH)
    table = view.shown
    if not _fits(text.terminal_table(table, view.title), console, width):
        table = table.map(lambda cell: cell.split(" (")[0])
    console.print(text.terminal_table(table, view.title), width=width)


def print_report(sweep: Sweep, console: Console) -> None:
    """The comparison table and the sentences that belong to it, in at most 80 columns."""
    metrics = " or ".join(sweep.configurations["metric"].unique())
    table = text.shown_table(sweep)
    width = min(console.width, WIDTH)
    title = f"{metrics}, less is better"
    for column in ("range", "seconds"):  # the files have them
        if not _fits(text.terminal_table(table, title), console, width):
            table = table.drop(columns=column)
    console.print(text.terminal_table(table, title), width=width)
    if len(table) > text.MOST_ROWS:
        console.print(f"… and {len(table) - text.MOST_ROWS} more rows in the files.")
    for line in answers(sweep)[: text.MOST_ROWS]:
        console.print(text.in_terminal(text.sentence(line)), width=width)
    for note in notes(sweep)[: text.MOST_ROWS]:
        console.print(text.in_terminal(f"- {note}"), width=width)
    if len(sweep.configurations) == 1:
        console.print(text.terminal_table(text.shown_theory(sweep), "Distance from the optimum"), width=width)
        console.print(text.in_terminal(text.THEORY), width=width)


def _fits(shown: Table, console: Console, width: int) -> bool:
    endless = console.options.update(max_width=1_000)
    return console.measure(shown, options=endless).maximum <= width
