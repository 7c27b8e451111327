"""Imports large libraries quickly, and without interruption."""

import gc
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from sinegan.app.interrupts import SignalHandler
from sinegan.sweep.fork_server import STOP_SIGNALS


@contextmanager
def importing() -> Iterator[None]:
    """Within this context, the garbage collector is off, and signals to stop wait until it ends.

    Imported modules are never freed, so the collector need not search them: neither now, nor at the end of
    the process, nor in processes that are forked from it. A library whose import was interrupted cannot
    always be imported again, and after an interrupt there is still a report to make.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        with _signals_held_back():
            yield
    finally:
        gc.freeze()
        if enabled:
            gc.enable()


@contextmanager
def _signals_held_back() -> Iterator[None]:
    """Delays signals to stop until the block ends."""
    if threading.current_thread() is not threading.main_thread():  # signals go to the main thread
        yield
        return
    pending: list[int] = []
    handlers = {int(number): signal.getsignal(number) for number in STOP_SIGNALS}
    before = {number: handler for number, handler in handlers.items() if callable(handler)}

    def hold(number: int, _: FrameType | None) -> None:
        if isinstance(handler := before[number], SignalHandler):
            handler.announce()
        pending.append(number)

    for number in before:
        signal.signal(number, hold)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if pending:
        signal.raise_signal(pending[0])
