"""Where shards run when one machine is not enough: Dask's workers, or jobs of a Slurm cluster.

Dask is imported late: it is an extra, and most sweeps have no use for it.
"""

import asyncio
import getpass
import importlib.util
import logging
import os
import pickle
import re
import shutil
import signal
import subprocess
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any
from uuid import uuid4

from hydra.errors import CompactHydraException

from sinegan.kernels import use_uniform_kernels
from sinegan.schema import bounded
from sinegan.sweep.executors import ExecutorSettings, Local

log = logging.getLogger(__name__)

SECONDS_TO_CONNECT = 10
"""How long a scheduler has to answer."""

SECONDS_BETWEEN_LOOKS = 1.0
"""How often the scheduler is asked which workers there are; the end of a shard is noticed at once."""

SECONDS_WITHOUT_WORKERS = 60.0
"""After so long without any worker it is asked whether the jobs are still with Slurm."""

SECONDS_TO_END = 5
"""How long an abandoned shard's process has to end before it is left to its worker."""

SETTINGS = {
    # One shard at a time is sent to a worker, so none may move, wait behind another or be repeated.
    "distributed.scheduler.allowed-failures": 0,
    "distributed.scheduler.work-stealing": False,
    # A laptop sleeps, a cluster suspends jobs: silence is no death. The connection tells of that.
    "distributed.scheduler.worker-ttl": None,
    # A worker that died has this long to start again in its job, before another job is submitted.
    "distributed.deploy.lost-worker-timeout": "60s",
    "distributed.comm.timeouts.connect": f"{SECONDS_TO_CONNECT}s",
    # Memory here is what a shard needs, not what Dask could move to a disk.
    "distributed.worker.memory.target": False,
    "distributed.worker.memory.spill": False,
    "distributed.worker.memory.pause": False,
    "distributed.worker.profile.enabled": False,
}

NO_DASHBOARD = {"dashboard": False, "dashboard_address": "127.0.0.1:0"}
"""Dask always opens a port for it: any that is free, lest there be a warning."""


class ClusterError(CompactHydraException):
    """The cluster cannot be used: says why, and what to do. Hydra shows it without a traceback."""


class WorkerDiedError(RuntimeError):
    """The worker of this one piece of work has gone; other work is not touched."""


@dataclass(frozen=True, kw_only=True)
class Dask(ExecutorSettings):
    """Workers of Dask, each with one shard at a time."""

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

    @property
    def worker_count(self) -> int:
        """For a given scheduler, the workers that it has now. Raises ClusterError when it has none."""
        if self.address is None:
            return Local(workers=self.workers).worker_count
        with _configured(), _given(self.address) as client:
            return len(client.nthreads())

    @contextmanager
    def open(self) -> Iterator[Executor]:
        """Raises ClusterError when the given scheduler or its workers cannot be used."""
        with ExitStack() as stack:
            stack.enter_context(_configured())
            if self.address is None:
                client = stack.enter_context(_connected(stack.enter_context(self._started())))
            else:
                client = stack.enter_context(_given(self.address))
                _check_workers(client, self.address)
            yield stack.enter_context(_opened(client))

    def _started(self) -> Any:
        return import_module("distributed").LocalCluster(
            n_workers=self.worker_count,
            threads_per_worker=1,
            memory_limit=0,
            scheduler_kwargs=NO_DASHBOARD,
            silence_logs=logging.CRITICAL,
            preload=["sinegan.sweep.cluster"],
        )


