"""How much memory is free: what the system says, read and understood apart from one another."""

import math
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

CGROUPS = Path("/sys/fs/cgroup")
UNLIMITED = 2**60
"""From here on a limit of version 1 of the control groups is none: it writes the largest number it has."""


@dataclass(frozen=True)
class Room:
    """Bytes that are free on this machine, and bytes that one process may have of its own."""

    here: float = math.inf
    each: float = math.inf


def free_memory() -> Room:
    """Of this machine, within the limits of this process's control group and its own (ulimit -v)."""
    return Room(min(_of_system(), *_of_groups(_text(Path("/proc/self/cgroup")))), _of_process())


def free_on_gpu() -> Room:
    """All that the first GPU has: what others use of it can only be asked by using it, too."""
    import torch

    return Room(float(torch.cuda.get_device_properties(0).total_memory))


def _of_system() -> float:
    said = available(_text(Path("/proc/meminfo")))
    if said is not None:
        return said
    try:
        return float(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    except (AttributeError, ValueError, OSError):  # a system that does not tell
        return math.inf


def _of_groups(membership: str) -> Iterator[float]:
    yield math.inf
    for folder in group_folders(membership):
        for limit, usage in (
            ("memory.max", "memory.current"),
            ("memory.limit_in_bytes", "memory.usage_in_bytes"),
        ):
            texts = (_text(CGROUPS / folder / name) for name in (limit, usage, "memory.stat"))
            yield left_in_group(*texts)


def _of_process() -> float:
    try:
        import resource
    except ImportError:  # not a Unix
        return math.inf
    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    if limit == resource.RLIM_INFINITY:
        return math.inf
    pages = _text(Path("/proc/self/statm")).split()
    return max(0.0, limit - (int(pages[0]) * resource.getpagesize() if pages else 0))


def available(meminfo: str) -> float | None:
    r"""Bytes of MemAvailable in the text of /proc/meminfo; None where there is none.

    >>> available("MemTotal:  16 kB\nMemAvailable:  4 kB\n")
    4096.0
    """
    for line in meminfo.splitlines():
        name, _, value = line.partition(":")
        number = value.split()[:1]
        if name == "MemAvailable" and number and number[0].isdigit():
            return 1024.0 * int(number[0])
    return None


def group_folders(membership: str) -> list[str]:
    r"""Folders, below CGROUPS, of the groups that limit memory, from the text of /proc/self/cgroup.

    A group is within all those above it. In a container the path may be that of the host, so the root
    is among them in any case.

    >>> group_folders("4:memory:/a/b\n0::/c\n")
    ['memory/a/b', 'memory/a', 'memory', 'c', '.']
    """
    folders = []
    for line in membership.splitlines():
        number, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if "memory" in controllers.split(",") or (number, controllers) == ("0", ""):
            root = PurePosixPath("memory" if controllers else ".")
            inside = root / path.lstrip("/")
            folders += [str(folder) for folder in (inside, *inside.parents) if folder.is_relative_to(root)]
    return folders


def left_in_group(limit: str, usage: str, stat: str) -> float:
    """Bytes that a control group has left, from its files; what is cached of files can be given back.

    >>> left_in_group("1000", "700", "inactive_file 200"), left_in_group("max", "700", "")
    (500.0, inf)
    """
    if not limit.strip().isdigit() or int(limit) >= UNLIMITED:
        return math.inf
    pairs = dict(line.split(maxsplit=1) for line in stat.splitlines() if " " in line)
    cached = int(pairs.get("total_inactive_file", pairs.get("inactive_file", 0)))
    used = int(usage) if usage.strip().isdigit() else 0
    return float(max(0, int(limit) - max(0, used - cached)))


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""
