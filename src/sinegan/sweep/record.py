"""From evaluations to the result files of a configuration."""

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from sinegan.game.targets import Target
from sinegan.statuses import ENDED_WELL, FAILED, RUNNING, UNFINISHED
from sinegan.storage.files import MOST_BYTES
from sinegan.storage.results import (
    CHECKPOINT,
    HISTORY,
    MADE_BY,
    RUNS,
    SAMPLES,
    DamagedResultsError,
    ResultFilesError,
    csv,
    discard,
    known_runs,
    publish,
    read_checked,
    read_csv,
    read_samples,
    records,
    refuse_zip_bomb,
    write_part,
)
from sinegan.sweep.plan import Shard, part_name
from sinegan.training.loop import SAMPLE_COUNT, Evaluation
from sinegan.training.stack import Stack

Arrays = dict[str, NDArray[Any]]


@dataclass
class RunRecord:
    """The results of one run so far.

    rows: a row for each evaluation. frames: step, curve (points,) and D's probability. samples: curves
    (samples, points) and probabilities (samples,) at the end. state: as `Stack.saved` returns it; None for
    a run that has failed, or that has ended and need not be kept.
    """

    seed: int
    status: str = UNFINISHED
    step: int = 0
    seconds: float = 0.0
    message: str = ""
    engine: str = ""
    torch: str = ""
    rows: list[dict[str, float]] = field(default_factory=list)
    frames: list[tuple[int, NDArray[Any], float]] = field(default_factory=list)
    samples: tuple[NDArray[Any], NDArray[Any]] | None = None
    state: dict[str, Any] | None = None

    def summary(self) -> dict[str, Any]:
        """The run's row of `runs.csv`: how it ended, and its last metrics if they are finite."""
        row = {"seed": self.seed, "status": self.status, "step": self.step}
        row |= {"seconds": self.seconds, "message": self.message}
        row |= {"engine": self.engine, "torch": self.torch}
        last = self.rows[-1:] if self.status in (*ENDED_WELL, UNFINISHED) else []
        return row | {name: value for metrics in last for name, value in metrics.items() if name != "step"}


class Recorder:
    """Collects the evaluations of a shard, and writes them as a part of each configuration's files."""

    def __init__(self, shard: Shard, clock: Callable[[], float]) -> None:
        self._shard = shard
        self._clock = clock
        self._written_at = clock()
        self._parts: dict[Path, Path] = {}
        loaded = {
            source: load_records(source)
            for source in dict.fromkeys(pending.source for pending in shard.runs)
            if source is not None
        }
        self.records = [
            loaded[pending.source][pending.run.seed] if pending.source else RunRecord(pending.run.seed)
            for pending in shard.runs
        ]

    def states(self) -> dict[str, Any] | None:
        """The state from which the stack resumes; None at the very beginning."""
        if self._shard.runs[0].source is None:
            return None
        joined: dict[str, Any] = join_states([record.state for record in self.records])
        return joined

    def refuse_other_engine(self, stack: Stack) -> None:
        """Raises ResultFilesError when runs of these configurations were trained by another engine."""
        for pending in self._shard.runs:
            if pending.engine not in ("", stack.engine):
                raise ResultFilesError(
                    f"{pending.folder}: its runs were trained by the engine {pending.engine}, but this "
                    f"machine would use {stack.engine}, with other last bits; resume where {pending.engine} "
                    "works"
                )

    def add(self, evaluation: Evaluation, stack: Stack) -> None:
        """Adds an evaluation. Of the runs that end with it, only the states that were asked for are kept."""
        for lane, record in enumerate(self.records):
            if record.status != UNFINISHED:
                continue
            record.step = evaluation.step
            record.engine, record.torch = stack.engine, torch.__version__
            if evaluation.measured[lane]:
                if evaluation.metrics is not None:
                    values = {name: float(array[lane]) for name, array in evaluation.metrics.items()}
                    record.rows.append({"step": evaluation.step} | values)
                if evaluation.frame is not None:
                    curve, chance = evaluation.frame.curves[lane, 0], evaluation.frame.probability[lane, 0]
                    record.frames.append((evaluation.step, curve, float(chance)))
            if evaluation.status[lane] != RUNNING:
                record.status, record.step = evaluation.status[lane], evaluation.end_step[lane]
                keeps = self._shard.runs[lane].run.setup.training.keep_checkpoints
                record.state = stack.saved([lane]) if keeps else None
                assert evaluation.samples is not None
                record.samples = (
                    evaluation.samples.curves[lane],
                    evaluation.samples.probability[lane],
                )

    def write(self, stack: Stack) -> None:
        """Writes the results so far as a part of each configuration, in place of the last part."""
        for lane, record in enumerate(self.records):
            if record.status == UNFINISHED:
                record.state = stack.saved([lane])
        self._write()

    def write_failure(self, message: str) -> None:
        """Writes every run of the shard as failed."""
        for record in self.records:
            record.status, record.message, record.state = FAILED, message, None
        self._write()

    def _write(self) -> None:
        now = self._clock()
        for record in self.records:
            record.seconds += (now - self._written_at) / len(self.records)
        self._written_at = now
        lanes: dict[Path, list[int]] = {}
        for lane, pending in enumerate(self._shard.runs):
            lanes.setdefault(pending.folder, []).append(lane)
        for folder, lanes_of_folder in lanes.items():
            target = self._shard.runs[lanes_of_folder[0]].run.setup.target
            files = result_files([self.records[lane] for lane in lanes_of_folder], target)
            part = write_part(folder, part_name(self._shard), files)
            if folder in self._parts:
                discard(self._parts[folder])
            self._parts[folder] = part


