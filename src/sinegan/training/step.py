"""One step of one game, as a pure function that reads like the paper.

It is written for a single GAN. `sinegan.training.stack` gives it the axis `runs`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.func import functional_call, grad_and_value

from sinegan.game.optimisers import OptimiserState
from sinegan.game.penalties import Constraint, Disturbance, Energy, Term, of_kind
from sinegan.game.rules import Rules
from sinegan.game.tensors import Tensors

# PyTorch types vjp as if it always returned an auxiliary value as well.
vjp: Any = torch.func.vjp


@dataclass(frozen=True)
class Game:
    """The two players, as modules without weights of their own, and the rules."""

    generator: nn.Module
    discriminator: nn.Module
    rules: Rules

    def generate(self, weights: Tensors, noise: Tensor) -> Tensor:
        """Generated curves G(z): noise (batch, latent) -> (batch, points)."""
        fake: Tensor = functional_call(self.generator, weights, (noise,))
        return fake

    def discriminate(self, weights: Tensors, curves: Tensor) -> Tensor:
        """Logits of D, positive for real: curves (batch, points) -> (batch,)."""
        logits: Tensor = functional_call(self.discriminator, weights, (curves,))
        return logits

    def evaluated_weights(self, state: "State") -> Tensors:
        """The weights of the generator that metrics and pictures are taken of."""
        return self.rules.average.evaluated_weights(state.average, state.generator)

    def project(self, weights: Tensors) -> Tensors:
        """The discriminator's weights after all constraints."""
        for penalty in self.rules.penalties:
            if isinstance(penalty, Constraint):
                weights = penalty.project(weights)
        return weights


class State(NamedTuple):
    """All that a step changes. Checkpoints hold these fields by their names."""

    generator: Tensors
    discriminator: Tensors
    generator_memory: OptimiserState
    discriminator_memory: OptimiserState
    finite: Tensor
    """1 while every loss so far has been finite, else 0."""
    finite_steps: Tensor
    """The number of steps before the first loss that was not finite."""
    average: Tensors
    """The state of the average of the generator."""
    clock: Tensors
    """The clock of the learning-rate schedule."""


def initial_state(game: Game, generator: Tensors, discriminator: Tensors) -> State:
    """The state before the first step, with these weights."""
    rules = game.rules
    one = torch.ones_like(next(iter(generator.values())).flatten()[0])
    return State(
        generator,
        discriminator,
        rules.optim.init(generator),
        rules.optim.init(discriminator),
        one,
        torch.zeros_like(one),
        rules.average.init(generator),
        rules.lr_schedule.init(generator),
    )


class Gradients(NamedTuple):
    """The gradients of both players' losses by their own weights, and the two losses, scalars."""

    generator: Tensors
    discriminator: Tensors
    generator_loss: Tensor
    discriminator_loss: Tensor


def gradients(
    game: Game,
    generator: Tensors,
    discriminator: Tensors,
    noise: Tensor,
    real: Tensor,
    draws: Sequence[Tensor] = (),
) -> Gradients:
    """Both players' losses with all penalties, and their gradients at the same point of the game.

    Arguments:
        game: the rules and the players.
        generator: the generator's weights.
        discriminator: the discriminator's weights.
        noise: (batch, latent).
        real: (rows, points), where rows is batch, or 1 when all real curves are the same.
        draws: the random numbers of each penalty, (batch, numbers).
    """
    energies = of_kind(Energy, game.rules.penalties, draws)
    if not energies:
        return without_energies(game, generator, discriminator, noise, real, draws)

    def energy(generator: Tensors, discriminator: Tensors) -> tuple[Tensor, Gradients]:
        players = without_energies(game, generator, discriminator, noise, real, draws)
        terms = [penalty.energy(players.generator, players.discriminator) for penalty, _ in energies]
        return torch.stack(terms).sum(), players

    energy_gradients: Any = grad_and_value(energy, argnums=(0, 1), has_aux=True)
    (for_generator, for_discriminator), (total, players) = energy_gradients(generator, discriminator)
    return Gradients(
        _sum(players.generator, for_generator),
        _sum(players.discriminator, for_discriminator),
        players.generator_loss + total,
        players.discriminator_loss + total,
    )


