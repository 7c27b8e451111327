"""All runs of all configurations are trained and stored, whatever happens to some of them."""

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from helpers_for_workers import DeadlyForWorkers, DeadlyOnce, Patient
from numpy.typing import NDArray
from outcomes import Outcome
from torch import Tensor
from torch.func import debug_unwrap

from sinegan.config import Config, Plot
from sinegan.data.from_file import FromFile
from sinegan.engine.programs import CannotCompileError
from sinegan.game.losses import Minimax, NonSaturating
from sinegan.game.optimisers import Adam
from sinegan.game.targets import Sine
from sinegan.storage.files import UnwritableFileError
from sinegan.sweep.execute import Hooks, execute
from sinegan.sweep.executors import Local, Serial
from sinegan.sweep.plan import Configuration
from sinegan.sweep.worker import Failure
from sinegan.training.loop import Evaluation
from sinegan.training.program import program
from sinegan.training.stack import Stack

MakeConfig = Callable[..., Config]
FileConfig = Callable[[Path, Config], Configuration]
ReadTable = Callable[[Path], pd.DataFrame]
ReadSamples = Callable[[Path], dict[str, NDArray[Any]]]
Run = Callable[..., tuple[dict[int, Outcome], list[Path]]]

RESULTS = ["runs.csv", "history.csv", "samples.npz", "checkpoint.pt"]
DIED = "its worker died (BrokenProcessPool); out of memory?"


@dataclass(frozen=True, kw_only=True)
class Broken(Minimax):
    """A loss whose generator is not implemented."""

    def generator(self, real: Tensor, fake: Tensor) -> Tensor:
        raise NotImplementedError("no loss today")


@dataclass(frozen=True, kw_only=True)
class Poisonable(Minimax):
    """A loss that raises in every stack with a poisoned run."""

    poison: float = 0.0

    def generator(self, real: Tensor, fake: Tensor) -> Tensor:
        if torch.any(debug_unwrap(torch.as_tensor(self.poison)) > 0):
            raise ArithmeticError("poisoned")
        return super().generator(real, fake)


def two_speeds(make_config: MakeConfig, **parts: Any) -> list[Config]:
    """Two configurations of one signature."""
    return [
        make_config(optim=Adam(lr=lr, generator_lr=lr, discriminator_lr=lr), **parts) for lr in (1e-3, 2e-2)
    ]


def test_worker_processes_write_the_same_files_as_one_process(
    make_config: MakeConfig, run: Run, read_table: ReadTable, read_samples: ReadSamples
) -> None:
    # Six runs: shards of four and two for one process, of two, two and two for two workers.
    configs = two_speeds(make_config, seeds=3, plot=Plot(animation=True, every=4))
    (here, there) = (run(configs, Serial(), "here"), run(configs, Local(workers=2), "there"))
    assert here[0] == there[0] == {place: Outcome(Counter(finished=3)) for place in (0, 1)}
    for one, other in zip(here[1], there[1], strict=True):
        names = {path.name for path in one.iterdir()}
        assert names == {path.name for path in other.iterdir()}
        assert names == {"provenance.json", "manifest.json", *RESULTS}
        assert (one / "history.csv").read_bytes() == (other / "history.csv").read_bytes()
        pd.testing.assert_frame_equal(
            read_table(one / "runs.csv").drop(columns="seconds"),
            read_table(other / "runs.csv").drop(columns="seconds"),
            check_exact=True,
        )
        arrays, others = read_samples(one), read_samples(other)
        assert {name: array.tobytes() for name, array in arrays.items()} == {
            name: array.tobytes() for name, array in others.items()
        }
        stored, expected = (
            torch.load(folder / "checkpoint.pt", weights_only=True) for folder in (other, one)
        )
        assert stored["seeds"] == [0, 1, 2]
        torch.testing.assert_close(stored, expected, rtol=0, atol=0)
    histories = [(folder / "history.csv").read_bytes() for folder in here[1]]
    assert histories[0] != histories[1]


