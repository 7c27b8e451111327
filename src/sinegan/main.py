"""The entry point: python -m sinegan.main [-m] [key=value …]."""

import sys

from sinegan.app.imports import importing
from sinegan.app.interrupts import exit_code, interruptible
from sinegan.printable import print_what_can_be_shown, printable_lines


def main() -> None:
    """Runs the command in `sys.argv`. Exits non-zero when anything failed."""
    print_what_can_be_shown()
    with interruptible() as signals:
        try:
            # Hydra is imported here, not at the top, so that an interrupt of the import prints no traceback.
            with importing():
                from sinegan.app.dispatch import dispatch
            outcome = dispatch(sys.argv[1:], signals)
        except KeyboardInterrupt as stop:
            print("Interrupted before anything was trained.", flush=True)
            outcome = exit_code(stop)
    sys.exit(printable_lines(outcome) if isinstance(outcome, str) else outcome)


if __name__ == "__main__":
    main()
