"""Tab completion, as the shells ask for it."""

import dataclasses
import importlib
import os
import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest

import sinegan
from sinegan.app.completion import CHOICES, complete, offers
from sinegan.schema import Allowed

GROUPS = ["average", "executor", "experiment", "loss", "network", "optim", "penalty", "target", "training"]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("experiment=theory/d", ["experiment=theory/dirac"]),
        ("-m exp", ["experiment="]),
        ("+exp", ["+experiment="]),
        ("training.compile=", [f"training.compile={word}" for word in ("always", "auto", "never")]),
        ("seeds=1 -m training.compile=a", ["training.compile=always", "training.compile=auto"]),
        ("network.activation=r", ["network.activation=relu"]),
        ("network=dirac network.activation=", []),  # it has none
        ("plot.live=", ["plot.live=false", "plot.live=true"]),
        ("-m loss=minimax,hi", ["loss=minimax,hinge"]),
        ("loss=no", ["loss=non_saturating"]),
        ("optim.l", ["optim.lr=", "optim.lr_ratio="]),
        ("optim.lr=", ["optim.lr=0.0001"]),
        ("target._t", []),
        ("target._target_=", []),
        ("hydra/sweeper=g", ["hydra/sweeper=grid"]),
        ("--config-dir mine loss=mi", ["loss=mine", "loss=minimax", "loss=minimax_literal"]),
        ("resume=ru", ["resume=runs"]),
        ("loss=nowhere optim.l", []),
        ("it's ( optim.l", []),
        ("--nonsense loss=", []),
    ],
)
def test_completion_completes_the_last_word(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: str, expected: list[str]
) -> None:
    (tmp_path / "mine/loss").mkdir(parents=True)
    (tmp_path / "mine/loss/mine.yaml").touch()
    (tmp_path / "runs").mkdir()
    (tmp_path / "rules").touch()
    monkeypatch.chdir(tmp_path)
    assert offers(line) == expected


def test_completion_offers_all_experiments_also_those_in_subfolders() -> None:
    files = Path(__file__).parents[2] / "conf/experiment"
    names = [path.relative_to(files).with_suffix("").as_posix() for path in files.rglob("*.yaml")]
    assert offers("experiment=") == sorted(f"experiment={name}" for name in names)


def test_completion_offers_every_group_and_no_target_class() -> None:
    found = offers("")
    assert {f"{group}=" for group in GROUPS} <= set(found)
    assert not [each for group in GROUPS for each in offers(f"{group}.") if "_target_" in each]


def test_completion_offers_the_choices_that_the_settings_allow() -> None:
    taken: dict[str, set[str]] = {}
    for module in pkgutil.walk_packages(sinegan.__path__, "sinegan."):
        if module.name.rpartition(".")[2] == "__main__":
            continue
        for cls in vars(importlib.import_module(module.name)).values():
            if isinstance(cls, type) and dataclasses.is_dataclass(cls):
                for field in dataclasses.fields(cls):
                    if choices := field.metadata.get("allowed", Allowed()).choices:
                        taken.setdefault(field.name, set()).update(choices)
    assert {name: set(choices) for name, choices in CHOICES.items()} == taken


@pytest.mark.parametrize(("shell", "separator"), [("bash", " "), ("zsh", " "), ("fish", "\n")])
def test_completion_separates_offers_as_each_shell_expects(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], shell: str, separator: str
) -> None:
    monkeypatch.setenv("COMP_LINE", "sinegan training.device=c")
    complete(shell)
    assert capsys.readouterr().out == f"training.device=cpu{separator}training.device=cuda\n"


def test_completion_of_an_empty_line_offers_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("COMP_LINE", raising=False)
    complete("bash")
    assert capsys.readouterr().out == "\n"


def test_a_completion_loads_no_torch(tmp_path: Path) -> None:
    code = "import sys; from sinegan.main import main\ntry: main()\nfinally: print('torch' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code, "-sc", "query=bash"],
        cwd=tmp_path,
        env=os.environ | {"COMP_LINE": "sinegan training.compile=n"},
        capture_output=True,
        text=True,
    )
    assert (done.stdout.split(), done.stderr) == (["training.compile=never", "False"], "")
