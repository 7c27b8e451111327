"""A set of result files is complete or absent; each run is read from the set that knows most of it."""

import errno
import io
import math
import os
import re
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sinegan.storage.files import UnwritableFileError
from sinegan.storage.results import (
    DamagedResultsError,
    KnownRun,
    csv,
    known_runs,
    manifest,
    publish,
    read_checked,
    read_csv,
    read_samples,
    records,
    refuse_zip_bomb,
    remove_leftovers,
    sets,
    stored_history,
    stored_runs,
    write_part,
)

Files = dict[str, bytes | str]
Runs = dict[int, tuple[str, int]]


def result_files(runs: Runs, mark: float = 0.0) -> Files:
    """The result files of runs, given by seed, status and step. mark: the rmse in every row."""
    rows = [
        {"seed": seed, "status": status, "step": step, "seconds": 1.5, "message": "", "rmse": mark}
        for seed, (status, step) in runs.items()
    ]
    history = [
        {"seed": seed, "step": at, "rmse": mark} for seed, (_, step) in runs.items() for at in (0, step)
    ]
    return {
        "runs.csv": csv(pd.DataFrame(rows)),
        "history.csv": csv(pd.DataFrame(history)),
        "samples.npz": b"\x00samples" + str(mark).encode(),
        "checkpoint.pt": b"\x00states" + str(mark).encode(),
    }


def publish_files(configuration: Path, files: Files) -> None:
    """Writes a set of result files and publishes it as that of the configuration."""
    publish(write_part(configuration, "own", files), configuration)


def fail_at(monkeypatch: pytest.MonkeyPatch, call: int, owner: Any, name: str) -> None:
    """Makes a function raise when it is called for the n-th time, from 1 on."""
    calls: list[None] = []
    real: Callable[..., Any] = getattr(owner, name)

    def counted(*arguments: Any) -> Any:
        calls.append(None)
        if len(calls) == call:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return real(*arguments)

    monkeypatch.setattr(owner, name, counted)


def refuse(*_: Any) -> None:
    raise OSError(errno.ENOTSUP, os.strerror(errno.ENOTSUP))


def visible(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.glob("*") if not path.name.startswith("."))


def test_a_part_is_a_folder_with_all_files_and_their_checksums(tmp_path: Path) -> None:
    files = result_files({0: ("finished", 9)})
    part = write_part(tmp_path, "000003", files)
    assert re.fullmatch("000003-[0-9a-f]{8}", part.name)
    assert part.parent == tmp_path / "parts"
    assert visible(part) == sorted([*files, "manifest.json"])
    for name, content in files.items():
        assert read_checked(part, name) == (content.encode() if isinstance(content, str) else content)
    assert (part / "manifest.json").read_text() == manifest(files)


def test_parts_with_the_same_name_have_separate_folders(tmp_path: Path) -> None:
    first, second = (write_part(tmp_path, "000000", result_files({seed: ("finished", 9)})) for seed in (0, 1))
    assert first != second
    assert sets(tmp_path) == sorted([first, second])


@pytest.mark.parametrize("call", [1, 2, 3, 4, 5, "rename"])
def test_a_part_that_cannot_be_completed_is_not_visible(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: int | str
) -> None:
    before = write_part(tmp_path, "000000", result_files({0: ("unfinished", 5)}))
    with monkeypatch.context() as patch:
        if isinstance(call, int):
            fail_at(patch, call, os, "replace")
        else:
            fail_at(patch, 1, Path, call)
        with pytest.raises(OSError, match="No space left"):
            write_part(tmp_path, "000000", result_files({0: ("finished", 9)}))
    assert visible(tmp_path / "parts") == [before.name]
    assert sets(tmp_path) == [before]
    assert known_runs(tmp_path) == [KnownRun(0, "unfinished", 5, before)]


def test_a_changed_a_truncated_and_a_missing_file_are_named_with_the_remedy(tmp_path: Path) -> None:
    part = write_part(tmp_path, "000000", result_files({0: ("finished", 9)}))
    for name in ("runs.csv", "history.csv", "samples.npz", "checkpoint.pt"):
        content = (part / name).read_bytes()

        def expect_refusal(name: str = name) -> None:
            with pytest.raises(DamagedResultsError) as caught:
                read_checked(part, name)
            assert str(caught.value).startswith(f"{part / name}: ")
            assert f"restore it, or delete {part} and resume the sweep" in str(caught.value)

        (part / name).write_bytes(content.replace(b"0", b"1"))
        assert (part / name).stat().st_size == len(content)
        expect_refusal()
        (part / name).write_bytes(content[:-1])
        expect_refusal()
        (part / name).unlink()
        expect_refusal()
        (part / name).write_bytes(content)
        assert read_checked(part, name) == content


