"""From evaluations to the files of a configuration.

A shard writes what it has of a configuration into `<configuration>/parts/<shard>/`; each part
holds the same files as a finished configuration. When all runs have ended the parts become one
`runs.csv`, `history.csv`, `samples.npz` and `checkpoint.pt`.
"""

import io
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from sinegan.files import write_whole
from sinegan.sweep.plan import Shard
from sinegan.training.loop import RUNNING, SAMPLES, Evaluation
from sinegan.training.stack import Stack

FAILED = "failed"
UNFINISHED = "unfinished"
PARTS = "parts"

Arrays = dict[str, NDArray[Any]]


@dataclass
class Recorder:
    """Collects the evaluations of a shard and writes them, configuration by configuration."""

    shard: Shard
    started: float
    clock: Callable[[], float]
    _measured: list[tuple[int, NDArray[np.bool_], dict[str, NDArray[np.float64]]]] = field(
        default_factory=list
    )
    _frames: list[tuple[int, Any]] = field(default_factory=list)
    _paintings: dict[int, tuple[NDArray[np.float64], NDArray[np.float64]]] = field(default_factory=dict)
    _final_states: dict[int, dict[str, Any]] = field(default_factory=dict)
    _last: Evaluation | None = None

    def add(self, evaluation: Evaluation, stack: Stack) -> None:
        """Takes an evaluation, and the final state of the runs that end with it."""
        if evaluation.metrics is not None:
            self._measured.append((evaluation.step, evaluation.measured, evaluation.metrics))
        if evaluation.frame is not None:
            self._frames.append((evaluation.step, evaluation.frame))
        if evaluation.paintings is not None:
            for lane in np.flatnonzero(evaluation.ended):
                curves, probability = evaluation.paintings
                self._paintings[int(lane)] = (curves[lane], probability[lane])
                self._final_states[int(lane)] = stack.saved([int(lane)])
        self._last = evaluation

    def write(self, stack: Stack) -> None:
        """Writes what there is so far, with the stack's state, as parts."""
        for folder, lanes in self._configurations():
            part = folder / PARTS / f"{self.shard.number:06d}"
            write_whole(part / "history.csv", csv(self._history(lanes)))
            write_whole(part / "runs.csv", csv(self._runs(lanes)))
            write_whole(part / "samples.npz", npz(self._samples(lanes)))
            states = [self._final_states.get(lane) or stack.saved([lane]) for lane in lanes]
            write_whole(part / "checkpoint.pt", checkpoint(states))

    def write_failure(self, message: str) -> None:
        """Files every run of the shard as failed."""
        for folder, lanes in self._configurations():
            part = folder / PARTS / f"{self.shard.number:06d}"
            rows = [
                {"seed": seed, "status": FAILED, "step": self._step(), "seconds": self._seconds()}
                for seed in self._seeds(lanes)
            ]
            write_whole(part / "history.csv", csv(self._history(lanes)))
            write_whole(part / "runs.csv", csv(pd.DataFrame(rows).assign(message=message)))

    def _configurations(self) -> Iterator[tuple[Path, list[int]]]:
        lanes: dict[Path, list[int]] = {}
        for lane, folder in enumerate(self.shard.folders):
            lanes.setdefault(folder, []).append(lane)
        yield from lanes.items()

    def _seeds(self, lanes: list[int]) -> list[int]:
        return [self.shard.members[lane][1] for lane in lanes]

    def _step(self) -> int:
        return self._last.step if self._last else 0

    def _seconds(self) -> float:
        """A run's share of the shard's time."""
        return (self.clock() - self.started) / len(self.shard.members)

    def _history(self, lanes: list[int]) -> pd.DataFrame:
        """A row a run and evaluation, run after run."""
        rows = [
            {"seed": self.shard.members[lane][1], "step": step}
            | {name: values[lane] for name, values in metrics.items()}
            for lane in lanes
            for step, measured, metrics in self._measured
            if measured[lane]
        ]
        return pd.DataFrame(rows)

    def _runs(self, lanes: list[int]) -> pd.DataFrame:
        last = self._last
        rows = []
        for lane in lanes:
            running = last is None or last.status[lane] == RUNNING
            status = UNFINISHED if last is None or running else last.status[lane]
            step = self._step() if last is None or running else last.end_step[lane]
            row = {"seed": self.shard.members[lane][1], "status": status, "step": step}
            final = [metrics for _, measured, metrics in self._measured if measured[lane]][-1:]
            diverged = last is not None and not last.measured[lane] and bool(last.ended[lane])
            values = {name: array[lane] for metrics in final for name, array in metrics.items()}
            rows.append(row | {"seconds": self._seconds(), "message": ""} | ({} if diverged else values))
        return pd.DataFrame(rows)

    def _samples(self, lanes: list[int]) -> Arrays:
        target = self.shard.runs[lanes[0]].config.target
        seeds = self._seeds(lanes)
        ended = [lane for lane in lanes if lane in self._paintings]
        arrays: Arrays = {
            "x": target.grid(),
            "real": target.draw(SAMPLES if target.family else 1, np.random.default_rng(0)),
            "seeds": np.array([self.shard.members[lane][1] for lane in ended], np.int64),
            "curves": np.array([self._paintings[lane][0] for lane in ended], np.float32),
            "probability": np.array([self._paintings[lane][1] for lane in ended], np.float32),
        }
        if self._frames:
            arrays |= {
                "frame_seeds": np.array(seeds, np.int64),
                "frame_steps": np.array([step for step, _ in self._frames], np.int64),
                "frame_curves": np.array([f.curves[lanes, 0] for _, f in self._frames], np.float32),
                "frame_probability": np.array([f.probability[lanes, 0] for _, f in self._frames], np.float32),
            }
        return arrays