def test_a_run_has_the_same_numbers_alone_and_in_a_sweep(
    make_config: MakeConfig, run: Run, read_table: ReadTable, read_samples: ReadSamples
) -> None:
    _, folders = run(two_speeds(make_config, seeds=3), Serial(), "sweep")
    history = read_table(folders[1] / "history.csv")
    samples = read_samples(folders[1])
    for place, seed in enumerate((0, 1, 2)):
        (config,) = two_speeds(make_config, seed=seed, seeds=1)[1:]
        _, (folder,) = run([config], Serial(), f"alone{seed}")
        in_sweep = history[history["seed"] == seed].reset_index(drop=True)
        pd.testing.assert_frame_equal(in_sweep, read_table(folder / "history.csv"), check_exact=True)
        np.testing.assert_array_equal(samples["curves"][place], read_samples(folder)["curves"][0])


def test_configurations_of_one_signature_train_together(make_config: MakeConfig, run: Run) -> None:
    seen: list[Evaluation] = []
    outcomes, _ = run(two_speeds(make_config, seeds=3), Serial(), observers=[seen.append])
    assert outcomes == {place: Outcome(Counter(finished=3)) for place in (0, 1)}
    steps = [0, 5, 10, 12]
    # Six runs: a shard of four, of both configurations, and one of two.
    assert [(evaluation.step, len(evaluation.status)) for evaluation in seen] == [
        (step, width) for width in (4, 2) for step in steps
    ]


def test_a_configuration_is_yielded_when_its_files_are_written(
    make_config: MakeConfig, tmp_path: Path, file_config: FileConfig, read_table: ReadTable
) -> None:
    configs = [*two_speeds(make_config), make_config(loss=NonSaturating(), seeds=1)]
    configurations = [file_config(tmp_path / str(n), config) for n, config in enumerate(configs)]
    order = []
    for place, failures in execute(configurations, Serial(), tmp_path):
        folder = configurations[place].folder
        assert failures == []
        assert len(read_table(folder / "runs.csv")) == configs[place].seeds
        assert not (folder / "parts").exists()
        assert json.loads((folder / "provenance.json").read_text())["seconds"] >= 0
        later = configurations[place + 1 :]
        assert not any((configuration.folder / "runs.csv").exists() for configuration in later)
        order.append(place)
    assert order == [0, 1, 2]


def test_a_configuration_that_raises_is_reported_and_the_others_finish(
    make_config: MakeConfig, run: Run, read_table: ReadTable
) -> None:
    configs = [make_config(loss=Broken(), seeds=3), make_config(seeds=2)]
    outcomes, folders = run(configs, Serial())
    message = "NotImplementedError: no loss today"
    assert outcomes[0].statuses == Counter(failed=3)
    assert {error for error, _ in outcomes[0].errors} == {message}
    for _, trace in outcomes[0].errors:
        assert trace.startswith("Traceback")
        assert "in generator" in trace
        assert trace.endswith(f"{message}\n")
    assert outcomes[1] == Outcome(Counter(finished=2))
    failed = read_table(folders[0] / "runs.csv")
    assert failed["seed"].tolist() == [0, 1, 2]
    assert failed["status"].tolist() == ["failed"] * 3
    assert failed["message"].tolist() == [message] * 3
    assert read_table(folders[1] / "runs.csv")["status"].tolist() == ["finished"] * 2


@dataclass(frozen=True, kw_only=True)
class Rude(Minimax):
    """A loss whose message has control characters and cannot be encoded as UTF-8."""

    def generator(self, real: Tensor, fake: Tensor) -> Tensor:  # noqa: ARG002
        raise ValueError("\x1b]0;owned\x07\x1b[2J\n\u202eb\udcff")


def test_the_message_and_the_traceback_of_an_error_have_no_control_characters(
    make_config: MakeConfig, run: Run, read_table: ReadTable
) -> None:
    outcomes, folders = run([make_config(loss=Rude(), seeds=1)], Serial())
    ((message, trace),) = outcomes[0].errors
    assert message == r"ValueError: \x1b]0;owned\x07\x1b[2J \u202eb\udcff"
    assert read_table(folders[0] / "runs.csv")["message"].tolist() == [message]
    assert trace.replace("\n", "").isprintable()
    assert len(trace.splitlines()) > 5


