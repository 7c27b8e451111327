"""The progress of a sweep, added up from the small files of its shards."""

import json
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sinegan.config import Config
from sinegan.statuses import DIVERGED, FINISHED, RUNNING
from sinegan.sweep import progress
from sinegan.sweep.plan import PendingRun, Shard
from sinegan.sweep.progress import AbandonedError, Reporter, SweepProgress, Watcher
from sinegan.training.loop import Evaluation
from sinegan.training.signature import Run

ShardOf = Callable[..., Shard]


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """A clock whose `now` is moved by hand."""
    clock = SimpleNamespace(now=1000.0)
    monkeypatch.setattr(progress, "time", SimpleNamespace(monotonic=lambda: clock.now))
    return clock


@pytest.fixture
def report(tmp_path: Path) -> Callable[..., None]:
    """Writes the progress file of a shard."""

    def report(number: int, done: int, ended: dict[str, int] | None = None, **latest: float) -> None:
        state = {"done": done, "ended": ended or {}, **latest}
        file(tmp_path, number).write_text(json.dumps(state))

    return report


@pytest.fixture
def shard_of(make_config: Callable[..., Config]) -> ShardOf:
    """Makes a shard with a number, and runs of some steps that resume from `begun`."""

    def shard_of(number: int, runs: int, steps: int, begun: int = 0, compile: str = "never") -> Shard:  # noqa: A002
        config = make_config(training={"steps": steps, "compile": compile}, seeds=runs)
        pending = [PendingRun(0, Run(config.setup, seed), Path("0"), begun) for seed in config.all_seeds]
        return Shard(number, tuple(pending), runs)

    return shard_of


def file(folder: Path, number: int) -> Path:
    return folder / f"{number}.json"


def evaluation(step: int, *status: str, measured: list[bool] | None = None, **metrics: list[float]) -> Any:
    return Evaluation(
        step=step,
        metrics={name: np.array(values) for name, values in metrics.items()} or None,
        frame=None,
        samples=None,
        measured=np.array(measured or [True] * len(status)),
        ended=np.zeros(len(status), bool),
        status=status,
        end_step=(0,) * len(status),
    )


def sweep_progress(**changes: Any) -> SweepProgress:
    nothing: dict[str, Any] = {
        "run_steps": 0,
        "all_run_steps": 1000,
        "runs": 8,
        "ended": 0,
        "failed": 0,
        "diverged": 0,
        "rate": 0.0,
        "latest": {},
    }
    return SweepProgress(**nothing | changes)


def test_a_worker_reports_its_steps_and_the_means_of_the_measured_runs(
    tmp_path: Path, shard_of: ShardOf
) -> None:
    Reporter(tmp_path, shard_of(3, runs=4, steps=100, begun=10)).report(
        evaluation(
            40,
            RUNNING,
            DIVERGED,
            FINISHED,
            FINISHED,
            measured=[True, False, False, True],
            d_real=[0.5, 9.0, 9.0, 0.25],
            d_fake=[0.12344, 9.0, 9.0, 0.12344],
            rmse=[1.0, 1.0, 1.0, 1.0],
        )
    )
    assert json.loads(file(tmp_path, 3).read_text()) == {
        "done": 4 * (40 - 10),
        "ended": {DIVERGED: 1, FINISHED: 2},
        "d_real": 0.375,
        "d_fake": 0.1234,
    }


def test_a_worker_reports_at_most_twice_a_second(
    tmp_path: Path, clock: SimpleNamespace, shard_of: ShardOf
) -> None:
    reporter = Reporter(tmp_path, shard_of(0, runs=1, steps=100))

    def done_after(seconds: float, step: int) -> int:
        clock.now += seconds
        reporter.report(evaluation(step, RUNNING))
        done: int = json.loads(file(tmp_path, 0).read_text())["done"]
        return done

    assert done_after(0, 1) == 1
    assert done_after(0.25, 2) == 1
    assert done_after(0.25, 3) == 3
    assert done_after(0.25, 4) == 3


def test_runs_without_valid_metrics_are_not_averaged(tmp_path: Path, shard_of: ShardOf) -> None:
    reporter = Reporter(tmp_path, shard_of(0, runs=1, steps=100))
    reporter.report(evaluation(5, DIVERGED, measured=[False], d_real=[np.nan], d_fake=[np.nan]))
    assert set(json.loads(file(tmp_path, 0).read_text())) == {"done", "ended"}


