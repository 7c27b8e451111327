"""How a command ends early: at an interrupt, when it is asked to terminate, when its terminal goes."""

import os
import shlex
import shutil
import signal
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
SECONDS_TO_STOP = 10.0
"""Further signals within this time are dropped: they would break off what leaves all files whole."""


class Stopped(KeyboardInterrupt):
    """The command is to end because of a signal; all that makes way for Ctrl-C makes way for it."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number


class Stopping:
    """Raises Stopped at a signal, with a line at once; once, until it is told to look out again."""

    def __init__(self) -> None:
        self._since: float | None = None
        self._announced = False
        self.stopped = False

    def __call__(self, number: int, _: FrameType | None) -> None:
        now = time.monotonic()
        if self._since is not None and now < self._since + SECONDS_TO_STOP:
            return
        self.announce()
        self._since, self._announced, self.stopped = now, False, True
        raise Stopped(number)

    def announce(self) -> None:
        """Says that the command is stopping, once; also while it cannot stop yet."""
        if not self._announced:
            self._announced = True
            _say_at_once("\nstopping…\n")

    def look_out(self) -> None:
        """Stops at the next signal again, however soon it comes."""
        self._since = None


@contextmanager
def stoppable() -> Iterator[Stopping]:
    """Within it, Ctrl-C, SIGTERM and SIGHUP raise Stopped; those that are ignored (nohup) stay so.

    After a stop the signals are dropped until the process has ended.
    """
    stopping = Stopping()
    heard = [number for number in SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]
    before: dict[signal.Signals, Any] = {number: signal.signal(number, stopping) for number in heard}
    try:
        yield stopping
    finally:
        if stopping.stopped:
            for number in heard:
                signal.signal(number, signal.SIG_IGN)
        else:
            for number, handler in before.items():
                signal.signal(number, handler)


def exit_code(stop: KeyboardInterrupt) -> int:
    """The exit code of a command that a signal has ended, as shells have it.

    >>> exit_code(Stopped(15)), exit_code(KeyboardInterrupt())
    (143, 130)
    """
    return 128 + (stop.number if isinstance(stop, Stopped) else int(signal.SIGINT))


def _say_at_once(text: str) -> None:
    """Prints from inside a signal handler, where a buffered stream may be in use."""
    try:
        os.write(1, text.encode())
    except OSError:  # the terminal has gone; what is printed from now on must not fail for that
        with suppress(OSError), open(os.devnull, "w") as nowhere:
            for stream in (1, 2):
                os.dup2(nowhere.fileno(), stream)


def program(typed: Sequence[str], arguments: Sequence[str]) -> list[str]:
    """The first words of a command, before its arguments, as they can be typed again.

    typed: all words that the process was started with (`sys.orig_argv`).

    >>> program(["python3", "-m", "sinegan.main", "-m", "seeds=2,4"], ["-m", "seeds=2,4"])
    ['python3', '-m', 'sinegan.main']
    """
    head = list(typed[: len(typed) - len(arguments)])
    if len(head) < 2 or list(typed[len(head) :]) != list(arguments):  # started in some other way
        return ["python", "-m", "sinegan.main"]
    if head[1].startswith("-"):
        return head
    script = Path(head[1])
    found = shutil.which(script.name)
    on_path = found is not None and os.path.exists(script) and os.path.samefile(found, script)
    return [script.name] if on_path else [str(script)]


def reporting(training: Sequence[str]) -> list[str]:
    """The first words of the command that makes reports, with the Python of the one that trains.

    >>> reporting(["/x/python", "-m", "sinegan.main"]), reporting(["sinegan"])
    (['/x/python', '-m', 'sinegan.report'], ['python', '-m', 'sinegan.report'])
    """
    by_module = list(training[-2:]) == ["-m", "sinegan.main"]
    return [*(training[:-2] if by_module else ["python"]), "-m", "sinegan.report"]


@dataclass(frozen=True)
class Typed:
    """A command as it was typed: its program, all its arguments, and those of them that name a folder."""

    program: Sequence[str]
    arguments: Sequence[str]
    naming: Sequence[str] = ()

    def going_on(self, folder: Path) -> str:
        """The command, ready for a shell, that goes on with what is in a folder.

        >>> Typed(["sinegan"], ["-m", "seeds=2", "resume=a"], ["resume=a"]).going_on(Path("my a"))
        "sinegan -m seeds=2 'resume=my a'"
        """
        kept = [word for word in self.arguments if word not in self.naming]
        return shlex.join([*self.program, *kept, f"resume={folder}"])