@dataclass(frozen=True, kw_only=True)
class Slurm(ExecutorSettings):
    """Jobs of a Slurm cluster: a worker with one core each."""

    workers: int = bounded(4, at_least=1)
    """Jobs at the same time; one that ends, by its walltime or otherwise, is submitted again."""
    memory: str = "2GB"
    """Of a job."""
    walltime: str = "01:00:00"
    """After this Slurm ends a job; its shard goes on in the next from its last part."""
    partition: str | None = None
    account: str | None = None
    directives: tuple[str, ...] = ()
    """More #SBATCH options, e.g. --qos=long."""
    prologue: tuple[str, ...] = ()
    """Shell commands for a job to begin with, e.g. module load gcc."""
    interface: str | None = None
    """The network interface that the nodes see one another by, e.g. ib0."""
    logs: str = "outputs/slurm"
    """The folder for what the jobs print."""

    def conflicts(self) -> Iterator[str]:
        yield from _missing_extra(self, "slurm", "dask_jobqueue")
        if not re.fullmatch(r"\d+(\.\d+)? ?[kMGT]i?B", self.memory):
            yield f"memory = {self.memory}: must be like 2GB"
        if not re.fullmatch(r"(\d+-)?\d+(:\d+){0,2}", self.walltime):
            yield f"walltime = {self.walltime}: must be like 01:00:00 or 2-12:00:00"

    @property
    def worker_count(self) -> int:
        return self.workers

    @contextmanager
    def open(self) -> Iterator[Executor]:
        """Raises ClusterError when Slurm is not there or does not take the jobs."""
        with _configured(), self._started() as cluster, _connected(cluster) as client:
            _check_job(cluster.job_script())
            cluster.scale(self.workers)
            log.info("%d jobs are with Slurm, which starts them when it has room (squeue --me)", self.workers)
            with _opened(client, _Jobs(cluster, self.workers).keep_up) as pool:
                yield pool

    def _started(self) -> Any:
        if shutil.which("sbatch") is None:
            raise ClusterError(
                "executor=slurm: there is no sbatch here; run this where jobs are submitted from"
            )
        exports = [
            f"export DASK_{key.upper().replace('-', '_').replace('.', '__')}={value}"
            for key, value in SETTINGS.items()
            if key.startswith("distributed.worker")
        ]
        try:
            return import_module("dask_jobqueue").SLURMCluster(
                cores=1,
                processes=1,
                memory=self.memory,
                walltime=self.walltime,
                queue=self.partition,
                account=self.account,
                interface=self.interface,
                job_name="sinegan",
                job_extra_directives=list(self.directives),
                job_script_prologue=[*self.prologue, *exports],
                worker_extra_args=["--no-dashboard"],
                log_directory=str(Path(self.logs).absolute()),
                silence_logs=logging.CRITICAL,
                scheduler_options=NO_DASHBOARD,
            )
        except RuntimeError as error:
            raise ClusterError(f"executor=slurm: {error}") from error


def _check_job(script: str) -> None:
    """Raises ClusterError when Slurm would refuse a job; jobs are submitted where nobody would hear of it."""
    command = ["sbatch", "--test-only"]
    asked = subprocess.run(command, input=script, capture_output=True, text=True, check=False)
    if asked.returncode:
        raise ClusterError(f"executor=slurm: Slurm refuses the jobs: {asked.stderr.strip()}")


class _Jobs:
    """Keeps so many jobs with Slurm."""

    def __init__(self, cluster: Any, number: int) -> None:
        self._cluster = cluster
        self._number = number
        self._renew()

    def keep_up(self, workers: set[str]) -> None:
        """Submits those that have ended again. Raises ClusterError when none of them brings a worker."""
        self._cluster.scale(self._number)
        jobs = {job.job_id for job in list(self._cluster.workers.values())}
        if workers or not jobs:
            self._renew()
        elif time.monotonic() > self._until:
            queued = _queued_jobs()
            if queued is not None and jobs.isdisjoint(queued):
                raise ClusterError("executor=slurm: the jobs ended and no worker came; see executor.logs")
            self._renew()

    def _renew(self) -> None:
        self._until = time.monotonic() + SECONDS_WITHOUT_WORKERS


def _queued_jobs() -> set[str] | None:
    """The user's jobs that wait or run; None when Slurm does not answer."""
    command = ["squeue", "--noheader", "--format=%A", f"--user={getpass.getuser()}"]
    asked = subprocess.run(command, capture_output=True, text=True, check=False)
    return None if asked.returncode else set(asked.stdout.split())


