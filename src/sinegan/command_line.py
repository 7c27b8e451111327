"""The command line, checked before Hydra acts on it: every problem at once, and nothing made."""

from argparse import Namespace
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from hydra._internal.hydra import Hydra
from hydra._internal.utils import create_config_search_path
from hydra.core.config_loader import ConfigLoader
from hydra.core.config_search_path import SearchPathQuery
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException
from hydra.initialize import get_gh_backup, restore_gh_from_backup

from sinegan.conf_folder import conf_folder
from sinegan.config import InvalidConfigError
from sinegan.files import UnwritableFileError, refuse_links
from sinegan.overrides import checked
from sinegan.problems import words_of
from sinegan.results import DamagedResultsError
from sinegan.sweep_folder import holds_sweep, is_configuration
from sinegan.swept import texts_of

CONFIG_NAME = "config"
RESUME = "resume"


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
    with _config_loader(args) as loader:
        overrides, problems = _parsed(args.overrides, loader)
        resumed = [override for override in overrides if override.key_or_group == RESUME]
        overrides = [override for override in overrides if override not in resumed]
        try:
            found = checked(overrides, loader, args.config_name or CONFIG_NAME, args.multirun, [RESUME])
        except InvalidConfigError as error:
            raise InvalidConfigError([*problems, *error.problems]) from error
        multirun, live = found.multirun, found.live
        problems += found.problems
        if live and multirun:
            problems.append("plot.live = true: a sweep opens no window; leave out -m or plot.live")
        problems += [line for override in resumed for line in _resume_problems(override, multirun)]
        if problems:
            raise InvalidConfigError(problems)
        if resumed:
            return Command(multirun, Path(texts_of(resumed[-1])[0]), chosen=True, live=live, resume=True)
        key = "sweep" if multirun else "run"
        chosen = any(override.key_or_group == f"hydra.{key}.dir" for override in overrides)
        return Command(multirun, found.folder, chosen, live)


@contextmanager
def _config_loader(args: Namespace) -> Iterator[ConfigLoader]:
    """Hydra's loader over our YAML files, and over the folder given with --config-dir."""
    if args.config_dir and not Path(args.config_dir).is_dir():
        raise InvalidConfigError([f"--config-dir {args.config_dir}: no such folder"])
    before = get_gh_backup()
    search_path = create_config_search_path(str(Path(args.config_path or conf_folder()).absolute()))
    if args.config_dir:
        extra = f"file://{Path(args.config_dir).absolute()}"
        search_path.prepend("command-line", extra, anchor=SearchPathQuery(provider="schema"))
    Hydra.create_main_hydra2("sinegan", search_path)
    try:
        yield GlobalHydra.instance().config_loader()
    finally:
        restore_gh_from_backup(before)


def _parsed(texts: Sequence[str], loader: ConfigLoader) -> tuple[list[Override], list[str]]:
    parser = OverridesParser.create(config_loader=loader)
    overrides: list[Override] = []
    problems: list[str] = []
    for text in texts:
        try:
            overrides += parser.parse_overrides([text])  # which know the loader, for glob()
        except HydraException as error:
            problems.append(f"{text}: cannot be understood; write key=value ({words_of(error)})")
    return overrides, problems


def _resume_problems(override: Override, multirun: bool) -> Iterator[str]:
    """What keeps `resume=FOLDER` from naming a folder that can be gone on with."""
    text = " ".join(texts_of(override))
    folder = Path(text)
    try:
        is_run, is_sweep = is_configuration(folder), holds_sweep(folder)
        refuse_links(folder)
    except (DamagedResultsError, UnwritableFileError) as error:
        yield f"resume = {text}: {error}"
        return
    if override.is_sweep_override():
        yield f"{override.input_line}: one folder at a time"
    elif not folder.is_dir():
        yield f"resume = {text}: no such folder; give one below outputs/sweeps or outputs/runs"
    elif not (is_run or is_sweep):
        yield f"resume = {text}: holds no configuration; start it without resume"
    elif is_run and multirun:
        yield f"resume = {text}: holds a single run; leave out -m"
    elif is_sweep and not multirun:
        yield f"resume = {text}: holds a sweep; add -m"
