"""Configurations: their schema, and `validate`, which finds every problem at once."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import numpy as np
import torch

from sinegan.designs import Design, Fixed, Sequential
from sinegan.engine.cpp_compiler import why_no_compiler
from sinegan.game.averages import Average, Last
from sinegan.game.losses import Loss
from sinegan.game.networks import Players
from sinegan.game.optimisers import Optimiser
from sinegan.game.partition import components
from sinegan.game.penalties import Constraint, Penalty
from sinegan.game.rules import Rules
from sinegan.game.schedules import Constant, Schedule
from sinegan.game.targets import Target
from sinegan.printable import printable
from sinegan.schema import allowed_values, bounded, build, float_fields, sorted_names
from sinegan.storage.settings import SEED_LIMIT
from sinegan.training.setup import Setup, Training

MOST_STEPS_SINGLE = 2**24
"""The largest number up to which float32 counts: one more rounds to the same number."""

SINGLE = np.finfo(np.float32)


@dataclass(frozen=True, kw_only=True)
class Plot:
    """The picture of the first run while it learns."""

    live: bool = False
    text: bool = False
    animation: bool = False
    every: int = bounded(50, at_least=1, at_most=10**12)
    """Steps from one frame to the next."""


@dataclass(frozen=True, kw_only=True)
class Config:
    """One configuration: `seeds` runs, with the seeds `seed`, `seed + 1`, …"""

    target: Target
    network: Players
    loss: Loss
    optim: Optimiser
    training: Training
    plot: Plot
    penalty: tuple[Penalty, ...] = ()
    lr_schedule: Schedule = field(default_factory=Constant)
    average: Average = field(default_factory=Last)
    seed: int = bounded(0, at_least=0, at_most=SEED_LIMIT - 1)
    seeds: int = bounded(8, at_least=1, at_most=10**9)
    margin: float = bounded(0.1, above=0, below=1)
    """The share by which two configurations may differ and still be equal, for the report."""
    decide: Design = field(default_factory=Fixed)
    """The design of the sweep; with a sequential one, `seeds` are those that were given so far."""

    @property
    def all_seeds(self) -> range:
        return range(self.seed, self.seed + self.seeds)

    @property
    def most_seeds(self) -> int:
        """The number of seeds that the configuration can be given."""
        return self.decide.most if isinstance(self.decide, Sequential) else self.seeds

    @property
    def rules(self) -> Rules:
        """The rules of the game."""
        return Rules(
            loss=self.loss,
            optim=self.optim,
            lr_schedule=self.lr_schedule,
            average=self.average,
            penalties=self.penalty,
            alternating=self.training.updates == "alternating",
            discriminator_steps=self.training.discriminator_steps,
            steps=float(self.training.steps),
        )

    @property
    def setup(self) -> Setup:
        """The part that training needs."""
        return Setup(
            target=self.target,
            network=self.network,
            rules=self.rules,
            training=self.training,
            picture_every=self.plot.every if self.pictured else None,
        )

    @property
    def primary_metric(self) -> str:
        """The metric that configurations are compared by; less is better."""
        return "energy_distance" if self.target.family else "rmse"

    @property
    def pictured(self) -> bool:
        """Whether pictures of the training are wanted."""
        return self.plot.live or self.plot.animation


class InvalidConfigError(ValueError):
    """All problems of a configuration, a line each."""

    def __init__(self, problems: list[str]) -> None:
        self.problems = [printable(line) for line in problems]
        super().__init__("\n".join(self.problems))


def validate(values: Mapping[str, Any], choices: Mapping[str, str] = MappingProxyType({})) -> Config:
    """Builds a configuration from a resolved mapping.

    Arguments:
        values: nested plain values, as composed from the YAML files.
        choices: the choice made for each group, such as `loss: minimax`, by which messages name it. A
            group without one is named by its class.

    Raises:
        InvalidConfigError: with all problems: unknown keys, wrong types and values out of range, or, where
            there are none, values that contradict one another.
    """
    config, problems = build(Config, values)
    if not problems:
        names = sorted_names(values.get("penalty", {}))
        problems = [
            *_too_many(config),
            *_rounded_away(config, names),
            *_unavailable(config),
            *_contradictions(config, names, choices),
        ]
    if problems:
        raise InvalidConfigError(problems)
    assert isinstance(config, Config)
    return config


def with_learning_rates(values: Mapping[str, Any]) -> dict[str, Any]:
    """Plain values of a configuration, with the learning rates that are derived in place of null."""
    optim, problems = build(Optimiser, values.get("optim", {}), "optim")
    if problems:  # `validate` reports them
        return dict(values)
    rates = {name: float(getattr(optim, name)) for name in optim.derived if name in values["optim"]}
    return {**values, "optim": values["optim"] | rates}


def _too_many(config: Config) -> Iterator[str]:
    """Seeds beyond the last one, and more steps than can be counted."""
    most, key = config.most_seeds, "seeds" if isinstance(config.decide, Fixed) else "decide.most"
    if config.seed + most > SEED_LIMIT:
        yield (
            f"{key} = {most}: the last seed would be {config.seed + most - 1}, beyond "
            f"{SEED_LIMIT - 1}; lower seed to at most {SEED_LIMIT - most}"
        )
    if config.training.dtype == "float32" and config.training.steps > MOST_STEPS_SINGLE:
        yield (
            f"training.steps = {config.training.steps}: a run counts its steps in float32, which goes no "
            f"further than {MOST_STEPS_SINGLE}; use training.dtype=float64"
        )


def _rounded_away(config: Config, penalties: Sequence[str]) -> Iterator[str]:
    """Float settings that leave their bounds when they are rounded to the precision of training.

    penalties: the names of the penalties, in order.
    """
    # PyTorch initialises modules in single precision, whatever precision they are converted to later.
    yield from _rounded_fields("network", config.network, remedy="")
    if config.training.dtype != "float32":
        return
    names = {f"penalties.{place}": f"penalty.{name}" for place, name in enumerate(penalties)}
    for path, component in components(config.rules):
        yield from _rounded_fields(names.get(path, path), component, remedy="; use training.dtype=float64")


def _rounded_fields(path: str, component: Any, remedy: str) -> Iterator[str]:
    problems: dict[str, str] = {}
    for name in float_fields(component):
        value, allowed = getattr(component, name), allowed_values(component, name)
        rounded = round_to_float32(value)
        if not math.isfinite(rounded):
            reason = f"is beyond float32, which ends at {SINGLE.max:.1e}"
        elif value and not rounded:
            reason = f"is 0 in float32, where the smallest number is {SINGLE.tiny:.1e}"
        elif not allowed.takes(rounded):
            reason = f"is {rounded:g} in float32; must be {allowed.words()}"
        else:
            continue
        problems[name] = f"{path}.{name} = {value}: {reason}{remedy}"
    derived = getattr(component, "derived", ())
    # The setting that a value is derived from is reported, not the value, unless the setting is right.
    yield from [line for name, line in problems.items() if name not in derived] or problems.values()


def round_to_float32(value: float) -> float:
    """A number as float32 holds it; subnormal numbers count as 0, as in training."""
    with np.errstate(over="ignore", under="ignore"):
        rounded = float(np.float32(value))
    return 0.0 if abs(rounded) < SINGLE.tiny else rounded


def _unavailable(config: Config) -> Iterator[str]:
    """Settings that this machine cannot serve. Memory is checked elsewhere, where the workers are known."""
    if config.training.device == "cuda" and not torch.cuda.is_available():
        yield "training.device = cuda: no CUDA device here; use cpu or auto"
    if config.training.compile == "always" and (reason := why_no_compiler()):
        yield f"training.compile = always: {reason}, or use auto"


def _contradictions(config: Config, penalties: Sequence[str], choices: Mapping[str, str]) -> Iterator[str]:
    """Choices that do not go together, each named as the user types it.

    penalties: the names of the penalties, in order. choices: the choice made for each group.
    """
    classes = {
        group: type(getattr(config, group)).__name__ for group in ("target", "network", "loss", "optim")
    }
    typed = {group: f"{group}={choices.get(group, name)}" for group, name in classes.items()}
    if (value := config.target.extreme()) is not None:
        yield f"{typed['target']}: has the value {value:g}; must be within -1e18 and 1e18, for its square"
    yield from _loss_contradictions(config, [f"penalty={name}" for name in penalties], typed["loss"])
    if config.network.points not in (None, config.target.points):
        yield (
            f"{typed['network']}: is made for {config.network.points} point, {typed['target']} has "
            f"{config.target.points}; use target=point_mass or target=gaussian"
        )
    if config.optim.extrapolates:
        yield from _extrapolation_contradictions(config.training, typed["optim"])


def _loss_contradictions(config: Config, penalties: Sequence[str], loss: str) -> Iterator[str]:
    """Contradictions between the loss, the penalties and the discriminator."""
    tolerance = config.training.stop_tolerance
    if config.loss.critic and tolerance is not None:
        yield (
            f"training.stop_tolerance = {tolerance:g}: {loss} has a critic, whose output is no "
            "probability that could come near 1/2; use null"
        )
    by_name = dict(zip(penalties, config.penalty, strict=True))
    for name, penalty in by_name.items():
        if penalty.critic and not config.loss.takes_critic:
            yield f"{name}: makes a critic, but {loss} takes a probability; use loss=minimax"
        if isinstance(penalty, Constraint) and config.network.normalises:
            yield f"{name}: is undone by network.spectral_norm = true; use one of them"
    for kind in dict.fromkeys(map(type, config.penalty)):
        same = [name for name, penalty in by_name.items() if type(penalty) is kind]
        if len(same) > 1:
            yield f"{' and '.join(same)}: are one penalty with different settings; choose one of them"


def _extrapolation_contradictions(training: Training, optim: str) -> Iterator[str]:
    """Contradictions between the updates and an optimiser that extrapolates."""
    if training.updates != "simultaneous":
        yield f"training.updates = {training.updates}: {optim} extrapolates both players; use simultaneous"
    if training.discriminator_steps > 1:
        yield (
            f"training.discriminator_steps = {training.discriminator_steps}: {optim} extrapolates "
            "both players; use 1"
        )
