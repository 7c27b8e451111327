"""From folders to a sweep as tidy DataFrames."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from sinegan.report.labels import name_values, shortened, spelled
from sinegan.report.merging import (
    ABSENT,
    clashes,
    completed,
    identity,
    setting,
    split_overrides,
    swept_keys,
    trained,
)
from sinegan.report.referee.comparisons import compare_samples, ranks
from sinegan.report.referee.effects import effects_of
from sinegan.report.referee.estimates import wide_table
from sinegan.report.referee.run_values import MEAN, Samples, run_summaries, samples
from sinegan.statuses import ENDED_WELL
from sinegan.storage.results import ResultFilesError, records, stored_history, stored_runs
from sinegan.storage.sweep_folder import (
    PROVENANCE,
    SEED_KEYS,
    configuration_folders,
    missing_configurations,
    read_provenance,
    typed_setting,
)

WHERE = "give a folder below outputs/sweeps or outputs/runs"
MOST_NAMED = 5


class UnreadableSweepError(ValueError):
    """The folder holds nothing that a report could be made of."""


@dataclass(frozen=True)
class Sweep:
    """What a folder holds, or several, as tidy DataFrames.

    configurations: a row a configuration, with its folder, metric, engine and swept keys.
    runs: a row a run. history: a row a run and evaluation; the rows of a run lie together, in the order
    of steps. Both carry `configuration` and the swept keys as columns. Swept numbers are numbers; choices
    and lists are texts; what a configuration does not have is missing.
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
    """What a reader has to know of the files, a sentence each: what is missing, what merged sweeps differ in.
    """
    provenances: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """What each configuration says of its origin, by its name."""

    @cached_property
    def labels(self) -> pd.DataFrame:
        """`configurations` with the swept values as tables and pictures call them.

        A label stands for one value of its key, and is missing where a configuration has no such key.
        """
        columns = {
            key: pd.Series([None if value is ABSENT else its[spelled(value)] for value in self._values(key)])
            for key, its in self._called.items()
        }
        return self.configurations.assign(**columns)

    def in_full(self, table: pd.DataFrame) -> pd.DataFrame:
        """A table with the values of its swept keys in all their digits and with whole paths."""
        whole = {key: {label: text for text, label in its.items()} for key, its in self._called.items()}
        return table.assign(
            **{
                key: [its.get(label, label) for label in table[key]]
                for key, its in whole.items()
                if key in table
            }
        )

    @cached_property
    def _called(self) -> dict[str, dict[str, str]]:
        """Of each swept key, the label of each spelling of a value."""
        found = {}
        for key in self.swept:
            if key == "seeds":  # the column is how many there are
                continue
            values = {spelled(value): value for value in self._values(key) if value is not ABSENT}
            texts = [setting(mine, key) for mine in self.settings.values()]
            tell = name_values if any(isinstance(text, str) for text in texts) else shortened
            found[key] = dict(zip(values, tell([*values.values()]), strict=True))
        return found

    def _values(self, key: str) -> list[Any]:
        """The values of a swept key; null is told from a key that is not there."""
        rows = zip(self.configurations["configuration"], self.configurations[key].tolist(), strict=True)
        return [
            _null_or_absent(self.settings[name], key) if pd.isna(value) else value for name, value in rows
        ]

    @cached_property
    def table(self) -> pd.DataFrame:
        """`wide_table`, made once."""
        return wide_table(self)

    @cached_property
    def summaries(self) -> pd.DataFrame:
        """`run_summaries` of the primary metric, made once."""
        return run_summaries(self)

    @cached_property
    def samples(self) -> Samples:
        """`samples` of the primary metric, made once."""
        return samples(self)

    @cached_property
    def comparisons(self) -> pd.DataFrame:
        """`compare`, made once."""
        return compare_samples(self.samples)

    @cached_property
    def placed(self) -> pd.DataFrame:
        """`ranks` of the primary metric, made once."""
        return ranks(self.samples, self.comparisons)

    @cached_property
    def effects(self) -> pd.DataFrame:
        """`effects`, made once."""
        return effects_of(self.samples)

    @cached_property
    def values(self) -> dict[tuple[str, int], float]:
        """The primary metric of each run, by configuration and seed."""
        found = self.summaries
        return {
            (configuration, seed): value
            for configuration, seed, value in zip(
                found["configuration"].tolist(), found["seed"].tolist(), found[MEAN].tolist(), strict=True
            )
        }


def _null_or_absent(settings: Mapping[str, Any], key: str) -> Any:
    return None if setting(settings, key) is None else ABSENT


