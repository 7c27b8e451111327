"""The verdicts on modes and quality follow from what was measured and what was published."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from sinegan.report.tables import Sweep
from sinegan.report.theory.checks import theory_rows
from sinegan.report.theory.modes import PUBLISHED, applies


def settings(loss: str, penalty: bool = False) -> dict[str, Any]:
    return {
        "target": {"_target_": "a.GaussianRing", "gaussians": 8, "radius": 1.0, "std": 0.01},
        "network": {"_target_": "a.Network"},
        "loss": {"_target_": f"a.{loss}"},
        "penalty": {"r1": {"_target_": "a.R1", "gamma": 0.1}} if penalty else {},
        "training": {"updates": "simultaneous", "discriminator_steps": 1},
    }


def sweep(tmp_path: Path, modes: dict[str, list[float]], quality: float = 0.98) -> Sweep:
    """modes: of each seed at the end, by loss, with a star where there is a penalty."""
    rows = []
    for name, mine in modes.items():
        for seed, count in enumerate(mine):
            for step, share in [(0, 0.0), (100, 1.0)]:  # the last fifth is the last evaluation
                rows.append([name, seed, step, share * count, share * (quality + 0.001 * seed)])
    history = pd.DataFrame(rows, columns=["configuration", "seed", "step", "modes", "high_quality"])
    about = pd.DataFrame([{"configuration": name, "folder": ""} for name in modes])
    known = {name: settings(name.strip("*"), "*" in name) for name in modes}
    return Sweep(tmp_path, [], about, pd.DataFrame(), history, known, {})


def test_without_penalty_modes_and_quality_stand_beside_the_published_ones(tmp_path: Path) -> None:
    lost, good = theory_rows(sweep(tmp_path, {"NonSaturating": [5, 6, 7, 6]}))
    # Mean 6, standard error sqrt(2/3) / 2, t of 3 degrees 3.18: 6 +- 1.30.
    assert lost["found"] == "6, 4.7 to 7.3"
    assert lost["expected"] == "fewer than 8 (PacGAN's GAN: 6.3 ± 0.5)"
    assert lost["holds"]
    assert good["expected"].startswith("0.978 to 0.986")
    assert good["holds"]
    kept, bad = theory_rows(sweep(tmp_path, {"NonSaturating": [8, 8, 8, 8]}, quality=0.6))
    assert not kept["holds"]
    assert not bad["holds"]
    one, _ = theory_rows(sweep(tmp_path, {"NonSaturating": [5]}))
    assert not one["holds"], "one seed says nothing"


@pytest.mark.parametrize(
    ("with_penalty", "holds", "words"),
    [
        ([7, 8, 8, 8], True, "2.75, 1.95 to 3.55 (separated"),
        ([5, 5, 5, 5], False, "0, 0 to 0 (not separated"),
        ([2, 3, 2, 2], False, "-2.75, -3.55 to -1.95 (separated"),
    ],
)
def test_a_penalty_is_held_against_the_same_seeds_without(
    tmp_path: Path, with_penalty: list[float], holds: bool, words: str
) -> None:
    found = theory_rows(sweep(tmp_path, {"NonSaturating": [5, 5, 5, 5], "NonSaturating*": with_penalty}))
    gain = found[-1]
    assert gain["check"] == "modes, less those of NonSaturating alone"
    assert gain["variant"] == "GaussianRing: NonSaturating, r1 gamma=0.1"
    assert gain["holds"] == holds
    assert gain["found"].startswith(words)
    assert gain["found"].endswith("4 pairs)")


def test_another_mixture_is_not_theirs() -> None:
    known = settings("Hinge")
    assert applies(known)
    assert not applies(known | {"target": known["target"] | {"std": 0.1}})
    assert not applies(known | {"target": {"_target_": "a.Gaussian", "std": 0.01}})
    assert set(PUBLISHED) == {"GaussianRing", "GaussianGrid"}
