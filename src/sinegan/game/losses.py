"""The losses of the two players, as formulas on the discriminator's output.

With the discriminator's logit l = D(x) before the sigmoid, log sigmoid(l) = -softplus(-l) and
log(1 - sigmoid(l)) = -softplus(l): no logarithm of a rounded probability, so nothing reaches
-inf.

A new loss is one class (here or in any module that can be imported) and one YAML file in `conf/loss/`. Its
float fields are settings in which the runs of a stack may differ; inside a stack they are tensors.
"""

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn.functional import relu, softplus

from sinegan.schema import bounded

STEEPEST = 10.0
"""From this logit on, the exponentials of the f-GANs continue as their tangent: exp(10) = 22,026."""


@dataclass(frozen=True, kw_only=True)
class Loss(ABC):
    """The two functions that the players minimise, each a scalar.

    `real` and `fake` are the discriminator's logits, shapes (rows,) and (batch,), where rows is batch, or 1
    when all real curves of the batch are the same. So take the mean of each over its own logits, or let the
    shapes broadcast.
    """

    critic: ClassVar[bool] = False
    """Whether the discriminator's output is a score, so that its sigmoid is no probability."""
    takes_critic: ClassVar[bool] = True
    """Whether it can be combined with a penalty that makes the discriminator a critic."""
    zero_sum: ClassVar[bool] = False
    """Whether the gradient of `generator` by the fake logits is minus that of `discriminator`.

    One backward pass through the discriminator then serves both players. A subclass with another formula
    has to set it again.
    """

    def __init_subclass__(cls) -> None:
        if {"generator", "discriminator"} & vars(cls).keys():
            cls.zero_sum = vars(cls).get("zero_sum", False)

    @abstractmethod
    def generator(self, real: Tensor, fake: Tensor) -> Tensor: ...

    @abstractmethod
    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor: ...


def value(real: Tensor, fake: Tensor) -> Tensor:
    """The value V(D, G) = E log D(x) + E log(1 - D(G(z))), Goodfellow et al. 2014, equation 1.

    At the optimum, D* = 1/2 everywhere, it is -log 4 (their theorem 1).
    """
    return -softplus(-real).mean() - softplus(fake).mean()


@dataclass(frozen=True, kw_only=True)
class Minimax(Loss):
    """The original game: both players play for V. Goodfellow et al. 2014, equation 1."""

    zero_sum: ClassVar[bool] = True

    def generator(self, real: Tensor, fake: Tensor) -> Tensor:
        """E log(1 - D(G(z)))."""
        return -softplus(fake).mean()

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        """-V."""
        return -value(real, fake)


