"""Files that are written whole or not at all, and folders that one process at a time writes to."""

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import IO, Any
from uuid import uuid4


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
        reason = error.strerror or error
        raise UnwritableFileError(f"{path}: cannot be written: {reason}; mend that and resume") from error


def write_json(path: Path, value: Any, durable: bool = True) -> None:
    write_whole(path, json.dumps(value, indent=1) + "\n", durable)


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
            lock = open(path, "a+")  # noqa: SIM115
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
