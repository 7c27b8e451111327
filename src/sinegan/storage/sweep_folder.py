"""A sweep's folder: its configurations and their provenance.

The report, a resume and the command line find the configurations with these functions, whatever their
folders are called and however deep they are.
"""

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from sinegan.storage.files import read_sealed, write_sealed
from sinegan.storage.results import MANIFEST, PARTS, RESULT_FILES, DamagedResultsError
from sinegan.storage.settings import SEED_LIMIT

PROVENANCE = "provenance.json"
"""The file in a configuration's folder with its settings and its origin."""
SWEEP_LIST = "sweep.json"
"""The file in a sweep's folder that lists its configurations, also those whose folders were deleted."""
MOST_LIST_BYTES = 512 * 2**20
"""The greatest list that is read: 100,000 configurations, of which each takes one to five kB."""
REPORT = "report"
"""The folder in a sweep's folder for its tables and figures."""
PROGRESS = ".progress"
"""The folder in which the workers of a running command leave how far they are."""
SEED_KEYS = ("seed", "seeds")
"""The settings that say which seeds a configuration trains; all its other settings say what it trains."""
HANDLING = ("executor", "margin", "training.keep_checkpoints")
"""The settings that say where runs train, how they are judged, and what is kept. They change no run."""
MOST_FOLDERS = 200_000
"""The greatest number of folders that are searched: a folder with more is no sweep, but a whole disk."""
PRIMARY_METRICS = ("rmse", "energy_distance")
GROUPS = ("target", "network", "loss", "optim", "training", "plot")
"""The settings that are mappings."""


class Listed(NamedTuple):
    """An entry of the sweep's list: job number, folder relative to the sweep's, resolved settings."""

    number: int
    folder: str
    settings: dict[str, Any]


def is_configuration(folder: Path) -> bool:
    """Whether a folder belongs to a configuration, complete or not."""
    try:
        return _is_configuration(folder, {entry.name for entry in os.scandir(folder)})
    except OSError:
        return False


def configuration_folders(home: Path) -> list[Path]:
    """Finds the folders of all configurations of a sweep, in the order of the sweep.

    For a single run, that is its own folder. Raises DamagedResultsError for a folder that cannot be read, for
    a link to a configuration, and for a folder that is too large for a sweep.
    """
    if is_configuration(home):
        return [home]
    numbers = {entry.folder: entry.number for entry in listed(home)}
    names = [path.relative_to(home).as_posix() for path in _below(home)]
    names.sort(key=lambda name: (numbers.get(name, len(numbers)), _natural(name)))
    return [home / name for name in names]


def holds_sweep(folder: Path) -> bool:
    """Whether a folder belongs to a sweep. Raises DamagedResultsError as `configuration_folders` does."""
    if not folder.is_dir() or is_configuration(folder):
        return False
    return (folder / SWEEP_LIST).exists() or next(_below(folder), None) is not None


def read_provenance(folder: Path) -> dict[str, Any]:
    """Reads the provenance of a configuration, with `overrides`, `settings` and `primary_metric`.

    Raises DamagedResultsError when it is missing, was changed, or has another form.
    """
    path = folder / PROVENANCE
    try:
        provenance = read_sealed(path)
        _check_provenance(provenance)
    except (OSError, ValueError) as error:
        raise DamagedResultsError(
            f"{path}: cannot be read ({_reason(error)}); restore it, or delete {folder} and resume the sweep "
            "to train its runs again"
        ) from error
    return provenance


def write_provenance(folder: Path, provenance: Mapping[str, Any]) -> None:
    """Writes the provenance of a configuration."""
    write_sealed(folder / PROVENANCE, provenance)


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

    Raises DamagedResultsError when it was changed.
    """
    path = home / SWEEP_LIST
    if not os.path.lexists(path):
        return []
    try:
        entries = read_sealed(path, MOST_LIST_BYTES)["configurations"]
        result = [Listed(entry["number"], entry["folder"], entry["settings"]) for entry in entries]
        if not all(_is_valid(entry) for entry in result):
            raise ValueError("an entry is not of the right form")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DamagedResultsError(
            f"{path}: cannot be read ({_reason(error)}); restore it, or delete it and resume the sweep"
        ) from error
    return result


def write_list(home: Path, entries: Sequence[Listed]) -> None:
    """Adds entries to the list of a sweep's configurations, in place of those with the same numbers."""
    merged = {entry.number: entry for entry in (*listed(home), *entries)}
    rows = [merged[number]._asdict() for number in sorted(merged)]
    write_sealed(home / SWEEP_LIST, {"configurations": rows})


def missing_configurations(home: Path) -> list[Listed]:
    """The configurations in a sweep's list whose folders are missing: deleted, or never begun."""
    return [entry for entry in listed(home) if not is_configuration(home / entry.folder)]


def _is_configuration(folder: Path, names: set[str]) -> bool:
    if names & {PROVENANCE, MANIFEST, *RESULT_FILES}:
        return True
    return PARTS in names and any((folder / PARTS).glob(f"*/{MANIFEST}"))


def _below(home: Path) -> Iterator[Path]:
    """The folders of configurations below a folder, in any order."""

    def refuse(error: OSError) -> None:
        raise DamagedResultsError(f"{error.filename}: cannot be looked into ({error.strerror})") from error

    for count, (parent, folders, files) in enumerate(os.walk(home, onerror=refuse)):
        if count > MOST_FOLDERS:
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
    """Raises ValueError when a provenance lacks what its readers need."""
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
    if not 1 <= typed_setting(known, "seeds", int) <= SEED_LIMIT:
        raise ValueError(f"setting seeds = {settings['seeds']}; must be 1 to {SEED_LIMIT}")


def _is_valid(entry: Listed) -> bool:
    # A path that leads out of the sweep would allow a list from elsewhere to name any folder.
    inside = isinstance(entry.folder, str) and not {"", "..", os.sep} & {
        *Path(entry.folder).parts,
        entry.folder,
    }
    return type(entry.number) is int and inside and isinstance(entry.settings, dict)


def _reason(error: Exception) -> str:
    if isinstance(error, KeyError):
        return f"it lacks {error}"
    return str(getattr(error, "strerror", None) or error)