def merge_parts(folder: Path) -> pd.DataFrame:
    """Makes one set of files of the parts of a configuration; returns its runs."""
    parts = sorted((folder / PARTS).iterdir())
    runs = pd.concat([read_csv(part / "runs.csv") for part in parts], ignore_index=True)
    write_whole(folder / "history.csv", csv(concatenated([part / "history.csv" for part in parts])))
    samples = [np.load(part / "samples.npz") for part in parts if (part / "samples.npz").exists()]
    if samples:
        write_whole(folder / "samples.npz", npz(joined_samples([dict(part) for part in samples])))
    states = [part / "checkpoint.pt" for part in parts if (part / "checkpoint.pt").exists()]
    if states:
        loaded = [torch.load(path, weights_only=True) for path in states]
        write_whole(folder / "checkpoint.pt", checkpoint(loaded))
    write_whole(folder / "runs.csv", csv(runs))
    shutil.rmtree(folder / PARTS)
    return runs


def concatenated(paths: list[Path]) -> pd.DataFrame:
    """The rows of several CSV files, the empty ones left out."""
    frames = [read_csv(path) for path in paths if path.stat().st_size > 1]
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame()


def joined_samples(parts: list[Arrays]) -> Arrays:
    """Samples of several parts of one configuration: run axes are joined, x and real are common."""
    joined = {name: parts[0][name] for name in ("x", "real")}
    joined |= {
        name: np.concatenate([part[name] for part in parts]) for name in ("seeds", "curves", "probability")
    }
    framed = [part for part in parts if "frame_steps" in part]
    if framed:
        longest = max((part["frame_steps"] for part in framed), key=len)
        joined["frame_steps"] = longest
        joined["frame_seeds"] = np.concatenate([part["frame_seeds"] for part in framed])
        for name in ("frame_curves", "frame_probability"):
            joined[name] = np.concatenate([_padded(part[name], len(longest)) for part in framed], axis=1)
    return joined


def _padded(frames: NDArray[Any], length: int) -> NDArray[Any]:
    """Frames of runs that ended early, with NaN up to the longest."""
    missing = np.full((length - len(frames), *frames.shape[1:]), np.nan, frames.dtype)
    return np.concatenate([frames, missing])


def csv(frame: pd.DataFrame) -> str:
    """Full precision: reading it back gives the same numbers."""
    return frame.to_csv(index=False, lineterminator="\n")


def read_csv(path: Path) -> pd.DataFrame:
    return pd.read_csv(path, float_precision="round_trip", keep_default_na=True)


def npz(arrays: Arrays) -> bytes:
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)  # type: ignore[arg-type]
    return buffer.getvalue()


def checkpoint(states: list[dict[str, Any]]) -> bytes:
    """The states of several runs (of `Stack.saved`) in one file, joined along the runs axis."""
    buffer = io.BytesIO()
    torch.save(joined_states(states), buffer)
    return buffer.getvalue()


def joined_states(values: list[Any]) -> Any:
    """Lists are concatenated, tensors too, mappings key by key."""
    if isinstance(values[0], dict):
        return {name: joined_states([value[name] for value in values]) for name in values[0]}
    if isinstance(values[0], torch.Tensor):
        return torch.cat(values)
    return [item for value in values for item in value]
