"""The launcher passes Hydra's own conformance suites, and runs the jobs of a sweep together."""

import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from hydra.core.hydra_config import HydraConfig
from hydra.core.utils import JobStatus
from hydra.errors import CompactHydraException, HydraException
from hydra.test_utils.launcher_common_tests import (
    BatchedSweeperTestSuite,
    IntegrationTestSuite,
    LauncherTestSuite,
)
from omegaconf import DictConfig

# The module, not its names: Hydra executes it again when it looks for plugins.
from hydra_plugins.stacked_launcher import stacked_launcher
from hydra_plugins.stacked_launcher.together import Job, Together
from sinegan.app.conf_folder import conf_folder

# The suites set no version_base, and Hydra says what that will mean.
pytestmark = pytest.mark.filterwarnings("ignore:(?s).*version_base", "ignore:(?s).*working directory")


@pytest.mark.parametrize(("launcher_name", "overrides"), [("stacked", [])])
class TestStackedLauncher(LauncherTestSuite):
    """Sweeps of Hydra's own test applications."""


@pytest.mark.parametrize(
    ("launcher_name", "overrides"),
    [
        ("stacked", [f"hydra/sweeper={sweeper}", "hydra.sweeper.max_batch_size=2"])
        for sweeper in ("basic", "grid")
    ],
)
class TestStackedLauncherInBatches(BatchedSweeperTestSuite):
    """The same, batch after batch."""


@pytest.mark.parametrize(
    ("task_launcher_cfg", "extra_flags"),
    [
        pytest.param(
            {},
            [
                "-m",
                "hydra/launcher=stacked",
                "hydra/hydra_logging=disabled",
                "hydra/job_logging=disabled",
            ],
            id="stacked_launcher",
        )
    ],
)
class TestStackedLauncherIntegration(IntegrationTestSuite):
    """Applications in processes of their own."""


RunSweep = Callable[..., Any]
Task = Callable[[DictConfig], Any]


def double(config: DictConfig) -> int:
    """Fails for an odd number of seeds."""
    if config.seeds % 2:
        raise ValueError(f"{config.seeds} is odd")
    return int(2 * config.seeds)


def stacked(task: Task = double, order: Sequence[int] = (), **declared: Any) -> Any:
    """A task function that declares how its jobs run together: at once, finished in that order."""

    def run(jobs: Sequence[Job]) -> Iterator[tuple[int, Task]]:
        try:
            for place in order or range(len(jobs)):
                yield place, task
        finally:
            function.closed = True

    def function(_: DictConfig) -> None:
        pytest.fail("a task that declares `together` is not called by itself")

    function.closed = False
    function.together = Together(**{"check": lambda _: [], "run": run, **declared})
    return function


def done(batches: Any) -> list[Any]:
    """The result or the error of each job of a single batch."""
    (jobs,) = batches
    return [
        job._return_value if job.status == JobStatus.COMPLETED else str(job._return_value) for job in jobs
    ]


def launched(sweep: RunSweep, monkeypatch: pytest.MonkeyPatch, task: Any, *overrides: str) -> Any:
    """The results of the launcher, also when the sweeper raises the first error among them."""
    launch, returns = stacked_launcher.StackedLauncher.launch, []

    def kept(self: Any, *arguments: Any, **settings: Any) -> Any:
        returns.append(launch(self, *arguments, **settings))
        return returns[-1]

    monkeypatch.setattr(stacked_launcher.StackedLauncher, "launch", kept)
    with pytest.raises(ValueError, match="is odd"):
        sweep(task, *overrides)
    return returns


def test_results_are_returned_in_the_order_of_the_jobs(sweep: RunSweep) -> None:
    jobs = sweep(stacked(order=[2, 0, 1]), "seeds=2,4,6")
    assert done(jobs) == [4, 8, 12]
    assert [job.overrides for job in jobs[0]] == [["seeds=2"], ["seeds=4"], ["seeds=6"]]


@pytest.mark.parametrize("task", [double, stacked()], ids=["alone", "together"])
def test_all_other_jobs_finish_when_one_fails(
    sweep: RunSweep, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, task: Any
) -> None:
    (found,) = [done([jobs]) for jobs in launched(sweep, monkeypatch, task, "seeds=2,3,4")]
    assert found == [4, "3 is odd", 8]
    assert {path.name for path in (tmp_path / "sweep").iterdir()} == {"0", "1", "2", "multirun.yaml"}


@pytest.mark.parametrize("task", [double, stacked()], ids=["alone", "together"])
def test_on_error_stop_ends_the_sweep_at_the_first_error(sweep: RunSweep, tmp_path: Path, task: Any) -> None:
    with pytest.raises(ValueError, match="3 is odd"):
        sweep(task, "seeds=2,3,4,5", "hydra.launcher.on_error=stop")
    assert {path.name for path in (tmp_path / "sweep").iterdir()} == {"0", "1", "multirun.yaml"}
    assert getattr(task, "closed", True)


