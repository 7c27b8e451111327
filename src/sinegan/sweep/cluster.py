"""Executors for more than one machine: the workers of Dask, or jobs of a Slurm cluster.

Dask is imported late: it is an extra, and most sweeps do not need it.
"""

import getpass
import importlib.util
import logging
import math
import re
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Executor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sinegan.schema import bounded, short_text
from sinegan.sweep.executors import ExecutorError, ExecutorSettings, Local, too_many_workers

log = logging.getLogger(__name__)

SECONDS_TO_CONNECT = 10
"""The time within which a given scheduler must answer and have a worker."""

SECONDS_BETWEEN_CHECKS = 1.0
"""The time between two checks, while there is no worker yet, whether Slurm still has jobs."""

SECONDS_BETWEEN_RESUBMISSIONS = 10.0
"""The time between two checks for jobs that have ended, which are submitted again."""

SETTINGS = {
    # The scheduler of shards retries the work of a dead worker itself, from its last part.
    "distributed.scheduler.allowed-failures": 0,
    # A dead worker may start again within this time before it is given up.
    "distributed.deploy.lost-worker-timeout": "30s",
}

MEMORY = re.compile(r"(\d{1,15}(?:\.\d{1,15})?) ?([kMGT])(i?)B")
LEAST_MEMORY, MOST_MEMORY = 500e6, 100e12
"""In bytes. A worker that has loaded PyTorch takes more than a third of a gigabyte before it trains."""

NO_DASHBOARD = {"dashboard": False, "dashboard_address": "127.0.0.1:0"}
"""Dask always opens a port for the dashboard; any free port avoids a warning."""


class _OnDask(ExecutorSettings):
    @property
    def deaths(self) -> tuple[type[BaseException], ...]:
        from distributed.scheduler import KilledWorker

        return (KilledWorker,)


@dataclass(frozen=True, kw_only=True)
class Dask(_OnDask):
    """Workers of Dask, one thread each."""

    address: str | None = None
    """A running scheduler, tcp://host:port; null to start workers on this machine."""
    workers: int | None = bounded(None, at_least=1)
    """Processes to start on this machine; null for as many as there are cores."""

    def conflicts(self) -> Iterator[str]:
        yield from _missing_extra(self, "dask", "distributed")
        if self.address is not None and not re.fullmatch(r"tcp://\S+:\d+", self.address):
            yield f"address = {self.address}: must be null or like tcp://host:8786"
        if self.address is not None and self.workers is not None:
            yield f"workers = {self.workers}: the scheduler at {self.address} has its own; must be null"
        else:
            yield from too_many_workers(self.workers)

    @property
    def memory_each(self) -> float | None:
        return None if self.address is None else math.inf

    @property
    def worker_count(self) -> int:
        """The number of workers. Raises ExecutorError when a given scheduler has none."""
        if self.address is None:
            return Local(workers=self.workers).worker_count
        with _configured(), _client_of(self.address) as client:
            return len(client.nthreads())

    @contextmanager
    def open(self) -> Iterator[Executor]:
        """Raises ExecutorError when the given scheduler or its workers cannot be used."""
        with ExitStack() as stack:
            stack.enter_context(_configured())
            if self.address is None:
                client = stack.enter_context(_connected(stack.enter_context(self._started())))
            else:
                client = stack.enter_context(_client_of(self.address))
            yield client.get_executor(pure=False)

    def _started(self) -> Any:
        from distributed import LocalCluster

        return LocalCluster(  # type: ignore[no-untyped-call]
            n_workers=self.worker_count,
            threads_per_worker=1,
            memory_limit=0,
            scheduler_kwargs=NO_DASHBOARD,
            silence_logs=logging.CRITICAL,
            preload=["sinegan.sweep.cluster"],
        )


@dataclass(frozen=True, kw_only=True)
class Slurm(_OnDask):
    """Jobs of a Slurm cluster: a worker with one core each."""

    workers: int = bounded(4, at_least=1, at_most=10_000)
    """Jobs at the same time; a job that ends, by its walltime or otherwise, is submitted again."""
    memory: str = "2GB"
    """Memory of a job."""
    walltime: str = "01:00:00"
    """The time after which Slurm ends a job; another job resumes its shard from the last part."""
    partition: str | None = None
    account: str | None = None
    directives: tuple[str, ...] = ()
    """More #SBATCH options, e.g. --qos=long."""
    prologue: tuple[str, ...] = ()
    """Shell commands at the start of a job, e.g. module load gcc."""
    interface: str | None = None
    """The network interface by which the nodes reach one another, e.g. ib0."""
    logs: str = "outputs/slurm"
    """The folder for the output of the jobs."""

    def conflicts(self) -> Iterator[str]:
        yield from _missing_extra(self, "slurm", "dask_jobqueue")
        if not MEMORY.fullmatch(self.memory):
            yield f"memory = {short_text(self.memory)}: must be like 2GB"
        elif not LEAST_MEMORY <= self.memory_each <= MOST_MEMORY:
            yield f"memory = {self.memory}: must be at least 500MB and at most 100TB"
        if not re.fullmatch(r"(\d+-)?\d+(:\d+){0,2}", self.walltime):
            yield f"walltime = {self.walltime}: must be like 01:00:00 or 2-12:00:00"

    @property
    def memory_each(self) -> float:
        number, unit, binary = MEMORY.fullmatch(self.memory).groups()  # type: ignore[union-attr]
        return float(number) * float(1024 if binary else 1000) ** (1 + "kMGT".index(unit))

    @property
    def worker_count(self) -> int:
        return self.workers

    @contextmanager
    def open(self) -> Iterator[Executor]:
        """Waits for the first worker. Raises ExecutorError when Slurm is missing or refuses the jobs."""
        if shutil.which("sbatch") is None:
            raise ExecutorError(
                "executor=slurm: there is no sbatch here; run this where jobs are submitted from"
            )
        with _configured(), self._started() as cluster, _connected(cluster) as client:
            # Dask does not replace a job that was refused or that ended before it had a worker.
            script = cluster.job_script().replace("dummy-name", "$SLURM_JOB_ID")
            with _submitted(script, self.workers) as jobs:
                log.info(
                    "%d jobs are with Slurm, which starts them when it has room (squeue --me)", len(jobs)
                )
                self._wait_for_a_worker(jobs, client)
                with _kept_submitted(script, jobs):
                    yield client.get_executor(pure=False)

    def _started(self) -> Any:
        from dask_jobqueue.slurm import SLURMCluster

        try:
            return SLURMCluster(
                cores=1,
                processes=1,
                memory=self.memory,
                walltime=self.walltime,
                queue=self.partition,
                account=self.account,
                interface=self.interface,
                job_name="sinegan",
                job_extra_directives=list(self.directives),
                job_script_prologue=list(self.prologue),
                worker_extra_args=["--no-dashboard"],
                log_directory=str(Path(self.logs).absolute()),
                silence_logs=logging.CRITICAL,
                scheduler_options=NO_DASHBOARD,
            )
        except RuntimeError as error:
            raise ExecutorError(f"executor=slurm: {error}") from error

    def _wait_for_a_worker(self, jobs: list[str], client: Any) -> None:
        while not client.nthreads():
            time.sleep(SECONDS_BETWEEN_CHECKS)
            if len(_ended(jobs)) == len(jobs) and not client.nthreads():
                raise ExecutorError(
                    f"executor=slurm: the jobs ended and no worker came; {self.logs} has what they printed"
                )


