"""The original's two networks, the discriminator without its sigmoid, as plain PyTorch modules."""

from torch import nn

from benchmarks.peers.shared import LATENT, POINTS


def players() -> tuple[nn.Module, nn.Module]:
    generator = nn.Sequential(
        nn.Linear(LATENT, 64), nn.ReLU(), nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, POINTS)
    )
    discriminator = nn.Sequential(
        nn.Linear(POINTS, 64), nn.ReLU(), nn.Linear(64, 256), nn.ReLU(), nn.Linear(256, 1)
    )
    return generator, discriminator
