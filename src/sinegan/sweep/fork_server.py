"""The process that local workers are forked from: it has loaded what they need, once for all of them.

It is Python's own fork server, one for each process. It computes nothing and starts no threads of
PyTorch, so forks of it are safe, unlike those of a process that has trained; and it ends when the
processes that use it have ended, however they did.
"""

import multiprocessing
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import forkserver, resource_tracker
from multiprocessing.context import BaseContext

from sinegan.app.interrupts import SIGNALS

LOADED = "sinegan.app.preloaded"

AT_HAND = sys.platform == "linux"
"""Elsewhere libraries of the system may not survive a fork."""


def context() -> BaseContext:
    """How workers come to be: forked from the server, or spawned where there is none."""
    return multiprocessing.get_context("forkserver" if AT_HAND else "spawn")


def start() -> None:
    """Starts the server unless it runs. It loads while this process goes on."""
    if not AT_HAND:
        return
    start_tracker()
    forkserver.set_forkserver_preload([LOADED])
    with _signals_blocked():  # the server would show a traceback while it loads
        forkserver.ensure_running()


def start_tracker() -> None:
    """Starts Python's tracker of semaphores, so that it outlives a signal to all processes of a command.

    If it died of a closed terminal, the semaphores that this process gives back would be unknown to its
    successor, which complains.
    """
    with _signals_blocked():
        resource_tracker.ensure_running()


@contextmanager
def _signals_blocked() -> Iterator[None]:
    """A process that is started within it inherits that: what signals ask for is up to this process."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
