"""`torch.func.vmap` over plain modules, not compiled: all runs in one process."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.func import functional_call, grad, stack_module_state, vmap
from torch.nn.functional import softplus

from benchmarks.peers.shared import BATCH, EVALUATIONS, LATENT, POINTS, Training, real_curve, rmse
from benchmarks.peers.torch_players import players
from benchmarks.works import Work

Weights = dict[str, Tensor]


def prepare(work: Work, learning_rates: list[float], steps: int, lanes: int) -> Training:
    """Prepares to train all runs at once, whatever `lanes` is."""
    del work, lanes
    real = torch.from_numpy(real_curve()).expand(BATCH, POINTS)
    shapes = players()
    runs = len(learning_rates)
    rates = torch.tensor(learning_rates)

    def gradients_of_both(
        generator: Weights, discriminator: Weights, noise: Tensor
    ) -> tuple[Weights, Weights]:
        def fakes(weights: Weights) -> Tensor:
            return functional_call(shapes[0], weights, (noise,))

        def g_loss(weights: Weights) -> Tensor:
            return -softplus(functional_call(shapes[1], discriminator, (fakes(weights),))).mean()

        def d_loss(weights: Weights, fake: Tensor) -> Tensor:
            on_real, on_fake = (functional_call(shapes[1], weights, (each,)) for each in (real, fake))
            return softplus(-on_real).mean() + softplus(on_fake).mean()

        return grad(g_loss)(generator), grad(d_loss)(discriminator, fakes(generator))

    def adam(weights: Weights, gradients: Weights, mean: Weights, square: Weights, t: int) -> Weights:
        after: Weights = {}
        for name, gradient in gradients.items():
            lr = rates.reshape(-1, *[1] * (gradient.dim() - 1))
            mean[name] = 0.9 * mean[name] + 0.1 * gradient
            square[name] = 0.999 * square[name] + 0.001 * gradient * gradient
            scale = torch.sqrt(square[name] / (1 - 0.999**t)) + 1e-8
            after[name] = weights[name] - lr * mean[name] / (1 - 0.9**t) / scale
        return after

    both: Any = vmap(gradients_of_both)

    def train() -> Callable[[], Any]:
        stacked = [stack_module_state([players()[side] for _ in range(runs)])[0] for side in (0, 1)]
        weights: list[Weights] = [{n: w.detach() for n, w in each.items()} for each in stacked]
        moments = [[{n: torch.zeros_like(w) for n, w in each.items()} for _ in range(2)] for each in weights]
        with torch.no_grad():
            for t in range(1, steps + 1):
                both_gradients = both(*weights, torch.randn(runs, BATCH, LATENT))
                weights = [
                    adam(w, g, *m, t) for w, g, m in zip(weights, both_gradients, moments, strict=True)
                ]
            noise = torch.randn(EVALUATIONS, LATENT)
            generate: Any = vmap(lambda generator: functional_call(shapes[0], generator, (noise,)))
            curves = generate(weights[0]).numpy()
        return lambda: rmse(curves)

    return train
