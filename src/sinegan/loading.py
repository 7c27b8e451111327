"""Loading large libraries quickly, and whole."""

import gc
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def loading() -> Iterator[None]:
    """Around imports: no garbage is looked for, and an interrupt waits for their end.

    What is loaded stays, so the garbage collector need not look through it: neither now nor at the end
    of the process, nor in those that are forked from it. What is half loaded cannot always be loaded
    again, and after an interrupt there is still a report to make.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        with _undisturbed():
            yield
    finally:
        gc.freeze()
        if enabled:
            gc.enable()


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Holds an interrupt back until the block ends."""
    if threading.current_thread() is not threading.main_thread():  # it gets none
        yield
        return
    held: list[Any] = []
    before = signal.signal(signal.SIGINT, lambda *received: held.append(received))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
    if held:
        signal.raise_signal(signal.SIGINT)
