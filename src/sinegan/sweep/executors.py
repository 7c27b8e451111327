"""Where shards run: each choice opens a `concurrent.futures.Executor`."""

import multiprocessing
import os
import signal
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from concurrent.futures import BrokenExecutor, Executor, Future, ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from queue import SimpleQueue
from typing import Any

from hydra.errors import CompactHydraException

from sinegan.schema import bounded
from sinegan.sweep import fork_server


class ExecutorError(CompactHydraException):
    """The executor cannot be used: says why, and what to do. Hydra shows it without a traceback."""


@dataclass(frozen=True, kw_only=True)
class ExecutorSettings(ABC):
    @property
    @abstractmethod
    def worker_count(self) -> int:
        """How many shards run at the same time."""

    @property
    def deaths(self) -> tuple[type[BaseException], ...]:
        """The exceptions that say that the worker of a future has died."""
        return (BrokenExecutor,)

    @abstractmethod
    def open(self) -> Any:
        """A context manager that gives an executor and leaves no process behind."""


@dataclass(frozen=True, kw_only=True)
class Local(ExecutorSettings):
    """Processes on this machine, one thread each."""

    workers: int | None = bounded(None, at_least=1)
    """Number of processes; null for as many as there are cores."""

    @property
    def worker_count(self) -> int:
        if self.workers:
            return self.workers
        # Where the system can tell them, only the cores that this process may use.
        return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1

    @contextmanager
    def open(self) -> Iterator[Executor]:
        fork_server.start()
        pool = ProcessPerWorker(self.worker_count)
        try:
            yield pool
        except BaseException:
            # All files are written whole, so workers may be stopped at any moment.
            pool.kill()
            raise
        finally:
            pool.shutdown(cancel_futures=True)


class ProcessPerWorker(Executor):
    """Processes, each a pool of its own.

    In a common pool the death of one process breaks what the others are doing; here it is the
    exception of the one future that it was working on, and a new process takes its place.
    """

    def __init__(self, workers: int) -> None:
        self._queue: SimpleQueue[tuple[Future[Any], Callable[[], Any]] | None] = SimpleQueue()
        self._pools: list[ProcessPoolExecutor | None] = [None] * workers
        self._closed = False
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
        """Ends all processes at once, in the middle of what they do."""
        self._closed = True
        for process in multiprocessing.active_children():
            process.kill()

    def _serve(self, lane: int) -> None:
        while (item := self._queue.get()) is not None:
            future, call = item
            if self._closed or not future.set_running_or_notify_cancel():
                future.cancel()
                continue
            pool = self._pools[lane] or self._new_process(lane)
            try:
                future.set_result(pool.submit(call).result())
            except BrokenExecutor as error:
                self._pools[lane] = None
                pool.shutdown()
                future.set_exception(error)
            except BaseException as error:
                future.set_exception(error)
        if (last := self._pools[lane]) is not None:
            last.shutdown()

    def _new_process(self, lane: int) -> ProcessPoolExecutor:
        pool = self._pools[lane] = ProcessPoolExecutor(
            1, fork_server.context(), initializer=_prepare_worker, initargs=(dict(os.environ),)
        )
        return pool


@dataclass(frozen=True, kw_only=True)
class Serial(ExecutorSettings):
    """In this process, one shard after the other."""

    worker_count = 1

    @contextmanager
    def open(self) -> Iterator[Executor]:
        yield _SerialExecutor()


class _SerialExecutor(Executor):
    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> "Future[Any]":
        future: Future[Any] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:
            future.set_exception(error)
        return future


def _prepare_worker(environment: dict[str, str]) -> None:
    """Leaves Ctrl-C and a closed terminal to the parent, and ends when the parent has died, however it died.

    environment: the parent's; the fork server has that of its own start.
    """
    os.environ.clear()
    os.environ.update(environment)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})  # its pool may have to end it
    parent = multiprocessing.parent_process()
    assert parent is not None

    def end_with_parent() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=end_with_parent, daemon=True).start()
