"""Imports finish before an interrupt, and the garbage collector rests meanwhile."""

import gc
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from sinegan.app.imports import importing


@pytest.fixture(autouse=True)
def _unfreeze() -> Iterator[None]:
    yield
    gc.unfreeze()


def test_importing_pauses_the_garbage_collector_and_freezes_what_it_loads() -> None:
    gc.unfreeze()
    with importing():
        assert not gc.isenabled()
        made = [[] for _ in range(100)]  # type: ignore[var-annotated]
    assert gc.isenabled()
    assert gc.get_freeze_count() >= len(made)


def test_importing_leaves_a_disabled_garbage_collector_disabled() -> None:
    gc.disable()
    try:
        with importing():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()


def test_an_interrupt_while_importing_is_raised_after_the_import() -> None:
    done: list[str] = []

    def load() -> None:
        with importing():
            signal.raise_signal(signal.SIGINT)
            done.append("loaded")
        done.append("went on")

    with pytest.raises(KeyboardInterrupt):
        load()
    assert done == ["loaded"]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_an_import_error_restores_the_collector_and_the_signals() -> None:
    with pytest.raises(ImportError, match="no such library"), importing():
        raise ImportError("no such library")
    assert gc.isenabled()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_importing_works_in_any_thread() -> None:
    def load() -> bool:
        with importing():
            return threading.current_thread() is not threading.main_thread()

    with ThreadPoolExecutor(1) as threads:
        assert threads.submit(load).result()