def without_energies(
    game: Game,
    generator: Tensors,
    discriminator: Tensors,
    noise: Tensor,
    real: Tensor,
    draws: Sequence[Tensor],
) -> Gradients:
    """The same without the penalties of kind `Energy`: adversarial losses, disturbances and terms."""
    penalties = game.rules.penalties

    def disturbed_fake(weights: Tensors) -> Tensor:
        fake = game.generate(weights, noise)
        for penalty, draw in of_kind(Disturbance, penalties, draws):
            fake = penalty.disturb_fake(fake, draw)
        return fake

    for penalty, draw in of_kind(Disturbance, penalties, draws):
        real = penalty.disturb_real(real, draw)
    fake, back_to_generator = vjp(disturbed_fake, generator)
    players = adversarial(game, discriminator, fake, back_to_generator, real)
    terms = of_kind(Term, penalties, draws)
    if not terms:
        return players

    def penalty_of(weights: Tensors) -> Tensor:
        discriminate = partial(game.discriminate, weights)
        return torch.stack([term.term(discriminate, real, fake, draw) for term, draw in terms]).sum()

    penalty_gradient, total = grad_and_value(penalty_of)(discriminator)
    return players._replace(
        discriminator=_sum(players.discriminator, penalty_gradient),
        discriminator_loss=players.discriminator_loss + total,
    )


def adversarial(
    game: Game, discriminator: Tensors, fake: Tensor, back_to_generator: Any, real: Tensor
) -> Gradients:
    """The two losses without any penalty, and their gradients.

    One forward pass of the discriminator serves both players. In a zero-sum game one backward pass does,
    too.

    Arguments:
        game: the rules and the players.
        discriminator: the discriminator's weights.
        fake: generated curves, (batch, points).
        back_to_generator: maps a gradient by `fake` to the gradient by the generator's weights.
        real: (rows, points), where rows is batch, or 1 when all real curves are the same.
    """
    loss = game.rules.loss
    real_logits, back_from_real = vjp(lambda weights: game.discriminate(weights, real), discriminator)
    fake_logits, back_from_fake = vjp(game.discriminate, discriminator, fake)

    (by_real, by_fake), discriminator_loss = grad_and_value(loss.discriminator, argnums=(0, 1))(
        real_logits, fake_logits
    )
    (from_real,) = back_from_real(by_real)
    from_fake, uphill = back_from_fake(by_fake)
    by_fake, generator_loss = grad_and_value(loss.generator, argnums=1)(real_logits, fake_logits)
    downhill = -uphill if loss.zero_sum else back_from_fake(by_fake)[1]
    (generator_gradient,) = back_to_generator(downhill)
    return Gradients(generator_gradient, _sum(from_real, from_fake), generator_loss, discriminator_loss)


def _sum(one: Tensors, other: Tensors) -> Tensors:
    return {name: one[name] + other[name] for name in one}


def step(game: Game, state: State, noise: Tensor, real: Tensor, draws: Sequence[Tensor] = ()) -> State:
    """One generator update, then the discriminator's updates on the same fakes.

    With simultaneous updates, the gradients of both players are taken before either update, as in the
    tutorial, which draws the fakes once. With alternating updates, the discriminator sees the updated
    generator. Each discriminator step after the first sees new fakes of the updated generator.

    Arguments:
        game: the rules and the players.
        state: the state before the step.
        noise: (discriminator_steps, batch, latent).
        real: (discriminator_steps or 1, rows, points), where rows is batch, or 1 when all real curves are
            the same.
        draws: the random numbers of each penalty, (discriminator_steps, batch, numbers).
    """
    rules, optim = game.rules, game.rules.optim

    def gradients_at(generator: Tensors, discriminator: Tensors, k: int) -> Gradients:
        """The gradients on the k-th batch of this step."""
        batch = noise[k], real[k % real.shape[0]], [draw[k] for draw in draws]
        return gradients(game, generator, discriminator, *batch)

    generator_lr = rules.lr_schedule.rate(optim.generator_lr, state.clock, rules.steps)
    discriminator_lr = rules.lr_schedule.rate(optim.discriminator_lr, state.clock, rules.steps)
    generator, generator_memory = state.generator, state.generator_memory
    discriminator, discriminator_memory = state.discriminator, state.discriminator_memory

    first = gradients_at(generator, discriminator, 0)
    if optim.extrapolates:
        ahead_generator, generator_memory = optim.update(
            generator, first.generator, generator_memory, generator_lr
        )
        ahead_discriminator, discriminator_memory = optim.update(
            discriminator, first.discriminator, discriminator_memory, discriminator_lr
        )
        first = gradients_at(ahead_generator, game.project(ahead_discriminator), 0)

    generator, generator_memory = optim.update(generator, first.generator, generator_memory, generator_lr)
    for k in range(rules.discriminator_steps):
        now = gradients_at(generator, discriminator, k) if k or rules.alternating else first
        discriminator, discriminator_memory = optim.update(
            discriminator, now.discriminator, discriminator_memory, discriminator_lr
        )
        discriminator = game.project(discriminator)

    finite = state.finite * torch.isfinite(first.generator_loss + first.discriminator_loss)
    return State(
        generator,
        discriminator,
        generator_memory,
        discriminator_memory,
        finite,
        state.finite_steps + finite,
        rules.average.update(state.average, generator),
        rules.lr_schedule.update(state.clock),
    )
