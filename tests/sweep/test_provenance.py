"""The provenance of every configuration records the origin of its numbers."""

import os
import platform
import shlex
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

from sinegan.config import Config
from sinegan.game.targets import NoisySine
from sinegan.storage.files import read_sealed, write_sealed
from sinegan.sweep.plan import Configuration
from sinegan.sweep.provenance import begin_provenance, complete_provenance, git_state, surroundings

MakeConfig = Callable[..., Config]


@pytest.fixture
def git(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """Runs git in a separate folder, whatever repository the tests run in."""
    for name in [name for name in os.environ if name.startswith("GIT_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")

    def git(*arguments: str) -> str:
        author = ["-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false"]
        command = ["git", "-C", str(tmp_path), *author, *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    return git


def write(folder: Path, config: Config, overrides: list[str]) -> dict[str, Any]:
    settings = {"seeds": config.seeds, "network": {"generator": [8]}}
    begin_provenance(Configuration(config, folder, settings, overrides))
    return read(folder)


def read(folder: Path) -> dict[str, Any]:
    known: dict[str, Any] = read_sealed(folder / "provenance.json")
    return known


def test_provenance_has_settings_code_versions_and_machine(make_config: MakeConfig, tmp_path: Path) -> None:
    before = datetime.now(UTC)
    known = write(tmp_path / "0", make_config(), ["optim.lr=1e-3", "network=tiny"])
    assert {
        "overrides",
        "settings",
        "primary_metric",
        "engine",
        "started",
        "resumed",
        "seconds",
        "command",
        "git",
        "versions",
        "machine",
    } <= set(known)
    assert known["overrides"] == ["optim.lr=1e-3", "network=tiny"]
    assert known["settings"] == {"seeds": 3, "network": {"generator": [8]}}
    assert known["seconds"] is None
    assert known["resumed"] == []
    started = datetime.fromisoformat(known["started"])
    assert started.utcoffset() == timedelta(0)
    assert before - timedelta(milliseconds=1) <= started <= datetime.now(UTC)
    assert known["versions"]["python"] == platform.python_version()
    assert known["versions"]["torch"] == version("torch")
    assert known["machine"]["cores"] == os.cpu_count()
    assert set(known["machine"]) == {"host", "system", "processor", "cores"}
    assert known["machine"]["processor"] == known["machine"]["processor"].strip()


def test_provenance_has_the_engine_and_the_metric_of_the_configuration(
    make_config: MakeConfig, tmp_path: Path
) -> None:
    eager = write(tmp_path / "0", make_config(), [])
    compiled = write(
        tmp_path / "1", make_config(training={"compile": "always"}, target=NoisySine(points=6)), []
    )
    assert (eager["engine"], eager["primary_metric"]) == ("eager", "rmse")
    assert (compiled["engine"], compiled["primary_metric"]) == ("compiled", "energy_distance")


@pytest.mark.parametrize(
    ("words", "command"),
    [
        (["/usr/bin/python3", "-m", "sinegan.main", "-m", "lr=1,2"], "python -m sinegan.main -m lr=1,2"),
        (["/usr/bin/python3.11", "/usr/bin/sinegan", "seeds=2"], "sinegan seeds=2"),
        (
            ["python", "-m", "sinegan.main", "a='b c'"],
            shlex.join(["python", "-m", "sinegan.main", "a='b c'"]),
        ),
    ],
)
def test_the_command_in_the_provenance_can_be_typed_on_another_machine(
    monkeypatch: pytest.MonkeyPatch, words: list[str], command: str
) -> None:
    monkeypatch.setattr(sys, "orig_argv", words)
    assert surroundings.__wrapped__()["command"] == command


def test_a_package_that_is_not_installed_has_no_version(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sinegan.sweep.provenance.PACKAGES", ("torch", "no-such-package-of-sinegan"))
    assert surroundings.__wrapped__()["versions"] == {
        "python": platform.python_version(),
        "torch": version("torch"),
        "no-such-package-of-sinegan": None,
    }


def test_completing_the_provenance_adds_seconds_and_engine_alone(
    make_config: MakeConfig, tmp_path: Path
) -> None:
    known = write(tmp_path, make_config(), ["a=1"])
    an_hour_ago = (datetime.fromisoformat(known["started"]) - timedelta(hours=1)).isoformat()
    write_sealed(tmp_path / "provenance.json", known | {"started": an_hour_ago})
    complete_provenance(tmp_path, ["native"])
    completed = read(tmp_path)
    assert 3600 <= completed["seconds"] < 2 * 3600
    assert completed["engine"] == "native"
    assert completed | {"seconds": None, "started": known["started"], "engine": "eager"} == known


def test_a_resumed_configuration_keeps_what_it_has_and_counts_its_seconds_from_then(
    make_config: MakeConfig, tmp_path: Path
) -> None:
    known = write(tmp_path, make_config(), ["seeds=3"])
    known |= {"started": "2020-01-01T00:00:00.000+00:00", "command": "python of another day"}
    write_sealed(tmp_path / "provenance.json", known)
    again = write(tmp_path, make_config(seeds=5), ["seeds=5"])
    assert again["settings"]["seeds"] == 5
    assert again["overrides"] == ["seeds=5"]
    (resumed,) = again["resumed"]
    assert datetime.fromisoformat(resumed).utcoffset() == timedelta(0)
    kept = {"settings": known["settings"], "overrides": known["overrides"], "resumed": []}
    assert again | kept == known
    complete_provenance(tmp_path, ["native"])
    assert 0 <= read(tmp_path)["seconds"] < 3600
    assert len(write(tmp_path, make_config(seeds=5), [])["resumed"]) == 2


def test_a_git_repository_has_a_commit_and_is_clean_until_something_changes(
    tmp_path: Path, git: Callable[..., str]
) -> None:
    package = tmp_path / "src" / "package"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("")
    git("init")
    git("add", ".")
    git("commit", "-m", "All")
    commit = git("rev-parse", "HEAD")
    assert git_state(package) == {"commit": commit, "dirty": False}
    (package / "__init__.py").write_text("changed = True")
    assert git_state(package) == {"commit": commit, "dirty": True}
    git("checkout", ".")
    (tmp_path / "new").write_text("")
    assert git_state(package) == {"commit": commit, "dirty": True}


def test_code_outside_a_git_repository_has_no_git_state(tmp_path: Path, git: Callable[..., str]) -> None:
    (tmp_path / "__init__.py").write_text("")
    assert git_state(tmp_path) is None
    git("init")
    (tmp_path / "other").write_text("")
    git("add", "other")
    git("commit", "-m", "All but the code")
    assert git_state(tmp_path) is None


def test_a_machine_without_git_has_no_git_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert git_state(tmp_path) is None
