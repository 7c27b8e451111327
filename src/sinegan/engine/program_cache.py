"""Compiled programs on disk, with checksums, in folders that nobody else can write to.

A program is machine code: one that was damaged computes wrong numbers, and one that somebody else
wrote does what he likes. So nothing is loaded but what was written here, by this user or by root.
"""

import fcntl
import hashlib
import os
import re
import shlex
import shutil
import stat
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from sinegan.storage.files import UnwritableFileError, write_whole

FOLDER = "SINEGAN_CACHE"
"""The environment variable that names another folder for compiled programs."""

LARGEST = 2**30
"""How many bytes a folder of programs may have: the least recently used go first."""

LARGEST_FILE = 2**28
"""Bytes; no file of a program is as large."""

A_DAY = 24 * 3600.0
"""Seconds after which what a killed process left half-written is removed."""

DESCRIPTION, CHECKSUMS, LOCK = ".json", ".sha256", ".lock"
KINDS = (".so", ".pt2")
"""The programs of `native` and of `packaged`."""

FILES = re.compile(r"(\w+-[0-9a-f]{20})(\.json|\.sha256|\.lock|\.so|\.pt2)")
LEFT_OVER = re.compile(r"\.\w+-[0-9a-f]{20}\.\w+\.[0-9a-f]{8}\.part")
WORKSHOP = "sinegan-compiling-"


class UnusableFolderError(Exception):
    """Programs cannot be kept in a folder, or not loaded from it; names it and says why."""


class DamagedProgramError(Exception):
    """A file of a program is not what was written; names it and says why."""


class Stored(NamedTuple):
    """A program. description: what its results are, as text. kind: one of KINDS."""

    description: str
    kind: str
    program: bytes


