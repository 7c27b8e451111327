"""The result files of a configuration: written as sets, checked by their sums, read back.

A *set* is a folder with `runs.csv`, `history.csv`, `samples.npz`, `checkpoint.pt` and the
`manifest.json` that holds their checksums. A finished configuration is one; while it is trained,
each shard keeps a set of what it has in `<configuration>/parts/`. A run may stand in several sets
(after a kill, say); the one that knows most of it counts.
"""

import contextlib
import hashlib
import io
import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple
from uuid import uuid4

import pandas as pd

from sinegan.files import write_whole, writing
from sinegan.printable import in_spreadsheet

PARTS = "parts"
MANIFEST = "manifest.json"
RUNS, HISTORY, SAMPLES, CHECKPOINT = "runs.csv", "history.csv", "samples.npz", "checkpoint.pt"

ENDED_WELL = ("finished", "stopped")
DIVERGED, FAILED, UNFINISHED = "diverged", "failed", "unfinished"
_KNOWS_MORE = {UNFINISHED: 0, FAILED: 1, DIVERGED: 2, "stopped": 2, "finished": 2}


class ResultFilesError(Exception):
    """A result file cannot be written, or is not what was written; the message names it and the remedy."""


class DamagedResultsError(ResultFilesError):
    """A file was changed, cut short or lost after it was written."""


class KnownRun(NamedTuple):
    """What is stored of a run, and in which set."""

    seed: int
    status: str
    step: int
    source: Path


def write_part(configuration: Path, name: str, files: Mapping[str, bytes | str]) -> Path:
    """Writes a set into `parts/`, whole or not at all; returns its folder."""
    part = configuration / PARTS / f"{name}-{uuid4().hex[:8]}"
    hidden = part.with_name(f".{part.name}")
    for file, content in files.items():
        write_whole(hidden / file, content)
    write_whole(hidden / MANIFEST, manifest(files))
    with writing(part):
        hidden.rename(part)
    return part


def publish(part: Path, configuration: Path) -> None:
    """Makes a part that holds all runs the configuration's own set, and removes the parts.

    Killed in between, the part is still there and counts.
    """
    for file in sorted(path.name for path in part.iterdir()):
        with writing(configuration / file):
            temporary = configuration / f".{file}.part"
            temporary.unlink(missing_ok=True)
            try:
                os.link(part / file, temporary)
            except OSError:  # a file system without hard links
                shutil.copyfile(part / file, temporary)
            os.replace(temporary, configuration / file)
            temporary.unlink(missing_ok=True)  # it stays when both are links to one file
    discard(configuration / PARTS)


def discard(folder: Path) -> None:
    """Removes a folder so that nobody sees it half removed."""
    hidden = folder.with_name(f".{folder.name}-{uuid4().hex[:8]}")
    with writing(folder):
        folder.rename(hidden)
        shutil.rmtree(hidden)


def remove_leftovers(configuration: Path) -> None:
    """Removes what was being discarded when the program was killed."""
    for hidden in configuration.glob(f".{PARTS}-*"):
        shutil.rmtree(hidden, ignore_errors=True)


def manifest(files: Mapping[str, bytes | str]) -> str:
    """The checksums of a set, as JSON."""
    sums = {
        name: hashlib.sha256(content.encode() if isinstance(content, str) else content).hexdigest()
        for name, content in files.items()
    }
    return json.dumps(sums, indent=1) + "\n"


def checked(folder: Path, name: str) -> bytes:
    """The content of a file of a set. Raises DamagedResultsError when it is not what was written."""
    remedy = f"restore it, or delete {folder} and resume the sweep to train its runs again"
    try:
        content = (folder / name).read_bytes()
        expected = json.loads((folder / MANIFEST).read_text())[name]
    except (OSError, ValueError, KeyError) as error:
        raise DamagedResultsError(f"{folder / name}: cannot be read ({error}); {remedy}") from error
    if hashlib.sha256(content).hexdigest() != expected:
        raise DamagedResultsError(f"{folder / name}: is not what was written; {remedy}")
    return content


