"""The lines of a refusal: each once, with the jobs that have the problem; and a line for any exception."""

from collections.abc import Iterable, Iterator, Sequence

from hydra.errors import HydraException
from omegaconf.errors import OmegaConfBaseException

from sinegan.schema import nearest

Job = tuple[str, ...]
"""The overrides of one job, `key=value` each."""


class Problems:
    """Collects problems, a line each. When only some jobs have a problem, its line names what they share."""

    def __init__(self) -> None:
        self._jobs: dict[str, list[Job]] = {}

    def add(self, line: str, job: Job = ()) -> None:
        """Adds a problem, of one job or of the whole command."""
        self._jobs.setdefault(line, []).append(job)

    def lines(self, jobs: Sequence[Job]) -> Iterator[str]:
        """The lines, each once. jobs: all jobs that were checked."""
        for line, affected in self._jobs.items():
            yield line + (_distinguishing_overrides(line, affected, jobs) if any(affected) else "")


def _distinguishing_overrides(line: str, affected: Sequence[Job], jobs: Sequence[Job]) -> str:
    """The overrides that distinguish the jobs with a problem, unless the line names them itself."""
    if len(set(affected)) == len(set(jobs)):
        return ""
    everywhere = set.intersection(*map(set, jobs))
    shared = [text for text in affected[0] if all(text in job for job in affected) and text not in everywhere]
    named = [text for text in shared if _mentions(line, text)]
    if named and not any(set(named) <= set(job) for job in set(jobs) - set(affected)):
        return ""
    if apart := [text for text in shared if text not in named]:
        return f" (with {' '.join(apart)})"
    return f" (as with {' '.join(text for text in affected[0] if text not in everywhere)})"


def _mentions(line: str, text: str) -> bool:
    """Whether a line names an override."""
    key, _, value = text.lstrip("+").partition("=")
    return f"{key}={value}" in line or f"{key} = {value}" in line or f"{key} = {value.strip(chr(39))}" in line


def nearest_key(key: str, known: Iterable[str]) -> str:
    """A hint at the keys with the same last part, else at the nearest key."""
    known = [each for each in known if "_target_" not in each]
    last = key.rpartition(".")[2]
    if same := [each for each in known if each.rpartition(".")[2] == last]:
        return f"; did you mean {' or '.join(sorted(same))}?"
    return nearest(key, known)


def remedy_for_list(group: str, names: Sequence[str]) -> str:
    """The remedy for a list of choices where one is allowed."""
    single = f"{group}={names[0] or 'NAME'}"
    return (
        f"use {single}" if len(names) == 1 else f"use {single}, or -m {group}={','.join(names)} for a sweep"
    )


def describe_error(error: BaseException) -> str:
    """The message of an exception in one line, with that of its cause."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    relevant = [
        line for line in lines if not line.startswith(("full_key:", "object_type=", "reference_type="))
    ]
    message = " ".join(relevant)
    if not isinstance(error, HydraException | OmegaConfBaseException):  # the message alone may be unclear
        message = f"cannot be composed: {type(error).__name__} {message}".rstrip()
    cause = error.__cause__
    return (
        f"{message} ({describe_error(cause)})"
        if cause is not None and str(cause) not in str(error)
        else message
    )
