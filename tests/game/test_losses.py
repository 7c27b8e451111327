"""Each loss is correct to the sign, and every loss in conf/ has the properties that the engine needs."""

import math
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from torch import Tensor
from torch.func import grad, vmap

from sinegan.app.conf_folder import conf_folder
from sinegan.game.losses import (
    Hinge,
    JensenShannon,
    KullbackLeibler,
    LeastSquares,
    Loss,
    Minimax,
    MinimaxLiteral,
    NonSaturating,
    RelativisticAverage,
    RelativisticPaired,
    ReverseKullbackLeibler,
    SmoothedLabels,
    Wasserstein,
    bounded_exp,
    value,
)
from sinegan.schema import build

FILES = sorted((conf_folder() / "loss").glob("*.yaml"))


def logits(*numbers: float, dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.tensor(numbers, dtype=dtype)


def slope(loss: Loss, at: float) -> float:
    """The generator's gradient with respect to the logit of its one fake."""
    return float(grad(loss.generator, argnums=1)(logits(0.0), logits(at)))


def test_generator_losses_at_logit_1_are_those_worked_out_by_hand() -> None:
    # log(1 - sigmoid(1)) = -log(1 + e) and -log sigmoid(1) = log(1 + 1/e)
    assert Minimax().generator(logits(0.0), logits(1.0)).item() == pytest.approx(-1.3132617, abs=1e-6)
    assert NonSaturating().generator(logits(0.0), logits(1.0)).item() == pytest.approx(0.3132617, abs=1e-6)


@pytest.mark.parametrize("at", [-3.0, -0.5, 0.0, 1.0, 4.0])
def test_the_gradients_of_minimax_and_non_saturating_differ_by_exp_of_the_logit(
    at: float,
) -> None:
    minimax, non_saturating = slope(Minimax(), at), slope(NonSaturating(), at)
    assert minimax == pytest.approx(-1 / (1 + math.exp(-at)))
    assert non_saturating == pytest.approx(-1 / (1 + math.exp(at)))
    assert minimax / non_saturating == pytest.approx(math.exp(at))


def test_the_discriminator_loss_is_minus_the_value() -> None:
    real, fake = logits(1.0, 2.0), logits(-1.0, 0.0, 3.0)
    by_hand = -(math.log(1 / (1 + math.exp(-1))) + math.log(1 / (1 + math.exp(-2)))) / 2
    by_hand -= sum(math.log(1 - 1 / (1 + math.exp(-x))) for x in (-1, 0, 3)) / 3
    for loss in (Minimax(), NonSaturating(), MinimaxLiteral()):
        assert loss.discriminator(real, fake).item() == pytest.approx(by_hand)
    assert value(real, fake).item() == pytest.approx(-by_hand)


def test_the_value_of_an_undecided_discriminator_is_minus_log_4() -> None:
    assert value(logits(0.0), logits(0.0)).item() == pytest.approx(-math.log(4))


def test_the_literal_loss_is_infinite_beyond_logit_16_64_and_minimax_is_finite() -> None:
    def generator(loss: Loss, at: float) -> float:
        return loss.generator(logits(0.0, dtype=torch.float32), logits(at, dtype=torch.float32)).item()

    assert math.isfinite(generator(MinimaxLiteral(), 16.6))
    assert generator(MinimaxLiteral(), 16.7) == -math.inf
    assert generator(Minimax(), 16.7) == pytest.approx(-16.7, abs=1e-4)
    assert generator(Minimax(), 100.0) == -100.0


@pytest.mark.parametrize("kind", [Minimax, NonSaturating])
def test_the_discriminator_loss_of_wrong_logits_grows_with_their_size(kind: type[Loss]) -> None:
    # 100 for the real curve, 100 for the fake.
    assert kind().discriminator(logits(-100.0), logits(100.0)).item() == pytest.approx(200)
    assert kind().discriminator(logits(100.0), logits(-100.0)).item() == pytest.approx(0, abs=1e-40)


def test_the_literal_loss_equals_minimax_where_it_is_finite() -> None:
    real, fake = logits(-2.0, 3.0), logits(0.5, -4.0, 6.0)
    for player in ("generator", "discriminator"):
        literal, safe = (getattr(loss, player)(real, fake).item() for loss in (MinimaxLiteral(), Minimax()))
        assert literal == pytest.approx(safe, rel=1e-12)


def sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x))


def softplus(x: float) -> float:
    return math.log(1 + math.exp(x))


