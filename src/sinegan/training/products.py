"""Matrix products of our own, for the programs that PyTorch compiles ahead of time.

The formulas go on saying `x @ y`; only what the compiled program calls for it is another function, of
which an element's bits do not depend on how many matrices there are.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

SOURCE = Path(__file__).with_suffix(".cpp")

USUAL = "aoti_torch_cpu_bmm_out"
OURS = "aoti_torch_sinegan_bmm_out"

OWN = torch.__version__.startswith("2.13.")
"""Whether this is a PyTorch whose code generator is known. With another one the products are its BLAS's."""


@contextmanager
def own_products() -> Iterator[None]:
    """What is compiled meanwhile calls `products.cpp` where it would call the BLAS's batched product."""
    if not OWN:
        yield
        return
    from torch._inductor.codegen import common
    from torch._inductor.codegen.cpp_wrapper_cpu import CppWrapperCpu

    class Wrapper(CppWrapperCpu):
        @staticmethod
        def create(*_: Any, **__: Any) -> Any:
            return Wrapper()  # type: ignore[no-untyped-call]

        def write_header(self) -> None:
            super().write_header()  # type: ignore[no-untyped-call]
            three = ", ".join(["AtenTensorHandle"] * 3)
            self.header.splice(f'extern "C" AOTITorchError {OURS}({three});')
            self.kernel_declarations.splice(SOURCE.read_text())

        @staticmethod
        def get_c_shim_func_name(kernel: str, device: str) -> str:
            name: str = CppWrapperCpu.get_c_shim_func_name(kernel, device)
            return OURS if name == USUAL else name

    common.init_backend_registration()
    usual = common.device_codegens["cpu"]
    common.register_backend_for_device(
        "cpu", usual.scheduling, usual.wrapper_codegen, Wrapper, usual.fx_wrapper_codegen
    )
    try:
        yield
    finally:
        common.device_codegens["cpu"] = usual
