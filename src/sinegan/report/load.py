"""Reads the folders of sweeps: one or several as a `Sweep`, and the samples of a configuration."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from numpy.typing import NDArray

from sinegan.report.labels import spelled
from sinegan.report.merging import (
    clashes,
    fill_in_defaults,
    identity_key,
    split_overrides,
    swept_keys,
    trained_values,
)
from sinegan.report.sweep import Sweep
from sinegan.statuses import ENDED_WELL
from sinegan.storage.results import ResultFilesError, read_samples, records, sets, stored_history, stored_runs
from sinegan.storage.settings import ABSENT
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
"""Configurations that a remark names."""


class UnreadableSweepError(ValueError):
    """The folder holds nothing to report on."""


@dataclass(frozen=True)
class _Stored:
    """A configuration's folder and provenance. home: the name of its sweep."""

    name: str
    home: str
    path: Path
    provenance: Mapping[str, Any]

    @property
    def settings(self) -> dict[str, Any]:
        settings: dict[str, Any] = self.provenance["settings"]
        return settings

    @property
    def seeds(self) -> range:
        first = self.settings.get("seed", 0)
        return range(first, first + self.settings["seeds"])


Overrides = list[dict[str, Any]]
"""For each stored configuration, its values by key."""
Groups = list[list[int]]
"""Indices of stored configurations; each group is read as one configuration of the sweep."""


def load_sweep(folder: str | Path, *more: str | Path) -> Sweep:
    """Reads a sweep's folder, or that of a single run, finished or not; or several as one sweep.

    Configurations of several sweeps that differ in seeds alone become one, and settings in which the sweeps
    differ become columns. Raises UnreadableSweepError when there is no configuration in a folder.
    """
    homes = [Path(each) for each in (folder, *more)]
    remarks = _missing_remarks(homes)
    stored = _stored(homes)
    if len(homes) == 1:
        stored, copy_remarks = _without_copies(stored)
        remarks += copy_remarks
    overrides = _overrides(stored)
    swept = swept_keys(overrides)
    groups: Groups = [[place] for place in range(len(stored))]
    if len(homes) > 1:
        swept, clash_remarks = _add_clashes(stored, overrides, swept)
        groups = _group_equal(stored, overrides, swept)
        remarks += [*clash_remarks, *_version_remarks(stored)]
    configurations = _configurations(stored, overrides, swept, groups)
    runs, history, run_remarks = _tables(stored, configurations[["configuration", *swept]], groups)
    leaders = [stored[group[0]] for group in groups]
    return Sweep(
        homes[0],
        swept,
        configurations,
        runs,
        history,
        {leader.name: leader.settings for leader in leaders},
        _shared(overrides),
        (*remarks, *run_remarks),
        {leader.name: leader.provenance for leader in leaders},
        merged=len(homes) > 1,
        merged_designs=[each.settings.get("decide") for each in stored] if len(homes) > 1 else (),
    )


def _stored(homes: Sequence[Path]) -> list[_Stored]:
    """The configurations of all sweeps, in their order. Raises UnreadableSweepError."""
    stored = []
    for home, home_name in zip(homes, _distinct_ends(homes), strict=True):
        if not home.is_dir():
            raise UnreadableSweepError(f"{home}: no such folder; {WHERE}")
        folders = _folders(home)
        if not folders:
            content = ", ".join(sorted(path.name for path in home.iterdir())[:5]) or "nothing"
            raise UnreadableSweepError(f"{home}: holds no configuration (found: {content}); {WHERE}")
        for path in folders:
            name = path.name if path == home else path.relative_to(home).as_posix()
            if len(homes) > 1:
                name = home_name if path == home else f"{home_name}/{name}"
            stored.append(_Stored(name, home_name, path, _provenance(path)))
    return stored


