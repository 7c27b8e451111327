"""The command line, checked before Hydra acts on it: every problem at once, and nothing made."""

from argparse import Namespace
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from hydra.core.config_loader import ConfigLoader
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException
from omegaconf.errors import OmegaConfBaseException

from sinegan.app.arguments import RESUME, BadArgumentsError, resume_folder, resumed
from sinegan.app.config_loader import CONFIG_NAME, config_loader
from sinegan.app.output_folder import home
from sinegan.app.overrides import checked
from sinegan.app.problems import words_of
from sinegan.config import InvalidConfigError
from sinegan.printable import shortened
from sinegan.storage.files import UnwritableFileError, name_problem, refuse_links
from sinegan.storage.results import DamagedResultsError
from sinegan.storage.sweep_folder import holds_sweep, is_configuration


@dataclass(frozen=True)
class Command:
    """A command line that trains: a sweep or a single run, and the folder it goes to."""

    multirun: bool
    folder: Path
    chosen: bool
    """Whether the user named the folder, rather than leaving it to the clock."""
    live: bool
    resume: bool = False
    """Whether the folder is one to go on with."""

    @property
    def folder_key(self) -> str:
        return "hydra.sweep.dir" if self.multirun else "hydra.run.dir"


def understood(args: Namespace) -> Command:
    """What a command line asks to train. args: as Hydra's own parser gives them.

    Raises InvalidConfigError with every unknown group, choice or key (and the nearest right one), and
    every value of a wrong type or out of range.
    """
    with config_loader(args) as loader:
        named, typed = resumed(args.overrides)
        overrides, problems = _parsed(typed, loader)
        try:
            found = checked(overrides, loader, args.config_name or CONFIG_NAME, args.multirun, [RESUME])
        except InvalidConfigError as error:
            raise InvalidConfigError([*problems, *error.problems]) from error
        multirun, live = found.multirun, found.live
        problems += found.problems
        if live and multirun:
            problems.append("plot.live = true: a sweep opens no window; leave out -m or plot.live")
        resume, in_the_way = _resume(named, multirun) if named else (None, [])
        problems += in_the_way
        if problems:
            raise InvalidConfigError(problems)
        if resume is not None:
            return Command(multirun, resume, chosen=True, live=live, resume=True)
        key = "sweep" if multirun else "run"
        chosen = any(override.key_or_group == f"hydra.{key}.dir" for override in overrides)
        folder = _new_folder(loader, args.config_name or CONFIG_NAME, typed, multirun)
        return Command(multirun, folder, chosen, live)


def _parsed(texts: Sequence[str], loader: ConfigLoader) -> tuple[list[Override], list[str]]:
    parser = OverridesParser.create(config_loader=loader)
    overrides: list[Override] = []
    problems: list[str] = []
    for text in texts:
        try:
            overrides += parser.parse_overrides([text])  # which know the loader, for glob()
        except (HydraException, ValueError) as error:  # a number of thousands of digits, say
            problems.append(
                f"{shortened(text)}: cannot be understood; write key=value ({shortened(words_of(error))})"
            )
    return overrides, problems


def _resume(named: Sequence[str], multirun: bool) -> tuple[Path | None, list[str]]:
    """The folder that `resume=FOLDER` names, and what keeps it from being gone on with."""
    try:
        folder = resume_folder(named)
    except BadArgumentsError as error:
        return None, [str(error)]
    return folder, list(_resume_problems(folder, multirun))


def _resume_problems(folder: Path, multirun: bool) -> Iterator[str]:
    """What keeps a folder from being gone on with."""
    try:
        is_run, is_sweep = is_configuration(folder), holds_sweep(folder)
        refuse_links(folder)
    except (DamagedResultsError, UnwritableFileError) as error:
        yield f"resume = {folder}: {error}"
        return
    if problem := name_problem(str(folder)):
        yield f"resume = {shortened(str(folder))}: {problem}"
    elif not (is_run or is_sweep):
        yield f"resume = {folder}: holds no configuration; start it without resume"
    elif is_run and multirun:
        yield f"resume = {folder}: holds a single run; leave out -m"
    elif is_sweep and not multirun:
        yield f"resume = {folder}: holds a sweep; add -m"


def _new_folder(loader: ConfigLoader, config_name: str, words: Sequence[str], multirun: bool) -> Path:
    """The folder of a new command. Raises InvalidConfigError when it cannot be one."""
    key = "hydra.sweep.dir" if multirun else "hydra.run.dir"
    try:
        text = home(loader, config_name, words, multirun)
    except (HydraException, OmegaConfBaseException) as error:
        raise InvalidConfigError([f"{key}: {str(error).splitlines()[0]}"]) from error
    if problem := name_problem(text):
        raise InvalidConfigError([f"{key} = {shortened(text)}: {problem}"])
    return Path(text)
