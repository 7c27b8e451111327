"""`python -m sinegan.theory` checks a sweep, or refuses a folder with a clear message."""

import sys
from pathlib import Path

import pytest

from sinegan.storage.sweep_folder import write_provenance
from sinegan.theory.__main__ import main


def test_theory_is_not_written_through_a_link(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = {"seeds": 1, "training": {"steps": 1}}
    known = {"overrides": [], "settings": settings, "primary_metric": "rmse"}
    write_provenance(tmp_path / "sweep/0", known)
    (tmp_path / "outside").mkdir()
    (tmp_path / "sweep/report").symlink_to(tmp_path / "outside")
    monkeypatch.setattr(sys, "argv", ["sinegan.theory", str(tmp_path / "sweep")])
    with pytest.raises(SystemExit, match="report: is a symbolic link"):
        main()
    assert list((tmp_path / "outside").iterdir()) == []
