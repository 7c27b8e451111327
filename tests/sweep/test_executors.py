"""Executors run shards, and no process outlives its sweep."""

import multiprocessing
import os
import select
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.process import BaseProcess
from operator import truediv
from pathlib import Path
from pickle import PicklingError
from typing import Any

import pytest
from helpers_for_workers import (
    announce_and_sleep_for_a_minute,
    make_what_cannot_be_sent,
    raise_from_within,
    raise_unwieldy,
    read_line,
)

from sinegan.schema import build
from sinegan.sweep import executors, fork_server
from sinegan.sweep.executors import ExecutorSettings, Local, ProcessPerWorker, Serial

PARENT = """
import os, signal
from sinegan.sweep.executors import Local

with Local(workers=1).open() as pool:
    print(pool.submit(os.getpid).result(), flush=True)
    pool.submit(signal.pause).result()
"""

KILLED_HOST = """
import os, signal
from sinegan.sweep.executors import Local

with Local(workers=1).open() as pool:
    pool.submit(os.getpid).result()
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_worker_count_is_the_requested_number() -> None:
    assert Local(workers=5).worker_count == 5
    assert Serial().worker_count == 1


def test_worker_count_is_by_default_the_number_of_usable_cores(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 64)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 3, 7}, raising=False)
    assert Local().worker_count == 3
    monkeypatch.delattr(os, "sched_getaffinity")
    assert Local().worker_count == 64
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert Local().worker_count == 1


@pytest.mark.parametrize("kind", ["sinegan.sweep.executors.Local", "sinegan.sweep.cluster.Dask"])
def test_many_more_workers_than_cores_are_refused(monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    monkeypatch.setattr(executors, "cores", lambda: 2)

    def built(workers: int | None) -> list[str]:
        return build(ExecutorSettings, {"_target_": kind, "workers": workers}, "executor")[1]

    assert built(None) == built(3) == built(32) == []
    assert built(33) == [
        "executor.workers = 33: must be at most 32, 16 for each core that this process may use (2); "
        "null takes one for each"
    ]
    assert built(10**6)[0].startswith("executor.workers = 1000000: must be at most 32")


def test_the_serial_executor_works_at_once_and_its_futures_carry_results_and_errors() -> None:
    with Serial().open() as pool:
        done, failed = pool.submit(truediv, 6, 3), pool.submit(truediv, 1, 0)
        assert done.done()
        assert done.result() == 2
        assert pool.submit(os.getpid).result() == os.getpid()
        assert isinstance(failed.exception(), ZeroDivisionError)
        with pytest.raises(ZeroDivisionError):
            failed.result()


def test_the_serial_executor_raises_an_interrupt() -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    with Serial().open() as pool, pytest.raises(KeyboardInterrupt):
        pool.submit(interrupt)


def test_local_workers_are_processes_that_ignore_interrupts() -> None:
    with Local(workers=1).open() as pool:
        worker = pool.submit(os.getpid).result()
        assert worker != os.getpid()
        assert pool.submit(signal.raise_signal, signal.SIGINT).exception() is None
        assert pool.submit(os.getpid).result() == worker
        assert isinstance(pool.submit(truediv, 1, 0).exception(), ZeroDivisionError)
    assert multiprocessing.active_children() == []


@pytest.mark.parametrize("death", [(os._exit, 1), (signal.raise_signal, signal.SIGKILL)])
def test_a_dead_worker_breaks_its_own_future_and_is_replaced(tmp_path: Path, death: tuple[Any, int]) -> None:
    place = tmp_path / "pipe"
    os.mkfifo(place)
    pipe = os.open(place, os.O_RDWR)
    with Local(workers=2).open() as pool:
        waiting = pool.submit(read_line, place)
        for _ in range(3):
            assert type(pool.submit(*death).exception()) is BrokenProcessPool
        assert pool.submit(truediv, 6, 3).result() == 2
        os.write(pipe, b"done\n")
        assert waiting.result() == "done\n"
    os.close(pipe)


def test_an_error_in_the_main_process_ends_the_workers_at_once(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    futures: list[Future[Any]] = []
    workers: list[BaseProcess] = []

    def fail_while_a_worker_is_at_work() -> None:
        with Local(workers=1).open() as pool:
            futures.append(pool.submit(announce_and_sleep_for_a_minute, pipe))
            futures.append(pool.submit(os.getpid))
            assert select.select([reader], [], [], 30)[0], "no worker came to work"
            workers.extend(multiprocessing.active_children())
            raise RuntimeError("enough")

    with pytest.raises(RuntimeError, match="enough"):
        fail_while_a_worker_is_at_work()
    os.close(reader)
    (worker,) = workers
    worker.join(30)
    assert worker.exitcode == -signal.SIGKILL
    assert isinstance(futures[0].exception(), BrokenProcessPool)
    assert futures[1].cancelled()


def test_killing_the_pool_ends_no_other_child_of_the_host(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    other = multiprocessing.get_context("spawn").Process(target=time.sleep, args=(60,))
    other.start()
    pool = ProcessPerWorker(1)
    future = pool.submit(announce_and_sleep_for_a_minute, pipe)
    assert select.select([reader], [], [], 60)[0], "no worker came to work"
    pool.kill()
    pool.shutdown()
    assert isinstance(future.exception(), BrokenProcessPool)
    assert multiprocessing.active_children() == [other]
    other.kill()
    other.join()
    os.close(reader)


def test_killing_the_pool_ends_a_worker_that_is_just_starting(monkeypatch: pytest.MonkeyPatch) -> None:
    begins, may_go_on = threading.Event(), threading.Event()
    kind: Any = fork_server.context().Process  # type: ignore[attr-defined]
    start = kind.start
    workers: list[BaseProcess] = []

    def slow_start(self: BaseProcess) -> None:
        workers.append(self)
        begins.set()
        assert may_go_on.wait(60)
        start(self)

    monkeypatch.setattr(kind, "start", slow_start)
    pool = ProcessPerWorker(1)
    future = pool.submit(select.select, [], [], [], 60)
    assert begins.wait(60)
    pool.kill()
    may_go_on.set()
    assert isinstance(future.exception(), BrokenProcessPool)
    pool.shutdown()
    assert [worker.exitcode for worker in workers] == [-signal.SIGKILL]


def test_work_that_cannot_be_pickled_is_an_error_of_its_future() -> None:
    with Local(workers=1).open() as pool:
        worker = pool.submit(os.getpid).result()
        assert isinstance(pool.submit(lambda: None).exception(), PicklingError | AttributeError)
        assert isinstance(pool.submit(make_what_cannot_be_sent).exception(), Exception)
        error = pool.submit(raise_unwieldy).exception()
        assert str(error) == "UnwieldyError: this: that"
        assert isinstance(pool.submit(sys.exit, 3).exception(), SystemExit)
        assert pool.submit(os.getpid).result() == worker


def test_an_error_of_a_worker_carries_its_traceback() -> None:
    with Local(workers=1).open() as pool:
        error = pool.submit(raise_from_within).exception()
    assert isinstance(error, ZeroDivisionError)
    assert any("in raise_from_within" in note for note in error.__notes__)


def test_a_killed_host_leaks_no_semaphores() -> None:
    host = subprocess.run([sys.executable, "-c", KILLED_HOST], capture_output=True, text=True, timeout=120)
    assert host.returncode == -signal.SIGKILL
    assert host.stderr == ""  # no leaked semaphores, say


def test_workers_end_with_a_parent_that_is_killed() -> None:
    parent = subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    worker = int(parent.stdout.readline())
    parent.kill()
    try:
        # The worker holds the other end of this pipe, too: it is closed when both are gone.
        parent.communicate(timeout=30)
    except subprocess.TimeoutExpired:
        os.kill(worker, signal.SIGKILL)
        parent.communicate()
        pytest.fail("the worker outlived its parent by half a minute")
    assert parent.returncode == -signal.SIGKILL
