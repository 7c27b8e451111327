"""Programs in machine code: one C++ file for a graph, compiled to a shared library.

The code has no tensors and calls nothing of PyTorch: it takes plain addresses, and one call trains many lanes
for many steps. So its bits depend on the compiler and the processor, but not on the release of PyTorch.
"""

import ctypes
import platform
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from sinegan.engine.loops.code import source
from sinegan.engine.loops.lowering import KNOWN, Lowering, UnsupportedError
from sinegan.engine.loops.schedule import Schedule

HEADERS = Path(__file__).parent / "cpp"

FLAGS = (
    *("-std=gnu++20", "-O3", "-shared", "-fPIC", "-w"),
    # For loops of vectors: no number is a signal, and no function sets errno.
    *("-fopenmp-simd", "-fno-math-errno", "-fno-trapping-math", "-ffp-contract=fast"),
    "-mcpu=native" if platform.machine().lower() in ("arm64", "aarch64") else "-march=native",
)


def reason_to_package(graph: torch.fx.GraphModule) -> str:
    """Why there can be no native program for a graph; empty if there can. graph: as `Lowering` takes it."""
    try:
        Lowering(graph)
    except UnsupportedError as error:
        return f"no native program can have {error}"
    return ""


def decompositions() -> dict[Any, Callable[..., Any]]:
    """PyTorch's ways to compute operations by simpler ones, for the operations that loops do not know."""
    table: Any = torch.export.default_decompositions()
    return {
        operation: way
        for operation, way in table.items()
        if operation.name().removeprefix("aten::").partition(".")[0] not in KNOWN
    }


def compile_native(graph: torch.fx.GraphModule, compiler: Sequence[str], folder: Path) -> bytes:
    """Compiles a graph that writes into its arguments and returns nothing, to a shared library.

    Arguments:
        graph: the operations for one lane; `reason_to_package` has no reason against them.
        compiler: the words of its command.
        folder: where files may be written.

    Raises RuntimeError with the compiler's messages.
    """
    code, library = folder / "program.cpp", folder / "program.so"
    code.write_text(source(Schedule(Lowering(graph))), "utf-8")
    command = [*compiler, *FLAGS, f"-I{HEADERS}", str(code), "-o", str(library)]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", errors="replace", check=False)
    if done.returncode:
        raise RuntimeError(done.stderr or f"exit code {done.returncode}")
    return library.read_bytes()


class Native:
    """The machine code in a file that `compile_native` made."""

    engine = "native"

    def __init__(self, path: Path) -> None:
        self._run = ctypes.CDLL(str(path)).run
        self._run.restype = None

    def __call__(self, arguments: Sequence[Tensor], lanes: int, steps: int) -> None:
        """Runs all steps of each lane, one lane after another.

        arguments: (steps, lanes, ...), the part of each lane and step contiguous.
        """
        numbers = ctypes.c_int64 * len(arguments)
        self._run(
            numbers(*[tensor.data_ptr() for tensor in arguments]),
            numbers(*[tensor.stride(0) * tensor.itemsize for tensor in arguments]),
            numbers(*[tensor.stride(1) * tensor.itemsize for tensor in arguments]),
            ctypes.c_int64(steps),
            ctypes.c_int64(lanes),
        )
