"""Verdicts as data: no more than the seeds support, whatever the sentences make of them."""

import math
from collections.abc import Callable
from pathlib import Path

import pytest
from values import drawn

from sinegan.report.load import load_sweep
from sinegan.report.referee.analysis import Analysis
from sinegan.report.referee.verdicts import (
    Best,
    Better,
    Effect,
    Ends,
    NothingEnded,
    NothingMeasured,
    NotSeparated,
    Seeds,
    Shared,
    Single,
    Unranked,
    Verdict,
    verdicts,
)
from sinegan.report.sweep import Sweep
from sinegan.storage.results import records

MakeSweep = Callable[..., Sweep]


def only(sweep: Sweep) -> Verdict:
    """The verdict on a sweep of one target and metric."""
    (verdict,) = verdicts(Analysis(sweep))
    return verdict


def test_of_two_that_are_separated_the_lower_is_better(make_sweep: MakeSweep) -> None:
    sweep = make_sweep({"worse": drawn(1, 4), "better": drawn(1)})
    verdict = only(sweep)
    (row,) = records(Analysis(sweep).comparisons)
    assert isinstance(verdict.finding, Better)
    assert (verdict.finding.better, verdict.finding.worse) == ("loss=better", "loss=worse")
    assert verdict.finding.seeds == Seeds(8, 8)
    assert verdict.finding.effect == Effect(True, 1 / row["ratio"], 1 / row["high"], 1 / row["low"])
    assert (verdict.metric, verdict.names) == ("rmse", ["loss=worse", "loss=better"])


def test_of_two_that_are_not_separated_neither_is_better(make_sweep: MakeSweep) -> None:
    sweep = make_sweep({"x": drawn(1), "y": drawn(2)})
    finding = only(sweep).finding
    (row,) = records(Analysis(sweep).comparisons)
    assert isinstance(finding, NotSeparated)
    assert (finding.a, finding.b) == ("loss=x", "loss=y")
    assert finding.seeds_needed == (row["seeds_needed"], 8)


def test_the_best_of_several_is_held_against_the_next(make_sweep: MakeSweep) -> None:
    finding = only(make_sweep({"x": drawn(1, 40), "y": drawn(1, 4), "z": drawn(1)})).finding
    assert isinstance(finding, Best)
    assert (finding.best, finding.second, finding.ranked) == ("loss=z", "loss=y", 3)
    assert finding.effect is not None
    assert finding.effect.value == pytest.approx(1 / 4)


def test_those_that_share_the_first_rank_are_listed_lowest_first(make_sweep: MakeSweep) -> None:
    sweep = make_sweep({"x": drawn(1), "y": drawn(2), "z": drawn(3, 20)})
    finding = only(sweep).finding
    estimates = Analysis(sweep).table.set_index("loss")["estimate"]
    first = estimates.drop("z").sort_values().index
    assert isinstance(finding, Shared)
    assert finding.first == [f"loss={name}" for name in first]
    assert finding.lowest == estimates[first[0]]
    assert finding.ranked == 3


@pytest.mark.parametrize("runs", [1, 2])
def test_fewer_than_three_seeds_rank_nothing(make_sweep: MakeSweep, runs: int) -> None:
    finding = only(make_sweep({"x": drawn(1, runs=runs), "y": drawn(2, 90, runs=runs)})).finding
    assert isinstance(finding, Unranked)
    assert finding.seeds == Seeds(runs, runs)
    assert list(finding.estimates) == ["loss=x", "loss=y"]


def test_one_configuration_has_its_estimate(make_sweep: MakeSweep) -> None:
    finding = only(make_sweep({"x": {0: 1.0, 1: 4.0, 2: 2.0}})).finding
    assert isinstance(finding, Single)
    assert (finding.estimate.n, finding.estimate.estimate) == (3, pytest.approx(2))
    assert finding.untrained is None  # the only evaluation is at step 0


def test_lost_runs_are_counted_and_have_no_ratio(make_sweep: MakeSweep) -> None:
    verdict = only(
        make_sweep({"lossy": drawn(1) | dict.fromkeys(range(6), math.inf), "sound": drawn(2, 0.01)})
    )
    assert verdict.ends == {"loss=lossy": Ends(8, 6, 0), "loss=sound": Ends(8, 0, 0)}
    assert verdict.ends["loss=lossy"].lost == 6
    assert isinstance(verdict.finding, Better)
    assert verdict.finding.effect is None


def test_where_all_runs_were_lost_nothing_was_measured(make_sweep: MakeSweep) -> None:
    verdict = only(make_sweep({"x": dict.fromkeys(range(4), math.inf)}))
    assert verdict.finding == NothingMeasured()


def test_before_any_run_has_ended_there_is_no_finding(
    tmp_path: Path, file_configuration: Callable[..., Path]
) -> None:
    file_configuration(tmp_path / "0", ["loss=x"], seeds=8)
    assert only(load_sweep(tmp_path)).finding == NothingEnded()


def test_if_all_lost_most_runs_the_first_rank_is_shared(make_sweep: MakeSweep) -> None:
    values = {name: drawn(1) | dict.fromkeys(range(start, 8), math.inf) for start, name in enumerate("xyz")}
    finding = only(make_sweep(values)).finding
    assert isinstance(finding, Shared)
    assert math.isnan(finding.lowest)


def test_an_effect_turned_twice_is_itself() -> None:
    ratio = Effect(True, 0.5, 0.25, 0.8)
    assert ratio.turned() == Effect(True, 2, 1.25, 4)
    assert ratio.turned().turned() == ratio
    difference = Effect(False, -1.0, -2.0, 0.5)
    assert difference.turned() == Effect(False, 1.0, -0.5, 2.0)
    assert Effect(True, 0.5, 0.0, math.inf, open_ended=True).turned() == Effect(True, 2, 0, math.inf, True)
