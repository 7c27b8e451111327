"""A step equals that of the same game written out in plain PyTorch."""

import copy
import dataclasses
import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import logsigmoid

from sinegan.game.averages import Exponential
from sinegan.game.losses import Loss, Minimax, MinimaxLiteral, NonSaturating, Wasserstein
from sinegan.game.optimisers import SGD, Adam, ExtraAdam, Extragradient, Optimiser
from sinegan.game.penalties import (
    R1,
    R2,
    ConsensusOptimisation,
    GradientPenalty,
    InstanceNoise,
    WeightClipping,
)
from sinegan.game.rules import Rules
from sinegan.game.schedules import Linear
from sinegan.training.step import Game, State, gradients, initial_state, step

POINTS, LATENT, BATCH = 4, 3, 5


def players() -> tuple[nn.Module, nn.Module]:
    torch.manual_seed(1)
    generator = nn.Sequential(nn.Linear(LATENT, 6), nn.ReLU(), nn.Linear(6, POINTS)).double()
    discriminator = nn.Sequential(nn.Linear(POINTS, 6), nn.ReLU(), nn.Linear(6, 1), nn.Flatten(0)).double()
    return generator, discriminator


def started(game: Game) -> State:
    generator = {name: tensor.detach().clone() for name, tensor in game.generator.named_parameters()}
    discriminator = {name: tensor.detach().clone() for name, tensor in game.discriminator.named_parameters()}
    return initial_state(game, generator, discriminator)


def draws(steps: int, discriminator_steps: int) -> tuple[Tensor, Tensor]:
    torch.manual_seed(2)
    noise = torch.randn(steps, discriminator_steps, BATCH, LATENT, dtype=torch.float64)
    return noise, torch.randn(steps, discriminator_steps, BATCH, POINTS, dtype=torch.float64)


def generator_loss(loss: Loss, fake: Tensor) -> Tensor:
    """The generator's loss by hand: log(1 - D) for minimax, -log D for the non-saturating game."""
    if isinstance(loss, NonSaturating):
        return -logsigmoid(fake).mean()
    return logsigmoid(-fake).mean()


def written_out(game: Game, noise: Tensor, real: Tensor) -> tuple[nn.Module, nn.Module]:
    """The tutorial's loop: the generator first, the discriminator on the same fakes."""
    generator, discriminator = copy.deepcopy(game.generator), copy.deepcopy(game.discriminator)
    optimisers: list[Any] = [
        torch.optim.Adam(generator.parameters(), lr=game.rules.optim.generator_lr),
        torch.optim.Adam(discriminator.parameters(), lr=game.rules.optim.discriminator_lr),
    ]
    for z, x in zip(noise, real, strict=True):
        fake = generator(z[0])
        loss = generator_loss(game.rules.loss, discriminator(fake))
        from_generator = torch.autograd.grad(loss, list(generator.parameters()), retain_graph=True)
        for extra in range(len(z)):
            if extra:
                fake = generator(z[extra])
            value = (
                logsigmoid(discriminator(x[extra])).mean() + logsigmoid(-discriminator(fake.detach())).mean()
            )
            from_discriminator = torch.autograd.grad(-value, list(discriminator.parameters()))
            if not extra:
                update(optimisers[0], generator, from_generator)
            update(optimisers[1], discriminator, from_discriminator)
    return generator, discriminator


def update(optimiser: Any, module: nn.Module, gradients_of_module: tuple[Tensor, ...]) -> None:
    for parameter, gradient in zip(module.parameters(), gradients_of_module, strict=True):
        parameter.grad = gradient
    optimiser.step()


@pytest.mark.parametrize("loss", [Minimax(), NonSaturating()])
@pytest.mark.parametrize("discriminator_steps", [1, 3])
def test_steps_equal_those_of_the_game_written_out(loss: Loss, discriminator_steps: int) -> None:
    optim = Adam(lr=0.01, generator_lr=0.01, discriminator_lr=0.03)
    game = Game(*players(), Rules(loss=loss, optim=optim, discriminator_steps=discriminator_steps))
    noise, real = draws(6, discriminator_steps)
    state = started(game)
    for z, x in zip(noise, real, strict=True):
        state = step(game, state, z, x)
    for weights, expected in zip(
        (state.generator, state.discriminator), written_out(game, noise, real), strict=True
    ):
        for name, tensor in expected.named_parameters():
            torch.testing.assert_close(weights[name], tensor.detach(), rtol=1e-9, atol=1e-12)
    assert state.finite_steps.item() == 6