@dataclass(frozen=True, kw_only=True)
class NonSaturating(Minimax):
    """The discriminator as in minimax; the generator maximises log D(G(z)).

    Goodfellow et al. 2014, section 3. Minimax's gradient is exp(l) times this one, so this one is larger
    where the discriminator rejects the fakes (l < 0).
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

    zero_sum: ClassVar[bool] = True

    takes_critic = False

    def generator(self, real: Tensor, fake: Tensor) -> Tensor:
        """E log(1 - D(G(z)))."""
        return torch.log(1 - torch.sigmoid(fake)).mean()

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        """-V."""
        return -(torch.log(torch.sigmoid(real)).mean() + torch.log(1 - torch.sigmoid(fake)).mean())


@dataclass(frozen=True, kw_only=True)
class SmoothedLabels(NonSaturating):
    """Non-saturating, but the discriminator learns softer labels than 1 and 0.

    Salimans et al. 2016, section 3.4, where only the real label is smoothed. With labels a and b
    the optimum is D* = (a p_data + b p_g) / (p_data + p_g).
    """

    real_label: float = bounded(0.9, above=0.5, at_most=1)
    fake_label: float = bounded(0.0, at_least=0, below=0.5)

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        """The cross-entropies with both labels, using log(1 - D) - log D = -l."""
        on_real = softplus(-real) + (1 - self.real_label) * real
        on_fake = softplus(fake) - self.fake_label * fake
        return on_real.mean() + on_fake.mean()


@dataclass(frozen=True, kw_only=True)
class Wasserstein(Loss):
    """The critic's mean on real curves minus its mean on generated ones. Arjovsky et al. 2017, equation 2.

    This is a distance only where the critic's slope is bounded: add a penalty (wgan_gp, weight_clipping)
    or spectral normalisation.
    """

    zero_sum: ClassVar[bool] = True

    critic = True

    def generator(self, real: Tensor, fake: Tensor) -> Tensor:
        """-E f(G(z))."""
        return -fake.mean()

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        """E f(G(z)) - E f(x)."""
        return fake.mean() - real.mean()


@dataclass(frozen=True, kw_only=True)
class LeastSquares(Loss):
    """Squared distances of the output from labels. Mao et al. 2017, equation 2; labels of equation 9."""

    critic = True

    fake_label: float = 0.0
    real_label: float = 1.0
    generator_label: float = 1.0

    def generator(self, real: Tensor, fake: Tensor) -> Tensor:
        """E (D(G(z)) - c)^2 / 2."""
        return ((fake - self.generator_label) ** 2).mean() / 2

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        """E (D(x) - b)^2 / 2 + E (D(G(z)) - a)^2 / 2."""
        return ((real - self.real_label) ** 2).mean() / 2 + ((fake - self.fake_label) ** 2).mean() / 2


@dataclass(frozen=True, kw_only=True)
class Hinge(Wasserstein):
    """The discriminator stops caring beyond a margin of 1. Miyato et al. 2018, equations 16 and 17."""

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        """E max(0, 1 - D(x)) + E max(0, 1 + D(G(z)))."""
        return relu(1 - real).mean() + relu(1 + fake).mean()


@dataclass(frozen=True, kw_only=True)
class RelativisticPaired(Loss):
    """The discriminator compares real with generated curves, pair by pair.

    RpGAN: Jolicoeur-Martineau 2018, section 4.1; the loss of R3GAN (Huang et al. 2024, equation 2).
    """

    critic = True

    def generator(self, real: Tensor, fake: Tensor) -> Tensor:
        """-E log sigmoid(D(G(z)) - D(x))."""
        return softplus(real - fake).mean()

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        """-E log sigmoid(D(x) - D(G(z)))."""
        return softplus(fake - real).mean()


@dataclass(frozen=True, kw_only=True)
class RelativisticAverage(Loss):
    """The discriminator compares each curve with the mean of the other kind.

    RaGAN: Jolicoeur-Martineau 2018, section 4.2.
    """

    critic = True

    def generator(self, real: Tensor, fake: Tensor) -> Tensor:
        """-E log sigmoid(D(G(z)) - E D(x)) - E log(1 - sigmoid(D(x) - E D(G(z))))."""
        return self.discriminator(fake, real)

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        """-E log sigmoid(D(x) - E D(G(z))) - E log(1 - sigmoid(D(G(z)) - E D(x)))."""
        return softplus(fake.mean() - real).mean() + softplus(fake - real.mean()).mean()


def bounded_exp(l: Tensor) -> Tensor:  # noqa: E741
    """exp(l) up to l = STEEPEST, then the tangent at that point, so that float32 never overflows."""
    return torch.exp(l.clamp(max=STEEPEST)) * (1 + relu(l - STEEPEST))


@dataclass(frozen=True, kw_only=True)
class KullbackLeibler(Loss):
    """F = E T(x) - E f*(T(G(z))), at best KL(p_data || p_g). Nowozin et al. 2016, equation 4, table 2.

    T = 1 + l and f*(T) = exp(T - 1), so at the optimum l = log(p_data / p_g) and sigmoid(l) is the
    D* of the original game. Both players play for F itself. The exponential is `bounded_exp`.
    """

    zero_sum: ClassVar[bool] = True

    def generator(self, real: Tensor, fake: Tensor) -> Tensor:
        """-E exp(l(G(z)))."""
        return -bounded_exp(fake).mean()

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        """-F = E exp(l(G(z))) - E l(x) - 1."""
        return bounded_exp(fake).mean() - real.mean() - 1


@dataclass(frozen=True, kw_only=True)
class ReverseKullbackLeibler(Loss):
    """F at best KL(p_g || p_data). Nowozin et al. 2016, equation 4, table 2.

    T = -exp(-l) and f*(T) = -1 - log(-T) = l - 1, so at the optimum l = log(p_data / p_g). The
    exponential is `bounded_exp`.
    """

    zero_sum: ClassVar[bool] = True

    def generator(self, real: Tensor, fake: Tensor) -> Tensor:
        """1 - E l(G(z))."""
        return 1 - fake.mean()

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        """-F = E exp(-l(x)) + E l(G(z)) - 1."""
        return bounded_exp(-real).mean() + fake.mean() - 1


@dataclass(frozen=True, kw_only=True)
class JensenShannon(Loss):
    """F at best 2 JSD(p_data, p_g): the original game's V + log 4. Nowozin et al. 2016, table 2.

    T = log 2 + log sigmoid(l) and f*(T) = -log(2 - exp(T)) = softplus(l) - log 2. Same gradients
    as minimax; its losses are 0 when the discriminator is undecided.
    """

    zero_sum: ClassVar[bool] = True

    def generator(self, real: Tensor, fake: Tensor) -> Tensor:
        """E (log 2 - softplus(l(G(z))))."""
        return math.log(2) - softplus(fake).mean()

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        """-F = -V - log 4."""
        return -value(real, fake) - math.log(4)
