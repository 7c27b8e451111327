"""Functions and classes that tests send to worker processes, which must be able to import them."""

import multiprocessing
import os
import select
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sinegan.game.targets import Array, Sine


def is_in_worker() -> bool:
    return multiprocessing.parent_process() is not None


@dataclass(frozen=True, kw_only=True)
class DeadlyForWorkers(Sine):
    """A target that kills the worker process which draws it, and is a sine in the main process."""

    def draw(self, rows: int, rng: np.random.Generator) -> Array:
        if is_in_worker():
            os._exit(1)
        return super().draw(rows, rng)


@dataclass(frozen=True, kw_only=True)
class DeadlyOnce(Sine):
    """A target that kills the first worker process which draws it, and is a sine from then on."""

    marker: str
    """The file that tells that this has happened."""

    def draw(self, rows: int, rng: np.random.Generator) -> Array:
        if is_in_worker():
            try:
                Path(self.marker).touch(exist_ok=False)
            except FileExistsError:
                pass
            else:
                os._exit(1)
        return super().draw(rows, rng)


@dataclass(frozen=True, kw_only=True)
class Patient(Sine):
    """A target that waits for a file before it is drawn, and fails after half a minute."""

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


def announce_and_sleep_for_a_minute(place: Path) -> None:
    """Works for a minute. place: a named pipe that announces the beginning to its reader."""
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
    """Waits for a line. place: a named pipe."""
    with open(place) as pipe:
        return pipe.readline()