def sets(configuration: Path) -> list[Path]:
    """The folders of all sets of a configuration: its parts, and itself when it has one of its own.

    While there are parts its own files count only if they are whole: they may be half replaced.
    """
    found = parts(configuration)
    if (configuration / RUNS).exists():
        with contextlib.suppress(DamagedResultsError) if found else contextlib.nullcontext():
            for name in json.loads(_manifest_text(configuration)):
                # Results that are handed on may lack it: nothing but a resume needs it.
                if name != CHECKPOINT or (configuration / name).exists():
                    checked(configuration, name)
            found.insert(0, configuration)
    return found


def parts(configuration: Path, name: str = "") -> list[Path]:
    """The parts of a configuration, or those that were written under a name."""
    found = (configuration / PARTS).glob(f"{name}-*" if name else "*")
    return sorted(path for path in found if not path.name.startswith("."))


def _manifest_text(folder: Path) -> str:
    try:
        text = (folder / MANIFEST).read_text()
        json.loads(text)
        return text
    except (OSError, ValueError) as error:
        raise DamagedResultsError(
            f"{folder / MANIFEST}: cannot be read ({error}); restore it, "
            f"or delete {folder} and resume the sweep to train its runs again"
        ) from error


def stored_runs(configuration: Path, part: str = "") -> pd.DataFrame:
    """A row a run, in the order of seeds, with `source`: the set that knows most of it.

    part: look only into the parts of this name.
    """
    found = parts(configuration, part) if part else sets(configuration)
    frames = [read_csv(folder, RUNS).assign(source=str(folder)) for folder in found]
    if not frames:
        return pd.DataFrame(columns=["seed", "status", "step", "seconds", "message", "source"])
    runs = pd.concat(frames, ignore_index=True)
    order = runs["status"].map(_KNOWS_MORE)
    best = runs.assign(_order=order).sort_values(["seed", "_order", "step"], kind="stable")
    return best.drop_duplicates("seed", keep="last").drop(columns="_order").reset_index(drop=True)


def known_runs(configuration: Path, part: str = "") -> list[KnownRun]:
    """The runs that any set of a configuration, or any part of a name, tells of, in the order of seeds."""
    return [
        KnownRun(int(row["seed"]), str(row["status"]), int(row["step"]), Path(row["source"]))
        for row in records(stored_runs(configuration, part))
    ]


def stored_history(runs: pd.DataFrame) -> pd.DataFrame:
    """A row a run and evaluation, in the order of seeds, of the sets that `stored_runs` chose."""
    frames = []
    for source, chosen in runs.groupby("source", sort=False):
        history = read_csv(Path(str(source)), HISTORY)
        if len(history):
            frames.append(history[history["seed"].isin(chosen["seed"])])
    if not frames:
        return pd.DataFrame()
    return pd.concat(frames, ignore_index=True).sort_values(["seed", "step"], ignore_index=True)


def records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """The rows as dictionaries."""
    return [{str(key): value for key, value in row.items()} for row in frame.to_dict("records")]


def csv(frame: pd.DataFrame) -> str:
    """Full precision: reading it back gives the same numbers. Texts are none that a spreadsheet computes."""
    texts = frame.select_dtypes(include=["object", "str"]).columns
    safe = frame.assign(**{name: frame[name].map(_cell, na_action="ignore") for name in texts})
    return safe.rename(columns=_cell).to_csv(index=False, lineterminator="\n")


def _cell(value: Any) -> Any:
    return in_spreadsheet(value) if isinstance(value, str) else value


def read_csv(folder: Path, name: str) -> pd.DataFrame:
    """A table of a set. Raises DamagedResultsError when it is not what was written."""
    content = checked(folder, name)
    return pd.read_csv(io.BytesIO(content)) if len(content) > 1 else pd.DataFrame()
