"""Optimisers as pure functions of (parameters, gradients, state).

A new optimiser is one class (here or in any module that can be imported) and one YAML file in
`conf/optim/`. Its float fields are settings in which the runs of a stack may differ; inside a stack they
are tensors.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from sinegan.game.tensors import Tensors
from sinegan.schema import bounded

OptimiserState = dict[str, Tensors]
"""The tensors that an optimiser keeps between updates: by kind (`mean`, `velocity`), then by parameter."""


class _Derived(float):
    """A rate that was not given, so it follows `lr`, also after `dataclasses.replace` changes `lr`."""


@dataclass(frozen=True, kw_only=True)
class Optimiser(ABC):
    """One learning rate for each player, 0 for a player that does not learn. All else is common to both.

    A rate that is not given is derived: generator_lr = lr and discriminator_lr = lr * lr_ratio
    (two time scales: Heusel et al. 2017).
    """

    extrapolates: ClassVar[bool] = False
    """Whether the update uses the gradients at the point that a first update leads to."""

    lr: float = bounded(1e-4, above=0)
    lr_ratio: float = bounded(1.0, above=0)
    generator_lr: float = bounded(None, at_least=0)
    discriminator_lr: float = bounded(None, at_least=0)

    def __post_init__(self) -> None:
        if "generator_lr" in self.derived:
            object.__setattr__(self, "generator_lr", _Derived(self.lr))
        if "discriminator_lr" in self.derived:
            object.__setattr__(self, "discriminator_lr", _Derived(self.lr * self.lr_ratio))

    def conflicts(self) -> Iterator[str]:
        """The problems of valid settings that do not go together, a line each."""
        if not math.isfinite(self.discriminator_lr):
            yield f"lr_ratio = {self.lr_ratio:g}: lr * lr_ratio must be finite"

    @property
    def derived(self) -> list[str]:
        """The names of the rates that were not given."""
        rates: dict[str, float | None] = {
            "generator_lr": self.generator_lr,
            "discriminator_lr": self.discriminator_lr,
        }
        return [name for name, rate in rates.items() if rate is None or isinstance(rate, _Derived)]

    @abstractmethod
    def init(self, parameters: Mapping[str, Tensor]) -> OptimiserState:
        """The state before the first update."""

    @abstractmethod
    def update(
        self, parameters: Tensors, gradients: Tensors, state: OptimiserState, lr: float
    ) -> tuple[Tensors, OptimiserState]:
        """One step downhill.

        Arguments:
            parameters: of one player.
            gradients: of that player's loss, by the same names and of the same shapes.
            state: from `init` or the update before.
            lr: that player's learning rate at this step, a number or a scalar tensor.

        Returns:
            The new parameters and the new state.
        """


@dataclass(frozen=True, kw_only=True)
class Adam(Optimiser):
    """Kingma & Ba 2015, algorithm 1 (with bias correction)."""

    beta1: float = bounded(0.9, at_least=0, below=1)
    beta2: float = bounded(0.999, at_least=0, below=1)
    eps: float = bounded(1e-8, above=0)

    def init(self, parameters: Mapping[str, Tensor]) -> OptimiserState:
        example = next(iter(parameters.values()))
        return {
            "mean": _zeros(parameters),
            "square": _zeros(parameters),
            "time": {"t": example.new_zeros(())},
        }

    def update(
        self, parameters: Tensors, gradients: Tensors, state: OptimiserState, lr: float
    ) -> tuple[Tensors, OptimiserState]:
        t = state["time"]["t"] + 1
        step_size = lr / (1 - self.beta1**t)
        correction = 1 / torch.sqrt(1 - self.beta2**t)
        updated: Tensors = {}
        mean: Tensors = {}
        square: Tensors = {}
        for name, gradient in gradients.items():
            mean[name] = self.beta1 * state["mean"][name] + (1 - self.beta1) * gradient
            square[name] = self.beta2 * state["square"][name] + (1 - self.beta2) * gradient * gradient
            scale = torch.sqrt(square[name]) * correction + self.eps
            updated[name] = parameters[name] - step_size * mean[name] / scale
        return updated, {"mean": mean, "square": square, "time": {"t": t}}


@dataclass(frozen=True, kw_only=True)
class OptimisticAdam(Adam):
    """w - 2 lr d + lr d', where d is Adam's direction and d' the direction before.

    Daskalakis et al. 2018, algorithm 1.
    """

    def init(self, parameters: Mapping[str, Tensor]) -> OptimiserState:
        return super().init(parameters) | {"last": _zeros(parameters)}

    def update(
        self, parameters: Tensors, gradients: Tensors, state: OptimiserState, lr: float
    ) -> tuple[Tensors, OptimiserState]:
        # A step of Adam from 0 with rate 1 leads to -d.
        minus, adam = super().update(_zeros(parameters), gradients, state, 1.0)
        updated = {
            name: parameters[name] + lr * (2 * step + state["last"][name]) for name, step in minus.items()
        }
        return updated, adam | {"last": {name: -tensor for name, tensor in minus.items()}}


@dataclass(frozen=True, kw_only=True)
class ExtraAdam(Adam):
    """Adam, updated with the gradients at the point that a first update leads to.

    Gidel et al. 2019, algorithm 4. Both updates enter the moments, and both see the same batch.
    """

    extrapolates = True


@dataclass(frozen=True, kw_only=True)
class Extragradient(Optimiser):
    """w - lr g(w - lr g(w)). Korpelevich 1976; Gidel et al. 2019, equation 11."""

    extrapolates = True

    def init(self, parameters: Mapping[str, Tensor]) -> OptimiserState:
        return {}

    def update(
        self, parameters: Tensors, gradients: Tensors, state: OptimiserState, lr: float
    ) -> tuple[Tensors, OptimiserState]:
        return {name: parameters[name] - lr * gradient for name, gradient in gradients.items()}, state


@dataclass(frozen=True, kw_only=True)
class SGD(Optimiser):
    """Gradient descent with Polyak's heavy ball: v = momentum * v + gradient."""

    momentum: float = bounded(0.0, at_least=0, below=1)

    def init(self, parameters: Mapping[str, Tensor]) -> OptimiserState:
        return {"velocity": _zeros(parameters)}

    def update(
        self, parameters: Tensors, gradients: Tensors, state: OptimiserState, lr: float
    ) -> tuple[Tensors, OptimiserState]:
        velocity = {
            name: self.momentum * state["velocity"][name] + gradient for name, gradient in gradients.items()
        }
        return {name: parameters[name] - lr * v for name, v in velocity.items()}, {"velocity": velocity}


@dataclass(frozen=True, kw_only=True)
class RMSprop(Optimiser):
    """Divide by a running root mean square of the gradient. Hinton 2012, lecture 6e."""

    decay: float = bounded(0.99, at_least=0, below=1)
    eps: float = bounded(1e-8, above=0)

    def init(self, parameters: Mapping[str, Tensor]) -> OptimiserState:
        return {"square": _zeros(parameters)}

    def update(
        self, parameters: Tensors, gradients: Tensors, state: OptimiserState, lr: float
    ) -> tuple[Tensors, OptimiserState]:
        square = {
            name: self.decay * state["square"][name] + (1 - self.decay) * gradient * gradient
            for name, gradient in gradients.items()
        }
        updated = {
            name: parameters[name] - lr * gradient / (torch.sqrt(square[name]) + self.eps)
            for name, gradient in gradients.items()
        }
        return updated, {"square": square}


def _zeros(parameters: Mapping[str, Tensor]) -> Tensors:
    return {name: torch.zeros_like(tensor) for name, tensor in parameters.items()}
