"""A command line either displays something or trains; this decides which."""

import sys
from collections.abc import Sequence

import hydra

from sinegan.app.arguments import (
    BadArgumentsError,
    flags_first,
    folder_overrides,
    parse_arguments,
    search_working_folder,
)
from sinegan.app.conf_folder import conf_folder
from sinegan.app.display import display, displays_something
from sinegan.app.imports import importing
from sinegan.app.interrupts import SignalHandler, TypedCommand, program_words
from sinegan.app.outcome import Outcome, refusal
from sinegan.app.task import train
from sinegan.sweep import fork_server


def dispatch(words: list[str], signals: SignalHandler) -> Outcome:
    """Displays what the words of a command line ask for, or trains and prints the table."""
    search_working_folder()
    try:
        args = parse_arguments(words)
    except BadArgumentsError as error:
        return refusal(str(error))
    hydra_app = hydra.main(config_path=str(conf_folder()), config_name="config", version_base="1.3")(train)
    sys.argv[1:] = flags_first(args)
    if displays_something(args):
        return display(hydra_app, args)
    _start_helpers(args.overrides)
    # Imported late: PyTorch takes longer to load than a help page or a tab completion should.
    with importing():
        from sinegan.app.session import run_command
    typed = TypedCommand(program_words(sys.orig_argv, words), words, folder_overrides(args.overrides))
    return run_command(hydra_app, args, typed, signals)


def _start_helpers(overrides: Sequence[str]) -> None:
    """Starts the processes that local workers need, early, because they take seconds to load."""
    fork_server.start_tracker()  # before another library starts it
    if likely_uses_workers(overrides):
        fork_server.start(preload="sinegan.app.preloaded")


def likely_uses_workers(overrides: Sequence[str]) -> bool:
    """A guess, before anything is composed, whether local workers will train; a wrong guess costs only time.

    >>> likely_uses_workers(["seeds=1"]), likely_uses_workers(["executor=serial"])
    (True, False)
    """
    return not any(word.startswith("executor=") for word in overrides)
