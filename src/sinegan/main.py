"""The one entry point: python -m sinegan.main [-m] [key=value …]."""

import sys
from pathlib import Path

import hydra
from hydra._internal.utils import get_args_parser

from sinegan.conf_folder import conf_folder
from sinegan.kernels import use_uniform_kernels
from sinegan.task import train


def main() -> None:
    """Trains what the command line asks for and prints the table. Exits non-zero when any of it failed."""
    run = hydra.main(config_path=str(conf_folder()), config_name="config", version_base="1.3")(train)
    args = get_args_parser().parse_args()
    if args.help or args.hydra_help or args.cfg or args.info or args.shell_completion:
        run()
        return
    # Imported late: torch takes longer to load than a help page or a tab completion should.
    use_uniform_kernels()
    from sinegan.command_line import understood
    from sinegan.config import InvalidConfigError

    try:
        command = understood(args)
    except InvalidConfigError as error:
        sys.exit("\n".join(["sinegan: nothing was run:", *(f"  {line}" for line in error.problems)]))
    if command.live:
        from sinegan.watch import missing_display

        if trouble := missing_display():
            sys.exit(f"sinegan: nothing was run:\n  plot.live = true: {trouble}")
    folder = claimed(command.folder, command.chosen)
    sys.argv.append(f"{command.folder_key}='{folder}'")
    code: int | str | None = 0
    try:
        run()
    except KeyboardInterrupt:
        print(f"\nInterrupted. What was trained is in {folder}.", flush=True)
        code = 130
    except SystemExit as stopped:
        code = stopped.code
    report(folder)
    sys.exit(code)


def claimed(folder: Path, chosen: bool) -> Path:
    """A folder that nothing else writes to.

    Two commands in the same second get two folders; one that the user named must not hold anything.
    """
    if chosen:
        if folder.is_dir() and any(folder.iterdir()):
            sys.exit(f"sinegan: nothing was run:\n  {folder}: holds files already; name another folder")
        return folder
    candidate, number = folder, 1
    candidate.parent.mkdir(parents=True, exist_ok=True)
    while True:
        try:
            candidate.mkdir()
            return candidate
        except FileExistsError:
            number += 1
            candidate = folder.with_name(f"{folder.name}-{number}")


def report(folder: Path) -> None:
    """Makes the report of what is there; a sweep that began nothing has none."""
    from sinegan.report.make import make_report
    from sinegan.report.tables import UnreadableSweepError

    try:
        make_report(folder)
    except UnreadableSweepError:
        if folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()


if __name__ == "__main__":
    main()
