"""Which generator is looked at: that of the last step, or an average over the steps so far.

A new average is one small class here and one YAML file in `conf/average/`. Float fields are settings
that each run of a stack may hold its own value of.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass

from torch import Tensor

from sinegan.schema import bounded

Tensors = dict[str, Tensor]


@dataclass(frozen=True, kw_only=True)
class Average(ABC):
    """Training never sees it; all metrics and pictures are of the generator that it shows."""

    @abstractmethod
    def start(self, weights: Tensors) -> Tensors:
        """What is kept before the first step."""

    @abstractmethod
    def after(self, kept: Tensors, weights: Tensors) -> Tensors:
        """What is kept after a step that led to these weights."""

    @abstractmethod
    def shown(self, kept: Tensors, weights: Tensors) -> Tensors:
        """The weights to look at."""


@dataclass(frozen=True, kw_only=True)
class Last(Average):
    """No average: the generator as it is."""

    def start(self, weights: Tensors) -> Tensors:
        return {}

    def after(self, kept: Tensors, weights: Tensors) -> Tensors:
        return kept

    def shown(self, kept: Tensors, weights: Tensors) -> Tensors:
        return weights


@dataclass(frozen=True, kw_only=True)
class Exponential(Average):
    """average = decay * average + (1 - decay) * weights, from the initial weights on.

    Yazıcı et al. 2019, equation 7.
    """

    decay: float = bounded(0.999, at_least=0, below=1)

    def start(self, weights: Tensors) -> Tensors:
        return {name: tensor.clone() for name, tensor in weights.items()}

    def after(self, kept: Tensors, weights: Tensors) -> Tensors:
        return {name: self.decay * kept[name] + (1 - self.decay) * weights[name] for name in weights}

    def shown(self, kept: Tensors, weights: Tensors) -> Tensors:
        return kept
