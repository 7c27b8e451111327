"""An interrupted sweep resumes to the bytes of an uninterrupted one; other commands are refused."""

import re
import shutil
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from outcomes import Outcome
from torch import Tensor

from sinegan.config import Config, Plot
from sinegan.game.losses import Minimax
from sinegan.game.optimisers import SGD
from sinegan.game.targets import Sine
from sinegan.storage.files import read_sealed
from sinegan.storage.results import KnownRun, ResultFilesError
from sinegan.storage.sweep_folder import Listed, write_list
from sinegan.sweep import resume
from sinegan.sweep.executors import ExecutorSettings, Local, Serial
from sinegan.sweep.plan import Configuration
from sinegan.sweep.provenance import begin_provenance
from sinegan.sweep.resume import (
    CannotResumeError,
    Stored,
    assign_numbers,
    changed_engine,
    differences,
    find_misplaced,
    find_moved,
    stored_settings,
    stored_sweep,
)
from sinegan.training.loop import Evaluation

MakeConfig = Callable[..., Config]
FileConfig = Callable[[Path, Config], Configuration]
ReadTable = Callable[[Path], pd.DataFrame]
ReadSamples = Callable[[Path], dict[str, NDArray[Any]]]
Run = Callable[..., tuple[dict[int, Outcome], list[Path]]]
Settings = dict[str, Any]

RESULTS = ["runs.csv", "history.csv", "samples.npz", "checkpoint.pt"]


def chosen(lr: float = 1e-3, seeds: int = 3, workers: int | None = None, **more: Any) -> Settings:
    """The settings of a configuration."""
    return {
        "optim": {"_target_": "Adam", "lr": lr},
        "network": {"generator": [8, 16]},
        "executor": {"workers": workers},
        "seeds": seeds,
        **more,
    }


def refusal(wanted: Sequence[Settings], stored: Mapping[int, Settings]) -> list[str]:
    with pytest.raises(CannotResumeError) as caught:
        assign_numbers(wanted, Stored(stored, {}), 0)
    return str(caught.value).splitlines()


def test_equal_settings_have_no_differences() -> None:
    assert differences(chosen(), chosen()) == []


def test_a_resume_may_change_the_executor_and_add_seeds() -> None:
    assert differences(chosen(), chosen(workers=4, seeds=9)) == []
    assert differences(chosen(), chosen() | {"executor": {"_target_": "Dask", "address": "a"}}) == []


def test_a_sweep_keeps_its_design_and_may_change_its_budget() -> None:
    def design(name: str, **settings: Any) -> Settings:
        return {"decide": {"_target_": f"sinegan.designs.{name}", **settings}}

    decided = chosen(seeds=9) | design("UntilBest", first=4, most=64, budget=None)
    assert differences(decided, chosen(seeds=8) | design("UntilBest", first=4, most=64, budget="2h")) == []
    assert differences(chosen(), chosen() | design("Fixed")) == []  # older sweeps have no design
    assert differences(decided, chosen(seeds=9)) == ["decide: best in the folder, none in the command"]
    assert differences(decided, chosen(seeds=9) | design("UntilAll", first=4, most=64)) == [
        "decide: best in the folder, all in the command"
    ]
    assert differences(decided, chosen(seeds=9) | design("UntilBest", first=5, most=64)) == [
        "decide.first: 4 in the folder, 5 in the command"
    ]


def test_a_resume_may_change_whether_checkpoints_are_kept() -> None:
    old, kept = chosen(), chosen()
    kept["training"] = kept.get("training", {}) | {"keep_checkpoints": True}
    old["training"] = {**kept["training"]}
    del old["training"]["keep_checkpoints"]  # a sweep of an older version has no such setting
    assert differences(old, kept) == []
    assert assign_numbers([kept], Stored({4: old}, {}), 0) == [4]
    assert assign_numbers([old, kept], Stored({}, {}), 0) == [0, 0]


def test_every_difference_of_settings_is_named_with_both_values() -> None:
    old = chosen(lr=0.1, seeds=3, gone={"a": 1})
    new = chosen(lr=0.2, seeds=2, added="b") | {"network": {"generator": [8]}}
    assert sorted(differences(old, new)) == [
        "added: absent in the folder, b in the command",
        "gone.a: 1 in the folder, absent in the command",
        "network.generator: [8, 16] in the folder, [8] in the command",
        "optim.lr: 0.1 in the folder, 0.2 in the command",
        "seeds: 3 in the folder, only 2 in the command",
    ]


