"""Resumes as a user types them: a sweep resumes by its own command and by no other."""

import csv
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from sinegan.report.compare import compare
from sinegan.report.load import load_sweep

Finished = subprocess.CompletedProcess[str]
Command = Callable[..., Finished]

S = ["network=tiny", "training.steps=20", "training.compile=never", "executor=serial"]
SHAPES = [
    "hydra.sweep.subdir=run_${hydra.job.num}",
    "hydra.sweep.subdir=${hydra.runtime.choices.loss}/deep/${hydra.job.num}",
    "hydra.sweep.subdir=${hydra.job.override_dirname}",
    "hydra.sweep.subdir=${hydra.job.num}",
]


@pytest.fixture(autouse=True)
def no_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leaves out the pictures of reports, which take longer than all else here."""
    monkeypatch.setattr("sinegan.report.make.all_figures", lambda *_: {})


def values(folder: Path, *keys: str) -> dict[tuple[str, ...], float]:
    """The rmse of each run, by the swept keys and the seed."""
    runs = load_sweep(folder).runs
    names = [*keys, "seed"]
    return {tuple(map(str, row[names])): row["rmse"] for _, row in runs.iterrows()}


def table(folder: Path) -> list[dict[str, str]]:
    with (folder / "report/configurations.csv").open() as file:
        return [
            {key: value for key, value in row.items() if key != "seconds"} for row in csv.DictReader(file)
        ]


@pytest.mark.parametrize("shape", SHAPES)
def test_a_row_holds_the_runs_of_its_own_settings_whatever_the_folders_are_called(
    inside: Command, tmp_path: Path, shape: str
) -> None:
    common = [*S, "loss=minimax,hinge", shape]
    assert inside("-m", "optim.lr=1e-4,1e-2", "seeds=1", *common, "hydra.sweep.dir=D").returncode == 0
    done = inside("-m", "optim.lr=1e-2,1e-4", "seeds=2", *common, "resume=D")
    if "override_dirname" in shape:  # a command that trains other seeds calls its folders otherwise
        assert done.returncode == 1
        assert "no job of the command uses it; give hydra.sweep.subdir as before" in done.stderr
        return
    assert (done.returncode, done.stderr) == (0, "")
    assert inside("-m", "optim.lr=1e-4,1e-2", "seeds=2", *common, "hydra.sweep.dir=E").returncode == 0
    keys = ("optim.lr", "loss")
    assert values(tmp_path / "D", *keys) == values(tmp_path / "E", *keys)
    assert table(tmp_path / "D") == table(tmp_path / "E")


@pytest.mark.parametrize("shape", SHAPES[:2])
def test_other_settings_are_refused_with_the_differences_and_nothing_is_changed(
    inside: Command, tmp_path: Path, shape: str
) -> None:
    assert inside("-m", "optim.lr=1e-4,1e-2", "seeds=1", *S, shape, "hydra.sweep.dir=D").returncode == 0
    before = {path: path.read_bytes() for path in (tmp_path / "D").rglob("*") if path.suffix == ".csv"}
    done = inside("-m", "optim.lr=1e-4,3e-2", "seeds=1", *S, shape, "resume=D")
    assert done.returncode == 1
    assert "configuration 1: optim.lr: 0.01 in the folder, 0.03 in the command" in done.stderr
    other = inside("-m", "optim.lr=1e-4,1e-2", "seeds=1", *S, "resume=D")
    assert other.returncode == 1
    assert "no job of the command uses it; give hydra.sweep.subdir as before" in other.stderr
    assert {
        path: path.read_bytes() for path in (tmp_path / "D").rglob("*") if path.suffix == ".csv"
    } == before


def test_a_deleted_configuration_is_reported_and_trained_again_in_its_folder(
    inside: Command, tmp_path: Path
) -> None:
    sweep = ["-m", "optim.lr=1e-4,1e-3,1e-2", "seeds=2", *S]
    assert inside(*sweep, "hydra.sweep.dir=D").returncode == 0
    undisturbed = table(tmp_path / "D")
    for number in "01":
        shutil.rmtree(tmp_path / "D" / number)
    assert "2 of the configurations of" in load_sweep(tmp_path / "D").remarks[0]
    assert inside("-m", "optim.lr=1e-2,5e-3,1e-3,1e-4", *sweep[2:], "resume=D").returncode == 0
    assert [row for row in table(tmp_path / "D") if row["optim.lr"] != "0.005"] == undisturbed
    assert [row["optim.lr"] for row in table(tmp_path / "D")] == ["0.0001", "0.001", "0.01", "0.005"]


@pytest.mark.parametrize("file", ["runs.csv", "provenance.json"])
def test_a_missing_file_is_named_by_resume_and_not_overwritten(
    inside: Command, tmp_path: Path, file: str
) -> None:
    sweep = ["-m", "optim.lr=1e-4,1e-3", "seeds=1", *S]
    assert inside(*sweep, "hydra.sweep.dir=D").returncode == 0
    (tmp_path / "D/1" / file).unlink()
    done = inside(*sweep, "resume=D")
    assert done.returncode == 1
    assert f"D/1/{file}: cannot be read (No such file or directory); restore it, or delete" in done.stderr
    assert "Traceback" not in done.stderr
    assert {path.name for path in (tmp_path / "D").iterdir() if path.is_dir()} == {"0", "1", "report"}
    shutil.rmtree(tmp_path / "D/1")  # the remedy
    assert inside(*sweep, "resume=D").returncode == 0
    assert len(values(tmp_path / "D", "optim.lr")) == 2


def test_an_edited_provenance_is_refused_by_resume(inside: Command, tmp_path: Path) -> None:
    sweep = ["-m", "optim.lr=1e-4,1e-3", "seeds=1", *S]
    assert inside(*sweep, "hydra.sweep.dir=D").returncode == 0
    file = tmp_path / "D/0/provenance.json"
    file.write_text(file.read_text().replace('"lr": 0.0001', '"lr": 0.5'))
    done = inside(*sweep, "resume=D")
    assert done.returncode == 1
    assert "D/0/provenance.json: cannot be read (it is not what was written)" in done.stderr


@pytest.mark.parametrize(
    ("rates", "kept"), [("1e-3,1e-3", ["0.001"]), ("1e-3,0.001,1e-2,10e-3", ["0.001", "0.01"])]
)
def test_equal_configurations_train_once_with_a_remark(
    inside: Command, tmp_path: Path, rates: str, kept: list[str]
) -> None:
    done = inside("-m", f"optim.lr={rates}", "seeds=3", *S, "hydra.sweep.dir=D")
    assert (done.returncode, done.stderr) == (0, "")
    count = len(rates.split(","))
    assert f"{count - len(kept)} of {count} configurations repeat others (" in done.stdout
    sweep = load_sweep(tmp_path / "D")
    assert sweep.configurations["configuration"].tolist() == [str(place) for place in range(len(kept))]
    assert len(compare(sweep)) == len(kept) - 1
    again = inside("-m", f"optim.lr={rates}", "seeds=3", *S, "resume=D")
    assert (again.returncode, again.stderr) == (0, "")


@pytest.mark.parametrize("name", ["report", "multirun.yaml", "0/.hydra", ".lock"])
def test_resume_writes_nothing_through_a_symbolic_link(inside: Command, tmp_path: Path, name: str) -> None:
    sweep = ["-m", "optim.lr=1e-4,1e-3", "seeds=1", *S]
    assert inside(*sweep, "hydra.sweep.dir=D").returncode == 0
    outside = tmp_path / "outside"
    outside.mkdir()
    if name.endswith(("yaml", "lock")):
        outside = outside / "file"
        outside.write_text("mine")
    path = tmp_path / "D" / name
    if path.is_dir():
        shutil.rmtree(path)
    path.unlink(missing_ok=True)
    path.symlink_to(outside)
    done = inside(*sweep, "resume=D")
    assert done.returncode == 1
    assert f"D/{name}: is a symbolic link, and is not written through; remove it" in done.stderr
    assert outside.read_text() == "mine" if outside.is_file() else os.listdir(outside) == []


@pytest.mark.parametrize(
    "shape", ["report/${hydra.job.num}", ".hidden/${hydra.job.num}", "../${hydra.job.num}"]
)
def test_a_subdir_that_a_resume_would_not_find_is_refused_before_it_is_made(
    inside: Command, tmp_path: Path, shape: str
) -> None:
    done = inside(
        "-m", "optim.lr=1e-4,1e-3", "seeds=1", *S, "hydra.sweep.dir=D", f"hydra.sweep.subdir={shape}"
    )
    assert done.returncode == 1
    assert "change hydra.sweep.subdir" in done.stderr
    assert not (tmp_path / "D").exists()
    assert os.listdir(tmp_path) == []
