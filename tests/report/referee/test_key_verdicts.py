"""Verdicts on the swept keys: as data, from the rows of the effects."""

import itertools
import math
from typing import Any

import numpy as np
import pandas as pd
import pytest
from forged import Keys, sweep_of

from sinegan.report.referee.analysis import Analysis
from sinegan.report.referee.key_verdicts import (
    Depends,
    KeyVerdict,
    LevelBetter,
    Matters,
    MattersMore,
    NoEffect,
    key_verdicts,
)

KEYS = ["loss", "network"]


def effects(
    loss: float, network: float, both: float = 0.0, positive: bool = True, networks: int = 3
) -> pd.DataFrame:
    """Of a sweep of two losses and some networks; each level is worse than the one before by so much."""
    rng = np.random.default_rng(3)
    keys: dict[Keys, Any] = {}
    for i, j in itertools.product(range(2), range(networks)):
        values = loss * i + network * j + both * i * j + 0.1 * rng.standard_normal(8)
        values = np.exp(values) if positive else values
        keys[("loss", f"l{i}"), ("network", f"n{j}")] = dict(enumerate(values.tolist()))
    return Analysis(sweep_of(keys, "rmse" if positive else "energy_distance")).effects


def verdicts_on(table: pd.DataFrame) -> list[KeyVerdict]:
    ((_, found),) = key_verdicts(table, KEYS).items()
    return found


def test_of_two_levels_the_better_is_named_with_how_much_lower_it_is() -> None:
    (level, matters, order) = verdicts_on(effects(0.2, 0.8))
    assert isinstance(level, LevelBetter)
    assert (level.key, level.better, level.worse, level.effect.is_ratio) == ("loss", "l0", "l1", True)
    assert level.effect.value == pytest.approx(math.exp(-0.2), rel=0.1)
    assert level.effect.low < level.effect.value < level.effect.high < 1
    assert isinstance(matters, Matters)
    assert (matters.key, matters.is_ratio, matters.spread) == (
        "network",
        True,
        pytest.approx(math.exp(0.8), rel=0.1),
    )
    assert order == MattersMore("network", "loss")


@pytest.mark.parametrize("positive", [True, False])
def test_the_better_level_is_so_whichever_comes_first(positive: bool) -> None:
    for sign, better in ((1, "l0"), (-1, "l1")):
        (level, *_) = verdicts_on(effects(0.5 * sign, 0.0, positive=positive))
        assert isinstance(level, LevelBetter)
        assert (level.better, level.effect.is_ratio) == (better, positive)
        assert level.effect.value == pytest.approx(math.exp(-0.5) if positive else -0.5, rel=0.2)
        assert level.effect.low < level.effect.value < level.effect.high < (1 if positive else 0)


def test_keys_that_do_nothing_have_no_effect_shown() -> None:
    assert verdicts_on(effects(0.0, 0.0)) == [NoEffect("loss"), NoEffect("network")]


def test_a_key_that_depends_on_another_is_not_said_to_do_nothing() -> None:
    found = verdicts_on(effects(-0.6, 0.0, both=0.6))  # on average over the networks nothing
    assert Depends("loss", "network") in found
    assert not any(isinstance(verdict, NoEffect) for verdict in found)


def test_a_single_key_was_compared_already_and_has_no_verdict() -> None:
    rng = np.random.default_rng(0)
    keys: dict[Keys, Any] = {
        (("loss", f"l{place}"),): dict(enumerate(np.exp(place + 0.1 * rng.standard_normal(5)).tolist()))
        for place in range(3)
    }
    table = Analysis(sweep_of(keys)).effects
    assert key_verdicts(table, ["loss"]) == {}
    assert key_verdicts(table, ["loss", "seeds"]) == {}
    assert key_verdicts(table.assign(key="loss & network"), KEYS) == {}
    assert key_verdicts(table, KEYS) != {}


def test_each_metric_has_its_own_verdicts() -> None:
    rmse, energy = effects(0.1, 0.8), effects(0.5, 0.0, positive=False)
    found = key_verdicts(pd.concat([rmse, energy]), KEYS)
    assert found == {"rmse": verdicts_on(rmse), "energy_distance": verdicts_on(energy)}


def test_without_effects_there_is_nothing_to_say() -> None:
    assert key_verdicts(effects(0.0, 0.0).head(0), KEYS) == {}
