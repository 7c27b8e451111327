"""What is measured of a run at an evaluation, on fresh noise. Pure functions of tensors."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from sinegan.game.losses import value
from sinegan.training.optimisers import Tensors
from sinegan.training.step import Game, gradients

PROJECTIONS = 64


def errors(fake: Tensor, real: Tensor) -> Tensors:
    """How far generated curves lie from one real curve: RMSE^2 = bias^2 + spread^2.

    fake: (samples, points); real: (1, points).
    rmse: root of the mean over samples and points of (fake - real)^2.
    bias: root mean square over points of (mean over samples - real).
    spread: root of the mean over points of the variance over samples (divided by n).
    """
    center = fake.mean(0, keepdim=True)
    return {
        "rmse": torch.sqrt(((fake - real) ** 2).mean()),
        "bias": torch.sqrt(((center - real) ** 2).mean()),
        "spread": torch.sqrt(((fake - center) ** 2).mean()),
    }


def energy_distance(fake: Tensor, real: Tensor) -> Tensor:
    """2 E|X - Y| - E|X - X'| - E|Y - Y'|, Szekely & Rizzo 2013, equation 2.4, as a U-statistic.

    fake: (n, points); real: (m, points). Unbiased, so it can be negative when the two agree;
    the same samples are never compared with themselves. Euclidean norm over points.
    """
    n, m = fake.shape[0], real.shape[0]
    within_fake = _distances(fake, fake).sum() / (n * (n - 1))
    within_real = _distances(real, real).sum() / (m * (m - 1))
    return 2 * _distances(fake, real).mean() - within_fake - within_real


def _distances(a: Tensor, b: Tensor) -> Tensor:
    return torch.sqrt(((a[:, None, :] - b[None, :, :]) ** 2).sum(-1))


def projections(points: int, dtype: torch.dtype) -> Tensor:
    """A fixed set of directions, unit vectors, shape (points, PROJECTIONS)."""
    drawn = torch.randn(
        (points, PROJECTIONS), dtype=torch.float64, generator=torch.Generator().manual_seed(0)
    )
    unit: Tensor = drawn / drawn.norm(dim=0)
    return unit.to(dtype)


def sliced_wasserstein(fake: Tensor, real: Tensor, directions: Tensor) -> Tensor:
    """Root mean square over directions of the 2-Wasserstein distance of the projections.

    Bonneel et al. 2015, equation 7. fake, real: (samples, points), as many of each;
    directions: unit vectors, (points, number).
    """
    ordered_fake = (fake @ directions).sort(dim=0).values
    ordered_real = (real @ directions).sort(dim=0).values
    return torch.sqrt(((ordered_fake - ordered_real) ** 2).mean())


def norm(gradient: Tensors) -> Tensor:
    """Euclidean norm over all parameters of a player."""
    return torch.sqrt(torch.stack([(tensor**2).sum() for tensor in gradient.values()]).sum())


def measure(
    game: Game,
    generator: Tensors,
    discriminator: Tensors,
    noise: Tensor,
    real: Tensor,
    directions: Tensor,
    draws: Sequence[Tensor] = (),
) -> Tensors:
    """All metrics of one run, each a scalar.

    noise: (samples, latent); real: (1, points) for a fixed target, (samples, points) for a family;
    draws: the random numbers of each penalty, (samples, numbers).
    """
    fake = game.paint(generator, noise)
    real_logits, fake_logits = game.judge(discriminator, real), game.judge(discriminator, fake)
    found = gradients(game, generator, discriminator, noise, real, draws)
    if real.shape[0] == 1:
        distance = errors(fake, real)
    else:
        distance = {
            "energy_distance": energy_distance(fake, real),
            "sliced_wasserstein": sliced_wasserstein(fake, real, directions),
        }
    return distance | {
        "d_real": torch.sigmoid(real_logits).mean(),
        "d_fake": torch.sigmoid(fake_logits).mean(),
        "generator_loss": found.generator_loss,
        "discriminator_loss": found.discriminator_loss,
        "value": value(real_logits, fake_logits),
        "value_gap": value(real_logits, fake_logits) + math.log(4),
        "generator_gradient": norm(found.generator),
        "discriminator_gradient": norm(found.discriminator),
    }
