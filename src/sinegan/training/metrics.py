"""What is measured of a run at an evaluation, on fresh noise. Pure functions of tensors."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from sinegan.game.losses import value
from sinegan.game.optimisers import Tensors
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


class Distances(NamedTuple):
    """Euclidean distances over points between all pairs of two samples of n and m curves.

    between: (n, m), first: (n, n), second: (m, m).
    """

    between: Tensor
    first: Tensor
    second: Tensor


def all_distances(first: Tensor, second: Tensor) -> Distances:
    """first: (n, points); second: (m, points)."""
    return Distances(pairwise(first, second), pairwise(first, first), pairwise(second, second))


def pairwise(a: Tensor, b: Tensor) -> Tensor:
    return torch.sqrt(((a[:, None, :] - b[None, :, :]) ** 2).sum(-1))


def energy_distance(distances: Distances) -> Tensor:
    """2 E|X - Y| - E|X - X'| - E|Y - Y'|, Szekely & Rizzo 2013, equation 2.4, as a U-statistic.

    Unbiased, so it can be negative when the two agree; the same samples are never compared with
    themselves.
    """
    n, m = distances.between.shape
    within_first = distances.first.sum() / (n * (n - 1))
    within_second = distances.second.sum() / (m * (m - 1))
    return 2 * distances.between.mean() - within_first - within_second


def median_distance(within: Tensor) -> Tensor:
    """Of all pairs of different samples: the width of a kernel, after Gretton et al. 2012, section 8."""
    n = within.shape[0]
    rows, columns = torch.triu_indices(n, n, 1, device=within.device)
    return within[rows, columns].median()


def mmd(distances: Distances, width: Tensor) -> Tensor:
    """The squared maximum mean discrepancy of the kernel exp(-|x - y|^2 / (2 width^2)), as a U-statistic.

    Gretton et al. 2012, equation 3. Unbiased, so it can be negative when the two agree.
    """

    def kernel(distance: Tensor) -> Tensor:
        return torch.exp(-(distance**2) / (2 * width**2))

    n, m = distances.between.shape
    within_first = (kernel(distances.first).sum() - n) / (n * (n - 1))
    within_second = (kernel(distances.second).sum() - m) / (m * (m - 1))
    return within_first + within_second - 2 * kernel(distances.between).mean()


def captured(curves: Tensor, centers: Tensor, std: Tensor) -> tuple[Tensor, Tensor]:
    """How many modes have a sample within 3 standard deviations, and the share of samples that are.

    Lin et al. 2018 (PacGAN), section 4.1. curves: (samples, points); centers: (modes, points).
    """
    near = pairwise(curves, centers) <= 3 * std
    return near.any(0).to(curves.dtype).sum(), near.any(1).to(curves.dtype).mean()


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


class Fresh(NamedTuple):
    """What an evaluation is made on.

    noise: (samples, latent). real: (1, points) for a fixed target, (samples, points) for a family;
    again: as many once more. centers and std of the target's modes: (modes, points) and a scalar.
    directions: those of `projections`. draws: the random numbers of each penalty, (samples, numbers).
    """

    noise: Tensor
    real: Tensor
    again: Tensor
    centers: Tensor
    std: Tensor
    directions: Tensor
    draws: Sequence[Tensor] = ()


def distribution_metrics(fake: Tensor, fresh: Fresh) -> Tensors:
    """Generated against real curves, and real against other real ones: the floor, which 0 is not."""
    against = all_distances(fake, fresh.real)
    floor = Distances(pairwise(fresh.real, fresh.again), against.second, pairwise(fresh.again, fresh.again))
    width = median_distance(against.second)
    found = {
        "energy_distance": energy_distance(against),
        "energy_distance_floor": energy_distance(floor),
        "sliced_wasserstein": sliced_wasserstein(fake, fresh.real, fresh.directions),
        "sliced_wasserstein_floor": sliced_wasserstein(fresh.real, fresh.again, fresh.directions),
        "mmd": mmd(against, width),
        "mmd_floor": mmd(floor, width),
    }
    if len(fresh.centers):
        found["modes"], found["high_quality"] = captured(fake, fresh.centers, fresh.std)
        found["modes_real"], found["high_quality_real"] = captured(fresh.real, fresh.centers, fresh.std)
    return found


def measure(game: Game, generator: Tensors, discriminator: Tensors, fresh: Fresh) -> Tensors:
    """All metrics of one run, each a scalar."""
    fake = game.paint(generator, fresh.noise)
    real_logits, fake_logits = game.judge(discriminator, fresh.real), game.judge(discriminator, fake)
    found = gradients(game, generator, discriminator, fresh.noise, fresh.real, fresh.draws)
    fixed = fresh.real.shape[0] == 1
    distance = errors(fake, fresh.real) if fixed else distribution_metrics(fake, fresh)
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