@dataclass(frozen=True)
class _Stored:
    """A configuration's folder, and what its provenance says."""

    name: str
    home: str
    path: Path
    provenance: Mapping[str, Any]

    @property
    def seeds(self) -> range:
        first = self.provenance["settings"].get("seed", 0)
        return range(first, first + self.provenance["settings"]["seeds"])


def load_sweep(folder: str | Path, *more: str | Path) -> Sweep:
    """Reads a sweep's folder, or that of a single run, finished or not; or several as one sweep.

    Of several, configurations that differ in seeds alone become one, and settings in which the sweeps
    differ become columns. Raises UnreadableSweepError when there is no configuration in a folder.
    """
    homes = [Path(one) for one in (folder, *more)]
    remarks = _gone(homes)
    stored = _stored(homes)
    if len(homes) == 1:
        stored, copies = _without_copies(stored)
        remarks += copies
    settings = [one.provenance["settings"] for one in stored]
    typed = [split_overrides(one.provenance["overrides"]) for one in stored]
    overrides = completed([trained(*pair) for pair in zip(typed, settings, strict=True)], settings)
    swept = swept_keys(overrides)
    groups = [[place] for place in range(len(stored))]
    if len(homes) > 1:
        if set(SEED_KEYS) & set(swept):  # the seeds of a run stand for themselves
            swept = [key for key in swept if key not in SEED_KEYS]
        chosen = [{key: one.get(key, "") for key in swept} for one in overrides]
        clashing = clashes([one.home for one in stored], chosen, settings)
        for key, values in clashing.items():
            for its, value in zip(overrides, values, strict=True):
                if value is not ABSENT:
                    its[key] = value
            told = ["none" if value is ABSENT else spelled(value) for value in values]
            pairs = dict.fromkeys(zip((one.home for one in stored), told, strict=True))
            words = ", ".join(f"{value} in {home}" for home, value in pairs)
            remarks.append(f"the sweeps differ in {key}: {words}")
        swept += list(clashing)
        remarks += _other_versions(stored)
        alike: dict[str, list[int]] = {}
        for place, (its, mine) in enumerate(zip(overrides, settings, strict=True)):
            alike.setdefault(identity({key: its.get(key, "") for key in swept}, mine), []).append(place)
        groups = list(alike.values())
    rows = []
    for group in groups:
        first = stored[group[0]]
        rows.append(
            {"configuration": first.name}
            | {key: overrides[group[0]].get(key) for key in swept}
            | {"folder": str(first.path), "metric": first.provenance["primary_metric"]}
            | {"engine": first.provenance.get("engine"), "steps": settings[group[0]]["training"]["steps"]}
            | {"seeds": _count([stored[place].seeds for place in group])}
        )
    # As columns, so that a swept number is one in every row, and NaN where a configuration lacks it.
    configurations = pd.DataFrame(rows)
    runs, histories = [], []
    for group, about in zip(groups, records(configurations[["configuration", *swept]]), strict=True):
        its_runs, its_history, twice = _read([stored[place].path for place in group])
        if twice:
            remarks.append(f"{twice} runs stand in several of the sweeps; the first that ended well counts")
        runs.append(_with(about, its_runs))
        histories.append(_with(about, its_history))
    return Sweep(
        homes[0],
        swept,
        configurations,
        _joined(runs, ["configuration", *swept, "seed", "status", "step", "seconds", "message"]),
        _joined(histories, ["configuration", *swept, "seed", "step"]),
        {stored[group[0]].name: settings[group[0]] for group in groups},
        {
            key: spelled(value)
            for key, value in overrides[0].items()
            if all(key in one and spelled(one[key]) == spelled(value) for one in overrides)
        },
        tuple(remarks),
        {stored[group[0]].name: stored[group[0]].provenance for group in groups},
    )


def _stored(homes: Sequence[Path]) -> list[_Stored]:
    names = _told_apart(homes)
    found = []
    for home, called in zip(homes, names, strict=True):
        if not home.is_dir():
            raise UnreadableSweepError(f"{home}: no such folder; {WHERE}")
        folders = _folders(home)
        if not folders:
            inside = ", ".join(sorted(path.name for path in home.iterdir())[:5]) or "nothing"
            raise UnreadableSweepError(f"{home}: holds no configuration (found: {inside}); {WHERE}")
        for path in folders:
            inside = path.name if path == home else path.relative_to(home).as_posix()
            name = inside if len(homes) == 1 else called if path == home else f"{called}/{inside}"
            found.append(_Stored(name, called, path, _provenance(path)))
    return found