def _without_copies(stored: Sequence[_Stored]) -> tuple[list[_Stored], list[str]]:
    """The configurations of a sweep, each once, and a remark on the folders that repeat another."""
    first: dict[tuple[str, range], _Stored] = {}
    copies = []
    for each in stored:
        overrides = split_overrides(each.provenance["overrides"])
        kept = first.setdefault((identity_key(overrides, each.provenance["settings"]), each.seeds), each)
        if kept is not each:
            copies.append(f"{each.name} is {kept.name} again")
    more = f", and {len(copies) - MOST_NAMED:,} more" if len(copies) > MOST_NAMED else ""
    remark = f"folders with the same configuration count once: {', '.join(copies[:MOST_NAMED])}{more}"
    return list(first.values()), [remark] if copies else []


def _distinct_ends(homes: Sequence[Path]) -> list[str]:
    """The shortest ends of the paths that are all different. Raises UnreadableSweepError for equal paths."""
    paths = [path.resolve().parts for path in homes]
    longest = max(map(len, paths))
    for length in range(1, longest + 1):
        ends = ["/".join(parts[-length:]) for parts in paths]
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
        provenance = read_provenance(folder)
        typed_setting(provenance, "training.steps", int)
        if type(provenance["settings"].get("seed", 0)) is not int:
            raise ValueError("its setting seed is no whole number")
    except ResultFilesError as error:
        raise UnreadableSweepError(str(error)) from error
    except ValueError as error:
        raise UnreadableSweepError(
            f"{folder / PROVENANCE}: cannot be read ({error}); restore it or move its folder away"
        ) from error
    return provenance


def _overrides(stored: Sequence[_Stored]) -> Overrides:
    settings = [each.settings for each in stored]
    typed = [split_overrides(each.provenance["overrides"]) for each in stored]
    return fill_in_defaults([trained_values(*pair) for pair in zip(typed, settings, strict=True)], settings)


def _add_clashes(
    stored: Sequence[_Stored], overrides: Overrides, swept: Sequence[str]
) -> tuple[list[str], list[str]]:
    """Adds the settings in which merged sweeps differ to the overrides.

    Returns the swept keys of all together, and a remark for each such setting.
    """
    if "seed" in swept or "seeds" in swept:  # each run has its seed in a column of its own
        swept = [key for key in swept if key not in SEED_KEYS]
    chosen = [{key: values.get(key, "") for key in swept} for values in overrides]
    clashing = clashes([each.home for each in stored], chosen, [each.settings for each in stored])
    remarks = []
    for key, values in clashing.items():
        for by_key, value in zip(overrides, values, strict=True):
            if value is not ABSENT:
                by_key[key] = value
        spellings = ["none" if value is ABSENT else spelled(value) for value in values]
        pairs = dict.fromkeys(zip((each.home for each in stored), spellings, strict=True))
        words = ", ".join(f"{value} in {home}" for home, value in pairs)
        remarks.append(f"the sweeps differ in {key}: {words}")
    return [*swept, *clashing], remarks


def _group_equal(stored: Sequence[_Stored], overrides: Overrides, swept: Sequence[str]) -> Groups:
    """Groups the configurations that differ in nothing but their seeds."""
    groups: dict[str, list[int]] = {}
    for place, (values, each) in enumerate(zip(overrides, stored, strict=True)):
        key = identity_key({key: values.get(key, "") for key in swept}, each.settings)
        groups.setdefault(key, []).append(place)
    return list(groups.values())


def _configurations(
    stored: Sequence[_Stored], overrides: Overrides, swept: Sequence[str], groups: Groups
) -> pd.DataFrame:
    rows = []
    for group in groups:
        leader = stored[group[0]]
        rows.append(
            {"configuration": leader.name}
            | {key: overrides[group[0]].get(key) for key in swept}
            | {"folder": str(leader.path), "metric": leader.provenance["primary_metric"]}
            | {"engine": leader.provenance.get("engine"), "steps": leader.settings["training"]["steps"]}
            | {"seeds": _count_seeds([stored[place].seeds for place in group])}
        )
    # A DataFrame of columns: swept values that are numbers stay so in every row, with NaN for a missing key.
    return pd.DataFrame(rows)


