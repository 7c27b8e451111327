"""One step of one game, as a pure function that reads like the paper.

Written for a single GAN; `sinegan.training.stack` gives it the runs axis.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.func import functional_call, grad_and_value

from sinegan.game.averages import Average, Last
from sinegan.game.losses import Loss
from sinegan.game.optimisers import Memory, Optimiser, Tensors
from sinegan.game.penalties import Constraint, Disturbance, Energy, Penalty, Term, of_kind
from sinegan.game.schedules import Constant, Schedule

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
    penalties: tuple[Penalty, ...] = ()
    alternating: bool = False
    lr_schedule: Schedule = field(default_factory=Constant)
    average: Average = field(default_factory=Last)
    steps: float = 1
    """Of a whole run: what the schedule is stretched over."""

    def paint(self, weights: Tensors, noise: Tensor) -> Tensor:
        """Generated curves: noise (batch, latent) -> (batch, points)."""
        fakes: Tensor = functional_call(self.generator, weights, (noise,))
        return fakes

    def judge(self, weights: Tensors, curves: Tensor) -> Tensor:
        """Logits, positive for real: curves (batch, points) -> (batch,)."""
        logits: Tensor = functional_call(self.discriminator, weights, (curves,))
        return logits

    def shown(self, state: "State") -> Tensors:
        """The weights of the generator that is looked at."""
        return self.average.shown(state.average, state.generator)

    def confined(self, weights: Tensors) -> Tensors:
        """The discriminator's weights within all constraints."""
        for penalty in self.penalties:
            if isinstance(penalty, Constraint):
                weights = penalty.confined(weights)
        return weights


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
    average: Tensors
    """The averaged generator, if there is one."""
    clock: Tensors
    """What the schedule counts by, if it counts."""


def beginning(game: Game, generator: Tensors, discriminator: Tensors) -> State:
    """The state before the first step, with these weights."""
    one = torch.ones_like(next(iter(generator.values())).flatten()[0])
    return State(
        generator,
        discriminator,
        game.optim.remember(generator),
        game.optim.remember(discriminator),
        one,
        torch.zeros_like(one),
        game.average.start(generator),
        game.lr_schedule.remember(generator),
    )


