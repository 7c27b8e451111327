"""A new loss, target, optimiser or penalty takes one class and one YAML file, and no other edit."""

import csv
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from sinegan.config import validate
from sinegan.training.loop import engine_settings
from sinegan.training.signature import Run, signature
from sinegan.training.stack import Stack

CLASSES = '''
from dataclasses import dataclass

import numpy as np
import torch

from sinegan.game.losses import Loss
from sinegan.game.optimisers import Optimiser
from sinegan.game.penalties import Term
from sinegan.game.targets import Curve
from sinegan.schema import bounded


@dataclass(frozen=True, kw_only=True)
class Exponential(Loss):
    """Both players minimise exponentials of the logits."""

    sharpness: float = bounded(1.0, above=0)

    def generator(self, real, fake):
        return torch.exp(-self.sharpness * fake).mean()

    def discriminator(self, real, fake):
        return torch.exp(-self.sharpness * real).mean() + torch.exp(self.sharpness * fake).mean()


@dataclass(frozen=True, kw_only=True)
class Parabola(Curve):
    curvature: float = 0.1

    def curve(self, x):
        return self.curvature * x**2


@dataclass(frozen=True, kw_only=True)
class Adagrad(Optimiser):
    """Duchi et al. 2011. Its state begins with a setting."""

    accumulated: float = bounded(0.1, above=0)

    def init(self, parameters):
        return {"squares": {name: torch.zeros_like(w) + self.accumulated for name, w in parameters.items()}}

    def update(self, parameters, gradients, state, lr):
        squares = {name: state["squares"][name] + g**2 for name, g in gradients.items()}
        roots = {name: torch.sqrt(square) for name, square in squares.items()}
        updated = {name: parameters[name] - lr * g / roots[name] for name, g in gradients.items()}
        return updated, {"squares": squares}


@dataclass(frozen=True, kw_only=True)
class Blurred(Term):
    """Punishes slopes near real curves. Its random numbers are scaled by a setting as they are drawn."""

    gamma: float = bounded(1.0, above=0)
    width: float = bounded(0.1, above=0)

    def draw(self, shape, points, rng):
        return rng.normal(0, self.width, (*shape, points))

    def term(self, discriminate, real, fake, draw):
        return self.gamma * (discriminate(real + draw) - discriminate(real)).pow(2).mean()
'''
FILES = {
    "loss/exponential.yaml": "_target_: my_game.Exponential\nsharpness: 1.0\n",
    "target/parabola.yaml": "_target_: my_game.Parabola\npoints: 8\ncurvature: 0.1\n",
    "optim/adagrad.yaml": "_target_: my_game.Adagrad\nlr: 0.01\naccumulated: 0.1\n",
    "penalty/blurred.yaml": "blurred:\n  _target_: my_game.Blurred\n  gamma: 1.0\n  width: 0.1\n",
}
QUICK = ["network=tiny", "seeds=2", "training=quick", "training.steps=20", "training.evaluate_every=10"]


@pytest.fixture(autouse=True)
def _my_game(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "my_game.py").write_text(CLASSES)
    for name, text in FILES.items():
        (tmp_path / "conf" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "conf" / name).write_text(text)
    monkeypatch.syspath_prepend(tmp_path)


def test_new_components_are_swept_like_the_built_in_ones(
    inside: Callable[..., CompletedProcess[str]], tmp_path: Path
) -> None:
    words = ["loss=exponential,minimax", "target=parabola", "optim=adagrad", "penalty=blurred"]
    words += ["hydra.sweep.dir=swept", "executor=serial"]
    done = inside("--config-dir=conf", "-m", *words, *QUICK)
    assert (done.returncode, done.stderr) == (0, "")
    with (tmp_path / "swept/report/configurations.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert sorted((row["loss"], row["n"], row["failed"]) for row in rows) == [
        ("exponential", "2", "0"),
        ("minimax", "2", "0"),
    ]


def test_a_wrong_setting_of_a_new_component_is_refused_by_name(
    inside: Callable[..., CompletedProcess[str]],
) -> None:
    done = inside("--config-dir=conf", "optim=adagrad", "optim.accumulated=0", *QUICK)
    assert done.returncode == 1
    assert "optim.accumulated = 0: must be a number above 0" in done.stdout + done.stderr


def test_runs_with_other_floats_of_new_components_share_a_stack_and_keep_their_own() -> None:
    def run(sharpness: float, accumulated: float, width: float) -> Run:
        settings = {
            "loss": {"_target_": "my_game.Exponential", "sharpness": sharpness},
            "target": {"_target_": "my_game.Parabola", "points": 8},
            "optim": {"_target_": "my_game.Adagrad", "lr": 0.01, "accumulated": accumulated},
            "penalty": {"blurred": {"_target_": "my_game.Blurred", "width": width}},
            "network": {"_target_": "sinegan.game.networks.Network", "generator": [8], "discriminator": [8]},
            "training": {"steps": 5, "batch_size": 4, "evaluation_samples": 4, "compile": "never"},
            "plot": {},
        }
        return Run(validate(settings).setup, 3)

    def trained(*runs: Run) -> Stack:
        stack = Stack(runs)
        with engine_settings():
            stack.advance(5)
        return stack

    runs = [run(1.0, 0.1, 0.1), run(2.0, 0.1, 0.1), run(1.0, 0.5, 0.1), run(1.0, 0.1, 0.4)]
    assert len({signature(each.setup) for each in runs}) == 1
    together = trained(*runs)
    distances = [together.measure()["rmse"][lane] for lane in range(4)]
    assert len(set(distances)) == 4
    for lane, each in enumerate(runs):
        assert trained(each).measure()["rmse"][0] == distances[lane]
