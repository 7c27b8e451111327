"""How the learning rates change along a run.

A new schedule is one small class here and one YAML file in `conf/lr_schedule/`. Float fields are settings
that each run of a stack may hold its own value of.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from sinegan.schema import bounded

Tensors = dict[str, Tensor]


@dataclass(frozen=True, kw_only=True)
class Schedule(ABC):
    """A factor of both players' learning rates, from 1 at the first step on."""

    def remember(self, weights: Mapping[str, Tensor]) -> Tensors:
        """The clock before the first step."""
        return {"step": next(iter(weights.values())).new_zeros(())}

    def after(self, clock: Tensors) -> Tensors:
        """The clock after one more step."""
        return {"step": clock["step"] + 1}

    def rate(self, lr: Any, clock: Tensors, steps: float) -> Any:
        """The learning rate of the coming step, the run having `steps`."""
        return lr * self.factor(clock["step"] / steps)

    @abstractmethod
    def factor(self, progress: Tensor) -> Tensor:
        """progress: the share of the run's steps that are over, in [0, 1)."""


@dataclass(frozen=True, kw_only=True)
class Constant(Schedule):
    """The same rate from the first step to the last. It keeps no clock, so it costs nothing."""

    def remember(self, weights: Mapping[str, Tensor]) -> Tensors:
        return {}

    def after(self, clock: Tensors) -> Tensors:
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
