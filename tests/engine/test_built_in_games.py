"""The step and the metrics of every game of conf/ become native programs.

Compiling a step takes seconds, so the kind of program is read off its operations. The operations of a game
are those of its parts. Consensus optimisation differentiates losses twice, gradient penalties differentiate
activations twice: so each of these is traced with them, and the other parts take turns.
"""

import itertools
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest
from conf_choices import choices
from hydra import compose
from hydra._internal.hydra import Hydra

from sinegan.app.composition import build_config
from sinegan.config import Config
from sinegan.engine import programs
from sinegan.engine.loops.building import UnsupportedError
from sinegan.engine.loops.lowering import Lowering
from sinegan.engine.native import lowered
from sinegan.engine.program_cache import CACHE_VARIABLE
from sinegan.game.networks import ACTIVATIONS
from sinegan.training.program import program
from sinegan.training.signature import Run
from sinegan.training.stack import Stack

Reason = Callable[..., str]


@pytest.fixture
def why_packaged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Reason]:
    """Why a configuration's step, or metrics, are packaged."""
    found: list[str] = []

    def compile_(*_: Any) -> Any:
        found.append("")
        raise programs.CannotCompileError

    def lowered_(*arguments: Any) -> Lowering:
        try:
            return lowered(*arguments)
        except UnsupportedError as error:
            found.append(str(error))
            raise programs.CannotCompileError from error

    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path))
    monkeypatch.setattr(programs, "lowered", lowered_)
    monkeypatch.setattr(programs, "compile_native", compile_)

    def reason(config: Config, part: str = "step") -> str:
        found.clear()
        program.cache_clear()
        stack = Stack([Run(config.setup, 0)])
        with pytest.raises(programs.CannotCompileError):
            stack.advance(1) if part == "step" else stack.measure()
        (reason,) = found
        return reason

    yield reason
    program.cache_clear()  # what it has could not be compiled


@pytest.fixture(autouse=True)
def _hydra_of_conf(open_hydra: Callable[..., AbstractContextManager[Hydra]]) -> Iterator[None]:
    with open_hydra():
        yield


def configuration(*overrides: str) -> Config:
    small = ["training.compile=always", "training.batch_size=2", "training.evaluation_samples=2"]
    return build_config(compose("config", [*small, *overrides]))[0]


ALL_PENALTIES = sorted(set(choices("penalty")) - {"none", "wgan_gp_zero"})
"""All but the second of the two that are of one class."""

CRITICS = {"weight_clipping", "wgan_gp"}
"""Penalties that make a critic, which the loss of probabilities cannot take."""

SIMULTANEOUS_ONLY = {"extragradient", "extra_adam"}


@pytest.mark.parametrize("updates", ["simultaneous", "alternating"])
def test_the_step_of_every_built_in_game_is_native(why_packaged: Reason, updates: str) -> None:
    optimisers = set(choices("optim")) - (SIMULTANEOUS_ONLY if updates == "alternating" else set())
    turns = {group: itertools.cycle(choices(group)) for group in ("lr_schedule", "average")}
    turns["optim"] = itertools.cycle(sorted(optimisers))
    penalties = itertools.cycle(ALL_PENALTIES)
    for loss in choices("loss"):
        game = [f"{group}={next(names)}" for group, names in turns.items()]
        penalty = next(each for each in penalties if loss != "minimax_literal" or each not in CRITICS)
        toy = ["network=dirac", "target=point_mass", f"training.updates={updates}"]
        config = configuration(f"loss={loss}", f"penalty=[{','.join({'consensus', penalty})}]", *game, *toy)
        assert why_packaged(config) == "", [loss, penalty, *game]


@pytest.mark.slow
def test_every_network_and_activation_is_native_with_every_penalty(why_packaged: Reason) -> None:
    for network in choices("network"):
        target = {"dirac": "point_mass", "affine": "gaussian"}.get(network, "sine")
        assert why_packaged(configuration(f"network={network}", f"target={target}")) == "", network
    for activation in ACTIVATIONS:
        penalties = f"penalty=[{','.join(ALL_PENALTIES)}]"
        config = configuration(f"network.activation={activation}", "network=tiny", penalties)
        assert why_packaged(config) == "", activation


@pytest.mark.parametrize("target", ["sine", "random_phase", "gaussian_ring"])
def test_metrics_of_curves_of_families_and_of_mixtures_are_native(why_packaged: Reason, target: str) -> None:
    config = configuration(f"target={target}", "network=tiny")
    assert why_packaged(config) == ""
    assert why_packaged(config, "metrics") == ""
