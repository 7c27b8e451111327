"""The verdicts on the gradient of a frozen generator follow from its measured norms."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from sinegan.report.sweep import Sweep
from sinegan.theory.checks import theory_pictures, theory_rows
from sinegan.theory.vanishing import applies, noise

SEEDS = 4
EVALUATIONS = 100


def settings(loss: str, generator_lr: float = 0.0) -> dict[str, Any]:
    return {
        "target": {"_target_": "sinegan.game.targets.Sine"},
        "network": {"_target_": "sinegan.game.networks.Network"},
        "loss": {"_target_": f"sinegan.game.losses.{loss}"},
        "penalty": {},
        "optim": {"generator_lr": generator_lr, "discriminator_lr": 1e-3},
        "training": {"updates": "simultaneous", "discriminator_steps": 1},
    }


def sweep(tmp_path: Path, loss: str, end: float, jitter: tuple[float, float] = (0.0, 0.0)) -> Sweep:
    """A sweep with norms on a straight line from 2 to `end`. jitter: of the first and the second half."""
    line = np.linspace(2, end, EVALUATIONS)
    runs = []
    for seed in range(SEEDS):
        sizes = np.repeat(jitter, EVALUATIONS // 2)
        # Seeds differ in scale alone, so a ratio within a run has no spread but the jitter's.
        norms = (1 + seed) * (line + sizes * np.random.default_rng(seed).standard_normal(EVALUATIONS))
        runs.append(pd.DataFrame({"seed": seed, "generator_gradient": norms}))
    history = pd.concat(runs).assign(configuration="0")
    history["step"] = np.tile(20 * np.arange(EVALUATIONS), SEEDS)
    about = pd.DataFrame([{"configuration": "0", "folder": str(tmp_path / "0")}])
    return Sweep(tmp_path, [], about, pd.DataFrame(), history, {"0": settings(loss)}, {})


def verdicts(found: Sweep) -> list[tuple[str, bool]]:
    return [(row["found"].split(",")[0], row["holds"]) for row in theory_rows(found)]


def test_the_noise_of_a_series_is_its_scatter_around_a_trend() -> None:
    assert noise(3 + 7 * np.arange(10.0)) == pytest.approx(0, abs=1e-12)
    # Second differences of 0, 1, 0, 1: -2 and 2; the root of 4 / 6.
    assert noise([0, 1, 0, 1]) == pytest.approx((4 / 6) ** 0.5)
    scatter = np.random.default_rng(0).normal(0, 0.3, 20_000)
    assert noise(5 * np.arange(20_000) + scatter) == pytest.approx(0.3, rel=0.03)


def test_the_check_of_minimax_holds_when_its_gradient_norm_vanishes(tmp_path: Path) -> None:
    # The last fifth of a line from 2 to 0 lies at 0.19 on average; over 2 that is 0.096.
    assert verdicts(sweep(tmp_path, "Minimax", 0.0)) == [("0.096", False)]
    fallen = sweep(tmp_path, "Minimax", 1e-4)
    late = fallen.history["step"] > 1_000
    fallen.history.loc[late, "generator_gradient"] *= 1e-3
    ((_, holds),) = verdicts(fallen)
    assert holds


def test_the_check_of_non_saturating_holds_when_norm_and_noise_grow(tmp_path: Path) -> None:
    (norm, grown), (_, noisier) = verdicts(sweep(tmp_path, "NonSaturating", 40.0, (0.1, 0.5)))
    # The last fifth of a line from 2 to 40 lies at 36.4 on average (over 2: 18.2).
    assert float(norm) == pytest.approx(18.2, rel=0.1)
    assert (grown, noisier) == (True, True)
    for end, jitter, holds in [(40.0, (0.3, 0.3), [True, False]), (0.5, (0.01, 0.1), [False, True])]:
        found = verdicts(sweep(tmp_path, "NonSaturating", end, jitter))
        assert [verdict for _, verdict in found] == holds


def test_the_check_of_vanishing_gradients_applies_to_frozen_generators_alone() -> None:
    assert applies(settings("Minimax"))
    assert not applies(settings("Minimax", generator_lr=1e-4))
    assert not applies(settings("Hinge"))


def test_the_picture_of_vanishing_gradients_has_norm_and_noise_of_every_run(tmp_path: Path) -> None:
    found = sweep(tmp_path, "NonSaturating", 40.0, (0.1, 0.5))
    figure = theory_pictures(found)["vanishing_gradient"]
    norm, below = figure.axes
    assert (norm.get_title(loc="left"), norm.get_ylabel(), below.get_ylabel()) == ("Sine", "norm", "noise")
    assert [len(axes.lines) for axes in figure.axes] == [SEEDS, SEEDS]
    first = found.history[found.history["seed"] == 0]
    np.testing.assert_array_equal(norm.lines[0].get_ydata(), first["generator_gradient"])
    assert norm.get_yscale() == below.get_yscale() == "log"
