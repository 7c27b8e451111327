"""sinegan's engine alone: a stack that draws its noise as it trains, without metrics and files."""

from collections.abc import Callable
from typing import Any

import torch
from hydra import compose, initialize_config_dir
from omegaconf import DictConfig, OmegaConf

from benchmarks.peers.shared import EVALUATIONS, Training, rmse
from benchmarks.works import Work
from sinegan.app.conf_folder import conf_folder
from sinegan.config import Config, validate
from sinegan.game.tensors import Tensors
from sinegan.training import streams
from sinegan.training.loop import engine_settings
from sinegan.training.setup import Setup
from sinegan.training.signature import Run
from sinegan.training.stack import Stack
from sinegan.training.step import Game


def configuration(work: Work, *settings: str) -> Config:
    """The configuration of this work, compiled unless further settings say otherwise."""
    overrides = [*work.settings, "training.compile=always", *settings]
    with initialize_config_dir(str(conf_folder()), version_base="1.3"):
        composed = compose("config", overrides=overrides)
    assert isinstance(composed, DictConfig)
    values: Any = OmegaConf.to_container(composed, resolve=True)
    return validate({name: values[name] for name in values if name in Config.__dataclass_fields__})


def game_of(setup: Setup, seed: int) -> tuple[Game, Tensors, Tensors]:
    """The game of one run, and the initial weights of its generator and its discriminator."""
    builders = (setup.network.build_generator, setup.network.build_discriminator)
    generator, discriminator = (
        streams.initialise(seed, player, build, setup.target.points).to(getattr(torch, setup.training.dtype))
        for player, build in enumerate(builders)
    )
    weights, others = (
        {name: weight.detach() for name, weight in player.named_parameters()}
        for player in (generator, discriminator)
    )
    return Game(generator, discriminator, setup.rules), weights, others


def prepare(work: Work, learning_rates: list[float], steps: int, lanes: int) -> Training:
    """Prepares to train all runs in one stack; the engine chooses the lanes."""
    del lanes
    configs = {
        lr: configuration(work, f"optim.lr={lr}", f"training.steps={steps}") for lr in set(learning_rates)
    }
    stack = Stack([Run(configs[lr].setup, seed) for seed, lr in enumerate(learning_rates)])
    with engine_settings():
        stack.prepare()

    def train() -> Callable[[], Any]:
        with engine_settings():
            stack.advance(steps)
        return lambda: rmse(stack.generate(EVALUATIONS)[0])

    return train