class OneShardPerWorker(Executor):
    """Gives each worker of a Dask scheduler one call at a time.

    Left to itself, Dask sends several to a worker, and what waits there dies with it; and whether
    a death is told or the work tried again is a setting of the scheduler. Here a call is bound to
    the worker that it is given to, so the death of that worker is the exception of that future.
    """

    def __init__(self, client: Any, tend: Callable[[set[str]], None] = lambda _: None) -> None:
        self._client = client
        self._tend = tend
        self._waiting: deque[tuple[Future[Any], bytes]] = deque()
        self._running: dict[str, tuple[Future[Any], Any]] = {}
        self._unended: set[Future[Any]] = set()
        self._lock = threading.Lock()
        self._news = threading.Event()
        self._closed = False
        self._abandoned = False
        self._broken: ClusterError | None = None
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> "Future[Any]":
        """Raises ClusterError when the scheduler is lost."""
        future: Future[Any] = Future()
        # Pickled here: Dask would look for graphs of tasks in the arguments.
        call = import_module("cloudpickle").dumps(partial(fn, *args, **kwargs))
        with self._lock:
            if self._broken is not None:
                raise self._broken
            self._waiting.append((future, call))
            self._unended.add(future)
        future.add_done_callback(self._unended.discard)
        self._news.set()
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        if cancel_futures:
            self._cancel_waiting()
        self._closed = True
        self._news.set()
        if wait:
            self._thread.join()

    def abandon(self) -> None:
        """Ends all that is running, with the worker processes that it is running in."""
        self._cancel_waiting()
        self._abandoned = True
        self._news.set()

    def _cancel_waiting(self) -> None:
        with self._lock:
            while self._waiting:
                self._waiting.popleft()[0].cancel()

    def _serve(self) -> None:
        try:
            while not (self._closed and not self._waiting and not self._running):
                self._news.wait(SECONDS_BETWEEN_LOOKS)
                self._news.clear()
                workers = set(self._client.nthreads())
                self._collect(workers)
                if self._abandoned:
                    self._end_running()
                else:
                    for worker in workers - self._running.keys():
                        self._start(worker)
                    self._tend(workers)
        except ClusterError as error:
            self._break(error)
        except Exception as error:
            self._break(ClusterError(f"the Dask scheduler is lost: {error}"))

    def _start(self, worker: str) -> None:
        with self._lock:
            while self._waiting:
                future, call = self._waiting.popleft()
                if future.set_running_or_notify_cancel():
                    break
            else:
                return
        task = self._client.submit(_work, call, key=f"sinegan-{uuid4().hex}", workers=[worker], pure=False)
        task.add_done_callback(lambda _: self._news.set())
        self._running[worker] = (future, task)

    def _collect(self, workers: set[str]) -> None:
        """Passes on what has ended, by itself or with its worker."""
        for worker, (future, task) in list(self._running.items()):
            if task.done() or worker not in workers:
                _pass_on(task, worker, future)
                del self._running[worker]

    def _end_running(self) -> None:
        for worker, (future, task) in self._running.items():
            task.cancel()
            future.set_exception(WorkerDiedError(f"the worker {worker} was ended"))
        left, self._running = set(self._running), {}
        for _ in range(SECONDS_TO_END * 10):
            if not left & set(self._client.nthreads()):
                break
            time.sleep(0.1)

    def _break(self, error: ClusterError) -> None:
        with self._lock:
            self._broken = error
            self._waiting.clear()
            self._running.clear()
        for future in list(self._unended):
            if not future.cancelled():
                future.set_exception(error)


def _pass_on(task: Any, worker: str, future: "Future[Any]") -> None:
    """Gives a future what its task came to; one without a result or an error has lost its worker."""
    if task.status == "finished":
        with suppress(Exception):  # when the worker died before it could hand over the result
            future.set_result(task.result(timeout=SECONDS_TO_CONNECT))
            return
    elif task.status == "error" and not isinstance(task.exception(), _killed()):
        future.set_exception(task.exception())
        return
    task.cancel()
    future.set_exception(WorkerDiedError(f"the worker {worker} died"))