def test_on_error_stop_changes_nothing_when_no_job_fails(sweep: RunSweep) -> None:
    assert done(sweep(stacked(), "seeds=2,4", "hydra.launcher.on_error=stop")) == [4, 8]


def test_an_unknown_value_of_on_error_is_refused(sweep: RunSweep, tmp_path: Path) -> None:
    message = r"hydra\.launcher\.on_error = abort: must be continue \(.*\) or stop"
    with pytest.raises(CompactHydraException, match=message):
        sweep(double, "seeds=2,4", "hydra.launcher.on_error=abort")
    assert list(tmp_path.iterdir()) == []


def test_a_task_function_can_number_its_jobs(sweep: RunSweep, tmp_path: Path) -> None:
    seen = []

    def numbers(configs: Sequence[DictConfig], folder: Path, first: int) -> list[int]:
        seen.append(([config.seeds for config in configs], folder, first))
        return [10 * config.seeds for config in configs]

    def number(_: DictConfig) -> tuple[int, str]:
        return HydraConfig.get().job.num, HydraConfig.get().job.id

    assert done(sweep(stacked(number, numbers=numbers), "seeds=2,4,6")) == [
        (20, "20"),
        (40, "40"),
        (60, "60"),
    ]
    assert seen == [([2, 4, 6], Path("sweep"), 0)]
    assert {path.name for path in (tmp_path / "sweep").iterdir()} == {"20", "40", "60", "multirun.yaml"}


def test_job_numbers_continue_from_batch_to_batch(sweep: RunSweep) -> None:
    firsts = []

    def numbers(configs: Sequence[DictConfig], folder: Path, first: int) -> list[int]:
        firsts.append((folder, first))
        return list(range(first, first + len(configs)))

    sweep(stacked(numbers=numbers), "seeds=2,4,6", "hydra.sweeper.max_batch_size=2")
    assert firsts == [(Path("sweep"), 0), (Path("sweep"), 2)]


def test_jobs_with_the_same_number_run_once_and_share_the_result(sweep: RunSweep, tmp_path: Path) -> None:
    ran: list[int] = []

    def numbers(configs: Sequence[DictConfig], *_: Any) -> list[int]:
        return [config.seeds for config in configs]

    def note(config: DictConfig) -> int:
        ran.append(config.seeds)
        return int(config.seeds) * 100

    batches = sweep(stacked(note, numbers=numbers), "seeds=2,4,2,2", "hydra.sweeper.max_batch_size=3")
    assert [done([batch]) for batch in batches] == [[200, 400, 200], [200]]
    assert ran == [2, 4]
    assert {path.name for path in (tmp_path / "sweep").iterdir()} == {"2", "4", "multirun.yaml"}


def refuse(*_: object) -> list[int]:
    raise CompactHydraException("that was trained already")


def test_a_task_that_refuses_its_jobs_leaves_no_folder(sweep: RunSweep, tmp_path: Path) -> None:
    with pytest.raises(CompactHydraException, match="that was trained already"):
        sweep(stacked(numbers=refuse), "seeds=2,4")
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "sweep/0").mkdir(parents=True)
    with pytest.raises(CompactHydraException):
        sweep(stacked(numbers=refuse), "seeds=2,4")
    assert (tmp_path / "sweep/0").is_dir()


def test_all_invalid_jobs_are_reported_by_number_and_none_runs(sweep: RunSweep, tmp_path: Path) -> None:
    task = stacked(
        check=lambda config: [f"{config.seeds}: too many"] if config.seeds > 2 else [],
        run=lambda _: pytest.fail("ran"),
        numbers=lambda configs, _, first: [first + 5 + place for place in range(len(configs))],
    )
    with pytest.raises(CompactHydraException) as caught:
        sweep(task, "seeds=2,3,4")
    assert str(caught.value).splitlines() == [
        "Nothing was run; these jobs are invalid:",
        "#6 seeds=3",
        "    3: too many",
        "#7 seeds=4",
        "    4: too many",
    ]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("declares", [True, False])
def test_jobs_with_the_same_folder_are_refused_before_any_runs(
    sweep: RunSweep, tmp_path: Path, declares: bool
) -> None:
    ran: list[DictConfig] = []
    subdir = "hydra.sweep.subdir=${loss._target_}"
    with pytest.raises(CompactHydraException) as caught:
        sweep(
            stacked(ran.append) if declares else ran.append,
            "loss=minimax,non_saturating",
            "seeds=2,4",
            subdir,
        )
    assert str(caught.value).splitlines() == [
        "Nothing was run; these jobs would share a folder:",
        "    #0 loss=minimax seeds=2 and #1 loss=minimax seeds=4: sweep/sinegan.game.losses.Minimax",
        "    #2 loss=non_saturating seeds=2 and #3 loss=non_saturating seeds=4: "
        "sweep/sinegan.game.losses.NonSaturating",
        "Let hydra.sweep.subdir differ between the jobs, as ${hydra.job.num} does.",
    ]
    assert ran == []
    assert list(tmp_path.iterdir()) == []


