"""The records of a shard become the files of a configuration without a change to any number."""

import json
import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from numpy.typing import NDArray
from torch.utils import _pytree as pytree

from sinegan.config import Config, Plot
from sinegan.game.mixtures import GaussianRing
from sinegan.game.optimisers import SGD
from sinegan.game.targets import NoisySine, Sine
from sinegan.statuses import DIVERGED, FINISHED, STOPPED, UNFINISHED
from sinegan.storage.results import DamagedResultsError, known_runs, manifest
from sinegan.sweep.plan import PendingRun, Shard
from sinegan.sweep.record import Recorder, RunRecord, load_records, merge_parts, sample_arrays, to_npz
from sinegan.training.loop import SAMPLE_COUNT, Evaluation, engine_settings, train
from sinegan.training.setup import Training
from sinegan.training.signature import Run
from sinegan.training.stack import Stack

MakeConfig = Callable[..., Config]
ShardsOf = Callable[..., list[Shard]]
ReadTable = Callable[[Path], pd.DataFrame]
ReadSamples = Callable[[Path], dict[str, NDArray[Any]]]

METRICS = [
    "rmse",
    "bias",
    "spread",
    "d_real",
    "d_fake",
    "generator_loss",
    "discriminator_loss",
    "value",
    "value_gap",
    "generator_gradient",
    "discriminator_gradient",
]
ABOUT = ["seed", "status", "step", "seconds", "message", "engine", "torch"]
STEPS = [0, 5, 10, 12]
FILES = {"runs.csv", "history.csv", "samples.npz", "checkpoint.pt", "manifest.json"}


def record(shard: Shard, until: int | None = None) -> tuple[Recorder, Stack]:
    """Trains a shard from where it stands, up to an evaluation or to its end, and writes its parts.

    By its clock that takes 3 s; one more passes until the next write.
    """
    stack = Stack([pending.run for pending in shard.runs])
    recorder = Recorder(shard, clock=iter([10.0, 13.0, 14.0]).__next__)
    states = recorder.states()
    if states is not None:
        stack.restore(states)
    with engine_settings():
        for evaluation in train(stack):
            recorder.add(evaluation, stack)
            if evaluation.step == until:
                break
    recorder.write(stack)
    return recorder, stack


def evaluations(shard: Shard) -> list[Evaluation]:
    with engine_settings():
        return list(train(Stack([pending.run for pending in shard.runs])))


def alone(config: Config, seed: int, step: int) -> Stack:
    """A stack of one run, trained up to a step."""
    stack = Stack([Run(config.setup, seed)])
    with engine_settings():
        stack.advance(step)
    return stack


