"""Loading large libraries quickly, and whole."""

import gc
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from sinegan.app.interrupts import SIGNALS, Stopping


@contextmanager
def loading() -> Iterator[None]:
    """Around imports: no garbage is looked for, and a signal to stop waits for their end.

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
    """Holds signals to stop back until the block ends."""
    if threading.current_thread() is not threading.main_thread():  # it gets none
        yield
        return
    held: list[int] = []
    handlers = {int(number): signal.getsignal(number) for number in SIGNALS}
    before = {number: handler for number, handler in handlers.items() if callable(handler)}

    def hold(number: int, _: FrameType | None) -> None:
        if isinstance(handler := before[number], Stopping):
            handler.announce()
        held.append(number)

    for number in before:
        signal.signal(number, hold)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if held:
        signal.raise_signal(held[0])