def test_one_row_has_the_gradients_of_64_equal_rows() -> None:
    game = Game(*players(), Rules(loss=Minimax(), optim=Adam()))
    state, (noise, real) = started(game), draws(1, 1)
    row = real[0, 0, :1]
    one = gradients(game, state.generator, state.discriminator, noise[0, 0], row)
    many = gradients(game, state.generator, state.discriminator, noise[0, 0], row.expand(64, POINTS))
    torch.testing.assert_close(one, many, rtol=1e-12, atol=1e-14)


def test_the_players_have_opposite_gradients_on_the_fakes() -> None:
    game = Game(*players(), Rules(loss=Minimax(), optim=SGD(lr=0.1, generator_lr=0.1, discriminator_lr=0.1)))
    state, (noise, real) = started(game), draws(1, 1)
    after = step(game, state, noise[0], real[0])

    def mean_logit(discriminator: dict[str, Tensor], curves: Tensor) -> float:
        return game.discriminate(discriminator, curves).mean().item()

    def lead(discriminator: dict[str, Tensor]) -> float:
        fake = game.generate(state.generator, noise[0, 0])
        return mean_logit(discriminator, real[0, 0]) - mean_logit(discriminator, fake)

    fakes = [game.generate(generator, noise[0, 0]) for generator in (state.generator, after.generator)]
    assert mean_logit(state.discriminator, fakes[1]) > mean_logit(state.discriminator, fakes[0])
    assert lead(after.discriminator) > lead(state.discriminator)


def test_finite_steps_are_counted_up_to_the_first_loss_that_is_not_finite() -> None:
    game = Game(
        *players(), Rules(loss=MinimaxLiteral(), optim=SGD(lr=1e6, generator_lr=1e6, discriminator_lr=1e6))
    )
    state, (noise, real) = started(game), draws(6, 1)
    counted = []
    for z, x in zip(noise, real, strict=True):
        state = step(game, state, z, x)
        counted.append((int(state.finite_steps), int(state.finite)))
    lost = counted[-1][0]
    assert 1 <= lost < 5
    assert counted == [(min(n, lost), int(n <= lost)) for n in range(1, 7)]


def test_a_diverged_run_stays_diverged_when_its_losses_are_finite_again() -> None:
    game = Game(*players(), Rules(loss=Minimax(), optim=Adam()))
    noise, real = draws(1, 1)
    lost = started(game)._replace(finite=torch.zeros(()).double(), finite_steps=torch.tensor(7.0).double())
    after = step(game, lost, noise[0], real[0])
    assert (after.finite.item(), after.finite_steps.item()) == (0, 7)


def test_gradients_with_penalties_equal_those_of_plain_autograd() -> None:
    penalties = (R1(gamma=0.7), R2(gamma=0.3), GradientPenalty(gamma=3.0), InstanceNoise(std=0.4))
    game = Game(*players(), Rules(loss=NonSaturating(), optim=Adam(), penalties=penalties))
    state, (noise, real) = started(game), draws(1, 1)
    rng = np.random.default_rng(0)
    chance = [torch.from_numpy(penalty.draw((BATCH,), POINTS, rng)) for penalty in penalties]
    penalised = gradients(game, state.generator, state.discriminator, noise[0, 0], real[0, 0], chance)

    shown = real[0, 0] + 0.4 * chance[3][:, :POINTS]
    fake = game.generator(noise[0, 0]) + 0.4 * chance[3][:, POINTS:]
    generator_loss = -logsigmoid(game.discriminator(fake)).mean()

    def squares(curves: Tensor) -> Tensor:
        curves = curves.detach().requires_grad_()
        (slope,) = torch.autograd.grad(game.discriminator(curves).sum(), curves, create_graph=True)
        return (slope**2).sum(-1)

    between = chance[2] * shown + (1 - chance[2]) * fake
    value = logsigmoid(game.discriminator(shown)).mean() + logsigmoid(-game.discriminator(fake)).mean()
    cost = 0.35 * squares(shown).mean() + 0.15 * squares(fake).mean()
    cost = cost + 1.5 * ((squares(between).sqrt() - 1) ** 2).mean()
    torch.testing.assert_close(penalised.generator_loss, generator_loss.detach())
    torch.testing.assert_close(penalised.discriminator_loss, (cost - value).detach())
    for gradient, loss, module in (
        (penalised.generator, generator_loss, game.generator),
        (penalised.discriminator, cost - value, game.discriminator),
    ):
        expected = torch.autograd.grad(loss, list(module.parameters()), retain_graph=True)
        for (name, _), tensor in zip(module.named_parameters(), expected, strict=True):
            torch.testing.assert_close(gradient[name], tensor, rtol=1e-9, atol=1e-12)


