"""Commands that display something and train nothing: help, a configuration, completions."""

import os
import re
from argparse import Namespace
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from hydra.errors import HydraException
from omegaconf.errors import OmegaConfBaseException

from sinegan.app.arguments import DISPLAY_FLAGS, sweep_overrides
from sinegan.app.completion import complete
from sinegan.app.imports import importing
from sinegan.app.outcome import Outcome, refusal

FULL_ERROR = "HYDRA_FULL_ERROR"


def displays_something(args: Namespace) -> bool:
    """Whether a flag asks Hydra to display something."""
    return any(getattr(args, name) for name in DISPLAY_FLAGS)


def display(hydra_app: Callable[[], None], args: Namespace) -> Outcome:
    """Lets Hydra display what the flags ask for."""
    query = re.fullmatch("query=(bash|zsh|fish)", " ".join(args.overrides)) if args.shell_completion else None
    if query:
        complete(query[1])
        return 0
    several = list(sweep_overrides(args.overrides)) if args.cfg or args.info else []
    if several:
        return refusal(f"{' '.join(several)}: one configuration is shown; give one value")
    wants_traceback = os.environ.get(FULL_ERROR) == "1"
    try:
        with _hydra_raises():
            hydra_app()
    except (HydraException, OmegaConfBaseException, ValueError) as error:
        if wants_traceback:
            raise
        return refusal(*_reasons(args, error))
    return 0


def _reasons(args: Namespace, error: Exception) -> list[str]:
    """The problems that the check before training finds in a command; when it finds none, Hydra's error."""
    with importing():
        from sinegan.app.command_line import parse_command
        from sinegan.app.problems import describe_error
        from sinegan.config import InvalidConfigError

    try:
        if not args.shell_completion:
            parse_command(args)
    except InvalidConfigError as invalid:
        return invalid.problems
    return [describe_error(error)]


@contextmanager
def _hydra_raises() -> Iterator[None]:
    """In its block, Hydra raises its errors, and does not print them with a traceback."""
    before = os.environ.get(FULL_ERROR)
    os.environ[FULL_ERROR] = "1"
    try:
        yield
    finally:
        os.environ.pop(FULL_ERROR)
        if before is not None:
            os.environ[FULL_ERROR] = before
