"""How a command ends early: at an interrupt, at a request to terminate, or when its terminal closes."""

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

from sinegan.sweep.fork_server import STOP_SIGNALS

SECONDS_TO_STOP = 10.0
"""Further signals within this time are ignored, so that they do not disturb the cleanup."""


class Interrupted(KeyboardInterrupt):
    """A signal asks the command to end. Code that handles Ctrl-C handles it, too."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number


class SignalHandler:
    """Prints a line and raises Interrupted at the first signal; ignores further ones until it is rearmed."""

    def __init__(self) -> None:
        self._since: float | None = None
        self._announced = False
        self.interrupted = False

    def __call__(self, number: int, _: FrameType | None) -> None:
        now = time.monotonic()
        if self._since is not None and now < self._since + SECONDS_TO_STOP:
            return
        self.announce()
        self._since, self._announced, self.interrupted = now, False, True
        raise Interrupted(number)

    def announce(self) -> None:
        """Prints, once, that the command is stopping; also while it cannot stop yet."""
        if not self._announced:
            self._announced = True
            _print_at_once("\nstopping…\n")

    def rearm(self) -> None:
        """Raises Interrupted again at the next signal, however soon it comes."""
        self._since = None


@contextmanager
def interruptible() -> Iterator[SignalHandler]:
    """In its block, Ctrl-C, SIGTERM and SIGHUP raise Interrupted; ignored signals (nohup) stay ignored.

    After an interrupt, the signals are ignored until the process has ended.
    """
    handler = SignalHandler()
    handled = [number for number in STOP_SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]
    before: dict[signal.Signals, Any] = {number: signal.signal(number, handler) for number in handled}
    try:
        yield handler
    finally:
        if handler.interrupted:
            for number in handled:
                signal.signal(number, signal.SIG_IGN)
        else:
            for number, previous in before.items():
                signal.signal(number, previous)


def exit_code(stop: KeyboardInterrupt) -> int:
    """The exit code of a command that a signal has ended, by the convention of shells.

    >>> exit_code(Interrupted(15)), exit_code(KeyboardInterrupt())
    (143, 130)
    """
    return 128 + (stop.number if isinstance(stop, Interrupted) else int(signal.SIGINT))


def _print_at_once(text: str) -> None:
    """Prints from inside a signal handler, where a buffered stream may be in use."""
    try:
        os.write(1, text.encode())
    except OSError:  # the terminal is closed, and later prints must not fail
        with suppress(OSError), open(os.devnull, "w") as nowhere:
            for stream in (1, 2):
                os.dup2(nowhere.fileno(), stream)


def program_words(command: Sequence[str], arguments: Sequence[str]) -> list[str]:
    """The first words of a command, before its arguments, so that they can be typed again.

    command: all words that the process was started with (`sys.orig_argv`).

    >>> program_words(["python3", "-m", "sinegan.main", "-m", "seeds=2,4"], ["-m", "seeds=2,4"])
    ['python3', '-m', 'sinegan.main']
    """
    head = list(command[: len(command) - len(arguments)])
    if len(head) < 2 or list(command[len(head) :]) != list(arguments):  # started in some other way
        return ["python", "-m", "sinegan.main"]
    if head[1].startswith("-"):
        return head
    script = Path(head[1])
    installed = shutil.which(script.name)
    on_path = installed is not None and os.path.exists(script) and os.path.samefile(installed, script)
    return [script.name] if on_path else [str(script)]


def report_words(program: Sequence[str]) -> list[str]:
    """The first words of the command that makes reports, with the Python of the one that trains.

    program: the first words of the command that trains.

    >>> report_words(["/x/python", "-m", "sinegan.main"]), report_words(["sinegan"])
    (['/x/python', '-m', 'sinegan.report'], ['python', '-m', 'sinegan.report'])
    """
    is_module = list(program[-2:]) == ["-m", "sinegan.main"]
    return [*(program[:-2] if is_module else ["python"]), "-m", "sinegan.report"]


@dataclass(frozen=True)
class TypedCommand:
    """A command as the user typed it.

    program: its first words. arguments: all other words. folder_overrides: the arguments that name a folder.
    """

    program: Sequence[str]
    arguments: Sequence[str]
    folder_overrides: Sequence[str] = ()

    def resuming(self, folder: Path) -> str:
        """The command, ready for a shell, that resumes the work in a folder.

        >>> TypedCommand(["sinegan"], ["-m", "seeds=2", "resume=a"], ["resume=a"]).resuming(Path("my a"))
        "sinegan -m seeds=2 'resume=my a'"
        """
        arguments = [word for word in self.arguments if word not in self.folder_overrides]
        return shlex.join([*self.program, *arguments, f"resume={folder}"])
