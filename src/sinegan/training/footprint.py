"""How much memory training takes, from a configuration alone: arithmetic, nothing is allocated.

The factors were fitted to peaks of resident memory (`benchmarks/footprint.py` measures them again). The
estimate is for sizes that matter, from some tens of MiB on: below, what Python and PyTorch take decides.
"""

import contextlib
import functools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from sinegan.config import Config
from sinegan.game.averages import Average
from sinegan.game.networks import Players
from sinegan.game.optimisers import Optimiser
from sinegan.game.penalties import Disturbance, Energy, Term
from sinegan.training.loop import SAMPLES
from sinegan.training.metrics import PROJECTIONS
from sinegan.training.stack import BLOCK, FEWEST_LANES

DRAWN = 16
"""Bytes for a number that NumPy draws: in float64, of each run and then of all together."""

UPDATE = 5
"""Copies of the weights that a step makes beside the old state and the new one: gradients and directions."""

SAVED = 3
"""Copies of a run's state when it is written, or joined with others: the state, all in one, and the file."""

SECOND_ORDER = 1.25
"""The intermediate numbers of a gradient that is differentiated again, for each of the first pass."""

PAIRS = 16
"""Numbers for each pair of samples while families are compared, beside the differences of their points."""

KEPT = 0.25
"""Of the numbers that a pass makes whatever the rows (to norm weights, say), those that last to its end."""

ROW, FRAME, RUN = 4096, 4096, 4096
"""Bytes for an evaluation, a frame and a run, beside the arrays: Python objects, tables and text."""


@dataclass(frozen=True)
class Sizes:
    """Numbers in both players: weights, and what a forward pass makes for each row and whatever the rows."""

    weights: int
    generator_row: int
    discriminator_row: int
    constant: int


def of_worker(config: Config, runs: int, compiled: bool = False) -> float:
    """Bytes at the peak for a stack of so many runs.

    An eager stack keeps the intermediate numbers of all its runs, a compiled one those of one run.
    """
    training, points, latent = config.training, config.target.points, config.network.latent
    wide = 8 if training.dtype == "float64" else 4
    lanes = runs if compiled else max(runs, FEWEST_LANES)
    at_once = 1 if compiled else lanes
    sizes, state = players(config.network, points), _state(config)

    real = points if config.target.family else 0
    draws = [_draws(penalty, points) for penalty in config.penalty]
    rows = BLOCK * training.discriminator_steps * training.batch_size
    block = lanes * rows * wide * (latent + real + sum(draws))
    drawing = rows * max(wide * latent, lanes * DRAWN * max([real, *draws]), lanes * wide * sum(draws))
    blocks = 2 if training.steps > BLOCK else 1

    judged = 2 if config.target.family or any(isinstance(p, Disturbance) for p in config.penalty) else 1
    terms = sum(isinstance(penalty, Term) for penalty in config.penalty)
    energies = sum(isinstance(penalty, Energy) for penalty in config.penalty)
    a_row = sizes.generator_row * (1 + SECOND_ORDER * energies)
    a_row += sizes.discriminator_row * (judged + SECOND_ORDER * (terms + energies))
    samples = training.evaluation_samples
    fresh = lanes * samples * DRAWN * (latent + 2 * real + sum(draws))
    compared = _compared(config) if config.target.family else 0
    passes = at_once * wide * (KEPT * sizes.constant + a_row * training.batch_size)
    evaluation = fresh + at_once * wide * (KEPT * sizes.constant + a_row * samples + compared)

    shown = wide * (sizes.generator_row + sizes.discriminator_row) + DRAWN * points
    painted = (lanes + 1) * SAMPLES * shown
    directions = points * PROJECTIONS * (DRAWN + wide)
    modes = (lanes + 1) * DRAWN * points * _modes(config)
    update = 2 * lanes * state + at_once * UPDATE * sizes.weights
    weights = wide * max(update, (lanes + SAVED * runs) * state)
    at_work = max((blocks - 1) * block + drawing, passes, evaluation, painted)
    held = config.target.held()
    return weights + block + at_work + directions + modes + held + runs * _kept(config)


def of_command(config: Config, shards: int) -> float:
    """Bytes that the command itself needs for one configuration, whose runs so many shards train."""
    wide = 8 if config.training.dtype == "float64" else 4
    merged = SAVED * wide * _state(config) if shards > 1 else 0  # else the files are used as they are
    return config.seeds * (RUN + _kept(config) + merged)


def _kept(config: Config) -> float:
    """Bytes that are kept of a run until it is filed: its evaluations, frames and last paintings."""
    points = config.target.points
    frames = config.pictures * (FRAME + DRAWN * points)
    return config.evaluations * ROW + frames + SAMPLES * DRAWN * points


def _compared(config: Config) -> float:
    """Numbers of a run while two samples of a family are held against each other, and against modes."""
    samples, points = config.training.evaluation_samples, config.target.points
    return samples**2 * (2 * points + PAIRS) + samples * _modes(config) * (2 * points + 1)


def _modes(config: Config) -> int:
    return len(config.target.modes().centers)


def _state(config: Config) -> int:
    """Numbers in the state of a run: weights, the optimiser's memory and the averaged generator."""
    return _of_state(config.network, config.target.points, config.optim, config.average)


@functools.lru_cache(maxsize=1024)
def _of_state(network: Players, points: int, optim: Optimiser, average: Average) -> int:
    generator, discriminator = _weights(network, points)
    memories = [optim.remember(player) for player in (generator, discriminator)]
    kept = [generator, discriminator, average.start(generator)]
    kept += [tensors for memory in memories for tensors in memory.values()]
    return sum(_numbers(tensors) for tensors in kept)


@functools.lru_cache(maxsize=1024)
def players(network: Players, points: int) -> Sizes:
    """Counted on modules without weights. Raises whatever a network raises that cannot be built."""
    with torch.device("meta"):
        generator, discriminator = _modules(network, points)
        forward = [(generator, network.latent), (discriminator, points)]
        (one, two), (other_one, other_two) = ([_made(*each, rows) for rows in (1, 2)] for each in forward)
    weights = sum(_numbers(player) for player in _weights(network, points))
    constant = 2 * (one + other_one) - two - other_two
    return Sizes(weights, two - one, other_two - other_one, constant)


@functools.lru_cache(maxsize=64)
def _modules(network: Players, points: int) -> tuple[nn.Module, nn.Module]:
    with torch.device("meta"):
        return network.build_generator(points), network.build_discriminator(points)


def _weights(network: Players, points: int) -> list[dict[str, Tensor]]:
    return [dict(module.named_parameters()) for module in _modules(network, points)]


def _numbers(tensors: Mapping[str, Tensor]) -> int:
    return sum(tensor.numel() for tensor in tensors.values())


class _Counting(TorchFunctionMode):
    """Counts the numbers in all tensors that functions of PyTorch give meanwhile."""

    def __init__(self) -> None:
        super().__init__()
        self.numbers = 0

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        if isinstance(result, Tensor):
            self.numbers += result.numel()
        return result


def _made(module: nn.Module, inputs: int, rows: int) -> int:
    """The numbers that a forward pass makes, as far as a module works without weights."""
    given, counting = torch.empty((rows, inputs), device="meta"), _Counting()
    with torch.no_grad(), contextlib.suppress(Exception), counting:
        module(given)
    return counting.numbers


def _draws(penalty: Any, points: int) -> int:
    """How many random numbers a penalty takes for each curve."""
    return int(penalty.draw((0,), points, np.random.default_rng(0)).shape[-1])
