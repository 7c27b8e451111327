"""The memory that training takes, from a setup alone. It is arithmetic: nothing is allocated.

The factors were fitted to peaks of resident memory (`benchmarks/footprint.py` measures them again). The
estimate is for sizes that matter, from some tens of MiB up: below, Python and PyTorch themselves decide.
"""

import functools

import numpy as np

from sinegan.game.averages import Average
from sinegan.game.networks import Players
from sinegan.game.optimisers import Optimiser
from sinegan.game.penalties import Disturbance, Energy, Penalty, Term
from sinegan.training.loop import SAMPLE_COUNT
from sinegan.training.metrics import PROJECTIONS
from sinegan.training.setup import Setup
from sinegan.training.sizes import Sizes, numbers_in, player_sizes, weights_of
from sinegan.training.stack import BLOCK, FEWEST_LANES

DRAWN = 16
"""Bytes for each number that NumPy draws: in float64, for each run and then for all together."""

UPDATE = 5
"""Copies of the weights that a step makes in addition to the old and the new state: gradients, directions."""

SAVED = 3
"""Copies of a run's state when it is written or merged with others: the state, all in one, and the file."""

SECOND_ORDER = 1.25
"""Intermediate numbers of a gradient that is differentiated again, for each number of the first pass."""

PAIRS = 16
"""Numbers for each pair of samples of a family, in addition to the differences of their points."""

KEPT = 0.25
"""The share that stays to the end of a pass, of the numbers that do not depend on the number of rows."""

ROW, FRAME, RUN = 4096, 4096, 4096
"""Bytes of Python objects, tables and text for each evaluation, frame and run."""


def worker_bytes(setup: Setup, runs: int, compiled: bool = False) -> float:
    """The bytes of a stack at its peak.

    Arguments:
        setup: of the runs.
        runs: the number of runs in the stack.
        compiled: a compiled stack keeps the intermediate numbers of one run, an eager one those of all.
    """
    training, points, latent = setup.training, setup.target.points, setup.network.latent
    family = setup.target.family
    wide = _bytes_of_a_number(setup)
    lanes = runs if compiled else max(runs, FEWEST_LANES)
    at_once = 1 if compiled else lanes
    sizes, state = player_sizes(setup.network, points), _state_numbers(setup)

    real = points if family else 0
    draws = [_draws(penalty, points) for penalty in setup.rules.penalties]
    rows = BLOCK * training.discriminator_steps * training.batch_size
    block = lanes * rows * wide * (latent + real + sum(draws))
    drawing = rows * max(wide * latent, lanes * DRAWN * max([real, *draws]), lanes * wide * sum(draws))
    blocks = 2 if training.steps > BLOCK else 1

    samples, row_numbers = training.evaluation_samples, _row_numbers(setup, sizes)
    constant = KEPT * sizes.constant
    compared = _compared(setup) if family else 0
    passes = at_once * wide * (constant + row_numbers * training.batch_size)
    evaluation_batch = lanes * samples * DRAWN * (latent + 2 * real + sum(draws))
    evaluation = evaluation_batch + at_once * wide * (constant + row_numbers * samples + compared)

    a_sample = wide * (sizes.generator_row + sizes.discriminator_row) + DRAWN * points
    last_samples = (lanes + 1) * SAMPLE_COUNT * a_sample
    directions = points * PROJECTIONS * (DRAWN + wide)
    modes = (lanes + 1) * DRAWN * points * _modes(setup)
    update = 2 * lanes * state + at_once * UPDATE * sizes.weights
    weights = wide * max(update, (lanes + SAVED * runs) * state)
    at_work = max((blocks - 1) * block + drawing, passes, evaluation, last_samples)
    held = setup.target.bytes_held()
    return weights + block + at_work + directions + modes + held + runs * _bytes_until_filed(setup)


def command_bytes(setup: Setup, seeds: int, shards: int) -> float:
    """The bytes that the command itself needs for one configuration, trained by so many shards."""
    # The files of a single shard are used as they are.
    merged = SAVED * _bytes_of_a_number(setup) * _state_numbers(setup) if shards > 1 else 0
    return seeds * (RUN + _bytes_until_filed(setup) + merged)


def _bytes_of_a_number(setup: Setup) -> int:
    return 8 if setup.training.dtype == "float64" else 4


def _row_numbers(setup: Setup, sizes: Sizes) -> float:
    """The numbers that a step's passes through both players make for each row, at their peak."""
    penalties = setup.rules.penalties
    disturbed = any(isinstance(penalty, Disturbance) for penalty in penalties)
    discriminated = 2 if setup.target.family or disturbed else 1
    terms = sum(isinstance(penalty, Term) for penalty in penalties)
    energies = sum(isinstance(penalty, Energy) for penalty in penalties)
    of_generator = sizes.generator_row * (1 + SECOND_ORDER * energies)
    return of_generator + sizes.discriminator_row * (discriminated + SECOND_ORDER * (terms + energies))


def _bytes_until_filed(setup: Setup) -> float:
    """The bytes that are kept of a run until it is filed: its evaluations, frames and last samples."""
    points = setup.target.points
    frames = setup.pictures * (FRAME + DRAWN * points)
    return setup.evaluations * ROW + frames + SAMPLE_COUNT * DRAWN * points


def _compared(setup: Setup) -> float:
    """The numbers of a run while two samples of a family are compared with each other and with modes."""
    samples, points = setup.training.evaluation_samples, setup.target.points
    return samples**2 * (2 * points + PAIRS) + samples * _modes(setup) * (2 * points + 1)


def _modes(setup: Setup) -> int:
    return len(setup.target.modes().centers)


def _state_numbers(setup: Setup) -> int:
    """The numbers in the state of a run: weights, the optimisers' state and the averaged generator."""
    return _count_state(setup.network, setup.target.points, setup.rules.optim, setup.rules.average)


@functools.lru_cache(maxsize=1024)
def _count_state(network: Players, points: int, optim: Optimiser, average: Average) -> int:
    generator, discriminator = weights_of(network, points)
    states = [optim.init(player) for player in (generator, discriminator)]
    kept = [generator, discriminator, average.init(generator)]
    kept += [tensors for state in states for tensors in state.values()]
    return sum(numbers_in(tensors) for tensors in kept)


def _draws(penalty: Penalty, points: int) -> int:
    """The random numbers that a penalty draws for each curve."""
    return int(penalty.draw((0,), points, np.random.default_rng(0)).shape[-1])
