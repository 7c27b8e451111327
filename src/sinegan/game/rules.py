"""The rules of a game: what the two players play for, and how they learn."""

from dataclasses import dataclass, field

from sinegan.game.averages import Average, Last
from sinegan.game.losses import Loss
from sinegan.game.optimisers import Optimiser
from sinegan.game.penalties import Penalty
from sinegan.game.schedules import Constant, Schedule


@dataclass(frozen=True, kw_only=True)
class Rules:
    """All that a step of training depends on, except the players' networks.

    The float fields, those of the components included, may differ between the runs of a stack
    (`sinegan.game.partition`). The networks are not part of the rules, because their float settings only
    say where the weights start.
    """

    loss: Loss
    optim: Optimiser
    lr_schedule: Schedule = field(default_factory=Constant)
    average: Average = field(default_factory=Last)
    penalties: tuple[Penalty, ...] = ()
    alternating: bool = False
    """Whether the discriminator's update sees the generator's update of the same step."""
    discriminator_steps: int = 1
    """Discriminator updates for each generator update."""
    steps: float = 1.0
    """Steps of a whole run, over which the schedule is stretched."""
