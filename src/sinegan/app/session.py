"""A command that trains: it claims its folder, trains, and makes the report."""

import shlex
import sys
from argparse import Namespace
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from sinegan.app.arguments import flags_first, quote
from sinegan.app.command_line import Command, parse_command
from sinegan.app.interrupts import SignalHandler, TypedCommand, exit_code, report_words
from sinegan.app.live import missing_display
from sinegan.app.outcome import Outcome, refusal
from sinegan.app.output_folder import (
    can_resume,
    claim_folder,
    has_ended_runs,
    missing_folders,
    remove_unused,
)
from sinegan.config import InvalidConfigError
from sinegan.engine.kernels import use_uniform_kernels
from sinegan.storage.files import InUseError, UnwritableFileError, exclusive


def run_command(
    hydra_app: Callable[[], None], args: Namespace, typed: TypedCommand, signals: SignalHandler
) -> Outcome:
    """Trains and reports.

    Arguments:
        hydra_app: reads `sys.argv` and trains.
        args: the parsed command line.
        typed: the command as the user typed it, to print the one that resumes it.
        signals: handles the signals to stop.
    """
    use_uniform_kernels()  # before the first computation, which counts the sizes of networks
    try:
        command = parse_command(args)
    except InvalidConfigError as error:
        return refusal(*error.problems)
    if command.live and (problem := missing_display()):
        return refusal(f"plot.live = true: {problem}")
    try:
        with _working_folder(command) as folder:
            sys.argv[1:] = flags_first(args, [f"{command.folder_key}={quote(str(folder))}"])
            return _train_and_report(hydra_app, folder, typed, signals)
    except (InUseError, UnwritableFileError) as error:
        return refusal(str(error))


@contextmanager
def _working_folder(command: Command) -> Iterator[Path]:
    """The folder of a command, locked; a new one is removed at the end when no work was begun in it."""
    if command.resume:
        with exclusive(command.folder):
            yield command.folder
        return
    folder, created = command.folder, missing_folders(command.folder)
    try:
        folder = claim_folder(folder, command.chosen)
        created = [folder, *created]
        with exclusive(folder):
            yield folder
    finally:
        remove_unused(folder, created)


def _train_and_report(
    hydra_app: Callable[[], None], folder: Path, typed: TypedCommand, signals: SignalHandler
) -> Outcome:
    """Trains, and reports on the runs that ended, even after an interrupt."""
    outcome: Outcome = 0
    try:
        hydra_app()
    except SystemExit as end:
        outcome = end.code
    except KeyboardInterrupt as stop:
        if not can_resume(folder):
            raise
        print(f"Interrupted. The results so far are in {folder}; resume with:", flush=True)
        print(f"  {typed.resuming(folder)}", flush=True)
        if not has_ended_runs(folder):
            return exit_code(stop)
        outcome = exit_code(stop)
    if isinstance(outcome, str) or not can_resume(folder):
        return outcome
    signals.rearm()
    report_code = report(folder, typed)
    return outcome or report_code


def report(folder: Path, typed: TypedCommand) -> int:
    """Makes the report of a folder. Returns the exit code.

    typed: the command that trained, to print the one that reports.
    """
    # Imported late: it is loaded while the workers train.
    from sinegan.report.load import UnreadableSweepError
    from sinegan.report.make import make_report

    try:
        make_report(folder)
    except KeyboardInterrupt as stop:
        command = shlex.join([*report_words(typed.program), str(folder)])
        print(f"\nInterrupted. Make the report with: {command}", flush=True)
        return exit_code(stop)
    except (OSError, UnreadableSweepError) as error:
        print(f"sinegan: no report: {error}", file=sys.stderr)
        return 1
    return 0
