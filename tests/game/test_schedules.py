"""Schedules have the factors of their formulas, and can be stacked."""

import math
from typing import Any

import pytest
import torch
import yaml
from torch.func import vmap

from sinegan.app.conf_folder import conf_folder
from sinegan.game.schedules import Constant, Cosine, Linear, Schedule
from sinegan.schema import build


@pytest.mark.parametrize(
    ("schedule", "factors"),
    [
        (Constant(), [1, 1, 1, 1]),
        (Linear(), [1, 0.75, 0.5, 0.25]),
        (Linear(final=0.2), [1, 0.8, 0.6, 0.4]),
        (Cosine(), [1, (1 + math.sqrt(0.5)) / 2, 0.5, (1 - math.sqrt(0.5)) / 2]),
        (Cosine(final=0.5), [1, (3 + math.sqrt(0.5)) / 4, 0.75, (3 - math.sqrt(0.5)) / 4]),
    ],
)
def test_schedule_factors_of_four_steps_are_those_worked_out_by_hand(
    schedule: Schedule, factors: list[float]
) -> None:
    clock = schedule.init({"w": torch.zeros(3, dtype=torch.float64)})
    rates = []
    for _ in range(4):
        rates.append(float(schedule.rate(2.0, clock, 4)))
        clock = schedule.update(clock)
    assert rates == pytest.approx([2 * factor for factor in factors])


@pytest.mark.parametrize("path", sorted((conf_folder() / "lr_schedule").glob("*.yaml")), ids=lambda p: p.stem)
def test_every_schedule_starts_at_the_learning_rate_and_can_be_stacked(path: Any) -> None:
    schedule, problems = build(Schedule, yaml.safe_load(path.read_text()))
    assert problems == []
    rates = torch.tensor([0.1, 0.3])
    clocks = vmap(schedule.init)({"w": torch.zeros(2, 3)})
    torch.testing.assert_close(vmap(lambda lr, clock: schedule.rate(lr, clock, 8))(rates, clocks), rates)