def test_only_the_runs_that_raise_fail_in_their_shard(
    make_config: MakeConfig, run: Run, read_table: ReadTable
) -> None:
    good, bad = make_config(loss=Poisonable(), seeds=3), make_config(loss=Poisonable(poison=1.0), seeds=2)
    widths: list[int] = []
    outcomes, folders = run(
        [good, bad], Serial(), observers=[lambda evaluation: widths.append(len(evaluation.status))]
    )
    # Five runs: a shard of four, of both configurations, whose second half is cut again, and one of one.
    assert outcomes[0] == Outcome(Counter(finished=3))
    assert outcomes[1].statuses == Counter(failed=2)
    assert [message for message, _ in outcomes[1].errors] == ["ArithmeticError: poisoned"] * 2
    assert read_table(folders[1] / "runs.csv")["status"].tolist() == ["failed"] * 2
    assert [width for width in widths if width == 2] == [2] * 4
    _, (alone,) = run([good], Serial(), "alone")
    assert (alone / "history.csv").read_bytes() == (folders[0] / "history.csv").read_bytes()


def test_the_halves_of_a_failed_shard_resume_from_its_last_part(
    make_config: MakeConfig, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sinegan.sweep.worker.SECONDS_BETWEEN_PARTS", -1.0)
    seen: list[tuple[int, int]] = []

    def fail_once_at_ten(evaluation: Evaluation) -> None:
        seen.append((evaluation.step, len(evaluation.status)))
        if seen[-1] == (10, 4):
            raise ValueError("enough")

    config = make_config(seeds=4, plot=Plot(animation=True, every=4))
    outcomes, (folder,) = run([config], Serial(), observers=[fail_once_at_ten])
    assert outcomes == {0: Outcome(Counter(finished=4))}
    assert seen[:5] == [(0, 4), (4, 4), (5, 4), (8, 4), (10, 4)]
    assert seen[5:] == [(10, 2), (12, 2)] * 2
    _, (undisturbed,) = run([config], Serial(), "undisturbed")
    for name in ("history.csv", "samples.npz"):
        assert (folder / name).read_bytes() == (undisturbed / name).read_bytes()


def test_a_failed_run_keeps_its_earlier_measurements(
    make_config: MakeConfig, run: Run, read_table: ReadTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sinegan.sweep.worker.SECONDS_BETWEEN_PARTS", -1.0)

    def fail_at_ten(evaluation: Evaluation) -> None:
        if evaluation.step == 10:
            raise ValueError("enough")

    outcomes, (folder,) = run([make_config(seeds=2)], Serial(), observers=[fail_at_ten])
    assert outcomes[0].statuses == Counter(failed=2)
    assert [message for message, _ in outcomes[0].errors] == ["ValueError: enough"] * 2
    assert read_table(folder / "history.csv")["step"].tolist() == [0, 5, 10] * 2
    runs = read_table(folder / "runs.csv")
    assert runs["step"].tolist() == [10, 10]
    assert runs["message"].tolist() == ["ValueError: enough"] * 2


def test_an_unwritable_file_ends_the_sweep(
    make_config: MakeConfig, tmp_path: Path, file_config: FileConfig
) -> None:
    (tmp_path / "0").mkdir()
    (tmp_path / "0" / "parts").write_text("in the way")
    configurations = [file_config(tmp_path / str(place), make_config(seeds=1)) for place in range(2)]
    with pytest.raises(UnwritableFileError, match="^" + re.escape(str(tmp_path / "0" / "parts"))):
        list(execute(configurations, Serial(), tmp_path))
    assert not (tmp_path / ".progress").exists()


@dataclass(frozen=True, kw_only=True)
class Unplugged(Sine):
    """A target that reads a missing file."""

    def draw(self, rows: int, rng: np.random.Generator) -> NDArray[np.float64]:  # noqa: ARG002
        raise FileNotFoundError("no instrument")


def test_a_missing_file_fails_the_configuration_that_reads_it_alone(
    make_config: MakeConfig, run: Run
) -> None:
    configs = [make_config(target=Unplugged(points=6), seeds=1), make_config(seeds=1, loss=NonSaturating())]
    outcomes, _ = run(configs, Serial())
    assert outcomes[0].statuses == Counter(failed=1)
    assert outcomes[0].errors[0][0] == "FileNotFoundError: no instrument"
    assert outcomes[1].statuses == Counter(finished=1)


def test_a_relative_sweep_folder_survives_a_change_of_directory(
    make_config: MakeConfig, tmp_path: Path, file_config: FileConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    configuration = file_config(Path("sweep") / "0", make_config(seeds=1))

    def leave(_: Evaluation) -> None:
        monkeypatch.chdir(tmp_path.parent)

    assert len(list(execute([configuration], Serial(), Path("sweep"), Hooks([leave])))) == 1
    assert (tmp_path / "sweep" / "0" / "runs.csv").exists()
    assert [path.name for path in (tmp_path / "sweep").iterdir()] == ["0"]


def test_observers_see_every_evaluation_in_this_process(make_config: MakeConfig, run: Run) -> None:
    seen: list[int] = []
    configs = [make_config(target=DeadlyForWorkers(points=6), seeds=4)]
    outcomes, _ = run(
        configs, Local(workers=2), observers=[lambda evaluation: seen.append(evaluation.step), lambda _: None]
    )
    assert outcomes == {0: Outcome(Counter(finished=4))}
    assert seen == [0, 5, 10, 12]


def test_the_hook_submitted_is_called_once_while_the_workers_train(
    make_config: MakeConfig, run: Run, tmp_path: Path
) -> None:
    file = tmp_path / "awaited"
    existed: list[bool] = []

    def submitted() -> None:
        existed.append(file.exists())
        file.touch()

    config = make_config(target=Patient(points=6, file=str(file)), seeds=4)
    outcomes, _ = run([config], Local(workers=2), submitted=submitted)
    assert outcomes == {0: Outcome(Counter(finished=4))}
    assert existed == [False]


def test_short_eager_runs_are_remarked_once_unless_the_user_chose_it(
    make_config: MakeConfig, run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    remarks: list[str] = []
    run([make_config()], Serial(), name="chosen", remark=remarks.append)
    assert remarks == []
    left_to_us = [make_config(training={"compile": "auto"}, seed=seed, seeds=1) for seed in (0, 1)]
    configs = [*left_to_us, make_config(training={"compile": "auto", "steps": 11})]
    run(configs, Serial(), name="automatic", remark=remarks.append)
    assert [line.startswith("Eager: so few steps") for line in remarks] == [True]
    assert capsys.readouterr().out == ""


def test_a_remark_on_a_file_comes_once_without_control_characters(
    make_config: MakeConfig, run: Run, tmp_path: Path
) -> None:
    remarks: list[str] = []
    path = tmp_path / "curve.csv"
    path.write_text("\x1b]0;mine\x07t,v\n0,1.5\n1,2.5\n")
    config = make_config(target=FromFile(path=str(path)), seeds=1)
    run([config, replace(config, seed=5)], Serial(), remark=remarks.append)
    (remark,) = remarks
    assert remark.startswith(f"target: {path}: x from column \\x1b]0;mine\\x07t, values from column v")
    assert remark.isprintable()


def test_a_remark_on_a_compiled_program_comes_once_for_all_shards(
    make_config: MakeConfig, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    remarks: list[str] = []
    monkeypatch.setattr(Stack, "remarks", ("One cannot be kept.", "Another was damaged: compiled again."))
    configs = [make_config(), make_config(loss=NonSaturating())]
    outcomes, _ = run(configs, Serial(), remark=remarks.append)
    assert outcomes == {place: Outcome(Counter(finished=3)) for place in (0, 1)}
    assert remarks == ["One cannot be kept.", "Another was damaged: compiled again."]


@pytest.mark.slow
def test_a_damaged_program_changes_no_number(
    make_config: MakeConfig,
    run: Run,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    cache = tmp_path / "cache"
    monkeypatch.setenv("SINEGAN_CACHE", str(cache))
    configs = [make_config(training={"compile": "always"})]
    numbers, lines = [], []
    for name in ("first", "second", "third"):
        program.cache_clear()  # as in another process
        remarks: list[str] = []
        _, (folder,) = run(configs, Serial(), name, remark=remarks.append)
        numbers.append((folder / "history.csv").read_bytes())
        lines.append([line for line in remarks if str(cache) in line])
        for path in cache.glob("*.so") if name == "first" else ():
            content = path.read_bytes()
            path.write_bytes(content[: len(content) // 2])
    assert numbers == numbers[:1] * 3
    assert [len(each) for each in lines] == [0, 2, 0]
    assert all(line.endswith(".so is not what was compiled: compiled again.") for line in lines[1])


@pytest.mark.parametrize("executor", [Serial(), pytest.param(Local(workers=2), marks=pytest.mark.slow)])
def test_compile_always_ends_the_sweep_when_compiling_fails(
    make_config: MakeConfig,
    run: Run,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    executor: Any,
) -> None:
    script = tmp_path / "no-g++"  # which passes for a compiler until it compiles
    script.write_text(
        '#!/bin/sh\ncase "$*" in *-E*|*-version*) exec g++ "$@";; esac\n'
        'echo "x: error: no more today"; exit 1\n'
    )
    script.chmod(0o755)
    monkeypatch.setenv("CXX", str(script))
    monkeypatch.setenv("SINEGAN_CACHE", str(tmp_path / "cache"))
    configs = [
        make_config(training={"compile": "always"}, loss=loss) for loss in (Minimax(), NonSaturating())
    ]
    with pytest.raises(CannotCompileError) as caught:
        run(configs, executor)
    assert str(caught.value) == f"training.compile = always: cannot compile: {script}: no more today"
    for place in range(2):
        assert not (tmp_path / "sweep" / str(place) / "runs.csv").exists()


def test_a_single_shard_has_a_worker_when_another_core_is_free(make_config: MakeConfig, run: Run) -> None:
    alone = make_config(target=DeadlyForWorkers(points=6), seeds=1)
    assert run([alone], Local(workers=2))[0] == {0: Outcome(Counter(failed=1), [(DIED, "")])}
    assert run([alone], Local(workers=1))[0] == {0: Outcome(Counter(finished=1))}


def test_a_dead_worker_fails_only_the_run_that_killed_it(
    make_config: MakeConfig, run: Run, read_table: ReadTable
) -> None:
    # Four runs of one signature: two shards of two, and the run to blame shares the second.
    configs = [make_config(seeds=3), make_config(target=DeadlyForWorkers(points=6), seed=7, seeds=1)]
    outcomes, folders = run(configs, Local(workers=2))
    assert outcomes == {0: Outcome(Counter(finished=3)), 1: Outcome(Counter(failed=1), [(DIED, "")])}
    runs = read_table(folders[1] / "runs.csv")
    assert runs[["seed", "status", "message"]].to_numpy().tolist() == [[7, "failed", DIED]]
    assert read_table(folders[0] / "runs.csv")["status"].tolist() == ["finished"] * 3


def test_a_worker_that_dies_once_loses_nothing(make_config: MakeConfig, run: Run, tmp_path: Path) -> None:
    marker = tmp_path / "died"
    deadly = make_config(target=DeadlyOnce(points=6, marker=str(marker)), seeds=2)
    outcomes, (folder,) = run([deadly], Local(workers=2))
    assert marker.exists()
    assert outcomes == {0: Outcome(Counter(finished=2))}
    _, (undisturbed,) = run([make_config(seeds=2)], Serial(), "undisturbed")
    assert (folder / "history.csv").read_bytes() == (undisturbed / "history.csv").read_bytes()


def test_progress_files_exist_only_while_runs_train(
    make_config: MakeConfig, tmp_path: Path, file_config: FileConfig
) -> None:
    progress = tmp_path / ".progress"
    seen: list[str] = []
    configuration = file_config(tmp_path / "0", make_config(seeds=1))

    def look(_: Evaluation) -> None:
        seen.extend(path.name for path in progress.glob("*/*"))

    assert len(list(execute([configuration], Serial(), tmp_path, Hooks([look])))) == 1
    assert set(seen) == {"0.json"}
    assert not progress.exists()


def test_progress_files_are_removed_when_the_caller_stops_early(
    make_config: MakeConfig, tmp_path: Path, file_config: FileConfig
) -> None:
    configurations = [file_config(tmp_path / str(n), make_config(seeds=n)) for n in (1, 2)]
    results: Iterator[tuple[int, list[Failure]]] = execute(configurations, Serial(), tmp_path)
    assert next(results)[0] == 0
    assert (tmp_path / ".progress").exists()
    results.close()  # type: ignore[attr-defined]
    assert not (tmp_path / ".progress").exists()


def test_a_shard_writes_parts_now_and_then(
    make_config: MakeConfig, run: Run, tmp_path: Path, read_table: ReadTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sinegan.sweep.worker.SECONDS_BETWEEN_PARTS", -1.0)
    steps: list[list[int]] = []

    def look(_: Evaluation) -> None:
        parts = sorted((tmp_path / "sweep" / "0" / "parts").glob("*/history.csv"))
        steps.append([step for part in parts for step in read_table(part)["step"]])

    run([make_config(seeds=1)], Serial(), observers=[look])
    assert steps == [[], [0], [0, 5], [0, 5, 10]]
