"""Names of swept values and of configurations: one spelling for each number, and short but distinct."""

from collections import Counter
from collections.abc import Mapping, Sequence
from decimal import Decimal
from numbers import Integral, Real
from typing import Any

import pandas as pd

from sinegan.storage.sweep_folder import SEED_KEYS

FEWEST_DIGITS = 3
MANY_DIGITS = 7
"""Up to this many digits a number is shown in full: people type no more, a search makes 17."""
PLAIN = range(-4, 6)
"""Powers of ten of the numbers that are written out: 0.0001 to 999999."""


def spelled(value: Any) -> str:
    """A value of a setting as Hydra reads it back; equal numbers have one spelling.

    >>> [spelled(value) for value in (1e-3, 1.0e-5, 8.0, 1e8, True, None, [64, 1e-3], "sine")]
    ['0.001', '1e-5', '8', '1e8', 'true', 'null', '[64,0.001]', 'sine']
    """
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Real):
        return _number(str(value) if isinstance(value, Integral) else repr(float(value)))
    if isinstance(value, Mapping):
        return f"{{{','.join(f'{key}:{spelled(item)}' for key, item in value.items())}}}"
    if isinstance(value, list | tuple):
        return f"[{','.join(map(spelled, value))}]"
    return str(value)


def _number(text: str) -> str:
    """The digits of a number, written out or with a power of ten, whichever is shorter."""
    number = Decimal(text)
    if not number.is_finite():
        return text
    sign, digits, exponent = number.as_tuple()
    mantissa = "".join(map(str, digits)).rstrip("0")
    if not mantissa:
        return "0"
    assert isinstance(exponent, int)
    power = len(digits) - 1 + exponent
    point = f".{mantissa[1:]}" if len(mantissa) > 1 else ""
    scientific = f"{'-' if sign else ''}{mantissa[0]}{point}e{power}"
    if power not in PLAIN and power < 0:
        return scientific
    whole = f"{number:f}"
    plain = whole.rstrip("0").rstrip(".") if "." in whole else whole
    return plain if power in PLAIN or len(plain) <= len(scientific) else scientific


def shortened(values: Sequence[Any]) -> list[str]:
    """Spells values distinctly: long numbers with as few digits as keep them distinct, and at least three.

    Integers and values that are no numbers are spelled in full.
    """
    full = [spelled(value) for value in values]
    for digits in range(FEWEST_DIGITS, 17):
        short = [_rounded(value, digits) for value in values]
        if len(set(short)) == len(set(full)):
            return short
    return full


def _rounded(value: Any, digits: int) -> str:
    if not isinstance(value, float) or value.is_integer():
        return spelled(value)
    _, known, _ = Decimal(repr(float(value))).as_tuple()
    return spelled(value if len(known) <= MANY_DIGITS else float(f"{value:.{digits - 1}e}"))


def tails(paths: Sequence[str]) -> list[str]:
    """The shortest ends of paths, in whole names, that keep different paths distinct.

    >>> tails(["data/a/x.csv", "data/b/x.csv", "data/a/x.csv"])
    ['a/x.csv', 'b/x.csv', 'a/x.csv']
    """
    parts = [path.split("/") for path in paths]
    for length in range(1, max(map(len, parts), default=0)):
        ends = ["/".join(each[-length:]) for each in parts]
        if all(ends) and len(set(ends)) == len(set(paths)):
            return ends
    return list(paths)


def name_values(values: Sequence[Any]) -> list[str]:
    """Spells different values of a setting as `shortened` does, and files by the ends of their paths."""
    texts = [value for value in values if isinstance(value, str)]
    ends = dict(zip(texts, tails(texts), strict=True)) if any("/" in text for text in texts) else {}
    names = shortened([ends.get(value, value) if isinstance(value, str) else value for value in values])
    return names if len(set(names)) == len(set(map(spelled, values))) else shortened(values)


def label(row: Mapping[str, Any], swept: Sequence[str]) -> str:
    """The name of a configuration: its swept keys with their values, `loss=minimax, optim.lr=0.1`.

    row: with the name of its folder as `configuration`. A key that it does not have is left out.
    """
    known = [key for key in swept if not pd.isna(row[key])]
    return ", ".join(f"{key}={row[key]}" for key in known) or f"configuration {row['configuration']}"


def unique_labels(rows: Sequence[Mapping[str, Any]], swept: Sequence[str]) -> list[str]:
    """The names of configurations; equal names are followed by the name of the folder."""
    labels = [label(row, swept) for row in rows]
    count = Counter(labels)
    return [
        name if count[name] == 1 else f"{name} ({row['configuration']})"
        for name, row in zip(labels, rows, strict=True)
    ]


def short_keys(keys: Sequence[str]) -> dict[str, str]:
    """Maps keys to their names in sentences: the last part of a dotted key, where the last parts differ."""
    last = [key.rpartition(".")[2] for key in keys]
    dotted = [key for key in keys if "." in key]
    return dict(zip(keys, last if len(dotted) > 1 and len(set(last)) == len(last) else keys, strict=True))


def short_label(row: Mapping[str, Any], keys: Mapping[str, str]) -> str:
    """The values of a configuration's keys: `minimax/small`, `optim.lr=0.1`.

    keys: the keys to show, with their names. A key that the configuration does not have (a penalty's
    weight where there is no penalty) is left out.
    """
    known = {key: short for key, short in keys.items() if not pd.isna(row[key])}
    named = [str(row[key]) if _is_choice(key) else f"{short}={row[key]}" for key, short in known.items()]
    return "/".join(named) or str(row["name"])


def _is_choice(key: str) -> bool:
    """Whether a value is clear without its key: `minimax` is, `0` of `seed=0` is not."""
    return "." not in key and key not in SEED_KEYS
