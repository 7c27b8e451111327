"""The command line, checked before Hydra acts on it: all problems at once, before anything is created."""

from argparse import Namespace
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from hydra.core.config_loader import ConfigLoader
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException
from omegaconf.errors import OmegaConfBaseException

from sinegan.app.arguments import RESUME, BadArgumentsError, resume_folder, split_resume
from sinegan.app.config_loader import CONFIG_NAME, config_loader
from sinegan.app.output_folder import folder_setting
from sinegan.app.overrides import check_overrides
from sinegan.app.problems import describe_error
from sinegan.config import InvalidConfigError
from sinegan.printable import shortened
from sinegan.storage.files import UnwritableFileError, name_problem, refuse_links
from sinegan.storage.results import DamagedResultsError
from sinegan.storage.sweep_folder import holds_sweep, is_configuration


@dataclass(frozen=True)
class Command:
    """A command that trains a sweep or a single run into a folder."""

    multirun: bool
    folder: Path
    chosen: bool
    """Whether the user named the folder; otherwise it is named after the time."""
    live: bool
    resume: bool = False
    """Whether the folder holds work to resume."""

    @property
    def folder_key(self) -> str:
        return _folder_key(self.multirun)


def parse_command(args: Namespace) -> Command:
    """The command that parsed arguments stand for.

    Raises InvalidConfigError with every unknown group, choice or key (and the nearest right one), and
    every value of a wrong type or out of range.
    """
    config_name = args.config_name or CONFIG_NAME
    resume_words, words = split_resume(args.overrides)
    with config_loader(args) as loader:
        overrides, problems = _parse_overrides(words, loader)
        try:
            checked = check_overrides(overrides, loader, config_name, args.multirun, [RESUME])
        except InvalidConfigError as error:
            raise InvalidConfigError([*problems, *error.problems]) from error
        problems += checked.problems
        multirun, live = checked.multirun, checked.live
        if live and multirun:
            problems.append("plot.live = true: a sweep opens no window; leave out -m or plot.live")
        resumed: Path | None = None
        if resume_words:
            resumed, resume_problems = _folder_to_resume(resume_words, multirun)
            problems += resume_problems
        if problems:
            raise InvalidConfigError(problems)
        if resumed is not None:
            return Command(multirun, resumed, chosen=True, live=live, resume=True)
        folder = _new_folder(loader, config_name, words, multirun)
        chosen = any(override.key_or_group == _folder_key(multirun) for override in overrides)
        return Command(multirun, folder, chosen, live)


def _folder_key(multirun: bool) -> str:
    return "hydra.sweep.dir" if multirun else "hydra.run.dir"


def _parse_overrides(texts: Sequence[str], loader: ConfigLoader) -> tuple[list[Override], list[str]]:
    """The overrides that Hydra can parse, and a problem for each of the others."""
    parser = OverridesParser.create(config_loader=loader)
    overrides: list[Override] = []
    problems: list[str] = []
    for text in texts:
        try:
            overrides += parser.parse_overrides([text])  # unlike parse_override, it supports glob()
        except (HydraException, ValueError) as error:  # for example, a number of thousands of digits
            reason = shortened(describe_error(error))
            problems.append(f"{shortened(text)}: cannot be understood; write key=value ({reason})")
    return overrides, problems


def _folder_to_resume(resume_words: Sequence[str], multirun: bool) -> tuple[Path | None, list[str]]:
    """The folder that `resume=FOLDER` names, and the problems that prevent a resume."""
    try:
        folder = resume_folder(resume_words)
    except BadArgumentsError as error:
        return None, [str(error)]
    return folder, list(_resume_problems(folder, multirun))


def _resume_problems(folder: Path, multirun: bool) -> Iterator[str]:
    """The reasons why a folder cannot be resumed."""
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
    """The folder of a command that resumes nothing. Raises InvalidConfigError when it cannot be created."""
    key = _folder_key(multirun)
    try:
        text = folder_setting(loader, config_name, words, multirun)
    except (HydraException, OmegaConfBaseException) as error:
        raise InvalidConfigError([f"{key}: {str(error).splitlines()[0]}"]) from error
    if problem := name_problem(text):
        raise InvalidConfigError([f"{key} = {shortened(text)}: {problem}"])
    return Path(text)
