"""Where shards run: each choice opens a `concurrent.futures.Executor`."""

import multiprocessing
import os
import signal
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from sinegan.kernels import use_uniform_kernels
from sinegan.schema import bounded


@dataclass(frozen=True, kw_only=True)
class ExecutorSettings(ABC):
    @property
    @abstractmethod
    def worker_count(self) -> int:
        """How many shards run at the same time."""

    @abstractmethod
    def open(self) -> Any:
        """A context manager that gives an executor and leaves no process behind."""


@dataclass(frozen=True, kw_only=True)
class Local(ExecutorSettings):
    """Spawned processes on this machine, one thread each."""

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
        pool = ProcessPoolExecutor(
            self.worker_count, multiprocessing.get_context("spawn"), initializer=_prepare_worker
        )
        try:
            yield pool
        except BaseException:
            # All files are written whole, so workers may be stopped at any moment.
            for process in multiprocessing.active_children():
                process.kill()
            raise
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


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


def _prepare_worker() -> None:
    """Leaves an interrupt to the parent, and ends when the parent has died, however it died."""
    use_uniform_kernels()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    assert parent is not None

    def end_with_parent() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=end_with_parent, daemon=True).start()
