"""The places where shards train: each opens a `concurrent.futures.Executor`."""

import multiprocessing
import os
import pickle
import signal
import threading
import traceback
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from concurrent.futures import BrokenExecutor, Executor, Future
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from multiprocessing.connection import Connection
from queue import SimpleQueue
from typing import Any

from sinegan.engine.program_cache import remove_abandoned_scratch_folders
from sinegan.schema import bounded
from sinegan.sweep import fork_server

WORKERS_PER_CORE = 16
"""The greatest number of processes for each core: more than one only makes each of them slower."""


class ExecutorError(RuntimeError):
    """The executor cannot be used; the message says why, and what to do."""


@dataclass(frozen=True, kw_only=True)
class ExecutorSettings(ABC):
    """The settings of an executor, one class for each kind."""

    @property
    @abstractmethod
    def worker_count(self) -> int:
        """The number of shards that run at the same time."""

    @property
    def memory_each(self) -> float | None:
        """The bytes that each worker has on a machine of its own; infinite when that is unknown.

        None when all workers share the memory of this machine.
        """
        return None

    @property
    def deaths(self) -> tuple[type[BaseException], ...]:
        """The exceptions by which a future reports that its worker has died."""
        return (BrokenExecutor,)

    @abstractmethod
    def open(self) -> Any:
        """A context manager that opens an executor, and leaves no process behind."""


@dataclass(frozen=True, kw_only=True)
class Local(ExecutorSettings):
    """Processes on this machine, one thread each."""

    workers: int | None = bounded(None, at_least=1)
    """Number of processes; null for as many as there are cores."""

    def conflicts(self) -> Iterator[str]:
        yield from too_many_workers(self.workers)

    @property
    def worker_count(self) -> int:
        return self.workers or cores()

    @contextmanager
    def open(self) -> Iterator[Executor]:
        fork_server.start()
        pool = ProcessPerWorker(self.worker_count)
        try:
            yield pool
        except BaseException:
            # All files are written whole, so workers may be stopped at any moment.
            pool.kill()
            pool.shutdown(cancel_futures=True)
            remove_abandoned_scratch_folders()
            raise
        finally:
            pool.shutdown(cancel_futures=True)


def cores() -> int:
    """The number of cores that this process may use; where the system does not report that, all cores."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def too_many_workers(workers: int | None) -> Iterator[str]:
    """The reason why this machine is too small for so many processes, if it is."""
    most = WORKERS_PER_CORE * cores()
    if workers is not None and workers > most:
        yield (
            f"workers = {workers}: must be at most {most}, {WORKERS_PER_CORE} for each core that this "
            f"process may use ({cores()}); null takes one for each"
        )


class ProcessPerWorker(Executor):
    """A pool of processes that each work on one call at a time.

    When a process dies, only the future of its call gets an exception, and a new process takes its place. In
    Python's own pool, the calls of all other processes would fail, too.
    """

    def __init__(self, workers: int) -> None:
        self._queue: SimpleQueue[tuple[Future[Any], Callable[[], Any]] | None] = SimpleQueue()
        self._workers: list[_Worker | None] = [None] * workers
        self._closed = False
        self._killed = False
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._serve, args=(lane,)) for lane in range(workers)]
        for thread in self._threads:
            thread.start()

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> "Future[Any]":
        future: Future[Any] = Future()
        self._queue.put((future, partial(fn, *args, **kwargs)))
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        self._closed = self._closed or cancel_futures
        for _ in self._threads:
            self._queue.put(None)
        if wait:
            for thread in self._threads:
                thread.join()

    def kill(self) -> None:
        """Ends all processes at once; a process that is starting ends when it has started."""
        self._closed = True
        with self._lock:
            self._killed = True
            for worker in filter(None, self._workers):
                worker.process.kill()

    def _serve(self, lane: int) -> None:
        while (item := self._queue.get()) is not None:
            future, call = item
            if self._closed or not future.set_running_or_notify_cancel():
                future.cancel()
                continue
            try:
                future.set_result((self._workers[lane] or self._started(lane)).result(call))
            except BrokenExecutor as error:
                self._end(lane)
                future.set_exception(error)
            except BaseException as error:
                future.set_exception(error)
        self._end(lane)

    def _started(self, lane: int) -> "_Worker":
        worker = _Worker()
        with self._lock:
            self._workers[lane] = worker
            if self._killed:
                worker.process.kill()
        return worker

    def _end(self, lane: int) -> None:
        if (worker := self._workers[lane]) is not None:
            worker.end()
            self._workers[lane] = None


class _Worker:
    """A process, and the pipe through which it gets calls and returns their results."""

    def __init__(self) -> None:
        context: Any = fork_server.context()
        self._pipe, pipe_of_process = context.Pipe()
        self.process = context.Process(target=_work, args=(pipe_of_process, dict(os.environ)))
        try:
            self.process.start()
        except BaseException:
            self._pipe.close()
            raise
        finally:
            pipe_of_process.close()  # so that the pipe breaks when the process dies

    def result(self, call: Callable[[], Any]) -> Any:
        """Makes a call in the process; raises what it raises, or BrokenProcessPool when the process dies."""
        packed = pickle.dumps(call)
        try:
            self._pipe.send_bytes(packed)
            answer = self._pipe.recv_bytes()
        except (EOFError, OSError) as error:
            raise BrokenProcessPool("a worker died while it was at work") from error
        value, raised = pickle.loads(answer)
        if raised is not None:
            raise raised
        return value

    def end(self) -> None:
        """Closes the pipe, which ends the process, and waits for the end."""
        self._pipe.close()
        self.process.join()


def _work(pipe: Connection, environment: dict[str, str]) -> None:
    """The main function of a worker: answers one call after the other, until the pipe closes."""
    _prepare_worker(environment)
    with suppress(EOFError, OSError):
        while True:
            pipe.send_bytes(_answer(pipe.recv_bytes()))


def _answer(packed: bytes) -> bytes:
    """Calls a pickled function. Returns, pickled, its value and None, or None and its exception."""
    try:
        return pickle.dumps((pickle.loads(packed)(), None))
    except BaseException as error:
        error.add_note(traceback.format_exc())
        with suppress(Exception):
            answer = pickle.dumps((None, error))
            pickle.loads(answer)  # some exceptions can be pickled, but not unpickled
            return answer
        return pickle.dumps((None, RuntimeError(f"{type(error).__name__}: {error}")))


@dataclass(frozen=True, kw_only=True)
class Serial(ExecutorSettings):
    """In this process, one shard after the other."""

    worker_count = 1

    @contextmanager
    def open(self) -> Iterator[Executor]:
        yield _SerialExecutor()


class _SerialExecutor(Executor):
    """Runs each call in this process, when it is submitted."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> "Future[Any]":
        future: Future[Any] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:
            future.set_exception(error)
        return future


def _prepare_worker(environment: dict[str, str]) -> None:
    """Leaves Ctrl-C and a closed terminal to the parent process, and ends when the parent has died.

    environment: that of the parent; the fork server has the environment of its own start.
    """
    os.environ.clear()
    os.environ.update(environment)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if hasattr(signal, "SIGHUP"):
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})  # the pool uses it to end the worker
    parent = multiprocessing.parent_process()
    assert parent is not None

    def end_with_parent() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=end_with_parent, daemon=True).start()