def test_a_difference_that_all_configurations_have_is_named_once() -> None:
    stored = Stored({0: chosen(0.1, seed=1), 1: chosen(0.2, seed=1)}, {})
    with pytest.raises(CannotResumeError) as refused:
        assign_numbers([chosen(0.1, seed=5), chosen(0.2, seed=5)], stored, 0)
    assert str(refused.value) == "seed: 1 in the folder, 5 in the command"
    with pytest.raises(CannotResumeError) as refused:
        assign_numbers([chosen(0.1, seed=5), chosen(0.3, seed=1)], stored, 0)
    assert "configuration 0: seed: 1 in the folder, 5 in the command" in str(refused.value)


@given(
    rates=st.lists(st.floats(1e-6, 1), min_size=1, max_size=8, unique=True),
    old=st.integers(0, 8),
    first=st.integers(0, 3),
    data=st.data(),
)
def test_stored_configurations_keep_their_numbers_and_added_ones_get_new_ones(
    rates: list[float], old: int, first: int, data: st.DataObject
) -> None:
    before = assign_numbers([chosen(lr) for lr in rates[:old]], Stored({}, {}), first)
    assert before == list(range(first, first + len(rates[:old])))
    all_stored = {number: chosen(lr) for number, lr in zip(before, rates[:old], strict=True)}
    deleted = data.draw(st.sets(st.sampled_from(before))) if before else set()
    stored = Stored(
        {number: one for number, one in all_stored.items() if number not in deleted},
        {number: one for number, one in all_stored.items() if number in deleted},
    )
    order = data.draw(st.permutations(rates))
    after = dict(
        zip(order, assign_numbers([chosen(lr, workers=2) for lr in order], stored, first), strict=True)
    )
    assert [after[lr] for lr in rates[:old]] == before
    added = [after[lr] for lr in order if lr in rates[old:]]
    assert added == list(range(first + len(before), first + len(rates)))


@pytest.mark.parametrize("more", [{}, {"seed": 5}])
def test_many_configurations_are_matched_without_comparing_each_with_each(
    monkeypatch: pytest.MonkeyPatch, more: Settings
) -> None:
    compared = Counter[str]()

    def counted(stored: Settings, wanted: Settings) -> list[str]:
        compared["pairs"] += 1
        return differences(stored, wanted)

    monkeypatch.setattr(resume, "differences", counted)
    count = 300  # of 90,000 pairs
    stored = Stored({place: chosen(lr=1e-4 * (1 + place)) for place in range(count)}, {})
    wanted = [chosen(lr=1e-4 * (1 + place), **more) for place in reversed(range(count))]
    if more:
        with pytest.raises(CannotResumeError, match="5 in the command"):
            assign_numbers(wanted, stored, 0)
    else:
        assert assign_numbers(wanted, stored, 0) == [*reversed(range(count))]
    assert compared["pairs"] <= 11 * count


def test_a_refusal_names_some_of_many_configurations() -> None:
    stored = Stored({place: chosen(lr=1e-4 * (1 + place), seed=place % 2) for place in range(300)}, {})
    wanted = [chosen(lr=1e-4 * (1 + place), seed=5) for place in range(300)]
    lines = refusal(wanted, stored.present)
    assert len(lines) == 51
    assert lines[0] == "configuration 0: seed: 0 in the folder, 5 in the command"
    assert lines[-1] == "… and 250 more lines like these"


def test_new_numbers_begin_after_the_highest_stored_one() -> None:
    stored = Stored({2: chosen(0.1), 7: chosen(0.2)}, {})
    assert assign_numbers([chosen(0.3), chosen(0.2), chosen(0.4), chosen(0.1)], stored, 0) == [8, 7, 9, 2]


