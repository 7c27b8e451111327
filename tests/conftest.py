"""What the tests share: small typed configurations."""

# ruff: noqa: E402
import dataclasses
from collections.abc import Callable
from typing import Any

import pytest

from sinegan.kernels import use_uniform_kernels

# As the command does, before the first operation of PyTorch.
assert use_uniform_kernels()

from sinegan.config import Config, Plot, Training
from sinegan.game.losses import Minimax
from sinegan.game.networks import Network
from sinegan.game.targets import Sine
from sinegan.training.optimisers import Adam

MakeConfig = Callable[..., Config]


@pytest.fixture
def make_config() -> MakeConfig:
    """A configuration that trains in no time; keywords replace its parts, `training=dict(…)` their fields."""

    def make(training: dict[str, Any] | None = None, **parts: Any) -> Config:
        default = Config(
            target=Sine(points=6),
            network=Network(latent=3, generator=(8,), discriminator=(8,)),
            loss=Minimax(),
            optim=Adam(lr=1e-3, generator_lr=1e-3, discriminator_lr=1e-3),
            training=Training(
                steps=12, batch_size=4, evaluate_every=5, evaluation_samples=8, compile="never"
            ),
            plot=Plot(),
            seeds=3,
        )
        return dataclasses.replace(
            default, training=dataclasses.replace(default.training, **training or {}), **parts
        )

    return make
