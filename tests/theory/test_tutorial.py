"""The verdicts on the tutorial: medians within the range of the original script, losses by pairs."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from sinegan.report.sweep import Sweep
from sinegan.theory.checks import theory_rows
from sinegan.theory.tutorial import applies

SEEDS = 8


def settings(loss: str) -> dict[str, Any]:
    return {
        "target": {"_target_": "a.Sine", "points": 16, "amplitude": 1.0, "frequency": 1.0},
        "network": {
            "_target_": "a.Network", "latent": 5, "generator": [64, 128], "discriminator": [64, 256],
        },
        "loss": {"_target_": f"a.{loss}"},
        "penalty": {},
        "optim": {"_target_": "a.Adam", "generator_lr": 1e-4, "discriminator_lr": 1e-4},
        "training": {
            "updates": "simultaneous", "discriminator_steps": 1, "steps": 10_000, "batch_size": 64,
        },
    }  # fmt: skip


def sweep(tmp_path: Path, early: float, late: float, probability: float = 0.5) -> Sweep:
    """Minimax against non-saturating, whose RMSE is less by these factors at step 1,000 and at the end."""
    rows = []
    for place, loss in enumerate(["Minimax", "NonSaturating"]):
        for seed in range(SEEDS):
            own = np.exp(0.3 * np.random.default_rng(seed).standard_normal())
            own *= np.exp(0.02 * np.random.default_rng(100 * place + seed).standard_normal())
            for step, value, factor in [(0, 0.7, 1.0), (1_000, 0.08, early), (10_000, 0.03, late)]:
                rmse = own * value * (factor if loss == "Minimax" else 1)
                rows.append([str(place), seed, step, rmse, probability, probability])
    columns = ["configuration", "seed", "step", "rmse", "d_real", "d_fake"]
    about = pd.DataFrame([{"configuration": str(place), "folder": ""} for place in range(2)])
    known = {"0": settings("Minimax"), "1": settings("NonSaturating")}
    return Sweep(tmp_path, [], about, pd.DataFrame(), pd.DataFrame(rows, columns=columns), known, {})


def by_check(found: Sweep) -> dict[tuple[str, str], dict[str, Any]]:
    return {(row["check"], row["variant"]): row for row in theory_rows(found)}


def test_final_medians_are_compared_with_those_of_the_original_script(tmp_path: Path) -> None:
    found = by_check(sweep(tmp_path, early=1.0, late=1.0, probability=0.5))
    for name in ("Minimax", "NonSaturating"):
        assert found["tutorial, rmse at the end", name]["holds"]
        assert found["tutorial, d_real at the end", name]["found"] == "median 0.5 (0.5 to 0.5, 8 runs)"
    # The median is 2.3 times 0.0316, the smallest 2.3 times 0.0232.
    far = by_check(sweep(tmp_path, early=1.0, late=2.3, probability=0.6))
    assert not far["tutorial, rmse at the end", "Minimax"]["holds"]
    assert far["tutorial, rmse at the end", "NonSaturating"]["holds"]
    assert not far["tutorial, d_fake at the end", "Minimax"]["holds"]


@pytest.mark.parametrize(
    ("early", "late", "holds"),
    [(1.5, 1.0, (True, True)), (1.0, 1.5, (False, False)), (0.5, 1.0, (False, True))],
)
def test_losses_are_compared_by_pairs_of_seeds_early_and_late(
    tmp_path: Path, early: float, late: float, holds: tuple[bool, bool]
) -> None:
    rows = theory_rows(sweep(tmp_path, early, late))[-2:]
    assert tuple(row["holds"] for row in rows) == holds
    # Seeds differ by 30 %, but the same seed by 3 % with either loss: pairs tell it.
    for row, factor in zip(rows, (early, late), strict=True):
        assert float(row["found"].split(",")[0]) == pytest.approx(factor, rel=0.05)
        assert "8 pairs" in row["found"]
    assert [row["check"].split(" ")[2] for row in rows] == ["early", "late"]
    assert ("not separated" in rows[1]["found"]) == (late == 1.0)


def test_runs_that_ended_early_and_single_losses_are_not_compared(tmp_path: Path) -> None:
    found = sweep(tmp_path, 1.0, 1.0)
    lost = (
        (found.history["configuration"] == "0") & (found.history["seed"] == 3) & (found.history["step"] > 0)
    )
    short = Sweep(tmp_path, [], found.configurations, found.runs, found.history[~lost], found.settings, {})
    rows = theory_rows(short)
    assert rows[0]["found"].endswith("7 runs)")
    assert "7 pairs" in rows[-1]["found"]
    alone = Sweep(tmp_path, [], found.configurations.head(1), found.runs, found.history, found.settings, {})
    assert len(theory_rows(alone)) == 3


@pytest.mark.parametrize(
    ("group", "key", "value"),
    [("training", "steps", 5_000), ("optim", "generator_lr", 0.0), ("network", "generator", [16, 32])],
)
def test_the_tutorial_check_applies_to_the_settings_of_the_tutorial_alone(
    group: str, key: str, value: Any
) -> None:
    known = settings("Minimax")
    assert applies(known)
    assert not applies(known | {group: known[group] | {key: value}})
    assert not applies(settings("Hinge"))
