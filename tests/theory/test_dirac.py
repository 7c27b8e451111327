"""The checks of the Dirac-GAN: their expectations follow from theory, their verdicts from the runs."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from sinegan.report.sweep import Sweep
from sinegan.theory.checks import theory_pictures, theory_rows
from sinegan.theory.common import update, variant
from sinegan.theory.dirac import r1_rate, rate
from sinegan.theory.optimum import normal, value_at_optimum


def settings(loss: str = "NonSaturating", updates: str = "simultaneous", steps: int = 1) -> dict[str, Any]:
    return {
        "network": {"_target_": "sinegan.game.toy_networks.Dirac"},
        "loss": {"_target_": f"sinegan.game.losses.{loss}"},
        "penalty": {"r1": {"_target_": "sinegan.game.penalties.R1", "gamma": 0.3}},
        "optim": {"generator_lr": 0.2, "discriminator_lr": 0.2},
        "training": {"updates": updates, "discriminator_steps": steps},
    }


def test_the_convergence_rate_with_r1_is_that_worked_out_by_hand() -> None:
    # [[1, 0.1], [-0.1, 0.94]] has complex eigenvalues: the root of its determinant 0.95.
    assert r1_rate(settings()) == pytest.approx(math.sqrt(0.95))
    # One after the other the determinants multiply: 1 * 0.94.
    assert r1_rate(settings(updates="alternating")) == pytest.approx(math.sqrt(0.94))
    assert r1_rate(settings(steps=3)) == pytest.approx(math.sqrt(0.95 * 0.94**2), rel=0.05)


def test_the_convergence_rate_is_measured_where_the_distance_is_small() -> None:
    steps = np.arange(0, 400, 4)
    distance = np.where(steps < 100, 1.0, 1e-2 * 0.95 ** (steps - 99.0))
    assert rate(steps, distance) == pytest.approx(0.95)
    assert math.isnan(rate(steps, np.ones(100)))


def test_the_optimal_value_is_minus_log_4_for_equal_gaussians_and_0_for_distant_ones() -> None:
    assert value_at_optimum(normal(0, 1), normal(0, 1)) == pytest.approx(-math.log(4))
    assert value_at_optimum(normal(-15, 1), normal(15, 1)) == pytest.approx(0, abs=1e-9)
    # Two gaussians of the same mean: the Jensen-Shannon divergence is symmetric.
    narrow, wide = normal(0, 1), normal(0, 2)
    one, other = value_at_optimum(narrow, wide), value_at_optimum(wide, narrow)
    assert one == pytest.approx(other)
    assert -math.log(4) < one < 0


def sweep(tmp_path: Path, distances: list[float], known: dict[str, Any]) -> Sweep:
    about = {"configuration": "0", "folder": str(tmp_path / "0")}
    history = pd.DataFrame(
        {
            "configuration": "0",
            "seed": 0,
            "step": np.arange(len(distances)),
            "theta": 0.6 * np.array(distances),
            "psi": -0.8 * np.array(distances),
        }
    )
    return Sweep(tmp_path, [], pd.DataFrame([about]), pd.DataFrame(), history, {"0": known}, {})


def test_a_path_near_the_equilibrium_converges_and_a_distant_one_does_not(tmp_path: Path) -> None:
    def verdicts(distances: list[float], loss: str) -> list[tuple[str, str, bool]]:
        found = theory_rows(sweep(tmp_path, distances, settings(loss)))
        return [(row["check"], row["found"], row["holds"]) for row in found]

    slope = math.sqrt(0.95)
    near = [slope**step for step in range(400)]
    assert verdicts(near, "NonSaturating") == [
        ("Dirac-GAN", "converges", True),
        ("Dirac-GAN, factor a step", f"{slope:.4f}", True),
    ]
    slow = [0.9**step for step in range(400)]
    assert verdicts(slow, "Minimax")[1] == ("Dirac-GAN, factor a step", "0.9000", False)
    assert verdicts([1.0] * 100, "NonSaturating")[0] == ("Dirac-GAN", "does not converge", False)
    assert verdicts([1.0] * 100, "Hinge") == [], "nothing is known of the hinge loss with R1"


def test_a_sweep_without_theory_has_no_rows_and_no_pictures(tmp_path: Path) -> None:
    known = settings() | {"network": {"_target_": "sinegan.game.networks.Network"}}
    assert theory_rows(sweep(tmp_path, [1.0], known)) == []
    found = sweep(tmp_path, [1.0], known)
    bare = Sweep(
        found.folder,
        [],
        found.configurations,
        found.runs,
        found.history.drop(columns=["theta", "psi"]),
        found.settings,
        {},
    )
    assert theory_pictures(bare) == {}


def test_the_phase_plane_shows_each_path_to_its_end(tmp_path: Path) -> None:
    figure = theory_pictures(sweep(tmp_path, [1.0, 0.5, 0.25], settings()))["phase_plane"]
    (axes,) = figure.axes
    assert axes.get_title(loc="left") == "NonSaturating,\nr1 gamma=0.3"
    path, end, _ = axes.get_lines()
    np.testing.assert_allclose(path.get_xydata(), [[0.6, -0.8], [0.3, -0.4], [0.15, -0.2]])
    np.testing.assert_allclose(end.get_xydata(), [[0.15, -0.2]])


def test_variants_and_updates_are_described_in_words() -> None:
    assert variant(settings("Minimax")) == "Minimax, r1 gamma=0.3"
    assert [update(settings(steps=steps)) for steps in (1, 5)] == [
        "simultaneous, 1 D step",
        "simultaneous, 5 D steps",
    ]
