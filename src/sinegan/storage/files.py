"""Files that are written whole or not at all, read with care, and folders that one process writes to."""

import fcntl
import hashlib
import json
import os
import stat
import unicodedata
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import IO, Any
from uuid import uuid4

from sinegan.printable import shortened


class UnwritableFileError(OSError):
    """A file cannot be written; the message names it, the reason and the remedy."""


def write_whole(path: Path, content: bytes | str, durable: bool = True, mode: int = 0o666) -> None:
    """Writes a file so that a reader sees the old content or the new, whatever happens.

    durable: also after a power cut. mode: who may read and write it, less what the umask forbids.
    Raises UnwritableFileError, which names the file.
    """
    temporary = path.with_name(f".{path.name}.{uuid4().hex[:8]}.part")
    try:
        with writing(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            with open(temporary, "wb", opener=partial(os.open, mode=mode)) as file:
                file.write(content.encode() if isinstance(content, str) else content)
                if durable:
                    file.flush()
                    os.fsync(file.fileno())
            os.replace(temporary, path)
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Raises UnwritableFileError, which names the path, in place of any other error of files."""
    try:
        yield
    except OSError as error:
        reason = str(error.strerror or error).rstrip(".")
        raise UnwritableFileError(f"{shortened(str(path))}: cannot be written: {reason}") from error


def write_json(path: Path, value: Any, durable: bool = True) -> None:
    write_whole(path, json.dumps(value, indent=1) + "\n", durable)


ROOM_FOR_FILES = 100
"""Bytes of a path that are kept for the names of the files in a folder."""


def name_problem(folder: str) -> str | None:
    """What is wrong with a folder's name, whether it exists or not."""
    if not folder:
        return "names no folder"
    path = os.path.abspath(folder)
    if "${" in path:
        return f"{path} holds ${{, a reference to Hydra; use another name"
    if any(unicodedata.category(character) in ("Cc", "Cs") for character in path):
        return f"{folder!r} holds characters that cannot be shown; use another name"
    parts = Path(path).parts
    existing = next(parent for parent in (path, *map(str, Path(path).parents)) if os.path.exists(parent))
    most, longest = os.pathconf(existing, "PC_NAME_MAX"), max(len(os.fsencode(part)) for part in parts)
    if longest > most:
        return f"has a name of {longest:,} bytes; at most {most:,} are possible here"
    most = os.pathconf(existing, "PC_PATH_MAX") - ROOM_FOR_FILES
    if len(os.fsencode(path)) > most:
        return f"is a path of {len(os.fsencode(path)):,} bytes; at most {most:,} are possible here"
    return None


MOST_BYTES = 4 * 2**30
"""The size up to which a file is read; none of sinegan's comes near it."""
MOST_JSON_BYTES = 64 * 2**20

CHECKSUM = "sha256"
"""The key under which a sealed JSON file carries the checksum of all its other keys."""


def read_regular(path: Path, most: int = MOST_BYTES) -> bytes:
    """Reads a regular file. Raises OSError for anything else (a pipe, a device) and for over `most` bytes.

    Opening a pipe would wait for a writer, and a device may have no end.
    """
    with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
        found = os.fstat(file.fileno())
        if not stat.S_ISREG(found.st_mode):
            raise OSError("it is no regular file")
        if found.st_size > most:
            raise OSError(f"it has {found.st_size:,} bytes; at most {most:,} are read")
        return file.read()  # with a size, Python would reserve so much


def read_json(path: Path) -> Any:
    """Reads a JSON file. Raises OSError or ValueError when it is damaged, nested too deep or too large."""
    try:
        return json.loads(read_regular(path, MOST_JSON_BYTES))
    except RecursionError as error:
        raise ValueError("it is nested too deep") from error


def write_sealed(path: Path, value: Mapping[str, Any]) -> None:
    """Writes a mapping as JSON with the checksum of its content."""
    write_json(path, {**value, CHECKSUM: _checksum(value)})


def read_sealed(path: Path) -> dict[str, Any]:
    """Reads what `write_sealed` wrote. Raises OSError or ValueError when it is anything else."""
    content = read_json(path)
    if not isinstance(content, dict) or CHECKSUM not in content:
        raise ValueError("it carries no checksum")
    if content.pop(CHECKSUM) != _checksum(content):
        raise ValueError("it is not what was written")
    return content


def _checksum(value: Mapping[str, Any]) -> str:
    # Through JSON and back: a tuple is read as a list, and a key that is a number as text.
    plain = json.loads(json.dumps(value))
    return hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()


def refuse_links(folder: Path) -> None:
    """Raises UnwritableFileError for a symbolic link anywhere below a folder: writing would lead outside."""
    for parent, folders, files in os.walk(folder):
        for name in (*folders, *files):
            refuse_link(Path(parent) / name)


def refuse_link(path: Path) -> None:
    """Raises UnwritableFileError when a path is a symbolic link."""
    if path.is_symlink():
        raise UnwritableFileError(f"{path}: is a symbolic link, and is not written through; remove it")


LOCK = ".lock"


class InUseError(RuntimeError):
    """Another process works in the folder."""


@contextmanager
def exclusive(folder: Path) -> Iterator[None]:
    """Keeps a folder for this process, however it ends.

    Raises InUseError when another one has it, UnwritableFileError when nothing can be written there.
    """
    path = folder / LOCK
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
    lock = _locked(path)
    try:
        with writing(path):
            lock.write(str(os.getpid()))
            lock.flush()
        yield
    finally:
        path.unlink(missing_ok=True)
        lock.close()


def _locked(path: Path) -> IO[str]:
    while True:
        with writing(path):
            flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_NONBLOCK
            lock = os.fdopen(os.open(path, flags, 0o666), "a+")
            if not stat.S_ISREG(os.fstat(lock.fileno()).st_mode):
                raise OSError("it is no regular file")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            lock.seek(0)
            owner = lock.read().strip() or "unknown"
            lock.close()
            raise InUseError(f"{path.parent}: process {owner} is working in it; wait for it") from error
        # The process before us may have removed the file between our open and our lock.
        if path.exists() and path.stat().st_ino == os.fstat(lock.fileno()).st_ino:
            lock.truncate(0)
            return lock
        lock.close()
