"""The random numbers of a run, derived from its seed alone.

Each purpose has its own stream, and each block of steps can be reached directly. So neither the other runs
of a stack, nor the evaluation schedule, nor a resume changes the numbers that a run draws.
"""

from collections.abc import Callable

import torch
from numpy.random import Generator, SeedSequence, default_rng
from torch import nn

# Every run's numbers depend on the number of each stream: never change one, only add.
INITIALISATION, NOISE, DATA, EVALUATION = 0, 1, 2, 3
PENALTY, PENALTY_EVALUATION = 4, 5


def stream(seed: int, purpose: int, place: int = 0, name: str = "") -> Generator:
    """The random-number generator of one stream.

    Arguments:
        seed: of the run.
        purpose: one of the numbers above.
        place: a block of steps, or a step.
        name: distinguishes several users of one purpose, so that none changes another's numbers.
    """
    return default_rng(SeedSequence(seed, spawn_key=(purpose, place, *name.encode())))


def initialise(seed: int, player: int, build: Callable[[int], nn.Module], points: int) -> nn.Module:
    """A module with PyTorch's own initialisation, drawn from the run's stream.

    Arguments:
        seed: of the run.
        player: 0 for the generator, 1 for the discriminator.
        build: builds the module for a number of points.
        points: the number of points.
    """
    state = SeedSequence(seed, spawn_key=(INITIALISATION, player)).generate_state(1)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(int(state[0]))
        return build(points)