def test_equal_configurations_share_a_number() -> None:
    wanted = [chosen(1.0), chosen(0.5), chosen(1, workers=3), chosen(0.5, seeds=4), chosen(0.5)]
    assert assign_numbers(wanted, Stored({}, {}), 4) == [4, 5, 4, 6, 5]
    assert assign_numbers(wanted, Stored({4: chosen(0.5)}, {}), 4) == [5, 4, 5, 6, 4]
    assert assign_numbers(wanted[:2], Stored({}, {}), 4, earlier={1: chosen(0.5)}) == [4, 1]


def test_a_configuration_stored_twice_keeps_its_first_number() -> None:
    assert assign_numbers([chosen()], Stored({0: chosen(), 1: chosen()}, {}), 0) == [0]


def test_configurations_that_differ_in_the_engine_alone_keep_their_numbers() -> None:
    never, always = (chosen(training={"compile": word}) for word in ("never", "always"))
    assert assign_numbers([always, never], Stored({0: never, 1: always}, {}), 0) == [1, 0]


def test_a_configuration_with_more_seeds_keeps_its_number() -> None:
    stored = Stored({0: chosen(0.1), 1: chosen(0.2)}, {})
    assert assign_numbers([chosen(0.2, seeds=8), chosen(0.1)], stored, 0) == [1, 0]


def test_a_command_without_a_stored_configuration_is_refused_with_the_difference() -> None:
    assert refusal([chosen(0.1)], {0: chosen(0.1), 1: chosen(0.2)}) == [
        "configuration 1: optim.lr: 0.2 in the folder, 0.1 in the command"
    ]


def test_a_changed_setting_and_fewer_seeds_are_refused_with_every_difference_to_the_nearest() -> None:
    stored = {0: chosen(0.1), 1: chosen(0.2, seeds=4), 2: chosen(0.3, depth=1, width=1)}
    far = chosen(0.9, seeds=1, depth=9, width=9)
    near = [chosen(0.1), chosen(0.2, seeds=2), chosen(0.3, seeds=2, depth=2, width=1)]
    assert refusal([far, *near], stored) == [
        "configuration 1: seeds: 4 in the folder, only 2 in the command",
        "configuration 2: depth: 1 in the folder, 2 in the command",
        "configuration 2: seeds: 3 in the folder, only 2 in the command",
    ]


def begun(make_config: MakeConfig, folder: Path, settings: Settings) -> None:
    begin_provenance(Configuration(make_config(), folder, settings))


def test_the_stored_sweep_has_the_settings_of_all_configurations(
    make_config: MakeConfig, tmp_path: Path
) -> None:
    names = ["0", "12", "minimax/3", "run_7"]
    for name in (*names, "report"):
        begun(make_config, tmp_path / name, chosen(0.5, more=[name]))
    (tmp_path / "3").mkdir()
    present, missing = stored_sweep(tmp_path)
    assert present == {0: chosen(0.5, more=["0"]), 12: chosen(0.5, more=["12"])} | {
        number: chosen(0.5, more=[name]) for number, name in ((13, "minimax/3"), (14, "run_7"))
    }
    assert missing == {}
    assert stored_settings(tmp_path / "12") == chosen(0.5, more=["12"])
    assert stored_settings(tmp_path / "3") is None
    assert stored_sweep(tmp_path / "none") == ({}, {})


def test_the_list_of_a_sweep_gives_numbers_and_knows_deleted_configurations(
    make_config: MakeConfig, tmp_path: Path
) -> None:
    names = {"b/run_9": 0, "a": 1, "7": 2}
    write_list(tmp_path, [Listed(number, name, chosen(number)) for name, number in names.items()])
    for name in ("7", "b/run_9"):
        begun(make_config, tmp_path / name, chosen(names[name]))
    assert stored_sweep(tmp_path) == ({0: chosen(0), 2: chosen(2)}, {1: chosen(1)})


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("../elsewhere", "must be inside"),
        (".", "must be inside"),
        ("report/0", "is no name for a configuration's folder"),
        ("parts", "is no name for a configuration's folder"),
        ("a/.b", "is no name for a configuration's folder"),
        ("0/1", "is inside 0"),
        ("a" * 256, "has a name of 256 bytes; at most 255"),
        ("é" * 128, "has a name of 256 bytes; at most 255"),
        ("/".join(["b" * 200] * 30), "bytes; at most 3,996"),
        ("a\nb", "characters that cannot be shown"),
    ],
)
def test_a_job_folder_that_a_resume_would_not_find_is_refused(tmp_path: Path, name: str, words: str) -> None:
    home = tmp_path / "sweep"
    zero = {home / "0": chosen(0.1)} if name == "0/1" else {}
    (line,) = find_misplaced(home, zero | {(home / name).resolve(): chosen(0.2)})
    assert words in line
    assert line.endswith("change hydra.sweep.subdir")


