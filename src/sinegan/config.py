"""The schema of a configuration, and `validate`: every problem of one at once."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from sinegan.game.losses import Loss
from sinegan.game.networks import Players
from sinegan.game.penalties import Constraint, Penalty
from sinegan.game.targets import Target
from sinegan.printable import printable
from sinegan.schema import bounded, build, choice, in_order
from sinegan.training.averages import Average, Last
from sinegan.training.compiler import why_no_compiler
from sinegan.training.optimisers import Optimiser
from sinegan.training.schedules import Constant, Schedule


@dataclass(frozen=True, kw_only=True)
class Training:
    """How long, in what batches, and when to look."""

    steps: int = bounded(10_000, at_least=1)
    batch_size: int = bounded(64, at_least=1)
    discriminator_steps: int = bounded(1, at_least=1)
    """Discriminator updates for each generator update."""
    updates: str = choice("simultaneous", "alternating")
    """Whether the discriminator's update is at the same point of the game or sees the generator's."""
    evaluate_every: int = bounded(100, at_least=1)
    """Steps from one evaluation to the next; the first and the last step are always evaluated."""
    evaluation_samples: int = bounded(256, at_least=2)
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
    every: int = bounded(50, at_least=1)


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
    seed: int = bounded(0, at_least=0, at_most=2**32 - 1)
    seeds: int = bounded(8, at_least=1)

    @property
    def all_seeds(self) -> range:
        return range(self.seed, self.seed + self.seeds)

    @property
    def primary_metric(self) -> str:
        """What configurations are compared by; less is better."""
        return "energy_distance" if self.target.family else "rmse"

    def schedule(self) -> list[int]:
        """The steps after which metrics are measured, rising, from 0 to the last step."""
        steps, every = self.training.steps, self.training.evaluate_every
        return [*range(0, steps, every), steps]

    def picture_steps(self) -> list[int]:
        """The steps after which a frame of the picture is kept, when pictures are asked for."""
        if not (self.plot.live or self.plot.animation):
            return []
        return [*range(0, self.training.steps, self.plot.every), self.training.steps]


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
    problems = problems or [*_unfit(config), *_contradictions(config, values, choices)]
    if problems:
        raise InvalidConfigError(problems)
    assert isinstance(config, Config)
    return config


def _unfit(config: Config) -> Iterator[str]:
    """What this machine lacks, or has no memory for."""
    training, target = config.training, config.target
    if training.device == "cuda":
        import torch

        if not torch.cuda.is_available():
            yield "training.device = cuda: no CUDA device here; use cpu or auto"
    if training.compile == "always" and (reason := why_no_compiler()):
        yield f"training.compile = always: {reason}, or use auto"
    memory = training.evaluation_samples**2 * target.points * 8
    if target.family and memory > 2e9:
        most = math.isqrt(int(2e9 / target.points / 8))
        yield (
            f"training.evaluation_samples = {training.evaluation_samples}: the energy distance "
            f"compares all pairs; must be at most {most} for {target.points} points"
        )


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