E = math.e
# On the real logits 1 and -2 and the fake logits 1/2 and -1: what the generator loses, its gradient with
# respect to the fake logits; what the discriminator loses, its gradients with respect to both.
BY_HAND: dict[type[Loss], tuple[float, tuple[float, float], float, tuple[float, float], tuple[float, float]]]
BY_HAND = {
    Wasserstein: (0.25, (-0.5, -0.5), -0.25 + 0.5, (-0.5, -0.5), (0.5, 0.5)),
    # Distances from the labels 1, 0 and 1: 0 and -3; 1/2 and -1; -1/2 and -2.
    LeastSquares: ((0.25 + 4) / 4, (-0.25, -1.0), (0 + 9) / 4 + (0.25 + 1) / 4, (0.0, -1.5), (0.25, -0.5)),
    # At real 1 and fake -1 the hinges are just closed.
    Hinge: (0.25, (-0.5, -0.5), (0 + 3) / 2 + (1.5 + 0) / 2, (0.0, -0.5), (0.5, 0.0)),
    # Real less fake: 1/2 and -1.
    RelativisticPaired: (
        (softplus(0.5) + softplus(-1)) / 2,
        (-sigmoid(0.5) / 2, -sigmoid(-1) / 2),
        (softplus(-0.5) + softplus(1)) / 2,
        (-sigmoid(-0.5) / 2, -sigmoid(1) / 2),
        (sigmoid(-0.5) / 2, sigmoid(1) / 2),
    ),
    # Means -1/2 and -1/4; real less -1/4: 5/4 and -7/4; fake less -1/2: 1 and -1/2. Each logit counts
    # by its own and by its mean's part.
    RelativisticAverage: (
        (softplus(-1) + softplus(0.5) + softplus(1.25) + softplus(-1.75)) / 2,
        (
            -sigmoid(-1) / 2 - (sigmoid(1.25) + sigmoid(-1.75)) / 4,
            -sigmoid(0.5) / 2 - (sigmoid(1.25) + sigmoid(-1.75)) / 4,
        ),
        (softplus(-1.25) + softplus(1.75) + softplus(1) + softplus(-0.5)) / 2,
        (
            -sigmoid(-1.25) / 2 - (sigmoid(1) + sigmoid(-0.5)) / 4,
            -sigmoid(1.75) / 2 - (sigmoid(1) + sigmoid(-0.5)) / 4,
        ),
        (
            sigmoid(1) / 2 + (sigmoid(-1.25) + sigmoid(1.75)) / 4,
            sigmoid(-0.5) / 2 + (sigmoid(-1.25) + sigmoid(1.75)) / 4,
        ),
    ),
    KullbackLeibler: (
        -(E**0.5 + 1 / E) / 2,
        (-(E**0.5) / 2, -1 / E / 2),
        (E**0.5 + 1 / E) / 2 + 0.5 - 1,
        (-0.5, -0.5),
        (E**0.5 / 2, 1 / E / 2),
    ),
    ReverseKullbackLeibler: (
        1.25,
        (-0.5, -0.5),
        (1 / E + E**2) / 2 - 0.25 - 1,
        (-1 / E / 2, -(E**2) / 2),
        (0.5, 0.5),
    ),
    JensenShannon: (
        math.log(2) - (softplus(0.5) + softplus(-1)) / 2,
        (-sigmoid(0.5) / 2, -sigmoid(-1) / 2),
        (softplus(-1) + softplus(2) + softplus(0.5) + softplus(-1)) / 2 - math.log(4),
        (-sigmoid(-1) / 2, -sigmoid(2) / 2),
        (sigmoid(0.5) / 2, sigmoid(-1) / 2),
    ),
    # Labels 0.9 and 0: of the real logits a tenth is paid for being taken as real.
    SmoothedLabels: (
        (softplus(-0.5) + softplus(1)) / 2,
        (-sigmoid(-0.5) / 2, -sigmoid(1) / 2),
        (softplus(-1) + 0.1 + softplus(2) - 0.2 + softplus(0.5) + softplus(-1)) / 2,
        ((sigmoid(1) - 0.9) / 2, (sigmoid(-2) - 0.9) / 2),
        (sigmoid(0.5) / 2, sigmoid(-1) / 2),
    ),
}


@pytest.mark.parametrize("kind", BY_HAND, ids=lambda kind: kind.__name__)
def test_values_and_gradients_are_those_worked_out_by_hand(kind: type[Loss]) -> None:
    loss, ends = kind(), (logits(1.0, -2.0), logits(0.5, -1.0))
    generator, to_fake, discriminator, from_real, from_fake = BY_HAND[kind]
    assert loss.generator(*ends).item() == pytest.approx(generator, abs=1e-12)
    assert loss.discriminator(*ends).item() == pytest.approx(discriminator, abs=1e-12)
    assert grad(loss.generator, argnums=1)(*ends).tolist() == pytest.approx(to_fake, abs=1e-12)
    gradients = grad(loss.discriminator, argnums=(0, 1))(*ends)
    assert gradients[0].tolist() == pytest.approx(from_real, abs=1e-12)
    assert gradients[1].tolist() == pytest.approx(from_fake, abs=1e-12)


