"""One step is one step of the game, against the same game written out with ordinary PyTorch."""

import copy
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import logsigmoid

from sinegan.game.losses import Loss, Minimax, MinimaxLiteral, NonSaturating
from sinegan.training.optimisers import SGD, Adam
from sinegan.training.step import Game, State, gradients, step

POINTS, LATENT, BATCH = 4, 3, 5


def players() -> tuple[nn.Module, nn.Module]:
    torch.manual_seed(1)
    generator = nn.Sequential(nn.Linear(LATENT, 6), nn.ReLU(), nn.Linear(6, POINTS)).double()
    discriminator = nn.Sequential(nn.Linear(POINTS, 6), nn.ReLU(), nn.Linear(6, 1), nn.Flatten(0)).double()
    return generator, discriminator


def started(game: Game) -> State:
    generator = {name: tensor.detach().clone() for name, tensor in game.generator.named_parameters()}
    discriminator = {name: tensor.detach().clone() for name, tensor in game.discriminator.named_parameters()}
    one = torch.ones((), dtype=torch.float64)
    return State(
        generator,
        discriminator,
        game.optim.remember(generator),
        game.optim.remember(discriminator),
        one,
        0 * one,
    )


def draws(steps: int, discriminator_steps: int) -> tuple[Tensor, Tensor]:
    torch.manual_seed(2)
    noise = torch.randn(steps, discriminator_steps, BATCH, LATENT, dtype=torch.float64)
    return noise, torch.randn(steps, discriminator_steps, BATCH, POINTS, dtype=torch.float64)


def generator_loss(loss: Loss, fake: Tensor) -> Tensor:
    """By hand: log(1 - D) for minimax, -log D for the non-saturating game."""
    if isinstance(loss, NonSaturating):
        return -logsigmoid(fake).mean()
    return logsigmoid(-fake).mean()


def written_out(game: Game, noise: Tensor, real: Tensor) -> tuple[nn.Module, nn.Module]:
    """The tutorial's loop: the generator first, the discriminator on the same fakes."""
    generator, discriminator = copy.deepcopy(game.generator), copy.deepcopy(game.discriminator)
    optimisers: list[Any] = [
        torch.optim.Adam(generator.parameters(), lr=game.optim.generator_lr),
        torch.optim.Adam(discriminator.parameters(), lr=game.optim.discriminator_lr),
    ]
    for z, x in zip(noise, real, strict=True):
        fake = generator(z[0])
        loss = generator_loss(game.loss, discriminator(fake))
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


def update(optimiser: Any, module: nn.Module, found: tuple[Tensor, ...]) -> None:
    for parameter, gradient in zip(module.parameters(), found, strict=True):
        parameter.grad = gradient
    optimiser.step()


@pytest.mark.parametrize("loss", [Minimax(), NonSaturating()])
@pytest.mark.parametrize("discriminator_steps", [1, 3])
def test_steps_are_those_of_the_game_written_out(loss: Loss, discriminator_steps: int) -> None:
    optim = Adam(lr=0.01, generator_lr=0.01, discriminator_lr=0.03)
    game = Game(*players(), loss, optim, discriminator_steps)
    noise, real = draws(6, discriminator_steps)
    state = started(game)
    for z, x in zip(noise, real, strict=True):
        state = step(game, state, z, x)
    for mine, expected in zip(
        (state.generator, state.discriminator), written_out(game, noise, real), strict=True
    ):
        for name, tensor in expected.named_parameters():
            torch.testing.assert_close(mine[name], tensor.detach(), rtol=1e-9, atol=1e-12)
    assert state.finite_steps.item() == 6


def test_one_row_has_the_gradients_of_64_equal_ones() -> None:
    game = Game(*players(), Minimax(), Adam())
    state, (noise, real) = started(game), draws(1, 1)
    row = real[0, 0, :1]
    one = gradients(game, state.generator, state.discriminator, noise[0, 0], row)
    many = gradients(game, state.generator, state.discriminator, noise[0, 0], row.expand(64, POINTS))
    torch.testing.assert_close(one, many, rtol=1e-12, atol=1e-14)


def test_the_players_pull_in_opposite_directions_on_the_fakes() -> None:
    game = Game(*players(), Minimax(), SGD(lr=0.1, generator_lr=0.1, discriminator_lr=0.1))
    state, (noise, real) = started(game), draws(1, 1)
    after = step(game, state, noise[0], real[0])

    def mean_logit(discriminator: dict[str, Tensor], curves: Tensor) -> float:
        return game.judge(discriminator, curves).mean().item()

    def lead(discriminator: dict[str, Tensor]) -> float:
        fake = game.paint(state.generator, noise[0, 0])
        return mean_logit(discriminator, real[0, 0]) - mean_logit(discriminator, fake)

    fakes = [game.paint(generator, noise[0, 0]) for generator in (state.generator, after.generator)]
    assert mean_logit(state.discriminator, fakes[1]) > mean_logit(state.discriminator, fakes[0])
    assert lead(after.discriminator) > lead(state.discriminator)


def test_steps_are_counted_up_to_the_first_loss_that_is_not_finite() -> None:
    game = Game(*players(), MinimaxLiteral(), SGD(lr=1e6, generator_lr=1e6, discriminator_lr=1e6))
    state, (noise, real) = started(game), draws(6, 1)
    counted = []
    for z, x in zip(noise, real, strict=True):
        state = step(game, state, z, x)
        counted.append((int(state.finite_steps), int(state.finite)))
    lost = counted[-1][0]
    assert 1 <= lost < 5
    assert counted == [(min(n, lost), int(n <= lost)) for n in range(1, 7)]


def test_a_run_that_was_lost_stays_lost_though_its_losses_are_finite_again() -> None:
    game = Game(*players(), Minimax(), Adam())
    noise, real = draws(1, 1)
    lost = started(game)._replace(finite=torch.zeros(()).double(), finite_steps=torch.tensor(7.0).double())
    after = step(game, lost, noise[0], real[0])
    assert (after.finite.item(), after.finite_steps.item()) == (0, 7)
