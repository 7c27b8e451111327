"""Programs in machine code: what PyTorch's compiler makes of a graph, with nothing around it.

PyTorch wraps each of its compiled kernels in tensors, which at the sizes of small networks takes a tenth
of the time, and tens of thousands of lines to compile. Here they take plain addresses (`view.h`), matrix
products are our own (`products.cpp`), and one call trains many lanes for many steps.
"""

import ctypes
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

import torch
from torch import Tensor

from sinegan.engine import packaged

VIEW, WRAPPER, PRODUCTS = (
    (Path(__file__).parent / "cpp" / name).read_text() for name in ("view.h", "wrapper.h", "products.cpp")
)

USUAL_PRODUCTS = ("aoti_torch_cpu_bmm_out", "aoti_torch_cpu_mm_out")
OUR_PRODUCT = "products"
CALLS = re.compile(r"\baoti_torch_\w+")
"""What generated code calls beside its own kernels."""

OPTIONS = packaged.OPTIONS | {"aot_inductor.package": False}

KNOWN = torch.__version__.startswith("2.13.")
"""Whether this is a PyTorch whose code generator is known."""


class NotNativeError(Exception):
    """A graph that needs more than kernels and products; says what."""


def compile_native(
    graph: torch.fx.GraphModule, arguments: Sequence[Tensor], options: Mapping[str, Any]
) -> bytes:
    """The machine code of a graph that writes into its arguments and returns nothing: a shared library.

    arguments: like those of one lane, (1, ...). options: more of PyTorch's. Raises NotNativeError.
    """
    if not KNOWN:
        raise NotNativeError(f"PyTorch {torch.__version__}")
    from torch._inductor import aot_compile
    from torch._inductor.cpu_vec_isa import VecISA

    # What else the processor may be able to do, in half precision, is not needed, so not tried out: 2 s less.
    with _views_for_tensors() as foreign, patch.object(VecISA, "check_build", return_value=False):
        try:
            made = aot_compile(graph, tuple(arguments), options=OPTIONS | dict(options))
        except Exception as error:
            if foreign:
                raise NotNativeError(", ".join(sorted(foreign))) from error
            raise
    assert isinstance(made, str)
    return Path(made).read_bytes()


class Native:
    """The machine code in a file of `compile_native`."""

    engine = "native"

    def __init__(self, path: Path) -> None:
        self._run = ctypes.CDLL(str(path)).run
        self._run.restype = None

    def __call__(self, arguments: Sequence[Tensor], lanes: int, steps: int) -> None:
        """Of each lane, step after step. arguments: (steps, lanes, ...), a lane's part being contiguous."""
        numbers = ctypes.c_int64 * len(arguments)
        self._run(
            numbers(*[tensor.data_ptr() for tensor in arguments]),
            numbers(*[tensor.stride(0) * tensor.itemsize for tensor in arguments]),
            numbers(*[tensor.stride(1) * tensor.itemsize for tensor in arguments]),
            ctypes.c_int64(steps),
            ctypes.c_int64(lanes),
        )


@contextmanager
def _views_for_tensors() -> Iterator[set[str]]:
    """What is compiled meanwhile is written around views; gives the functions that these do not have."""
    from torch._inductor.codegen import common
    from torch._inductor.codegen.cpp_wrapper_cpu import CppWrapperCpu
    from torch._inductor.virtualized import V

    foreign: set[str] = set()

    class Wrapper(CppWrapperCpu):
        """One C++ function for one step of one lane, and `run`, which calls it."""

        @staticmethod
        def create(*_: Any, **__: Any) -> Any:
            return Wrapper()  # type: ignore[no-untyped-call]

        def write_header(self) -> None:
            self.header.splice(VIEW + WRAPPER)
            self.kernel_declarations.splice("#include <torch/csrc/inductor/cpp_prefix.h>")
            for dtype in sorted({str(given.get_dtype()) for given in V.graph.graph_inputs.values()}):
                name = dtype.removeprefix("torch.").upper()
                self.kernel_declarations.splice(f"#define HAS_{name}")
            self.kernel_declarations.splice(VIEW + PRODUCTS)

        def add_device_include(self, device: str) -> None:
            """No tensors, no headers of theirs."""

        def write_prefix(self) -> None:
            self.prefix.writeline("static void step(char* const* arguments) {")

        def write_wrapper_decl(self) -> None:
            with self.prefix.indent():
                for place, (name, given) in enumerate(V.graph.graph_inputs.items()):
                    for what, numbers in (("sizes", given.get_size()), ("strides", given.get_stride())):
                        listed = ", ".join(map(str, numbers))
                        self.prefix.writeline(f"static constexpr int64_t {name}_{what}[] = {{{listed}}};")
                    view = f"arguments[{place}], {given.get_dtype().itemsize}, {len(given.get_size())}"
                    self.prefix.writeline(f"View {name}{{{view}, {name}_sizes, {name}_strides}};")

        def codegen_inputs(self) -> None:
            """They are views already."""

        def codegen_dtype(self, dtype: torch.dtype) -> str:
            return str(dtype.itemsize)

        def codegen_device(self, _: torch.device) -> str:
            return "0, 0"

        def codegen_device_idx(self, *_: Any) -> str:
            return "0"

        @staticmethod
        def get_c_shim_func_name(kernel: str, device: str) -> str:
            usual = kernel if kernel == OUR_PRODUCT else CppWrapperCpu.get_c_shim_func_name(kernel, device)
            return OUR_PRODUCT if usual in USUAL_PRODUCTS else usual

        def generate_return(self, output_refs: list[str]) -> None:
            """Nothing is returned."""

        def finalize_prefix(self) -> None:
            called = CALLS.findall(self.wrapper_call.getvalue())
            foreign.update({*called, *V.graph.constants} - set(CALLS.findall(WRAPPER)))
            if foreign:
                raise NotNativeError

        def generate_before_suffix(self, result: Any) -> None:
            result.writeline("}")

        def generate_end(self, result: Any) -> None:
            result.splice(f"""
                extern "C" void run(
                    char* const* data,
                    const int64_t* by_step,
                    const int64_t* by_lane,
                    int64_t steps,
                    int64_t lanes) {{
                  each_lane<{len(V.graph.graph_inputs)}>(step, data, by_step, by_lane, steps, lanes);
                }}
                """)

    common.init_backend_registration()
    usual = common.device_codegens["cpu"]
    common.register_backend_for_device(
        "cpu", usual.scheduling, usual.wrapper_codegen, Wrapper, usual.fx_wrapper_codegen
    )
    try:
        yield foreign
    finally:
        common.device_codegens["cpu"] = usual
