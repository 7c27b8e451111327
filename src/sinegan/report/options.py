"""Values of options on the command line, checked."""

import math


class UnusableOptionError(ValueError):
    """An option's value cannot be used; the message says what is allowed."""


def names(option: str, text: str, kind: str) -> list[str]:
    """The names in a list with commas, each once."""
    names = [name.strip() for name in text.split(",")]
    if not all(names):
        raise UnusableOptionError(f"{option} {text!r}: must be a list {kind}, with a name between the commas")
    return list(dict.fromkeys(names))


def name(option: str, text: str) -> str:
    if not text.strip():
        raise UnusableOptionError(f"{option} {text!r}: must be a name")
    return text.strip()


def above_0(option: str, text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not 0 < number < math.inf:
        raise UnusableOptionError(f"{option} {text!r}: must be a number above 0, and finite")
    return number


def share(option: str, text: str) -> float:
    """A share of 1, such as 0.1."""
    value = above_0(option, text)
    if value >= 1:
        raise UnusableOptionError(f"{option} {text!r}: must be a share below 1, such as 0.1 for 10 %")
    return value
