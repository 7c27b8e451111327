"""Programs in machine code: one C++ file for a function, compiled to a shared library.

The code has no tensors and calls nothing of PyTorch: it takes plain addresses, and one call trains many lanes
for many steps. So its bits depend on the compiler and the processor, but not on the release of PyTorch.
"""

import ctypes
import platform
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from sinegan.engine.inductor_files import own_inductor_files
from sinegan.engine.loops.building import UnsupportedError
from sinegan.engine.loops.code import source
from sinegan.engine.loops.lowering import KNOWN, Lowering, operation_name
from sinegan.engine.loops.recording import Recording, record
from sinegan.engine.loops.schedule import Schedule

HEADERS = Path(__file__).parent / "cpp"

FLAGS = (
    *("-std=gnu++20", "-O3", "-shared", "-fPIC", "-w"),
    # For loops of vectors: no number is a signal, and no function sets errno.
    *("-fopenmp-simd", "-fno-math-errno", "-fno-trapping-math", "-ffp-contract=fast"),
    "-mcpu=native" if platform.machine().lower() in ("arm64", "aarch64") else "-march=native",
)


def lowered(function: Callable[..., object], arguments: Sequence[Tensor], folder: Path) -> Lowering:
    """The nodes of a function for one lane, which writes its results into its arguments.

    Arguments:
        function: takes tensors.
        arguments: tensors like those of one lane, each (1, ...). They are not changed.
        folder: where files may be written.

    Raises UnsupportedError where no native program can compute the function.
    """

    def recorded(simpler: Mapping[Any, Callable[..., Any]]) -> Recording:
        return record(function, [argument.clone() for argument in arguments], simpler)

    try:
        return Lowering(recorded({}))
    except UnsupportedError:
        with own_inductor_files(folder):  # PyTorch imports it for the simpler operations
            return Lowering(recorded(simpler_operations()))


def simpler_operations() -> dict[Any, Callable[..., Any]]:
    """PyTorch's ways to compute operations by simpler ones, for the operations that loops do not know."""
    table: Any = torch.export.default_decompositions()
    return {operation: way for operation, way in table.items() if operation_name(operation) not in KNOWN}


def compile_native(lowering: Lowering, compiler: Sequence[str], folder: Path) -> bytes:
    """Compiles nodes to a shared library.

    Arguments:
        lowering: the nodes.
        compiler: the words of its command.
        folder: where files may be written.

    Raises RuntimeError with the compiler's messages.
    """
    code, library = folder / "program.cpp", folder / "program.so"
    code.write_text(source(Schedule(lowering)), "utf-8")
    command = [*compiler, *FLAGS, f"-I{HEADERS}", str(code), "-o", str(library)]
    done = subprocess.run(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
        check=False,
    )
    if done.returncode:
        raise RuntimeError(done.stdout or f"exit code {done.returncode}")
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
