"""The random numbers of a run, derived from its seed alone.

Each purpose has a stream of its own, and each block of steps a place in it that can be reached
directly. So neither the other runs of a stack, nor the evaluation schedule, nor a resume changes
what a run draws.
"""

from collections.abc import Callable

import torch
from numpy.random import Generator, SeedSequence, default_rng
from torch import nn

# The number of each stream is part of every run's numbers: never change one, only add.
INITIALISATION, NOISE, DATA, EVALUATION = 0, 1, 2, 3
PENALTY, PENALTY_EVALUATION = 4, 5


def stream(seed: int, purpose: int, place: int = 0, name: str = "") -> Generator:
    """The generator of one purpose at one place (a block of steps, or a step) of a run.

    name: which of several users of the same purpose, so that none disturbs another.
    """
    return default_rng(SeedSequence(seed, spawn_key=(purpose, place, *name.encode())))


def initialised(seed: int, player: int, build: Callable[[int], nn.Module], points: int) -> nn.Module:
    """A module with PyTorch's own initialisation, drawn from the run's stream.

    player: 0 for the generator, 1 for the discriminator.
    """
    state = SeedSequence(seed, spawn_key=(INITIALISATION, player)).generate_state(1)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(int(state[0]))
        return build(points)