def merged(folder: Path, read_table: ReadTable) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Merges the parts of a configuration; returns its runs and its history."""
    merge_parts(folder, Sine(points=6))
    return read_table(folder / "runs.csv"), read_table(folder / "history.csv")


def read_checkpoint(folder: Path) -> dict[str, Any]:
    stored: dict[str, Any] = torch.load(folder / "checkpoint.pt", weights_only=True)
    return stored


def assert_same_state(one: dict[str, Any], other: dict[str, Any]) -> None:
    """Compares two states to the bit."""
    torch.testing.assert_close(one, other, rtol=0, atol=0)


def test_parts_become_one_set_of_files_with_the_seeds_in_order(
    make_config: MakeConfig,
    tmp_path: Path,
    shards_of: ShardsOf,
    read_table: ReadTable,
    read_samples: ReadSamples,
) -> None:
    config = make_config(training={"steps": 1}, seed=7, seeds=12)
    shards = shards_of([(tmp_path, config)], workers=12)
    assert len(shards) == 12
    for shard in reversed(shards):
        record(shard)
    parts = sorted((tmp_path / "parts").iterdir())
    assert all(re.fullmatch(f"{number:06d}-[0-9a-f]{{8}}", part.name) for number, part in enumerate(parts))
    assert all({path.name for path in part.iterdir()} == FILES for part in parts)

    runs, history = merged(tmp_path, read_table)

    seeds = list(range(7, 19))
    assert {path.name for path in tmp_path.iterdir()} == FILES
    contents = {name: (tmp_path / name).read_bytes() for name in FILES - {"manifest.json"}}
    assert json.loads((tmp_path / "manifest.json").read_text()) == json.loads(manifest(contents))
    assert list(runs) == ABOUT + METRICS
    assert list(history) == ["seed", "step", *METRICS]
    assert runs["seed"].tolist() == seeds
    assert history[["seed", "step"]].to_numpy().tolist() == [
        [seed, step] for seed in seeds for step in (0, 1)
    ]
    samples, checkpoint = read_samples(tmp_path), read_checkpoint(tmp_path)
    assert samples["seeds"].tolist() == seeds
    assert samples["curves"].shape == (12, SAMPLE_COUNT, 6)
    assert samples["probability"].shape == (12, SAMPLE_COUNT)
    assert checkpoint["seeds"] == seeds
    assert {len(tensor) for tensor in pytree.tree_leaves(checkpoint["state"])} == {12}


def test_a_finished_run_has_the_metrics_of_its_last_evaluation_and_its_share_of_the_time(
    make_config: MakeConfig, tmp_path: Path, shards_of: ShardsOf, read_table: ReadTable
) -> None:
    (shard,) = shards_of([(tmp_path, make_config(seeds=4))])
    record(shard)
    runs, history = merged(tmp_path, read_table)
    last = history.groupby("seed").last().reset_index()
    pd.testing.assert_frame_equal(runs[["seed", "step", *METRICS]], last, check_exact=True)
    assert set(runs["status"]) == {FINISHED}
    assert runs["seconds"].tolist() == [0.75] * 4
    assert runs["message"].isna().all()


def test_history_holds_the_measured_numbers_to_the_bit(
    make_config: MakeConfig, tmp_path: Path, shards_of: ShardsOf, read_table: ReadTable
) -> None:
    (shard,) = shards_of([(tmp_path, make_config(seeds=2))])
    record(shard)
    _, history = merged(tmp_path, read_table)
    measured = [evaluation.metrics for evaluation in evaluations(shard)]
    for name in METRICS:
        expected = np.concatenate([[at[name][lane] for at in measured if at] for lane in range(2)])
        assert history[name].to_numpy().tobytes() == expected.tobytes()


def test_configurations_of_one_shard_have_separate_files(
    make_config: MakeConfig,
    tmp_path: Path,
    shards_of: ShardsOf,
    read_table: ReadTable,
    read_samples: ReadSamples,
) -> None:
    slow, fast = SGD(lr=1e-3, generator_lr=1e-3, discriminator_lr=1e-3), SGD(lr=1, generator_lr=0.5)
    configs = [
        (tmp_path / "slow", make_config(optim=slow, seeds=1)),
        (tmp_path / "fast", make_config(optim=fast, seed=3, seeds=1)),
    ]
    (shard,) = shards_of(configs)
    record(shard)
    for folder, config in configs:
        assert merged(folder, read_table)[0]["seed"].tolist() == [config.seed]
        expected = alone(config, config.seed, 12)
        curves, probability = expected.generate(SAMPLE_COUNT)
        samples = read_samples(folder)
        np.testing.assert_array_equal(samples["curves"], curves)
        np.testing.assert_array_equal(samples["probability"], probability.astype(np.float32))
        assert_same_state(read_checkpoint(folder), expected.saved())


def test_a_checkpoint_is_the_state_of_all_runs_along_a_leading_axis(
    make_config: MakeConfig, tmp_path: Path, shards_of: ShardsOf
) -> None:
    stacks = [record(shard)[1] for shard in shards_of([(tmp_path, make_config(seeds=3))], workers=3)]
    merge_parts(tmp_path, Sine(points=6))
    stored = read_checkpoint(tmp_path)
    assert (stored["seeds"], stored["steps"]) == ([0, 1, 2], [12, 12, 12])
    states = [stack.saved()["state"] for stack in stacks]
    assert list(stored["state"]) == list(states[0])
    for name, tensor in stored["state"]["discriminator"].items():
        assert tensor.shape[0] == 3
        assert torch.equal(tensor, torch.cat([state["discriminator"][name] for state in states]))
    assert stored["state"]["generator_memory"]["time"]["t"].tolist() == [12.0, 12.0, 12.0]


def test_a_run_that_diverges_has_the_step_where_it_did_and_no_metrics_from_there_on(
    make_diverging_config: MakeConfig, tmp_path: Path, shards_of: ShardsOf, read_table: ReadTable
) -> None:
    (shard,) = shards_of([(tmp_path, make_diverging_config(seeds=2))])
    record(shard)
    runs, history = merged(tmp_path, read_table)
    assert runs["status"].tolist() == [DIVERGED, DIVERGED]
    assert runs["step"].tolist() == list(evaluations(shard)[-1].end_step)
    assert runs["step"].between(1, 5).all()
    assert runs.reindex(columns=METRICS).isna().all(axis=None)
    assert history["step"].tolist() == [0, 0]
    assert np.isfinite(history).all(axis=None)


def test_a_diverged_run_changes_no_number_of_its_neighbours(
    make_config: MakeConfig,
    make_diverging_config: MakeConfig,
    tmp_path: Path,
    shards_of: ShardsOf,
    read_table: ReadTable,
) -> None:
    good = make_config(optim=SGD(lr=1e-3, generator_lr=1e-3, discriminator_lr=1e-3), seeds=3)
    bad = make_diverging_config(seed=9, seeds=1)
    (shard,) = shards_of([(tmp_path / "good", good), (tmp_path / "bad", bad)])
    record(shard)
    (runs, history), (lost, before) = (merged(tmp_path / name, read_table) for name in ("good", "bad"))
    assert runs["status"].tolist() == [FINISHED] * 3
    assert history["step"].tolist() == STEPS * 3
    assert np.isfinite(history).all(axis=None)
    assert lost["status"].tolist() == [DIVERGED]
    assert lost["step"].between(1, 5).all()
    assert lost.reindex(columns=METRICS).isna().all(axis=None)
    assert before["step"].tolist() == [0]


def test_a_stopped_run_keeps_the_samples_and_the_state_of_the_step_where_it_stopped(
    make_config: MakeConfig, tmp_path: Path, read_table: ReadTable, read_samples: ReadSamples
) -> None:
    def distances(seed: int) -> list[float]:
        stacks = [alone(make_config(), seed, step) for step in (0, 5)]
        return [float(abs(stack.measure()["d_real"][0] - 0.5)) for stack in stacks]

    # A run whose discriminator comes nearer to 1/2 in its first five steps, and a tolerance between.
    seed = next(seed for seed in range(100) if distances(seed)[1] < 0.9 * distances(seed)[0])
    stopping = make_config(training={"stop_tolerance": sum(distances(seed)) / 2}, seed=seed, seeds=1)
    going_on = make_config(seed=seed, seeds=1)
    folders = [tmp_path / "stopping", tmp_path / "going_on"]
    pending = [
        PendingRun(0, Run(stopping.setup, seed), folders[0]),
        PendingRun(1, Run(going_on.setup, seed), folders[1]),
    ]
    record(Shard(0, tuple(pending), 2))
    (runs, history), (others, _) = (merged(folder, read_table) for folder in folders)

    assert (runs["status"].item(), runs["step"].item()) == (STOPPED, 5)
    assert (others["status"].item(), others["step"].item()) == (FINISHED, 12)
    assert history["step"].tolist() == [0, 5]
    assert runs["rmse"].item() == history["rmse"].iloc[-1]
    stopped = alone(stopping, seed, 5)
    curves, probability = stopped.generate(SAMPLE_COUNT)
    samples = read_samples(folders[0])
    np.testing.assert_array_equal(samples["curves"], curves)
    np.testing.assert_array_equal(samples["probability"], probability.astype(np.float32))
    assert_same_state(read_checkpoint(folders[0]), stopped.saved())
    assert read_checkpoint(folders[0])["steps"] == [5]
    assert_same_state(read_checkpoint(folders[1]), alone(going_on, seed, 12).saved())
    assert not np.array_equal(read_samples(folders[1])["curves"], samples["curves"])


def test_a_part_of_a_running_shard_holds_unfinished_runs_and_their_state(
    make_config: MakeConfig,
    tmp_path: Path,
    shards_of: ShardsOf,
    read_table: ReadTable,
    read_samples: ReadSamples,
) -> None:
    config = make_config(seeds=2)
    (shard,) = shards_of([(tmp_path, config)])
    record(shard, until=5)
    (part,) = (tmp_path / "parts").iterdir()
    runs, history = read_table(part / "runs.csv"), read_table(part / "history.csv")
    assert runs["status"].tolist() == ["unfinished"] * 2
    assert runs["step"].tolist() == [5, 5]
    assert runs["rmse"].tolist() == history[history["step"] == 5]["rmse"].tolist()
    assert history["step"].tolist() == [0, 5] * 2
    assert len(read_samples(part)["seeds"]) == len(read_samples(part)["curves"]) == 0
    for seed in (0, 1):
        state = load_records(part)[seed].state
        assert state is not None
        assert_same_state(state, alone(config, seed, 5).saved())


def test_a_later_part_replaces_the_earlier_one(
    make_config: MakeConfig, tmp_path: Path, shards_of: ShardsOf, read_table: ReadTable
) -> None:
    (shard,) = shards_of([(tmp_path, make_config(seeds=1))])
    recorder, stack = record(shard, until=5)
    (first,) = (tmp_path / "parts").iterdir()
    recorder.write(stack)
    (second,) = (tmp_path / "parts").iterdir()
    assert first != second
    assert read_table(second / "runs.csv")["seconds"].tolist() == [4.0]


def test_a_run_resumed_from_a_part_has_the_files_of_an_uninterrupted_one(
    make_config: MakeConfig,
    tmp_path: Path,
    shards_of: ShardsOf,
    read_table: ReadTable,
    read_samples: ReadSamples,
) -> None:
    config = make_config(seeds=2, plot=Plot(animation=True, every=4))
    for name, stops in (("paused", (4, 5, None)), ("through", (None,))):
        for stop in stops:
            (shard,) = shards_of([(tmp_path / name, config)])
            record(shard, until=stop)
    paused, through = (merged(tmp_path / name, read_table) for name in ("paused", "through"))
    pd.testing.assert_frame_equal(paused[1], through[1], check_exact=True)
    pd.testing.assert_frame_equal(
        paused[0].drop(columns="seconds"), through[0].drop(columns="seconds"), check_exact=True
    )
    assert paused[0]["seconds"].tolist() == [4.5, 4.5]
    samples, expected = read_samples(tmp_path / "paused"), read_samples(tmp_path / "through")
    assert {name: array.tobytes() for name, array in samples.items()} == {
        name: array.tobytes() for name, array in expected.items()
    }
    assert_same_state(read_checkpoint(tmp_path / "paused"), read_checkpoint(tmp_path / "through"))


def test_a_failure_is_recorded_for_every_run_with_its_earlier_measurements(
    make_config: MakeConfig, tmp_path: Path, shards_of: ShardsOf, read_table: ReadTable
) -> None:
    (shard,) = shards_of([(tmp_path, make_config(seeds=2, seed=4))])
    recorder, _ = record(shard, until=5)
    recorder.write_failure('RuntimeError: "a", b\nand c')
    runs, history = merged(tmp_path, read_table)
    assert list(runs) == ABOUT
    assert runs["seed"].tolist() == [4, 5]
    assert runs["status"].tolist() == ["failed"] * 2
    assert runs["step"].tolist() == [5, 5]
    assert runs["seconds"].tolist() == [2.0, 2.0]
    assert runs["message"].tolist() == ['RuntimeError: "a", b\nand c'] * 2
    assert history["step"].tolist() == [0, 5] * 2
    assert not (tmp_path / "checkpoint.pt").exists()


def test_the_states_of_unfinished_runs_alone_are_kept_unless_asked_for(
    make_config: MakeConfig, tmp_path: Path, shards_of: ShardsOf
) -> None:
    unkept = {"keep_checkpoints": False}
    target = Sine(points=6)
    config = make_config(training=unkept, target=target, seeds=1)
    stopping = make_config(training=unkept | {"stop_tolerance": 0.999}, target=target, seed=1, seeds=1)
    assert make_config().training.keep_checkpoints
    assert not Training().keep_checkpoints

    (shard,) = shards_of([(tmp_path, config), (tmp_path, stopping)])
    recorder, stack = record(shard, until=5)
    assert [each.status for each in recorder.records] == [UNFINISHED, STOPPED]
    (part,) = (tmp_path / "parts").iterdir()
    assert_same_state(read_checkpoint(part), stack.saved([0]))
    records = load_records(part)
    assert [records[seed].state is None for seed in (0, 1)] == [False, True]

    (rest,) = shards_of([(tmp_path, config)])
    assert [pending.step for pending in rest.runs] == [5]
    record(rest)
    merge_parts(tmp_path, target)
    assert {path.name for path in tmp_path.iterdir()} == FILES - {"checkpoint.pt"}
    assert [run.status for run in known_runs(tmp_path)] == [FINISHED, STOPPED]


def test_checkpoints_of_an_earlier_command_stay_when_others_are_not_kept(
    make_config: MakeConfig, tmp_path: Path, shards_of: ShardsOf
) -> None:
    (shard,) = shards_of([(tmp_path, make_config(seeds=2))])
    _, stack = record(shard)
    merge_parts(tmp_path, Sine(points=6))

    (more,) = shards_of([(tmp_path, make_config(training={"keep_checkpoints": False}, seeds=4))])
    assert [pending.run.seed for pending in more.runs] == [2, 3]
    record(more)
    merge_parts(tmp_path, Sine(points=6))

    assert [(run.seed, run.status) for run in known_runs(tmp_path)] == [(s, FINISHED) for s in range(4)]
    assert_same_state(read_checkpoint(tmp_path), stack.saved())


def test_a_failure_before_the_first_evaluation_leaves_the_other_shards_whole(
    make_config: MakeConfig,
    tmp_path: Path,
    shards_of: ShardsOf,
    read_table: ReadTable,
    read_samples: ReadSamples,
) -> None:
    first, second = shards_of([(tmp_path, make_config(seeds=2))], workers=2)
    record(first)
    Recorder(second, clock=lambda: 0.0).write_failure("gone")
    runs, history = merged(tmp_path, read_table)
    assert runs["status"].tolist() == [FINISHED, "failed"]
    assert runs["step"].tolist() == [12, 0]
    assert runs["message"].tolist()[1] == "gone"
    assert history["seed"].tolist() == [0] * 4
    assert read_samples(tmp_path)["seeds"].tolist() == [0]
    assert read_checkpoint(tmp_path)["seeds"] == [0]


def test_a_failure_after_a_part_leaves_the_other_shards_whole(
    make_config: MakeConfig,
    tmp_path: Path,
    shards_of: ShardsOf,
    read_table: ReadTable,
    read_samples: ReadSamples,
) -> None:
    first, second = shards_of([(tmp_path, make_config(seeds=2))], workers=2)
    record(second)
    record(first, until=5)
    Recorder(first, clock=lambda: 0.0).write_failure("gone")
    runs, _ = merged(tmp_path, read_table)
    assert runs["status"].tolist() == ["failed", FINISHED]
    assert read_samples(tmp_path)["seeds"].tolist() == [1]
    assert {path.name for path in tmp_path.iterdir()} == FILES


def test_failures_alone_still_have_tables(
    make_config: MakeConfig, tmp_path: Path, shards_of: ShardsOf, read_table: ReadTable
) -> None:
    for shard in shards_of([(tmp_path, make_config(seeds=2))], workers=2):
        Recorder(shard, clock=lambda: 0.0).write_failure("gone")
    runs, history = merged(tmp_path, read_table)
    assert runs["status"].tolist() == ["failed"] * 2
    assert history.empty
    assert {path.name for path in tmp_path.iterdir()} == FILES - {"checkpoint.pt"}


@pytest.mark.parametrize("name", sorted(FILES))
def test_a_damaged_part_is_not_merged(
    make_config: MakeConfig, tmp_path: Path, shards_of: ShardsOf, name: str
) -> None:
    for shard in shards_of([(tmp_path, make_config(seeds=2))], workers=2):
        record(shard)
    part = min((tmp_path / "parts").iterdir())
    content = (part / name).read_bytes()
    (part / name).write_bytes(content[: len(content) // 2])
    with pytest.raises(DamagedResultsError, match="restore it, or delete") as caught:
        merge_parts(tmp_path, Sine(points=6))
    assert str(part) in str(caught.value)
    assert not (tmp_path / "runs.csv").exists()


def test_real_curves_are_one_for_a_fixed_target_and_many_for_a_family() -> None:
    for target, count in ((Sine(points=6), 1), (NoisySine(points=6), SAMPLE_COUNT)):
        drawn = np.zeros((2, 6)), np.zeros(2)
        samples = sample_arrays([RunRecord(seed=0, samples=drawn)], target)
        assert samples["real"].shape == (count, 6)
        assert len(np.unique(samples["real"], axis=0)) == count
        np.testing.assert_array_equal(samples["x"], target.grid())


def test_modes_are_stored_for_mixtures_alone() -> None:
    drawn = np.zeros((2, 2)), np.zeros(2)
    samples = sample_arrays([RunRecord(seed=0, samples=drawn)], GaussianRing(gaussians=4, radius=3.0))
    np.testing.assert_allclose(samples["modes"], [[3, 0], [0, 3], [-3, 0], [0, -3]], atol=1e-12)
    curve = np.zeros((2, 6)), np.zeros(2)
    assert "modes" not in sample_arrays([RunRecord(seed=0, samples=curve)], Sine(points=6))


def test_frames_are_kept_of_every_run_at_the_picture_steps(
    make_config: MakeConfig, tmp_path: Path, shards_of: ShardsOf, read_samples: ReadSamples
) -> None:
    config = make_config(seeds=3, plot=Plot(animation=True, every=4))
    for shard in shards_of([(tmp_path, config)], workers=2):
        record(shard)
    merge_parts(tmp_path, config.target)
    samples = read_samples(tmp_path)
    assert samples["frame_steps"].tolist() == [0, 4, 8, 12]
    assert samples["frame_seeds"].tolist() == [0, 1, 2]
    assert samples["frame_curves"].shape == (4, 3, 6)
    assert samples["frame_probability"].shape == (4, 3)
    for run, seed in enumerate(samples["frame_seeds"]):
        curves, _ = alone(config, int(seed), 8).generate(1)
        np.testing.assert_array_equal(samples["frame_curves"][2, run], curves[0, 0])


def framed(seed: int, steps: list[int]) -> RunRecord:
    """A run whose frames are filled with its seed, at these steps."""
    frames = [(step, np.full(6, seed, np.float32), float(seed)) for step in steps]
    return RunRecord(seed, frames=frames, samples=(np.full((2, 6), seed), np.full(2, seed)))


def test_frames_of_runs_that_ended_early_are_filled_with_nan() -> None:
    samples = sample_arrays([framed(1, [0, 5]), framed(2, [0, 5, 10]), framed(3, [0])], Sine(points=6))
    assert samples["frame_steps"].tolist() == [0, 5, 10]
    assert samples["frame_seeds"].tolist() == samples["seeds"].tolist() == [1, 2, 3]
    missing = math.nan
    np.testing.assert_array_equal(
        samples["frame_probability"], [[1, 2, 3], [1, 2, missing], [missing, 2, missing]]
    )
    np.testing.assert_array_equal(
        samples["frame_curves"], np.repeat(samples["frame_probability"][:, :, None], 6, axis=2)
    )
    assert samples["frame_curves"].dtype == np.float32
    assert samples["curves"][:, 0, 0].tolist() == [1, 2, 3]


def test_samples_without_frames_have_no_arrays_of_frames() -> None:
    names = {"x", "real", "seeds", "curves", "probability"}
    assert set(sample_arrays([framed(1, []), framed(2, [])], Sine(points=6))) == names


def test_arrays_of_samples_are_stored_without_change(tmp_path: Path, read_samples: ReadSamples) -> None:
    arrays = {"curves": np.array([[np.nan, 1e-40]], np.float32), "seeds": np.array([2**32], np.int64)}
    (tmp_path / "samples.npz").write_bytes(to_npz(arrays))
    stored = read_samples(tmp_path)
    assert {name: (a.dtype, a.tobytes()) for name, a in stored.items()} == {
        name: (a.dtype, a.tobytes()) for name, a in arrays.items()
    }
