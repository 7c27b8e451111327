"""What the tests send to worker processes: it must be importable there, too."""

import multiprocessing
import os
import select
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sinegan.game.targets import Array, Sine


def in_a_worker() -> bool:
    return multiprocessing.parent_process() is not None


@dataclass(frozen=True, kw_only=True)
class DeadlyForWorkers(Sine):
    """A target that kills the worker process which draws it, and is a sine in the main process."""

    def draw(self, rows: int, rng: np.random.Generator) -> Array:
        if in_a_worker():
            os._exit(1)
        return super().draw(rows, rng)


@dataclass(frozen=True, kw_only=True)
class DeadlyOnce(Sine):
    """A target that kills the first worker process which draws it, and is a sine from then on."""

    marker: str
    """The file that tells that this has happened."""

    def draw(self, rows: int, rng: np.random.Generator) -> Array:
        if in_a_worker():
            try:
                Path(self.marker).touch(exist_ok=False)
            except FileExistsError:
                pass
            else:
                os._exit(1)
        return super().draw(rows, rng)


@dataclass(frozen=True, kw_only=True)
class Patient(Sine):
    """A target that is drawn when a file is there, and fails when none comes within half a minute."""

    file: str

    def draw(self, rows: int, rng: np.random.Generator) -> Array:
        end = time.monotonic() + 30
        while not Path(self.file).exists():
            if time.monotonic() > end:
                raise TimeoutError(f"{self.file} did not come")
            time.sleep(0.01)
        return super().draw(rows, rng)


def loaded_modules() -> set[str]:
    return set(sys.modules)


def say_so_and_work_for_a_minute(place: Path) -> None:
    """place: a named pipe whose reader learns that the work has begun."""
    place.write_text("at work")
    select.select([], [], [], 60)


class UnwieldyError(Exception):
    """An error that can be packed, but not unpacked."""

    def __init__(self, what: str, why: str) -> None:
        super().__init__(f"{what}: {why}")


def raise_unwieldy() -> None:
    raise UnwieldyError("this", "that")


def raise_from_within() -> float:
    return 1 / 0


def make_what_cannot_be_sent() -> object:
    return lambda: None


def read_line(place: Path) -> str:
    """place: a named pipe; waits until someone writes a line to it."""
    with open(place) as pipe:
        return pipe.readline()
