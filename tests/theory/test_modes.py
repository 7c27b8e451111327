"""The verdicts on modes and quality compare measured with published values."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from sinegan.report.sweep import Sweep
from sinegan.theory.checks import theory_rows
from sinegan.theory.modes import PUBLISHED, applies

GAMES: dict[str, tuple[str, dict[str, Any]]] = {
    "plain": ("NonSaturating", {}),
    "minimax": ("Minimax", {}),
    "r1": ("NonSaturating", {"r1": {"gamma": 0.1}}),
    "gradient penalty": ("Wasserstein", {"wgan_gp": {"gamma": 20.0}}),
    "pair": ("RelativisticPaired", {"r1": {"gamma": 0.1}, "r2": {"gamma": 0.1}}),
}


def settings(game: str) -> dict[str, Any]:
    loss, penalties = GAMES[game]
    return {
        "target": {"_target_": "a.GaussianRing", "gaussians": 8, "radius": 1.0, "std": 0.01},
        "network": {"_target_": "a.Network"},
        "loss": {"_target_": f"a.{loss}"},
        "penalty": penalties,
        "training": {"updates": "simultaneous", "discriminator_steps": 1},
    }


def sweep(tmp_path: Path, modes: dict[str, list[float]], quality: float = 0.98) -> Sweep:
    """A sweep of games. modes: for each game, the captured modes of each seed at the end."""
    rows = []
    for game, counts in modes.items():
        for seed, count in enumerate(counts):
            for step, share in [(0, 0.0), (100, 1.0)]:  # the last fifth is the last evaluation
                rows.append([game, seed, step, share * count, share * (quality + 0.001 * seed)])
    history = pd.DataFrame(rows, columns=["configuration", "seed", "step", "modes", "high_quality"])
    about = pd.DataFrame([{"configuration": game, "folder": ""} for game in modes])
    known = {game: settings(game) for game in modes}
    return Sweep(tmp_path, [], about, pd.DataFrame(), history, known, {})


def test_pacgan_expects_lost_modes_and_good_samples_without_penalty(tmp_path: Path) -> None:
    lost, good = theory_rows(sweep(tmp_path, {"plain": [5, 6, 7, 6]}))
    # Mean 6, standard error sqrt(2/3) / 2, t of 3 degrees 3.18: 6 +- 1.30.
    assert lost["variant"] == "GaussianRing: NonSaturating"
    assert lost["found"] == "6, 4.7 to 7.3"
    assert lost["expected"] == "fewer than 8 (PacGAN's GAN: 6.3 ± 0.5)"
    assert lost["holds"]
    # 0.980 to 0.983, mean 0.9815 +- 3.18 * 0.00129 / 2.
    assert good["found"] == "0.981, 0.979 to 0.984"
    assert good["expected"] == "no less than PacGAN's GAN: 0.982 ± 0.002"
    assert good["holds"]
    kept, bad = theory_rows(sweep(tmp_path, {"plain": [8, 8, 8, 8]}, quality=0.6))
    assert not kept["holds"]
    assert not bad["holds"]
    one, _ = theory_rows(sweep(tmp_path, {"plain": [5]}))
    assert not one["holds"], "one seed says nothing"


@pytest.mark.parametrize(
    ("modes", "holds"),
    [([8, 8, 8, 8], True), ([8, 8, 8, 7.9], True), ([8, 8, 8, 6], False), ([5, 5, 5], False), ([8], False)],
)
@pytest.mark.parametrize(
    ("game", "source"), [("gradient penalty", "Arjovsky et al. 2017"), ("pair", "Huang et al. 2024")]
)
def test_two_games_are_expected_to_keep_all_modes(
    tmp_path: Path, game: str, source: str, modes: list[float], holds: bool
) -> None:
    (kept,) = theory_rows(sweep(tmp_path, {game: modes}))
    assert kept["check"] == "modes"
    assert kept["expected"] == f"all 8, above 7.5 ({source})"
    assert kept["holds"] == holds


def test_other_games_have_no_expectation_on_modes(tmp_path: Path) -> None:
    assert theory_rows(sweep(tmp_path, {"minimax": [8, 8, 8], "r1": [8, 8, 8]})) == []


def test_the_check_of_modes_applies_to_the_mixtures_of_pacgan_alone() -> None:
    known = settings("plain")
    assert applies(known)
    assert not applies(known | {"target": known["target"] | {"std": 0.1}})
    assert not applies(known | {"target": {"_target_": "a.Gaussian", "std": 0.01}})
    assert set(PUBLISHED) == {"GaussianRing", "GaussianGrid"}
