"""Programs as PyTorch packages them (AOTInductor), for graphs that cannot be native programs."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

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
    graph: torch.fx.GraphModule, arguments: Sequence[Tensor], folder: Path, options: Mapping[str, Any]
) -> bytes:
    """Compiles a graph that writes into its arguments and returns nothing, to an archive.

    Arguments:
        graph: the operations for one lane.
        arguments: tensors like those of one lane, each (1, ...).
        folder: where the archive may be written.
        options: more settings of PyTorch's compiler.
    """
    exported = torch.export.export(graph, tuple(arguments))
    path = folder / "program.pt2"
    compile_and_package = private("torch._inductor.aoti_compile_and_package")
    compile_and_package(exported, package_path=str(path), inductor_configs=OPTIONS | dict(options))
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
