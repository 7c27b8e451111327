"""Tab completion: Hydra's own offers, and the choices of nested groups and of settings.

Hydra takes one completion plugin for each shell and brings its own, so `main` calls this one directly.
"""

import os
from collections.abc import Iterable, Iterator
from glob import escape, glob

from hydra.core.config_loader import ConfigLoader
from hydra.core.object_type import ObjectType
from hydra.errors import HydraException
from hydra.plugins.completion_plugin import DefaultCompletionPlugin
from hydra.types import RunMode
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from hydra_plugins._hydra_private import completions
from sinegan.app.arguments import RESUME, BadArgumentsError, parse_arguments
from sinegan.app.config_loader import CONFIG_NAME, config_loader

SEPARATORS = {"bash": " ", "zsh": " ", "fish": "\n"}
"""The text between two offers, for each shell."""

CHOICES = {
    "activation": ("relu", "leaky_relu", "tanh", "gelu", "silu"),
    "curves": ("rows", "columns"),
    "decimal": ("point", "comma"),
    "delimiter": ("tab", "semicolon", "bar", "comma", "blank"),
    "compile": ("auto", "always", "never"),
    "device": ("cpu", "cuda", "auto"),
    "dtype": ("float32", "float64"),
    "updates": ("simultaneous", "alternating"),
}
"""The settings that take one of several words. Their classes know the words, too, but load PyTorch."""


def complete(shell: str) -> None:
    """Prints the possible continuations of the command line in COMP_LINE."""
    line = os.environ.get("COMP_LINE", "")
    print(SEPARATORS[shell].join(offers(Completion.strip_python_or_app_name(line)) if line.strip() else []))


def offers(line: str) -> list[str]:
    """The possible completions of the last word of a command line, given without its program."""
    try:
        args = parse_arguments(line.split())
        with config_loader(args) as loader:
            words = list(args.overrides)
            word = words.pop() if words and not line.endswith(" ") else ""
            return sorted(set(Completion(loader, args.config_name or CONFIG_NAME).complete(word, words)))
    except (BadArgumentsError, HydraException, OmegaConfBaseException):
        return []  # the line is incomplete


class Completion(DefaultCompletionPlugin):
    """Completes one word of a command line."""

    def __init__(self, loader: ConfigLoader, config_name: str) -> None:
        super().__init__(loader)
        self._config_name = config_name

    def complete(self, word: str, before: list[str]) -> Iterable[str]:
        """The possible completions of a word that follows others."""
        key, equals, value = word.partition("=")
        name = key.lstrip("+~")
        if not equals:
            keys = completions(self, self._config_name, " ".join([*before, word]) or " ")
            return (
                f"{each}=" if self._has_choices(each) else each for each in keys if "_target_" not in each
            )
        if name == RESUME:
            return (f"{key}={path.rstrip(os.sep)}" for path in glob(f"{escape(value)}*{os.sep}"))
        given, comma, last = value.rpartition(",")  # the last of several values
        values = self._values(name, before)
        if not values:
            line = " ".join([*before, word])
            return [] if "_target_" in name else completions(self, self._config_name, line)
        return (f"{key}={given}{comma}{each}" for each in values if each.startswith(last))

    def _values(self, key: str, before: list[str]) -> list[str]:
        """The choices of a group or of a setting; none for a setting without a list of choices."""
        if self.config_loader.get_group_options(key):
            return list(self._nested_choices(key, ""))
        config = self.config_loader.load_configuration(self._config_name, before, run_mode=RunMode.MULTIRUN)
        value = OmegaConf.select(config, key)
        if isinstance(value, bool):
            return ["true", "false"]
        choices = CHOICES.get(key.rpartition(".")[2], ())
        return list(choices) if value in choices else []

    def _nested_choices(self, group: str, prefix: str) -> Iterator[str]:
        """The choices of a group and of the groups in it."""
        for name in self.config_loader.get_group_options(group, ObjectType.CONFIG):
            yield f"{prefix}{name}"
        for name in self.config_loader.get_group_options(group, ObjectType.GROUP):
            yield from self._nested_choices(f"{group}/{name}", f"{prefix}{name}/")

    def _has_choices(self, offer: str) -> bool:
        """Whether an offer is the bare name of a group that has choices."""
        return offer[-1] not in "=./" and bool(
            self.config_loader.get_group_options(offer.lstrip("+~"), ObjectType.CONFIG)
        )
