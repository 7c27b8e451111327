"""Averages of the generator over training: which weights are evaluated.

A new average is one class (here or in any module that can be imported) and one YAML file in
`conf/average/`. Its float fields are settings in which the runs of a stack may differ; inside a stack they
are tensors.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass

from sinegan.game.tensors import Tensors
from sinegan.schema import bounded


@dataclass(frozen=True, kw_only=True)
class Average(ABC):
    """Training never sees the average. All metrics and pictures show the averaged generator."""

    @abstractmethod
    def init(self, weights: Tensors) -> Tensors:
        """The state of the average before the first step."""

    @abstractmethod
    def update(self, state: Tensors, weights: Tensors) -> Tensors:
        """The state of the average after a step that led to these weights."""

    @abstractmethod
    def evaluated_weights(self, state: Tensors, weights: Tensors) -> Tensors:
        """The weights to evaluate, from the state of the average and the latest weights."""


@dataclass(frozen=True, kw_only=True)
class Last(Average):
    """No average: the weights of the last step."""

    def init(self, weights: Tensors) -> Tensors:
        return {}

    def update(self, state: Tensors, weights: Tensors) -> Tensors:
        return state

    def evaluated_weights(self, state: Tensors, weights: Tensors) -> Tensors:
        return weights


@dataclass(frozen=True, kw_only=True)
class Exponential(Average):
    """average = decay * average + (1 - decay) * weights, starting from the initial weights.

    Yazıcı et al. 2019, equation 7.
    """

    decay: float = bounded(0.999, at_least=0, below=1)

    def init(self, weights: Tensors) -> Tensors:
        return {name: tensor.clone() for name, tensor in weights.items()}

    def update(self, state: Tensors, weights: Tensors) -> Tensors:
        return {name: self.decay * state[name] + (1 - self.decay) * weights[name] for name in weights}

    def evaluated_weights(self, state: Tensors, weights: Tensors) -> Tensors:
        return state
