"""Local workers are forked from one server that has imported their libraries."""

import os
import subprocess
import sys

import pytest
from helpers_for_workers import loaded_modules

from sinegan.sweep import fork_server
from sinegan.sweep.executors import Local

pytestmark = pytest.mark.skipif(not fork_server.AVAILABLE, reason="this system has no fork server")

NEW_PROCESS = """
import os, signal
from concurrent.futures import BrokenExecutor
from sinegan.sweep import fork_server
from sinegan.sweep.executors import Local

fork_server.start()
with Local(workers=1).open() as pool:
    server = pool.submit(os.getppid).result()
    blocked = pool.submit(signal.pthread_sigmask, signal.SIG_BLOCK, []).result()
    print(server != os.getpid(), sorted(blocked) == [signal.SIGHUP, signal.SIGINT])
    print(signal.pthread_sigmask(signal.SIG_BLOCK, []))
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM):
        os.kill(server, number)
    print(pool.submit(os.getppid).result() == server)
    from multiprocessing import resource_tracker
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM):
        os.kill(resource_tracker._resource_tracker._pid, number)
with Local(workers=1).open() as pool:
    print(pool.submit(os.getppid).result() == server)
    worker = pool.submit(os.getpid).result()
    for number in (signal.SIGINT, signal.SIGHUP):
        os.kill(worker, number)
    print(pool.submit(os.getpid).result() == worker)
    try:
        pool.submit(signal.raise_signal, signal.SIGTERM).result()
    except BrokenExecutor:
        print("ended")
"""


def test_workers_are_forked_from_one_server_with_loaded_libraries() -> None:
    with Local(workers=2).open() as first, Local(workers=1).open() as second:
        servers = {pool.submit(os.getppid).result() for pool in (first, second)}
        assert len(servers) == 1
        assert os.getpid() not in servers
        assert {"torch", "pandas", "sinegan.sweep.worker"} <= first.submit(loaded_modules).result()


def test_workers_have_the_current_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    fork_server.start()
    monkeypatch.setenv("SINEGAN_TEST", "later")
    monkeypatch.delenv("HOME")
    with Local(workers=1).open() as pool:
        assert pool.submit(os.getenv, "SINEGAN_TEST").result() == "later"
        assert pool.submit(os.getenv, "HOME").result() is None


def test_the_fork_server_and_its_workers_survive_signals() -> None:
    done = subprocess.run([sys.executable, "-c", NEW_PROCESS], capture_output=True, text=True)
    assert done.stderr == ""
    assert done.stdout.splitlines() == ["True True", "set()", "True", "True", "True", "ended"]


def test_without_a_server_workers_are_spawned(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fork_server, "AVAILABLE", False)
    fork_server.start()
    with Local(workers=1).open() as pool:
        assert pool.submit(os.getppid).result() == os.getpid()
