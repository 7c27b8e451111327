"""The rules of the study of sequential designs, on tables that a reader can check by hand."""

import importlib
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest


@pytest.fixture(scope="module")
def study() -> Iterator[SimpleNamespace]:
    """The modules of the study."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(Path(__file__).parents[1]))
        names = ("race_models", "racing", "sequential", "sequential_page")
        yield SimpleNamespace(**{name: importlib.import_module(f"benchmarks.{name}") for name in names})


def rung_scores(table: Any, amounts: list[int]) -> list[Any]:
    return [np.asarray(table)[:, :, :n].mean(2) for n in amounts]


def test_halving_keeps_the_better_half_at_each_rung(study: SimpleNamespace) -> None:
    amounts = study.racing.rungs(1, 2, 4)
    assert amounts == [1, 2]
    assert study.racing.spent(amounts, 2, 4) == 4 + 2
    late = [[3.0, 0.0], [2.0, 2.0], [1.0, 9.0], [4.0, 4.0]]  # the best mean comes too late
    early = [[1.0, 3.0], [2.0, 1.0], [3.0, 0.0], [4.0, 0.0]]
    assert study.racing.halving(rung_scores([late, early], amounts), 2).tolist() == [1, 1]


def test_halving_keeps_a_third_of_many_and_ends_at_the_most_seeds(study: SimpleNamespace) -> None:
    assert study.racing.rungs(1, 3, 36) == [1, 3, 9]
    assert study.racing.spent([1, 3, 9], 3, 36) == 36 + 12 * 2 + 4 * 6
    assert study.racing.rungs(20, 2, 36) == [20, 40, 64]


def test_halving_at_a_price_costs_it_or_a_little_more(study: SimpleNamespace) -> None:
    for price in (50, 97.2, 384):
        cost = study.racing.spent(study.racing.same_price(price, 2, 6), 2, 6)
        assert price <= cost <= price + 10


def test_wilcoxon_prunes_the_worse_and_keeps_the_better(study: SimpleNamespace) -> None:
    shift = np.linspace(0, 0.1, 8)
    good, bad, best, mixed = shift, shift + 1 + shift, shift - 1 - shift, shift * [-3, 3, -3, 3, -3, 3, -3, 3]
    table = np.array([[good, bad, best, mixed]])
    given, pruned, winner = study.racing.wilcoxon_pruning(table, np.array([[0, 1, 2, 3]]))
    assert winner.tolist() == [2]
    assert pruned.tolist() == [[False, True, False, True]]
    assert given.tolist() == [[8, 4, 8, 4]]  # four of four are worse: 1 / 16 is below 0.1, 1 / 8 is not
    given, pruned, winner = study.racing.wilcoxon_pruning(table, np.array([[1, 3, 0, 2]]))
    assert not pruned[0, [1, 2]].any()
    assert winner.tolist() == [2]


def test_a_trial_whose_mean_is_better_is_not_pruned(study: SimpleNamespace) -> None:
    rival = np.zeros(8)
    trial = np.array([1.0, 1.1, 1.2, 1.3, 1.4, -30.0, -30.0, -30.0])
    given, pruned, _ = study.racing.wilcoxon_pruning(np.array([[rival, trial]]), np.array([[0, 1]]))
    assert pruned[0, 1]
    assert given[0, 1] == 4
    trial = np.array([-30.0, 1.0, 1.1, 1.2, 1.3, 1.4, 1.5, 1.6])
    given, pruned, winner = study.racing.wilcoxon_pruning(np.array([[rival, trial]]), np.array([[0, 1]]))
    assert not pruned.any()
    assert winner.tolist() == [1]


def test_a_clear_best_is_picked_by_both_designs_and_a_wrong_drop_is_seen(study: SimpleNamespace) -> None:
    model = study.race_models.Model("", np.log([1.0, 3.0, 3.0]), np.full(3, 0.1))
    scores = model.draw(np.random.default_rng(0), 1)[0]
    end = study.racing.decide(model, scores, 1)
    assert (end.pick, end.separated, end.decided, end.dropped) == (0, 2, True, False)
    assert end.runs == 12
    assert study.racing.fixed(model, scores[:, :8], 1).runs == 24
    upside_down = model._replace(location=-model.location)
    assert study.racing.decide(upside_down, scores, 1).dropped
    assert upside_down.far.tolist() == [True, False, False]


def test_the_model_of_kept_runs_has_their_mean_deviation_and_correlation(study: SimpleNamespace) -> None:
    truth = study.race_models.Model("", np.array([-1.0, 0.5]), np.array([0.2, 0.4]), 0.6)
    runs = np.concatenate(truth.draw(np.random.default_rng(0), 200), axis=1)
    model = study.race_models.fitted("", runs, True)
    assert model.location == pytest.approx(truth.location, abs=0.02)
    assert model.deviation == pytest.approx(truth.deviation, rel=0.05)
    assert model.correlation == pytest.approx(0.6, abs=0.03)


def test_errors_counts_false_claims_at_any_look(
    study: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    sequential = study.sequential
    cell = sequential.Cell("all", "log-normal", 3, "one better by 2")

    def course(*better: tuple[str, str]) -> SimpleNamespace:
        nothing: frozenset[tuple[str, str]] = frozenset()
        steps = (
            SimpleNamespace(better=frozenset(better), equal=nothing),
            SimpleNamespace(better=nothing, equal=nothing),
        )
        return SimpleNamespace(design=sequential.DESIGNS["all"], steps=steps, pairs={})

    expected = {
        (("0", "1"),): (0, 0),
        (("1", "2"),): (1, 0),
        (("0", "2"), ("2", "0")): (1, 1),
    }
    for better, (false, dropped) in expected.items():
        monkeypatch.setattr(sequential, "follow", lambda *_, better=better, **__: course(*better))
        made = sequential.errors(cell, np.random.default_rng(0))
        assert (made[sequential.ANY], made[sequential.DROPPED]) == (false, dropped)


def test_the_page_names_the_cells_that_break_the_promise(study: SimpleNamespace) -> None:
    sequential = study.sequential
    rows = sequential.measured(0, sequential.Cell("best", "log-normal", 3, "one better by 2"), 4)
    assert {row["of"] for row in rows} == {sequential.ANY, sequential.EQUAL, sequential.DROPPED}
    covered = sequential.Cell("all", "log-normal", 3, covers=True)
    table = pd.DataFrame(rows + sequential.measured(1, covered, 2))
    assert "above 6.6 % in 0 of 1 cells" in study.sequential_page.errors_page(table)
    table.loc[0, "share"] = 0.08
    assert (
        "  - 8.0 %: one better by 2, log-normal, 3 configurations, 4 sweeps"
        in study.sequential_page.errors_page(table)
    )


def test_turns_are_joined_by_their_sweeps(study: SimpleNamespace) -> None:
    rows = [{"of": "x", "sweeps": 1, "share": 0.0}, {"of": "y", "sweeps": 2, "share": 0.5}]
    rows += [{"of": "x", "sweeps": 3, "share": 1.0}]
    table = study.sequential.joined(rows)
    assert table.to_dict("records") == [
        {"of": "x", "sweeps": 4, "share": 0.75},
        {"of": "y", "sweeps": 2, "share": 0.5},
    ]
