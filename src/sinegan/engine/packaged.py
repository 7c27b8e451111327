"""Programs as PyTorch packages them (AOTInductor), for graphs that need more than `native` has."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

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
    # They would be kept in a folder of /tmp, which may be another user's.
    "aot_inductor.precompile_headers": False,
}


def compile_packaged(
    graph: torch.fx.GraphModule, arguments: Sequence[Tensor], folder: Path, options: Mapping[str, Any]
) -> bytes:
    """The program of a graph that writes into its arguments, (1, ...), and returns nothing: an archive.

    folder: where it may be written meanwhile. options: more of PyTorch's.
    """
    from torch._inductor import aoti_compile_and_package

    exported = torch.export.export(graph, tuple(arguments))
    path = folder / "program.pt2"
    aoti_compile_and_package(exported, package_path=str(path), inductor_configs=OPTIONS | dict(options))
    return path.read_bytes()


class Packaged:
    """The program in a file of `compile_packaged`."""

    engine = "packaged"

    def __init__(self, path: Path) -> None:
        self._loader = torch._C._aoti.AOTIModelPackageLoader(str(path), "model", True, 1, -1)

    def __call__(self, arguments: Sequence[Tensor], lanes: int, steps: int) -> None:
        """Of each lane, step after step. arguments: (steps, lanes, ...)."""
        for lane in range(lanes):
            for step in range(steps):
                self._loader.run([tensor[step, lane : lane + 1] for tensor in arguments])
