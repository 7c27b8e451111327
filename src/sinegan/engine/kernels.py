"""Makes PyTorch's CPU kernels compute the same bits for a number wherever it is in memory."""

import os
from collections.abc import Iterator
from contextlib import contextmanager


def use_uniform_kernels() -> bool:
    """Makes the CPU kernels of this process independent of the place of an element in memory.

    The bits of a run must not depend on its place in a stack or on the number of its neighbours.
    Two kinds of kernels break that. PyTorch's vectorised ones compute exp, tanh and the like one
    way in the body of a tensor and another way in its tail; its plain ones do not (compiled
    programs keep their vector instructions). MKL's matrix products choose their path by the
    alignment of the matrices, unless strict mode is set (oneMKL developer guide,
    "Conditional Numerical Reproducibility"), which costs them nothing measurable.

    Both decide once a process, at the first operation: call this before. Returns whether it took
    effect on PyTorch's kernels.
    """
    os.environ.setdefault("MKL_CBWR", "AUTO,STRICT")
    with environment("ATEN_CPU_CAPABILITY", "default"):
        import torch

        return torch.backends.cpu.get_cpu_capability() == "DEFAULT"


@contextmanager
def environment(name: str, value: str | None) -> Iterator[None]:
    """Within this context, an environment variable has another value, or none (None)."""
    before = os.environ.get(name)
    _set(name, value)
    try:
        yield
    finally:
        _set(name, before)


def _set(name: str, value: str | None) -> None:
    if value is None:
        os.environ.pop(name, None)
    else:
        os.environ[name] = value
