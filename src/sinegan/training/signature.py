"""Signatures: runs can share a stack if they differ in nothing but data."""

from dataclasses import dataclass
from typing import NamedTuple

from sinegan.engine.cpp_compiler import why_no_compiler
from sinegan.game.networks import Players
from sinegan.game.partition import partition
from sinegan.game.rules import Rules
from sinegan.training.setup import Setup, Training

PAYS_FROM = 2_000
"""With `compile=auto`, the number of steps from which compiling (tens of seconds, once) pays."""


class Run(NamedTuple):
    """One GAN: the setup of its configuration, and one seed."""

    setup: Setup
    seed: int


@dataclass(frozen=True)
class Signature:
    """All that must be equal for runs to share a stack. Everything else is data with an axis `runs`."""

    network: Players
    rules: Rules
    """The static part of the rules."""
    points: int
    modes: int
    family: bool
    steps: int
    batch_size: int
    schedule: tuple[int, ...]
    picture_steps: tuple[int, ...]
    evaluation_samples: int
    device: str
    dtype: str
    compiled: bool

    @property
    def ahead_of_time(self) -> bool:
        """Whether the step is compiled once for all processes, and not just in time for each."""
        return self.compiled and self.device == "cpu"


def signature(setup: Setup) -> Signature:
    """The signature of the runs of a configuration."""
    target, training = setup.target, setup.training
    static, _ = partition(setup.rules)
    return Signature(
        network=setup.network,
        rules=static,
        points=target.points,
        modes=len(target.modes().centers),
        family=target.family,
        steps=training.steps,
        batch_size=training.batch_size,
        schedule=tuple(setup.schedule()),
        picture_steps=tuple(setup.picture_steps()),
        evaluation_samples=training.evaluation_samples,
        device="cuda" if training.on_gpu else "cpu",
        dtype=training.dtype,
        compiled=is_compiled(training),
    )


def is_compiled(training: Training) -> bool:
    """Whether the engine compiles the step of runs with these settings.

    This depends on the settings and the machine alone, never on the rest of the sweep, because eager and
    compiled programs differ in the last bits.
    """
    return training.compile == "always" or (training.compile == "auto" and not why_eager(training))


def why_eager(training: Training) -> str:
    """The reason, in a line, why `compile=auto` does not compile; empty where it does or was not chosen."""
    if training.compile != "auto":
        return ""
    if reason := why_no_compiler():
        return f"Eager, which is slower: {reason}."
    if training.steps < PAYS_FROM:
        return f"Eager: under {PAYS_FROM:,} steps compiling does not pay (training.compile=always)."
    return ""
