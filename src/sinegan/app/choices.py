"""The choices of the config groups: which there are, what is wrong with one, and which is meant."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import fields
from difflib import get_close_matches
from functools import cache
from typing import get_origin, get_type_hints

from hydra.core.config_loader import ConfigLoader
from hydra.core.override_parser.types import Override

from hydra_plugins.grid_sweeper.grid_sweeper import value_texts
from sinegan.app.problems import remedy_for_list
from sinegan.config import Config
from sinegan.schema import nearest

PARTS = [field.name for field in fields(Config)] + ["executor"]
"""The keys at the top of a config; some of them are groups."""
SEVERAL_CHOICES = [name for name, hint in get_type_hints(Config).items() if get_origin(hint) is tuple]
"""The groups of which several choices may be made."""
ONE_CHOICE = [name for name in PARTS if name not in SEVERAL_CHOICES] + ["experiment"]


class Choices:
    """The choices of all groups that a loader finds.

    options: gives the names of the choices of a group.
    """

    def __init__(
        self,
        loader: ConfigLoader,
        config_name: str,
        parse: Callable[[str], Override],
        hydra: Sequence[Override],
    ) -> None:
        """Looks nothing up yet.

        Arguments:
            loader: knows the folders of YAML files.
            config_name: the primary config.
            parse: makes an override of its text.
            hydra: the overrides of Hydra's own settings, which may add folders.
        """
        self._loader = loader
        self._config_name = config_name
        self._parse = parse
        self.hydra = hydra
        self.options: Callable[[str], list[str]] = cache(self._options)

    def _options(self, group: str) -> list[str]:
        texts = [str(override.input_line) for override in self.hydra if "searchpath" in override.key_or_group]
        return self._loader.get_group_options(group, config_name=self._config_name, overrides=texts)

    def is_choice(self, override: Override) -> bool:
        """Whether an override makes a choice of a group; others set a value."""
        if override.is_delete() or isinstance(override.value(), dict):  # a mapping is merged
            return False
        return bool(override.key_or_group and self.options(override.key_or_group))

    def problems(self, override: Override) -> Iterator[str]:
        """The problems of the choices that an override makes."""
        group = override.key_or_group
        options = self.options(group)
        if group == "hydra":
            yield f"{override.input_line}: is no choice; set one of its keys, such as hydra.run.dir"
            return
        for choice in value_texts(override):
            names = _choice_names(choice)
            if choice.startswith("[") and group in ONE_CHOICE:
                remedy = remedy_for_list(group, names)
                yield f"{group} = {choice}: must be one choice, no list of them; {remedy}"
                continue
            if len(names) > 1 and "none" in names:
                others = ",".join(name for name in names if name != "none")
                yield f"{group} = {choice}: none goes with no other; use {group}=[{others}] or {group}=none"
            for name in names:
                if not self._exists(group, name):
                    yield f"{group} = {choice}: must be one of {', '.join(options)}{nearest(name, options)}"

    def _exists(self, group: str, name: str) -> bool:
        subgroup, _, last = name.rpartition("/")
        return last in self.options(f"{group}/{subgroup}" if subgroup else group)

    def nearest(self, override: Override) -> list[Override]:
        """The choice that a wrong one is nearest to; none when no choice is near."""
        group = override.key_or_group
        options = self.options(group)
        names = _choice_names(value_texts(override)[0])
        near = [match for name in names for match in get_close_matches(name, options, 1, cutoff=0.5)]
        near = near[:1] if group in ONE_CHOICE else [*dict.fromkeys(near)]
        if not near:
            return []
        value = near[0] if len(near) == 1 else f"[{','.join(near)}]"
        return [self._parse(f"{override.get_key_element()}={value}")]


def _choice_names(choice: str) -> list[str]:
    """The names in the text of a choice: `r1`, or `[r1,r2]`."""
    return [name.strip() for name in choice.strip("[]").split(",")]
