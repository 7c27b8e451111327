"""Files that are written whole or not at all and read with care, and folders that a process locks."""

import hashlib
import json
import os
import stat
import time
import unicodedata
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import IO, Any
from uuid import uuid4

from sinegan.printable import shortened
from sinegan.storage import systems


class UnwritableFileError(OSError):
    """A file cannot be written; the message names it, the reason and the remedy."""


SECONDS_FOR_READERS = 2.0
"""The time that a file waits for its readers before it is replaced."""


def write_whole(path: Path, content: bytes | str, durable: bool = True, mode: int = 0o666) -> None:
    """Writes a file so that a reader always sees either the old content or the new.

    Arguments:
        path: the file; its folder is created.
        content: bytes, or a text to be encoded as UTF-8.
        durable: whether the file must survive a power cut.
        mode: the permissions of the file, before the umask.

    Raises:
        UnwritableFileError: names the file.
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
            _replace(temporary, path)
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def _replace(temporary: Path, path: Path) -> None:
    """Gives a file the name of another. Where no file that is open can be replaced, waits for its readers."""
    patience = SECONDS_FOR_READERS if systems.KEEPS_OPEN_FILES else 0.0
    end = time.monotonic() + patience
    while True:
        try:
            os.replace(temporary, path)
            return
        except PermissionError:
            if time.monotonic() >= end:
                raise
        time.sleep(0.01)


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turns any OSError in its block into UnwritableFileError, which names the path."""
    try:
        yield
    except OSError as error:
        reason = str(error.strerror or error).rstrip(".")
        raise UnwritableFileError(f"{shortened(str(path))}: cannot be written: {reason}") from error


def write_json(path: Path, value: Any, durable: bool = True) -> None:
    """Writes a JSON file; see `write_whole`."""
    write_whole(path, json.dumps(value, indent=1) + "\n", durable)


RESERVED_FOR_FILES = 100
"""The bytes of a path that are reserved for the names of files in a folder."""


def name_problem(folder: str) -> str | None:
    """The reason why a path cannot name a folder, or None. The folder need not exist."""
    if not folder:
        return "names no folder"
    path = os.path.abspath(folder)
    if "${" in path:
        return f"{path} holds ${{, a reference to Hydra; use another name"
    if any(unicodedata.category(character) in ("Cc", "Cs") for character in path):
        return f"{folder!r} holds characters that cannot be shown; use another name"
    parts = Path(path).parts
    existing = next(parent for parent in (path, *map(str, Path(path).parents)) if os.path.exists(parent))
    if not hasattr(os, "pathconf"):  # the system refuses the folder itself
        return None
    most, longest = os.pathconf(existing, "PC_NAME_MAX"), max(len(os.fsencode(part)) for part in parts)
    if longest > most:
        return f"has a name of {longest:,} bytes; at most {most:,} are possible here"
    most = os.pathconf(existing, "PC_PATH_MAX") - RESERVED_FOR_FILES
    if len(os.fsencode(path)) > most:
        return f"is a path of {len(os.fsencode(path)):,} bytes; at most {most:,} are possible here"
    return None


MOST_BYTES = 4 * 2**30
"""The greatest file that is read; no file of sinegan comes near that."""
MOST_JSON_BYTES = 64 * 2**20
"""The greatest JSON file that is read."""

CHECKSUM = "sha256"
"""The key of the checksum of all other keys in a sealed JSON file."""


def read_regular(path: Path, most: int = MOST_BYTES) -> bytes:
    """Reads a regular file. Raises OSError for anything else (a pipe, a device) and for over `most` bytes.

    Opening a pipe would wait for a writer, and a device may have no end.
    """
    with open(os.open(path, os.O_RDONLY | systems.NO_WAIT), "rb") as file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise OSError("it is no regular file")
        if status.st_size > most:
            raise OSError(f"it has {status.st_size:,} bytes; at most {most:,} are read")
        return file.read()  # with a size, Python would reserve that much memory


def read_json(path: Path, most: int = MOST_JSON_BYTES) -> Any:
    """Reads a JSON file. Raises OSError or ValueError when it is damaged, nested too deep, or too large."""
    try:
        return json.loads(read_regular(path, most))
    except RecursionError as error:
        raise ValueError("it is nested too deep") from error


def write_sealed(path: Path, value: Mapping[str, Any]) -> None:
    """Writes a mapping as JSON, with a checksum of its content."""
    write_json(path, {**value, CHECKSUM: _checksum(value)})


def read_sealed(path: Path, most: int = MOST_JSON_BYTES) -> dict[str, Any]:
    """Reads what `write_sealed` wrote. Raises OSError or ValueError when the file was changed."""
    content = read_json(path, most)
    if not isinstance(content, dict) or CHECKSUM not in content:
        raise ValueError("it carries no checksum")
    if content.pop(CHECKSUM) != _checksum(content):
        raise ValueError("it is not what was written")
    return content


def _checksum(value: Mapping[str, Any]) -> str:
    # As JSON reads it back: a tuple becomes a list, and a key that is a number becomes a text.
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
"""The lock file of a folder that a process works in."""


class InUseError(RuntimeError):
    """Another process works in the folder."""


@contextmanager
def exclusive(folder: Path) -> Iterator[None]:
    """Locks a folder for this process; creates it if needed. However the process ends, the lock ends, too.

    Raises InUseError when another process has the lock, UnwritableFileError when the folder is not writable.
    """
    path = folder / LOCK
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
    with (_lock_with_owner if systems.HAS_LOCKS else _lock)(path):
        yield


@contextmanager
def _lock(path: Path) -> Iterator[None]:
    """Locks a folder by its lock file where nobody can read a locked file."""
    refuse_link(path)
    with ExitStack() as locked:
        try:
            with writing(path):
                locked.enter_context(systems.lock_path(path))
        except systems.LockedError as error:
            raise InUseError(f"{path.parent}: another process is working in it; wait for it") from error
        yield


@contextmanager
def _lock_with_owner(path: Path) -> Iterator[None]:
    """Locks a folder by its lock file, which holds the number of this process."""
    lock = _open_locked(path)
    try:
        with writing(path):
            lock.write(str(os.getpid()))
            lock.flush()
        yield
    finally:
        path.unlink(missing_ok=True)
        lock.close()


def _open_locked(path: Path) -> IO[str]:
    """The open lock file of a folder, locked and empty."""
    while True:
        with writing(path):
            flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | systems.NO_FOLLOW | systems.NO_WAIT
            lock = os.fdopen(os.open(path, flags, 0o666), "a+")
            if not stat.S_ISREG(os.fstat(lock.fileno()).st_mode):
                raise OSError("it is no regular file")
        if not systems.lock_open(lock.fileno()):
            lock.seek(0)
            owner = lock.read().strip() or "unknown"
            lock.close()
            raise InUseError(f"{path.parent}: process {owner} is working in it; wait for it")
        # The previous process may have removed the file after this one opened it.
        if path.exists() and path.stat().st_ino == os.fstat(lock.fileno()).st_ino:
            lock.truncate(0)
            return lock
        lock.close()