def test_a_refusal_of_the_launcher_has_no_control_characters(sweep: RunSweep) -> None:
    with pytest.raises(CompactHydraException) as caught:
        sweep(stacked(), "+word='a\x1b[2J','b\u202e'", "hydra.sweep.subdir=same")
    assert str(caught.value).replace("\n", "").isprintable()
    assert r"a\x1b[2J" in str(caught.value)


def test_a_folder_of_an_earlier_batch_is_not_reused(sweep: RunSweep) -> None:
    ran: list[DictConfig] = []
    with pytest.raises(CompactHydraException, match=r"Nothing more was run; .*\n    #0 .* and #2 "):
        sweep(
            ran.append,
            "seeds=2,4",
            "loss=minimax,non_saturating",
            "hydra.sweep.subdir=${loss._target_}",
            "hydra.sweeper.max_batch_size=2",
        )
    assert [config.seeds for config in ran] == [2, 2]


def test_a_folder_may_be_named_through_hydras_own_resolver(sweep: RunSweep, tmp_path: Path) -> None:
    subdir = "hydra.sweep.subdir=${hydra:job.override_dirname}-${hydra:job.num}"
    named: list[str] = []
    task = stacked(check=lambda config: named.append(f"{HydraConfig.get().job.num} {config.seeds}") or [])
    assert done(sweep(task, "seeds=2,4", subdir)) == [4, 8]
    assert named == ["0 2", "1 4"]
    assert {path.name for path in (tmp_path / "sweep").iterdir()} == {
        "seeds=2-0",
        "seeds=4-1",
        "multirun.yaml",
    }
    assert not HydraConfig.initialized()


def test_a_plain_task_function_runs_job_by_job(
    sweep: RunSweep, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    seen = []

    def task(config: DictConfig) -> None:
        seen.append((config.seeds, HydraConfig.get().runtime.cwd))
        monkeypatch.chdir(elsewhere)

    folder = f"hydra.sweep.dir={tmp_path}/sweep"
    sweep(task, "seeds=2,4,6", folder)
    assert seen == [(2, str(tmp_path)), (4, str(elsewhere)), (6, str(elsewhere))]


def test_a_job_that_cannot_be_composed_is_refused_before_any_runs(sweep: RunSweep, tmp_path: Path) -> None:
    with pytest.raises(HydraException, match="Could not find 'loss/wrong'"):
        sweep(stacked(run=lambda _: pytest.fail("ran")), "loss=minimax,wrong")
    assert list(tmp_path.iterdir()) == []


APPLICATION = f"""
import logging, hydra
log = logging.getLogger("mine")

@hydra.main(config_path={str(conf_folder())!r}, config_name="config", version_base="1.3")
def main(config):
    log.info("with %s of %s", config.seeds, hydra.core.hydra_config.HydraConfig.get().job.override_dirname)
    if config.seeds == 4:
        raise ValueError("four")

main()
"""


def test_a_plain_task_function_leaves_the_same_files_as_with_the_basic_launcher(
    tmp_path: Path,
) -> None:
    """But for the launcher's own settings, to the byte."""
    found = {}
    (tmp_path / "application.py").write_text(APPLICATION)
    for launcher in ("basic", "stacked"):
        command = [sys.executable, "application.py", "-m", "loss=minimax,non_saturating", "seeds=2,4"]
        command += ["+new=1", "optim.lr=1e-4", f"hydra/launcher={launcher}", "hydra.sweep.dir=sweep"]
        finished = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300)
        assert finished.returncode == 1
        assert "ValueError: four" in finished.stderr
        texts = {"stdout": finished.stdout, "stderr": finished.stderr}
        for path in sorted((tmp_path / "sweep").rglob("*")):
            if path.is_file():
                texts[str(path.relative_to(tmp_path))] = path.read_text()
        found[launcher] = {name: same_for_all(text, launcher) for name, text in texts.items()}
        (tmp_path / "sweep").rename(tmp_path / launcher)
    assert len(found["stacked"]) == 2 + 1 + 4 * 4
    assert "mine" in found["stacked"]["sweep/3/sinegan.log"]
    assert found["stacked"] == found["basic"]


def same_for_all(text: str, launcher: str) -> str:
    """A text without the time of day and the launcher's settings."""
    text = re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d+", "<now>", text)
    text = re.sub(r"(?m)^( *)launcher:\n(\1 .*\n)+", "", text)
    return text.replace(f"hydra/launcher={launcher}", "").replace(f"hydra/launcher: {launcher}", "")


def test_a_refusal_is_printed_without_a_traceback(tmp_path: Path) -> None:
    (tmp_path / "application.py").write_text(APPLICATION)
    command = [sys.executable, "application.py", "-m", "seeds=2,4", "hydra.sweep.dir=there"]
    finished = subprocess.run(
        [*command, "hydra.sweep.subdir=same"], cwd=tmp_path, capture_output=True, text=True, timeout=300
    )
    assert finished.returncode == 1
    assert finished.stderr.startswith(
        "Nothing was run; these jobs would share a folder:\n    #0 seeds=2 and #1"
    )
    assert "Traceback" not in finished.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["application.py"]
