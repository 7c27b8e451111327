"""Learning-rate schedules.

A new schedule is one class (here or in any module that can be imported) and one YAML file in
`conf/lr_schedule/`. Its float fields are settings in which the runs of a stack may differ; inside a stack
they are tensors.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from sinegan.game.tensors import Tensors
from sinegan.schema import bounded


@dataclass(frozen=True, kw_only=True)
class Schedule(ABC):
    """A factor on the learning rates of both players that changes with the step."""

    def init(self, weights: Mapping[str, Tensor]) -> Tensors:
        """The clock before the first step."""
        return {"step": next(iter(weights.values())).new_zeros(())}

    def update(self, clock: Tensors) -> Tensors:
        """The clock after one more step."""
        return {"step": clock["step"] + 1}

    def rate(self, lr: Any, clock: Tensors, steps: float) -> Any:
        """The learning rate of the next step, in a run of `steps` steps."""
        return lr * self.factor(clock["step"] / steps)

    @abstractmethod
    def factor(self, progress: Tensor) -> Tensor:
        """The factor when a share `progress` of the run's steps, in [0, 1), is over."""


@dataclass(frozen=True, kw_only=True)
class Constant(Schedule):
    """The same rate at every step. It keeps no clock, so it costs nothing."""

    def init(self, weights: Mapping[str, Tensor]) -> Tensors:
        return {}

    def update(self, clock: Tensors) -> Tensors:
        return clock

    def rate(self, lr: Any, clock: Tensors, steps: float) -> Any:
        return lr

    def factor(self, progress: Tensor) -> Tensor:
        return torch.ones_like(progress)


@dataclass(frozen=True, kw_only=True)
class Linear(Schedule):
    """1 - (1 - final) progress. final: the factor at the end."""

    final: float = bounded(0.0, at_least=0)

    def factor(self, progress: Tensor) -> Tensor:
        return 1 - (1 - self.final) * progress


@dataclass(frozen=True, kw_only=True)
class Cosine(Schedule):
    """final + (1 - final) (1 + cos(pi progress)) / 2. Loshchilov & Hutter 2017, equation 5."""

    final: float = bounded(0.0, at_least=0)

    def factor(self, progress: Tensor) -> Tensor:
        return self.final + (1 - self.final) * (1 + torch.cos(math.pi * progress)) / 2
