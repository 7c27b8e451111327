"""A clean eager PyTorch loop, a run after the other; the fakes are drawn and discriminated once a step.

As a program it trains one run, for Hydra's joblib launcher, which starts as many as there are cores:

    python -m benchmarks.peers.eager -m hydra/launcher=joblib seed=1,2,3,4 steps=1000
"""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import hydra
import numpy as np
import torch
from hydra.core.config_store import ConfigStore
from omegaconf import DictConfig
from torch.nn.functional import softplus

from benchmarks.peers.shared import BATCH, EVALUATIONS, LATENT, POINTS, Training, real_curve, rmse
from benchmarks.peers.torch_players import players
from benchmarks.works import ORIGINAL, Work

ConfigStore.instance().store("eager", {"seed": 1, "steps": 1000, "lr": 1e-4})


def prepare(work: Work, learning_rates: list[float], steps: int, lanes: int) -> Training:
    """Prepares to train the runs one after the other, whatever `lanes` is."""
    del work, lanes
    real = torch.from_numpy(real_curve()).expand(BATCH, POINTS)

    def one_run(lr: float) -> "np.ndarray[Any, Any]":
        generator, discriminator = players()
        weights = [list(generator.parameters()), list(discriminator.parameters())]
        optimisers = [torch.optim.Adam(each, lr=lr) for each in weights]
        for _ in range(steps):
            fake = generator(torch.randn(BATCH, LATENT))
            real_logits, fake_logits = discriminator(real), discriminator(fake)
            g_loss = -softplus(fake_logits).mean()
            d_loss = softplus(-real_logits).mean() - g_loss
            to_generator = torch.autograd.grad(g_loss, weights[0], retain_graph=True)
            to_discriminator = torch.autograd.grad(d_loss, weights[1])
            for gradients, parameters in zip((to_generator, to_discriminator), weights, strict=True):
                for gradient, parameter in zip(gradients, parameters, strict=True):
                    parameter.grad = gradient
            for optimiser in optimisers:
                optimiser.step()
        with torch.no_grad():
            curves: np.ndarray[Any, Any] = generator(torch.randn(EVALUATIONS, LATENT)).numpy()
        return curves

    def train() -> Callable[[], Any]:
        curves = [one_run(lr) for lr in learning_rates]
        return lambda: rmse(np.stack(curves))

    return train


@hydra.main(config_path=None, config_name="eager", version_base="1.3")
def main(config: DictConfig) -> None:
    """Trains a run and writes its start, its end and its RMSE into its folder."""
    torch.set_num_threads(1)
    torch.manual_seed(config.seed)
    train = prepare(ORIGINAL, [config.lr], config.steps, 1)
    began = time.monotonic()
    evaluate = train()
    done: dict[str, Any] = {"began": began, "ended": time.monotonic(), "rmse": evaluate().tolist()}
    folder = Path(hydra.core.hydra_config.HydraConfig.get().runtime.output_dir)
    (folder / "run.json").write_text(json.dumps(done))


if __name__ == "__main__":
    main()