def merge_parts(folder: Path, target: Target) -> list[str]:
    """Joins all sets of a configuration into its own set; returns the engines that trained its runs."""
    runs = known_runs(folder)
    sources = list(dict.fromkeys(run.source for run in runs))
    engines = sorted({run.engine for run in runs if run.engine})
    if len(sources) == 1 and len(runs) == len(read_csv(sources[0], RUNS)):
        if sources[0] != folder:
            publish(sources[0], folder)
        return engines
    loaded = {source: load_records(source) for source in sources}
    files = result_files([loaded[run.source][run.seed] for run in runs], target)
    publish(write_part(folder, "merged", files), folder)
    return engines


def result_files(runs: Sequence[RunRecord], target: Target) -> dict[str, bytes | str]:
    """The set of result files of some runs of a configuration."""
    files: dict[str, bytes | str] = {
        RUNS: csv(pd.DataFrame([run.summary() for run in runs])),
        HISTORY: csv(pd.DataFrame([{"seed": run.seed} | row for run in runs for row in run.rows])),
        SAMPLES: to_npz(sample_arrays(runs, target)),
    }
    states = [run.state for run in runs if run.state is not None]
    if states:
        buffer = io.BytesIO()
        torch.save(join_states(states), buffer)
        files[CHECKPOINT] = buffer.getvalue()
    return files


def sample_arrays(runs: Sequence[RunRecord], target: Target) -> Arrays:
    """The arrays of `samples.npz`.

    Always: x (points,) and real (curves, points), with no curves as long as there is nothing to compare them
    with. For a mixture: modes (modes, points). For the runs that have ended: seeds (runs,), curves (runs,
    samples, points) and probability (runs, samples). When pictures were asked for: those of `_frame_arrays`.
    """
    sampled = [(run.seed, run.samples) for run in runs if run.samples is not None]
    framed = [run for run in runs if run.frames]
    real = (SAMPLE_COUNT if target.family else 1) if sampled or framed else 0
    arrays: Arrays = {
        "x": target.grid(),
        "real": _real(target, real),
        "seeds": np.array([seed for seed, _ in sampled], np.int64),
        "curves": np.array([curves for _, (curves, _) in sampled], np.float32),
        "probability": np.array([probability for _, (_, probability) in sampled], np.float32),
    }
    centers = target.modes().centers
    if len(centers):
        arrays["modes"] = centers
    return arrays | _frame_arrays(framed, target.points) if framed else arrays