@pytest.mark.parametrize("content", [None, "", "{", '{"other": "0"}\n'])
def test_a_file_of_a_part_without_its_checksum_is_refused(tmp_path: Path, content: str | None) -> None:
    part = write_part(tmp_path, "000000", result_files({0: ("finished", 9)}))
    (part / "manifest.json").unlink()
    if content is not None:
        (part / "manifest.json").write_text(content)
    with pytest.raises(DamagedResultsError, match=f"delete {re.escape(str(part))} and resume"):
        read_checked(part, "runs.csv")


def test_nothing_is_stored_in_a_new_folder(tmp_path: Path) -> None:
    assert sets(tmp_path / "new") == []
    assert known_runs(tmp_path / "new") == []
    runs = stored_runs(tmp_path / "new")
    assert len(runs) == 0
    assert list(runs) == ["seed", "status", "step", "seconds", "message", "source"]
    assert len(stored_history(runs)) == 0


LESS_AND_MORE = [
    (("unfinished", 5), ("unfinished", 10)),
    (("unfinished", 10), ("failed", 0)),
    (("failed", 5), ("failed", 10)),
    (("failed", 10), ("diverged", 3)),
    (("failed", 10), ("stopped", 5)),
    (("failed", 10), ("finished", 9)),
    (("unfinished", 10), ("diverged", 3)),
    (("unfinished", 10), ("stopped", 5)),
    (("unfinished", 10), ("finished", 9)),
]


@pytest.mark.parametrize(("less", "more"), LESS_AND_MORE)
@pytest.mark.parametrize("names", ["ab", "ba"])
def test_each_run_is_read_from_the_set_that_knows_most_of_it(
    tmp_path: Path, less: tuple[str, int], more: tuple[str, int], names: str
) -> None:
    # Seed 1 the other way round, so that it comes from the other set.
    one = write_part(tmp_path, names[0], result_files({0: less, 1: more}, mark=0.25))
    other = write_part(tmp_path, names[1], result_files({0: more, 1: less}, mark=0.5))
    assert known_runs(tmp_path) == [KnownRun(0, *more, other), KnownRun(1, *more, one)]
    runs = stored_runs(tmp_path)
    assert runs["rmse"].tolist() == [0.5, 0.25]
    assert runs["source"].tolist() == [str(other), str(one)]
    history = stored_history(runs)
    assert history[["seed", "step", "rmse"]].to_numpy().tolist() == [
        [0, 0, 0.5],
        [0, more[1], 0.5],
        [1, 0, 0.25],
        [1, more[1], 0.25],
    ]


def test_a_part_that_knows_more_of_a_run_takes_precedence_over_the_merged_files(tmp_path: Path) -> None:
    publish_files(tmp_path, result_files({0: ("finished", 9), 1: ("failed", 0)}, mark=0.25))
    part = write_part(tmp_path, "000000", result_files({1: ("finished", 9), 2: ("unfinished", 5)}, mark=0.5))
    assert known_runs(tmp_path) == [
        KnownRun(0, "finished", 9, tmp_path),
        KnownRun(1, "finished", 9, part),
        KnownRun(2, "unfinished", 5, part),
    ]
    history = stored_history(stored_runs(tmp_path))
    assert history["seed"].tolist() == [0, 0, 1, 1, 2, 2]
    assert history["rmse"].tolist() == [0.25, 0.25, 0.5, 0.5, 0.5, 0.5]


def test_runs_and_history_are_in_the_order_of_seeds_and_steps(tmp_path: Path) -> None:
    write_part(tmp_path, "a", result_files({12: ("finished", 9), 3: ("finished", 9)}))
    write_part(tmp_path, "b", result_files({7: ("finished", 9)}))
    runs = stored_runs(tmp_path)
    assert runs["seed"].tolist() == [3, 7, 12]
    history = stored_history(runs)
    assert history[["seed", "step"]].to_numpy().tolist() == [[s, t] for s in (3, 7, 12) for t in (0, 9)]