def test_progress_before_any_shard_has_begun_is_zero(tmp_path: Path) -> None:
    now = Watcher(tmp_path, runs=10, run_steps=900, configurations=1).read_progress()
    assert now == sweep_progress(all_run_steps=900, runs=10)
    assert now.line() == "0/10 runs, starting"


def test_progress_says_compiling_until_the_first_evaluation(tmp_path: Path, shard_of: ShardOf) -> None:
    watcher = Watcher(tmp_path, runs=2, run_steps=20, configurations=2)
    eager = Reporter(tmp_path, shard_of(0, runs=1, steps=10, compile="never"))
    assert watcher.read_progress().line() == "0/2 runs, starting"
    compiled = Reporter(tmp_path, shard_of(1, runs=1, steps=10, compile="always"))
    eager.report(evaluation(0, RUNNING))
    assert watcher.read_progress().line() == "0/2 runs, compiling"
    compiled.report(evaluation(0, RUNNING))
    assert watcher.read_progress().line() == "0/2 runs, starting"


def test_steps_and_runs_of_all_shards_are_added_up(
    tmp_path: Path, report: Callable[..., None], shard_of: ShardOf
) -> None:
    watcher = Watcher(tmp_path, runs=9, run_steps=530, configurations=2)
    report(0, 100, {FINISHED: 1, DIVERGED: 2}, d_real=0.6, d_fake=0.4)
    report(1, 20, {"stopped": 1})
    watcher.shard_done(shard_of(2, runs=3, steps=10, begun=4), Counter(failed=3))
    now = watcher.read_progress()
    assert now.run_steps == 100 + 20 + 3 * (10 - 4)
    assert now.all_run_steps == 530
    assert (now.runs, now.ended, now.failed, now.diverged) == (9, 7, 3, 2)


def test_a_finished_shard_is_counted_once(
    tmp_path: Path, report: Callable[..., None], shard_of: ShardOf
) -> None:
    watcher = Watcher(tmp_path, runs=4, run_steps=400, configurations=1)
    report(0, 360, {FINISHED: 1})
    watcher.shard_done(shard_of(0, runs=4, steps=100), Counter({FINISHED: 3, DIVERGED: 1}))
    assert not file(tmp_path, 0).exists()
    report(0, 380, {FINISHED: 2})  # said by a worker that was slow
    now = watcher.read_progress()
    assert (now.run_steps, now.ended, now.diverged) == (400, 4, 1)


def test_a_replaced_shard_counts_only_the_steps_that_its_halves_keep(
    tmp_path: Path, report: Callable[..., None], shard_of: ShardOf
) -> None:
    watcher = Watcher(tmp_path, runs=2, run_steps=200, configurations=1)
    report(0, 90, {DIVERGED: 1})
    watcher.shard_replaced(
        shard_of(0, runs=2, steps=100),
        [shard_of(1, runs=1, steps=100, begun=30), shard_of(2, runs=1, steps=100)],
    )
    assert watcher.read_progress() == sweep_progress(run_steps=30, all_run_steps=200, runs=2)
    assert not file(tmp_path, 0).exists()
    for number, begun in ((1, 30), (2, 0)):
        watcher.shard_done(shard_of(number, runs=1, steps=100, begun=begun), Counter({FINISHED: 1}))
    assert watcher.read_progress() == sweep_progress(run_steps=200, all_run_steps=200, runs=2, ended=2)


def test_a_shard_has_begun_when_its_worker_reports_it(tmp_path: Path, shard_of: ShardOf) -> None:
    watcher = Watcher(tmp_path, runs=2, run_steps=200, configurations=1)
    shard = shard_of(0, runs=2, steps=100)
    assert not watcher.has_begun(shard)
    Reporter(tmp_path, shard)
    assert watcher.has_begun(shard)
    assert watcher.read_progress() == sweep_progress(all_run_steps=200, runs=2)


