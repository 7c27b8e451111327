"""The process that local workers are forked from: it has loaded what they need, once for all of them.

It is Python's own fork server, one for each process. It computes nothing and starts no threads of
PyTorch, so forks of it are safe, unlike those of a process that has trained; and it ends when the
processes that use it have ended, however they did.
"""

import multiprocessing
import signal
import sys
from multiprocessing import forkserver, resource_tracker
from multiprocessing.context import BaseContext

LOADED = "sinegan.sweep.loaded"

AT_HAND = sys.platform == "linux"
"""Elsewhere libraries of the system may not survive a fork."""


def context() -> BaseContext:
    """How workers come to be: forked from the server, or spawned where there is none."""
    return multiprocessing.get_context("forkserver" if AT_HAND else "spawn")


def start() -> None:
    """Starts the server unless it runs. It loads while this process goes on."""
    if not AT_HAND:
        return
    forkserver.set_forkserver_preload([LOADED])
    resource_tracker.ensure_running()  # it would unblock interrupts
    # An interrupt is for this process alone; the server would show a traceback while it loads.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        forkserver.ensure_running()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