class Gradients(NamedTuple):
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

    noise: (batch, latent). real: (rows, points), rows being 1 when all real curves are the same.
    draws: the random numbers of each penalty, (batch, numbers).
    """
    energies = of_kind(Energy, game.penalties, draws)

    def total(generator: Tensors, discriminator: Tensors) -> tuple[Tensor, Gradients]:
        found = penalised(game, generator, discriminator, noise, real, draws)
        parts = [penalty.energy(found.generator, found.discriminator) for penalty, _ in energies]
        return torch.stack(parts).sum(), found

    if not energies:
        return penalised(game, generator, discriminator, noise, real, draws)
    with_energy: Any = grad_and_value(total, argnums=(0, 1), has_aux=True)
    (to_generator, to_discriminator), (energy, found) = with_energy(generator, discriminator)
    return Gradients(
        _sum(found.generator, to_generator),
        _sum(found.discriminator, to_discriminator),
        found.generator_loss + energy,
        found.discriminator_loss + energy,
    )


def penalised(
    game: Game,
    generator: Tensors,
    discriminator: Tensors,
    noise: Tensor,
    real: Tensor,
    draws: Sequence[Tensor],
) -> Gradients:
    """The adversarial losses on what the discriminator is shown, with the terms that are its own."""

    def shown(weights: Tensors) -> Tensor:
        curves = game.paint(weights, noise)
        for penalty, draw in of_kind(Disturbance, game.penalties, draws):
            curves = penalty.shown_fake(curves, draw)
        return curves

    for penalty, draw in of_kind(Disturbance, game.penalties, draws):
        real = penalty.shown_real(real, draw)
    fake, back_to_generator = vjp(shown, generator)
    found = adversarial(game, discriminator, fake, back_to_generator, real)
    terms = of_kind(Term, game.penalties, draws)

    def cost(weights: Tensors) -> Tensor:
        judge = partial(game.judge, weights)
        return torch.stack([term.term(judge, real, fake, draw) for term, draw in terms]).sum()

    if not terms:
        return found
    from_terms, paid = grad_and_value(cost)(discriminator)
    return found._replace(
        discriminator=_sum(found.discriminator, from_terms),
        discriminator_loss=found.discriminator_loss + paid,
    )


def adversarial(
    game: Game, discriminator: Tensors, fake: Tensor, back_to_generator: Any, real: Tensor
) -> Gradients:
    """What both players play for, without penalties.

    One forward pass of the discriminator serves both, and of a zero-sum game one pass back, too.
    """
    real_logits, back_from_real = vjp(lambda weights: game.judge(weights, real), discriminator)
    fake_logits, back_from_fake = vjp(game.judge, discriminator, fake)

    (to_real, to_fake), discriminator_loss = grad_and_value(game.loss.discriminator, argnums=(0, 1))(
        real_logits, fake_logits
    )
    (from_real,) = back_from_real(to_real)
    from_fake, uphill = back_from_fake(to_fake)
    to_fake, generator_loss = grad_and_value(game.loss.generator, argnums=1)(real_logits, fake_logits)
    downhill = -uphill if game.loss.zero_sum else back_from_fake(to_fake)[1]
    (from_generator,) = back_to_generator(downhill)
    return Gradients(from_generator, _sum(from_real, from_fake), generator_loss, discriminator_loss)


def _sum(one: Tensors, other: Tensors) -> Tensors:
    return {name: one[name] + other[name] for name in one}


def step(game: Game, state: State, noise: Tensor, real: Tensor, draws: Sequence[Tensor] = ()) -> State:
    """One generator update, then the discriminator's on the same fakes.

    noise: (discriminator_steps, batch, latent); real: (discriminator_steps or 1, rows, points);
    draws: of each penalty (discriminator_steps, batch, numbers).
    Simultaneously played, both first gradients are taken before either update, as in the tutorial,
    where the fakes are drawn once. Alternating, the discriminator sees the updated generator. With
    more than one discriminator step, each further one sees fresh fakes of the updated generator.
    """

    def at(generator: Tensors, discriminator: Tensors, place: int) -> Gradients:
        now = [draw[place] for draw in draws]
        return gradients(game, generator, discriminator, noise[place], real[place % real.shape[0]], now)

    generator_lr = game.lr_schedule.rate(game.optim.generator_lr, state.clock, game.steps)
    discriminator_lr = game.lr_schedule.rate(game.optim.discriminator_lr, state.clock, game.steps)
    generator, generator_memory = state.generator, state.generator_memory
    discriminator, discriminator_memory = state.discriminator, state.discriminator_memory
    found = at(generator, discriminator, 0)
    if game.optim.extrapolates:
        ahead, generator_memory = game.optim.update(
            generator, found.generator, generator_memory, generator_lr
        )
        rival, discriminator_memory = game.optim.update(
            discriminator, found.discriminator, discriminator_memory, discriminator_lr
        )
        found = at(ahead, game.confined(rival), 0)
    generator, generator_memory = game.optim.update(
        generator, found.generator, generator_memory, generator_lr
    )
    for place in range(game.discriminator_steps):
        now = at(generator, discriminator, place) if place or game.alternating else found
        discriminator, discriminator_memory = game.optim.update(
            discriminator, now.discriminator, discriminator_memory, discriminator_lr
        )
        discriminator = game.confined(discriminator)
    finite = state.finite * torch.isfinite(found.generator_loss + found.discriminator_loss)
    return State(
        generator,
        discriminator,
        generator_memory,
        discriminator_memory,
        finite,
        state.finite_steps + finite,
        game.average.after(state.average, generator),
        game.lr_schedule.after(state.clock),
    )
