"""Every run is in exactly one shard, with runs of its own signature only."""

import doctest
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sinegan.config import Config
from sinegan.game.losses import NonSaturating
from sinegan.game.networks import Network
from sinegan.game.targets import Square
from sinegan.sweep import plan as plan_module
from sinegan.sweep.plan import WIDEST, Configuration, Shard, plan, shard_width
from sinegan.training.optimisers import Adam
from sinegan.training.stack import signature

MakeConfig = Callable[..., Config]

many = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
sizes = st.lists(st.tuples(st.integers(0, 2), st.integers(1, 12)), min_size=1, max_size=6)
workers = st.integers(1, 9)
widths = [8, 16, 32]


def configurations_of(make_config: MakeConfig, sizes: list[tuple[int, int]]) -> list[Configuration]:
    """One configuration for each pair of kind (those of one kind share a signature) and number of seeds."""
    return [
        Configuration(
            make_config(
                network=Network(latent=3, generator=(widths[kind],), discriminator=(8,)),
                seeds=seeds,
                seed=100 * place,
            ),
            Path(str(place)),
        )
        for place, (kind, seeds) in enumerate(sizes)
    ]


def members(shards: list[Shard]) -> list[tuple[int, int]]:
    return [member for shard in shards for member in shard.members]


@many
@given(sizes=sizes, workers=workers)
def test_every_run_is_in_exactly_one_shard(
    make_config: MakeConfig, sizes: list[tuple[int, int]], workers: int
) -> None:
    configurations = configurations_of(make_config, sizes)
    wanted = [(place, seed) for place, c in enumerate(configurations) for seed in c.config.all_seeds]
    assert Counter(members(plan(configurations, workers))) == Counter(wanted)


@many
@given(sizes=sizes, workers=workers)
def test_the_runs_of_a_shard_share_a_signature_and_know_where_they_belong(
    make_config: MakeConfig, sizes: list[tuple[int, int]], workers: int
) -> None:
    configurations = configurations_of(make_config, sizes)
    shards = plan(configurations, workers)
    assert [shard.number for shard in shards] == list(range(len(shards)))
    for shard in shards:
        assert len({signature(run.config) for run in shard.runs}) == 1
        assert [(run.config, run.seed) for run in shard.runs] == [
            (configurations[place].config, seed) for place, seed in shard.members
        ]
        assert shard.folders == tuple(configurations[place].folder for place, _ in shard.members)


@many
@given(sizes=sizes, workers=workers)
def test_no_worker_is_without_a_shard_as_long_as_there_are_runs(
    make_config: MakeConfig, sizes: list[tuple[int, int]], workers: int
) -> None:
    shards = plan(configurations_of(make_config, sizes), workers)
    assert len(shards) >= min(workers, len(members(shards)))


@many
@given(sizes=sizes, workers=workers)
def test_the_order_of_the_sweep_is_kept(
    make_config: MakeConfig, sizes: list[tuple[int, int]], workers: int
) -> None:
    shards = plan(configurations_of(make_config, sizes), workers)
    for kind in dict.fromkeys(kind for kind, _ in sizes):
        mine = [(place, seed) for place, seed in members(shards) if sizes[place][0] == kind]
        assert mine == sorted(mine)
    first_places = [shard.members[0][0] for shard in shards]
    kinds = [sizes[place][0] for place in first_places]
    assert list(dict.fromkeys(kinds)) == list(dict.fromkeys(kind for kind, _ in sizes))


@given(runs=st.integers(1, 500), workers=st.integers(1, 64))
@settings(deadline=None)
def test_a_width_is_the_largest_power_of_two_that_keeps_all_workers_busy(runs: int, workers: int) -> None:
    fitting = [width for width in (1, 2, 4, 8) if runs >= width * workers]
    assert shard_width(runs, workers) == max(fitting, default=1)


def test_the_examples_of_the_documentation_hold() -> None:
    found = doctest.testmod(plan_module)
    assert found.attempted > 0
    assert found.failed == 0


@pytest.mark.parametrize(("compiling", "lanes"), [("always", [8, 8]), ("never", [8, 3])])
def test_compiled_shards_are_padded_to_one_width_and_eager_ones_are_not(
    make_config: MakeConfig, compiling: str, lanes: list[int]
) -> None:
    config = make_config(training={"compile": compiling}, seeds=11)
    shards = plan([Configuration(config, Path("0"))], 1)
    assert [shard.width for shard in shards] == lanes
    assert [len(shard.runs) for shard in shards] == [8, 3]
    assert max(lanes) == WIDEST


def test_a_lone_compiled_run_has_one_lane(make_config: MakeConfig) -> None:
    (shard,) = plan([Configuration(make_config(training={"compile": "always"}, seeds=1), Path("0"))], 1)
    assert shard.width == 1


def test_settings_that_are_data_share_a_shard_and_others_do_not(make_config: MakeConfig) -> None:
    def shards_of(*configs: Config) -> int:
        return len(plan([Configuration(config, Path(str(n))) for n, config in enumerate(configs)], 1))

    config = make_config(seeds=2)
    faster = make_config(seeds=2, optim=Adam(lr=1e-2, generator_lr=1e-2, discriminator_lr=2e-2, beta1=0.5))
    assert shards_of(config, faster) == 1
    assert shards_of(config, make_config(seeds=2, seed=50, target=Square(points=6))) == 1
    assert shards_of(config, make_config(seeds=2, loss=NonSaturating())) == 2
    assert shards_of(config, make_config(seeds=2, training={"batch_size": 5})) == 2
    assert shards_of(config, make_config(seeds=2, training={"evaluate_every": 6})) == 2


def test_nothing_to_train_is_no_shard() -> None:
    assert plan([], 4) == []
