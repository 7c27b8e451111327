"""What a shard records becomes the files of a configuration, and no number changes on the way."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from torch.utils import _pytree as pytree

from sinegan.config import Config, Plot
from sinegan.game.targets import NoisySine
from sinegan.sweep.plan import Configuration, Shard, plan
from sinegan.sweep.record import Recorder, csv, joined_samples, merge_parts, npz, read_csv
from sinegan.training.loop import DIVERGED, FINISHED, SAMPLES, STOPPED, Evaluation, engine_settings, train
from sinegan.training.optimisers import SGD
from sinegan.training.stack import Run, Stack

# Pandas 3.1 wants `float_precision` gone, which sinegan names for older ones.
pytestmark = pytest.mark.filterwarnings("ignore:The 'float_precision' argument:DeprecationWarning")

MakeConfig = Callable[..., Config]
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
ABOUT = ["seed", "status", "step", "seconds", "message"]
STEPS = [0, 5, 10, 12]


def record(shard: Shard, until: int | None = None) -> tuple[Recorder, Stack]:
    """Trains a shard, up to an evaluation or to its end, and writes its parts: 3 s by its clock."""
    stack = Stack(shard.runs, shard.width)
    recorder = Recorder(shard, started=10.0, clock=lambda: 13.0)
    with engine_settings():
        for evaluation in train(stack):
            recorder.add(evaluation, stack)
            if evaluation.step == until:
                break
    recorder.write(stack)
    return recorder, stack


def evaluations(shard: Shard) -> list[Evaluation]:
    with engine_settings():
        return list(train(Stack(shard.runs, shard.width)))


def alone(config: Config, seed: int, step: int) -> Stack:
    """One run by itself, trained up to a step."""
    stack = Stack([Run(config, seed)])
    with engine_settings():
        stack.advance(step)
    return stack


def read_checkpoint(folder: Path) -> dict[str, Any]:
    stored: dict[str, Any] = torch.load(folder / "checkpoint.pt", weights_only=True)
    return stored


def assert_same_state(one: dict[str, Any], other: dict[str, Any]) -> None:
    """To the bit, with the same seeds and steps."""
    torch.testing.assert_close(one, other, rtol=0, atol=0)


def explosive(make_config: MakeConfig, **parts: Any) -> Config:
    return make_config(optim=SGD(lr=1e20, generator_lr=1e20, discriminator_lr=1e20), **parts)


def test_parts_become_one_set_of_files_with_the_seeds_in_order(
    make_config: MakeConfig, tmp_path: Path, read_samples: ReadSamples
) -> None:
    config = make_config(training={"steps": 1}, seed=7, seeds=12)
    shards = plan([Configuration(config, tmp_path)], workers=12)
    assert len(shards) == 12
    for shard in reversed(shards):
        record(shard)
    assert {path.name for path in (tmp_path / "parts" / "000003").iterdir()} == {
        "runs.csv",
        "history.csv",
        "samples.npz",
        "checkpoint.pt",
    }

    returned = merge_parts(tmp_path)

    seeds = list(range(7, 19))
    assert {path.name for path in tmp_path.iterdir()} == {
        "runs.csv",
        "history.csv",
        "samples.npz",
        "checkpoint.pt",
    }
    runs, history = read_csv(tmp_path / "runs.csv"), read_csv(tmp_path / "history.csv")
    pd.testing.assert_frame_equal(returned, runs)
    assert list(runs) == ABOUT + METRICS
    assert list(history) == ["seed", "step", *METRICS]
    assert runs["seed"].tolist() == seeds
    assert history[["seed", "step"]].to_numpy().tolist() == [
        [seed, step] for seed in seeds for step in (0, 1)
    ]
    samples, checkpoint = read_samples(tmp_path), read_checkpoint(tmp_path)
    assert samples["seeds"].tolist() == seeds
    assert samples["curves"].shape == (12, SAMPLES, 6)
    assert samples["probability"].shape == (12, SAMPLES)
    assert checkpoint["seeds"] == seeds
    assert {len(tensor) for tensor in pytree.tree_leaves(checkpoint["state"])} == {12}


def test_a_finished_run_has_the_metrics_of_its_last_evaluation_and_its_share_of_the_time(
    make_config: MakeConfig, tmp_path: Path
) -> None:
    (shard,) = plan([Configuration(make_config(seeds=4), tmp_path)], 1)
    record(shard)
    runs = merge_parts(tmp_path)
    last = read_csv(tmp_path / "history.csv").groupby("seed").last().reset_index()
    pd.testing.assert_frame_equal(runs[["seed", "step", *METRICS]], last)
    assert set(runs["status"]) == {FINISHED}
    assert runs["seconds"].tolist() == [0.75] * 4
    assert runs["message"].isna().all()


def test_history_holds_the_measured_numbers_to_the_bit(make_config: MakeConfig, tmp_path: Path) -> None:
    (shard,) = plan([Configuration(make_config(seeds=2), tmp_path)], 1)
    record(shard)
    merge_parts(tmp_path)
    history = read_csv(tmp_path / "history.csv")
    measured = [evaluation.metrics for evaluation in evaluations(shard)]
    for name in METRICS:
        expected = np.concatenate([[at[name][lane] for at in measured if at] for lane in range(2)])
        assert history[name].to_numpy().tobytes() == expected.tobytes()


def test_configurations_of_one_shard_are_filed_apart(
    make_config: MakeConfig, tmp_path: Path, read_samples: ReadSamples
) -> None:
    slow, fast = SGD(lr=1e-3, generator_lr=1e-3, discriminator_lr=1e-3), SGD(lr=1, generator_lr=0.5)
    configs = [make_config(optim=slow, seeds=1), make_config(optim=fast, seed=3, seeds=1)]
    folders = [tmp_path / "slow", tmp_path / "fast"]
    (shard,) = plan([Configuration(c, f) for c, f in zip(configs, folders, strict=True)], 1)
    record(shard)
    for config, folder in zip(configs, folders, strict=True):
        assert merge_parts(folder)["seed"].tolist() == [config.seed]
        expected = alone(config, config.seed, 12)
        curves, probability = expected.paint(SAMPLES)
        samples = read_samples(folder)
        np.testing.assert_array_equal(samples["curves"], curves)
        np.testing.assert_array_equal(samples["probability"], probability.astype(np.float32))
        assert_same_state(read_checkpoint(folder), expected.saved())


def test_a_checkpoint_is_the_state_of_all_runs_along_a_leading_axis(
    make_config: MakeConfig, tmp_path: Path
) -> None:
    config = make_config(seeds=3)
    stacks = [record(shard)[1] for shard in plan([Configuration(config, tmp_path)], workers=3)]
    merge_parts(tmp_path)
    stored = read_checkpoint(tmp_path)
    assert (stored["seeds"], stored["steps"]) == ([0, 1, 2], [12, 12, 12])
    states = [stack.saved()["state"] for stack in stacks]
    assert list(stored["state"]) == list(states[0])
    for name, tensor in stored["state"]["discriminator"].items():
        assert tensor.shape[0] == 3
        assert torch.equal(tensor, torch.cat([state["discriminator"][name] for state in states]))
    assert stored["state"]["generator_memory"]["time"]["t"].tolist() == [12.0, 12.0, 12.0]


def test_a_run_that_diverges_has_the_step_where_it_did_and_no_metrics_from_there_on(
    make_config: MakeConfig, tmp_path: Path
) -> None:
    config = explosive(make_config, seeds=2)
    (shard,) = plan([Configuration(config, tmp_path)], 1)
    record(shard)
    runs = merge_parts(tmp_path)
    history = read_csv(tmp_path / "history.csv")
    assert runs["status"].tolist() == [DIVERGED, DIVERGED]
    assert runs["step"].tolist() == list(evaluations(shard)[-1].end_step)
    assert runs["step"].between(1, 5).all()
    assert runs.reindex(columns=METRICS).isna().all(axis=None)
    assert history["step"].tolist() == [0, 0]
    assert np.isfinite(history).all(axis=None)


def test_a_run_that_diverges_leaves_its_neighbours_alone(make_config: MakeConfig, tmp_path: Path) -> None:
    good = make_config(optim=SGD(lr=1e-3, generator_lr=1e-3, discriminator_lr=1e-3), seeds=3)
    bad = explosive(make_config, seed=9, seeds=1)
    (shard,) = plan([Configuration(good, tmp_path / "good"), Configuration(bad, tmp_path / "bad")], 1)
    record(shard)
    runs, lost = merge_parts(tmp_path / "good"), merge_parts(tmp_path / "bad")
    assert runs["status"].tolist() == [FINISHED] * 3
    assert lost["status"].tolist() == [DIVERGED]
    assert lost["step"].between(1, 5).all()
    assert read_csv(tmp_path / "bad" / "history.csv")["step"].tolist() == [0]
    history = read_csv(tmp_path / "good" / "history.csv")
    assert history["step"].tolist() == STEPS * 3
    assert np.isfinite(history).all(axis=None)


def test_a_stopped_run_keeps_the_painting_and_the_state_of_the_step_where_it_stopped(
    make_config: MakeConfig, tmp_path: Path, read_samples: ReadSamples
) -> None:
    def distances(seed: int) -> list[float]:
        return [
            float(abs(alone(make_config(), seed, step).measure()["d_real"][0] - 0.5)) for step in STEPS[:3]
        ]

    # A run whose discriminator comes nearer to 1/2 in its first five steps, and a tolerance between.
    seed = next(seed for seed in range(100) if distances(seed)[1] < 0.9 * distances(seed)[0])
    before, there, _ = distances(seed)
    stopping = make_config(training={"stop_tolerance": (before + there) / 2}, seed=seed, seeds=1)
    going_on = make_config(seed=seed, seeds=1)
    folders = [tmp_path / "stopping", tmp_path / "going_on"]
    shard = Shard(
        0, ((0, seed), (1, seed)), (Run(stopping, seed), Run(going_on, seed)), (folders[0], folders[1]), 2
    )
    record(shard)
    runs, others = merge_parts(folders[0]), merge_parts(folders[1])

    assert (runs["status"].item(), runs["step"].item()) == (STOPPED, 5)
    assert (others["status"].item(), others["step"].item()) == (FINISHED, 12)
    history = read_csv(folders[0] / "history.csv")
    assert history["step"].tolist() == [0, 5]
    assert runs["rmse"].item() == history["rmse"].iloc[-1]
    stopped = alone(stopping, seed, 5)
    curves, probability = stopped.paint(SAMPLES)
    samples, checkpoint = read_samples(folders[0]), read_checkpoint(folders[0])
    np.testing.assert_array_equal(samples["curves"], curves)
    np.testing.assert_array_equal(samples["probability"], probability.astype(np.float32))
    assert_same_state(checkpoint, stopped.saved())
    assert checkpoint["steps"] == [5]
    assert_same_state(read_checkpoint(folders[1]), alone(going_on, seed, 12).saved())
    assert not np.array_equal(read_samples(folders[1])["curves"], samples["curves"])


def test_parts_of_a_shard_at_work_hold_unfinished_runs_and_what_a_resume_needs(
    make_config: MakeConfig, tmp_path: Path, read_samples: ReadSamples
) -> None:
    (shard,) = plan([Configuration(make_config(seeds=2), tmp_path)], 1)
    record(shard, until=5)
    part = tmp_path / "parts" / "000000"
    runs, history = read_csv(part / "runs.csv"), read_csv(part / "history.csv")
    assert runs["status"].tolist() == ["unfinished"] * 2
    assert runs["step"].tolist() == [5, 5]
    assert history["step"].tolist() == [0, 5] * 2
    assert len(read_samples(part)["seeds"]) == len(read_samples(part)["curves"]) == 0
    assert read_checkpoint(part)["steps"] == [5, 5]


def test_a_failure_is_filed_for_every_run_with_what_was_measured_before(
    make_config: MakeConfig, tmp_path: Path
) -> None:
    (shard,) = plan([Configuration(make_config(seeds=2, seed=4), tmp_path)], 1)
    recorder, _ = record(shard, until=5)
    recorder.write_failure('RuntimeError: "a", b\nand c')
    runs = merge_parts(tmp_path)
    assert list(runs) == ABOUT
    assert runs["seed"].tolist() == [4, 5]
    assert runs["status"].tolist() == ["failed"] * 2
    assert runs["step"].tolist() == [5, 5]
    assert runs["seconds"].tolist() == [1.5, 1.5]
    assert runs["message"].tolist() == ['RuntimeError: "a", b\nand c'] * 2
    assert read_csv(tmp_path / "history.csv")["step"].tolist() == [0, 5] * 2


def test_a_failure_before_the_first_evaluation_leaves_the_other_shards_whole(
    make_config: MakeConfig, tmp_path: Path, read_samples: ReadSamples
) -> None:
    first, second = plan([Configuration(make_config(seeds=2), tmp_path)], workers=2)
    record(first)
    Recorder(second, started=0.0, clock=lambda: 0.0).write_failure("gone")
    runs = merge_parts(tmp_path)
    assert runs["status"].tolist() == [FINISHED, "failed"]
    assert runs["step"].tolist() == [12, 0]
    assert read_csv(tmp_path / "history.csv")["seed"].tolist() == [0] * 4
    assert read_samples(tmp_path)["seeds"].tolist() == [0]
    assert read_checkpoint(tmp_path)["seeds"] == [0]


def test_nothing_but_failures_still_makes_the_tables(make_config: MakeConfig, tmp_path: Path) -> None:
    for shard in plan([Configuration(make_config(seeds=2), tmp_path)], workers=2):
        Recorder(shard, started=0.0, clock=lambda: 0.0).write_failure("gone")
    assert merge_parts(tmp_path)["status"].tolist() == ["failed"] * 2
    assert {path.name for path in tmp_path.iterdir()} == {"runs.csv", "history.csv"}


def test_real_curves_are_one_for_a_fixed_target_and_many_for_a_family(
    make_config: MakeConfig, tmp_path: Path, read_samples: ReadSamples
) -> None:
    for name, config, count in (
        ("fixed", make_config(seeds=1), 1),
        ("family", make_config(seeds=1, target=NoisySine(points=6)), SAMPLES),
    ):
        (shard,) = plan([Configuration(config, tmp_path / name)], 1)
        record(shard)
        merge_parts(tmp_path / name)
        samples = read_samples(tmp_path / name)
        assert samples["real"].shape == (count, 6)
        np.testing.assert_array_equal(samples["x"], config.target.grid())
        assert len(np.unique(samples["real"], axis=0)) == count


def test_frames_are_kept_of_every_run_at_the_picture_steps(
    make_config: MakeConfig, tmp_path: Path, read_samples: ReadSamples
) -> None:
    config = make_config(seeds=3, plot=Plot(animation=True, every=4))
    for shard in plan([Configuration(config, tmp_path)], workers=2):
        record(shard)
    merge_parts(tmp_path)
    samples = read_samples(tmp_path)
    assert samples["frame_steps"].tolist() == [0, 4, 8, 12]
    assert samples["frame_seeds"].tolist() == [0, 1, 2]
    assert samples["frame_curves"].shape == (4, 3, 6)
    assert samples["frame_probability"].shape == (4, 3)
    for run, seed in enumerate(samples["frame_seeds"]):
        curves, _ = alone(config, int(seed), 8).paint(1)
        np.testing.assert_array_equal(samples["frame_curves"][2, run], curves[0, 0])


def framed(seed: int, steps: list[int]) -> dict[str, NDArray[Any]]:
    """The samples of a part with one run, its frames up to its end."""
    return {
        "x": np.arange(3.0),
        "real": np.ones((1, 3)),
        "seeds": np.array([seed]),
        "curves": np.full((1, 2, 3), seed, np.float32),
        "probability": np.full((1, 2), seed, np.float32),
        "frame_seeds": np.array([seed]),
        "frame_steps": np.array(steps),
        "frame_curves": np.full((len(steps), 1, 3), seed, np.float32),
        "frame_probability": np.full((len(steps), 1), seed, np.float32),
    }


def test_frames_of_runs_that_ended_early_are_filled_with_nan() -> None:
    joined = joined_samples([framed(1, [0, 5]), framed(2, [0, 5, 10]), framed(3, [0])])
    assert joined["frame_steps"].tolist() == [0, 5, 10]
    assert joined["frame_seeds"].tolist() == joined["seeds"].tolist() == [1, 2, 3]
    missing = math.nan
    np.testing.assert_array_equal(
        joined["frame_probability"], [[1, 2, 3], [1, 2, missing], [missing, 2, missing]]
    )
    np.testing.assert_array_equal(
        joined["frame_curves"], np.repeat(joined["frame_probability"][:, :, None], 3, axis=2)
    )
    assert joined["frame_curves"].dtype == np.float32
    assert joined["curves"][:, 0, 0].tolist() == [1, 2, 3]
    assert joined["x"].tolist() == [0, 1, 2]


def test_samples_without_frames_stay_without() -> None:
    plain = [
        {name: array for name, array in framed(seed, [0]).items() if "frame" not in name} for seed in (1, 2)
    ]
    assert set(joined_samples(plain)) == {"x", "real", "seeds", "curves", "probability"}


finite = st.floats(allow_nan=False, allow_infinity=False)


@given(values=st.lists(finite, min_size=1, max_size=20))
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_numbers_in_csv_are_read_back_to_the_bit(tmp_path: Path, values: list[float]) -> None:
    file = tmp_path / "numbers.csv"
    file.write_text(csv(pd.DataFrame({"seed": range(len(values)), "rmse": values})))
    again = read_csv(file)
    assert again["rmse"].to_numpy().tobytes() == np.array(values, np.float64).tobytes()
    assert again["seed"].tolist() == list(range(len(values)))


def test_missing_and_infinite_numbers_are_read_back(tmp_path: Path) -> None:
    file = tmp_path / "numbers.csv"
    file.write_text(csv(pd.DataFrame({"rmse": [math.inf, -math.inf, math.nan, 0.1]})))
    np.testing.assert_array_equal(read_csv(file)["rmse"], [math.inf, -math.inf, math.nan, 0.1])
    assert file.read_bytes() == b'rmse\ninf\n-inf\n""\n0.1\n'


def test_arrays_are_stored_as_they_are(tmp_path: Path, read_samples: ReadSamples) -> None:
    arrays = {"curves": np.array([[np.nan, 1e-40]], np.float32), "seeds": np.array([2**32], np.int64)}
    (tmp_path / "samples.npz").write_bytes(npz(arrays))
    stored = read_samples(tmp_path)
    assert {name: (a.dtype, a.tobytes()) for name, a in stored.items()} == {
        name: (a.dtype, a.tobytes()) for name, a in arrays.items()
    }