def _frame_arrays(runs: Sequence[RunRecord], points: int) -> Arrays:
    """frame_seeds (runs,), frame_steps (frames,), frame_curves (frames, runs, points), frame_probability.

    frame_probability is (frames, runs). Curves and probabilities are NaN after the end of a run that ended
    early.
    """
    steps = [step for step, _, _ in max((run.frames for run in runs), key=len)]
    curves = np.full((len(steps), len(runs), points), np.nan, np.float32)
    probability = np.full((len(steps), len(runs)), np.nan, np.float32)
    for lane, run in enumerate(runs):
        for frame, (_, curve, chance) in enumerate(run.frames):
            curves[frame, lane], probability[frame, lane] = curve, chance
    return {
        "frame_seeds": np.array([run.seed for run in runs], np.int64),
        "frame_steps": np.array(steps, np.int64),
        "frame_curves": curves,
        "frame_probability": probability,
    }


def _real(target: Target, curves: int) -> NDArray[Any]:
    # Runs may have failed because their target cannot be drawn; writing that down must not fail as well.
    return target.draw(curves, np.random.default_rng(0)) if curves else np.empty((0, target.points))


def load_records(source: Path) -> dict[int, RunRecord]:
    """The runs of a set of files, by seed. Raises DamagedResultsError."""
    loaded: dict[int, RunRecord] = {}
    for row in records(read_csv(source, RUNS)):
        texts = {name: row[name] for name in ("message", *MADE_BY) if isinstance(row.get(name), str)}
        loaded[row["seed"]] = RunRecord(row["seed"], row["status"], row["step"], row["seconds"], **texts)
    for row in records(read_csv(source, HISTORY)):
        loaded[row.pop("seed")].rows.append(row)
    _add_samples(loaded, read_samples(source))
    if (source / CHECKPOINT).exists() or any(record.status == UNFINISHED for record in loaded.values()):
        states = _load_checkpoint(source)
        for lane, seed in enumerate(states["seeds"]):
            loaded[seed].state = select_lane(states, lane)
    return loaded


def _add_samples(loaded: dict[int, RunRecord], samples: Arrays) -> None:
    """Gives runs their samples and frames from the arrays of `samples.npz`."""
    for lane, seed in enumerate(samples["seeds"].tolist()):
        loaded[seed].samples = (samples["curves"][lane], samples["probability"][lane])
    for lane, seed in enumerate(samples.get("frame_seeds", np.array([])).tolist()):
        loaded[seed].frames = [
            (int(step), curves[lane], float(chances[lane]))
            for step, curves, chances in zip(
                samples["frame_steps"], samples["frame_curves"], samples["frame_probability"], strict=True
            )
            if np.isfinite(chances[lane])
        ]


def _load_checkpoint(source: Path) -> dict[str, Any]:
    content = read_checked(source, CHECKPOINT)
    try:
        refuse_zip_bomb(content, most=MOST_BYTES)
        states: dict[str, Any] = torch.load(io.BytesIO(content), weights_only=True)
    except Exception as error:
        raise DamagedResultsError(f"{source / CHECKPOINT}: is no checkpoint of sinegan ({error})") from error
    return states


def select_lane(states: Any, lane: int) -> Any:
    """The state of one run, out of the joined states of several."""
    if isinstance(states, dict):
        return {name: select_lane(value, lane) for name, value in states.items()}
    return states[lane : lane + 1]


def join_states(values: list[Any]) -> Any:
    """Joins the states of several runs: lists are concatenated, tensors along the runs axis."""
    if isinstance(values[0], dict):
        return {name: join_states([value[name] for value in values]) for name in values[0]}
    if isinstance(values[0], torch.Tensor):
        return torch.cat(values)
    return [item for value in values for item in value]


def to_npz(arrays: Arrays) -> bytes:
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)  # type: ignore[arg-type]
    return buffer.getvalue()
