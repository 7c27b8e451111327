"""The comparison table, and what else is known of each configuration, as a hand would compute them."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sinegan.report.load import load_sweep
from sinegan.report.referee.analysis import Analysis
from sinegan.report.referee.estimates import theory_table
from sinegan.storage.results import records

FileConfiguration = Callable[..., Path]
Seal = Callable[[Path], None]

COLUMNS = ["n", "failed", "diverged", "estimate", "low", "high", "median", "seconds", "rank", "tie_group"]
GOOD = {0: [9.0] * 8 + [0.5, 1.5], 1: [9.0] * 8 + [2.0, 2.0], 2: [9.0] * 8 + [5.0, 3.0]}
"""Three seeds and ten evaluations each; the means of the last fifth are 1, 2 and 4."""
HALF = 4.302652729749462 * math.log(2) / math.sqrt(3)
"""Half the width of their interval on the log scale."""


def row(folder: Path, configuration: str = "0") -> dict[str, Any]:
    sweep = load_sweep(folder)
    names = sweep.configurations["configuration"].tolist()
    return records(Analysis(sweep).table)[names.index(configuration)]


def test_the_comparison_table_is_what_a_hand_would_compute(
    tmp_path: Path, file_configuration: FileConfiguration
) -> None:
    file_configuration(tmp_path / "0", ["loss=minimax", "optim.lr=0.1", "seeds=3"], GOOD, seconds=2.5)
    file_configuration(
        tmp_path / "1", ["loss=other", "optim.lr=0.2", "seeds=3"], {0: [0.125], 1: [0.25], 2: [0.5]}
    )
    sweep = load_sweep(tmp_path)
    table = Analysis(sweep).table
    assert list(table) == ["loss", "optim.lr", *COLUMNS]
    expected = [
        ["minimax", "0.1", 3, 0, 0, 2, 2 * math.exp(-HALF), 2 * math.exp(HALF), 2, 7.5, 2, 2],
        ["other", "0.2", 3, 0, 0, 0.25, 0.25 * math.exp(-HALF), 0.25 * math.exp(HALF), 0.25, 6, 1, 1],
    ]
    for found, wanted in zip(table.to_numpy().tolist(), expected, strict=True):
        assert found[:5] == wanted[:5]
        assert found[5:] == pytest.approx(wanted[5:], rel=1e-9)


def test_the_metric_is_a_column_only_where_configurations_differ_in_it(
    tmp_path: Path, file_configuration: FileConfiguration
) -> None:
    file_configuration(tmp_path / "0", ["target=sine"], {0: [0.5]})
    file_configuration(tmp_path / "1", ["target=noisy_sine"], {0: [-0.25]}, metric="energy_distance")
    table = Analysis(load_sweep(tmp_path)).table
    assert list(table) == ["target", "metric", *COLUMNS]
    assert table["metric"].tolist() == ["rmse", "energy_distance"]
    assert table["estimate"].tolist() == [0.5, -0.25]


@pytest.mark.parametrize("status", ["diverged", "failed"])
def test_a_lost_run_is_counted_and_not_in_the_estimate(
    tmp_path: Path, file_configuration: FileConfiguration, status: str
) -> None:
    lost = {3: [100.0], 4: []}
    file_configuration(tmp_path / "0", ["a=1"], {**GOOD, **lost}, status=dict.fromkeys(lost, status))
    found = row(tmp_path)
    other = "failed" if status == "diverged" else "diverged"
    assert (found["n"], found[status], found[other]) == (3, 2, 0)
    assert (found["estimate"], found["median"]) == pytest.approx((2, 2))
    assert found["low"] == pytest.approx(2 * math.exp(-HALF))
    assert found["seconds"] == 10


def test_a_run_that_stopped_has_ended_well(tmp_path: Path, file_configuration: FileConfiguration) -> None:
    file_configuration(tmp_path / "0", ["a=1"], GOOD, status={1: "stopped"})
    assert row(tmp_path)["n"] == 3


def test_the_distance_from_the_optimum_is_the_median_over_runs_that_ended_well(
    tmp_path: Path, file_configuration: FileConfiguration, seal: Seal
) -> None:
    folder = file_configuration(tmp_path / "0", ["a=1"], GOOD | {3: [1.0]}, status={3: "diverged"})
    rows = ["seed,step,rmse,d_real,d_fake,value,value_gap"]
    for seed, d_real in ((0, 0.5), (1, 4.0), (2, 0.625), (3, 9.0)):
        rows += [f"{seed},{step},1,0,0,0,0" for step in range(0, 80, 10)]
        rows += [f"{seed},80,1,{d_real - 0.125},0.25,-2,1", f"{seed},90,1,{d_real + 0.125},0.5,-1,3"]
    (folder / "history.csv").write_text("\n".join(rows))
    seal(folder)
    file_configuration(tmp_path / "1", ["a=2"], {0: [1.0]}, status={0: "failed"})
    table = theory_table(load_sweep(tmp_path))
    assert records(table) == [{"a": "1", "d_real": 0.625, "d_fake": 0.375, "value": -1.5, "value_gap": 2.0}]


def test_without_a_run_that_ended_well_there_is_no_distance(
    tmp_path: Path, file_configuration: FileConfiguration
) -> None:
    file_configuration(tmp_path / "0", ["a=1"], {0: [1.0]}, status={0: "diverged"})
    file_configuration(tmp_path / "1", ["a=2"], {0: [1.0]}, status={0: "failed"})
    table = theory_table(load_sweep(tmp_path))
    assert table.empty
    assert list(table) == ["a", "d_real", "d_fake", "value", "value_gap"]
