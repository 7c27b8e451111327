"""What POSIX has and Windows lacks: locks on open files, owners of files, flags for opening.

No other module may import or mention at its top what only some systems have.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

try:
    import fcntl
except ImportError:
    fcntl = None  # type: ignore[assignment]

NO_FOLLOW: int = getattr(os, "O_NOFOLLOW", 0)
"""Refuses to open a symbolic link, where the system can."""
NO_WAIT: int = getattr(os, "O_NONBLOCK", 0)
"""Opens a pipe without waiting for its other end."""
ONLY_FOLDERS: int = getattr(os, "O_DIRECTORY", 0)
"""Refuses to open anything but a folder."""

HAS_LOCKS = fcntl is not None
"""Whether an open file can be locked, and removed while it is."""
HAS_OWNERS = hasattr(os, "geteuid")
"""Whether files have owners and permissions that Python can read."""
KEEPS_OPEN_FILES = os.name == "nt"
"""Whether a file that a process reads cannot be replaced until it is closed."""


class LockedError(Exception):
    """Another process has the lock."""


def lock_open(descriptor: int, wait: bool = False) -> bool:
    """Locks an open file or folder until it is closed or the process ends. False if another process has it.

    wait: whether to wait for the other process. Raises OSError where HAS_LOCKS is false.
    """
    if not HAS_LOCKS:
        raise OSError("this system cannot lock an open file")
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


@contextmanager
def lock_path(path: Path) -> Iterator[None]:
    """Locks a file within the context, by whatever means the system has; removes it if it can.

    Raises LockedError when another process has the lock, OSError when the file cannot be written.
    """
    from filelock import FileLock, Timeout

    lock = FileLock(path)
    try:
        lock.acquire(timeout=0)
    except Timeout as error:  # it is an OSError
        raise LockedError(path) from error
    try:
        yield
    finally:
        lock.release()
