"""Compiled programs on disk, with checksums, in folders that nobody else can write to.

A program is machine code: a damaged one computes wrong numbers, and one that somebody else wrote does
whatever its author likes. So only programs that this user or root has written here are loaded.
"""

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
from sinegan.storage.systems import HAS_LOCKS, HAS_OWNERS, NO_FOLLOW, NO_WAIT, ONLY_FOLDERS, lock_open

CACHE_VARIABLE = "SINEGAN_CACHE"
"""The environment variable that names the folder for compiled programs."""

CAN_BE_TRUSTED = HAS_LOCKS and HAS_OWNERS
"""Whether this system tells who wrote a program. Otherwise none is compiled."""

LARGEST = 2**30
"""The most bytes that a folder of programs may have; the least recently used are removed first."""

LARGEST_FILE = 2**28
"""The most bytes that a file of a program may have."""

A_DAY = 24 * 3600.0
"""Seconds after which the unfinished files of a killed process are removed."""

DESCRIPTION, CHECKSUMS, LOCK = ".json", ".sha256", ".lock"
KINDS = (".so", ".pt2")
"""The suffixes of native and of packaged programs."""

FILES = re.compile(r"(\w+-[0-9a-f]{20})(\.json|\.sha256|\.lock|\.so|\.pt2)")
LEFT_OVER = re.compile(r"\.\w+-[0-9a-f]{20}\.\w+\.[0-9a-f]{8}\.part")
SCRATCH_PREFIX = "sinegan-compiling-"


class UnusableFolderError(Exception):
    """Programs cannot be kept in a folder, or not be loaded from it; the message names it and says why."""


class DamagedProgramError(Exception):
    """A file of a program differs from what was written; the message names it and says why."""


class Stored(NamedTuple):
    """A program. description: its results, as text. kind: one of KINDS."""

    description: str
    kind: str
    program: bytes


class ProgramFolder:
    """A folder of compiled programs, each with a description, checksums and a lock."""

    def __init__(self, path: Path, descriptor: int) -> None:
        """descriptor: the open folder, which stays the same when another one takes its path."""
        pinned = Path(f"/proc/self/fd/{descriptor}")
        self.path = path
        self._here = pinned if pinned.is_dir() else path

    def read(self, name: str) -> Stored | None:
        """A program as it was written; None if there is none.

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
        """Stores a program, and removes the least recently used ones if there are too many.

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
            remove_abandoned_scratch_folders()

    def remove(self, name: str) -> None:
        for kind in (CHECKSUMS, DESCRIPTION, *KINDS, LOCK):
            with suppress(OSError):
                (self._here / (name + kind)).unlink(missing_ok=True)

    def file(self, name: str, stored: Stored) -> Path:
        """The file of a program, in this very folder even if another one has taken its path."""
        return self._here / (name + stored.kind)

    @contextmanager
    def locked(self, name: str, wait: bool) -> Iterator[bool]:
        """Locks a program until the context or the process ends. Without `wait`, yields False if it is.

        Raises UnusableFolderError.
        """
        path = self._here / (name + LOCK)
        while True:
            with self._writing():
                lock = os.open(path, os.O_RDWR | os.O_CREAT | NO_FOLLOW | NO_WAIT, 0o644)
            try:
                if not stat.S_ISREG(os.fstat(lock).st_mode):
                    raise UnusableFolderError(f"{self.path / path.name} is no file")
                with self._writing():
                    allowed = lock_open(lock, wait)
                # While this process waited, another may have removed the lock with the program.
                if not allowed or (path.exists() and os.path.samestat(path.stat(), os.fstat(lock))):
                    yield allowed
                    return
            finally:
                os.close(lock)

    def _content(self, file: str) -> bytes:
        """The bytes of a file.

        Raises FileNotFoundError, and DamagedProgramError unless it is a file of this user or root.
        """
        path = self.path / file
        try:
            opened = os.open(self._here / file, os.O_RDONLY | NO_FOLLOW | NO_WAIT)
        except FileNotFoundError:
            raise
        except OSError as error:
            raise DamagedProgramError(f"{path} cannot be read: {_reason(error)}") from error
        try:
            status = os.fstat(opened)
            if not stat.S_ISREG(status.st_mode) or status.st_size > LARGEST_FILE:
                raise DamagedProgramError(f"{path} is no file of a program")
            if reason := _why_untrusted(status):
                raise DamagedProgramError(f"{path} {reason}")
            with open(opened, "rb", closefd=False) as content:
                return content.read(LARGEST_FILE)
        except OSError as error:
            raise DamagedProgramError(f"{path} cannot be read: {_reason(error)}") from error
        finally:
            os.close(opened)

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """Within this context, an OSError becomes an UnusableFolderError."""
        try:
            yield
        except OSError as error:
            raise UnusableFolderError(f"{self.path} cannot be written: {_reason(error)}") from error

    def _make_room(self, keep: str) -> None:
        """Removes the least recently used programs but `keep`, and the files that killed processes left."""
        programs: dict[str, list[os.stat_result]] = {}
        with os.scandir(self._here) as entries:
            for entry in entries:
                status = entry.stat(follow_symlinks=False)
                if match := FILES.fullmatch(entry.name):
                    programs.setdefault(match[1], []).append(status)
                elif LEFT_OVER.fullmatch(entry.name) and time.time() > status.st_mtime + A_DAY:
                    os.unlink(entry.path)
        sizes = {name: sum(status.st_size for status in files) for name, files in programs.items()}
        used = {name: max(status.st_mtime for status in files) for name, files in programs.items()}
        excess = sum(sizes.values()) - LARGEST
        for name in sorted(programs, key=used.__getitem__):
            if excess <= 0:
                return
            if name == keep:
                continue
            with self.locked(name, wait=False) as allowed:
                if allowed:  # a process that has loaded it keeps its copy
                    self.remove(name)
                    excess -= sizes[name]


