"""Clusters: the death of a worker costs one shard, and no process is left behind."""

import contextlib
import dataclasses
import importlib.util
import json
import logging
import math
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, Executor
from operator import truediv
from pathlib import Path
from typing import Any

import psutil
import pytest
import yaml
from distributed import Client, LocalCluster
from helpers_for_workers import announce_and_sleep_for_a_minute

from sinegan.app.conf_folder import conf_folder
from sinegan.schema import build
from sinegan.sweep import cluster
from sinegan.sweep.cluster import Dask, Slurm
from sinegan.sweep.executors import ExecutorError, ExecutorSettings, Local

# To be run one after the other: Slurm has no more cores than one of them asks for, and they count its jobs.
pytestmark = pytest.mark.slow

SWEEP = ["-m", "optim.lr=1e-4,3e-3", "network=tiny", "training.compile=never"]
SWEEP += ["training.steps=300", "training.evaluate_every=25"]
SWEEP += ["training.batch_size=4", "training.evaluation_samples=8"]

FIXED = ["seeds=4"]
DECIDE = ["optim.lr=1e-4,1.02e-4", "decide.first=3", "decide.most=5", "decide.margin=1e-6"]
"""The same sweep of two rates that are hard to tell apart, with a second look."""

DIE = "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"

PARENT = """
import os, signal
from sinegan.sweep.cluster import Dask

with Dask(workers=1).open() as pool:
    print(pool.submit(os.getpid).result(), flush=True)
    pool.submit(signal.pause).result()
"""


def until(condition: Callable[[], Any], what: str, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"no {what} after {seconds} s"
        time.sleep(0.05)


def workers_of(parent: psutil.Process) -> list[psutil.Process]:
    """The processes spawned from a process, without Python's resource tracker."""
    return [child for child in parent.children(recursive=True) if "spawn_main" in " ".join(child.cmdline())]


class Pipe:
    """A named pipe that holds a worker until this process writes, or reports that a worker is at work."""

    def __init__(self, path: Path) -> None:
        os.mkfifo(path)
        self.path = path

    def wait_for_worker(self) -> None:
        reader = os.open(self.path, os.O_RDONLY | os.O_NONBLOCK)
        try:
            assert select.select([reader], [], [], 60)[0], "no worker came to work"
        finally:
            os.close(reader)


@pytest.fixture(autouse=True, scope="module")
def _taken_port() -> Iterator[None]:
    """Occupies the port of Dask's dashboard; no test may warn of that."""
    with contextlib.ExitStack() as stack:
        with contextlib.suppress(OSError):
            stack.enter_context(socket.create_server(("", 8787)))
        yield


@pytest.fixture
def pipe(tmp_path: Path) -> Pipe:
    return Pipe(tmp_path / "pipe")


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shortens the timeouts."""
    monkeypatch.setattr(cluster, "SECONDS_TO_CONNECT", 2)
    monkeypatch.setattr(cluster, "SECONDS_BETWEEN_RESUBMISSIONS", 1)
    monkeypatch.setitem(cluster.SETTINGS, "distributed.deploy.lost-worker-timeout", "1s")


@contextlib.contextmanager
def scheduler(folder: Path, workers: int) -> Iterator[tuple[str, "subprocess.Popen[bytes]"]]:
    """Starts a scheduler with workers as a user would, in a separate folder; gives address and process."""
    common = ["--scheduler-file", "scheduler.json", "--no-dashboard"]
    commands = [["distributed.cli.dask_scheduler", *common, "--port", "0", "--host", "127.0.0.1"]]
    commands += [["distributed.cli.dask_worker", *common, "--nthreads", "1"]] * workers
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parent)}
    with (folder / "log").open("w") as log:
        processes = [
            subprocess.Popen(
                [sys.executable, "-m", *command],
                cwd=folder,
                env=environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
            for command in commands
        ]
    file = folder / "scheduler.json"
    try:
        until(lambda: file.exists() and file.read_text().endswith("}"), "scheduler")
        address: str = json.loads(file.read_text())["address"]
        until(lambda: Dask(address=address).worker_count == workers, "workers")
        yield address, processes[0]
    finally:
        for process in processes:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a scheduler with two workers."""
    with scheduler(tmp_path_factory.mktemp("scheduler"), workers=2) as (found, _):
        yield found


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"_target_": "Dask", "workers": 0}, "executor.workers = 0: must be a whole number at least 1"),
        (
            {"_target_": "Dask", "address": "there:8786"},
            "executor.address = there:8786: must be null or like tcp://host:8786",
        ),
        (
            {"_target_": "Dask", "address": "tcp://there:8786", "workers": 2},
            "executor.workers = 2: the scheduler at tcp://there:8786 has its own; must be null",
        ),
        ({"_target_": "Slurm", "memory": "much"}, "executor.memory = much: must be like 2GB"),
        ({"_target_": "Slurm", "memory": "2"}, "executor.memory = 2: must be like 2GB"),
        (
            {"_target_": "Slurm", "memory": "9" * 99 + "GB"},
            f"executor.memory = {'9' * 57}...: must be like 2GB",
        ),
        (
            {"_target_": "Slurm", "memory": "0GB"},
            "executor.memory = 0GB: must be at least 500MB and at most 100TB",
        ),
        (
            {"_target_": "Slurm", "memory": "900000TB"},
            "executor.memory = 900000TB: must be at least 500MB and at most 100TB",
        ),
        (
            {"_target_": "Slurm", "workers": 10**6},
            "executor.workers = 1000000: must be a whole number at least 1 and at most 10000",
        ),
        (
            {"_target_": "Slurm", "walltime": "an hour"},
            "executor.walltime = an hour: must be like 01:00:00 or 2-12:00:00",
        ),
    ],
)
def test_invalid_cluster_settings_are_refused(settings: dict[str, Any], problem: str) -> None:
    settings = settings | {"_target_": f"sinegan.sweep.cluster.{settings['_target_']}"}
    assert build(ExecutorSettings, settings, "executor") == (None, [problem])