def test_every_loss_in_conf_was_worked_out_by_hand() -> None:
    named = {yaml.safe_load(path.read_text())["_target_"].rpartition(".")[2] for path in FILES}
    above = {kind.__name__ for kind in (Minimax, NonSaturating, MinimaxLiteral)}
    assert named == above | {kind.__name__ for kind in BY_HAND}


@pytest.mark.parametrize(
    ("loss", "divergence"),
    [
        (KullbackLeibler(), lambda p, q: p * math.log(p / q)),
        (ReverseKullbackLeibler(), lambda p, q: q * math.log(q / p)),
        (JensenShannon(), lambda p, q: p * math.log(2 * p / (p + q)) + q * math.log(2 * q / (p + q))),
    ],
    ids=lambda value: type(value).__name__,
)
def test_the_value_of_an_f_gan_is_its_divergence_at_the_log_ratio_and_less_elsewhere(
    loss: Loss, divergence: Any
) -> None:
    # A coin with probabilities 1/2 and 1/2 against one with 1/4 and 3/4: four curves of each.
    ratio = [math.log(2), math.log(2 / 3)]
    real, fake = [0, 0, 1, 1], [0, 1, 1, 1]

    def worth(table: list[float]) -> float:
        ends = logits(*(table[i] for i in real)), logits(*(table[i] for i in fake))
        return -loss.discriminator(*ends).item()

    expected = divergence(0.5, 0.25) + divergence(0.5, 0.75)
    assert worth(ratio) == pytest.approx(expected)
    for shift in ([0.1, 0.0], [-0.1, 0.0], [0.0, 0.1], [0.0, -0.1]):
        assert worth([a + b for a, b in zip(ratio, shift, strict=True)]) < expected - 1e-4


def test_the_exponential_of_large_logits_continues_as_its_tangent() -> None:
    assert bounded_exp(logits(9.0, 10.0, 12.0)).tolist() == pytest.approx([E**9, E**10, 3 * E**10])
    assert grad(lambda at: bounded_exp(at).sum())(logits(9.0, 12.0)).tolist() == pytest.approx([E**9, E**10])


def test_the_optimum_of_label_smoothing_is_the_label() -> None:
    loss = SmoothedLabels(real_label=0.8, fake_label=0.3)
    best = logits(math.log(0.8 / 0.2)), logits(math.log(0.3 / 0.7))
    assert [gradient.item() for gradient in grad(loss.discriminator, argnums=(0, 1))(*best)] == pytest.approx(
        [0, 0], abs=1e-12
    )
    ends = logits(0.4, -3.0), logits(1.0, 2.0)
    plain = SmoothedLabels(real_label=1.0).discriminator(*ends)
    assert plain.item() == pytest.approx(NonSaturating().discriminator(*ends).item())


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
        losses = both(loss, scale * logits(-1.0, 1.0, 0.5), scale * logits(0.5, -0.5, 1.0))
        assert losses.shape == (2,)
        assert torch.isfinite(losses).all()


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


def test_a_loss_is_declared_zero_sum_exactly_where_it_is(loss: Loss) -> None:
    ends = logits(0.7, -1.2, 0.2), logits(0.4, 1.5, -2.0)
    generator, discriminator = (
        grad(player, argnums=1)(*ends) for player in (loss.generator, loss.discriminator)
    )
    assert loss.zero_sum == torch.equal(generator, -discriminator)


def test_a_subclass_of_a_zero_sum_loss_is_not_assumed_zero_sum() -> None:
    class Bolder(Minimax):
        def generator(self, real: Tensor, fake: Tensor) -> Tensor:
            return 2 * super().generator(real, fake)

    class Renamed(Minimax):
        pass

    assert not Bolder.zero_sum
    assert Renamed.zero_sum


def test_every_loss_treats_one_row_as_64_equal_rows(loss: Loss) -> None:
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


def test_every_loss_is_finite_far_out_and_so_are_its_gradients(loss: Loss) -> None:
    if isinstance(loss, MinimaxLiteral):
        pytest.skip("its formula is kept because it is lost there")
    for real, fake in ((100.0, -100.0), (-100.0, 100.0), (100.0, 100.0), (-100.0, -100.0)):
        ends = logits(real, dtype=torch.float32), logits(fake, dtype=torch.float32)
        for player in (loss.generator, loss.discriminator):
            assert torch.isfinite(player(*ends)).all()
            assert all(torch.isfinite(gradient).all() for gradient in grad(player, argnums=(0, 1))(*ends))


def test_every_discriminator_loss_falls_when_real_and_fake_are_separated(loss: Loss) -> None:
    # Around 1/4, because least squares has its labels at 0 and 1.
    blind = loss.discriminator(logits(0.25), logits(0.25))
    assert loss.discriminator(logits(0.5), logits(0.0)) < blind
    assert loss.discriminator(logits(0.5), logits(0.25)) < blind
    assert loss.discriminator(logits(0.25), logits(0.0)) < blind
    assert loss.generator(logits(0.25), logits(0.5)) < loss.generator(logits(0.25), logits(0.0))
