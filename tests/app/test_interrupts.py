"""A command that a signal ends: at once a line, files whole, and how to go on, whatever asked for it."""

import contextlib
import csv
import os
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from sinegan.app.interrupts import TypedCommand, program_words

LONG = ["-m", "optim.lr=1e-4,3e-4", "network=tiny", "training.batch_size=4", "training.evaluation_samples=8"]
LONG += ["training.steps=2000", "training.compile=never", "training.evaluate_every=20", "seeds=4"]
COMMAND = [sys.executable, "-m", "sinegan.main"]
Send = Callable[[int, int], None]


def script(body: str, *, ignored: bool = False) -> subprocess.CompletedProcess[str]:
    """A process of its own in which signals are sent and heard."""
    lines = [
        "import os, signal, sys, time",
        "from sinegan.app.interrupts import *",
        "from sinegan.app.imports import importing",
    ]
    lines += ["signal.signal(signal.SIGHUP, signal.SIG_IGN)"] if ignored else []
    command = [sys.executable, "-c", "\n".join([*lines, body])]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_is_answered_at_once_and_ends_the_command_with_its_code(number: signal.Signals) -> None:
    done = script(f"""
with interruptible():
    try:
        signal.raise_signal({int(number)})
    except KeyboardInterrupt as stop:
        print("caught", exit_code(stop))
""")
    assert (done.stdout, done.stderr) == (f"\nstopping…\ncaught {128 + number}\n", "")


def test_further_signals_do_not_disturb_the_cleaning_up() -> None:
    done = script("""
with interruptible():
    try:
        signal.raise_signal(signal.SIGTERM)
    except KeyboardInterrupt as stop:
        for number in STOP_SIGNALS:
            signal.raise_signal(number)
        print("cleaned", stop.number, flush=True)
for number in STOP_SIGNALS:
    signal.raise_signal(number)
print("ended")
""")
    assert (done.stdout, done.stderr, done.returncode) == ("\nstopping…\ncleaned 15\nended\n", "", 0)


def test_a_signal_during_what_comes_after_stops_that_too() -> None:
    done = script("""
with interruptible() as signals:
    for _ in range(2):
        signals.rearm()
        try:
            signal.raise_signal(signal.SIGINT)
        except KeyboardInterrupt:
            print("caught", flush=True)
""")
    assert done.stdout == "\nstopping…\ncaught\n" * 2


def test_a_signal_that_is_ignored_stays_so() -> None:
    body = "with interruptible():\n    signal.raise_signal(signal.SIGHUP)\n    print('went on')"
    assert script(body, ignored=True).stdout == "went on\n"
    assert script(body).stdout == "\nstopping…\n"


def test_a_command_that_no_signal_has_stopped_leaves_the_signals_as_they_were() -> None:
    done = script("""
before = [signal.getsignal(number) for number in STOP_SIGNALS]
with interruptible():
    assert [signal.getsignal(number) for number in STOP_SIGNALS] != before
print([signal.getsignal(number) for number in STOP_SIGNALS] == before)
""")
    assert done.stdout == "True\n"


def test_while_libraries_load_the_line_comes_at_once_and_the_end_afterwards() -> None:
    done = script("""
with interruptible():
    try:
        with importing():
            signal.raise_signal(signal.SIGTERM)
            signal.raise_signal(signal.SIGINT)
            print("loaded", flush=True)
        print("never")
    except KeyboardInterrupt as stop:
        print("caught", exit_code(stop), flush=True)
""")
    assert (done.stdout, done.stderr) == ("\nstopping…\nloaded\ncaught 143\n", "")


def test_a_terminal_that_has_gone_fails_nothing() -> None:
    done = script("""
reading, writing = os.pipe()
os.dup2(writing, 1)
os.close(writing)
os.close(reading)
signal.signal(signal.SIGPIPE, signal.SIG_IGN)
with interruptible():
    try:
        signal.raise_signal(signal.SIGHUP)
    except KeyboardInterrupt as stop:
        print("nobody reads this", flush=True)
        sys.exit(exit_code(stop))
""")
    assert (done.returncode, done.stderr) == (129, "")


@pytest.mark.parametrize(
    ("typed", "arguments", "expected"),
    [
        (["python3", "-m", "sinegan.main", "a=1"], ["a=1"], ["python3", "-m", "sinegan.main"]),
        (
            ["/x/python", "-u", "-X", "dev", "-m", "sinegan.main"],
            [],
            ["/x/python", "-u", "-X", "dev", "-m", "sinegan.main"],
        ),
        (["/x/python", "/nowhere/sinegan", "a=1"], ["a=1"], ["/nowhere/sinegan"]),
        (["/x/python", "-c", "import sinegan.main"], ["a=1"], ["python", "-m", "sinegan.main"]),
    ],
)
def test_the_program_is_named_so_that_it_can_be_typed_again(
    typed: list[str], arguments: list[str], expected: list[str]
) -> None:
    assert program_words(typed, arguments) == expected


def test_a_script_on_the_path_is_named_as_it_was_typed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = tmp_path / "sinegan"
    script.write_text("#!/bin/sh\n")
    script.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert program_words(["/x/python", str(script), "a=1"], ["a=1"]) == ["sinegan"]


def test_what_named_the_folder_before_is_left_out() -> None:
    words = ["-m", "a='x y'", "hydra.sweep.dir=old", "resume=older"]
    line = TypedCommand(["sinegan"], words, words[2:]).resuming(Path("it's $here"))
    assert shlex.split(line) == ["sinegan", "-m", "a='x y'", "resume=it's $here"]


