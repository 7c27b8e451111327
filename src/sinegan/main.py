"""The one entry point: python -m sinegan.main [-m] [key=value …]."""

import os
import re
import shlex
import sys
from argparse import Namespace
from collections.abc import Callable, Sequence
from pathlib import Path

import hydra
from hydra.errors import HydraException
from omegaconf.errors import OmegaConfBaseException

from sinegan.app.arguments import (
    SHOWING,
    BadArgumentsError,
    in_order,
    naming_folder,
    parsed,
    quoted,
    search_working_folder,
    swept,
)
from sinegan.app.completion import complete
from sinegan.app.conf_folder import conf_folder
from sinegan.app.imports import loading
from sinegan.app.interrupts import Stopping, Typed, exit_code, program, stoppable
from sinegan.app.task import train
from sinegan.printable import printable_lines
from sinegan.storage.files import InUseError, UnwritableFileError, exclusive
from sinegan.sweep import fork_server

NOTHING = "sinegan: nothing was run:\n  "
FULL_ERROR = "HYDRA_FULL_ERROR"


def main() -> None:
    """Trains what the command line asks for and prints the table. Exits non-zero when any of it failed."""
    search_working_folder()
    run = hydra.main(config_path=str(conf_folder()), config_name="config", version_base="1.3")(train)
    with stoppable() as stopping:
        try:
            code = _main(run, sys.argv[1:], stopping)
        except BadArgumentsError as error:
            code = f"{NOTHING}{error}"
        except KeyboardInterrupt as stop:
            print("Interrupted before anything was trained.", flush=True)
            code = exit_code(stop)
    sys.exit(printable_lines(code) if isinstance(code, str) else code)


def _main(run: Callable[[], None], words: list[str], stopping: Stopping) -> int | str | None:
    """Shows or trains what the words ask for; returns the exit code, or the message of a refusal."""
    args = parsed(words)
    sys.argv[1:] = in_order(args)
    if any(getattr(args, name) for name in SHOWING):
        return shown(run, args)
    fork_server.start_tracker()  # before another library does
    if wants_workers(args.overrides):
        fork_server.start()  # the sooner the better: it loads what the workers need
    # Imported late: torch takes longer to load than a help page or a tab completion should.
    with loading():
        from sinegan.app.command_line import understood
        from sinegan.app.output_folder import claimed, made_by, remove_unused
        from sinegan.config import InvalidConfigError

    try:
        command = understood(args)
    except InvalidConfigError as error:
        return NOTHING + "\n  ".join(error.problems)
    if command.live:
        from sinegan.app.live import missing_display

        if trouble := missing_display():
            return f"{NOTHING}plot.live = true: {trouble}"
    typed = Typed(program(sys.orig_argv, words), words, naming_folder(args.overrides))
    folder, made = command.folder, made_by(command.folder)
    try:
        if not command.resume:
            folder = claimed(folder, command.chosen)
            made = [folder, *made]
        sys.argv[1:] = in_order(args, [f"{command.folder_key}={quoted(str(folder))}"])
        with exclusive(folder):
            return worked(run, folder, typed, stopping)
    except (InUseError, UnwritableFileError) as error:
        return f"{NOTHING}{error}"
    finally:
        if not command.resume:
            remove_unused(folder, made)


def shown(run: Callable[[], None], args: Namespace) -> int | str | None:
    """Lets Hydra show help, a configuration or completions; returns the exit code, or a refusal."""
    asked = re.fullmatch("query=(bash|zsh|fish)", " ".join(args.overrides)) if args.shell_completion else None
    if asked:
        complete(asked[1])
        return 0
    several = list(swept(args.overrides)) if args.cfg or args.info else []
    if several:
        return f"{NOTHING}{' '.join(several)}: one configuration is shown; give one value"
    before = os.environ.get(FULL_ERROR)
    os.environ[FULL_ERROR] = "1"  # Hydra raises, then, what it would print with a traceback
    try:
        run()
    except (HydraException, OmegaConfBaseException, ValueError) as error:
        if before == "1":
            raise
        return NOTHING + "\n  ".join(str(error).splitlines())
    finally:
        os.environ.pop(FULL_ERROR)
        if before is not None:
            os.environ[FULL_ERROR] = before
    return 0


def wants_workers(overrides: Sequence[str]) -> bool:
    """A guess, before anything is composed, whether local workers will train; a wrong one costs time only.

    >>> wants_workers(["seeds=1"]), wants_workers(["executor=serial"])
    (True, False)
    """
    return not any(word.startswith("executor=") for word in overrides)


def worked(run: Callable[[], None], folder: Path, typed: Typed, stopping: Stopping) -> int | str | None:
    """Trains and reports; returns the exit code, or the message of a refusal."""
    from sinegan.app.output_folder import can_go_on, has_ended_runs

    try:
        run()
        code: int | str | None = 0
    except SystemExit as refused:
        code = refused.code
    except KeyboardInterrupt as stop:
        code = exit_code(stop)
        if not can_go_on(folder):
            raise
        print(f"Interrupted. What was trained is in {folder}; go on with:", flush=True)
        print(f"  {typed.going_on(folder)}", flush=True)
        if not has_ended_runs(folder):
            return code
    if isinstance(code, str) or not can_go_on(folder):
        return code
    stopping.look_out()
    failed = report(folder)
    return code or failed


def report(folder: Path) -> int:
    """Makes the report of what is there. Returns the exit code."""
    from sinegan.report.load import UnreadableSweepError
    from sinegan.report.make import make_report

    try:
        make_report(folder)
    except KeyboardInterrupt as stop:
        print(
            f"\nInterrupted. The report is made by: python -m sinegan.report {shlex.quote(str(folder))}",
            flush=True,
        )
        return exit_code(stop)
    except (OSError, UnreadableSweepError) as error:
        print(f"sinegan: no report: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    main()
