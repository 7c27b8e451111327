"""The losses of the two players, as formulas on logits.

With the discriminator's logit l = D(x) before the sigmoid, log sigmoid(l) = -softplus(-l) and
log(1 - sigmoid(l)) = -softplus(l): no logarithm of a rounded probability, so nothing reaches
-inf. A new loss is one small class here (or anywhere that can be imported) and one YAML file in
`conf/loss/`. Its float fields are settings that each run of a stack may hold its own value of.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import softplus


@dataclass(frozen=True, kw_only=True)
class Loss(ABC):
    """What each player minimises.

    `real` and `fake` are the discriminator's logits, shapes (rows,) and (batch,), where rows is
    1 when all real curves of the batch are the same: so take means, each over its own logits,
    or let the shapes broadcast. Both methods return a scalar.
    """

    @abstractmethod
    def generator(self, real: Tensor, fake: Tensor) -> Tensor: ...

    @abstractmethod
    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor: ...


def value(real: Tensor, fake: Tensor) -> Tensor:
    """V(D, G) = E log D(x) + E log(1 - D(G(z))), Goodfellow et al. 2014, equation 1.

    At the optimum, D* = 1/2 everywhere, it is -log 4 (their theorem 1).
    """
    return -softplus(-real).mean() - softplus(fake).mean()


@dataclass(frozen=True, kw_only=True)
class Minimax(Loss):
    """The original game: both players play for V. Goodfellow et al. 2014, equation 1."""

    def generator(self, real: Tensor, fake: Tensor) -> Tensor:
        """E log(1 - D(G(z)))."""
        return -softplus(fake).mean()

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        """-V."""
        return -value(real, fake)


@dataclass(frozen=True, kw_only=True)
class NonSaturating(Minimax):
    """The discriminator as in minimax; the generator maximises log D(G(z)).

    Goodfellow et al. 2014, section 3. Its gradient is exp(l) times less than minimax's, so it is
    the larger one where the discriminator rejects the fakes (l < 0).
    """

    def generator(self, real: Tensor, fake: Tensor) -> Tensor:
        """-E log D(G(z))."""
        return softplus(-fake).mean()


@dataclass(frozen=True, kw_only=True)
class MinimaxLiteral(Loss):
    """Minimax on probabilities, as the tutorial writes it, kept for fidelity.

    In float32 sigmoid(l) rounds to 1 from l = 16.64 on, log(1 - D) becomes -inf and the run is
    lost; prefer `Minimax`, which is the same formula on logits.
    """

    def generator(self, real: Tensor, fake: Tensor) -> Tensor:
        """E log(1 - D(G(z)))."""
        return torch.log(1 - torch.sigmoid(fake)).mean()

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        """-V."""
        return -(torch.log(torch.sigmoid(real)).mean() + torch.log(1 - torch.sigmoid(fake)).mean())