def test_a_worker_of_an_ended_command_ends(tmp_path: Path, shard_of: ShardOf) -> None:
    folder = tmp_path / "of a command"
    folder.mkdir()
    shard = shard_of(0, runs=1, steps=100)
    reporter = Reporter(folder, shard)
    reporter._written -= 1
    shutil.rmtree(folder)
    with pytest.raises(AbandonedError, match="has gone"):
        reporter.report(evaluation(5, RUNNING))
    with pytest.raises(AbandonedError):
        Reporter(folder, shard)
    assert not folder.exists()


@pytest.mark.parametrize("content", ["", "{", '{"done": 3, "ende', '{"done": 3, "ended": {}'])
def test_a_half_written_progress_file_is_ignored(
    tmp_path: Path, report: Callable[..., None], content: str
) -> None:
    watcher = Watcher(tmp_path, runs=5, run_steps=500, configurations=1)
    report(1, 7)
    file(tmp_path, 0).write_text(content)
    assert watcher.read_progress().run_steps == 7


def test_a_temporary_progress_file_is_ignored(tmp_path: Path, report: Callable[..., None]) -> None:
    watcher = Watcher(tmp_path, runs=1, run_steps=100, configurations=1)
    report(0, 7)
    file(tmp_path, 0).with_name(".1.json.1234.part").write_text('{"done": 50, "ended": {}}')
    assert watcher.read_progress().run_steps == 7


def test_the_rate_is_measured_over_the_last_minute(
    tmp_path: Path, report: Callable[..., None], clock: SimpleNamespace
) -> None:
    watcher = Watcher(tmp_path, runs=2, run_steps=2_000_000, configurations=1)

    def rate_after(seconds: float, done: int) -> float:
        clock.now += seconds
        report(0, done)
        return watcher.read_progress().rate

    assert rate_after(0, 100) == 0  # one look is no rate
    assert rate_after(1, 200) == 0  # nor is a second
    assert rate_after(9, 1100) == 1000 / 10
    assert rate_after(50, 1100) == 1000 / 60
    assert rate_after(10, 7100) == 6000 / 60  # since the look 60 s ago
    assert rate_after(300, 8100) == 0  # no other look in the last minute


def test_the_rate_excludes_the_time_before_the_first_step(
    tmp_path: Path, report: Callable[..., None], clock: SimpleNamespace
) -> None:
    watcher = Watcher(tmp_path, runs=1, run_steps=1000, configurations=1)
    for _ in range(3):
        clock.now += 10
        assert watcher.read_progress().rate == 0
    clock.now += 2
    report(0, 100)
    assert watcher.read_progress().rate == 100 / 2


def test_the_progress_line_shows_runs_failures_rate_time_and_probabilities() -> None:
    busy = sweep_progress(
        run_steps=400, ended=3, failed=1, diverged=2, rate=10.0, latest={"d_real": 0.5, "d_fake": 0.25}
    )
    assert busy.line() == "3/8 runs, 1 failed, 2 diverged, 10 steps/s, 0:01:00 left, D 0.50 0.25"
    assert busy.line(40) == "3/8 runs, 1 failed, 2 diverged, 10 steps/s"[:40].rpartition(",")[0]
    quiet = sweep_progress(run_steps=400, rate=1234.5, latest={"d_real": 0.516, "d_fake": 0.25})
    assert quiet.line() == "0/8 runs, 1,234 steps/s, 0:00:00 left, D 0.52 0.25"
    assert (
        sweep_progress(run_steps=8, latest={"d_real": 0.5, "d_fake": 0.5}).line() == "0/8 runs, D 0.50 0.50"
    )


share = st.floats(0, 1)


@given(
    runs=st.integers(1, 99_999),
    failed=share,
    diverged=share,
    rate=st.floats(0, 999_999),
    seconds=st.floats(0, 86_399),
)
def test_the_progress_line_of_a_hundred_thousand_runs_fits_80_columns(
    runs: int, failed: float, diverged: float, rate: float, seconds: float
) -> None:
    now = sweep_progress(
        all_run_steps=round(rate * seconds),
        runs=runs,
        ended=runs,
        failed=round(runs * failed),
        diverged=round(runs * diverged),
        rate=rate,
        latest={"d_real": 0.5, "d_fake": 1.0},
    )
    assert len(now.line()) <= 80
    assert "\n" not in now.line()
