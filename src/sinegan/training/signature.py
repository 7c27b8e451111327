"""Which runs can share a stack: those whose configurations differ in nothing but data."""

from dataclasses import dataclass, replace
from typing import NamedTuple, TypeVar

from sinegan.config import Config
from sinegan.engine.cpp_compiler import why_no_compiler
from sinegan.game.averages import Average
from sinegan.game.losses import Loss
from sinegan.game.networks import Players
from sinegan.game.optimisers import Optimiser
from sinegan.game.penalties import Penalty
from sinegan.game.schedules import Schedule
from sinegan.schema import float_fields

PAYS_FROM = 2_000
"""With `compile=auto`, the steps from which compiling (tens of seconds, once) is worth its time."""

T = TypeVar("T", Loss, Optimiser, Penalty, Schedule, Average)


class Run(NamedTuple):
    """One GAN: a configuration and one of its seeds."""

    config: Config
    seed: int


@dataclass(frozen=True)
class Signature:
    """What must be equal for runs to share a stack. All else is data with a leading runs axis.

    The float settings of loss, optimiser, penalties, schedule and average are data: blank here.
    """

    network: Players
    loss: Loss
    optim: Optimiser
    penalties: tuple[Penalty, ...]
    lr_schedule: Schedule
    average: Average
    alternating: bool
    points: int
    modes: int
    family: bool
    steps: int
    batch_size: int
    discriminator_steps: int
    schedule: tuple[int, ...]
    picture_steps: tuple[int, ...]
    evaluation_samples: int
    device: str
    dtype: str
    compiled: bool

    @property
    def programs(self) -> bool:
        """Whether it is compiled for all processes at once, and not just in time for one."""
        return self.compiled and self.device == "cpu"


def signature(config: Config) -> Signature:
    training = config.training
    return Signature(
        network=config.network,
        loss=_blank(config.loss),
        optim=_blank(config.optim),
        penalties=tuple(_blank(penalty) for penalty in config.penalty),
        lr_schedule=_blank(config.lr_schedule),
        average=_blank(config.average),
        alternating=training.updates == "alternating",
        points=config.target.points,
        modes=len(config.target.modes().centers),
        family=config.target.family,
        steps=training.steps,
        batch_size=training.batch_size,
        discriminator_steps=training.discriminator_steps,
        schedule=tuple(config.schedule()),
        picture_steps=tuple(config.picture_steps()),
        evaluation_samples=training.evaluation_samples,
        device="cuda" if training.on_gpu else "cpu",
        dtype=training.dtype,
        compiled=is_compiled(config),
    )


def is_compiled(config: Config) -> bool:
    """Whether the engine compiles the step of this configuration.

    Depends on the configuration and the machine alone, never on the rest of the sweep: eager and
    compiled programs differ in the last bits.
    """
    chosen = config.training.compile
    return chosen == "always" or (chosen == "auto" and not why_eager(config))


def why_eager(config: Config) -> str:
    """Why `compile=auto` leaves this configuration eager, in a line; nothing where it does not."""
    if config.training.compile != "auto":
        return ""
    if reason := why_no_compiler():
        return f"Eager, which is slower: {reason}."
    if config.training.steps < PAYS_FROM:
        return f"Eager: under {PAYS_FROM:,} steps compiling does not pay (training.compile=always)."
    return ""


def _blank(component: T) -> T:
    blanked: T = replace(component, **dict.fromkeys(float_fields(component), 0.0))
    return blanked


def settings_of(config: Config) -> dict[str, dict[str, float]]:
    """The float settings of each component, and of the game what is no part of a compiled program."""
    of_components = {
        part: {name: getattr(component, name) for name in float_fields(component)}
        for part, component in config.components().items()
    }
    return of_components | {"game": {"steps": float(config.training.steps)}}
