"""A signal ends a command with a line at once, whole files, and the command that resumes it."""

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


def run_script(body: str, *, ignored: bool = False) -> subprocess.CompletedProcess[str]:
    """Runs Python code in a separate process that sends signals to itself."""
    lines = [
        "import os, signal, sys, time",
        "from sinegan.app.interrupts import *",
        "from sinegan.app.imports import importing",
    ]
    lines += ["signal.signal(signal.SIGHUP, signal.SIG_IGN)"] if ignored else []
    command = [sys.executable, "-c", "\n".join([*lines, body])]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_prints_a_line_and_sets_its_exit_code(number: signal.Signals) -> None:
    done = run_script(f"""
with interruptible():
    try:
        signal.raise_signal({int(number)})
    except KeyboardInterrupt as stop:
        print("caught", exit_code(stop))
""")
    assert (done.stdout, done.stderr) == (f"\nstopping…\ncaught {128 + number}\n", "")


def test_further_signals_during_the_cleanup_are_ignored() -> None:
    done = run_script("""
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


def test_a_rearmed_signal_interrupts_again() -> None:
    done = run_script("""
with interruptible() as signals:
    for _ in range(2):
        signals.rearm()
        try:
            signal.raise_signal(signal.SIGINT)
        except KeyboardInterrupt:
            print("caught", flush=True)
""")
    assert done.stdout == "\nstopping…\ncaught\n" * 2


def test_an_ignored_signal_stays_ignored() -> None:
    body = "with interruptible():\n    signal.raise_signal(signal.SIGHUP)\n    print('went on')"
    assert run_script(body, ignored=True).stdout == "went on\n"
    assert run_script(body).stdout == "\nstopping…\n"


def test_signal_handlers_are_restored_without_an_interrupt() -> None:
    done = run_script("""
before = [signal.getsignal(number) for number in STOP_SIGNALS]
with interruptible():
    assert [signal.getsignal(number) for number in STOP_SIGNALS] != before
print([signal.getsignal(number) for number in STOP_SIGNALS] == before)
""")
    assert done.stdout == "True\n"


def test_a_signal_while_importing_prints_at_once_and_interrupts_after_the_import() -> None:
    done = run_script("""
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


def test_a_signal_after_the_terminal_has_gone_raises_no_error() -> None:
    done = run_script("""
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
def test_the_resume_command_names_the_program_as_it_was_typed(
    typed: list[str], arguments: list[str], expected: list[str]
) -> None:
    assert program_words(typed, arguments) == expected


def test_the_resume_command_names_a_script_on_the_path_without_its_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = tmp_path / "sinegan"
    script.write_text("#!/bin/sh\n")
    script.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert program_words(["/x/python", str(script), "a=1"], ["a=1"]) == ["sinegan"]


def test_the_resume_command_leaves_out_the_former_folder() -> None:
    words = ["-m", "a='x y'", "hydra.sweep.dir=old", "resume=older"]
    line = TypedCommand(["sinegan"], words, words[2:]).resuming(Path("it's $here"))
    assert shlex.split(line) == ["sinegan", "-m", "a='x y'", "resume=it's $here"]


def start_sweep(
    home: Path, words: Sequence[str], wanted: str = ".progress/*/*.json"
) -> subprocess.Popen[str]:
    """Starts a long sweep and returns its process once a file matches `wanted`."""
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


def output_lines(process: subprocess.Popen[str]) -> list[str]:
    """The lines that a command, its workers and its resource trackers print until the last of them ends."""
    with process:
        return process.communicate(timeout=120)[0].splitlines()


def resume_command(lines: Sequence[str]) -> str:
    place = next(place for place, line in enumerate(lines) if line.endswith("; resume with:"))
    return lines[place + 1].strip()


def assert_clean_interrupt(lines: Sequence[str], folder: Path) -> None:
    """The command printed only its progress and the words of an interrupt."""
    progress = re.compile(r" *\d+ %, .*")
    printed = [line for line in lines if line and not progress.fullmatch(line)]
    assert printed == [
        "stopping…",
        f"Interrupted. The results so far are in {folder}; resume with:",
        f"  {resume_command(lines)}",
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


def test_the_printed_resume_command_of_a_terminated_sweep_can_be_pasted(tmp_path: Path) -> None:
    name = """it's "my" $HOME/a,b=c [1] größe\\"""
    folder = tmp_path / name
    quoted = name.replace("\\", "\\\\").replace("'", "\\'")
    short = ["executor=serial", "seeds=1", "training.evaluate_every=1000"]
    process = start_sweep(tmp_path, [*short, f"hydra.sweep.dir='{quoted}'"])
    os.killpg(process.pid, signal.SIGTERM)
    lines = output_lines(process)
    assert process.returncode == 143
    assert_clean_interrupt(lines, Path(name))
    assert not (folder / "report").exists()  # no run had ended
    assert not [path for path in folder.rglob("*") if path.suffix == ".part" or path.name == ".lock"]
    pasted = resume_command(lines)
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
def test_every_signal_and_executor_prints_the_same_words_at_an_interrupt(
    tmp_path: Path, executor: str, number: signal.Signals, send: Send
) -> None:
    process = start_sweep(tmp_path, [f"executor={executor}", "hydra.sweep.dir=there"])
    send(process.pid, number)
    assert_clean_interrupt(output_lines(process), Path("there"))
    assert process.returncode == 128 + number


@pytest.mark.slow
def test_a_closed_terminal_interrupts_a_sweep_cleanly(tmp_path: Path) -> None:
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
def test_an_interrupted_sweep_with_ended_runs_has_a_table(tmp_path: Path) -> None:
    words = ["executor.workers=2", "hydra.sweep.dir=there", "training.steps=40,1000000", "optim.lr=1e-3"]
    process = start_sweep(tmp_path, words, wanted="0/manifest.json")
    process.send_signal(signal.SIGTERM)
    lines = output_lines(process)
    assert process.returncode == 143
    assert lines[-1] == "Tables and figures: there/report"
    with (tmp_path / "there/report/configurations.csv").open() as file:
        assert next(csv.DictReader(file))["n"] == "4"
