"""The schema of a configuration, and `validate`: every problem of one at once."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import numpy as np

from sinegan.engine.cpp_compiler import why_no_compiler
from sinegan.game.averages import Average, Last
from sinegan.game.losses import Loss
from sinegan.game.networks import Players
from sinegan.game.optimisers import Optimiser
from sinegan.game.penalties import Constraint, Penalty
from sinegan.game.schedules import Constant, Schedule
from sinegan.game.targets import Target
from sinegan.printable import printable
from sinegan.schema import allowed_of, bounded, build, choice, float_fields, in_order

SEEDS = 2**32
"""How many seeds there are."""

COUNTED = 2**24
"""As far as float32 counts: one more is the same number."""


SINGLE = np.finfo(np.float32)


@dataclass(frozen=True, kw_only=True)
class Training:
    """How long, in what batches, and when to look."""

    steps: int = bounded(10_000, at_least=1, at_most=10**12)
    batch_size: int = bounded(64, at_least=1, at_most=10**9)
    discriminator_steps: int = bounded(1, at_least=1, at_most=10**6)
    """Discriminator updates for each generator update."""
    updates: str = choice("simultaneous", "alternating")
    """Whether the discriminator's update is at the same point of the game or sees the generator's."""
    evaluate_every: int = bounded(100, at_least=1, at_most=10**12)
    """Steps from one evaluation to the next; the first and the last step are always evaluated."""
    evaluation_samples: int = bounded(256, at_least=2, at_most=10**9)
    """Fresh generated curves that an evaluation looks at."""
    stop_tolerance: float | None = bounded(None, above=0)
    """Stop a run when |mean D(real) - 0.5| is no more than this; null for never."""
    device: str = choice("cpu", "cuda", "auto")
    dtype: str = choice("float32", "float64")
    compile: str = choice("auto", "always", "never")
    """Whether torch.compile makes one program of a step; auto asks whether it would pay."""

    @property
    def on_gpu(self) -> bool:
        import torch

        return self.device == "cuda" or (self.device == "auto" and torch.cuda.is_available())


@dataclass(frozen=True, kw_only=True)
class Plot:
    """The picture of the first run while it learns."""

    live: bool = False
    text: bool = False
    animation: bool = False
    every: int = bounded(50, at_least=1, at_most=10**12)


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
    seed: int = bounded(0, at_least=0, at_most=SEEDS - 1)
    seeds: int = bounded(8, at_least=1, at_most=10**9)

    @property
    def all_seeds(self) -> range:
        return range(self.seed, self.seed + self.seeds)

    def components(self, penalties: Sequence[str] = ()) -> dict[str, Any]:
        """The parts whose float settings the runs of one stack may differ in, by what they are called.

        penalties: their names, in order; without any they are numbered.
        """
        names = penalties or [str(place) for place in range(len(self.penalty))]
        named = {name: getattr(self, name) for name in ("loss", "optim", "lr_schedule", "average")}
        return named | {f"penalty.{name}": each for name, each in zip(names, self.penalty, strict=True)}

    @property
    def primary_metric(self) -> str:
        """What configurations are compared by; less is better."""
        return "energy_distance" if self.target.family else "rmse"

    def schedule(self) -> list[int]:
        """The steps after which metrics are measured, rising, from 0 to the last step."""
        steps, every = self.training.steps, self.training.evaluate_every
        return [*range(0, steps, every), steps]

    @property
    def evaluations(self) -> int:
        """How many there are: the length of the schedule, which may be too long to be made."""
        return -(-self.training.steps // self.training.evaluate_every) + 1

    def picture_steps(self) -> list[int]:
        """The steps after which a frame of the picture is kept, when pictures are asked for."""
        if not self.pictured:
            return []
        return [*range(0, self.training.steps, self.plot.every), self.training.steps]

    @property
    def pictured(self) -> bool:
        """Whether pictures are asked for."""
        return self.plot.live or self.plot.animation

    @property
    def pictures(self) -> int:
        """How many frames of the picture are kept of a run."""
        return -(-self.training.steps // self.plot.every) + 1 if self.pictured else 0


class InvalidConfigError(ValueError):
    """All problems of a configuration, a line each."""

    def __init__(self, problems: list[str]) -> None:
        self.problems = [printable(line) for line in problems]
        super().__init__("\n".join(self.problems))


def validate(values: Mapping[str, Any], choices: Mapping[str, str] = MappingProxyType({})) -> Config:
    """A typed configuration from a resolved mapping.

    choices: what was chosen of each group, for the words of a refusal; a part of which that is not
    known is called by its class. Raises InvalidConfigError with all problems: unknown keys, wrong
    types, values out of range; when there are none, what does not go together.
    """
    config, problems = build(Config, values)
    problems = problems or [
        *_uncountable(config),
        *_rounded_away(config, in_order(values.get("penalty", {}))),
        *_unfit(config),
        *_contradictions(config, values, choices),
    ]
    if problems:
        raise InvalidConfigError(problems)
    assert isinstance(config, Config)
    return config


def _uncountable(config: Config) -> Iterator[str]:
    """Numbers that are counted further than seeds and steps go."""
    if config.seed + config.seeds > SEEDS:
        yield (
            f"seeds = {config.seeds}: the last seed would be {config.seed + config.seeds - 1}, beyond "
            f"{SEEDS - 1}; lower seed to at most {SEEDS - config.seeds}"
        )
    if config.training.dtype == "float32" and config.training.steps > COUNTED:
        yield (
            f"training.steps = {config.training.steps}: a run counts its steps in float32, which goes no "
            f"further than {COUNTED}; use training.dtype=float64"
        )


def _rounded_away(config: Config, penalties: Sequence[str]) -> Iterator[str]:
    """Settings that are within their bounds, but not any more in the precision that training has."""
    # PyTorch makes modules in single precision, whatever they are turned into afterwards.
    parts = {"network": config.network}
    if config.training.dtype == "float32":
        parts |= config.components(penalties)
    for part, component in parts.items():
        remedy = "" if part == "network" else "; use training.dtype=float64"
        for name in float_fields(component):
            value, allowed = getattr(component, name), allowed_of(component, name)
            held = in_single(value)
            if not math.isfinite(held):
                why = f"is beyond float32, which ends at {SINGLE.max:.1e}"
            elif value and not held:
                why = f"is 0 in float32, where the smallest number is {SINGLE.tiny:.1e}"
            elif not allowed.takes(held):
                why = f"is {held:g} in float32; must be {allowed.words()}"
            else:
                continue
            yield f"{part}.{name} = {value}: {why}{remedy}"


def in_single(value: float) -> float:
    """A number as float32 holds it; those too small for all of its digits count as 0, as in training."""
    with np.errstate(over="ignore", under="ignore"):
        held = float(np.float32(value))
    return 0.0 if abs(held) < SINGLE.tiny else held


def _unfit(config: Config) -> Iterator[str]:
    """What this machine lacks; whether the memory is enough is asked where the workers are known."""
    training = config.training
    if training.device == "cuda":
        import torch

        if not torch.cuda.is_available():
            yield "training.device = cuda: no CUDA device here; use cpu or auto"
    if training.compile == "always" and (reason := why_no_compiler()):
        yield f"training.compile = always: {reason}, or use auto"


def _contradictions(config: Config, values: Mapping[str, Any], choices: Mapping[str, str]) -> Iterator[str]:
    """Contestants that do not go together, each called what the user types."""

    def typed(group: str) -> str:
        return f"{group}={choices.get(group, type(getattr(config, group)).__name__)}"

    training, loss, optim = config.training, typed("loss"), typed("optim")
    if (value := config.target.extreme()) is not None:
        yield f"{typed('target')}: has the value {value:g}; must be within -1e18 and 1e18, for its square"
    names = [f"penalty={name}" for name in in_order(values.get("penalty", {}))]
    penalties = dict(zip(names, config.penalty, strict=True))
    if config.loss.critic and training.stop_tolerance is not None:
        yield (
            f"training.stop_tolerance = {training.stop_tolerance:g}: {loss} has a critic, whose output is no "
            "probability that could come near 1/2; use null"
        )
    for name, penalty in penalties.items():
        if penalty.critic and not config.loss.takes_critic:
            yield f"{name}: makes a critic, but {loss} takes a probability; use loss=minimax"
        if isinstance(penalty, Constraint) and config.network.normalises:
            yield f"{name}: is undone by network.spectral_norm = true; use one of them"
    for kind in dict.fromkeys(map(type, config.penalty)):
        same = [name for name, penalty in penalties.items() if type(penalty) is kind]
        if len(same) > 1:
            yield f"{' and '.join(same)}: are one penalty with different settings; choose one of them"
    if config.network.points not in (None, config.target.points):
        yield (
            f"{typed('network')}: is made for {config.network.points} point, {typed('target')} has "
            f"{config.target.points}; use target=point_mass or target=gaussian"
        )
    if config.optim.extrapolates:
        if training.updates != "simultaneous":
            yield (
                f"training.updates = {training.updates}: {optim} extrapolates both players; use simultaneous"
            )
        if training.discriminator_steps > 1:
            yield (
                f"training.discriminator_steps = {training.discriminator_steps}: {optim} extrapolates "
                "both players; use 1"
            )
