"""The result files of a configuration: written as sets, with checksums, and read back.

A *set* is a folder with `runs.csv`, `history.csv`, `samples.npz`, `checkpoint.pt` and `manifest.json`, which
holds their checksums. The checkpoint has the states of the runs that are not finished, and of those that
shall be kept; where there are none, there is no such file. The folder of a finished configuration is a set.
While it is trained, each shard keeps a set of its results so far in `<configuration>/parts/`, called a
*part*. A run may be in several sets, after a kill for example; the set that has most of it counts.
"""

import contextlib
import hashlib
import io
import json
import os
import shutil
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple
from uuid import uuid4

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sinegan.printable import in_spreadsheet
from sinegan.statuses import DIVERGED, FAILED, FINISHED, STOPPED, UNFINISHED
from sinegan.storage.files import read_json, read_regular, refuse_link, write_whole, writing

PARTS = "parts"
MANIFEST = "manifest.json"
RESULT_FILES = RUNS, HISTORY, SAMPLES, CHECKPOINT = "runs.csv", "history.csv", "samples.npz", "checkpoint.pt"

_PANDAS = tuple(int(part) for part in pd.__version__.split(".")[:2])
TO_THE_BIT: dict[str, Any] = {} if _PANDAS >= (3, 1) else {"float_precision": "round_trip"}
"""From 3.1 on, pandas reads numbers to the last bit unasked, and warns when asked."""
MOST_UNPACKED = 2**30
"""The greatest archive, in bytes, that is unpacked."""
MADE_BY = ("engine", "torch")
"""The columns for the engine and the PyTorch that trained a run: its last bits depend on both."""
_PROGRESS_OF_STATUS = {UNFINISHED: 0, FAILED: 1, DIVERGED: 2, STOPPED: 2, FINISHED: 2}


class ResultFilesError(Exception):
    """A result file cannot be written or was changed; the message names it and the remedy."""


class DamagedResultsError(ResultFilesError):
    """A file was changed, cut short or lost after it was written."""


class KnownRun(NamedTuple):
    """A run in the files. source: its set. engine, torch: what trained it, where that is recorded."""

    seed: int
    status: str
    step: int
    source: Path
    engine: str = ""
    torch: str = ""


def write_part(configuration: Path, name: str, files: Mapping[str, bytes | str]) -> Path:
    """Writes a set into `parts/`, whole or not at all; its name begins with `name`. Returns its folder."""
    refuse_link(configuration / PARTS)
    part = configuration / PARTS / f"{name}-{uuid4().hex[:8]}"
    hidden = part.with_name(f".{part.name}")
    for file, content in files.items():
        write_whole(hidden / file, content)
    write_whole(hidden / MANIFEST, manifest(files))
    with writing(part):
        hidden.rename(part)
    return part


def publish(part: Path, configuration: Path) -> None:
    """Makes a part that has all runs the configuration's own set, and removes all parts.

    If the process is killed before the end, the part is still there and counts.
    """
    names = sorted(path.name for path in part.iterdir())
    for file in names:
        with writing(configuration / file):
            temporary = configuration / f".{file}.part"
            temporary.unlink(missing_ok=True)
            try:
                os.link(part / file, temporary)
            except OSError:  # a file system without hard links
                shutil.copyfile(part / file, temporary)
            os.replace(temporary, configuration / file)
            temporary.unlink(missing_ok=True)  # it stays when both are links to one file
    for stale in {*RESULT_FILES} - {*names}:
        with writing(configuration / stale):
            (configuration / stale).unlink(missing_ok=True)
    discard(configuration / PARTS)


def discard(folder: Path) -> None:
    """Removes a folder so that no reader sees it half removed."""
    hidden = folder.with_name(f".{folder.name}-{uuid4().hex[:8]}")
    with writing(folder):
        folder.rename(hidden)
        shutil.rmtree(hidden)


def remove_leftovers(configuration: Path) -> None:
    """Removes folders that a killed process was discarding."""
    for hidden in configuration.glob(f".{PARTS}-*"):
        shutil.rmtree(hidden, ignore_errors=True)


def manifest(files: Mapping[str, bytes | str]) -> str:
    """The checksums of a set, as JSON."""
    sums = {
        name: hashlib.sha256(content.encode() if isinstance(content, str) else content).hexdigest()
        for name, content in files.items()
    }
    return json.dumps(sums, indent=1) + "\n"


