"""Signatures: runs can share a stack if they differ in nothing but data."""

from dataclasses import dataclass
from typing import NamedTuple

from sinegan.engine.cpp_compiler import why_no_compiler
from sinegan.game.networks import Players
from sinegan.game.partition import partition
from sinegan.game.rules import Rules
from sinegan.training.setup import Setup
from sinegan.training.sizes import weight_count

COMPILING = 6.0
"""Processor seconds to compile the two programs of a signature, at most."""
USUAL_RUNS = 8
"""The runs that compiling is expected to pay for; `is_compiled` must not depend on those of a sweep."""
SAVED = 2.5e-4
"""Processor seconds that compiling saves for each update of a player, even of the smallest."""
SAVED_BY_WEIGHT = 1e-10
"""Processor seconds that it saves in addition, for each weight and row of a batch."""


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
        compiled=is_compiled(setup),
    )


def is_compiled(setup: Setup) -> bool:
    """Whether the engine compiles the step of runs with this setup.

    This depends on the setup and the machine alone, never on the rest of the sweep, because eager and
    compiled programs differ in the last bits.
    """
    chosen = setup.training.compile
    return chosen == "always" or (chosen == "auto" and not why_eager(setup))


def why_eager(setup: Setup) -> str:
    """The reason, in a line, why `compile=auto` does not compile; empty where it does or was not chosen."""
    if setup.training.compile != "auto":
        return ""
    if reason := why_no_compiler():
        return f"Eager, which is slower: {reason}."
    if seconds_saved(setup) < COMPILING:
        return "Eager: so few steps do not pay for compiling (training.compile=always)."
    return ""


def seconds_saved(setup: Setup) -> float:
    """The processor seconds that compiling saves in the training of USUAL_RUNS runs, as was measured."""
    training = setup.training
    updates = training.steps * (training.discriminator_steps + 1)
    products = training.batch_size * weight_count(setup.network, setup.target.points)
    return USUAL_RUNS * updates * (SAVED + SAVED_BY_WEIGHT * products)
