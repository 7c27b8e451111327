"""The process that local workers are forked from. It loads what they need, once for all of them.

It is Python's own fork server, and each process has one. The server computes nothing and starts no
PyTorch threads, so it can be forked safely, unlike a process that has trained. It ends when all processes
that use it have ended, in whatever way.
"""

import multiprocessing
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.context import BaseContext

WORKER_MODULE = "sinegan.sweep.worker"
"""The module whose functions the workers run."""

STOP_SIGNALS: tuple[signal.Signals, ...] = tuple(
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
)
"""The signals that ask a command to end; Windows has no SIGHUP."""

AVAILABLE = sys.platform == "linux" and "forkserver" in multiprocessing.get_all_start_methods()
"""On other systems, system libraries may not survive a fork."""


def context() -> BaseContext:
    """The way to start workers: forked from the server, or spawned where there is no server."""
    return multiprocessing.get_context("forkserver" if AVAILABLE else "spawn")


def start(preload: str = WORKER_MODULE) -> None:
    """Starts the server unless it runs; it loads the module `preload` while this process continues."""
    if not AVAILABLE:
        return
    from multiprocessing import forkserver

    start_tracker()
    forkserver.set_forkserver_preload([preload])
    with _signals_blocked():  # a signal while the server loads would print a traceback
        forkserver.ensure_running()


def start_tracker() -> None:
    """Starts Python's semaphore tracker so that it survives a signal to all processes of a command.

    If a closed terminal killed the tracker, its successor would not know the semaphores that this process
    releases, and would complain.
    """
    if not hasattr(signal, "pthread_sigmask"):  # Windows needs no tracker
        return
    from multiprocessing import resource_tracker

    with _signals_blocked():
        resource_tracker.ensure_running()


@contextmanager
def _signals_blocked() -> Iterator[None]:
    """Blocks signals, also in a process that is started within: only this process reacts to them."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
