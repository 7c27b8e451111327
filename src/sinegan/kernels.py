"""PyTorch's eager kernels, made the same for every element of a tensor."""

import os

VARIABLE = "ATEN_CPU_CAPABILITY"


def use_uniform_kernels() -> bool:
    """Makes the eager CPU kernels of this process independent of where an element stands.

    The vectorised kernels compute exp, tanh and the like one way in the body of a tensor and
    another way in its tail, so the last bits of a run would depend on its place in the stack and
    on its neighbours' number. PyTorch's plain kernels do not; matrix products are not touched, and
    compiled programs keep their vector instructions. PyTorch decides once a process, at its first
    operation: call this before. Returns whether it took effect.
    """
    before = os.environ.get(VARIABLE)
    os.environ[VARIABLE] = "default"
    try:
        import torch

        return torch.backends.cpu.get_cpu_capability() == "DEFAULT"
    finally:
        if before is None:
            del os.environ[VARIABLE]
        else:
            os.environ[VARIABLE] = before
