"""sinegan's engine alone: a stack that draws its noise as it trains, without metrics and files."""

from collections.abc import Callable
from typing import Any

from hydra import compose, initialize_config_dir
from omegaconf import DictConfig, OmegaConf

from benchmarks.peers.work import EVALUATIONS, Training, rmse
from sinegan.app.conf_folder import conf_folder
from sinegan.config import Config, validate
from sinegan.training.loop import engine_settings
from sinegan.training.signature import Run
from sinegan.training.stack import Stack


def original(lr: float, steps: int) -> Config:
    """The configuration of experiment=original with this learning rate and number of steps."""
    settings = ["experiment=original", "training.compile=always", f"optim.lr={lr}", f"training.steps={steps}"]
    with initialize_config_dir(str(conf_folder()), version_base="1.3"):
        composed = compose("config", overrides=settings)
    assert isinstance(composed, DictConfig)
    values: Any = OmegaConf.to_container(composed, resolve=True)
    return validate({name: values[name] for name in values if name in Config.__dataclass_fields__})


def prepare(learning_rates: list[float], steps: int, lanes: int) -> Training:
    """Prepares to train all runs in one stack; the engine chooses the lanes."""
    del lanes
    configs = {lr: original(lr, steps) for lr in set(learning_rates)}
    stack = Stack([Run(configs[lr].setup, seed) for seed, lr in enumerate(learning_rates)])
    with engine_settings():
        stack.prepare()

    def train() -> Callable[[], Any]:
        with engine_settings():
            stack.advance(steps)
        return lambda: rmse(stack.generate(EVALUATIONS)[0])

    return train
