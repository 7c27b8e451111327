"""D against D* and V against 2 JSD - log 4, the generator being frozen. Goodfellow et al. 2014."""

import math
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.integrate import trapezoid

from sinegan.report.load import load_samples
from sinegan.report.referee.statistics import last_share_mean
from sinegan.report.sweep import Sweep
from sinegan.theory.common import Row, Settings, kind, outcome, runs_of, update

AGREES = 0.02
"""Largest distance of D from D* (root mean square) and of V from its value that sampling explains."""


def applies(settings: Settings) -> bool:
    """Applies to an affine generator, whose samples are gaussian, and a gaussian target."""
    return kind(settings["network"]) == "Affine" and kind(settings["target"]) == "Gaussian"


def rows(sweep: Sweep, chosen: Sequence[Row]) -> Iterator[Row]:
    """D against D* = p_data / (p_data + p_g) on the generated samples, and V against 2 JSD - log 4."""
    for about in chosen:
        yield from _rows(sweep, about, sweep.settings[about["configuration"]])


def _rows(sweep: Sweep, about: Row, settings: Settings) -> Iterator[Row]:
    target, network = settings["target"], settings["network"]
    real = normal(target["mean"], target["std"])
    generated = normal(network["shift"], abs(network["scale"]))
    distance = abs(network["shift"] - target["mean"])
    game = {"variant": f"gaussians {distance:g} apart", "update": update(settings)}
    samples = load_samples(Path(about["folder"]))
    if samples is not None and len(samples["curves"]):
        x, probability = samples["curves"][:, :, 0].astype(float), samples["probability"]
        error = math.sqrt(((probability - real(x) / (real(x) + generated(x))) ** 2).mean())
        row = outcome(f"below {AGREES:g}", f"{error:.4f}", error < AGREES)
        yield {"check": "D - D*, root mean square"} | game | row
    values = [last_share_mean(run["value"]) for _, run in runs_of(sweep, about, "value")]
    if values:
        best, reached = value_at_optimum(real, generated), float(np.mean(values))
        row = outcome(f"{best:.4f}", f"{reached:.4f}", abs(reached - best) < AGREES)
        yield {"check": "V = 2 JSD - log 4"} | game | row


Density = Callable[[NDArray[Any]], NDArray[Any]]


def normal(mean: float, std: float) -> Density:
    """The density of a gaussian."""
    return lambda x: np.exp(-((x - mean) ** 2) / (2 * std**2)) / (std * math.sqrt(2 * math.pi))


def value_at_optimum(real: Density, generated: Density) -> float:
    """2 JSD - log 4: the integral of p log(p / (p + q)) + q log(q / (p + q)).

    Goodfellow et al. 2014, theorem 1. For densities that are negligible beyond 40.
    """
    x = np.linspace(-40, 40, 400_001)
    p, q = real(x), generated(x)
    total = np.maximum(p + q, np.finfo(float).tiny)
    parts = [np.where(each > 0, each * np.log(np.maximum(each, 1e-300) / total), 0) for each in (p, q)]
    return float(trapezoid(parts[0] + parts[1], x))
