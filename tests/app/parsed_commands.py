"""A command line, parsed and checked without running it."""

import pytest
from hydra._internal.utils import get_args_parser

from sinegan.app.command_line import Command, parse_command
from sinegan.config import InvalidConfigError


def command(*arguments: str) -> Command:
    return parse_command(get_args_parser().parse_args(list(arguments)))


def problems(*arguments: str) -> list[str]:
    """The problems of a command, which must be refused."""
    with pytest.raises(InvalidConfigError) as caught:
        command(*arguments)
    return caught.value.problems