def test_consensus_adds_the_gradient_of_half_the_squared_field_to_both_players() -> None:
    game = Game(
        *players(),
        Rules(loss=Minimax(), optim=Adam(), penalties=(ConsensusOptimisation(gamma=0.5), R1(gamma=0.2))),
    )
    state, (noise, real) = started(game), draws(1, 1)
    nothing = [torch.zeros(BATCH, 0).double()] * 2
    penalised = gradients(game, state.generator, state.discriminator, noise[0, 0], real[0, 0], nothing)
    rules = game.rules
    plain = dataclasses.replace(game, rules=dataclasses.replace(rules, penalties=rules.penalties[1:]))

    def field(generator: dict[str, Tensor], discriminator: dict[str, Tensor]) -> Tensor:
        parts = gradients(plain, generator, discriminator, noise[0, 0], real[0, 0], nothing[1:])
        both = [*parts.generator.values(), *parts.discriminator.values()]
        return torch.cat([part.flatten() for part in both])

    alone = gradients(plain, state.generator, state.discriminator, noise[0, 0], real[0, 0], nothing[1:])
    energy = 0.25 * (field(state.generator, state.discriminator) ** 2).sum()
    torch.testing.assert_close(penalised.generator_loss, alone.generator_loss + energy)
    torch.testing.assert_close(penalised.discriminator_loss, alone.discriminator_loss + energy)
    for player, gradient in (("generator", penalised.generator), ("discriminator", penalised.discriminator)):
        for name, tensor in getattr(state, player).items():
            # Along one weight, by central differences of |v|^2 / 2.
            shift, place = torch.zeros_like(tensor), (0,) * tensor.dim()
            shift[place] = 1e-5
            ends = []
            for sign in (1, -1):
                moved = state._replace(**{player: {**getattr(state, player), name: tensor + sign * shift}})
                ends.append((field(moved.generator, moved.discriminator) ** 2).sum() / 2)
            slope = (ends[0] - ends[1]) / 2e-5
            added = gradient[name][place] - getattr(alone, player)[name][place]
            assert added.item() == pytest.approx(0.5 * slope.item(), abs=1e-7)


def test_constraints_hold_after_each_update_and_leave_the_generator_alone() -> None:
    optim = SGD(lr=1.0, generator_lr=1.0, discriminator_lr=1.0)
    game = Game(*players(), Rules(loss=Minimax(), optim=optim, penalties=(WeightClipping(limit=0.05),)))
    free = dataclasses.replace(game, rules=dataclasses.replace(game.rules, penalties=()))
    noise, real = draws(1, 1)
    nothing = [torch.zeros(1, BATCH, 0).double()]
    clipped = step(game, started(game), noise[0], real[0], nothing)
    expected = step(free, started(game), noise[0], real[0])
    for name, tensor in expected.discriminator.items():
        torch.testing.assert_close(clipped.discriminator[name], tensor.clamp(-0.05, 0.05))
    for name, tensor in expected.generator.items():
        torch.testing.assert_close(clipped.generator[name], tensor)


class Point(nn.Module):
    """One weight: the generator puts its curve there, the discriminator multiplies by it."""

    def __init__(self, generates: bool) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(1, dtype=torch.float64))
        self.generates = generates

    def forward(self, x: Tensor) -> Tensor:
        return self.weight.expand(x.shape[0], 1) if self.generates else self.weight * x[:, 0]


