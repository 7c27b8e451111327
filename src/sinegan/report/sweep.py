"""A sweep as data: what its files hold, as tidy DataFrames."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from sinegan.report.labels import name_values, shortened, spelled
from sinegan.storage.settings import ABSENT, setting


@dataclass(frozen=True)
class Sweep:
    """The content of one sweep's folder, or of several, as tidy DataFrames.

    configurations: a row for each configuration, with its folder, metric, engine and swept keys.
    runs: a row for each run. history: a row for each run and evaluation; the rows of a run are adjacent,
    in the order of steps. Both carry `configuration` and the swept keys as columns. Swept numbers are
    numbers; choices and lists are texts; a key that a configuration does not have is missing in its row.
    """

    folder: Path
    swept: list[str]
    configurations: pd.DataFrame
    runs: pd.DataFrame
    history: pd.DataFrame
    settings: dict[str, dict[str, Any]]
    """The resolved settings of each configuration, by its name."""
    shared: Mapping[str, str]
    """The overrides that all configurations share."""
    remarks: Sequence[str] = ()
    """Notes on the files, each a sentence without a full stop, as on missing configurations."""
    provenances: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """The provenance of each configuration, by its name."""
    merged: bool = False
    """Whether it is several sweeps, read as one."""
    merged_designs: Sequence[Any] = ()
    """The settings `decide` of all configurations of merged sweeps, also of those that became one."""

    @cached_property
    def labels(self) -> pd.DataFrame:
        """`configurations` with the labels of swept values, as tables and pictures show them.

        Different values of a key have different labels; a configuration without the key has none.
        """
        columns = {
            key: pd.Series(
                [None if value is ABSENT else labels[spelled(value)] for value in self._values(key)]
            )
            for key, labels in self._labels_by_spelling.items()
        }
        return self.configurations.assign(**columns)

    def in_full(self, table: pd.DataFrame) -> pd.DataFrame:
        """A table with the values of its swept keys in all their digits and with whole paths."""
        spellings = {
            key: {label: spelling for spelling, label in labels.items()}
            for key, labels in self._labels_by_spelling.items()
        }
        return table.assign(
            **{
                key: [by_label.get(label, label) for label in table[key]]
                for key, by_label in spellings.items()
                if key in table
            }
        )

    @cached_property
    def _labels_by_spelling(self) -> dict[str, dict[str, str]]:
        """For each swept key, the label of each spelling of a value."""
        labels = {}
        for key in self.swept:
            if key == "seeds":  # the column counts them
                continue
            values = {spelled(value): value for value in self._values(key) if value is not ABSENT}
            stored = [setting(settings, key) for settings in self.settings.values()]
            name = name_values if any(isinstance(value, str) for value in stored) else shortened
            labels[key] = dict(zip(values, name([*values.values()]), strict=True))
        return labels

    def _values(self, key: str) -> list[Any]:
        """The values of a swept key: None where it is null, ABSENT where there is no such key."""
        rows = zip(self.configurations["configuration"], self.configurations[key].tolist(), strict=True)
        return [
            _null_or_absent(self.settings[name], key) if pd.isna(value) else value for name, value in rows
        ]


def _null_or_absent(settings: Mapping[str, Any], key: str) -> Any:
    return None if setting(settings, key) is None else ABSENT
