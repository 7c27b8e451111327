"""Keeps the files of inductor, PyTorch's compiler, away from other users and processes."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sinegan.engine.kernels import environment
from sinegan.engine.torch_private import private


@contextmanager
def own_inductor_files(folder: Path) -> Iterator[None]:
    """Within this context, inductor keeps its files in a folder.

    It would keep them in a folder of /tmp, which may belong to another user. And it would take the variable
    that chooses the instructions of eager kernels for a limit of the processor.
    """
    # Before the import, which makes the folder.
    with environment("TORCHINDUCTOR_CACHE_DIR", str(folder)), environment("ATEN_CPU_CAPABILITY", None):
        temporary_cache_dir = private("torch._inductor.runtime.cache_dir_utils.temporary_cache_dir")
        with temporary_cache_dir(str(folder)):
            _avoid_semaphores()
            yield


def _avoid_semaphores() -> None:
    """Gives the progress bars of inductor a lock within this process.

    By default they use a system semaphore, which a killed worker leaks; Python then prints a warning.
    """
    from torch import hub

    tqdm: Any = hub.tqdm  # type: ignore[attr-defined]
    if hasattr(tqdm, "set_lock"):  # without tqdm PyTorch has a substitute
        tqdm.set_lock(threading.RLock())