def dirac(optim: Optimiser, steps: int, **rules: Any) -> list[tuple[float, float]]:
    """The path of (theta, psi) from (1, 1) in the bilinear game psi * theta, the real point being 0."""
    game = Game(Point(True), Point(False), Rules(loss=Wasserstein(), optim=optim, steps=steps, **rules))
    state = started(game)
    path = []
    for _ in range(steps):
        shape = (game.rules.discriminator_steps, 1, 1)
        state = step(game, state, torch.zeros(shape).double(), torch.zeros(shape).double())
        path.append((state.generator["weight"].item(), state.discriminator["weight"].item()))
    return path


def test_simultaneous_and_alternating_updates_are_those_worked_out_by_hand() -> None:
    # The generator minimises -psi theta and the critic psi theta: theta + h psi, psi - h theta.
    sgd = SGD(lr=0.5, generator_lr=0.5, discriminator_lr=0.5)
    assert dirac(sgd, 2) == [(1.5, 0.5), (1.75, -0.25)]
    assert dirac(sgd, 1, alternating=True) == [(1.5, 0.25)]
    assert dirac(sgd, 1, discriminator_steps=2) == [(1.5, 0.5 - 0.75)]
    assert dirac(sgd, 1, discriminator_steps=2, alternating=True) == [(1.5, 1 - 0.75 - 0.75)]


def test_extragradient_uses_the_gradients_one_step_ahead_and_converges() -> None:
    extra = Extragradient(lr=0.5, generator_lr=0.5, discriminator_lr=0.5)
    # Ahead lies (1.5, 0.5), so from (1, 1): theta + h * 0.5, psi - h * 1.5.
    assert dirac(extra, 1) == [(1.25, 0.25)]
    assert math.hypot(*dirac(extra, 60)[-1]) < 1e-2
    assert math.hypot(*dirac(SGD(lr=0.5, generator_lr=0.5, discriminator_lr=0.5), 60)[-1]) > 10
    adam = ExtraAdam(lr=0.1, generator_lr=0.1, discriminator_lr=0.1)
    # Adam's first steps are the rate against the sign: ahead (1.1, 0.9), whose gradients are -0.9 and 1.1.
    # Then the moments hold two gradients, m = (0.09 * -1 + 0.1 * -0.9) / (1 - 0.81) = -0.18 / 0.19.
    mean, square = 0.18 / 0.19, (0.000999 + 0.001 * 0.81) / (1 - 0.999**2)
    assert dirac(adam, 1)[0][0] == pytest.approx(1 + 0.1 * mean / math.sqrt(square), rel=1e-6)


def test_a_player_with_learning_rate_0_stays_frozen() -> None:
    path = dirac(SGD(lr=0.5, generator_lr=0.0, discriminator_lr=0.5), 3)
    assert path == [(1.0, 0.5), (1.0, 0.0), (1.0, -0.5)]


def test_the_schedule_scales_both_learning_rates_at_every_step() -> None:
    sgd = SGD(lr=0.5, generator_lr=0.5, discriminator_lr=0.25)
    (first, second) = dirac(sgd, 2, lr_schedule=Linear(final=0.5))
    assert first == (1.5, 0.75)
    # Half-way the factor is 0.75.
    assert second == (1.5 + 0.375 * 0.75, 0.75 - 0.1875 * 1.5)


def test_the_average_follows_the_generator_from_its_first_weights() -> None:
    optim = SGD(lr=0.5, generator_lr=0.5, discriminator_lr=0.5)
    rules = Rules(loss=Wasserstein(), optim=optim, average=Exponential(decay=0.75))
    game = Game(Point(True), Point(False), rules)
    state = started(game)
    nothing = torch.zeros(1, 1, 1).double()
    for average in (0.75 * 1 + 0.25 * 1.5, 0.75 * 1.125 + 0.25 * 1.75):
        state = step(game, state, nothing, nothing)
        assert state.average["weight"].item() == average
        assert game.evaluated_weights(state) is state.average
