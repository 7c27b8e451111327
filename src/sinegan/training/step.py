"""One step of one game, as a pure function that reads like the paper.

Written for a single GAN; `sinegan.training.stack` gives it the runs axis.
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.func import functional_call, grad_and_value

from sinegan.game.losses import Loss
from sinegan.training.optimisers import Memory, Optimiser, Tensors

# PyTorch types vjp as if it always returned an auxiliary value as well.
vjp: Any = torch.func.vjp


@dataclass(frozen=True)
class Game:
    """The rules: the players' shapes (modules without weights of their own) and what they play for."""

    generator: nn.Module
    discriminator: nn.Module
    loss: Loss
    optim: Optimiser
    discriminator_steps: int = 1

    def paint(self, weights: Tensors, noise: Tensor) -> Tensor:
        """Generated curves: noise (batch, latent) -> (batch, points)."""
        fakes: Tensor = functional_call(self.generator, weights, (noise,))
        return fakes

    def judge(self, weights: Tensors, curves: Tensor) -> Tensor:
        """Logits, positive for real: curves (batch, points) -> (batch,)."""
        logits: Tensor = functional_call(self.discriminator, weights, (curves,))
        return logits


class State(NamedTuple):
    """All that a step changes."""

    generator: Tensors
    discriminator: Tensors
    generator_memory: Memory
    discriminator_memory: Memory
    finite: Tensor
    """1 as long as the losses of every step were finite, 0 from the first on that were not."""
    finite_steps: Tensor
    """How many steps from the first on had finite losses."""


class Gradients(NamedTuple):
    generator: Tensors
    discriminator: Tensors
    generator_loss: Tensor
    discriminator_loss: Tensor


def gradients(
    game: Game, generator: Tensors, discriminator: Tensors, noise: Tensor, real: Tensor
) -> Gradients:
    """Both players' losses and their gradients at the same point of the game.

    noise: (batch, latent). real: (rows, points), rows being 1 when all real curves are the same.
    One forward pass of the discriminator serves both: each player pulls its own loss back.
    """
    fake, back_to_generator = vjp(lambda weights: game.paint(weights, noise), generator)
    real_logits, back_from_real = vjp(lambda weights: game.judge(weights, real), discriminator)
    fake_logits, back_from_fake = vjp(game.judge, discriminator, fake)

    to_fake, generator_loss = grad_and_value(game.loss.generator, argnums=1)(real_logits, fake_logits)
    _, fake_direction = back_from_fake(to_fake)
    (generator_gradient,) = back_to_generator(fake_direction)

    (to_real, to_fake), discriminator_loss = grad_and_value(game.loss.discriminator, argnums=(0, 1))(
        real_logits, fake_logits
    )
    (from_real,) = back_from_real(to_real)
    from_fake, _ = back_from_fake(to_fake)
    discriminator_gradient = {name: from_real[name] + from_fake[name] for name in from_real}
    return Gradients(generator_gradient, discriminator_gradient, generator_loss, discriminator_loss)


def step(game: Game, state: State, noise: Tensor, real: Tensor) -> State:
    """One generator update, then the discriminator's on the same fakes.

    noise: (discriminator_steps, batch, latent); real: (discriminator_steps or 1, rows, points).
    With more than one discriminator step, each further one sees fresh fakes of the updated
    generator. (Both first gradients are taken before either update, as in the tutorial, where the
    fakes are drawn once; so the game is played simultaneously.)
    """
    found = gradients(game, state.generator, state.discriminator, noise[0], real[0])
    generator, generator_memory = game.optim.update(
        state.generator, found.generator, state.generator_memory, game.optim.generator_lr
    )
    discriminator, discriminator_memory = game.optim.update(
        state.discriminator, found.discriminator, state.discriminator_memory, game.optim.discriminator_lr
    )
    for extra in range(1, game.discriminator_steps):
        again = gradients(game, generator, discriminator, noise[extra], real[extra % real.shape[0]])
        discriminator, discriminator_memory = game.optim.update(
            discriminator, again.discriminator, discriminator_memory, game.optim.discriminator_lr
        )
    finite = state.finite * torch.isfinite(found.generator_loss + found.discriminator_loss)
    return State(
        generator,
        discriminator,
        generator_memory,
        discriminator_memory,
        finite,
        state.finite_steps + finite,
    )