def places() -> list[Callable[[], AbstractContextManager[ProgramFolder]]]:
    """The folders for programs, best first: the cache, a temporary one of this user, or a throwaway.

    Calling one opens it, or raises UnusableFolderError.
    """
    return [_cache, _temporary, _throwaway]


def temporary_program(name: str) -> Stored | None:
    """The program that was stored in the temporary folder while the cache could not be written, if any."""
    try:
        if not _temporary_path().exists():
            return None
        with _temporary() as programs:
            return programs.read(name)
    except (UnusableFolderError, DamagedProgramError):
        return None


def cache_folder() -> Path:
    """The folder for compiled programs: $SINEGAN_CACHE, or `sinegan` in the user's cache folder.

    Raises UnusableFolderError when the user has no home.
    """
    chosen, caches = os.environ.get(CACHE_VARIABLE), os.environ.get("XDG_CACHE_HOME", "")
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
def scratch_folder() -> Iterator[Path]:
    """Yields an empty folder, locked until the end of the context or of the process, then removed."""
    with ExitStack() as opened:
        locked = False
        while not locked:  # before it is locked, another process may remove it as abandoned
            temporary = tempfile.TemporaryDirectory(
                prefix=SCRATCH_PREFIX, dir=_scratch_parent(), ignore_cleanup_errors=True
            )
            path = Path(opened.enter_context(temporary))
            with suppress(FileNotFoundError):
                locked = opened.enter_context(_locked(path))
        yield path


def remove_abandoned_scratch_folders() -> None:
    """Removes the scratch folders of killed processes, whose locks nobody holds any more."""
    if not CAN_BE_TRUSTED:  # nothing was compiled
        return
    for left in Path(_scratch_parent()).glob(f"{SCRATCH_PREFIX}*"):
        with suppress(OSError):
            if left.lstat().st_uid != os.geteuid():
                continue
            with _locked(left) as abandoned:
                if abandoned:
                    shutil.rmtree(left)


@contextmanager
def _locked(path: Path) -> Iterator[bool]:
    """Locks a folder within the context; yields whether that worked and it still exists. Raises OSError."""
    descriptor = os.open(path, os.O_RDONLY | ONLY_FOLDERS | NO_FOLLOW)
    try:
        yield lock_open(descriptor) and path.exists()
    finally:
        os.close(descriptor)


def _scratch_parent() -> str:
    """The temporary folder, or /tmp if PyTorch would have to quote its path for the compiler but does not."""
    usual = tempfile.gettempdir()
    return usual if shlex.quote(usual) == usual else "/tmp"


def _cache() -> AbstractContextManager[ProgramFolder]:
    return _opened(cache_folder(), mode=0o755)


def _temporary() -> AbstractContextManager[ProgramFolder]:
    return _opened(_temporary_path(), mode=0o700, flags=NO_FOLLOW)


def _temporary_path() -> Path:
    """A folder that all processes of this user share."""
    try:
        return Path(tempfile.gettempdir()) / f"sinegan-{os.geteuid()}"
    except OSError as error:
        raise UnusableFolderError(f"there is no temporary folder: {_reason(error)}") from error


@contextmanager
def _throwaway() -> Iterator[ProgramFolder]:
    with ExitStack() as opened:
        try:
            path = opened.enter_context(scratch_folder())
        except OSError as error:
            raise UnusableFolderError(f"no temporary folder can be made: {_reason(error)}") from error
        yield opened.enter_context(_opened(path, mode=0o700))


@contextmanager
def _opened(path: Path, mode: int, flags: int = 0) -> Iterator[ProgramFolder]:
    """Opens a folder, made if need be. Raises UnusableFolderError, also if others can write to it."""
    try:
        path.mkdir(mode, parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDONLY | ONLY_FOLDERS | flags)
    except OSError as error:
        raise UnusableFolderError(f"{path} cannot be used: {_reason(error)}") from error
    try:
        if reason := _why_untrusted(os.fstat(descriptor)):
            raise UnusableFolderError(f"{path} {reason}")
        yield ProgramFolder(path, descriptor)
    finally:
        os.close(descriptor)


def _why_untrusted(status: os.stat_result) -> str:
    """Why the machine code in a file or folder cannot be trusted; empty if it can."""
    if status.st_uid not in (0, os.geteuid()):
        return "belongs to another user"
    if status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        return "is writable by others (chmod go-w)"
    return ""


def _checksum(file: str, content: bytes) -> str:
    """The line for a file that sha256sum writes and checks."""
    return f"{hashlib.sha256(content).hexdigest()}  {file}"


def _reason(error: OSError) -> str:
    cause = error.__cause__ if isinstance(error, UnwritableFileError) else error
    return str(getattr(cause, "strerror", None) or cause)