def read_checked(folder: Path, name: str) -> bytes:
    """The content of a file of a set. Raises DamagedResultsError when it was changed."""
    expected = _read_checksums(folder).get(name)
    try:
        content = read_regular(folder / name)
    except OSError as error:
        raise _unreadable(folder, name, error.strerror or error) from error
    if expected is None:
        raise _unreadable(folder, MANIFEST, f"it has no checksum of {name}")
    if hashlib.sha256(content).hexdigest() != expected:
        raise DamagedResultsError(f"{folder / name}: is not what was written; {_remedy(folder)}")
    return content


def _read_checksums(folder: Path) -> dict[str, str]:
    """The checksums of a set. Raises DamagedResultsError when they cannot be read."""
    try:
        sums = read_json(folder / MANIFEST)
    except (OSError, ValueError) as error:
        raise _unreadable(folder, MANIFEST, getattr(error, "strerror", None) or error) from error
    if not isinstance(sums, dict) or not set(sums) <= set(RESULT_FILES):
        raise _unreadable(folder, MANIFEST, "it is no list of the checksums of a set")
    return sums


def _unreadable(folder: Path, name: str, reason: object) -> DamagedResultsError:
    return DamagedResultsError(f"{folder / name}: cannot be read ({reason}); {_remedy(folder)}")


def _remedy(folder: Path) -> str:
    return f"restore it, or delete {folder} and resume the sweep to train its runs again"


def sets(configuration: Path) -> list[Path]:
    """The folders of all sets of a configuration: its own folder, if it is a set, and its parts.

    While there are parts, the configuration's own files count only when all are intact: they may be half
    replaced.
    """
    folders = parts(configuration)
    if any(os.path.lexists(configuration / name) for name in (MANIFEST, *RESULT_FILES)):
        with contextlib.suppress(DamagedResultsError) if folders else contextlib.nullcontext():
            for name in {RUNS: None, HISTORY: None, **_read_checksums(configuration)}:
                # Shared results may lack the checkpoint: only a resume needs it.
                if name != CHECKPOINT or (configuration / name).exists():
                    read_checked(configuration, name)
            folders.insert(0, configuration)
    return folders


def parts(configuration: Path, name: str = "") -> list[Path]:
    """The parts of a configuration; with a name, only the parts that were written under it."""
    folders = (configuration / PARTS).glob(f"{name}-*" if name else "*")
    return sorted(path for path in folders if not path.name.startswith("."))


def stored_runs(configuration: Path, part: str = "") -> pd.DataFrame:
    """A row for each run, in the order of seeds, with `source`: the set that has most of the run.

    part: when given, only the parts of this name are read.
    """
    folders = parts(configuration, part) if part else sets(configuration)
    frames = [_read_runs(folder).assign(source=str(folder)) for folder in folders]
    if not frames:
        return pd.DataFrame(columns=["seed", "status", "step", "seconds", "message", "source"])
    runs = pd.concat(frames, ignore_index=True)
    order = runs["status"].map(_PROGRESS_OF_STATUS)
    best = runs.assign(_order=order).sort_values(["seed", "_order", "step"], kind="stable")
    return best.drop_duplicates("seed", keep="last").drop(columns="_order").reset_index(drop=True)


def known_runs(configuration: Path, part: str = "") -> list[KnownRun]:
    """The runs in the files of a configuration, in the order of seeds; of one part, if named."""
    return [
        KnownRun(
            row["seed"],
            row["status"],
            row["step"],
            Path(row["source"]),
            **{name: row[name] for name in MADE_BY if isinstance(row.get(name), str)},
        )
        for row in records(stored_runs(configuration, part))
    ]


def _read_runs(folder: Path) -> pd.DataFrame:
    """The runs of a set. Raises DamagedResultsError when the table has another form."""
    runs = read_csv(folder, RUNS)
    if not {"seed", "status", "step", "seconds", "message"} <= set(runs):
        raise _unreadable(folder, RUNS, "it lacks columns")
    numbers = all(pd.api.types.is_integer_dtype(runs[name]) for name in ("seed", "step"))
    if not (numbers and pd.api.types.is_numeric_dtype(runs["seconds"])):
        raise _unreadable(folder, RUNS, "a seed, a step or the seconds are no numbers")
    if unknown := set(map(str, runs["status"])) - set(_PROGRESS_OF_STATUS):
        raise _unreadable(folder, RUNS, f"a status is {min(unknown)}"[:200])
    return runs


def stored_history(runs: pd.DataFrame) -> pd.DataFrame:
    """A row for each run and evaluation, in the order of seeds, from the sets that `stored_runs` chose."""
    frames = []
    for source, chosen in runs.groupby("source", sort=False):
        history = read_csv(Path(str(source)), HISTORY)
        if len(history):
            _check_history(Path(str(source)), history)
            frames.append(history[history["seed"].isin(chosen["seed"])])
    if not frames:
        return pd.DataFrame()
    return pd.concat(frames, ignore_index=True).sort_values(["seed", "step"], ignore_index=True)


