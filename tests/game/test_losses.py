"""Each loss is right to the sign, and every loss in conf/ keeps what the engine relies on."""

import math
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from torch import Tensor
from torch.func import grad, vmap

from sinegan.conf_folder import conf_folder
from sinegan.game.losses import Loss, Minimax, MinimaxLiteral, NonSaturating, value
from sinegan.schema import build

FILES = sorted((conf_folder() / "loss").glob("*.yaml"))


def logits(*numbers: float, dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.tensor(numbers, dtype=dtype)


def slope(loss: Loss, at: float) -> float:
    """The generator's gradient with respect to the logit of its one fake."""
    return float(grad(loss.generator, argnums=1)(logits(0.0), logits(at)))


def test_at_logit_1_the_generators_lose_what_was_worked_out_by_hand() -> None:
    # log(1 - sigmoid(1)) = -log(1 + e) and -log sigmoid(1) = log(1 + 1/e)
    assert Minimax().generator(logits(0.0), logits(1.0)).item() == pytest.approx(-1.3132617, abs=1e-6)
    assert NonSaturating().generator(logits(0.0), logits(1.0)).item() == pytest.approx(0.3132617, abs=1e-6)


@pytest.mark.parametrize("at", [-3.0, -0.5, 0.0, 1.0, 4.0])
def test_both_generators_push_logits_up_and_the_ratio_of_their_gradients_is_exp_of_the_logit(
    at: float,
) -> None:
    minimax, non_saturating = slope(Minimax(), at), slope(NonSaturating(), at)
    assert minimax == pytest.approx(-1 / (1 + math.exp(-at)))
    assert non_saturating == pytest.approx(-1 / (1 + math.exp(at)))
    assert minimax / non_saturating == pytest.approx(math.exp(at))


def test_the_discriminator_of_both_games_loses_minus_the_value() -> None:
    real, fake = logits(1.0, 2.0), logits(-1.0, 0.0, 3.0)
    by_hand = -(math.log(1 / (1 + math.exp(-1))) + math.log(1 / (1 + math.exp(-2)))) / 2
    by_hand -= sum(math.log(1 - 1 / (1 + math.exp(-x))) for x in (-1, 0, 3)) / 3
    for loss in (Minimax(), NonSaturating(), MinimaxLiteral()):
        assert loss.discriminator(real, fake).item() == pytest.approx(by_hand)
    assert value(real, fake).item() == pytest.approx(-by_hand)


def test_the_value_of_an_undecided_discriminator_is_minus_log_4() -> None:
    assert value(logits(0.0), logits(0.0)).item() == pytest.approx(-math.log(4))


def test_the_literal_formula_is_lost_from_logit_16_64_on_and_the_one_on_logits_is_not() -> None:
    def generator(loss: Loss, at: float) -> float:
        return loss.generator(logits(0.0, dtype=torch.float32), logits(at, dtype=torch.float32)).item()

    assert math.isfinite(generator(MinimaxLiteral(), 16.6))
    assert generator(MinimaxLiteral(), 16.7) == -math.inf
    assert generator(Minimax(), 16.7) == pytest.approx(-16.7, abs=1e-4)
    assert generator(Minimax(), 100.0) == -100.0


@pytest.mark.parametrize("kind", [Minimax, NonSaturating])
def test_losses_on_logits_are_finite_far_out_and_so_are_their_gradients(kind: type[Loss]) -> None:
    for real, fake in ((100.0, -100.0), (-100.0, 100.0), (100.0, 100.0)):
        ends = logits(real, dtype=torch.float32), logits(fake, dtype=torch.float32)
        for player in (kind().generator, kind().discriminator):
            assert torch.isfinite(player(*ends)).all()
            assert all(torch.isfinite(found).all() for found in grad(player, argnums=(0, 1))(*ends))
    # The discriminator pays what its logits are wrong by: 100 for the real curve, 100 for the fake.
    assert kind().discriminator(logits(-100.0), logits(100.0)).item() == pytest.approx(200)
    assert kind().discriminator(logits(100.0), logits(-100.0)).item() == pytest.approx(0, abs=1e-40)


def test_the_literal_formula_is_the_same_game_where_it_is_finite() -> None:
    real, fake = logits(-2.0, 3.0), logits(0.5, -4.0, 6.0)
    for player in ("generator", "discriminator"):
        literal, safe = (getattr(loss, player)(real, fake).item() for loss in (MinimaxLiteral(), Minimax()))
        assert literal == pytest.approx(safe, rel=1e-12)


@pytest.fixture(params=FILES, ids=lambda path: path.stem)
def loss(request: pytest.FixtureRequest) -> Loss:
    path: Path = request.param
    built, problems = build(Loss, yaml.safe_load(path.read_text()), "loss")
    assert problems == []
    assert isinstance(built, Loss)
    return built


def both(loss: Loss, real: Tensor, fake: Tensor) -> Tensor:
    return torch.stack([loss.generator(real, fake), loss.discriminator(real, fake)])


def test_every_loss_gives_two_finite_scalars(loss: Loss) -> None:
    for scale in (0.0, 1.0, 5.0):
        found = both(loss, scale * logits(-1.0, 1.0), scale * logits(0.5, -0.5, 1.0))
        assert found.shape == (2,)
        assert torch.isfinite(found).all()


def test_every_loss_has_the_gradients_of_central_differences(loss: Loss) -> None:
    both_logits, step = (logits(0.7, -1.2, 0.2), logits(0.4, 1.5, -2.0)), 1e-6
    for player in (loss.generator, loss.discriminator):
        exact = grad(player, argnums=(0, 1))(*both_logits)
        for whose, place in ((whose, place) for whose in (0, 1) for place in range(3)):
            above, below = [list(both_logits) for _ in range(2)]
            shift = torch.zeros(3, dtype=torch.float64)
            shift[place] = step
            above[whose], below[whose] = both_logits[whose] + shift, both_logits[whose] - shift
            slope = (player(*above) - player(*below)) / (2 * step)
            assert exact[whose][place].item() == pytest.approx(slope.item(), abs=1e-7)


def test_every_loss_takes_one_row_for_64_equal_ones(loss: Loss) -> None:
    fake = torch.linspace(-2, 2, 64, dtype=torch.float64)
    one, many = logits(0.8), torch.full((64,), 0.8, dtype=torch.float64)
    torch.testing.assert_close(both(loss, one, fake), both(loss, many, fake))
    for player in (loss.generator, loss.discriminator):
        torch.testing.assert_close(
            grad(player, argnums=1)(one, fake), grad(player, argnums=1)(many, fake), rtol=1e-12, atol=1e-15
        )
        torch.testing.assert_close(grad(player)(one, fake), grad(player)(many, fake).sum(0, keepdim=True))


def test_every_loss_can_be_stacked(loss: Loss) -> None:
    draw = torch.Generator().manual_seed(0)
    real = torch.randn(3, 1, dtype=torch.float64, generator=draw)
    fake = torch.randn(3, 5, dtype=torch.float64, generator=draw)
    stacked: Any = vmap(lambda a, b: both(loss, a, b))(real, fake)
    for lane in range(3):
        torch.testing.assert_close(stacked[lane], both(loss, real[lane], fake[lane]))
    assert not torch.equal(stacked[0], stacked[1])


def test_every_discriminator_gains_by_telling_real_from_fake(loss: Loss) -> None:
    blind = loss.discriminator(logits(0.0), logits(0.0))
    seeing = loss.discriminator(logits(0.5), logits(-0.5))
    assert seeing < blind
    assert loss.discriminator(logits(0.5), logits(0.0)) < blind
    assert loss.discriminator(logits(0.0), logits(-0.5)) < blind
    assert loss.generator(logits(0.0), logits(0.5)) < loss.generator(logits(0.0), logits(-0.5))
