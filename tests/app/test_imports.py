"""What is loaded is loaded whole, and no garbage is looked for in it."""

import gc
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from sinegan.app.imports import importing


@pytest.fixture(autouse=True)
def _thaw() -> Iterator[None]:
    yield
    gc.unfreeze()


def test_no_garbage_is_looked_for_in_what_is_loaded() -> None:
    gc.unfreeze()
    with importing():
        assert not gc.isenabled()
        made = [[] for _ in range(100)]  # type: ignore[var-annotated]
    assert gc.isenabled()
    assert gc.get_freeze_count() >= len(made)


def test_a_collector_that_was_off_stays_off() -> None:
    gc.disable()
    try:
        with importing():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()


def test_an_interrupt_comes_when_all_is_loaded() -> None:
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


def test_an_error_in_loading_passes_and_leaves_all_as_it_was() -> None:
    with pytest.raises(ImportError, match="no such library"), importing():
        raise ImportError("no such library")
    assert gc.isenabled()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_any_thread_may_load() -> None:
    def load() -> bool:
        with importing():
            return threading.current_thread() is not threading.main_thread()

    with ThreadPoolExecutor(1) as threads:
        assert threads.submit(load).result()