def _shared(overrides: Overrides) -> dict[str, str]:
    """The spelled values that all configurations share."""
    return {
        key: spelled(value)
        for key, value in overrides[0].items()
        if all(key in values and spelled(values[key]) == spelled(value) for values in overrides)
    }


def _missing_remarks(homes: Sequence[Path]) -> list[str]:
    """A remark for each sweep with missing configurations."""
    remarks = []
    for home in homes:
        names = [entry.folder for entry in missing_configurations(home)]
        if names:
            more = f" and {len(names) - MOST_NAMED:,} more" if len(names) > MOST_NAMED else ""
            remarks.append(
                f"{len(names):,} of the configurations of {home} are missing: their folders were deleted, or "
                f"they were not begun ({', '.join(names[:MOST_NAMED])}{more}); a resume trains them"
            )
    return remarks


def _count_seeds(ranges: Sequence[range]) -> int:
    """The number of different integers in some ranges, however long they are."""
    count, end = 0, 0
    for each in sorted(ranges, key=lambda each: each.start):
        count += max(0, each.stop - max(each.start, end))
        end = max(end, each.stop)
    return count


def _version_remarks(stored: Sequence[_Stored]) -> list[str]:
    """A remark for each program whose version differs between the sweeps."""
    remarks = []
    for name in ("sinegan", "torch"):
        versions = dict.fromkeys(str(each.provenance.get("versions", {}).get(name)) for each in stored)
        if len(versions) > 1:
            remarks.append(f"the sweeps were made with different versions of {name}: {', '.join(versions)}")
    return remarks


def _tables(
    stored: Sequence[_Stored], leading: pd.DataFrame, groups: Groups
) -> tuple[pd.DataFrame, pd.DataFrame, list[str]]:
    """The runs and the history of all configurations, and remarks on runs that stand in several sweeps.

    leading: for each configuration, its name and swept values: the first columns of both tables.
    """
    runs, histories, repeated = [], [], 0
    for group, columns in zip(groups, records(leading), strict=True):
        kept_runs, history, duplicates = _read([stored[place].path for place in group])
        repeated += duplicates
        runs.append(_insert_columns(columns, kept_runs))
        histories.append(_insert_columns(columns, history))
    names = [str(name) for name in leading]
    stand = "1 run stands" if repeated == 1 else f"{repeated:,} runs stand"
    remarks = [f"{stand} in several of the sweeps; the first that ended well counts"] if repeated else []
    return (
        _concatenated(runs, [*names, "seed", "status", "step", "seconds", "message"]),
        _concatenated(histories, [*names, "seed", "step"]),
        remarks,
    )


def _read(paths: Sequence[Path]) -> tuple[pd.DataFrame, pd.DataFrame, int]:
    """The runs and the history of a configuration, and the number of runs in several of its folders."""
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


def _insert_columns(columns: Mapping[str, Any], frame: pd.DataFrame) -> pd.DataFrame:
    """Inserts leading columns, except those that the frame has: a swept seed is a column of every run."""
    new = {name: value for name, value in columns.items() if name not in frame}
    for place, (name, value) in enumerate(new.items()):
        frame.insert(place, name, value)
    return frame


def _concatenated(frames: Sequence[pd.DataFrame], columns: Sequence[str]) -> pd.DataFrame:
    """The frames as one; without any rows, an empty frame with these columns."""
    filled = [frame for frame in frames if len(frame)]
    return pd.concat(filled, ignore_index=True) if filled else pd.DataFrame(columns=list(columns))


def load_samples(folder: Path) -> dict[str, NDArray[Any]] | None:
    """The samples of a configuration, or those of the first part of an unfinished one."""
    for source in sets(folder)[:1]:
        return read_samples(source)
    return None