def test_copied_and_renamed_folders_are_reported(make_config: MakeConfig, tmp_path: Path) -> None:
    for name, lr in (("0", 0.1), ("1", 0.2)):
        begun(make_config, tmp_path / name, chosen(lr))
    write_list(tmp_path, [Listed(0, "0", chosen(0.1)), Listed(1, "1", chosen(0.2))])
    jobs = [tmp_path / "0", tmp_path / "1"]
    begun(make_config, tmp_path / "1 (copy)", chosen(0.2))
    assert find_moved(tmp_path, jobs) == [
        f"1 (copy): does not belong to this sweep (a copy?); move it out of {tmp_path}"
    ]
    shutil.rmtree(tmp_path / "1")
    assert find_moved(tmp_path, jobs) == ["1 (copy): was called 1; rename it to that"]


def test_a_job_in_the_folder_of_another_configuration_is_refused(
    make_config: MakeConfig, tmp_path: Path
) -> None:
    begun(make_config, tmp_path / "x/1", chosen(0.1))
    assert find_misplaced(tmp_path, {tmp_path / "x/1": chosen(0.1, workers=3)}) == []
    assert find_misplaced(tmp_path, {tmp_path / "x/1": chosen(0.2)}) == [
        "x/1: optim.lr: 0.1 in the folder, 0.2 in the command"
    ]
    assert find_moved(tmp_path, [tmp_path / "x/1"]) == []
    assert find_moved(tmp_path, [tmp_path / "1"]) == [
        "x/1: no job of the command uses it; give hydra.sweep.subdir as before"
    ]


@pytest.mark.parametrize(
    ("engine", "now", "word"),
    [("native", "never", "always"), ("packaged", "never", "always"), ("eager", "always", "never")],
)
def test_another_engine_is_refused_and_the_setting_that_keeps_it_is_named(
    make_config: MakeConfig, tmp_path: Path, engine: str, now: str, word: str
) -> None:
    known = [KnownRun(0, "finished", 9, tmp_path, engine, str(torch.__version__))]
    assert changed_engine(tmp_path, make_config(training={"compile": word}), known) is None
    message = changed_engine(tmp_path, make_config(training={"compile": now}), known)
    assert message is not None
    assert message.startswith(str(tmp_path))
    assert message.endswith(f"set training.compile={word}")


def test_another_pytorch_is_refused_and_the_one_to_install_is_named(
    make_config: MakeConfig, tmp_path: Path
) -> None:
    known = [KnownRun(0, "unfinished", 9, tmp_path, "eager", "2.6.1+cpu")]
    message = changed_engine(tmp_path, make_config(), known)
    assert message is not None
    assert f"PyTorch 2.6.1+cpu, and this is {torch.__version__}" in message
    assert "install torch==2.6.1, or begin a new sweep" in message


def test_runs_without_a_known_engine_resume_by_any_engine(make_config: MakeConfig, tmp_path: Path) -> None:
    for known in ([], [KnownRun(0, "unfinished", 0, tmp_path)]):
        assert changed_engine(tmp_path, make_config(training={"compile": "always"}), known) is None


def test_each_run_records_its_engine_and_its_version_of_pytorch(
    make_config: MakeConfig, run: Run, read_table: ReadTable
) -> None:
    _, (folder,) = run([make_config(seeds=2)], Serial())
    runs = read_table(folder / "runs.csv")
    assert runs["engine"].tolist() == ["eager"] * 2
    assert runs["torch"].tolist() == [str(torch.__version__)] * 2
    assert read_sealed(folder / "provenance.json")["engine"] == "eager"


