"""One value a run: as the definitions of one series have it, with lost runs last."""

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from sinegan.report.labels import label, unique_labels
from sinegan.report.load import load_sweep
from sinegan.report.referee.run_values import UnknownNameError, objective, run_summaries, samples_of
from sinegan.report.referee.statistics import last_share_mean
from sinegan.storage.results import records

FileConfiguration = Callable[..., Path]

SERIES = {0: [8.0, 4.0, 1.0, 3.0, 2.0, 2.5], 1: [8.0, 0.5], 2: [10.0, 9.0, 9.0, 0.75, 0.5, 0.25, 0.5]}

GOOD = {0: [9.0] * 8 + [0.5, 1.5], 1: [9.0] * 8 + [2.0, 2.0], 2: [9.0] * 8 + [5.0, 3.0]}
"""Three seeds and ten evaluations each; the means of the last fifth are 1, 2 and 4."""


def test_summaries_of_all_runs_are_those_of_each_series(
    tmp_path: Path, file_configuration: FileConfiguration
) -> None:
    file_configuration(tmp_path / "0", ["a=1"], SERIES)
    file_configuration(tmp_path / "1", ["a=2"], {5: [6.0], 3: [0.1, 0.2]})
    sweep = load_sweep(tmp_path)
    found = {(row["configuration"], row["seed"]): row for row in records(run_summaries(sweep))}
    tolerance = 0.1 * np.median([8, 8, 10, 6, 0.1])  # of what the untrained have
    for (configuration, seed), row in found.items():
        series = np.array((SERIES if configuration == "0" else {5: [6.0], 3: [0.1, 0.2]})[seed])
        tail = series[-math.ceil(len(series) / 5) :]
        assert row["mean"] == pytest.approx(last_share_mean(series))
        assert (row["worst"], row["last"], row["best"]) == (tail.max(), series[-1], series.min())
        steps = 10 * np.arange(len(series))
        assert row["tolerance"] == pytest.approx(tolerance)
        above = np.flatnonzero(series > tolerance)
        held = above[-1] + 1 if above.size else 0
        assert row["steps_to_tolerance"] == (steps[held] if held < len(series) else math.inf)
    assert len(found) == 5
    assert found["0", 2]["steps_to_tolerance"] == 30
    assert found["0", 0]["steps_to_tolerance"] == math.inf


@pytest.mark.parametrize(
    ("series", "step"),
    [
        ([5, 1, 5, 1, 1], 30),  # held once, lost again, held to the end from 30 on
        ([1, 1, 1, 1, 1], 0),
        ([5, 5, 5, 5, 2], 40),  # on the tolerance
        ([1, 1, 1, 1, 5], math.inf),
        ([1, 1, 1, 1, math.nan], math.inf),
    ],
)
def test_a_tolerance_counts_from_where_it_is_held_to_the_end(
    tmp_path: Path, file_configuration: FileConfiguration, series: list[float], step: float
) -> None:
    file_configuration(tmp_path, [], {0: series})
    assert run_summaries(load_sweep(tmp_path), tolerance=2)["steps_to_tolerance"].tolist() == [step]


def test_a_lost_run_is_infinite_and_an_unfinished_one_is_not_there(
    tmp_path: Path, file_configuration: FileConfiguration
) -> None:
    values = {seed: [float(seed + 1)] for seed in range(5)}
    status = {1: "diverged", 2: "failed", 3: "unfinished", 4: "stopped"}
    file_configuration(tmp_path / "0", ["a=1"], values, status=status)
    file_configuration(tmp_path / "1", ["a=2"], {0: []}, status={0: "failed"})
    found = samples_of(load_sweep(tmp_path))
    assert found.values == {"a=1": {0: 1.0, 1: math.inf, 2: math.inf, 4: 5.0}, "a=2": {0: math.inf}}


def test_what_is_neither_good_nor_bad_is_not_ranked_and_has_no_worst(
    tmp_path: Path, file_configuration: FileConfiguration
) -> None:
    file_configuration(tmp_path / "0", ["a=1"], {0: [1.0], 1: [2.0]}, status={1: "diverged"})
    found = samples_of(load_sweep(tmp_path), "d_real")
    assert not found.ranked
    assert found.metric == "d_real"
    assert list(found.values.values()) == [{0: 0.5}]
    assert samples_of(load_sweep(tmp_path), "last").ranked


