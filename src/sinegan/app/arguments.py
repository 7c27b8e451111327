"""The words of a command line: flags and overrides in any order, and what names the folder."""

import argparse
import os
import re
import sys
from argparse import Namespace
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NoReturn

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override, Quote, QuotedString
from hydra.errors import HydraException

from hydra_plugins._hydra_private import get_args_parser

RESUME = "resume"
REMEDY = "give one below outputs/sweeps or outputs/runs"
NAMES_FOLDER = re.compile(r"\+{0,2}(resume|hydra\.(run|sweep)\.dir)=")
IS_RESUME = re.compile(r"\+{0,2}resume=")
SWITCHES = ("help", "hydra_help", "resolve", "run", "multirun", "shell_completion")
VALUED = ("cfg", "package", "config_path", "config_name", "config_dir", "info")
SHOWING = ("help", "hydra_help", "cfg", "info", "shell_completion")
"""The flags with which Hydra shows something, and nothing is trained."""


class BadArgumentsError(ValueError):
    """The command line cannot be understood; the message says in a line what to do."""


class _Parser(argparse.ArgumentParser):
    """Hydra's parser, which refuses in our way."""

    def error(self, message: str) -> NoReturn:
        raise BadArgumentsError(f"{message}; --help and --hydra-help list what there is")


def parsed(words: Sequence[str]) -> Namespace:
    """The flags and `overrides` of a command line, whatever order they come in.

    Raises BadArgumentsError for an unknown flag, for flags that exclude each other, and for a folder of
    configurations that is none.
    """
    parser = _Parser(parents=[get_args_parser()], add_help=False, prog="sinegan")
    args = parser.parse_intermixed_args(list(words))
    _settle(args)
    return args


def _settle(args: Namespace) -> None:
    if args.experimental_rerun is not None:
        raise BadArgumentsError("--experimental-rerun: is not for sinegan; resume=FOLDER goes on with a run")
    if args.config_dir is not None and not os.path.isdir(args.config_dir):
        raise BadArgumentsError(f"--config-dir {args.config_dir}: no such folder")
    if args.resolve and not (args.cfg or args.help):
        raise BadArgumentsError("--resolve: goes with --cfg; add --cfg job, or leave it out")
    if args.package is not None and not args.cfg:
        raise BadArgumentsError("--package: goes with --cfg; add --cfg job, or leave it out")
    if args.run and args.multirun:
        raise BadArgumentsError("--run and --multirun: choose one")
    shown = [f"--{name.replace('_', '-')}" for name in SHOWING if getattr(args, name)]
    if len(shown) > 1 and not args.help and not args.hydra_help:
        raise BadArgumentsError(f"{' and '.join(shown)}: choose one")
    if shown:  # one configuration is shown, with or without -m
        args.multirun = args.run = False


def in_order(args: Namespace, more: Sequence[str] = ()) -> list[str]:
    """The same words, flags first: Hydra's own parser takes no flag after an override.

    more: overrides besides. `resume` is left out; Hydra does not know it.
    """
    switches = [f"--{name.replace('_', '-')}" for name in SWITCHES if getattr(args, name)]
    valued = [f"--{name.replace('_', '-')}={getattr(args, name)}" for name in VALUED if getattr(args, name)]
    return [*switches, *valued, "--", *resumed(args.overrides)[1], *more]


def naming_folder(words: Sequence[str]) -> list[str]:
    """The overrides that say which folder the command works in."""
    return [word for word in words if NAMES_FOLDER.match(word)]


def quoted(text: str) -> str:
    """A text as Hydra's grammar reads it back, whatever characters it has.

    >>> quoted("my runs, a=b")
    "'my runs, a=b'"
    """
    return QuotedString(text, Quote.single).with_quotes()


def resumed(words: Sequence[str]) -> tuple[list[str], list[str]]:
    """Splits overrides into those of `resume` (also with `+`, `++`) and all others."""
    named = [word for word in words if IS_RESUME.match(word)]
    return named, [word for word in words if not IS_RESUME.match(word)]


def resume_folder(words: Sequence[str]) -> Path:
    """The folder that `resume=` names: the text as it stands, or quoted as Hydra wants it.

    Raises BadArgumentsError when there is no such folder, or more than one is named.
    """
    if len(words) > 1:
        raise BadArgumentsError(f"{' '.join(words)}: one folder at a time")
    text = words[0].partition("=")[2]
    if not text:
        raise BadArgumentsError(f"{RESUME} = : names no folder; {REMEDY}")
    if os.path.isdir(text):
        return Path(text)
    override = _understood(text)
    if override is not None and override.is_sweep_override():
        raise BadArgumentsError(f"{RESUME} = {text}: one folder at a time")
    value = None if override is None else override.value()
    if isinstance(value, str) and value and os.path.isdir(value):
        return Path(value)
    raise BadArgumentsError(f"{RESUME} = {text}: no such folder; {REMEDY}")


def _understood(text: str) -> Override | None:
    try:
        return OverridesParser.create().parse_override(f"{RESUME}={text}")
    except HydraException:
        return None


def swept(words: Sequence[str]) -> Iterator[str]:
    """The overrides with several values; of those that Hydra understands."""
    parser = OverridesParser.create()
    for word in words:
        try:
            if parser.parse_override(word).is_sweep_override():
                yield word
        except HydraException:
            continue


def search_working_folder() -> None:
    """Lets modules of the working folder be imported, as `python -m` does; an installed script does not."""
    program = os.path.dirname(os.path.realpath(sys.argv[0]))
    if not sys.flags.safe_path and sys.path and os.path.realpath(sys.path[0]) == program:
        sys.path[0] = os.getcwd()