@pytest.mark.parametrize(
    ("memory", "size"),
    [("2GB", 2e9), ("1.5GiB", 1.5 * 2**30), ("600 MB", 6e8), ("700000kB", 7e8), ("1TiB", 2.0**40)],
)
def test_the_memory_of_a_job_is_read_as_decimal_or_binary(memory: str, size: float) -> None:
    assert Slurm(memory=memory).memory_each == size


def test_workers_on_this_machine_alone_share_its_memory() -> None:
    assert Dask(workers=2).memory_each is None
    assert Dask(address="tcp://10.0.0.1:8786").memory_each == math.inf


@pytest.mark.parametrize(
    "settings",
    [
        Dask(),
        Dask(workers=3),
        Dask(address="tcp://10.0.0.1:8786"),
        Slurm(walltime="2-12:00:00", memory="1.5GiB", directives=("--qos=long",)),
        Slurm(workers=300, walltime="90", prologue=("module load gcc",), partition="main"),
    ],
)
def test_valid_cluster_settings_are_accepted(settings: ExecutorSettings) -> None:
    target = f"sinegan.sweep.cluster.{type(settings).__name__}"
    values = {"_target_": target} | dataclasses.asdict(settings)  # type: ignore[call-overload]
    assert build(ExecutorSettings, values, "executor") == (settings, [])


@pytest.mark.parametrize(("name", "module"), [("dask", "distributed"), ("slurm", "dask_jobqueue")])
def test_without_its_extra_an_executor_is_refused_with_the_remedy(
    monkeypatch: pytest.MonkeyPatch, name: str, module: str
) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda wanted: None if wanted == module else find(wanted)
    )
    values = yaml.safe_load((conf_folder() / f"executor/{name}.yaml").read_text())
    built, (problem,) = build(ExecutorSettings, values, "executor")
    assert built is None
    assert problem.endswith(f'executor={name} needs the extra: pip install "sinegan[{name}]"')


