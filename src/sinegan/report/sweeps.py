"""From folders to a sweep as tidy DataFrames."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from sinegan.report.comparisons import compare_samples, ranks
from sinegan.report.effects import effects_of
from sinegan.report.estimates import wide_table
from sinegan.report.merging import clashes, completed, identity, split_overrides, swept_keys
from sinegan.report.samples import MEAN, Samples, run_summaries, samples
from sinegan.results import ENDED_WELL, ResultFilesError, stored_history, stored_runs
from sinegan.sweep_folder import (
    PROVENANCE,
    configuration_folders,
    missing_configurations,
    read_provenance,
    setting,
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
    of steps. Both carry `configuration` and the swept keys as columns.
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
    stored = _stored(homes)
    settings = [one.provenance["settings"] for one in stored]
    overrides = completed([split_overrides(one.provenance["overrides"]) for one in stored], settings)
    swept = swept_keys(overrides)
    remarks = _gone(homes)
    groups = [[place] for place in range(len(stored))]
    if len(homes) > 1:
        if "seed" in swept or "seeds" in swept:  # the seeds of a run stand for themselves
            swept = [key for key in swept if key not in ("seed", "seeds")]
        chosen = [{key: one.get(key, "") for key in swept} for one in overrides]
        clashing = clashes([one.home for one in stored], chosen, settings)
        for key, values in clashing.items():
            overrides = [one | {key: value} for one, value in zip(overrides, values, strict=True)]
            pairs = dict.fromkeys(zip((one.home for one in stored), values, strict=True))
            told = ", ".join(f"{value} in {home}" for home, value in pairs)
            remarks.append(f"the sweeps differ in {key}: {told}")
        swept += list(clashing)
        remarks += _other_versions(stored)
        alike: dict[str, list[int]] = {}
        for place, (its, mine) in enumerate(zip(overrides, settings, strict=True)):
            alike.setdefault(identity({key: its.get(key, "") for key in swept}, mine), []).append(place)
        groups = list(alike.values())
    rows, runs, histories = [], [], []
    for group in groups:
        first = stored[group[0]]
        about = {"configuration": first.name} | {key: overrides[group[0]].get(key) for key in swept}
        rows.append(
            about
            | {"folder": str(first.path), "metric": first.provenance["primary_metric"]}
            | {"engine": first.provenance.get("engine"), "steps": settings[group[0]]["training"]["steps"]}
            | {"seeds": _count([stored[place].seeds for place in group])}
        )
        its_runs, its_history, twice = _read([stored[place].path for place in group])
        if twice:
            remarks.append(f"{twice} runs stand in several of the sweeps; the first that ended well counts")
        runs.append(_with(about, its_runs))
        histories.append(_with(about, its_history))
    return Sweep(
        homes[0],
        swept,
        pd.DataFrame(rows),
        _joined(runs, ["configuration", *swept, "seed", "status", "step", "seconds", "message"]),
        _joined(histories, ["configuration", *swept, "seed", "step"]),
        {stored[group[0]].name: settings[group[0]] for group in groups},
        {
            key: value
            for key, value in overrides[0].items()
            if all(one.get(key) == value for one in overrides)
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
        setting(known, "training.steps", int)
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
