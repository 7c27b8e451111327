"""Programs as PyTorch packages them (AOTInductor), for graphs that cannot be native programs."""

from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from torch import Tensor

from sinegan.engine.cpp_compiler import Compiler
from sinegan.engine.inductor_files import own_inductor_files
from sinegan.engine.torch_private import private

OPTIONS = {
    # Everything between arguments and results shares one block of memory.
    "memory_planning": True,
    "memory_pool": "combined",
    # A value that reads two or more others and is used twice is stored, not computed again at each use:
    # Adam's corrections would be, with their powers, for each row of weights. A fifth of a step's time.
    "realize_reads_threshold": 1,
    # The processor is asked for its extensions. PyTorch would compile a test program for each: 6 s more.
    "cpp.vec_isa_ok": True,
    # They would be kept in a folder of /tmp, which may belong to another user.
    "aot_inductor.precompile_headers": False,
}


def compile_packaged(
    function: Callable[..., tuple[()]], arguments: Sequence[Tensor], compiler: Compiler, folder: Path
) -> bytes:
    """Compiles a function that writes into its arguments and returns nothing, to an archive.

    Arguments:
        function: of one lane.
        arguments: tensors like those of one lane, each (1, ...).
        compiler: the C++ compiler.
        folder: where files may be written.
    """
    path = folder / "program.pt2"
    options = OPTIONS | {"cpp.cxx": (compiler.command(folder),)}
    with own_inductor_files(folder):
        from torch.fx.experimental.proxy_tensor import make_fx

        graph = make_fx(function, tracing_mode="fake")(*arguments)
        exported = torch.export.export(graph, tuple(arguments))
        compile_and_package = private("torch._inductor.aoti_compile_and_package")
        compile_and_package(exported, package_path=str(path), inductor_configs=options)
    return path.read_bytes()


class Packaged:
    """The program in a file that `compile_packaged` made."""

    engine = "packaged"

    def __init__(self, path: Path) -> None:
        package_loader = private("torch._C._aoti.AOTIModelPackageLoader")
        self._loader = package_loader(str(path), "model", True, 1, -1)

    def __call__(self, arguments: Sequence[Tensor], lanes: int, steps: int) -> None:
        """Runs all steps of each lane, one lane after another. arguments: (steps, lanes, ...)."""
        for lane in range(lanes):
            for step in range(steps):
                self._loader.run([tensor[step, lane : lane + 1] for tensor in arguments])
