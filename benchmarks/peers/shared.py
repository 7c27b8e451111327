"""Shared by all peers: the sizes of the original's networks, its data and batch, and the RMSE."""

from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.works import CURVE_POINTS, LATENT, ORIGINAL

POINTS, BATCH = CURVE_POINTS, ORIGINAL.batch
G_SIZES, D_SIZES = ORIGINAL.generator_sizes, ORIGINAL.discriminator_sizes
EVALUATIONS = 256

__all__ = ["BATCH", "D_SIZES", "EVALUATIONS", "G_SIZES", "LATENT", "POINTS", "Training", "real_curve", "rmse"]

Training = Callable[[], Callable[[], "np.ndarray[Any, Any]"]]
"""Trains runs, which is timed, and returns a function that gives the RMSE of each, shape (runs,)."""


def real_curve() -> "np.ndarray[Any, Any]":
    return np.sin(np.linspace(0, 2 * np.pi, POINTS)).astype(np.float32)


def rmse(curves: "np.ndarray[Any, Any]") -> "np.ndarray[Any, Any]":
    """The mean RMSE of the samples of each run: curves (runs, samples, points) -> (runs,).

    It is NaN where the samples are no curves of the original's length.
    """
    if curves.shape[-1] != POINTS:
        return np.full(len(curves), np.nan)
    return np.sqrt(((curves - real_curve()) ** 2).mean(-1)).mean(-1)
