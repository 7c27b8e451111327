"""The lines of a refusal: each told once, with the jobs that have it, and with words for any exception."""

from collections.abc import Iterable, Iterator, Sequence

from hydra.errors import HydraException
from omegaconf.errors import OmegaConfBaseException

from sinegan.schema import nearest

Job = tuple[str, ...]
"""The overrides of one job, `key=value` each."""


class Problems:
    """Lines, each told once; one that only some jobs of a sweep have is told with what they share."""

    def __init__(self) -> None:
        self._jobs: dict[str, list[Job]] = {}

    def add(self, line: str, job: Job = ()) -> None:
        self._jobs.setdefault(line, []).append(job)

    def lines(self, jobs: Sequence[Job]) -> Iterator[str]:
        """jobs: all of the sweep's that were checked."""
        for line, having in self._jobs.items():
            yield line + (_where(line, having, jobs) if any(having) else "")


def _where(line: str, having: Sequence[Job], jobs: Sequence[Job]) -> str:
    """What sets the jobs that have a problem apart, as far as the line does not say so itself."""
    if len(set(having)) == len(set(jobs)):
        return ""
    everywhere = set.intersection(*map(set, jobs))
    shared = [text for text in having[0] if all(text in job for job in having) and text not in everywhere]
    named = [text for text in shared if _names(line, text)]
    if named and not any(set(named) <= set(job) for job in set(jobs) - set(having)):
        return ""
    if apart := [text for text in shared if text not in named]:
        return f" (with {' '.join(apart)})"
    return f" (as with {' '.join(text for text in having[0] if text not in everywhere)})"


def _names(line: str, text: str) -> bool:
    key, _, value = text.lstrip("+").partition("=")
    return f"{key}={value}" in line or f"{key} = {value}" in line or f"{key} = {value.strip(chr(39))}" in line


def nearest_key(key: str, known: Iterable[str]) -> str:
    """A hint at the key that ends like this one, else at the nearest."""
    known = [one for one in known if "_target_" not in one]
    last = key.rpartition(".")[2]
    if same := [one for one in known if one.rpartition(".")[2] == last]:
        return f"; did you mean {' or '.join(sorted(same))}?"
    return nearest(key, known)


def one_of(group: str, names: Sequence[str]) -> str:
    """The remedy for a list where one choice belongs."""
    single = f"{group}={names[0] or 'NAME'}"
    return (
        f"use {single}" if len(names) == 1 else f"use {single}, or -m {group}={','.join(names)} for a sweep"
    )


def words_of(error: BaseException) -> str:
    """An exception in a line, with what caused it."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    kept = [line for line in lines if not line.startswith(("full_key:", "object_type=", "reference_type="))]
    said = " ".join(kept)
    if not isinstance(error, HydraException | OmegaConfBaseException):  # its words alone may say little
        said = f"cannot be composed: {type(error).__name__} {said}".rstrip()
    cause = error.__cause__
    return f"{said} ({words_of(cause)})" if cause is not None and str(cause) not in str(error) else said
