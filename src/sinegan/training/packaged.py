"""Programs as PyTorch packages them (AOTInductor), for graphs that need more than `native` has."""

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

OPTIONS = {
    # One place in memory for all that is between arguments and result.
    "memory_planning": True,
    "memory_pool": "combined",
    # What depends on two things or more and is needed twice is kept, not computed again at each place:
    # Adam's corrections would be, with their powers, for each row of weights. A fifth of a step's time.
    "realize_reads_threshold": 1,
    # What the processor can do is taken from it, not tried out by compiling for each thing: 6 s less.
    "cpp.vec_isa_ok": True,
}


def compile_packaged(graph: torch.fx.GraphModule, arguments: Sequence[Tensor], path: Path) -> None:
    """Writes the program of a graph that writes into its arguments, (1, ...), and returns nothing."""
    from torch._inductor import aoti_compile_and_package

    exported = torch.export.export(graph, tuple(arguments))
    aoti_compile_and_package(exported, package_path=str(path), inductor_configs=OPTIONS)


class Packaged:
    """The program in a file of `compile_packaged`."""

    def __init__(self, path: Path) -> None:
        self._loader = torch._C._aoti.AOTIModelPackageLoader(str(path), "model", True, 1, -1)

    def __call__(self, arguments: Sequence[Tensor], lanes: int, steps: int) -> None:
        """Of each lane, step after step. arguments: (steps, lanes, ...)."""
        for lane in range(lanes):
            for step in range(steps):
                self._loader.run([tensor[step, lane : lane + 1] for tensor in arguments])
