"""The memory that is free: functions that read the system's files, and others that interpret them."""

import math
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

CGROUPS = Path("/sys/fs/cgroup")
UNLIMITED = 2**60
"""A limit from here on means no limit: version 1 of the control groups writes the greatest number."""


@dataclass(frozen=True)
class Room:
    """Free memory in bytes. here: on this machine. each: the limit for each process."""

    here: float = math.inf
    each: float = math.inf


def free_memory() -> Room:
    """The free memory of this machine, within the limits of this process's control group and of ulimit -v."""
    return Room(
        min(_free_on_system(), *_free_in_groups(_text(Path("/proc/self/cgroup")))), _free_in_process()
    )


def free_on_gpu() -> Room:
    """All memory of the first GPU: a process can see what others use of it only by using the GPU itself."""
    import torch

    return Room(float(torch.cuda.get_device_properties(0).total_memory))


def _free_on_system() -> float:
    memory = parse_available(_text(Path("/proc/meminfo")))
    if memory is not None:
        return memory
    try:
        return float(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    except (AttributeError, ValueError, OSError):  # not available on this system
        return math.inf


def _free_in_groups(membership: str) -> Iterator[float]:
    yield math.inf
    for folder in group_folders(membership):
        for limit, usage in (
            ("memory.max", "memory.current"),
            ("memory.limit_in_bytes", "memory.usage_in_bytes"),
        ):
            texts = (_text(CGROUPS / folder / name) for name in (limit, usage, "memory.stat"))
            yield left_in_group(*texts)


def _free_in_process() -> float:
    try:
        import resource
    except ImportError:  # not a Unix
        return math.inf
    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    if limit == resource.RLIM_INFINITY:
        return math.inf
    pages = _text(Path("/proc/self/statm")).split()
    return max(0.0, limit - (int(pages[0]) * resource.getpagesize() if pages else 0))


def parse_available(meminfo: str) -> float | None:
    r"""The bytes of MemAvailable in the text of /proc/meminfo; None when the line is missing.

    >>> parse_available("MemTotal:  16 kB\nMemAvailable:  4 kB\n")
    4096.0
    """
    for line in meminfo.splitlines():
        name, _, value = line.partition(":")
        number = value.split()[:1]
        if name == "MemAvailable" and number and number[0].isdigit():
            return 1024.0 * int(number[0])
    return None


def group_folders(membership: str) -> list[str]:
    r"""The folders below CGROUPS of the groups that limit memory, from the text of /proc/self/cgroup.

    The limits of all groups above a group apply, too. In a container the path may be that of the host, so
    the root is always among the folders.

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
    """The bytes that a control group has left, from its files. The cache of files counts as free.

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
