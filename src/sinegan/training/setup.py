"""The setup of a configuration: everything that its runs share."""

from dataclasses import dataclass

import torch

from sinegan.game.networks import Players
from sinegan.game.rules import Rules
from sinegan.game.targets import Target
from sinegan.schema import bounded, choice


@dataclass(frozen=True, kw_only=True)
class Training:
    """The length of a run, its batches, its evaluations, and the machine that computes it."""

    steps: int = bounded(10_000, at_least=1, at_most=10**12)
    batch_size: int = bounded(64, at_least=1, at_most=10**9)
    discriminator_steps: int = bounded(1, at_least=1, at_most=10**6)
    """Discriminator updates for each generator update."""
    updates: str = choice("simultaneous", "alternating")
    """Alternating: the discriminator's update sees the generator's update of the same step."""
    evaluate_every: int = bounded(100, at_least=1, at_most=10**12)
    """Steps from one evaluation to the next. The first and the last step are always evaluated."""
    evaluation_samples: int = bounded(256, at_least=2, at_most=10**9)
    """Generated curves in an evaluation."""
    stop_tolerance: float | None = bounded(None, above=0)
    """Stop a run when |mean D(real) - 0.5| is at most this; None: never."""
    device: str = choice("cpu", "cuda", "auto")
    dtype: str = choice("float32", "float64")
    compile: str = choice("auto", "always", "never")
    """Whether a step is compiled to one program; auto: where the run is long enough to pay for it."""
    keep_checkpoints: bool = False
    """Whether the weights and the optimiser's memory of a run are kept when it has ended."""

    @property
    def on_gpu(self) -> bool:
        return self.device == "cuda" or (self.device == "auto" and torch.cuda.is_available())


@dataclass(frozen=True, kw_only=True)
class Setup:
    """All that the runs of a configuration share: everything but their seeds."""

    target: Target
    network: Players
    rules: Rules
    training: Training
    picture_every: int | None = None
    """Steps from one frame of the picture to the next; None: no pictures."""

    def schedule(self) -> list[int]:
        """The steps after which metrics are measured, ascending, from 0 to the last step."""
        return self._steps(self.training.evaluate_every)

    @property
    def evaluations(self) -> int:
        """The length of the schedule, which may be too long to be made."""
        return self._count(self.training.evaluate_every)

    def picture_steps(self) -> list[int]:
        """The steps after which a frame of the picture is kept; none where no pictures are wanted."""
        return [] if self.picture_every is None else self._steps(self.picture_every)

    @property
    def pictures(self) -> int:
        """The number of picture steps."""
        return 0 if self.picture_every is None else self._count(self.picture_every)

    def _steps(self, every: int) -> list[int]:
        return [*range(0, self.training.steps, every), self.training.steps]

    def _count(self, every: int) -> int:
        return -(-self.training.steps // every) + 1
