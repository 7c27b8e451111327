"""The command line, checked before Hydra acts on it: every problem at once, and nothing made."""

from argparse import Namespace
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hydra import compose
from hydra.core.config_loader import ConfigLoader
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from sinegan.arguments import RESUME, BadArgumentsError, resume_folder, resumed
from sinegan.composition import problems_of
from sinegan.config import InvalidConfigError
from sinegan.files import UnwritableFileError, refuse_links
from sinegan.folders import home, name_problem
from sinegan.loader import CONFIG_NAME, config_loader
from sinegan.results import DamagedResultsError
from sinegan.schema import nearest
from sinegan.sweep_folder import holds_sweep, is_configuration

SEEDS = ("seed", "seeds")


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
        choices, values, hydra_values = _sorted(overrides, loader)
        wrong = {override.key_or_group: list(_choice_problems(override, loader)) for override in choices}
        problems += [problem for found in wrong.values() for problem in found]
        right = [override for override in choices if not wrong[override.key_or_group]]
        texts = [_first(override) for override in [*right, *hydra_values]]
        try:
            config = compose(args.config_name or CONFIG_NAME, texts, return_hydra_config=True)
        except HydraException as error:
            raise InvalidConfigError([*problems, *str(error).splitlines()]) from error
        except Exception as error:  # OmegaConf's, and its bugs: a mapping merged into a null, say
            words = f"{' '.join(texts)}: cannot be composed ({str(error).splitlines()[0]})"
            raise InvalidConfigError([*problems, words]) from error
        multirun = args.multirun or config.hydra.mode == RunMode.MULTIRUN
        problems += list(_sweep_problems(overrides, multirun))
        problems += list(_search_problems(config, overrides))
        problems += _value_problems(config, values, [*loader.list_groups("")])
        live = bool(OmegaConf.select(config, "plot.live"))
        if live and multirun:
            problems.append("plot.live = true: a sweep opens no window; leave out -m or plot.live")
        resume, in_the_way = _resume(named, multirun) if named else (None, [])
        problems += in_the_way
        if problems:
            raise InvalidConfigError(problems)
        if resume is not None:
            return Command(multirun, resume, chosen=True, live=live, resume=True)
        key = "sweep" if multirun else "run"
        chosen = any(override.key_or_group == f"hydra.{key}.dir" for override in hydra_values)
        folder = _new_folder(loader, args.config_name or CONFIG_NAME, typed, multirun)
        return Command(multirun, folder, chosen, live)


def _parsed(texts: Sequence[str], loader: ConfigLoader) -> tuple[list[Override], list[str]]:
    parser = OverridesParser.create(config_loader=loader)
    overrides: list[Override] = []
    problems: list[str] = []
    for text in texts:
        try:
            overrides.append(parser.parse_override(text))
        except HydraException as error:
            problems.append(f"{text}: cannot be understood; write key=value ({str(error).splitlines()[0]})")
    return overrides, problems


def _sorted(
    overrides: Sequence[Override], loader: ConfigLoader
) -> tuple[list[Override], list[Override], list[Override]]:
    """Overrides that choose from a group, that set a value, and that set one of Hydra's own."""
    choices, values, hydra_values = [], [], []
    for override in overrides:
        if loader.get_group_options(override.key_or_group):
            choices.append(override)
        elif override.key_or_group.split(".")[0] == "hydra":
            hydra_values.append(override)
        else:
            values.append(override)
    return choices, values, hydra_values


def _choice_problems(override: Override, loader: ConfigLoader) -> Iterator[str]:
    group = override.key_or_group
    options = loader.get_group_options(group)
    for choice in _texts(override):
        for name in choice.strip("[]").split(","):  # of some groups several may be chosen
            below, _, last = name.rpartition("/")
            known = loader.get_group_options(f"{group}/{below}") if below else options
            if name != "null" and not override.is_delete() and last not in known:
                yield f"{group} = {choice}: must be one of {', '.join(options)}{nearest(name, options)}"


def _resume(named: Sequence[str], multirun: bool) -> tuple[Path | None, list[str]]:
    """The folder that `resume=FOLDER` names, and what keeps it from being gone on with."""
    try:
        folder = resume_folder(named)
    except BadArgumentsError as error:
        return None, [str(error)]
    return folder, list(_resume_problems(folder, multirun))


def _resume_problems(folder: Path, multirun: bool) -> Iterator[str]:
    try:
        is_run, is_sweep = is_configuration(folder), holds_sweep(folder)
        refuse_links(folder)
    except (DamagedResultsError, UnwritableFileError) as error:
        yield f"resume = {folder}: {error}"
        return
    if problem := name_problem(str(folder)):
        yield f"resume = {folder}: {problem}"
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
        raise InvalidConfigError([f"{key} = {text}: {problem}"])
    return Path(text)


def _sweep_problems(overrides: Sequence[Override], multirun: bool) -> Iterator[str]:
    for override in overrides:
        if override.is_sweep_override() and not multirun:
            yield f"{override.input_line}: several values make a sweep; add -m"


def _search_problems(config: DictConfig, overrides: Sequence[Override]) -> Iterator[str]:
    """A search for the best configuration must not choose among seeds: it would pick the luckiest."""
    sweeper = config.hydra.sweeper
    if "direction" not in sweeper:  # what a searching sweeper is told
        return
    searched = [override.key_or_group for override in overrides if override.is_sweep_override()]
    searched += [str(key) for key in sweeper.get("params") or {}]
    for key in SEEDS:
        if key in searched:
            yield f"{key}: a search must not choose among seeds; seeds=N trains N runs of every trial"


def _value_problems(config: DictConfig, values: Sequence[Override], groups: Sequence[str]) -> list[str]:
    """Sets all values in a composed config and says what is wrong with them."""
    OmegaConf.set_struct(config, False)
    known = [*groups, *_keys(config), RESUME]
    problems: list[str] = []
    swept: list[Override] = []
    for override in values:
        key = override.key_or_group
        if key not in known and not override.is_add():
            problems.append(f"{override.input_line}: no such key{nearest(key, known)}")
        elif override.is_sweep_override():
            swept.append(override)
        elif not override.is_delete():
            OmegaConf.update(config, key, override.value())
    problems += problems_of(config)
    parser = OverridesParser.create()
    for override in swept:
        key = override.key_or_group
        for text in _texts(override):
            trial = config.copy()
            OmegaConf.update(trial, key, parser.parse_override(f"{key}={text}").value())
            problems += [line for line in problems_of(trial) if line.startswith(key) and line not in problems]
    return problems


def _keys(node: Any, prefix: str = "") -> Iterator[str]:
    """All keys of a config but Hydra's own, with dots."""
    if not isinstance(node, DictConfig):
        return
    for key in map(str, node):
        path = f"{prefix}{key}"
        if path == "hydra":
            continue
        yield path
        if not OmegaConf.is_missing(node, key) and not OmegaConf.is_interpolation(node, key):
            yield from _keys(node[key], f"{path}.")


def _texts(override: Override) -> list[str]:
    """The values of an override as text; none for a continuous sweep (a searching sweeper's own)."""
    if not override.is_sweep_override():
        return [override.get_value_element_as_str()]
    return list(override.sweep_string_iterator()) if override.is_discrete_sweep() else []


def _first(override: Override) -> str:
    """The override with the first of its values, as text."""
    if not override.is_sweep_override() or not _texts(override):
        return str(override.input_line)
    return f"{override.get_key_element()}={_texts(override)[0]}"
