"""`torch.func.vmap` over plain modules, not compiled: all runs in one process."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call, grad, stack_module_state, vmap
from torch.nn.functional import softplus

from benchmarks.peers.work import BATCH, EVALUATIONS, LATENT, POINTS, Training, real_curve, rmse

Weights = dict[str, Tensor]


def players() -> tuple[nn.Module, nn.Module]:
    generator = nn.Sequential(
        nn.Linear(LATENT, 64), nn.ReLU(), nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, POINTS)
    )
    discriminator = nn.Sequential(
        nn.Linear(POINTS, 64), nn.ReLU(), nn.Linear(64, 256), nn.ReLU(), nn.Linear(256, 1)
    )
    return generator, discriminator


def prepare(learning_rates: list[float], steps: int, lanes: int) -> Training:
    """lanes: all of them at once."""
    del lanes
    real = torch.from_numpy(real_curve()).expand(BATCH, POINTS)
    shapes = players()
    runs = len(learning_rates)
    rates = torch.tensor(learning_rates)

    def gradients(generator: Weights, discriminator: Weights, noise: Tensor) -> tuple[Weights, Weights]:
        def fakes(weights: Weights) -> Tensor:
            return functional_call(shapes[0], weights, (noise,))

        def g_loss(weights: Weights) -> Tensor:
            return -softplus(functional_call(shapes[1], discriminator, (fakes(weights),))).mean()

        def d_loss(weights: Weights, fake: Tensor) -> Tensor:
            on_real, on_fake = (functional_call(shapes[1], weights, (each,)) for each in (real, fake))
            return softplus(-on_real).mean() + softplus(on_fake).mean()

        return grad(g_loss)(generator), grad(d_loss)(discriminator, fakes(generator))

    def adam(weights: Weights, found: Weights, mean: Weights, square: Weights, t: int) -> Weights:
        after: Weights = {}
        for name, gradient in found.items():
            lr = rates.reshape(-1, *[1] * (gradient.dim() - 1))
            mean[name] = 0.9 * mean[name] + 0.1 * gradient
            square[name] = 0.999 * square[name] + 0.001 * gradient * gradient
            scale = torch.sqrt(square[name] / (1 - 0.999**t)) + 1e-8
            after[name] = weights[name] - lr * mean[name] / (1 - 0.9**t) / scale
        return after

    both: Any = vmap(gradients)

    def train() -> Callable[[], Any]:
        stacked = [stack_module_state([players()[side] for _ in range(runs)])[0] for side in (0, 1)]
        weights: list[Weights] = [{n: w.detach() for n, w in each.items()} for each in stacked]
        memories = [[{n: torch.zeros_like(w) for n, w in each.items()} for _ in range(2)] for each in weights]
        with torch.no_grad():
            for t in range(1, steps + 1):
                found = both(*weights, torch.randn(runs, BATCH, LATENT))
                weights = [adam(w, g, *m, t) for w, g, m in zip(weights, found, memories, strict=True)]
            noise = torch.randn(EVALUATIONS, LATENT)
            painted: Any = vmap(lambda generator: functional_call(shapes[0], generator, (noise,)))
            curves = painted(weights[0]).numpy()
        return lambda: rmse(curves)

    return train
