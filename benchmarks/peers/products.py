"""The bound: the matrix products of a step as the original makes them, by torch, and nothing else.

The generator has one pass forward and one back; the discriminator has two passes forward (real and fake),
two back to its weights, and one back to the fakes. The passes back to weights do not go to the first
layer's input; the one to the fakes does not go to the weights. 19.6 MFLOP a run-step.
"""

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from torch import Tensor

from benchmarks.peers.shared import BATCH, D_SIZES, G_SIZES, Training
from benchmarks.works import Work


def products(runs: int) -> list[Callable[[], Any]]:
    """The products of one step of this many runs."""
    step: list[Callable[[], Any]] = []
    passes = ((G_SIZES, 1, 1, 0), (D_SIZES, 2, 2, 1))
    for sizes, forwards, backs, to_input in passes:
        for place, (a, b) in enumerate(pairwise(sizes)):
            x, w, g = (torch.randn(runs, *shape) for shape in ((BATCH, a), (b, a), (BATCH, b)))
            y, dx, dw = torch.empty(runs, BATCH, b), torch.empty(runs, BATCH, a), torch.empty(runs, b, a)
            chains = to_input + (backs if place else 0)

            def forward(x: Tensor = x, w: Tensor = w, y: Tensor = y) -> Any:
                return torch.bmm(x, w.transpose(1, 2), out=y)

            def back(g: Tensor = g, w: Tensor = w, dx: Tensor = dx) -> Any:
                return torch.bmm(g, w, out=dx)

            def to_weights(g: Tensor = g, x: Tensor = x, dw: Tensor = dw) -> Any:
                return torch.bmm(g.transpose(1, 2), x, out=dw)

            step += [forward] * forwards + [back] * chains + [to_weights] * backs
    return step


def prepare(work: Work, learning_rates: list[float], steps: int, lanes: int) -> Training:
    """Prepares the products of all runs, `lanes` of them at a time; they have no RMSE."""
    del work
    chunks = [len(learning_rates[first : first + lanes]) for first in range(0, len(learning_rates), lanes)]
    work = {runs: products(runs) for runs in set(chunks)}
    for each in work.values():
        for product in each * 50:
            product()

    def train() -> Callable[[], Any]:
        for runs in chunks:
            for _ in range(steps):
                for product in work[runs]:
                    product()
        return lambda: np.full(len(learning_rates), np.nan)

    return train
