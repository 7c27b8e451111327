"""The words of a command line: flags and overrides in any order, and the ones that name a folder."""

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
FOLDER_OVERRIDE = re.compile(r"\+{0,2}(resume|hydra\.(run|sweep)\.dir)=")
RESUME_OVERRIDE = re.compile(r"\+{0,2}resume=")
SWITCHES = ("help", "hydra_help", "resolve", "run", "multirun", "shell_completion")
VALUED = ("cfg", "package", "config_path", "config_name", "config_dir", "info")
DISPLAY_FLAGS = ("help", "hydra_help", "cfg", "info", "shell_completion")
"""The flags with which Hydra displays something and trains nothing."""


class BadArgumentsError(ValueError):
    """The command line is wrong; the message has one line and says what to do."""


class _Parser(argparse.ArgumentParser):
    """Hydra's parser, which raises BadArgumentsError."""

    def error(self, message: str) -> NoReturn:
        raise BadArgumentsError(f"{message}; --help and --hydra-help list all flags and settings")


def parse_arguments(words: Sequence[str]) -> Namespace:
    """The flags and `overrides` of a command line, in any order.

    Raises BadArgumentsError for an unknown flag, for flags that exclude each other, and for a --config-dir
    that does not exist.
    """
    parser = _Parser(parents=[get_args_parser()], add_help=False, prog="sinegan")
    args = parser.parse_intermixed_args(list(words))
    _check_flags(args)
    return args


def _check_flags(args: Namespace) -> None:
    if args.experimental_rerun is not None:
        raise BadArgumentsError("--experimental-rerun: is not supported; use resume=FOLDER to resume a run")
    if args.config_dir is not None and not os.path.isdir(args.config_dir):
        raise BadArgumentsError(f"--config-dir {args.config_dir}: no such folder")
    if args.resolve and not (args.cfg or args.help):
        raise BadArgumentsError("--resolve: goes with --cfg; add --cfg job, or leave it out")
    if args.package is not None and not args.cfg:
        raise BadArgumentsError("--package: goes with --cfg; add --cfg job, or leave it out")
    if args.run and args.multirun:
        raise BadArgumentsError("--run and --multirun: choose one")
    shown = [f"--{name.replace('_', '-')}" for name in DISPLAY_FLAGS if getattr(args, name)]
    if len(shown) > 1 and not args.help and not args.hydra_help:
        raise BadArgumentsError(f"{' and '.join(shown)}: choose one")
    if shown:  # one configuration is displayed, with or without -m
        args.multirun = args.run = False


def flags_first(args: Namespace, extra_overrides: Sequence[str] = ()) -> list[str]:
    """The words for Hydra's own parser, which takes no flag after an override and does not know `resume`."""
    switches = [f"--{name.replace('_', '-')}" for name in SWITCHES if getattr(args, name)]
    valued = [f"--{name.replace('_', '-')}={getattr(args, name)}" for name in VALUED if getattr(args, name)]
    return [*switches, *valued, "--", *split_resume(args.overrides)[1], *extra_overrides]


def folder_overrides(words: Sequence[str]) -> list[str]:
    """The overrides that name the folder of the command."""
    return [word for word in words if FOLDER_OVERRIDE.match(word)]


def quote(text: str) -> str:
    """Quotes any text so that Hydra's grammar reads it back.

    >>> quote("my runs, a=b")
    "'my runs, a=b'"
    """
    return QuotedString(text, Quote.single).with_quotes()


def split_resume(words: Sequence[str]) -> tuple[list[str], list[str]]:
    """Splits overrides into those of `resume` (also with `+`, `++`) and all others."""
    resume = [word for word in words if RESUME_OVERRIDE.match(word)]
    return resume, [word for word in words if not RESUME_OVERRIDE.match(word)]


def resume_folder(words: Sequence[str]) -> Path:
    """The folder that `resume=` names, as plain text or quoted for Hydra.

    Raises BadArgumentsError when there is no such folder, or when several are named.
    """
    if len(words) > 1:
        raise BadArgumentsError(f"{' '.join(words)}: one folder at a time")
    text = words[0].partition("=")[2]
    if not text:
        raise BadArgumentsError(f"{RESUME} = : names no folder; {REMEDY}")
    if os.path.isdir(text):
        return Path(text)
    override = _parse_resume(text)
    if override is not None and override.is_sweep_override():
        raise BadArgumentsError(f"{RESUME} = {text}: one folder at a time")
    value = None if override is None else override.value()
    if isinstance(value, str) and value and os.path.isdir(value):
        return Path(value)
    raise BadArgumentsError(f"{RESUME} = {text}: no such folder; {REMEDY}")


def _parse_resume(text: str) -> Override | None:
    try:
        return OverridesParser.create().parse_override(f"{RESUME}={text}")
    except HydraException:
        return None


def sweep_overrides(words: Sequence[str]) -> Iterator[str]:
    """The overrides with several values; overrides that Hydra cannot parse are skipped."""
    parser = OverridesParser.create()
    for word in words:
        try:
            if parser.parse_override(word).is_sweep_override():
                yield word
        except HydraException:
            continue


def search_working_folder() -> None:
    """Makes modules of the working folder importable for an installed script, as `python -m` does."""
    script_folder = os.path.dirname(os.path.realpath(sys.argv[0]))
    if not sys.flags.safe_path and sys.path and os.path.realpath(sys.path[0]) == script_folder:
        sys.path[0] = os.getcwd()