@pytest.mark.usefixtures("eager_parts")
@pytest.mark.parametrize("seeds", [2, 3])
def test_a_resume_by_another_pytorch_is_refused_before_anything_is_written(
    make_config: MakeConfig, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seeds: int
) -> None:
    first, second = make_config(seeds=2), make_config(seeds=2, training={"batch_size": 5})
    interrupted(run, [first, second], 6)  # the first has ended, the second has begun
    before = contents(tmp_path)
    monkeypatch.setattr(torch, "__version__", "2.99.0")
    with pytest.raises(CannotResumeError, match=r"this is 2\.99\.0"):
        run([replace(first, seeds=seeds), second], Serial())
    assert contents(tmp_path) == before


def test_a_finished_sweep_is_reported_by_any_version_of_pytorch(
    make_config: MakeConfig, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, _ = run([make_config(seeds=2)], Serial())
    monkeypatch.setattr(torch, "__version__", "2.99.0")
    assert run([make_config(seeds=2)], Serial())[0] == before


@pytest.mark.usefixtures("eager_parts")
def test_a_worker_with_an_unexpected_engine_ends_the_resume(
    make_config: MakeConfig, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    interrupted(run, [make_config(seeds=2)], 3)
    monkeypatch.setattr("sinegan.training.stack.Stack.engine", "packaged")
    with pytest.raises(ResultFilesError, match="by the engine eager, but this machine would use packaged"):
        run([make_config(seeds=2)], Serial())


@dataclass(frozen=True, kw_only=True)
class Measured(Sine):
    """A target with data, such as a curve from a file."""

    content: str = ""

    def fingerprint(self) -> str:
        return self.content


@pytest.mark.usefixtures("eager_parts")
def test_a_resume_on_other_data_is_refused(make_config: MakeConfig, run: Run, tmp_path: Path) -> None:
    first, other = (make_config(target=Measured(points=6, content=word)) for word in ("first", "other"))
    interrupted(run, [first], 3)
    before = contents(tmp_path)
    with pytest.raises(CannotResumeError, match=r"the data of its target .* has changed since"):
        run([other], Serial())
    assert contents(tmp_path) == before
    run([first], Serial())


def contents(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@dataclass(frozen=True, kw_only=True)
class Together(Serial):
    """Plans shards for three workers, and trains them all in this process."""

    worker_count = 3


@dataclass(frozen=True, kw_only=True)
class Unfinished(Minimax):
    """A loss whose generator is not implemented."""

    def generator(self, real: Tensor, fake: Tensor) -> Tensor:
        raise NotImplementedError("no loss today")


@pytest.fixture
def eager_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes a shard write a part after every evaluation but the last."""
    monkeypatch.setattr("sinegan.sweep.worker.SECONDS_BETWEEN_PARTS", -1.0)


def three_ends(make_config: MakeConfig) -> list[Config]:
    """Configurations of one signature: one finishes, one has a run that stops early, one diverges."""
    parts: dict[str, Any] = {"seeds": 3, "plot": Plot(animation=True, every=4)}
    slow, fast = (SGD(lr=lr, generator_lr=lr, discriminator_lr=lr) for lr in (0.1, 1e20))
    return [
        make_config(optim=slow, **parts),
        make_config(optim=slow, training={"stop_tolerance": 0.02}, **parts),
        make_config(optim=fast, **parts),
    ]


def interrupt_at(number: int, seen: list[Evaluation]) -> Callable[[Evaluation], None]:
    """An observer that records evaluations and interrupts at the n-th, counted from 1."""

    def look(evaluation: Evaluation) -> None:
        seen.append(evaluation)
        if len(seen) == number:
            raise KeyboardInterrupt

    return look


def interrupted(run: Run, configs: Sequence[Config], number: int) -> list[Evaluation]:
    """Trains configurations up to the n-th evaluation; returns the evaluations."""
    seen: list[Evaluation] = []
    with pytest.raises(KeyboardInterrupt):
        run(configs, Serial(), observers=[interrupt_at(number, seen)])
    return seen


def assert_same_results(
    folders: Sequence[Path], others: Sequence[Path], read_table: ReadTable, read_samples: ReadSamples
) -> None:
    """Compares the files of configurations to the bit, except the seconds."""
    for folder, other in zip(folders, others, strict=True):
        assert {path.name for path in folder.iterdir()} == {path.name for path in other.iterdir()}
        assert (folder / "history.csv").read_bytes() == (other / "history.csv").read_bytes()
        runs, expected = (read_table(each / "runs.csv").drop(columns="seconds") for each in (folder, other))
        pd.testing.assert_frame_equal(runs, expected, check_exact=True)
        samples, arrays = read_samples(folder), read_samples(other)
        assert {name: (a.shape, a.tobytes()) for name, a in samples.items()} == {
            name: (a.shape, a.tobytes()) for name, a in arrays.items()
        }
        states = [torch.load(each / "checkpoint.pt", weights_only=True) for each in (folder, other)]
        torch.testing.assert_close(*states, rtol=0, atol=0, equal_nan=True)


# Nine runs: a shard of eight, evaluated at the steps 0, 4, 5, 8, 10 and 12, and one of one.
MOMENTS = {"at the very beginning": 1, "on its way": 4, "at its end": 6}


@pytest.mark.usefixtures("eager_parts")
@pytest.mark.parametrize("resumed_with", [Serial(), Together()])
@pytest.mark.parametrize("moment", MOMENTS.values(), ids=MOMENTS)
def test_an_interrupted_sweep_ends_with_the_bytes_of_an_undisturbed_one(
    make_config: MakeConfig,
    run: Run,
    read_table: ReadTable,
    read_samples: ReadSamples,
    moment: int,
    resumed_with: ExecutorSettings,
) -> None:
    configs = three_ends(make_config)
    _, undisturbed = run(configs, Serial(), "undisturbed")
    ends = [set(read_table(folder / "runs.csv")["status"]) for folder in undisturbed]
    assert ends == [{"finished"}, {"finished", "stopped"}, {"diverged"}]

    interrupted(run, configs, moment)
    outcomes, folders = run(configs, resumed_with)
    assert sorted(outcomes) == [0, 1, 2]
    assert_same_results(folders, undisturbed, read_table, read_samples)


@pytest.mark.usefixtures("eager_parts")
def test_a_sweep_interrupted_twice_resumes_with_worker_processes(
    make_config: MakeConfig, run: Run, read_table: ReadTable, read_samples: ReadSamples
) -> None:
    configs = three_ends(make_config)
    _, undisturbed = run(configs, Serial(), "undisturbed")
    for number in (4, 2):
        interrupted(run, configs, number)
    _, folders = run(configs, Local(workers=2))
    assert_same_results(folders, undisturbed, read_table, read_samples)


@pytest.mark.usefixtures("eager_parts")
def test_a_resume_trains_only_what_was_lost(make_config: MakeConfig, run: Run) -> None:
    # Shards of two and of one run.
    configs = [make_config(seeds=3), make_config(seeds=1, training={"batch_size": 5})]
    # The first has ended (at its fourth), the second has a part of its steps 0 and 5.
    seen = interrupted(run, configs, 4 + 3)
    assert [(each.step, len(each.status)) for each in seen[4:]] == [(0, 1), (5, 1), (10, 1)]
    again: list[tuple[int, int]] = []
    outcomes, _ = run(configs, Serial(), observers=[lambda each: again.append((each.step, len(each.status)))])
    assert again == [(10, 1), (12, 1), (0, 1), (5, 1), (10, 1), (12, 1)]
    assert outcomes[1] == Outcome(Counter(finished=1))
    assert outcomes[0].errors == []


def test_a_resume_of_an_ended_sweep_changes_no_file(make_config: MakeConfig, run: Run) -> None:
    configs = three_ends(make_config)
    seen: list[Evaluation] = []
    before, folders = run(configs, Serial())
    contents = {path: path.read_bytes() for folder in folders for path in folder.iterdir()}
    after, _ = run(configs, Local(workers=2), observers=[seen.append])
    assert after == before
    assert seen == []
    assert {path: path.read_bytes() for folder in folders for path in folder.iterdir()} == contents


def test_a_resume_with_more_seeds_trains_only_the_new_ones(
    make_config: MakeConfig, run: Run, read_table: ReadTable, read_samples: ReadSamples
) -> None:
    few, more, many = (make_config(seed=4, seeds=seeds) for seeds in (2, 5, 9))
    _, (folder,) = run([few], Serial())
    seen: list[int] = []
    watched: dict[str, Any] = {"observers": [lambda each: seen.append(len(each.status))]}
    for config, executor, options in ((more, Serial(), watched), (many, Together(), {})):
        old = {name: (folder / name).read_text() for name in ("runs.csv", "history.csv")}
        run([config], executor, **options)
        for name, text in old.items():
            assert (folder / name).read_text().startswith(text)
        assert read_table(folder / "runs.csv")["seed"].tolist() == list(config.all_seeds)
    assert sum(seen) == 3 * 4  # new runs times evaluations
    _, undisturbed = run([many], Serial(), "undisturbed")
    assert_same_results([folder], undisturbed, read_table, read_samples)


def damage(file: Path) -> None:
    content = file.read_bytes()
    file.write_bytes(content.replace(b"0.", b"1.") if file.suffix == ".csv" else content[:-7])


@pytest.mark.parametrize("name", RESULTS)
@pytest.mark.parametrize("seeds", [2, 3])
def test_a_damaged_file_of_a_finished_configuration_ends_the_resume(
    make_config: MakeConfig, run: Run, name: str, seeds: int
) -> None:
    _, folders = run([make_config(seeds=2), make_config(seeds=1)], Serial())
    damage(folders[0] / name)
    with pytest.raises(
        ResultFilesError, match="^" + re.escape(f"{folders[0] / name}: is not what was written")
    ):
        run([make_config(seeds=seeds), make_config(seeds=1)], Serial())


@pytest.mark.usefixtures("eager_parts")
@pytest.mark.parametrize("name", RESULTS)
@pytest.mark.parametrize("executor", [Serial(), Together()])
def test_a_damaged_file_of_a_part_ends_the_resume(
    make_config: MakeConfig, run: Run, tmp_path: Path, name: str, executor: ExecutorSettings
) -> None:
    configs = [make_config(seeds=2)]
    interrupted(run, configs, 3)
    (part,) = (tmp_path / "sweep" / "0" / "parts").iterdir()
    damage(part / name)
    with pytest.raises(ResultFilesError, match="^" + re.escape(f"{part / name}: is not what was written")):
        run(configs, executor)


def test_a_resume_trains_failed_runs_again(
    make_config: MakeConfig,
    run: Run,
    read_table: ReadTable,
    read_samples: ReadSamples,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    configs = [make_config(loss=Unfinished(), seeds=2), make_config(seeds=1)]
    before, folders = run(configs, Serial())
    assert before[0].statuses == Counter(failed=2)
    assert read_table(folders[0] / "runs.csv")["message"].notna().all()
    monkeypatch.setattr(Unfinished, "generator", Minimax.generator)
    seen: list[int] = []
    after, _ = run(configs, Serial(), observers=[lambda each: seen.append(len(each.status))])
    assert after == {place: Outcome(Counter(finished=seeds)) for place, seeds in ((0, 2), (1, 1))}
    assert seen == [2] * 4
    _, undisturbed = run([make_config(seeds=2), make_config(seeds=1)], Serial(), "undisturbed")
    assert_same_results(folders, undisturbed, read_table, read_samples)


def test_a_resume_keeps_the_finished_runs_next_to_a_failed_one(
    make_config: MakeConfig, run: Run, read_table: ReadTable, read_samples: ReadSamples
) -> None:
    seen: list[tuple[int, int]] = []

    def look(evaluation: Evaluation) -> None:
        seen.append((evaluation.step, len(evaluation.status)))

    def fail_alone(evaluation: Evaluation) -> None:
        if len(evaluation.status) == 1 and evaluation.step == 10:
            raise ValueError("enough")

    # Shards of two runs and of one.
    _, (folder,) = run([make_config(seeds=3)], Serial(), observers=[fail_alone])
    assert read_table(folder / "runs.csv")["status"].tolist() == ["finished", "finished", "failed"]
    run([make_config(seeds=3)], Serial(), observers=[look])
    assert seen == [(0, 1), (5, 1), (10, 1), (12, 1)]
    _, undisturbed = run([make_config(seeds=3)], Serial(), "undisturbed")
    assert_same_results([folder], undisturbed, read_table, read_samples)