def _without_copies(stored: Sequence[_Stored]) -> tuple[list[_Stored], list[str]]:
    """The configurations of a sweep, each once, and a sentence on those that repeat another."""
    first: dict[tuple[str, range], _Stored] = {}
    repeated = []
    for one in stored:
        overrides = split_overrides(one.provenance["overrides"])
        kept = first.setdefault((identity(overrides, one.provenance["settings"]), one.seeds), one)
        if kept is not one:
            repeated.append(f"{one.name} is {kept.name} again")
    more = f", and {len(repeated) - MOST_NAMED:,} more" if len(repeated) > MOST_NAMED else ""
    said = [f"folders with the same configuration count once: {', '.join(repeated[:MOST_NAMED])}{more}"]
    return list(first.values()), said if repeated else []


def _told_apart(homes: Sequence[Path]) -> list[str]:
    """The shortest ends of paths that differ."""
    full = [path.resolve().parts for path in homes]
    longest = max(map(len, full))
    for length in range(1, longest + 1):
        ends = ["/".join(parts[-length:]) for parts in full]
        if len(set(ends)) == len(homes):
            return ends
    raise UnreadableSweepError(f"{homes[0]}: is given more than once; give each folder once")


def _folders(home: Path) -> list[Path]:
    try:
        return configuration_folders(home)
    except ResultFilesError as error:
        raise UnreadableSweepError(str(error)) from error


def _provenance(folder: Path) -> dict[str, Any]:
    """A configuration's provenance, with the settings that a report needs."""
    try:
        known = read_provenance(folder)
        typed_setting(known, "training.steps", int)
        if type(known["settings"].get("seed", 0)) is not int:
            raise ValueError("its setting seed is no whole number")
    except ResultFilesError as error:
        raise UnreadableSweepError(str(error)) from error
    except ValueError as error:
        raise UnreadableSweepError(
            f"{folder / PROVENANCE}: cannot be read ({error}); restore it or move its folder away"
        ) from error
    return known


def _gone(homes: Sequence[Path]) -> list[str]:
    """A sentence for each sweep of which configurations are missing."""
    said = []
    for home in homes:
        names = [entry.folder for entry in missing_configurations(home)]
        if names:
            more = f" and {len(names) - MOST_NAMED:,} more" if len(names) > MOST_NAMED else ""
            said.append(
                f"{len(names):,} of the configurations of {home} are missing: their folders were deleted, or "
                f"they were not begun ({', '.join(names[:MOST_NAMED])}{more}); a resume trains them"
            )
    return said


def _count(ranges: Sequence[range]) -> int:
    """How many different numbers lie in some ranges, however long they are."""
    count, end = 0, 0
    for one in sorted(ranges, key=lambda each: each.start):
        count += max(0, one.stop - max(one.start, end))
        end = max(end, one.stop)
    return count


def _other_versions(stored: Sequence[_Stored]) -> list[str]:
    """What the sweeps were not made with alike."""
    said = []
    for name in ("sinegan", "torch"):
        versions = dict.fromkeys(str(one.provenance.get("versions", {}).get(name)) for one in stored)
        if len(versions) > 1:
            said.append(f"the sweeps were made with different versions of {name}: {', '.join(versions)}")
    return said


def _read(paths: Sequence[Path]) -> tuple[pd.DataFrame, pd.DataFrame, int]:
    """The runs and the history of a configuration, and how many runs stand in several of its folders."""
    try:
        tables = [stored_runs(path) for path in paths]
        if len(paths) == 1:
            return tables[0].drop(columns="source"), stored_history(tables[0]), 0
        runs = pd.concat([table for table in tables if len(table)] or tables[:1], ignore_index=True)
        order = (~runs["status"].isin(ENDED_WELL)).astype(int)
        best = runs.assign(_order=order).sort_values(["seed", "_order"], kind="stable")
        kept = best.drop_duplicates("seed").drop(columns="_order").reset_index(drop=True)
        return kept.drop(columns="source"), stored_history(kept), len(runs) - len(kept)
    except ResultFilesError as error:
        raise UnreadableSweepError(str(error)) from error


def _with(about: dict[str, Any], frame: pd.DataFrame) -> pd.DataFrame:
    """The frame with leading columns; the seed of a run stands for itself when seeds are swept."""
    new = {name: value for name, value in about.items() if name not in frame}
    for place, (name, value) in enumerate(new.items()):
        frame.insert(place, name, value)
    return frame


def _joined(frames: list[pd.DataFrame], columns: list[str]) -> pd.DataFrame:
    filled = [frame for frame in frames if len(frame)]
    return pd.concat(filled, ignore_index=True) if filled else pd.DataFrame(columns=columns)
