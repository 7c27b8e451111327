"""Makes the report of a folder: tables as files, figures, and the table in the terminal."""

from pathlib import Path

from rich.console import Console

from sinegan.files import write_whole
from sinegan.report import figures, text
from sinegan.report.tables import Sweep, configurations_table, load_sweep, notes
from sinegan.results import records


def make_report(folder: Path, console: Console | None = None) -> Sweep:
    """Writes `report/` in a sweep's folder and prints the comparison table.

    Raises UnreadableSweepError when there is nothing to report on, OSError when it cannot be written.
    """
    sweep = load_sweep(folder)
    report = folder / "report"
    write_whole(report / "configurations.csv", configurations_table(sweep).to_csv(index=False))
    write_whole(report / "configurations.md", text.markdown(sweep))
    for name, draw in (
        ("learning_curves.png", figures.learning_curves),
        ("generated_curves.png", figures.generated_curves),
    ):
        figure = draw(sweep)
        if figure is not None:
            write_whole(report / name, figures.png(figure))
    for row in records(sweep.configurations):
        if sweep.settings[row["configuration"]]["plot"]["animation"]:
            figures.write_animation(Path(row["folder"]))
    print_report(sweep, console or Console())
    return sweep


def print_report(sweep: Sweep, console: Console) -> None:
    """The comparison table and the sentences that belong to it, in at most 80 columns."""
    metrics = " or ".join(sweep.configurations["metric"].unique())
    table = text.shown_table(sweep)
    width = min(console.width, 80)
    shown = text.terminal_table(table, f"{metrics}, less is better")
    endless = console.options.update(max_width=1_000)
    for column in ("range", "seconds"):  # the files have them
        if console.measure(shown, options=endless).maximum > width:
            table = table.drop(columns=column)
            shown = text.terminal_table(table, f"{metrics}, less is better")
    console.print(shown, width=width)
    if len(table) > text.MOST_ROWS:
        console.print(f"… and {len(table) - text.MOST_ROWS} more rows in the files.")
    for note in notes(sweep)[: text.MOST_ROWS]:
        console.print(f"- {note}", width=width, markup=False, highlight=False)
    if len(sweep.configurations) == 1:
        console.print(text.terminal_table(text.shown_theory(sweep), "Distance from the optimum"), width=width)
        console.print(text.THEORY, width=width, markup=False, highlight=False)
    console.print(f"Tables and figures: {sweep.folder / 'report'}", markup=False, soft_wrap=True)
