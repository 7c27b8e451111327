"""Verdicts as data: no more than the seeds support, whatever the sentences make of them."""

import math
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest
from forged import sweep_of
from values import drawn

from sinegan.report.load import load_sweep
from sinegan.report.referee.analysis import Analysis
from sinegan.report.referee.verdicts import (
    Best,
    Better,
    Blind,
    Effect,
    Ends,
    Equal,
    Finding,
    NoneRanked,
    NothingEnded,
    NothingMeasured,
    OnlyOne,
    Seeds,
    Shared,
    Single,
    Undecided,
    Verdict,
    verdicts,
)
from sinegan.storage.results import records

LOST = math.inf
CLOSE = {seed: value * (1.001 if seed % 2 else 0.999) for seed, value in drawn(1).items()}


def analysed(values: Mapping[str, Mapping[int, float]], margin: float = 0.1) -> Analysis:
    return Analysis(sweep_of({(("loss", name),): by_seed for name, by_seed in values.items()}), margin)


def verdict_on(values: Mapping[str, Mapping[int, float]]) -> Verdict:
    (verdict,) = verdicts(analysed(values))
    return verdict


def finding_on(values: Mapping[str, Mapping[int, float]]) -> Finding:
    return verdict_on(values).finding


def test_of_two_that_are_separated_the_one_with_the_better_estimate_is_better() -> None:
    values = {"worse": drawn(1, 4), "better": drawn(2)}
    verdict = verdict_on(values)
    (row,) = records(analysed(values).comparisons)
    effect = Effect(True, row["ratio"], row["low"], row["high"])
    assert verdict.finding == Better(Seeds(8, 8), "loss=better", "loss=worse", effect)
    assert row["ratio"] < row["high"] < 1
    assert (verdict.metric, verdict.margin) == ("rmse", 0.1)
    assert verdict.names == ["loss=worse", "loss=better"]


def test_of_two_that_are_not_separated_neither_is_better() -> None:
    values = {"x": drawn(1), "y": drawn(2)}
    finding = finding_on(values)
    (row,) = records(analysed(values).comparisons)
    assert isinstance(finding, Undecided)
    assert (finding.a, finding.b, finding.seeds) == (row["a"], row["b"], Seeds(8, 8))
    assert finding.seeds_needed == row["seeds_needed"] > 8


def test_two_that_differ_by_less_than_the_margin_are_equal() -> None:
    finding = finding_on({"x": drawn(1), "y": CLOSE})
    assert isinstance(finding, Equal)
    assert {finding.a, finding.b} == {"loss=x", "loss=y"}
    (verdict,) = verdicts(analysed({"x": drawn(1), "y": CLOSE}, margin=1e-4))
    assert isinstance(verdict.finding, Undecided)
    assert verdict.margin == 1e-4


def test_the_best_of_several_is_held_against_the_next() -> None:
    finding = finding_on({"x": drawn(1, 40), "y": drawn(1, 4), "z": drawn(1)})
    assert isinstance(finding, Best)
    assert (finding.best, finding.second, finding.ranked) == ("loss=z", "loss=y", 3)
    assert finding.effect is not None
    assert finding.effect.value == pytest.approx(1 / 4)


def test_those_that_share_the_first_rank_are_listed_best_first() -> None:
    values = {"x": drawn(1), "y": drawn(2), "z": drawn(3, 20)}
    finding = finding_on(values)
    estimates = analysed(values).table.set_index("loss")["estimate"]
    first = estimates.drop("z").sort_values().index
    assert isinstance(finding, Shared)
    assert finding.first == [f"loss={name}" for name in first]
    assert (finding.estimate, finding.ranked, finding.undecided) == (estimates[first[0]], 3, [])
    assert not finding.equal
    assert finding.seeds_needed is not None


def test_those_that_share_the_first_rank_are_equal_if_each_is_with_each() -> None:
    rng = np.random.default_rng(9)
    same = {
        name: {seed: value * math.exp(0.003 * rng.standard_normal()) for seed, value in drawn(1).items()}
        for name in "xyz"
    }
    finding = finding_on(same)
    assert isinstance(finding, Shared)
    assert finding.equal
    assert finding.seeds_needed is None


