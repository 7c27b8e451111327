"""Values of runs for the tests of the referee."""

import numpy as np


def drawn(seed: int, factor: float = 1.0, runs: int = 8, spread: float = 0.2) -> dict[int, float]:
    """Log-normal values of some seeds."""
    normal = np.random.default_rng(seed).standard_normal(runs)
    return dict(enumerate((factor * 0.03 * np.exp(spread * normal)).tolist()))