class ProgramFolder:
    """Compiled programs, each with its description, their checksums and a lock."""

    def __init__(self, path: Path, descriptor: int) -> None:
        """descriptor: the open folder. It stays this one, whatever the path comes to mean."""
        pinned = Path(f"/proc/self/fd/{descriptor}")
        self.path = path
        self._here = pinned if pinned.is_dir() else path

    def read(self, name: str) -> Stored | None:
        """A program as it was written; None where there is none.

        Raises DamagedProgramError.
        """
        try:
            checksums = self._content(name + CHECKSUMS).decode(errors="replace").splitlines()
        except FileNotFoundError:
            for kind in (DESCRIPTION, *KINDS):
                if os.path.lexists(self._here / (name + kind)):
                    raise DamagedProgramError(f"{self.path / (name + kind)} has no checksum") from None
            return None
        named = [kind for kind in KINDS if any(line.endswith(name + kind) for line in checksums)]
        kind = (*named, *KINDS)[0]
        contents = []
        for file in (name + DESCRIPTION, name + kind):
            try:
                contents.append(self._content(file))
            except FileNotFoundError:
                raise DamagedProgramError(f"{self.path / file} is gone") from None
            if _checksum(file, contents[-1]) not in checksums:
                raise DamagedProgramError(f"{self.path / file} is not what was compiled")
        with suppress(OSError):  # where this user may only read, nothing is removed either
            os.utime(self._here / (name + CHECKSUMS))
        return Stored(contents[0].decode(), kind, contents[1])

    def write(self, name: str, stored: Stored) -> None:
        """Keeps a program, and removes those that were not used for the longest time.

        Raises UnusableFolderError.
        """
        files = {name + stored.kind: stored.program, name + DESCRIPTION: stored.description.encode()}
        # The checksums come last: without them there is no program.
        files[name + CHECKSUMS] = "".join(f"{_checksum(*file)}\n" for file in files.items()).encode()
        with self._writing():
            for file, content in files.items():
                write_whole(self._here / file, content, mode=0o644)
        with suppress(OSError, UnusableFolderError):
            self._make_room(name)
            remove_abandoned_workshops()

    def remove(self, name: str) -> None:
        for kind in (CHECKSUMS, DESCRIPTION, *KINDS, LOCK):
            with suppress(OSError):
                (self._here / (name + kind)).unlink(missing_ok=True)

    def file(self, name: str, stored: Stored) -> Path:
        """The file of a program: no other folder can come in between."""
        return self._here / (name + stored.kind)

    @contextmanager
    def alone(self, name: str, wait: bool) -> Iterator[bool]:
        """One process at a time for a program, however it ends; False for one that does not wait.

        Raises UnusableFolderError.
        """
        path = self._here / (name + LOCK)
        while True:
            with self._writing():
                lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK, 0o644)
            try:
                if not stat.S_ISREG(os.fstat(lock).st_mode):
                    raise UnusableFolderError(f"{self.path / path.name} is no file")
                with self._writing():
                    try:
                        fcntl.flock(lock, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
                    except BlockingIOError:
                        allowed = False
                    else:
                        allowed = True
                # Meanwhile it may have been removed, with the program.
                if not allowed or (path.exists() and os.path.samestat(path.stat(), os.fstat(lock))):
                    yield allowed
                    return
            finally:
                os.close(lock)

    def _content(self, file: str) -> bytes:
        """Raises FileNotFoundError, and DamagedProgramError for what is no file of this user's or root's."""
        path = self.path / file
        try:
            opened = os.open(self._here / file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        except FileNotFoundError:
            raise
        except OSError as error:
            raise DamagedProgramError(f"{path} cannot be read: {_reason(error)}") from error
        try:
            status = os.fstat(opened)
            if not stat.S_ISREG(status.st_mode) or status.st_size > LARGEST_FILE:
                raise DamagedProgramError(f"{path} is no file of a program")
            if reason := _distrusted(status):
                raise DamagedProgramError(f"{path} {reason}")
            with open(opened, "rb", closefd=False) as content:
                return content.read(LARGEST_FILE)
        except OSError as error:
            raise DamagedProgramError(f"{path} cannot be read: {_reason(error)}") from error
        finally:
            os.close(opened)

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """Raises UnusableFolderError in place of errors of files."""
        try:
            yield
        except OSError as error:
            raise UnusableFolderError(f"{self.path} cannot be written: {_reason(error)}") from error

    def _make_room(self, keep: str) -> None:
        """Removes least recently used programs, and what killed processes left."""
        programs: dict[str, list[os.stat_result]] = {}
        with os.scandir(self._here) as entries:
            for entry in entries:
                status = entry.stat(follow_symlinks=False)
                if found := FILES.fullmatch(entry.name):
                    programs.setdefault(found[1], []).append(status)
                elif LEFT_OVER.fullmatch(entry.name) and time.time() > status.st_mtime + A_DAY:
                    os.unlink(entry.path)
        sizes = {name: sum(status.st_size for status in files) for name, files in programs.items()}
        used = {name: max(status.st_mtime for status in files) for name, files in programs.items()}
        too_many = sum(sizes.values()) - LARGEST
        for name in sorted(programs, key=used.__getitem__):
            if too_many <= 0:
                return
            if name == keep:
                continue
            with self.alone(name, wait=False) as allowed:
                if allowed:  # what a process has loaded, it keeps
                    self.remove(name)
                    too_many -= sizes[name]


def places() -> list[Callable[[], AbstractContextManager[ProgramFolder]]]:
    """Where programs may be, the best place first: the cache, this user's temporary folder, or one for now.

    Each is opened by a call, which raises UnusableFolderError.
    """
    return [_cache, _temporary, _throwaway]


def kept_meanwhile(name: str) -> Stored | None:
    """A program of the temporary folder, where it was kept as long as the cache could not be written."""
    try:
        if not _temporary_path().exists():
            return None
        with _temporary() as programs:
            return programs.read(name)
    except (UnusableFolderError, DamagedProgramError):
        return None


def folder() -> Path:
    """Where compiled programs are kept: $SINEGAN_CACHE, or below the user's cache folder.

    Raises UnusableFolderError when the user has no home.
    """
    chosen, caches = os.environ.get(FOLDER), os.environ.get("XDG_CACHE_HOME", "")
    try:
        if chosen:
            return Path(chosen).expanduser().absolute()
        if os.path.isabs(caches):  # others are to be ignored (XDG Base Directory Specification)
            return Path(caches) / "sinegan"
        home = Path.home()
    except RuntimeError as error:
        raise UnusableFolderError(f"{chosen or '~/.cache/sinegan'} cannot be found: no such home") from error
    if not home.is_dir():
        raise UnusableFolderError(f"{home / '.cache' / 'sinegan'} cannot be made: there is no {home}")
    return home / ".cache" / "sinegan"


@contextmanager
def workshop() -> Iterator[Path]:
    """A new empty folder, removed when the block ends, and locked until then or until the process dies."""
    with ExitStack() as opened:
        locked = False
        while not locked:  # between its making and its locking another process may take it for abandoned
            temporary = tempfile.TemporaryDirectory(
                prefix=WORKSHOP, dir=_workshops(), ignore_cleanup_errors=True
            )
            path = Path(opened.enter_context(temporary))
            with suppress(FileNotFoundError):
                locked = opened.enter_context(_locked(path))
        yield path


def remove_abandoned_workshops() -> None:
    """Removes the folders that killed processes left: nobody holds their locks any more."""
    for left in Path(_workshops()).glob(f"{WORKSHOP}*"):
        with suppress(OSError):
            if left.lstat().st_uid != os.geteuid():
                continue
            with _locked(left) as abandoned:
                if abandoned:
                    shutil.rmtree(left)


@contextmanager
def _locked(path: Path) -> Iterator[bool]:
    """Locks a folder within the block; gives whether it could be, and is still there. Raises OSError."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        locked = False
    else:
        locked = path.exists()
    try:
        yield locked
    finally:
        os.close(descriptor)


def _workshops() -> str:
    """The temporary folder, unless its path has what PyTorch does not quote when it calls a compiler."""
    usual = tempfile.gettempdir()
    return usual if shlex.quote(usual) == usual else "/tmp"


def _cache() -> AbstractContextManager[ProgramFolder]:
    return _opened(folder(), mode=0o755)


def _temporary() -> AbstractContextManager[ProgramFolder]:
    return _opened(_temporary_path(), mode=0o700, flags=os.O_NOFOLLOW)


def _temporary_path() -> Path:
    """Of this user, and of all processes of a command."""
    try:
        return Path(tempfile.gettempdir()) / f"sinegan-{os.geteuid()}"
    except OSError as error:
        raise UnusableFolderError(f"there is no temporary folder: {_reason(error)}") from error


@contextmanager
def _throwaway() -> Iterator[ProgramFolder]:
    with ExitStack() as opened:
        try:
            path = opened.enter_context(workshop())
        except OSError as error:
            raise UnusableFolderError(f"no temporary folder can be made: {_reason(error)}") from error
        yield opened.enter_context(_opened(path, mode=0o700))


@contextmanager
def _opened(path: Path, mode: int, flags: int = 0) -> Iterator[ProgramFolder]:
    """A folder, made if need be. Raises UnusableFolderError, also when others could write to it."""
    try:
        path.mkdir(mode, parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | flags)
    except OSError as error:
        raise UnusableFolderError(f"{path} cannot be used: {_reason(error)}") from error
    try:
        if reason := _distrusted(os.fstat(descriptor)):
            raise UnusableFolderError(f"{path} {reason}")
        yield ProgramFolder(path, descriptor)
    finally:
        os.close(descriptor)


def _distrusted(status: os.stat_result) -> str:
    """Why the machine code in a file or folder is not to be trusted; nothing where it is."""
    if status.st_uid not in (0, os.geteuid()):
        return "belongs to another user"
    if status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        return "is writable by others (chmod go-w)"
    return ""


def _checksum(file: str, content: bytes) -> str:
    """A line as sha256sum writes and checks it."""
    return f"{hashlib.sha256(content).hexdigest()}  {file}"


def _reason(error: OSError) -> str:
    cause = error.__cause__ if isinstance(error, UnwritableFileError) else error
    return str(getattr(cause, "strerror", None) or cause)