def begun(home: Path, words: Sequence[str], wanted: str = ".progress/*/*.json") -> subprocess.Popen[str]:
    """A sweep that would take long, as soon as a file of that kind is there."""
    process = subprocess.Popen(
        [*COMMAND, *LONG, *words],
        cwd=home,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    while process.poll() is None and not list(home.glob(f"**/{wanted}")):
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=0.1)
    return process


def said(process: subprocess.Popen[str]) -> list[str]:
    """All that a command printed, with what its workers and trackers did until the last of them ended."""
    with process:
        return process.communicate(timeout=120)[0].splitlines()


def command_in(lines: Sequence[str]) -> str:
    place = next(place for place, line in enumerate(lines) if line.endswith("; resume with:"))
    return lines[place + 1].strip()


def assert_clean(lines: Sequence[str], folder: Path) -> None:
    """Nothing was said but what belongs to a stop, and all files are whole."""
    progress = re.compile(r" *\d+ %, .*")
    told = [line for line in lines if line and not progress.fullmatch(line)]
    assert told == [
        "stopping…",
        f"Interrupted. The results so far are in {folder}; resume with:",
        f"  {command_in(lines)}",
    ]


def test_a_command_that_is_interrupted_while_hydra_loads_ends_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text("""
import os, sys

class Gate:  # says that Hydra is about to load, and waits for a line
    def find_spec(self, name, path, target=None):
        if name == "hydra":
            sys.meta_path.remove(self)
            os.write(1, b"loading\\n")
            os.read(0, 1)

sys.meta_path.insert(0, Gate())
""")
    with subprocess.Popen(
        COMMAND,
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(tmp_path)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        assert process.stdout
        assert process.stdout.readline() == "loading\n"
        process.send_signal(signal.SIGINT)
        assert process.stdout.readline() == "\n"
        assert process.stdout.readline() == "stopping…\n"
        rest = process.communicate("\n", timeout=60)[0]
    assert rest == "Interrupted before anything was trained.\n"
    assert process.returncode == 130
    assert [path.name for path in tmp_path.iterdir() if path.name != "__pycache__"] == ["sitecustomize.py"]


def test_a_terminated_command_can_be_pasted_to_go_on(tmp_path: Path) -> None:
    name = """it's "my" $HOME/a,b=c [1] größe\\"""
    folder = tmp_path / name
    quoted = name.replace("\\", "\\\\").replace("'", "\\'")
    short = ["executor=serial", "seeds=1", "training.evaluate_every=1000"]
    process = begun(tmp_path, [*short, f"hydra.sweep.dir='{quoted}'"])
    os.killpg(process.pid, signal.SIGTERM)
    lines = said(process)
    assert process.returncode == 143
    assert_clean(lines, Path(name))
    assert not (folder / "report").exists()  # no run had ended
    assert not [path for path in folder.rglob("*") if path.suffix == ".part" or path.name == ".lock"]
    pasted = command_in(lines)
    assert "hydra.sweep.dir" not in pasted
    done = subprocess.run(pasted, shell=True, cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert (done.returncode, done.stderr) == (0, "")
    with (folder / "report/configurations.csv").open() as file:
        assert [row["n"] for row in csv.DictReader(file)] == ["1", "1"]
    assert [path.name for path in tmp_path.iterdir()] == [Path(name).parts[0]]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("executor", "number", "send"),
    [
        ("local", signal.SIGINT, os.killpg),
        ("local", signal.SIGTERM, os.kill),
        ("local", signal.SIGHUP, os.killpg),
        ("dask", signal.SIGTERM, os.kill),
        ("dask", signal.SIGHUP, os.killpg),
    ],
)
def test_whatever_ends_it_and_whoever_hears_it_the_words_are_the_same(
    tmp_path: Path, executor: str, number: signal.Signals, send: Send
) -> None:
    process = begun(tmp_path, [f"executor={executor}", "hydra.sweep.dir=there"])
    send(process.pid, number)
    assert_clean(said(process), Path("there"))
    assert process.returncode == 128 + number


@pytest.mark.slow
def test_a_closed_terminal_ends_a_sweep_cleanly(tmp_path: Path) -> None:
    terminal, theirs = os.openpty()
    code = "import os, sys; os.login_tty(0); from sinegan.main import main; main()"
    command = [sys.executable, "-c", code, *LONG, "hydra.sweep.dir=there"]
    process = subprocess.Popen(command, cwd=tmp_path, stdin=theirs)
    os.close(theirs)
    while process.poll() is None and not list(tmp_path.glob("there/.progress/*/*.json")):
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=0.1)
    os.close(terminal)
    assert process.wait(timeout=120) == 129
    assert not [path for path in tmp_path.rglob("*") if path.suffix == ".part" or path.name == ".lock"]
    assert not (tmp_path / "there/report").exists()


@pytest.mark.slow
def test_a_table_is_made_when_runs_have_ended(tmp_path: Path) -> None:
    words = ["executor.workers=2", "hydra.sweep.dir=there", "training.steps=40,1000000", "optim.lr=1e-3"]
    process = begun(tmp_path, words, wanted="0/manifest.json")
    process.send_signal(signal.SIGTERM)
    lines = said(process)
    assert process.returncode == 143
    assert lines[-1] == "Tables and figures: there/report"
    with (tmp_path / "there/report/configurations.csv").open() as file:
        assert next(csv.DictReader(file))["n"] == "4"