def records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """The rows as dictionaries."""
    return [{str(key): value for key, value in row.items()} for row in frame.to_dict("records")]


def csv(frame: pd.DataFrame) -> str:
    """A table as CSV, in full precision. A spreadsheet computes none of its texts."""
    texts = [name for name in map(str, frame) if not pd.api.types.is_numeric_dtype(frame[name])]
    safe = frame.assign(**{name: frame[name].map(_cell, na_action="ignore") for name in texts})
    return safe.rename(columns=_cell).to_csv(index=False, lineterminator="\n")


def _cell(value: Any) -> Any:
    return in_spreadsheet(value) if isinstance(value, str) else value


def read_csv(folder: Path, name: str) -> pd.DataFrame:
    """A table of a set. Raises DamagedResultsError when it was changed."""
    content = read_checked(folder, name)
    try:
        return parsed_csv(content) if len(content) > 1 else pd.DataFrame()
    except ValueError as error:
        raise _unreadable(folder, name, error) from error


def parsed_csv(content: bytes, **options: Any) -> pd.DataFrame:
    """The table in a CSV file, its numbers to the last bit. options: further ones of `pandas.read_csv`."""
    table: pd.DataFrame = pd.read_csv(io.BytesIO(content), **options, **TO_THE_BIT)
    return table


def _check_history(folder: Path, history: pd.DataFrame) -> None:
    numbers = all(pd.api.types.is_numeric_dtype(history[name]) for name in history)
    if not (numbers and {"seed", "step"} <= set(history)):
        raise _unreadable(folder, HISTORY, "it is no table of numbers by seed and step")


def read_samples(folder: Path) -> dict[str, NDArray[Any]]:
    """The arrays of `samples.npz`, as `record.sample_arrays` describes them.

    Raises DamagedResultsError when the file was changed, lacks arrays, or would not fit into memory.
    """
    content = read_checked(folder, SAMPLES)
    try:
        refuse_zip_bomb(content)
        with np.load(io.BytesIO(content), allow_pickle=False) as stored:
            arrays = dict(stored)
        _check_samples(arrays)
    except (ValueError, OSError, EOFError, MemoryError, zipfile.BadZipFile) as error:
        raise _unreadable(folder, SAMPLES, error) from error
    return arrays


def _check_samples(arrays: Mapping[str, NDArray[Any]]) -> None:
    """Raises ValueError unless the arrays have the shapes that `record.sample_arrays` gives them."""
    axes = {"x": 1, "real": 2, "seeds": 1, "modes": 2, "curves": 3, "probability": 2}
    axes |= {"frame_seeds": 1, "frame_steps": 1, "frame_curves": 3, "frame_probability": 2}
    needed = {"x", "real", "seeds", "curves", "probability"}
    if "frame_curves" in arrays:
        needed |= {"frame_seeds", "frame_steps", "frame_probability"}
    if lacking := needed - set(arrays):
        raise ValueError(f"it lacks {', '.join(sorted(lacking))}")
    for name, array in arrays.items():
        empty = array.size == 0 and name in ("curves", "probability")  # no run has ended
        if array.dtype.kind not in "fiu" or (array.ndim != axes.get(name, array.ndim) and not empty):
            raise ValueError(f"{name} is no array of numbers with {axes.get(name, 1)} axes")
    points, runs = arrays["x"].shape, arrays["seeds"].shape
    curves, probability = arrays["curves"], arrays["probability"]
    fit = arrays["real"].shape[1:] == points and len(curves) == len(probability) == runs[0]
    if curves.size:
        fit = fit and curves.shape[2:] == points and curves.shape[:2] == probability.shape
    if "modes" in arrays:
        fit = fit and arrays["modes"].shape[1:] == points
    if "frame_curves" in arrays:
        frames, lanes = len(arrays["frame_steps"]), len(arrays["frame_seeds"])
        fit = fit and arrays["frame_curves"].shape == (frames, lanes, *points)
        fit = fit and arrays["frame_probability"].shape == (frames, lanes)
    if not fit:
        raise ValueError("its arrays do not fit one another")


def refuse_zip_bomb(content: bytes, most: int = MOST_UNPACKED) -> None:
    """Raises ValueError when an archive holds more than `most` bytes, BadZipFile when it is no archive."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        size = sum(member.file_size for member in archive.infolist())
    if size > most:
        raise ValueError(f"it unpacks to {size:,} bytes; at most {most:,} are read")