def _work(call: bytes) -> Any:
    """Runs in a worker: a pickled call. The process ends when nobody waits for it any more."""
    worker = import_module("distributed").get_worker()
    key = worker.get_current_task()
    ended = threading.Event()

    def end_when_forgotten() -> None:
        while not ended.wait(SECONDS_BETWEEN_LOOKS):
            task = worker.state.tasks.get(key)
            if (task is None or task.state == "cancelled") and not ended.is_set():
                os._exit(1)

    # A nanny starts a new process; without one the worker would be lost to others.
    if worker.nanny is not None:
        threading.Thread(target=end_when_forgotten, daemon=True).start()
    try:
        return pickle.loads(call)()
    finally:
        ended.set()


def _killed() -> Any:
    """What Dask raises when a worker died."""
    return import_module("distributed.scheduler").KilledWorker


def dask_setup(_: Any) -> None:
    """A worker's beginning, on this machine: an interrupt from the keyboard is left to the main process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


@contextmanager
def _opened(client: Any, tend: Callable[[set[str]], None] = lambda _: None) -> Iterator[Executor]:
    pool = OneShardPerWorker(client, tend)
    try:
        yield pool
    except BaseException:
        pool.abandon()
        raise
    finally:
        pool.shutdown(cancel_futures=True)


@contextmanager
def _configured() -> Iterator[None]:
    """Dask with our settings, and without its messages: what matters is told by the futures."""
    import_module("distributed")
    loggers = [logging.getLogger(name) for name in ("distributed", "distributed.client", "tornado")]
    levels = [logger.level for logger in loggers]
    with import_module("dask").config.set(SETTINGS):
        for logger in loggers:
            logger.setLevel(logging.CRITICAL)
        try:
            yield
        finally:
            for logger, level in zip(loggers, levels, strict=True):
                logger.setLevel(level)


def _connected(scheduler: Any) -> Any:
    return import_module("distributed").Client(scheduler, timeout=SECONDS_TO_CONNECT, set_as_default=False)


async def _greet(address: str) -> None:
    """Shakes hands with a scheduler; a client would wait for ever for one that says nothing."""
    (await import_module("distributed.comm").connect(address, timeout=SECONDS_TO_CONNECT / 4)).abort()


@contextmanager
def _given(address: str) -> Iterator[Any]:
    """A client of a scheduler that somebody has started, with at least one worker."""
    try:
        asyncio.run(asyncio.wait_for(_greet(address), SECONDS_TO_CONNECT))
        connected = _connected(address)
    except (OSError, TimeoutError) as error:
        raise ClusterError(
            f"executor.address = {address}: no Dask scheduler answers there; `dask scheduler` starts one "
            "and prints its address"
        ) from error
    with connected as client:
        try:
            client.wait_for_workers(1, timeout=SECONDS_TO_CONNECT)
        except TimeoutError as error:
            raise ClusterError(
                f"executor.address = {address}: this scheduler has no workers; start some with "
                f"`dask worker {address} --nthreads 1`"
            ) from error
        yield client


def _check_workers(client: Any, address: str) -> None:
    """Raises ClusterError unless each worker can load this program and has not used PyTorch otherwise."""
    for worker, ready in client.run(use_uniform_kernels, on_error="return").items():
        if isinstance(ready, BaseException):
            raise ClusterError(f"executor.address = {address}: its worker {worker} cannot train: {ready}")
        if not ready:
            raise ClusterError(
                f"executor.address = {address}: its worker {worker} has used PyTorch with other settings "
                "before, which would change last bits; start it anew"
            )


def _missing_extra(settings: ExecutorSettings, name: str, module: str) -> Iterator[str]:
    if importlib.util.find_spec(module) is None:
        path = f"{type(settings).__module__}.{type(settings).__qualname__}"
        yield f'_target_ = {path}: executor={name} needs the extra: pip install "sinegan[{name}]"'
