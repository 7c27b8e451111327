"""JAX: `jit(vmap(scan))` over the step of `jax_game`.

All random numbers are drawn before the clock starts. The runs are trained a few lanes at a time, `lanes` of
them, as many as suit the cache best.
"""

import functools
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.peers.jax_game import Batch, Layers, Player, forward, step
from benchmarks.peers.shared import EVALUATIONS, Training, real_curve, rmse
from benchmarks.works import LATENT, Work

BLOCK = 500
"""Steps of one scan: the noise of 8 lanes of the original takes 5 MB."""

BLOCKS = 8
"""Blocks of random numbers that are drawn; longer runs use them again."""

Players = tuple[Player, Player]


def initial_layers(sizes: tuple[int, ...], lanes: int, rng: np.random.Generator) -> Layers:
    """Draws weights as PyTorch's Linear does: uniform in +-1 / sqrt(inputs)."""
    return [
        {
            "weight": rng.uniform(-1, 1, (lanes, a, b)).astype(np.float32) / np.sqrt(a),
            "bias": rng.uniform(-1, 1, (lanes, b)).astype(np.float32) / np.sqrt(a),
        }
        for a, b in pairwise(sizes)
    ]


def initial_player(layers: Layers) -> Player:
    """A player before its first update, with copies of these weights, (lanes, ...)."""
    weights = jax.tree.map(jnp.array, layers)
    mean, square = (jax.tree.map(jnp.zeros_like, weights) for _ in range(2))
    return Player(weights, mean, square, jnp.zeros_like(weights[0]["bias"][:, 0]))


def draw_block(work: Work, lanes: int, rng: np.random.Generator) -> Batch:
    """The random numbers of BLOCK steps, (steps, lanes, discriminator_steps, batch, ...)."""
    shape = (BLOCK, lanes, work.discriminator_steps, work.batch)
    noise = jnp.asarray(rng.standard_normal((*shape, LATENT), np.float32))
    mixing = jnp.asarray(rng.random((*shape, 1), np.float32)) if work.penalty == "wgan_gp" else None
    if work.target == "gaussian_ring":
        angles = 2 * np.pi * rng.integers(8, size=shape) / 8
        centers = np.stack([np.cos(angles), np.sin(angles)], -1)
        real = (centers + 0.01 * rng.standard_normal(centers.shape)).astype(np.float32)
    else:
        real = np.broadcast_to(real_curve(), (BLOCK, lanes, 1, 1, work.points))
    return Batch(noise, jnp.asarray(real), mixing)


@functools.cache
def advance(work: Work) -> Callable[[Players, Any, Batch], Players]:
    """The function that trains each lane for the steps of its batches.

    It takes the players, (lanes, ...), the learning rates, (lanes,), and batches, (steps, lanes, ...).
    """

    @functools.partial(jax.jit, donate_argnums=0)
    @functools.partial(jax.vmap, in_axes=(0, 0, 1))
    def trained(players: Players, lr: Any, batches: Batch) -> Players:
        return jax.lax.scan(lambda state, batch: (step(work, lr, state, batch), None), players, batches)[0]

    return trained


@jax.jit
@functools.partial(jax.vmap, in_axes=(0, None))
def generate(generator: Layers, noise: Any) -> Any:
    return forward(generator, noise)


def prepare(work: Work, learning_rates: list[float], steps: int, lanes: int) -> Training:
    """Compiles the function that trains these runs, some lanes at a time."""
    rng = np.random.default_rng(0)
    train_lanes = advance(work)

    def start(rates: list[float]) -> tuple[Players, Any]:
        generator, discriminator = (
            initial_player(initial_layers(sizes, len(rates), rng))
            for sizes in (work.generator_sizes, work.discriminator_sizes)
        )
        return (generator, discriminator), jnp.asarray(rates, jnp.float32)

    def part(block: Batch, length: int, width: int) -> Batch:
        cut: Batch = jax.tree.map(lambda numbers: numbers[:length, :width], block)
        return cut

    chunks = [learning_rates[first : first + lanes] for first in range(0, len(learning_rates), lanes)]
    lengths = [min(BLOCK, steps - first) for first in range(0, steps, BLOCK)]
    widest = max(len(rates) for rates in chunks)
    blocks = [draw_block(work, widest, rng) for _ in range(min(BLOCKS, len(lengths)))]
    starts = [start(rates) for rates in chunks]
    for width in {len(rates) for rates in chunks}:
        for length in set(lengths):
            players, rates = start([1e-4] * width)
            jax.block_until_ready(train_lanes(players, rates, part(blocks[0], length, width)))

    def train() -> Callable[[], Any]:
        generators = []
        for players, rates in starts:
            for place, length in enumerate(lengths):
                players = train_lanes(players, rates, part(blocks[place % len(blocks)], length, len(rates)))
            jax.block_until_ready(players)
            generators.append(players[0].weights)
        fresh = np.random.default_rng(1).standard_normal((EVALUATIONS, LATENT)).astype(np.float32)
        return lambda: rmse(np.concatenate([np.asarray(generate(each, fresh)) for each in generators]))

    return train
