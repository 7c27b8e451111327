"""Every run that has no result yet is in exactly one shard, with runs of its own signature and step only."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sinegan.config import Config
from sinegan.game.losses import NonSaturating
from sinegan.game.networks import Network
from sinegan.game.optimisers import Adam
from sinegan.game.targets import Square
from sinegan.storage.results import csv, known_runs, write_part
from sinegan.sweep.plan import Configuration, PendingRun, Shard, plan, shard_width, unfinished_runs
from sinegan.training.signature import Run, signature

MakeConfig = Callable[..., Config]

many = settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
# Of each configuration its kind, its number of seeds, and the step that its runs go on from.
sizes = st.lists(
    st.tuples(st.integers(0, 2), st.integers(1, 12), st.sampled_from([0, 5])), min_size=1, max_size=6
)
workers = st.integers(1, 9)
widths = [8, 16, 32]


def runs_of(make_config: MakeConfig, sizes: list[tuple[int, int, int]]) -> list[PendingRun]:
    """The runs of a configuration for each size; configurations of one kind share a signature."""
    runs = []
    for place, (kind, seeds, step) in enumerate(sizes):
        network = Network(latent=3, generator=(widths[kind],), discriminator=(8,))
        config = make_config(network=network, seeds=seeds, seed=100 * place)
        runs += [
            PendingRun(place, Run(config.setup, seed), Path(str(place)), step) for seed in config.all_seeds
        ]
    return runs


def all_pending(*configs: Config) -> list[PendingRun]:
    """All runs of configurations that have not begun."""
    nowhere = Path("no such folder")
    return [
        pending
        for place, config in enumerate(configs)
        for pending in unfinished_runs(place, Configuration(config, nowhere / str(place)), [])
    ]


def names(runs: list[PendingRun]) -> list[tuple[int, int]]:
    return [(pending.place, pending.run.seed) for pending in runs]


def all_runs(shards: list[Shard]) -> list[PendingRun]:
    return [pending for shard in shards for pending in shard.runs]


@many
@given(sizes=sizes, workers=workers)
def test_every_run_is_in_exactly_one_shard(
    make_config: MakeConfig, sizes: list[tuple[int, int, int]], workers: int
) -> None:
    runs = runs_of(make_config, sizes)
    assert Counter(names(all_runs(plan(runs, workers)))) == Counter(names(runs))


@many
@given(sizes=sizes, workers=workers)
def test_the_runs_of_a_shard_share_a_signature_and_a_step(
    make_config: MakeConfig, sizes: list[tuple[int, int, int]], workers: int
) -> None:
    runs = runs_of(make_config, sizes)
    asked = dict(zip(names(runs), runs, strict=True))
    shards = plan(runs, workers)
    assert [shard.number for shard in shards] == list(range(len(shards)))
    for shard in shards:
        assert len({signature(pending.run.setup) for pending in shard.runs}) == 1
        assert len({pending.step for pending in shard.runs}) == 1
        assert all(pending is asked[pending.place, pending.run.seed] for pending in shard.runs)
        assert shard.deaths == 0


@many
@given(sizes=sizes, workers=workers)
def test_the_shards_hold_the_remaining_work_of_all_runs(
    make_config: MakeConfig, sizes: list[tuple[int, int, int]], workers: int
) -> None:
    shards = plan(runs_of(make_config, sizes), workers)
    assert sum(shard.run_steps for shard in shards) == sum(seeds * (12 - step) for _, seeds, step in sizes)


@many
@given(sizes=sizes, workers=workers)
def test_every_worker_has_a_shard_when_there_are_enough_runs(
    make_config: MakeConfig, sizes: list[tuple[int, int, int]], workers: int
) -> None:
    shards = plan(runs_of(make_config, sizes), workers)
    assert len(shards) >= min(workers, len(all_runs(shards)))


@many
@given(sizes=sizes, workers=workers)
def test_shards_keep_the_order_of_the_sweep(
    make_config: MakeConfig, sizes: list[tuple[int, int, int]], workers: int
) -> None:
    def group(place: int) -> tuple[int, int]:
        kind, _, step = sizes[place]
        return kind, step

    shards = plan(runs_of(make_config, sizes), workers)
    groups = list(dict.fromkeys(group(place) for place in range(len(sizes))))
    for one in groups:
        mine = [name for name in names(all_runs(shards)) if group(name[0]) == one]
        assert mine == sorted(mine)
    assert list(dict.fromkeys(group(shard.runs[0].place) for shard in shards)) == groups


@given(runs=st.integers(1, 500), workers=st.integers(1, 64))
def test_the_shard_width_is_the_largest_power_of_two_that_keeps_all_workers_busy(
    runs: int, workers: int
) -> None:
    fitting = [width for width in (1, 2, 4, 8) if runs >= width * workers]
    assert shard_width(runs, workers, widest=8) == max(fitting, default=1)


def test_a_gpu_gets_large_stacks(make_config: MakeConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    configs = {device: make_config(training={"device": device}, seeds=2000) for device in ("cpu", "auto")}
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    widths = {
        device: [len(shard.runs) for shard in plan(all_pending(config), 1)]
        for device, config in configs.items()
    }
    assert widths == {"cpu": [8] * 250, "auto": [1024, 976]}


def test_small_groups_are_not_cut_when_every_worker_has_a_shard(make_config: MakeConfig) -> None:
    def widths(groups: int) -> list[int]:
        configs = [make_config(seeds=8, training={"batch_size": 3 + group}) for group in range(groups)]
        return [len(shard.runs) for shard in plan(all_pending(*configs), 2)]

    assert widths(8) == [8] * 8  # four shards for each worker
    assert widths(3) == [4] * 6  # three of eight would leave a worker idle for a third of the time


def test_runs_that_differ_in_batched_settings_alone_share_a_shard(make_config: MakeConfig) -> None:
    def shards_of(*configs: Config) -> int:
        return len(plan(all_pending(*configs), 1))

    config = make_config(seeds=2)
    faster = make_config(seeds=2, optim=Adam(lr=1e-2, generator_lr=1e-2, discriminator_lr=2e-2, beta1=0.5))
    assert shards_of(config, faster) == 1
    assert shards_of(config, make_config(seeds=2, seed=50, target=Square(points=6))) == 1
    assert shards_of(config, make_config(seeds=2, loss=NonSaturating())) == 2
    assert shards_of(config, make_config(seeds=2, training={"batch_size": 5})) == 2
    assert shards_of(config, make_config(seeds=2, training={"evaluate_every": 6})) == 2


def test_no_runs_make_no_shards() -> None:
    assert plan([], 4) == []


def test_all_runs_of_a_new_configuration_are_pending_from_step_0(
    make_config: MakeConfig, tmp_path: Path
) -> None:
    config = make_config(seed=7, seeds=3)
    assert unfinished_runs(4, Configuration(config, tmp_path), known_runs(tmp_path)) == [
        PendingRun(4, Run(config.setup, seed), tmp_path, step=0, source=None) for seed in (7, 8, 9)
    ]


def test_unfinished_runs_resume_from_their_files_and_failed_ones_begin_again(
    make_config: MakeConfig, tmp_path: Path
) -> None:
    def file(name: str, *runs: tuple[int, str, int]) -> Path:
        rows = [
            {"seed": seed, "status": status, "step": step, "seconds": 1.5, "message": ""}
            for seed, status, step in runs
        ]
        return write_part(tmp_path, name, {"runs.csv": csv(pd.DataFrame(rows))})

    file("000000", (0, "finished", 12), (1, "diverged", 3), (2, "unfinished", 5))
    later = file("000001", (2, "unfinished", 10), (3, "stopped", 5))
    file("000002", (4, "failed", 10), (9, "unfinished", 5))
    config = make_config(seeds=6)
    assert unfinished_runs(1, Configuration(config, tmp_path), known_runs(tmp_path)) == [
        PendingRun(1, Run(config.setup, 2), tmp_path, step=10, source=later),
        PendingRun(1, Run(config.setup, 4), tmp_path),
        PendingRun(1, Run(config.setup, 5), tmp_path),
    ]


def test_shards_are_narrower_with_less_memory(make_config: MakeConfig) -> None:
    large, small = (make_config(network=Network(generator=(width,)), seeds=16) for width in (9, 8))
    asked: list[tuple[int, int]] = []

    def fit_width(run: PendingRun, width: int) -> int:
        asked.append((run.place, width))
        return 2 if run.place == 0 else width

    shards = plan(all_pending(large, small), 2, fit_width)
    assert [len(shard.runs) for shard in shards] == [2] * 8 + [8, 8]
    assert names(all_runs(shards)) == names(all_pending(large, small))
    assert asked == [(0, 8), (1, 8)]