def test_one_that_is_not_separated_from_a_later_group_is_not_the_best() -> None:
    # The second is narrow and separated from the first; the third is wide, and from none.
    rng = np.random.default_rng(8)
    wide = dict(enumerate((0.045 * np.exp(2 * rng.standard_normal(8))).tolist()))
    values = {"x": drawn(1, 1, spread=0.02), "y": drawn(2, 1.3, spread=0.02), "wide": wide}
    finding = finding_on(values)
    apart = analysed(values).comparisons.set_index(["a", "b"])["separated"]
    assert apart["loss=x", "loss=y"]
    if not apart.get(("loss=x", "loss=wide"), True):
        assert isinstance(finding, Shared)
        assert "loss=wide" in [*finding.first, *finding.undecided]
    assert not isinstance(finding, Best) or apart["loss=x", "loss=wide"]


@pytest.mark.parametrize("runs", [1, 2])
def test_fewer_than_three_seeds_can_separate_nothing(runs: int) -> None:
    finding = finding_on({"x": drawn(1, runs=runs), "y": drawn(2, 90, runs=runs)})
    assert isinstance(finding, Blind)
    assert (finding.seeds, finding.seeds_needed) == (Seeds(runs, runs), 3)
    assert list(finding.estimates) == ["loss=x", "loss=y"]


def test_three_seeds_of_configurations_that_all_lost_runs_can_separate_nothing() -> None:
    values = {name: drawn(place, runs=3) | {place: LOST} for place, name in enumerate("xyz")}
    finding = finding_on(values)
    assert isinstance(finding, Blind)
    assert (finding.seeds, finding.seeds_needed) == (Seeds(3, 3), 4)


def test_one_configuration_has_its_estimate() -> None:
    finding = finding_on({"x": {0: 1.0, 1: 4.0, 2: 2.0}})
    assert isinstance(finding, Single)
    assert (finding.estimate.n, finding.estimate.estimate) == (3, pytest.approx(2))


def test_lost_runs_are_counted_and_only_what_kept_most_of_them_has_a_rank() -> None:
    verdict = verdict_on({"lossy": drawn(1) | dict.fromkeys(range(6), LOST), "sound": drawn(2, 0.01)})
    assert verdict.ends == {"loss=lossy": Ends(8, 6, 0), "loss=sound": Ends(8, 0, 0)}
    assert verdict.ends["loss=lossy"].lost == 6
    assert isinstance(verdict.finding, OnlyOne)
    assert verdict.finding.only == "loss=sound"


def test_lost_runs_can_leave_the_interval_open() -> None:
    finding = finding_on({"lossy": drawn(1) | dict.fromkeys(range(3), LOST), "sound": drawn(2, 0.1)})
    assert isinstance(finding, Better)
    assert finding.effect is not None
    assert finding.effect.open_ended
    assert finding.effect.low == 0


def test_where_all_runs_were_lost_nothing_was_measured() -> None:
    assert finding_on({"x": dict.fromkeys(range(4), LOST)}) == NothingMeasured()
    assert finding_on({name: dict.fromkeys(range(4), LOST) for name in "xyz"}) == NothingMeasured()


def test_before_any_run_has_ended_there_is_no_finding(
    tmp_path: Path, file_configuration: Callable[..., Path]
) -> None:
    file_configuration(tmp_path / "0", ["loss=x"], seeds=8)
    (verdict,) = verdicts(Analysis(load_sweep(tmp_path)))
    assert verdict.finding == NothingEnded()


def test_if_all_lost_half_of_their_runs_none_is_ranked() -> None:
    finding = finding_on(
        {name: drawn(1) | dict.fromkeys(range(start, 8), LOST) for start, name in enumerate("wxyz")}
    )
    assert isinstance(finding, NoneRanked)
    assert finding.best in ("loss=x", "loss=y", "loss=z")


def test_each_target_has_a_verdict_of_its_own() -> None:
    sweep = sweep_of(
        {
            (("target", target), ("loss", loss)): drawn(place, factor)
            for place, (target, loss, factor) in enumerate(
                [("s", "x", 1), ("s", "y", 9), ("t", "x", 9), ("t", "y", 1)]
            )
        }
    )
    better = [each.finding.better for each in verdicts(Analysis(sweep)) if isinstance(each.finding, Better)]
    assert better == ["target=s, loss=x", "target=t, loss=y"]