def test_runs_that_were_never_measured_have_no_history(tmp_path: Path) -> None:
    files = result_files({0: ("failed", 0)}) | {"history.csv": csv(pd.DataFrame())}
    write_part(tmp_path, "a", files)
    runs = stored_runs(tmp_path)
    assert len(stored_history(runs)) == 0
    write_part(tmp_path, "b", result_files({1: ("finished", 9)}))
    assert stored_history(stored_runs(tmp_path))["seed"].tolist() == [1, 1]


def stored(configuration: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The stored runs and history, without the set that each run comes from."""
    runs = stored_runs(configuration)
    return runs.drop(columns="source"), stored_history(runs)


def assert_same(one: tuple[pd.DataFrame, pd.DataFrame], other: tuple[pd.DataFrame, pd.DataFrame]) -> None:
    for before, after in zip(one, other, strict=True):
        pd.testing.assert_frame_equal(before, after, check_exact=True)


@pytest.mark.parametrize("linking", [True, False])
@pytest.mark.parametrize("call", [1, 2, 3, 4, 5, "rmtree"])
@pytest.mark.parametrize("own", [None, {0: ("finished", 9)}])
def test_a_configuration_keeps_its_results_at_every_moment_of_publishing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, own: Runs | None, call: int | str, linking: bool
) -> None:
    if own:
        publish_files(tmp_path, result_files(own))
    files = result_files({0: ("finished", 9), 1: ("diverged", 3)})
    write_part(tmp_path, "000000", result_files({1: ("diverged", 3)}))
    part = write_part(tmp_path, "merged", files)
    before = stored(tmp_path)
    if not linking:
        monkeypatch.setattr(os, "link", refuse)
    with monkeypatch.context() as patch:
        if isinstance(call, int):
            fail_at(patch, call, os, "replace")
        else:
            fail_at(patch, 1, shutil, call)
        with pytest.raises(OSError, match="No space left"):
            publish(part, tmp_path)
    assert_same(stored(tmp_path), before)

    if part.exists():
        publish(part, tmp_path)
    remove_leftovers(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([*files, "manifest.json"])
    assert sets(tmp_path) == [tmp_path]
    assert_same(stored(tmp_path), before)
    for name, content in files.items():
        assert read_checked(tmp_path, name) == (content.encode() if isinstance(content, str) else content)


def test_a_checkpoint_that_the_new_results_lack_does_not_stay(tmp_path: Path) -> None:
    publish_files(tmp_path, result_files({0: ("finished", 9)}))
    assert (tmp_path / "checkpoint.pt").exists()
    files = result_files({0: ("finished", 9), 1: ("finished", 9)})
    del files["checkpoint.pt"]
    publish_files(tmp_path, files)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([*files, "manifest.json"])
    assert [run.seed for run in known_runs(tmp_path)] == [0, 1]


@pytest.mark.parametrize("name", ["runs.csv", "history.csv", "samples.npz", "checkpoint.pt"])
def test_edited_files_of_a_configuration_are_refused(tmp_path: Path, name: str) -> None:
    publish_files(tmp_path, result_files({0: ("finished", 9)}))
    (tmp_path / name).write_bytes((tmp_path / name).read_bytes().replace(b"0", b"1"))
    with pytest.raises(DamagedResultsError, match=re.escape(f"{tmp_path / name}: is not what was written")):
        stored_runs(tmp_path)


def test_files_of_a_configuration_without_their_manifest_are_refused(tmp_path: Path) -> None:
    publish_files(tmp_path, result_files({0: ("finished", 9)}))
    (tmp_path / "manifest.json").unlink()
    with pytest.raises(DamagedResultsError, match=re.escape(f"{tmp_path / 'manifest.json'}: cannot be read")):
        stored_runs(tmp_path)


@pytest.mark.parametrize("name", ["runs.csv", "history.csv", "samples.npz"])
def test_a_deleted_file_of_a_finished_configuration_is_named(tmp_path: Path, name: str) -> None:
    publish_files(tmp_path, result_files({0: ("finished", 9)}))
    (tmp_path / name).unlink()
    with pytest.raises(
        DamagedResultsError, match=re.escape(f"{tmp_path / name}: cannot be read (No such file")
    ):
        stored_runs(tmp_path)


def test_results_without_their_checkpoint_are_read(tmp_path: Path) -> None:
    publish_files(tmp_path, result_files({0: ("finished", 9)}))
    (tmp_path / "checkpoint.pt").unlink()
    assert [run.status for run in known_runs(tmp_path)] == ["finished"]


@pytest.mark.parametrize("name", ["runs.csv", "samples.npz", "manifest.json"])
def test_a_pipe_a_folder_and_a_device_in_the_place_of_a_file_are_named(tmp_path: Path, name: str) -> None:
    publish_files(tmp_path, result_files({0: ("finished", 9)}))
    path = tmp_path / name

    def expect_refusal(words: str) -> None:
        with pytest.raises(DamagedResultsError, match=re.escape(f"{path}: cannot be read ({words}")):
            stored_runs(tmp_path)

    path.unlink()
    os.mkfifo(path)
    expect_refusal("it is no regular file")
    path.unlink()
    path.symlink_to("/dev/zero")
    expect_refusal("it is no regular file")
    path.unlink()
    path.mkdir()
    expect_refusal("Is a directory")


@pytest.mark.parametrize(
    "content", ["5", "[1]", "null", '{"../../etc/passwd": "0"}', '{"/dev/zero": ""}', "[" * 10**5]
)
def test_an_invalid_manifest_is_named(tmp_path: Path, content: str) -> None:
    publish_files(tmp_path, result_files({0: ("finished", 9)}))
    (tmp_path / "manifest.json").write_text(content)
    with pytest.raises(DamagedResultsError, match=re.escape(f"{tmp_path / 'manifest.json'}: cannot be read")):
        stored_runs(tmp_path)


HEAD = "seed,status,step,seconds,message\n"


@pytest.mark.parametrize(
    ("runs", "words"),
    [
        ("seed,status\n0,finished\n", "it lacks columns"),
        (HEAD + "zero,finished,9,1,\n", "a seed, a step or the seconds are no numbers"),
        (HEAD + "0.5,finished,9,1,\n", "a seed, a step or the seconds are no numbers"),
        (HEAD + "0,finished,9,soon,\n", "a seed, a step or the seconds are no numbers"),
        (HEAD + "0,won,9,1,\n", "a status is won"),
        (HEAD + '0,finished,9,1,"\n', "EOF inside string"),
        ("\x00\x00\x00", "it lacks columns"),
    ],
)
def test_an_invalid_table_of_runs_is_named(tmp_path: Path, runs: str, words: str) -> None:
    publish_files(tmp_path, result_files({0: ("finished", 9)}) | {"runs.csv": runs})
    with pytest.raises(
        DamagedResultsError, match=re.escape(f"{tmp_path / 'runs.csv'}: cannot be read (")
    ) as caught:
        stored_runs(tmp_path)
    assert words in str(caught.value)


@pytest.mark.parametrize("history", ["seed\n0\n", "seed,step,rmse\n0,0,good\n"])
def test_an_invalid_history_is_named(tmp_path: Path, history: str) -> None:
    publish_files(tmp_path, result_files({0: ("finished", 9)}) | {"history.csv": history})
    with pytest.raises(
        DamagedResultsError, match=re.escape(f"{tmp_path / 'history.csv'}: cannot be read (it is no")
    ):
        stored_history(stored_runs(tmp_path))


def archive(**arrays: Any) -> bytes:
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)
    return buffer.getvalue()


NONE: dict[str, Any] = dict.fromkeys(("x", "seeds", "curves", "probability"), ()) | {"real": np.empty((0, 2))}
SOME = {"x": [1.0, 2.0], "seeds": [0], "curves": np.zeros((1, 3, 2)), "probability": np.zeros((1, 3))}
FRAMES = {"frame_seeds": [0], "frame_steps": [0, 9], "frame_curves": np.zeros((2, 1, 2))}


def test_the_arrays_of_samples_are_read(tmp_path: Path) -> None:
    publish_files(
        tmp_path, result_files({0: ("finished", 9)}) | {"samples.npz": archive(**NONE | {"x": [1.5, 2.5]})}
    )
    assert read_samples(tmp_path)["x"].tolist() == [1.5, 2.5]
    more = {"modes": np.zeros((4, 2)), "frame_probability": np.zeros((2, 1))}
    publish_files(
        tmp_path, result_files({0: ("finished", 9)}) | {"samples.npz": archive(**NONE | SOME | FRAMES | more)}
    )
    assert read_samples(tmp_path)["curves"].shape == (1, 3, 2)


def test_samples_that_would_fill_the_memory_are_refused_before_unpacking(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = archive(**NONE | {"x": np.zeros(2**20)})
    assert len(content) < 2**20
    publish_files(tmp_path, result_files({0: ("finished", 9)}) | {"samples.npz": content})
    monkeypatch.setattr("sinegan.storage.results.refuse_zip_bomb", partial(refuse_zip_bomb, most=2**20))
    monkeypatch.setattr(np, "load", lambda *_, **__: pytest.fail("unpacked"))
    with pytest.raises(DamagedResultsError, match=r"samples\.npz: cannot be read \(it unpacks to 8,3"):
        read_samples(tmp_path)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"PK",
        b"no archive",
        archive(x=[1.0]),
        archive(**NONE | SOME | {"x": 1.0}),
        archive(**NONE | SOME | {"real": [["a", "b"]]}),
        archive(**NONE | SOME | {"real": np.zeros((1, 3))}),
        archive(**NONE | SOME | {"curves": np.zeros((1, 1))}),
        archive(**NONE | SOME | {"curves": np.zeros((2, 3, 2))}),
        archive(**NONE | SOME | {"probability": np.zeros((1, 2))}),
        archive(**NONE | SOME | {"modes": np.zeros((4, 1))}),
        archive(**NONE | SOME | FRAMES),
        archive(**NONE | SOME | FRAMES | {"frame_probability": np.zeros((1, 2))}),
        archive(**NONE | {"x": np.array([{}], dtype=object)}),
        archive(**NONE)[:-30],
    ],
)
def test_invalid_samples_are_named(tmp_path: Path, content: bytes) -> None:
    publish_files(tmp_path, result_files({0: ("finished", 9)}) | {"samples.npz": content})
    with pytest.raises(DamagedResultsError, match=re.escape(f"{tmp_path / 'samples.npz'}: cannot be read (")):
        read_samples(tmp_path)


def test_parts_are_not_written_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "0").mkdir()
    (tmp_path / "0/parts").symlink_to(tmp_path / "outside")
    with pytest.raises(UnwritableFileError, match="0/parts: is a symbolic link"):
        write_part(tmp_path / "0", "000000", result_files({0: ("finished", 9)}))
    assert list((tmp_path / "outside").iterdir()) == []


def test_an_edited_history_of_a_part_is_refused(tmp_path: Path) -> None:
    part = write_part(tmp_path, "000000", result_files({0: ("finished", 9)}))
    runs = stored_runs(tmp_path)
    (part / "history.csv").write_text((part / "history.csv").read_text() + "0,99,0.0\n")
    with pytest.raises(DamagedResultsError, match=re.escape(str(part / "history.csv"))):
        stored_history(runs)


finite = st.floats(allow_nan=False, allow_infinity=False)


@given(values=st.lists(finite, min_size=1, max_size=20))
@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_numbers_in_csv_are_read_back_to_the_bit(tmp_path: Path, values: list[float]) -> None:
    frame = pd.DataFrame({"seed": range(len(values)), "rmse": values})
    again = read_csv(write_part(tmp_path, "a", {"runs.csv": csv(frame)}), "runs.csv")
    assert again["rmse"].to_numpy().tobytes() == np.array(values, np.float64).tobytes()
    assert again["seed"].tolist() == list(range(len(values)))
    assert csv(again) == csv(frame)


def test_missing_and_infinite_numbers_are_read_back(tmp_path: Path) -> None:
    written = csv(pd.DataFrame({"rmse": [math.inf, -math.inf, math.nan, 0.1]}))
    assert written == 'rmse\ninf\n-inf\n""\n0.1\n'
    again = read_csv(write_part(tmp_path, "a", {"history.csv": written}), "history.csv")
    np.testing.assert_array_equal(again["rmse"], [math.inf, -math.inf, math.nan, 0.1])


def test_a_message_is_read_back_whatever_it_says(tmp_path: Path) -> None:
    message = 'RuntimeError: "a", b\nand µ'
    part = write_part(tmp_path, "a", {"runs.csv": csv(pd.DataFrame({"message": [message]}))})
    assert read_csv(part, "runs.csv")["message"].tolist() == [message]


def test_a_table_without_rows_is_read_back(tmp_path: Path) -> None:
    part = write_part(tmp_path, "a", {"history.csv": csv(pd.DataFrame())})
    assert len(read_csv(part, "history.csv")) == 0


def test_records_are_plain_python_values() -> None:
    (row,) = records(pd.DataFrame({"seed": [3], "rmse": [0.5], "status": ["failed"]}))
    assert row == {"seed": 3, "rmse": 0.5, "status": "failed"}
    assert [type(value) for value in row.values()] == [int, float, str]