def test_a_target_without_the_metric_has_no_row_and_loses_no_run(
    tmp_path: Path, file_configuration: FileConfiguration
) -> None:
    values, both_failed = {0: [3.0], 1: [3.0]}, {0: "failed", 1: "failed"}
    for target, metric, status in (
        ("sine", "rmse", {}),
        ("ring", "energy_distance", {}),
        ("grid", "energy_distance", both_failed),
    ):
        file_configuration(
            tmp_path / target,
            [f"target={target}"],
            values,
            metric=metric,
            status=status,
            settings={"target": {"kind": target}},
        )
    found = samples_of(load_sweep(tmp_path), "energy_distance")
    assert found.values == {"target=grid": {0: math.inf, 1: math.inf}, "target=ring": {0: 3.0, 1: 3.0}}
    assert set(found.rows["target"]) == {"grid", "ring"}


def test_a_group_is_the_geometric_mean_over_the_rest_of_the_grid_seed_by_seed(
    tmp_path: Path, file_configuration: FileConfiguration
) -> None:
    for place, (a, b, values) in enumerate(
        [("x", "1", {0: [1.0], 1: [4.0]}), ("x", "2", {0: [4.0], 1: [9.0]}), ("y", "1", {0: [2.0], 1: [8.0]})]
    ):
        file_configuration(tmp_path / str(place), [f"a={a}", f"b={b}"], values)
    found = samples_of(load_sweep(tmp_path), by=["a"])
    assert found.keys == ["a"]
    assert found.values["a=x"] == pytest.approx({0: 2.0, 1: 6.0})
    assert found.values["a=y"] == pytest.approx({0: 2.0, 1: 8.0})


def test_in_a_group_a_lost_run_counts_as_the_worst_of_all(
    tmp_path: Path, file_configuration: FileConfiguration
) -> None:
    status = {0: "failed", 1: "failed"}
    file_configuration(tmp_path / "0", ["a=x", "b=1"], {0: [1.0], 1: [1.0]}, status=status)
    file_configuration(tmp_path / "1", ["a=x", "b=2"], {0: [4.0], 1: [1.0]}, status={1: "diverged"})
    file_configuration(tmp_path / "2", ["a=y", "b=1"], {0: [25.0], 1: [2.0]})
    found = samples_of(load_sweep(tmp_path), by=["a"]).values
    assert found["a=x"] == pytest.approx({0: 10.0, 1: math.inf})  # the root of 4 x 25; all were lost
    assert found["a=y"] == pytest.approx({0: 25.0, 1: 2.0})


def test_values_that_are_not_positive_are_averaged_as_they_are(
    tmp_path: Path, file_configuration: FileConfiguration
) -> None:
    file_configuration(tmp_path / "0", ["a=x", "b=1"], {0: [-1.0]})
    file_configuration(tmp_path / "1", ["a=x", "b=2"], {0: [4.0]})
    file_configuration(tmp_path / "2", ["a=y", "b=2"], {0: [4.0]})
    assert samples_of(load_sweep(tmp_path), by=["a"]).values["a=x"] == {0: 1.5}


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"metric": "rsme"}, "metric rsme: unknown; did you mean rmse? known: rmse, d_real"),
        ({"by": ["los"]}, "key los: was not swept; did you mean loss? swept: loss"),
        ({"by": ["zzz"]}, "key zzz: was not swept; swept: loss"),
    ],
)
def test_an_unknown_name_is_answered_with_the_nearest(
    tmp_path: Path, file_configuration: FileConfiguration, asked: dict[str, str], words: str
) -> None:
    file_configuration(tmp_path / "0", ["loss=a"], {0: [1.0]})
    file_configuration(tmp_path / "1", ["loss=b"], {0: [1.0]})
    with pytest.raises(UnknownNameError) as caught:
        samples_of(load_sweep(tmp_path), **asked)  # type: ignore[arg-type]
    assert str(caught.value).startswith(words)


def test_labels_that_would_be_alike_carry_their_folder() -> None:
    rows = [
        {"configuration": "0", "a": "1"},
        {"configuration": "1", "a": "1"},
        {"configuration": "2", "a": "2"},
    ]
    assert unique_labels(rows, ["a"]) == ["a=1 (0)", "a=1 (1)", "a=2"]
    assert label(rows[0], []) == "configuration 0"


def test_the_objective_is_the_mean_over_runs(tmp_path: Path, file_configuration: FileConfiguration) -> None:
    file_configuration(tmp_path / "0", [], GOOD, status={2: "stopped"})
    assert objective(load_sweep(tmp_path / "0")) == pytest.approx(7 / 3)


@pytest.mark.parametrize("status", ["diverged", "failed", "unfinished"])
def test_the_objective_is_infinite_when_a_run_is_lost(
    tmp_path: Path, file_configuration: FileConfiguration, status: str
) -> None:
    file_configuration(tmp_path / "0", [], GOOD, status={1: status})
    assert objective(load_sweep(tmp_path / "0")) == math.inf
