"""A compiled program is made once, found again by what it computes, and never by anything less."""

import fcntl
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils import _pytree as pytree

from sinegan.game.losses import Minimax, NonSaturating
from sinegan.training import ahead_of_time
from sinegan.training.ahead_of_time import AheadOfTime


@dataclass(frozen=True)
class Homemade:
    """Not of the package: its source counts."""

    factor: float = 2.0


def scaled(weights: dict[str, Tensor], shift: Tensor) -> dict[str, Any]:
    return {"sum": weights["a"] + shift, "parts": [weights["b"] * 2.0]}


ARGUMENTS = (
    {"a": torch.tensor([[1.0, 2.0], [5.0, 6.0]]), "b": torch.tensor([3.0, 4.0])},
    torch.tensor([[10.0, 20.0], [0.0, 0.5]]),
)


def test_a_program_is_compiled_once_and_found_by_the_next_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(ahead_of_time.FOLDER, str(tmp_path / "cache"))
    results = [AheadOfTime(scaled, "scaled", [Minimax()])(*ARGUMENTS)]
    monkeypatch.setattr(ahead_of_time, "_compile", lambda *_: pytest.fail("compiled again"))
    results.append(AheadOfTime(scaled, "scaled", [Minimax()])(*ARGUMENTS))
    for result in results:
        assert result["sum"].tolist() == [[11.0, 22.0], [5.0, 6.5]]
        assert [part.tolist() for part in result["parts"]] == [[6.0, 8.0]]
    assert len(list((tmp_path / "cache").glob("scaled-*.json"))) == 1
    assert not list((tmp_path / "cache").glob(".*"))
    (lock,) = (tmp_path / "cache").glob("*.lock")
    late = AheadOfTime(scaled, "scaled", [Minimax()])
    with lock.open() as at_work:
        fcntl.flock(at_work, fcntl.LOCK_EX)
        assert not late.load(*ARGUMENTS, wait=False)
    assert late.load(*ARGUMENTS, wait=False)


def test_a_program_of_which_a_part_is_gone_is_compiled_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(ahead_of_time.FOLDER, str(tmp_path))
    AheadOfTime(scaled, "scaled", [])(*ARGUMENTS)
    for kind in ("json", "so"):
        for path in tmp_path.glob(f"*.{kind}"):
            path.unlink()
        assert AheadOfTime(scaled, "scaled", [])(*ARGUMENTS)["sum"].tolist() == [[11.0, 22.0], [5.0, 6.5]]


def test_what_others_are_at_work_on_is_waited_for_at_the_end() -> None:
    asked: list[tuple[str, bool]] = []

    class Asked(AheadOfTime):
        def load(self, *_: Any, wait: bool = True) -> bool:
            asked.append((self._name, wait))
            return wait or self._name != "busy"

    busy, free = (Asked(scaled, name, []) for name in ("busy", "free"))
    ahead_of_time.load((busy, ARGUMENTS), (free, ARGUMENTS))
    assert asked == [("busy", False), ("free", False), ("busy", True)]


def test_whatever_a_program_depends_on_is_part_of_what_it_is_found_by(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(ahead_of_time.FOLDER, str(tmp_path))
    wanted: list[str] = []

    def note(_: Any, __: Any, ___: Any, path: Path) -> None:
        wanted.append(path.name)
        raise InterruptedError

    monkeypatch.setattr(ahead_of_time, "_compile", note)

    def ask(name: str, part: Any, *arguments: Any) -> None:
        with pytest.raises(InterruptedError):
            AheadOfTime(scaled, name, [part])(*arguments)

    longer = ({"a": torch.ones(2, 3), "b": torch.ones(2)}, torch.ones(2, 3))
    double = ({"a": torch.ones(2, 2).double(), "b": torch.ones(2)}, torch.ones(2, 2))
    more_lanes = tuple(pytree.tree_map(lambda tensor: torch.cat([tensor] * 3), ARGUMENTS))
    for case in (
        ("scaled", Minimax(), *ARGUMENTS),
        ("other", Minimax(), *ARGUMENTS),
        ("scaled", NonSaturating(), *ARGUMENTS),
        ("scaled", Homemade(), *ARGUMENTS),
        ("scaled", Homemade(factor=3.0), *ARGUMENTS),
        ("scaled", Minimax(), *longer),
        ("scaled", Minimax(), *double),
    ):
        ask(*case)
    assert len(set(wanted)) == len(wanted) == 7
    ask("scaled", Minimax(), *more_lanes)
    assert wanted.pop() == wanted[0]
    monkeypatch.setattr(ahead_of_time, "_formulas", lambda: "of another version")
    ask("scaled", Minimax(), *ARGUMENTS)
    monkeypatch.setattr(ahead_of_time, "_processor", lambda: "another machine")
    ask("scaled", Minimax(), *ARGUMENTS)
    assert len(set(wanted)) == 9


def test_programs_are_kept_below_the_users_cache_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(ahead_of_time.FOLDER, raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", "/caches")
    assert ahead_of_time.folder() == Path("/caches/sinegan")
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert ahead_of_time.folder() == Path.home() / ".cache/sinegan"
