"""A sweep's folder: the configurations that it holds, and what each says of itself.

The report, a resume and the command line all ask here which configurations there are, whatever their
folders are called and however deep they lie.
"""

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from sinegan.storage.files import read_sealed, write_sealed
from sinegan.storage.results import MANIFEST, PARTS, RESULT_FILES, DamagedResultsError

PROVENANCE = "provenance.json"
LIST = "sweep.json"
"""The file in a sweep's folder that lists its configurations, also those whose folders were deleted."""
REPORT = "report"
MOST_FOLDERS = 200_000
"""Folders that are looked through; more lie in no sweep, but in a home folder or on a whole disk."""
MOST_SEEDS = 2**32
PRIMARY_METRICS = ("rmse", "energy_distance")
GROUPS = ("target", "network", "loss", "optim", "training", "plot")
"""Settings that are mappings."""


class Listed(NamedTuple):
    """A configuration as the sweep's list has it: job number, folder below the sweep's, resolved settings."""

    number: int
    folder: str
    settings: dict[str, Any]


def is_configuration(folder: Path) -> bool:
    """Whether a folder is that of a configuration, complete or not."""
    try:
        return _is_configuration(folder, {entry.name for entry in os.scandir(folder)})
    except OSError:
        return False


def configuration_folders(home: Path) -> list[Path]:
    """Finds the folders of all configurations of a sweep, in the order of the sweep.

    A single run's folder is its own only configuration. Raises DamagedResultsError for a folder that
    cannot be looked into, for a link to a configuration, and for a folder that is no sweep's by its size.
    """
    if is_configuration(home):
        return [home]
    place = {entry.folder: entry.number for entry in listed(home)}
    found = [path.relative_to(home).as_posix() for path in _below(home)]
    return [
        home / name for name in sorted(found, key=lambda name: (place.get(name, len(place)), _natural(name)))
    ]


def holds_sweep(folder: Path) -> bool:
    """Whether a folder is that of a sweep. Raises DamagedResultsError as `configuration_folders` does."""
    if not folder.is_dir() or is_configuration(folder):
        return False
    return (folder / LIST).exists() or next(_below(folder), None) is not None


def read_provenance(folder: Path) -> dict[str, Any]:
    """Reads what a configuration says of its origin, with `overrides`, `settings` and `primary_metric`.

    Raises DamagedResultsError when it is missing, was changed or is no provenance.
    """
    path = folder / PROVENANCE
    try:
        known = read_sealed(path)
        _check_provenance(known)
    except (OSError, ValueError) as error:
        raise DamagedResultsError(
            f"{path}: cannot be read ({_reason(error)}); restore it, or delete {folder} and resume the sweep "
            "to train its runs again"
        ) from error
    return known


def write_provenance(folder: Path, known: Mapping[str, Any]) -> None:
    write_sealed(folder / PROVENANCE, known)


def typed_setting(provenance: Mapping[str, Any], key: str, kind: type) -> Any:
    """A setting by its dotted key. Raises ValueError when it is missing or of another type."""
    value: Any = provenance["settings"]
    for part in key.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    if type(value) is not kind:
        raise ValueError(f"setting {key} = {value!r}; must be of type {kind.__name__}"[:200])
    return value


def listed(home: Path) -> list[Listed]:
    """Reads the list of a sweep's configurations; empty when there is none.

    Raises DamagedResultsError when it is not what was written.
    """
    path = home / LIST
    if not os.path.lexists(path):
        return []
    try:
        entries = read_sealed(path)["configurations"]
        found = [Listed(entry["number"], entry["folder"], entry["settings"]) for entry in entries]
        if not all(_is_listed(entry) for entry in found):
            raise ValueError("an entry is not of the right form")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DamagedResultsError(
            f"{path}: cannot be read ({_reason(error)}); restore it, or delete it and resume the sweep"
        ) from error
    return found


def write_list(home: Path, entries: Sequence[Listed]) -> None:
    """Writes the list of a sweep's configurations, those that it has already included."""
    merged = {entry.number: entry for entry in (*listed(home), *entries)}
    rows = [merged[number]._asdict() for number in sorted(merged)]
    write_sealed(home / LIST, {"configurations": rows})


def missing_configurations(home: Path) -> list[Listed]:
    """The configurations that a sweep's list has and its folder has not: deleted, or never begun."""
    return [entry for entry in listed(home) if not is_configuration(home / entry.folder)]


def _is_configuration(folder: Path, names: set[str]) -> bool:
    if names & {PROVENANCE, MANIFEST, *RESULT_FILES}:
        return True
    return PARTS in names and any((folder / PARTS).glob(f"*/{MANIFEST}"))


def _below(home: Path) -> Iterator[Path]:
    def refuse(error: OSError) -> None:
        raise DamagedResultsError(f"{error.filename}: cannot be looked into ({error.strerror})") from error

    for looked, (parent, folders, files) in enumerate(os.walk(home, onerror=refuse)):
        if looked > MOST_FOLDERS:
            raise DamagedResultsError(
                f"{home}: holds over {MOST_FOLDERS:,} folders, so it is no sweep's folder"
            )
        here = Path(parent)
        if here != home and _is_configuration(here, {*folders, *files}):
            folders.clear()
            yield here
            continue
        skipped = {REPORT} if here == home else set()
        folders[:] = [name for name in folders if not name.startswith(".") and name not in skipped]
        for name in folders:
            if (here / name).is_symlink() and is_configuration(here / name):
                raise DamagedResultsError(
                    f"{here / name}: is a symbolic link to a configuration; move the folder itself here"
                )


def _natural(name: str) -> list[Any]:
    """Orders `run_2` before `run_10`."""
    return [int(part) if place % 2 else part for place, part in enumerate(re.split(r"(\d+)", name))]


def _check_provenance(known: Mapping[str, Any]) -> None:
    for key, kind in {"overrides": list, "settings": dict, "primary_metric": str}.items():
        if not isinstance(known.get(key), kind):
            raise ValueError(f"it lacks {key}" if key not in known else f"{key} = {known[key]!r}"[:200])
    settings = known["settings"]
    parts = {key: settings[key] for key in GROUPS if key in settings} | {
        "versions": known.get("versions", {})
    }
    for key, value in parts.items():
        if not isinstance(value, dict):
            raise ValueError(f"{key} = {value!r}: must be a mapping"[:200])
    if known["primary_metric"] not in PRIMARY_METRICS:
        raise ValueError(
            f"primary_metric = {known['primary_metric']!r}; must be {' or '.join(PRIMARY_METRICS)}"[:200]
        )
    if not all(isinstance(override, str) for override in known["overrides"]):
        raise ValueError("its overrides are no texts")
    if not 1 <= typed_setting(known, "seeds", int) <= MOST_SEEDS:
        raise ValueError(f"setting seeds = {settings['seeds']}; must be 1 to {MOST_SEEDS}")


def _is_listed(entry: Listed) -> bool:
    # A path that leads out of the sweep would let a list from elsewhere name any folder.
    inside = isinstance(entry.folder, str) and not {"", "..", os.sep} & {
        *Path(entry.folder).parts,
        entry.folder,
    }
    return type(entry.number) is int and inside and isinstance(entry.settings, dict)


def _reason(error: Exception) -> str:
    if isinstance(error, KeyError):
        return f"it lacks {error}"
    return str(getattr(error, "strerror", None) or error)
