"""Makes the report of a folder: tables as files, figures, and the table in the terminal."""

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from sinegan.report.figures.all_figures import all_figures
from sinegan.report.figures.animation import write_animation
from sinegan.report.figures.style import png, svg
from sinegan.report.load import load_sweep
from sinegan.report.options import UnusableOptionError
from sinegan.report.page.page import page
from sinegan.report.referee.analysis import Analysis
from sinegan.report.referee.comparisons import MARGIN
from sinegan.report.sweep import Sweep
from sinegan.report.words.answers import answers, lead
from sinegan.report.words.captions import THEORY
from sinegan.report.words.formats import FORMATS, formatted
from sinegan.report.words.markdown import markdown
from sinegan.report.words.notes import notes
from sinegan.report.words.tables import MOST_ROWS, in_terminal, shown_table, shown_theory, terminal_table
from sinegan.report.words.views import View, by_view
from sinegan.storage.files import refuse_link, write_whole
from sinegan.storage.results import csv, records
from sinegan.storage.settings import setting
from sinegan.storage.sweep_folder import REPORT

WIDTH = 80


def make_report(
    folder: Path,
    console: Console | None = None,
    more: Sequence[Path] = (),
    formats: Sequence[str] = (),
    margin: float | None = None,
) -> Sweep:
    """Writes `report/` in a sweep's folder and prints the comparison table, before it draws.

    Arguments:
        folder: the sweep's folder, or that of a single run.
        console: where to print; by default the terminal.
        more: sweeps to be merged with it; the report is then in `report/merged`.
        margin: the share by which two configurations may differ and still be equal; by default the sweep's.
        formats: further formats of the table of configurations, besides CSV and Markdown.

    Raises:
        UnreadableSweepError: there is nothing to report on.
        UnusableOptionError: the sweep was decided within another margin.
        OSError: the report cannot be written.
    """
    console = console or Console()
    sweep = load_sweep(folder, *more)
    analysis = Analysis(sweep, stored_margin(sweep) if margin is None else margin)
    if margin not in (None, analysis.margin):
        raise UnusableOptionError(
            f"--margin {margin}: leave it out; the sweep was decided within decide.margin = {analysis.margin}"
        )
    report = report_folder(folder, more)
    write_tables(analysis, report, formats)
    print_report(analysis, console)
    pictures = write_figures(analysis, report)
    write_whole(report / "index.html", page(analysis, answers(analysis), pictures))
    for row in records(sweep.configurations):
        if setting(sweep.settings[row["configuration"]], "plot.animation") is True:
            write_animation(Path(row["folder"]))
    console.print(in_terminal(f"Tables and figures: {report}"), soft_wrap=True)
    return sweep


def stored_margin(sweep: Sweep) -> float:
    """The margin that the first configuration was trained with; MARGIN where its version had none."""
    first = next(iter(sweep.settings.values()))
    margin = setting(first, "margin")
    return margin if isinstance(margin, float) and 0 < margin < 1 else MARGIN


def write_tables(analysis: Analysis, report: Path, formats: Sequence[str]) -> None:
    """Writes all tables of a report."""
    sweep = analysis.sweep
    write_whole(report / "configurations.csv", csv(sweep.in_full(analysis.table)))
    write_whole(report / "configurations.md", markdown(analysis))
    write_whole(report / "comparisons.csv", csv(analysis.comparisons))
    for old in report.glob("decisions*"):  # of an earlier report, which this one may have none of
        old.unlink()
    if analysis.courses:
        write_whole(report / "decisions.csv", csv(sweep.in_full(analysis.decisions)))
    write_whole(report / "effects.csv", csv(analysis.effects))
    write_whole(report / "secondary.csv", csv(sweep.in_full(analysis.secondary)))
    for form in formats:
        if form not in ("csv", "md"):
            write_whole(
                report / f"configurations.{FORMATS[form]}",
                formatted(by_view(sweep), form),
            )


def write_figures(analysis: Analysis, report: Path) -> dict[str, str]:
    """Writes each picture as PNG and SVG; returns the SVG texts by name."""
    pictures = {}
    for name, figure in all_figures(analysis).items():
        pictures[name] = svg(figure)
        write_whole(report / f"{name}.svg", pictures[name])
        write_whole(report / f"{name}.png", png(figure))
    return pictures


def report_folder(folder: Path, more: Sequence[Path] = ()) -> Path:
    """The folder of a report of one or several sweeps. Raises UnwritableFileError for a link in its place."""
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
    """Prints a table in at most 80 columns, a pivot table without its intervals where they do not fit."""
    width = min(console.width, WIDTH)
    table = view.shown
    if not _fits(terminal_table(table, view.title), console, width):
        table = table.map(lambda cell: cell.split(" (")[0])
    console.print(terminal_table(table, view.title), width=width)
    if view.note:
        console.print(in_terminal(f"- {view.note}"), width=width)


def print_report(analysis: Analysis, console: Console) -> None:
    """Prints the answer, the comparison table and the notes, in at most 80 columns."""
    configurations = analysis.sweep.configurations
    metrics = " or ".join(configurations["metric"].unique())
    table = shown_table(analysis)
    width = min(console.width, WIDTH)
    title = f"{metrics}, less is better"
    for column in ("range", "seconds"):  # which the files keep
        if not _fits(terminal_table(table, title), console, width):
            table = table.drop(columns=column)
    for sentence in lead(answers(analysis), width):
        console.print(in_terminal(sentence), width=width)
    console.print(terminal_table(table, title), width=width)
    if len(table) > MOST_ROWS:
        console.print(f"… and {len(table) - MOST_ROWS} more rows in the files.")
    for note in notes(analysis)[:MOST_ROWS]:
        console.print(in_terminal(f"- {note}"), width=width)
    if len(configurations) == 1:
        distance = terminal_table(shown_theory(analysis), "Distance from the optimum")
        console.print(distance, width=width)
        console.print(in_terminal(THEORY), width=width)


def _fits(shown: Table, console: Console, width: int) -> bool:
    """Whether a table needs no more than this width, in characters."""
    endless = console.options.update(max_width=1_000)
    return console.measure(shown, options=endless).maximum <= width
