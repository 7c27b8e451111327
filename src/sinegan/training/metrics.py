"""The metrics of a run at an evaluation, as pure functions of tensors."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from sinegan.game.losses import value
from sinegan.game.tensors import Tensors
from sinegan.training.step import Game, gradients

PROJECTIONS = 64
"""Directions of the sliced Wasserstein distance."""


def errors(fake: Tensor, real: Tensor) -> Tensors:
    """Errors of generated curves (samples, points) against one real curve (1, points).

    rmse: root of the mean over samples and points of (fake - real)^2.
    bias: root mean square over points of (mean over samples - real).
    spread: root of the mean over points of the variance over samples (divided by n).

    rmse^2 = bias^2 + spread^2.
    """
    center = fake.mean(0, keepdim=True)
    return {
        "rmse": torch.sqrt(((fake - real) ** 2).mean()),
        "bias": torch.sqrt(((center - real) ** 2).mean()),
        "spread": torch.sqrt(((fake - center) ** 2).mean()),
    }


class Distances(NamedTuple):
    """Euclidean distances between all pairs of curves from two samples of n and m curves."""

    between: Tensor
    """(n, m)."""
    first: Tensor
    """(n, n)."""
    second: Tensor
    """(m, m)."""


def all_distances(first: Tensor, second: Tensor) -> Distances:
    """The distances between two samples (n, points) and (m, points), and within each."""
    return Distances(pairwise(first, second), pairwise(first, first), pairwise(second, second))


def pairwise(a: Tensor, b: Tensor) -> Tensor:
    """Euclidean distances over points: (n, points), (m, points) -> (n, m)."""
    return torch.sqrt(((a[:, None, :] - b[None, :, :]) ** 2).sum(-1))


def energy_distance(distances: Distances) -> Tensor:
    """2 E|X - Y| - E|X - X'| - E|Y - Y'|, Szekely & Rizzo 2013, equation 2.4, as a U-statistic.

    It is unbiased, so it can be negative when the two samples agree: no curve is compared with itself.
    """
    n, m = distances.between.shape
    within_first = distances.first.sum() / (n * (n - 1))
    within_second = distances.second.sum() / (m * (m - 1))
    return 2 * distances.between.mean() - within_first - within_second


def median_distance(within: Tensor) -> Tensor:
    """The median distance between different curves of one sample, from its distances (n, n).

    It serves as the width of a kernel, after Gretton et al. 2012, section 8.
    """
    n = within.shape[0]
    pairs = n * (n - 1) // 2
    # In ascending order, the n zeros of the diagonal come first, then each pair twice.
    return within.flatten().kthvalue(n + 2 * ((pairs - 1) // 2) + 1).values


def mmd(distances: Distances, width: Tensor) -> Tensor:
    """The squared maximum mean discrepancy of the kernel exp(-|x - y|^2 / (2 width^2)), as a U-statistic.

    Gretton et al. 2012, equation 3. It is unbiased, so it can be negative when the two samples agree.
    """

    def kernel(distance: Tensor) -> Tensor:
        return torch.exp(-(distance**2) / (2 * width**2))

    n, m = distances.between.shape
    within_first = (kernel(distances.first).sum() - n) / (n * (n - 1))
    within_second = (kernel(distances.second).sum() - m) / (m * (m - 1))
    return within_first + within_second - 2 * kernel(distances.between).mean()


def mode_coverage(curves: Tensor, centers: Tensor, std: Tensor) -> tuple[Tensor, Tensor]:
    """Modes that have a sample within 3 standard deviations, and the share of samples that are so near.

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

    Bonneel et al. 2015, equation 7. fake, real: (samples, points), the same number of each;
    directions: unit vectors, (points, directions).
    """
    ordered_fake = (fake @ directions).sort(dim=0).values
    ordered_real = (real @ directions).sort(dim=0).values
    return torch.sqrt(((ordered_fake - ordered_real) ** 2).mean())


def norm(gradient: Tensors) -> Tensor:
    """Euclidean norm over all parameters of a player."""
    return torch.sqrt(torch.stack([(tensor**2).sum() for tensor in gradient.values()]).sum())


class EvaluationBatch(NamedTuple):
    """The data of one evaluation, drawn for it alone."""

    noise: Tensor
    """(samples, latent)."""
    real: Tensor
    """(1, points) for a fixed target, (samples, points) for a family."""
    other_real: Tensor
    """Other real curves of the same shape."""
    centers: Tensor
    """The centers of the target's modes, (modes, points)."""
    std: Tensor
    """The standard deviation of each mode, a scalar."""
    directions: Tensor
    """The directions of `projections`, (points, directions)."""
    draws: Sequence[Tensor] = ()
    """The random numbers of each penalty, (samples, numbers)."""


def distribution_metrics(fake: Tensor, batch: EvaluationBatch) -> Tensors:
    """Distances between generated and real curves, each with its floor: real against other real curves."""
    against = all_distances(fake, batch.real)
    between = pairwise(batch.real, batch.other_real)
    floor = Distances(between, against.second, pairwise(batch.other_real, batch.other_real))
    width = median_distance(against.second)
    metrics = {
        "energy_distance": energy_distance(against),
        "energy_distance_floor": energy_distance(floor),
        "sliced_wasserstein": sliced_wasserstein(fake, batch.real, batch.directions),
        "sliced_wasserstein_floor": sliced_wasserstein(batch.real, batch.other_real, batch.directions),
        "mmd": mmd(against, width),
        "mmd_floor": mmd(floor, width),
    }
    if len(batch.centers):
        metrics["modes"], metrics["high_quality"] = mode_coverage(fake, batch.centers, batch.std)
        metrics["modes_real"], metrics["high_quality_real"] = mode_coverage(
            batch.real, batch.centers, batch.std
        )
    return metrics


def measure(game: Game, generator: Tensors, discriminator: Tensors, batch: EvaluationBatch) -> Tensors:
    """All metrics of one run, each a scalar.

    Arguments:
        game: the rules and the players.
        generator: the weights to evaluate.
        discriminator: the discriminator's weights.
        batch: the data to evaluate on.
    """
    fake = game.generate(generator, batch.noise)
    real_logits = game.discriminate(discriminator, batch.real)
    fake_logits = game.discriminate(discriminator, fake)
    players = gradients(game, generator, discriminator, batch.noise, batch.real, batch.draws)
    fixed = batch.real.shape[0] == 1
    distance = errors(fake, batch.real) if fixed else distribution_metrics(fake, batch)
    return distance | {
        "d_real": torch.sigmoid(real_logits).mean(),
        "d_fake": torch.sigmoid(fake_logits).mean(),
        "generator_loss": players.generator_loss,
        "discriminator_loss": players.discriminator_loss,
        "value": value(real_logits, fake_logits),
        "value_gap": value(real_logits, fake_logits) + math.log(4),
        "generator_gradient": norm(players.generator),
        "discriminator_gradient": norm(players.discriminator),
    }
