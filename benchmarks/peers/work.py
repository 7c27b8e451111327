"""Shared by all peers: the sizes of the original's networks, its data and batch, and the RMSE."""

from collections.abc import Callable
from typing import Any

import numpy as np

LATENT, POINTS, BATCH = 5, 16, 64
G_SIZES = (LATENT, 64, 128, POINTS)
D_SIZES = (POINTS, 64, 256, 1)
EVALUATIONS = 256

Training = Callable[[], Callable[[], "np.ndarray[Any, Any]"]]
"""Trains runs, which is timed, and returns a function that gives the RMSE of each, shape (runs,)."""


def real_curve() -> "np.ndarray[Any, Any]":
    return np.sin(np.linspace(0, 2 * np.pi, POINTS)).astype(np.float32)


def rmse(curves: "np.ndarray[Any, Any]") -> "np.ndarray[Any, Any]":
    """The mean RMSE of the samples of each run: curves (runs, samples, points) -> (runs,)."""
    return np.sqrt(((curves - real_curve()) ** 2).mean(-1)).mean(-1)
