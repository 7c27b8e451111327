"""One step of a game in JAX, with the savings that sinegan has.

One row stands for equal real curves. The discriminator's pass forward serves both players, and so does its
pass back in a zero-sum game. Of the batches after the first, only the discriminator learns.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.nn import relu, softplus

from benchmarks.works import Work

Layers = list[dict[str, Any]]

R1_GAMMA, WGAN_GP_GAMMA = 1.0, 20.0
BETA1, BETA2, EPS = 0.9, 0.999, 1e-8


class Player(NamedTuple):
    """The weights of a player, the moments of its gradient, and the number of its updates."""

    weights: Layers
    mean: Layers
    square: Layers
    t: Any


class Batch(NamedTuple):
    """The random numbers of a step, each with a leading axis `discriminator_steps`."""

    noise: Any
    """(discriminator_steps, batch, latent)."""
    real: Any
    """(discriminator_steps, batch, points), or (1, 1, points) where all real curves are the same."""
    mixing: Any
    """Places between real and generated curves, (discriminator_steps, batch, 1); None without WGAN-GP."""

    def part(self, k: int) -> "Batch":
        """The k-th batch of the step."""
        mixing = None if self.mixing is None else self.mixing[k]
        return Batch(self.noise[k], self.real[k % self.real.shape[0]], mixing)


class Gradients(NamedTuple):
    """The gradients of both players' losses by their own weights, and the two losses."""

    generator: Layers
    discriminator: Layers
    generator_loss: Any
    discriminator_loss: Any


def forward(layers: Layers, x: Any) -> Any:
    for layer in layers[:-1]:
        x = relu(x @ layer["weight"] + layer["bias"])
    return x @ layers[-1]["weight"] + layers[-1]["bias"]


def discriminate(layers: Layers, x: Any) -> Any:
    return forward(layers, x)[:, 0]


def minimax(real: Any, fake: Any) -> Any:
    return softplus(-real).mean() + softplus(fake).mean()


LOSSES: dict[str, tuple[Callable[[Any, Any], Any], Callable[[Any], Any]]] = {
    "minimax": (minimax, lambda fake: -softplus(fake).mean()),
    "non_saturating": (minimax, lambda fake: softplus(-fake).mean()),
    "wasserstein": (lambda real, fake: fake.mean() - real.mean(), lambda fake: -fake.mean()),
}
"""The loss of the discriminator by real and fake logits, and that of the generator by fake logits."""

ZERO_SUM = {"minimax", "wasserstein"}


def squared_slopes(weights: Layers, curves: Any) -> Any:
    """The squared norm of the discriminator's gradient by each curve: (rows, points) -> (rows,)."""
    return (jax.grad(lambda x: discriminate(weights, x).sum())(curves) ** 2).sum(-1)


def r1(weights: Layers, batch: Batch, _fake: Any) -> Any:
    return R1_GAMMA / 2 * squared_slopes(weights, batch.real).mean()


def wgan_gp(weights: Layers, batch: Batch, fake: Any) -> Any:
    squares = squared_slopes(weights, fake + batch.mixing * (batch.real - fake))
    norms = jnp.where(squares > 0, jnp.sqrt(jnp.where(squares > 0, squares, 1.0)), 0.0)
    return WGAN_GP_GAMMA / 2 * ((norms - 1) ** 2).mean()


PENALTIES: dict[str, Callable[[Layers, Batch, Any], Any]] = {"r1": r1, "wgan_gp": wgan_gp}


def gradients(work: Work, generator: Layers, discriminator: Layers, batch: Batch) -> Gradients:
    """The gradients of both players at the same point of the game; XLA leaves out what is not used."""
    of_discriminator, of_generator = LOSSES[work.loss]
    fake, back_to_generator = jax.vjp(lambda weights: forward(weights, batch.noise), generator)
    real_logits, back_from_real = jax.vjp(lambda weights: discriminate(weights, batch.real), discriminator)
    fake_logits, back_from_fake = jax.vjp(discriminate, discriminator, fake)
    discriminator_loss, (by_real, by_fake) = jax.value_and_grad(of_discriminator, argnums=(0, 1))(
        real_logits, fake_logits
    )
    generator_loss, for_generator = jax.value_and_grad(of_generator)(fake_logits)
    (from_real,) = back_from_real(by_real)
    from_fake, uphill = back_from_fake(by_fake)
    downhill = -uphill if work.loss in ZERO_SUM else back_from_fake(for_generator)[1]
    (generator_gradient,) = back_to_generator(downhill)
    total = jax.tree.map(jnp.add, from_real, from_fake)
    if work.penalty:
        size, by_penalty = jax.value_and_grad(PENALTIES[work.penalty])(discriminator, batch, fake)
        total = jax.tree.map(jnp.add, total, by_penalty)
        discriminator_loss += size
    return Gradients(generator_gradient, total, generator_loss, discriminator_loss)


def adam(player: Player, gradient: Layers, lr: Any) -> Player:
    each = jax.tree.map
    t = player.t + 1
    mean = each(lambda m, g: BETA1 * m + (1 - BETA1) * g, player.mean, gradient)
    square = each(lambda v, g: BETA2 * v + (1 - BETA2) * g * g, player.square, gradient)
    size, correction = lr / (1 - BETA1**t), 1 / jnp.sqrt(1 - BETA2**t)
    weights = each(
        lambda w, m, v: w - size * m / (jnp.sqrt(v) * correction + EPS), player.weights, mean, square
    )
    return Player(weights, mean, square, t)


def step(work: Work, lr: Any, players: tuple[Player, Player], batch: Batch) -> tuple[Player, Player]:
    """One update of the generator, and the discriminator's updates.

    Both gradients on the first batch are taken before either update; the other batches see the updated
    generator.
    """
    generator, discriminator = players
    first = gradients(work, generator.weights, discriminator.weights, batch.part(0))
    generator = adam(generator, first.generator, lr)
    discriminator = adam(discriminator, first.discriminator, lr)
    for k in range(1, work.discriminator_steps):
        now = gradients(work, generator.weights, discriminator.weights, batch.part(k))
        discriminator = adam(discriminator, now.discriminator, lr)
    return generator, discriminator
