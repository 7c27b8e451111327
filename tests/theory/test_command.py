"""`python -m sinegan.theory` checks a sweep, or refuses a folder with a clear message."""

import csv
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sinegan.storage.sweep_folder import write_provenance
from sinegan.theory.__main__ import main

REFERENCE = Path(__file__).parents[2] / "outputs/reference"
Check = Callable[[Path], Any]


@pytest.fixture
def check(monkeypatch: pytest.MonkeyPatch) -> Check:
    """Runs the command on a folder; returns its exit code, or its message."""

    def run(folder: Path) -> Any:
        monkeypatch.setattr(sys, "argv", ["sinegan.theory", str(folder)])
        with pytest.raises(SystemExit) as stopped:
            main()
        return stopped.value.code

    return run


def file_run(folder: Path, **settings: Any) -> None:
    """Writes a configuration in which nothing was measured."""
    known = {"overrides": [], "settings": {"seeds": 1, "training": {"steps": 1}} | settings}
    write_provenance(folder, known | {"primary_metric": "rmse"})


@pytest.mark.parametrize(
    ("name", "checks"), [("original", 3), ("learning_rate", 3), ("loss_comparison", 8), ("games", 0)]
)
def test_theory_checks_the_reference_sweeps(tmp_path: Path, check: Check, name: str, checks: int) -> None:
    folder = Path(shutil.copytree(REFERENCE / name, tmp_path / name))
    code = check(folder)
    if not checks:
        assert code.startswith(f"sinegan: {folder}: holds no configuration (found: report); ")
        return
    assert code == 0
    with (folder / "report/theory.csv").open() as file:
        assert [row["holds"] for row in csv.DictReader(file)] == ["True"] * checks


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"network": {"_target_": "a.Affine", "shift": 1.0}, "target": {"_target_": "a.PointMass", "at": []}},
        {"network": {"_target_": "a.Dirac"}, "loss": {"_target_": "a.Minimax"}},
    ],
    ids=["of an older version", "another target", "nothing measured"],
)
@pytest.mark.parametrize("place", ["", "0"])
def test_theory_refuses_a_sweep_or_a_run_without_theory(
    tmp_path: Path, check: Check, settings: dict[str, Any], place: str
) -> None:
    file_run(tmp_path / place, **settings)
    message = f"sinegan: {tmp_path}: holds nothing to check; train experiment=theory/dirac, say"
    assert check(tmp_path) == message
    assert not (tmp_path / "report").exists()


def test_theory_refuses_what_is_no_sweep_with_the_reason(tmp_path: Path, check: Check) -> None:
    assert check(tmp_path).startswith(f"sinegan: {tmp_path}: holds no configuration (found: nothing); ")
    (tmp_path / "file").touch()
    for name in ("file", "nowhere"):
        assert check(tmp_path / name).startswith(f"sinegan: {tmp_path / name}: no such folder; ")
    assert check(tmp_path / "\x1b[2J").startswith(rf"sinegan: {tmp_path}/\x1b[2J: no such folder; ")


def test_theory_refuses_damaged_files_with_the_remedy(tmp_path: Path, check: Check) -> None:
    folder = Path(shutil.copytree(REFERENCE / "learning_rate/0", tmp_path / "0"))
    (folder / "history.csv").write_text("seed\n")
    message = check(folder)
    assert message.startswith(f"sinegan: {folder}/history.csv: is not what was written")


def test_theory_is_not_written_through_a_link(tmp_path: Path, check: Check) -> None:
    file_run(tmp_path / "sweep/0")
    (tmp_path / "outside").mkdir()
    (tmp_path / "sweep/report").symlink_to(tmp_path / "outside")
    assert "report: is a symbolic link" in check(tmp_path / "sweep")
    assert list((tmp_path / "outside").iterdir()) == []
