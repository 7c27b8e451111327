"""The original script, as it was written: a run after the other. Its pictures are left out."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import nn

from benchmarks.peers.shared import BATCH, EVALUATIONS, LATENT, POINTS, Training, rmse
from benchmarks.works import Work


def prepare(work: Work, learning_rates: list[float], steps: int, lanes: int) -> Training:
    """Prepares to train the runs one after the other, whatever `lanes` is."""
    del work, lanes
    x = np.vstack([np.linspace(0, 2 * np.pi, POINTS) for _ in range(BATCH)])

    def artist_works() -> Any:
        return torch.from_numpy(np.sin(x)).float()

    def one_run(lr: float) -> "np.ndarray[Any, Any]":
        generator = nn.Sequential(
            nn.Linear(LATENT, 64), nn.ReLU(), nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, POINTS)
        )
        discriminator = nn.Sequential(
            nn.Linear(POINTS, 64), nn.ReLU(), nn.Linear(64, 256), nn.ReLU(), nn.Linear(256, 1), nn.Sigmoid()
        )
        opt_d = torch.optim.Adam(discriminator.parameters(), lr=lr)
        opt_g = torch.optim.Adam(generator.parameters(), lr=lr)
        for _ in range(steps):
            artist_paintings = artist_works()
            ideas = torch.randn(BATCH, LATENT)
            paintings = generator(ideas)
            prob_artist1 = discriminator(paintings)
            g_loss = torch.mean(torch.log(1.0 - prob_artist1))
            opt_g.zero_grad()
            g_loss.backward()
            opt_g.step()
            prob_artist0 = discriminator(artist_paintings)
            prob_artist1 = discriminator(paintings.detach())
            d_loss = -torch.mean(torch.log(prob_artist0) + torch.log(1.0 - prob_artist1))
            opt_d.zero_grad()
            d_loss.backward(retain_graph=True)
            opt_d.step()
        with torch.no_grad():
            return generator(torch.randn(EVALUATIONS, LATENT)).numpy()

    def train() -> Callable[[], Any]:
        curves = [one_run(lr) for lr in learning_rates]
        return lambda: rmse(np.stack(curves))

    return train