@contextmanager
def _submitted(script: str, count: int) -> Iterator[list[str]]:
    """Submits jobs; yields the list of their ids. The jobs in the list at the end are cancelled."""
    jobs: list[str] = []
    try:
        jobs.extend(_submit(script) for _ in range(count))
        yield jobs
    finally:
        subprocess.run(["scancel", *jobs], capture_output=True, check=False)


@contextmanager
def _kept_submitted(script: str, jobs: list[str]) -> Iterator[None]:
    """In its block, submits jobs in place of those that have ended."""
    over = threading.Event()

    def replace() -> None:
        while not over.wait(SECONDS_BETWEEN_RESUBMISSIONS):
            for job in _ended(jobs):
                # When Slurm does not answer, the next check tries again.
                with suppress(ExecutorError):
                    jobs[jobs.index(job)] = _submit(script)

    thread = threading.Thread(target=replace, name="replaces jobs")
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _submit(script: str) -> str:
    """Submits a job; returns its id. Raises ExecutorError when Slurm refuses it."""
    command = ["sbatch", "--parsable"]
    done = subprocess.run(command, input=script, capture_output=True, text=True, check=False)
    if done.returncode:
        raise ExecutorError(f"executor=slurm: Slurm refuses the jobs: {done.stderr.strip()}")
    return done.stdout.strip().partition(";")[0]


def _ended(jobs: list[str]) -> list[str]:
    """The jobs that neither wait nor run; none when Slurm does not answer."""
    command = ["squeue", "--noheader", "--format=%A", f"--user={getpass.getuser()}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    queued = done.stdout.split()
    return [] if done.returncode else [job for job in jobs if job not in queued]


def dask_setup(_: Any) -> None:
    """Is called by Dask when a worker starts on this machine: leaves Ctrl-C to the main process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


@contextmanager
def _configured() -> Iterator[None]:
    """Configures Dask, and silences its messages: the futures report what matters."""
    import dask
    import distributed  # noqa: F401  # sets its defaults, which must precede ours

    loggers = [logging.getLogger(name) for name in ("distributed", "distributed.client", "tornado")]
    levels = [logger.level for logger in loggers]
    with dask.config.set(SETTINGS):
        for logger in loggers:
            logger.setLevel(logging.CRITICAL)
        try:
            yield
        finally:
            for logger, level in zip(loggers, levels, strict=True):
                logger.setLevel(level)


def _connected(scheduler: Any) -> Any:
    from distributed import Client

    return Client(scheduler, timeout=SECONDS_TO_CONNECT, set_as_default=False)  # type: ignore[no-untyped-call]


@contextmanager
def _client_of(address: str) -> Iterator[Any]:
    """A client of a running scheduler whose workers have one thread each."""
    try:
        unopened = _connected(address)
    except OSError as error:
        raise ExecutorError(
            f"executor.address = {address}: no Dask scheduler answers there; `dask scheduler` starts one "
            "and prints its address"
        ) from error
    remedy = f"start some with `dask worker {address} --nthreads 1`"
    with unopened as client:
        try:
            client.wait_for_workers(1, timeout=SECONDS_TO_CONNECT)
        except TimeoutError as error:
            raise ExecutorError(
                f"executor.address = {address}: this scheduler has no workers; {remedy}"
            ) from error
        if max(client.nthreads().values()) > 1:
            raise ExecutorError(
                f"executor.address = {address}: its workers have several threads, but a shard needs "
                f"a process of its own; {remedy}"
            )
        yield client


def _missing_extra(settings: ExecutorSettings, name: str, module: str) -> Iterator[str]:
    if importlib.util.find_spec(module) is None:
        path = f"{type(settings).__module__}.{type(settings).__qualname__}"
        yield f'_target_ = {path}: executor={name} needs the extra: pip install "sinegan[{name}]"'
