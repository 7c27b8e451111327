"""Optimisers as pure functions of (parameters, gradients, memory).

Float fields are settings that each run of a stack may hold its own value of, so inside a stack
they are tensors. A new optimiser is one small class here and one YAML file in `conf/optim/`.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from sinegan.schema import bounded

Tensors = dict[str, Tensor]
Memory = dict[str, Tensors]


class _Derived(float):
    """A rate that nobody gave: it follows `lr`, also when `dataclasses.replace` changes that."""


def _is_derived(rate: float | None) -> bool:
    return rate is None or isinstance(rate, _Derived)


@dataclass(frozen=True, kw_only=True)
class Optimiser(ABC):
    """One learning rate a player, 0 for one that does not learn; everything else is common to both.

    lr, lr_ratio: what a rate is derived from that is not given: the generator's is lr, the discriminator's
    lr * lr_ratio (two time scales: Heusel et al. 2017).
    """

    extrapolates: ClassVar[bool] = False
    """Whether it takes the gradients of the point that a first update leads to."""

    lr: float = bounded(1e-4, above=0)
    lr_ratio: float = bounded(1.0, above=0)
    generator_lr: float = bounded(None, at_least=0)
    discriminator_lr: float = bounded(None, at_least=0)

    def __post_init__(self) -> None:
        if _is_derived(self.generator_lr):
            object.__setattr__(self, "generator_lr", _Derived(self.lr))
        if _is_derived(self.discriminator_lr):
            object.__setattr__(self, "discriminator_lr", _Derived(self.lr * self.lr_ratio))

    @abstractmethod
    def remember(self, parameters: Mapping[str, Tensor]) -> Memory:
        """The memory before the first update."""

    @abstractmethod
    def update(
        self, parameters: Tensors, gradients: Tensors, memory: Memory, lr: float
    ) -> tuple[Tensors, Memory]:
        """One step downhill: the new parameters and the new memory."""


@dataclass(frozen=True, kw_only=True)
class Adam(Optimiser):
    """Kingma & Ba 2015, algorithm 1 (with bias correction)."""

    beta1: float = bounded(0.9, at_least=0, below=1)
    beta2: float = bounded(0.999, at_least=0, below=1)
    eps: float = bounded(1e-8, above=0)

    def remember(self, parameters: Mapping[str, Tensor]) -> Memory:
        some = next(iter(parameters.values()))
        return {"mean": _zeros(parameters), "square": _zeros(parameters), "time": {"t": some.new_zeros(())}}

    def update(
        self, parameters: Tensors, gradients: Tensors, memory: Memory, lr: float
    ) -> tuple[Tensors, Memory]:
        t = memory["time"]["t"] + 1
        step_size = lr / (1 - self.beta1**t)
        correction = 1 / torch.sqrt(1 - self.beta2**t)
        updated: Tensors = {}
        mean: Tensors = {}
        square: Tensors = {}
        for name, gradient in gradients.items():
            mean[name] = self.beta1 * memory["mean"][name] + (1 - self.beta1) * gradient
            square[name] = self.beta2 * memory["square"][name] + (1 - self.beta2) * gradient * gradient
            scale = torch.sqrt(square[name]) * correction + self.eps
            updated[name] = parameters[name] - step_size * mean[name] / scale
        return updated, {"mean": mean, "square": square, "time": {"t": t}}


@dataclass(frozen=True, kw_only=True)
class OptimisticAdam(Adam):
    """w - 2 lr d + lr d', d being Adam's direction and d' the one before.

    Daskalakis et al. 2018, algorithm 1.
    """

    def remember(self, parameters: Mapping[str, Tensor]) -> Memory:
        return super().remember(parameters) | {"last": _zeros(parameters)}

    def update(
        self, parameters: Tensors, gradients: Tensors, memory: Memory, lr: float
    ) -> tuple[Tensors, Memory]:
        # From 0 a step of Adam with rate 1 leads to -d.
        minus, after = super().update(_zeros(parameters), gradients, memory, 1.0)
        updated = {
            name: parameters[name] + lr * (2 * step + memory["last"][name]) for name, step in minus.items()
        }
        return updated, after | {"last": {name: -tensor for name, tensor in minus.items()}}


@dataclass(frozen=True, kw_only=True)
class ExtraAdam(Adam):
    """Adam's update with the gradients of the point that one leads to. Gidel et al. 2019, algorithm 4.

    Both updates enter the moments, and both see the same batch.
    """

    extrapolates = True


@dataclass(frozen=True, kw_only=True)
class Extragradient(Optimiser):
    """w - lr g(w - lr g(w)). Korpelevich 1976; Gidel et al. 2019, equation 11."""

    extrapolates = True

    def remember(self, parameters: Mapping[str, Tensor]) -> Memory:
        return {}

    def update(
        self, parameters: Tensors, gradients: Tensors, memory: Memory, lr: float
    ) -> tuple[Tensors, Memory]:
        return {name: parameters[name] - lr * gradient for name, gradient in gradients.items()}, memory


@dataclass(frozen=True, kw_only=True)
class SGD(Optimiser):
    """Gradient descent with Polyak's heavy ball: v = momentum * v + gradient."""

    momentum: float = bounded(0.0, at_least=0, below=1)

    def remember(self, parameters: Mapping[str, Tensor]) -> Memory:
        return {"velocity": _zeros(parameters)}

    def update(
        self, parameters: Tensors, gradients: Tensors, memory: Memory, lr: float
    ) -> tuple[Tensors, Memory]:
        velocity = {
            name: self.momentum * memory["velocity"][name] + gradient for name, gradient in gradients.items()
        }
        return {name: parameters[name] - lr * v for name, v in velocity.items()}, {"velocity": velocity}


@dataclass(frozen=True, kw_only=True)
class RMSprop(Optimiser):
    """Divide by a running root mean square of the gradient. Hinton 2012, lecture 6e."""

    decay: float = bounded(0.99, at_least=0, below=1)
    eps: float = bounded(1e-8, above=0)

    def remember(self, parameters: Mapping[str, Tensor]) -> Memory:
        return {"square": _zeros(parameters)}

    def update(
        self, parameters: Tensors, gradients: Tensors, memory: Memory, lr: float
    ) -> tuple[Tensors, Memory]:
        square = {
            name: self.decay * memory["square"][name] + (1 - self.decay) * gradient * gradient
            for name, gradient in gradients.items()
        }
        updated = {
            name: parameters[name] - lr * gradient / (torch.sqrt(square[name]) + self.eps)
            for name, gradient in gradients.items()
        }
        return updated, {"square": square}


def _zeros(parameters: Mapping[str, Tensor]) -> Tensors:
    return {name: torch.zeros_like(tensor) for name, tensor in parameters.items()}