def test_dask_is_not_imported_before_it_is_needed() -> None:
    code = (
        "import sys, sinegan.sweep.cluster; sys.exit('distributed' in sys.modules or 'dask' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("settings", [Dask(), Slurm()])
def test_the_yaml_files_of_executors_name_every_setting_with_its_default(settings: ExecutorSettings) -> None:
    name = type(settings).__name__
    values = yaml.safe_load((conf_folder() / f"executor/{name.lower()}.yaml").read_text())
    assert values.keys() - {"_target_"} == {
        field.name
        for field in dataclasses.fields(settings)  # type: ignore[arg-type]
    }
    assert build(ExecutorSettings, values, "executor") == (settings, [])


def test_worker_count_is_the_requested_number_of_cluster_workers() -> None:
    assert Dask(workers=3).worker_count == 3
    assert Dask().worker_count == Local().worker_count
    assert Slurm(workers=7).worker_count == 7


def assert_death_is_reported(settings: ExecutorSettings, pool: Executor) -> None:
    """Kills one of two workers by a call and checks the error, while the other computes."""
    before = [pool.submit(truediv, 6, 2) for _ in range(3)]
    assert [call.result(60) for call in before] == [3] * 3
    assert isinstance(pool.submit(exec, DIE).exception(60), settings.deaths)
    assert pool.submit(truediv, 6, 2).result(60) == 3
    assert isinstance(pool.submit(truediv, 1, 0).exception(60), ZeroDivisionError)


def test_the_death_of_a_local_dask_worker_is_reported_and_leaves_nothing() -> None:
    settings = Dask(workers=2)
    with settings.open() as pool:
        assert_death_is_reported(settings, pool)
        until(lambda: len(workers_of(psutil.Process())) == 2, "new worker")
    assert workers_of(psutil.Process()) == []


def test_an_error_in_the_main_process_ends_the_workers_in_their_work(pipe: Pipe) -> None:
    def fail_while_a_worker_is_at_work() -> None:
        with Dask(workers=1).open() as pool:
            pool.submit(announce_and_sleep_for_a_minute, pipe.path)
            pipe.wait_for_worker()
            raise RuntimeError("enough")

    with pytest.raises(RuntimeError, match="enough"):
        fail_while_a_worker_is_at_work()
    assert workers_of(psutil.Process()) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_local_dask_workers_end_with_their_parent(number: signal.Signals) -> None:
    command = [sys.executable, "-c", PARENT]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as parent:
        assert parent.stdout is not None
        parent.stdout.readline()
        workers = workers_of(psutil.Process(parent.pid))
        assert len(workers) == 1
        if number == signal.SIGINT:  # as from a keyboard: to all of them
            os.killpg(parent.pid, number)
            errors = parent.communicate(timeout=60)[1]
            # Of the parent, and of no worker.
            assert errors.count("Traceback") == 1
        else:
            parent.kill()
        assert psutil.wait_procs(workers, timeout=30)[1] == []


def test_the_death_of_a_worker_of_a_given_scheduler_is_reported(address: str) -> None:
    settings = Dask(address=address)
    until(lambda: settings.worker_count == 2, "two workers")
    with settings.open() as pool:
        assert pool.submit(os.getcwd).result(60) != os.getcwd()
        assert_death_is_reported(settings, pool)
    until(lambda: settings.worker_count == 2, "two workers")


@pytest.mark.usefixtures("quick")
def test_an_address_without_a_scheduler_is_refused_with_a_remedy() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"tcp://127.0.0.1:{server.getsockname()[1]}"
    with pytest.raises(ExecutorError, match=f"{address}: no Dask scheduler answers there; `dask scheduler`"):
        _ = Dask(address=address).worker_count
    with pytest.raises(ExecutorError, match="no Dask scheduler"), Dask(address=address).open():
        pass


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize(
    ("workers", "threads", "message"), [(0, 1, "has no workers"), (1, 2, "its workers have several threads")]
)
def test_a_scheduler_with_unsuitable_workers_is_refused_with_a_remedy(
    workers: int, threads: int, message: str
) -> None:
    with LocalCluster(
        n_workers=workers, threads_per_worker=threads, dashboard_address=":0", silence_logs=logging.CRITICAL
    ) as somebodys:
        address = somebodys.scheduler_address
        with pytest.raises(ExecutorError, match=f"{message}.*`dask worker {address} --nthreads 1`"):
            _ = Dask(address=address).worker_count


@pytest.mark.usefixtures("quick")
def test_a_lost_scheduler_is_reported_at_once(tmp_path: Path, pipe: Pipe) -> None:
    with scheduler(tmp_path, workers=1) as (address, process), Dask(address=address).open() as pool:
        future = pool.submit(announce_and_sleep_for_a_minute, pipe.path)
        pipe.wait_for_worker()
        process.kill()
        with pytest.raises(CancelledError):
            future.result(60)


# The whole command, as a user types it.


@dataclasses.dataclass(frozen=True)
class Sweep:
    histories: list[bytes]
    printed: str


def start(home: Path, *arguments: str) -> "subprocess.Popen[str]":
    home.mkdir(exist_ok=True)
    design = DECIDE if "decide=best" in arguments else FIXED
    return subprocess.Popen(
        [sys.executable, "-m", "sinegan.main", *SWEEP, *design, *arguments],
        cwd=home,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(home: Path, process: "subprocess.Popen[str]", seeds: int = 4) -> Sweep:
    printed, errors = process.communicate(timeout=240)
    assert (process.returncode, errors) == (0, ""), errors
    (folder,) = home.glob("outputs/sweeps/*/*")
    rows = [len((folder / name / "runs.csv").read_text().splitlines()) for name in "01"]
    assert rows == [seeds + 1, seeds + 1]
    return Sweep([(folder / name / "history.csv").read_bytes() for name in "01"], printed)


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> Sweep:
    home = tmp_path_factory.mktemp("serial")
    return finish(home, start(home, "executor=serial"))


@pytest.fixture(scope="module")
def decided(tmp_path_factory: pytest.TempPathFactory) -> Sweep:
    home = tmp_path_factory.mktemp("decided")
    return finish(home, start(home, "decide=best", "executor=serial"), seeds=5)


def test_a_sweep_whose_worker_is_killed_ends_with_the_same_bytes(tmp_path: Path, expected: Sweep) -> None:
    with start(tmp_path, "executor=dask", "executor.workers=2") as process:
        until(lambda: list(tmp_path.glob("outputs/sweeps/*/*/.progress/*/*.json")), "worker at work")
        workers = workers_of(psutil.Process(process.pid))
        assert len(workers) == 2
        workers[0].kill()
        assert finish(tmp_path, process).histories == expected.histories


def test_a_sweep_at_a_given_scheduler_has_the_same_bytes(
    tmp_path: Path, address: str, expected: Sweep
) -> None:
    until(lambda: Dask(address=address).worker_count == 2, "two workers")
    with start(tmp_path, "executor=dask", f"executor.address={address}") as process:
        assert finish(tmp_path, process).histories == expected.histories


def test_a_decided_sweep_at_a_given_scheduler_has_the_same_bytes(
    tmp_path: Path, address: str, decided: Sweep
) -> None:
    until(lambda: Dask(address=address).worker_count == 2, "two workers")
    with start(tmp_path, "decide=best", "executor=dask", f"executor.address={address}") as process:
        assert finish(tmp_path, process, seeds=5).histories == decided.histories


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_a_given_scheduler_is_idle_after_the_command_has_ended(
    tmp_path: Path, address: str, number: signal.Signals
) -> None:
    until(lambda: Dask(address=address).worker_count == 2, "two workers")
    endless = ["executor=dask", f"executor.address={address}", "training.steps=1000000"]
    with start(tmp_path, *endless) as process, Client(address, set_as_default=False) as client:
        until(lambda: all(client.processing().values()), "workers at work")
        process.send_signal(number)
        process.communicate(timeout=60)
        (folder,) = tmp_path.glob("outputs/sweeps/*/*")
        if number == signal.SIGKILL:  # the next command on the folder ends what the killed one left
            shutil.rmtree(folder / ".progress")
        at_work = lambda dask_worker: dask_worker.state.executing_count  # noqa: E731
        until(lambda: not any(client.run(at_work).values()), "end of the work")


def test_an_address_without_a_scheduler_is_refused_before_anything_trains(tmp_path: Path) -> None:
    with start(tmp_path, "executor=dask", "executor.address=tcp://127.0.0.1:9") as process:
        errors = process.communicate(timeout=120)[1]
    assert process.returncode == 1
    assert "executor.address = tcp://127.0.0.1:9: no Dask scheduler answers there" in errors
    assert "Traceback" not in errors
    assert not list(tmp_path.glob("outputs/sweeps/*/*/*/parts"))


# A real Slurm.


def why_no_slurm() -> str:
    """The reason why Slurm cannot be tested; empty when it can."""
    if shutil.which("sinfo") is None:
        return "no Slurm here: sinfo is not installed (as root, .ci/slurm installs and starts one)"
    try:
        command = ["sinfo", "--noheader", "--format=%T"]
        asked = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    except subprocess.TimeoutExpired:
        return "Slurm does not answer: sinfo said nothing for 30 s"
    if asked.returncode:
        return f"Slurm does not answer: {asked.stderr.strip()}"
    up = {"idle", "mixed", "allocated"} & set(asked.stdout.split())
    return "" if up else f"Slurm has no node that is up: {asked.stdout.strip()}"


NO_SLURM = why_no_slurm()
with_slurm = pytest.mark.skipif(bool(NO_SLURM), reason=NO_SLURM)
JOBS = Slurm(workers=2, memory="1GB", walltime="00:10:00")


def jobs() -> list[str]:
    command = ["squeue", "--me", "--noheader", "--format=%A", "--name=sinegan"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()


@pytest.fixture
def slurm(tmp_path: Path, quick: None) -> Slurm:  # noqa: ARG001
    prologue = (f"export PYTHONPATH={Path(__file__).parent}",)
    return dataclasses.replace(JOBS, logs=str(tmp_path / "logs"), prologue=prologue)


@with_slurm
def test_a_sweep_on_slurm_has_the_same_bytes(tmp_path: Path, expected: Sweep) -> None:
    overrides = ["executor=slurm", "executor.workers=2", "executor.memory=1GB", "executor.walltime=00:10:00"]
    with start(tmp_path, *overrides) as process:
        sweep = finish(tmp_path, process)
    assert sweep.histories == expected.histories
    assert "2 jobs are with Slurm" in sweep.printed
    assert list(tmp_path.glob("outputs/slurm/sinegan-*.err"))
    until(lambda: not jobs(), "end of the jobs", 30)


@with_slurm
def test_a_decided_sweep_on_slurm_has_the_same_bytes(tmp_path: Path, decided: Sweep) -> None:
    overrides = ["executor=slurm", "executor.workers=2", "executor.memory=1GB", "executor.walltime=00:10:00"]
    with start(tmp_path, "decide=best", *overrides) as process:
        assert finish(tmp_path, process, seeds=5).histories == decided.histories
    until(lambda: not jobs(), "end of the jobs", 30)


@with_slurm
def test_a_job_that_slurm_ends_is_submitted_again(slurm: Slurm, pipe: Pipe) -> None:
    with dataclasses.replace(slurm, workers=1).open() as pool:
        future = pool.submit(announce_and_sleep_for_a_minute, pipe.path)
        pipe.wait_for_worker()
        (first,) = jobs()
        subprocess.run(["scancel", first], check=True)
        assert isinstance(future.exception(60), slurm.deaths)
        assert pool.submit(os.getenv, "SLURM_JOB_ID").result(60) not in (None, first)
    until(lambda: not jobs(), "end of the job", 30)


@with_slurm
def test_an_error_in_the_main_process_ends_the_jobs(slurm: Slurm) -> None:
    def fail_while_a_job_is_at_work() -> None:
        with slurm.open() as pool:
            pool.submit(signal.pause)
            until(lambda: len(jobs()) == 2, "jobs")
            raise RuntimeError("enough")

    with pytest.raises(RuntimeError, match="enough"):
        fail_while_a_job_is_at_work()
    until(lambda: not jobs(), "end of the jobs", 30)


@with_slurm
def test_a_slurm_job_that_is_refused_is_submitted_later(
    slurm: Slurm, pipe: Pipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three jobs are submitted: the first, one that Slurm refuses, and the one that is tried after it."""
    path = tmp_path / "bin" / "sbatch"
    path.parent.mkdir()
    path.write_text(f"""#!/bin/sh
        if mkdir {tmp_path}/first || ! mkdir {tmp_path}/refused; then exec {shutil.which("sbatch")} "$@"; fi
        exit 1
    """)
    path.chmod(0o755)
    monkeypatch.setenv("PATH", f"{path.parent}:{os.environ['PATH']}")
    with dataclasses.replace(slurm, workers=1).open() as pool:
        future = pool.submit(announce_and_sleep_for_a_minute, pipe.path)
        pipe.wait_for_worker()
        subprocess.run(["scancel", *jobs()], check=True)
        assert isinstance(future.exception(60), slurm.deaths)
        assert pool.submit(os.getpid).result(60)
    assert (tmp_path / "refused").exists()
    until(lambda: not jobs(), "end of the jobs", 30)


@with_slurm
@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"partition": "nowhere"}, "Slurm refuses the jobs: .*nowhere"),
        ({"directives": ("--nonsense=1",)}, "Slurm refuses the jobs: .*nonsense"),
        ({"interface": "nowhere0"}, "'nowhere0' is not a valid network interface"),
    ],
)
def test_jobs_that_slurm_cannot_take_are_an_error(slurm: Slurm, change: dict[str, Any], message: str) -> None:
    with pytest.raises(ExecutorError, match=message), dataclasses.replace(slurm, **change).open():
        pass
    assert jobs() == []


@with_slurm
def test_jobs_that_bring_no_worker_are_an_error(slurm: Slurm) -> None:
    without = dataclasses.replace(slurm, prologue=("exit 1",))
    with pytest.raises(ExecutorError, match="the jobs ended and no worker came"), without.open():
        pass
    until(lambda: not jobs(), "end of the jobs", 30)


def test_a_missing_slurm_is_reported(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ExecutorError, match="there is no sbatch here"), JOBS.open():
        pass
