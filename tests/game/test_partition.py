"""The split into a static part and float leaves, and its join."""

import dataclasses
from dataclasses import dataclass, field

import pytest
import torch
from torch.func import vmap
from torch.utils import _pytree as pytree

from sinegan.game.averages import Exponential
from sinegan.game.losses import LeastSquares, Minimax
from sinegan.game.optimisers import SGD, Adam
from sinegan.game.partition import combine, components, partition
from sinegan.game.penalties import R1, R2, WeightClipping
from sinegan.game.rules import Rules
from sinegan.game.schedules import Cosine

RULES = Rules(
    loss=LeastSquares(fake_label=-1.0),
    optim=Adam(lr=0.1, lr_ratio=2.0),
    lr_schedule=Cosine(final=0.25),
    average=Exponential(decay=0.5),
    penalties=(R1(gamma=3.0), WeightClipping(limit=0.5)),
    alternating=True,
    discriminator_steps=2,
    steps=7.0,
)


def test_combining_restores_what_was_partitioned() -> None:
    static, leaves = partition(RULES)
    assert combine(static, leaves) == RULES
    assert leaves == {
        "loss": {"fake_label": -1.0, "real_label": 1.0, "generator_label": 1.0},
        "optim": {
            "lr": 0.1,
            "lr_ratio": 2.0,
            "generator_lr": 0.1,
            "discriminator_lr": 0.2,
            "beta1": 0.9,
            "beta2": 0.999,
            "eps": 1e-8,
        },
        "lr_schedule": {"final": 0.25},
        "average": {"decay": 0.5},
        "penalties": [{"gamma": 3.0}, {"limit": 0.5}],
        "steps": 7.0,
    }


def test_static_parts_of_objects_that_differ_in_floats_alone_are_equal() -> None:
    static, _ = partition(RULES)
    floats = dataclasses.replace(RULES, optim=Adam(lr=9.0), average=Exponential(decay=0.0), steps=1.0)
    assert partition(floats)[0] == static
    assert hash(partition(floats)[0]) == hash(static)
    for changes in (
        {"loss": Minimax()},
        {"optim": SGD()},
        {"alternating": False},
        {"discriminator_steps": 3},
        {"penalties": (R1(), R2())},
        {"penalties": (R1(),)},
    ):
        assert partition(dataclasses.replace(RULES, **changes))[0] != static, changes


def test_the_floats_of_a_static_part_are_none_and_cannot_be_used() -> None:
    static, _ = partition(RULES)
    assert static.steps is None
    assert static.optim.generator_lr is None
    with pytest.raises(TypeError):
        static.average.update({"w": 1.0}, {"w": 1.0})


def test_each_lane_has_its_own_floats() -> None:
    static, leaves = partition(RULES)
    other = partition(
        dataclasses.replace(RULES, optim=Adam(lr=1.0), penalties=(R1(gamma=5.0), WeightClipping()))
    )
    stacked = pytree.tree_map(lambda *floats: torch.tensor(floats, dtype=torch.float64), leaves, other[1])

    def product(leaves: dict[str, object]) -> torch.Tensor:
        rules = combine(static, leaves)
        assert isinstance(rules.penalties[0], R1)
        return rules.optim.discriminator_lr * rules.penalties[0].gamma * rules.discriminator_steps

    assert vmap(product)(stacked).tolist() == [pytest.approx(0.2 * 3 * 2), 1.0 * 5 * 2]


@dataclass(frozen=True, kw_only=True)
class Inner:
    weight: float = 1.0
    twice: float = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "twice", 2 * self.weight)


@dataclass(frozen=True, kw_only=True)
class Outer:
    inner: Inner = field(default_factory=Inner)
    several: tuple[Inner, ...] = (Inner(weight=2.0),)
    labels: tuple[float, ...] = (0.5,)
    name: str = "outer"


def test_components_are_partitioned_at_any_depth() -> None:
    paths = [path for path, _ in components(RULES)]
    assert paths == ["loss", "optim", "lr_schedule", "average", "penalties.0", "penalties.1"]

    @dataclass(frozen=True, kw_only=True)
    class Outermost:
        outer: Outer = field(default_factory=Outer)

    assert dict(components(Outermost())) == {
        "outer": Outer(),
        "outer.inner": Inner(),
        "outer.several.0": Inner(weight=2.0),
    }


def test_a_field_derived_from_a_float_is_derived_again_when_combined() -> None:
    static, leaves = partition(Outer(inner=Inner(weight=3.0)))
    assert leaves == {"inner": {"weight": 3.0}, "several": [{"weight": 2.0}]}
    assert static.labels == (0.5,)
    assert combine(static, leaves).inner.twice == 6.0
    assert partition(Outer())[0] == static
