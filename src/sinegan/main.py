"""The one entry point: python -m sinegan.main [-m] [key=value …]."""

import contextlib
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import hydra
from hydra._internal.utils import get_args_parser

from sinegan.conf_folder import conf_folder
from sinegan.files import LOCK, InUseError, UnwritableFileError, exclusive, writing
from sinegan.loading import loading
from sinegan.printable import printable_lines
from sinegan.sweep import fork_server
from sinegan.task import train

BEFORE_ANY_WORK = {"multirun.yaml", LOCK}
"""What a command may leave in its folder when it ends before it has begun a configuration."""


def main() -> None:
    """Trains what the command line asks for and prints the table. Exits non-zero when any of it failed."""
    run = hydra.main(config_path=str(conf_folder()), config_name="config", version_base="1.3")(train)
    args = get_args_parser().parse_args()
    if args.help or args.hydra_help or args.cfg or args.info or args.shell_completion:
        run()
        return
    if wants_workers(args.overrides):
        fork_server.start()  # the sooner the better: it loads what the workers need
    # Imported late: torch takes longer to load than a help page or a tab completion should.
    with loading():
        from sinegan.command_line import RESUME, understood
        from sinegan.config import InvalidConfigError

    try:
        command = understood(args)
    except InvalidConfigError as error:
        sys.exit("\n".join(["sinegan: nothing was run:", *(f"  {line}" for line in error.problems)]))
    if command.live:
        from sinegan.watch import missing_display

        if trouble := missing_display():
            sys.exit(f"sinegan: nothing was run:\n  plot.live = true: {trouble}")
    try:
        folder = command.folder if command.resume else claimed(command.folder, command.chosen)
        typed = [word for word in sys.argv if not word.startswith(f"{RESUME}=")]
        sys.argv = [*typed, f"{command.folder_key}='{folder}'"]
        with exclusive(folder):
            code = trained(run, folder)
            if not isinstance(code, str):
                code = report(folder) or code
    except (InUseError, UnwritableFileError) as error:
        code = f"sinegan: nothing was run:\n  {error}"
    else:
        remove_unused(folder)
    sys.exit(printable_lines(code) if isinstance(code, str) else code)


def wants_workers(overrides: Sequence[str]) -> bool:
    """A guess, before anything is composed, whether local workers will train; a wrong one costs time only.

    >>> wants_workers(["seeds=1"]), wants_workers(["executor=serial"])
    (True, False)
    """
    return not any(word.startswith("executor=") for word in overrides)


def trained(run: Callable[[], None], folder: Path) -> int | str | None:
    """Runs the command; returns the exit code, or the message of a refusal."""
    try:
        run()
    except KeyboardInterrupt:
        print(f"\nInterrupted. What was trained is in {folder}; go on with resume={folder}", flush=True)
        return 130
    except SystemExit as stopped:
        return stopped.code
    return 0


def claimed(folder: Path, chosen: bool) -> Path:
    """A folder that nothing else writes to.

    Two commands in the same second get two folders; one that the user named must not hold anything.
    """
    if chosen:
        if {path.name for path in folder.glob("*")} - BEFORE_ANY_WORK:
            sys.exit(f"sinegan: nothing was run:\n  {folder}: holds files already; name another folder")
        return folder
    candidate, number = folder, 1
    with writing(folder):
        candidate.parent.mkdir(parents=True, exist_ok=True)
        while True:
            try:
                candidate.mkdir()
                return candidate
            except FileExistsError:
                number += 1
                candidate = folder.with_name(f"{folder.name}-{number}")


def report(folder: Path) -> int:
    """Makes the report of what is there; a sweep that began nothing has none. Returns the exit code."""
    from sinegan.report.make import make_report
    from sinegan.report.tables import UnreadableSweepError

    try:
        make_report(folder)
    except KeyboardInterrupt:
        print(f"\nInterrupted. The report is made by: python -m sinegan.report {folder}", flush=True)
        return 130
    except OSError as error:
        print(f"sinegan: no report: {error}", file=sys.stderr)
    except UnreadableSweepError as error:
        if {path.name for path in folder.glob("*")} - BEFORE_ANY_WORK:
            print(f"sinegan: no report: {error}", file=sys.stderr)
    return 0


def remove_unused(folder: Path) -> None:
    """Removes a folder in which no work was begun."""
    left = list(folder.glob("*"))
    if {path.name for path in left} <= BEFORE_ANY_WORK:
        for path in left:
            path.unlink()
        with contextlib.suppress(OSError):
            folder.rmdir()


if __name__ == "__main__":
    main()
