"""Between Hydra's composed configs and typed ones."""

from typing import Any

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from sinegan.config import Config, InvalidConfigError, validate
from sinegan.resolvers import register
from sinegan.schema import build
from sinegan.sweep.executors import ExecutorSettings

register()


def resolved(config: DictConfig) -> dict[str, Any]:
    """A composed config, without any `hydra` node, as plain values.

    Raises InvalidConfigError when an interpolation leads nowhere.
    """
    own = OmegaConf.masked_copy(config, [str(key) for key in config if key != "hydra"])
    try:
        values = OmegaConf.to_container(own, resolve=True)
    except OmegaConfBaseException as error:
        raise InvalidConfigError([f"{error.full_key}: {str(error).splitlines()[0]}"]) from error
    assert isinstance(values, dict)
    return {str(key): value for key, value in values.items()}


def typed(config: DictConfig) -> tuple[Config, ExecutorSettings]:
    """The typed configuration and executor of a composed config.

    Raises InvalidConfigError with all problems of both.
    """
    values = resolved(config)
    executor, problems = build(ExecutorSettings, values.pop("executor", {}), "executor")
    try:
        settings = validate(values, _choices(config))
    except InvalidConfigError as error:
        problems = error.problems + problems
    if problems:
        # A value that was set by interpolation is wrong where it comes from.
        own = [line for line in problems if not _is_interpolated(config, line.split(" ")[0])]
        raise InvalidConfigError(own or problems)
    return settings, executor


def _choices(config: DictConfig) -> dict[str, str]:
    """What was chosen of each group, as far as Hydra notes it: not where several were."""
    noted = OmegaConf.select(config, "hydra.runtime.choices") or {}
    return {str(group): str(name) for group, name in noted.items()}


def _is_interpolated(config: DictConfig, key: str) -> bool:
    parent, _, name = key.rpartition(".")
    node = OmegaConf.select(config, parent) if parent else config
    # A struct raises when it is asked for a key that it lacks, and a refusal may begin with no key.
    return isinstance(node, DictConfig) and name in node and OmegaConf.is_interpolation(node, name)


def problems_of(config: DictConfig) -> list[str]:
    """Every problem of a composed config, a line each."""
    try:
        typed(config)
    except InvalidConfigError as error:
        return error.problems
    return []
