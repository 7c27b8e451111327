"""From configs that Hydra composed to typed ones."""

from collections.abc import Iterator
from functools import cache
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import DictConfig, ListConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from sinegan.config import Config, InvalidConfigError, validate, with_learning_rates
from sinegan.schema import build
from sinegan.sweep import memory
from sinegan.sweep.executors import ExecutorSettings


def plain_settings(config: DictConfig) -> dict[str, Any]:
    """The settings of a composed config as result files store them: plain, and with all learning rates.

    Raises InvalidConfigError when an interpolation leads nowhere.
    """
    return with_learning_rates(_plain(config))


def _plain(config: DictConfig) -> dict[str, Any]:
    """A composed config, without any `hydra` node, as plain values."""
    own = OmegaConf.masked_copy(config, [str(key) for key in config if key != "hydra"])
    try:
        values = OmegaConf.to_container(own, resolve=True)
    except OmegaConfBaseException as error:
        raise InvalidConfigError([f"{error.full_key}: {str(error).splitlines()[0]}"]) from error
    assert isinstance(values, dict)
    return {str(key): value for key, value in values.items()}


def build_config(config: DictConfig) -> tuple[Config, ExecutorSettings]:
    """The typed configuration and executor of a composed config.

    Raises InvalidConfigError with all problems of both.
    """
    values = _plain(config)
    executor, problems = build(ExecutorSettings, values.pop("executor", {}), "executor")
    try:
        settings = validate(values, _choices(config))
    except InvalidConfigError as error:
        problems = error.problems + problems
    problems += _repeated_choices(config)
    if not problems:
        problems += memory.problems(settings, executor)
    if problems:
        # The source of an interpolated value is reported, not the value.
        own = [line for line in problems if not _is_interpolated(config, line.split(" ")[0])]
        raise InvalidConfigError(own or problems)
    return settings, executor


def _repeated_choices(config: DictConfig) -> Iterator[str]:
    """Reports choices that an override lists twice: Hydra merges them silently."""
    for text in OmegaConf.select(config, "hydra.overrides.task") or []:
        key, names = _listed(text)
        once = list(dict.fromkeys(names))
        # A list of choices becomes a mapping; any other list is a value, whose entries may repeat.
        if len(once) < len(names) and OmegaConf.is_dict(OmegaConf.select(config, key)):
            again = ", ".join(name for name in once if names.count(name) > 1)
            problem = f"must name each choice once, not {again} again; use {key}=[{','.join(once)}]"
            yield f"{key} = [{','.join(names)}]: {problem}"


@cache  # the jobs of a sweep share most of their overrides
def _listed(text: str) -> tuple[str, list[str]]:
    """The key of an override and the entries of its value when that is a list: `penalty=[r1,r2]`."""
    if "=[" not in text:  # parsing takes a while
        return text, []
    override = OverridesParser.create().parse_override(text)
    value = override.value()
    return override.key_or_group, [str(item) for item in value] if isinstance(value, list) else []


def _choices(config: DictConfig) -> dict[str, str]:
    """The choice of each group, by Hydra's record, which lacks groups with several choices."""
    choices = OmegaConf.select(config, "hydra.runtime.choices") or {}
    return {str(group): str(name) for group, name in choices.items()}


def _is_interpolated(config: DictConfig, key: str) -> bool:
    parent, _, name = key.rpartition(".")
    node = OmegaConf.select(config, parent) if parent else config
    # A struct raises for a key that it lacks, and a problem need not begin with a key.
    return isinstance(node, DictConfig) and name in node and OmegaConf.is_interpolation(node, name)


def find_problems(config: DictConfig) -> list[str]:
    """All problems of a composed config, a line each."""
    try:
        build_config(config)
    except InvalidConfigError as error:
        return error.problems
    return []


def dotted_keys(node: Any, prefix: str = "") -> Iterator[str]:
    """All dotted keys of a config, except Hydra's own."""
    if isinstance(node, ListConfig):
        yield from (f"{prefix}{place}" for place in range(len(node)))
    if not isinstance(node, DictConfig):
        return
    for key in map(str, node):
        path = f"{prefix}{key}"
        if path == "hydra":
            continue
        yield path
        if not OmegaConf.is_missing(node, key) and not OmegaConf.is_interpolation(node, key):
            yield from dotted_keys(node[key], f"{path}.")
