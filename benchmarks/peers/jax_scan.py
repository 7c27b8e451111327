"""JAX: `jit(vmap(scan))`, with the savings that sinegan has.

One row stands for the 64 equal real curves, one pass back through the discriminator serves both players
of minimax, and the noise is drawn before the clock starts. The runs are trained a few lanes at a time,
`lanes` of them, as many as suit the cache best.
"""

import functools
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.peers.work import BATCH, D_SIZES, EVALUATIONS, G_SIZES, LATENT, Training, real_curve, rmse

BLOCK = 500
"""Steps of one scan: the noise of 8 lanes takes 5 MB."""

Layers = list[dict[str, Any]]


def initial_layers(sizes: tuple[int, ...], lanes: int, rng: np.random.Generator) -> Layers:
    """Draws weights as PyTorch's Linear does: uniform in +-1 / sqrt(inputs)."""
    return [
        {
            "weight": rng.uniform(-1, 1, (lanes, a, b)).astype(np.float32) / np.sqrt(a),
            "bias": rng.uniform(-1, 1, (lanes, b)).astype(np.float32) / np.sqrt(a),
        }
        for a, b in pairwise(sizes)
    ]


def forward(layers: Layers, x: Any) -> Any:
    for layer in layers[:-1]:
        x = jax.nn.relu(x @ layer["weight"] + layer["bias"])
    return x @ layers[-1]["weight"] + layers[-1]["bias"]


def discriminate(layers: Layers, x: Any) -> Any:
    return forward(layers, x)[:, 0]


def adam(weights: Any, gradients: Any, mean: Any, square: Any, t: Any, lr: Any) -> tuple[Any, Any, Any]:
    each = jax.tree.map
    mean = each(lambda m, g: 0.9 * m + 0.1 * g, mean, gradients)
    square = each(lambda v, g: 0.999 * v + 0.001 * g * g, square, gradients)
    size, correction = lr / (1 - 0.9**t), 1 / jnp.sqrt(1 - 0.999**t)
    weights = each(lambda w, m, v: w - size * m / (jnp.sqrt(v) * correction + 1e-8), weights, mean, square)
    return weights, mean, square


def step(lr: Any, real: Any, state: Any, noise: Any) -> tuple[Any, None]:
    """A step of minimax, with both gradients at the weights before the step."""
    generator, discriminator, means, squares, t = state
    fake, back_to_generator = jax.vjp(lambda weights: forward(weights, noise), generator)
    real_logits, back_from_real = jax.vjp(lambda weights: discriminate(weights, real), discriminator)
    fake_logits, back_from_fake = jax.vjp(discriminate, discriminator, fake)
    (from_real,) = back_from_real(-jax.nn.sigmoid(-real_logits))
    from_fake, uphill = back_from_fake(jax.nn.sigmoid(fake_logits) / BATCH)
    (from_generator,) = back_to_generator(-uphill)
    from_discriminator = jax.tree.map(jnp.add, from_real, from_fake)
    t = t + 1
    generator, mean_g, square_g = adam(generator, from_generator, means[0], squares[0], t, lr)
    discriminator, mean_d, square_d = adam(discriminator, from_discriminator, means[1], squares[1], t, lr)
    return (generator, discriminator, (mean_g, mean_d), (square_g, square_d), t), None


@functools.partial(jax.jit, donate_argnums=0)
@functools.partial(jax.vmap, in_axes=(0, 0, 1, None))
def advance(state: Any, lr: Any, noise: Any, real: Any) -> Any:
    """Trains each lane for the steps of its noise. noise: shape (steps, lanes, batch, latent)."""
    return jax.lax.scan(functools.partial(step, lr, real), state, noise)[0]


@jax.jit
@functools.partial(jax.vmap, in_axes=(0, None))
def generate(generator: Layers, noise: Any) -> Any:
    return forward(generator, noise)


def prepare(learning_rates: list[float], steps: int, lanes: int) -> Training:
    """Compiles the function that trains these runs, some lanes at a time."""
    rng = np.random.default_rng(0)
    real = jnp.asarray(real_curve())[None]

    def initial_state(rates: list[float]) -> tuple[Any, Any]:
        weights = [
            jax.tree.map(jnp.asarray, initial_layers(sizes, len(rates), rng)) for sizes in (G_SIZES, D_SIZES)
        ]
        zeros = [tuple(jax.tree.map(jnp.zeros_like, each) for each in weights) for _ in range(2)]
        return (*weights, *zeros, jnp.zeros(len(rates))), jnp.asarray(rates, jnp.float32)

    chunks = [learning_rates[first : first + lanes] for first in range(0, len(learning_rates), lanes)]
    lengths = [min(BLOCK, steps - first) for first in range(0, steps, BLOCK)]
    blocks = [jnp.asarray(rng.standard_normal((BLOCK, lanes, BATCH, LATENT), np.float32)) for _ in range(8)]
    states = [initial_state(rates) for rates in chunks]
    for width in {len(rates) for rates in chunks}:
        for length in set(lengths):
            state, rates = initial_state([1e-4] * width)
            jax.block_until_ready(advance(state, rates, blocks[0][:length, :width], real))

    def train() -> Callable[[], Any]:
        generators = []
        for state, rates in states:
            for place, length in enumerate(lengths):
                noise = blocks[place % len(blocks)][:length, : len(rates)]
                state = advance(state, rates, noise, real)
            jax.block_until_ready(state)
            generators.append(state[0])
        fresh = np.random.default_rng(1).standard_normal((EVALUATIONS, LATENT)).astype(np.float32)
        return lambda: rmse(np.concatenate([np.asarray(generate(each, fresh)) for each in generators]))

    return train
