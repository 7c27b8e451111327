"""Programs in machine code: the kernels that PyTorch's compiler generates, without tensors around them.

PyTorch passes tensors to each of its compiled kernels, which takes a tenth of the time of a small network
and adds tens of thousands of lines to compile. Here kernels take plain addresses (`view.h`), matrix
products are our own (`products.cpp`), and one call trains many lanes for many steps.
"""

import ctypes
import functools
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from sinegan.engine import packaged
from sinegan.engine.torch_private import private

VIEW, WRAPPER, PRODUCTS = (
    (Path(__file__).parent / "cpp" / name).read_text("utf-8")
    for name in ("view.h", "wrapper.h", "products.cpp")
)

PYTORCHS_PRODUCTS = ("aoti_torch_cpu_bmm_out", "aoti_torch_cpu_mm_out")
OUR_PRODUCT = "products"

OPTIONS = packaged.OPTIONS | {"aot_inductor.package": False}

RELEASES = ("2.13", "2.14")
"""The releases of PyTorch whose code generator we know."""
KNOWN = torch.__version__.startswith(tuple(f"{release}." for release in RELEASES))


def compile_native(
    graph: torch.fx.GraphModule, arguments: Sequence[Tensor], options: Mapping[str, Any]
) -> bytes:
    """Compiles a graph that writes into its arguments and returns nothing, to a shared library.

    Arguments:
        graph: the operations for one lane, none of them one of `foreign_operations`.
        arguments: tensors like those of one lane, each (1, ...).
        options: more settings of PyTorch's compiler.
    """
    aot_compile = private("torch._inductor.aot_compile")
    with _views_for_tensors(), _no_trial_builds():
        library = aot_compile(graph, tuple(arguments), options=OPTIONS | dict(options))
    return Path(library).read_bytes()


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


@contextmanager
def _no_trial_builds() -> Iterator[None]:
    """Within this context, inductor compiles no test programs for half precision: 2 s less."""
    isa = private("torch._inductor.cpu_vec_isa.VecISA")
    check_build = isa.check_build
    isa.check_build = lambda *_: False
    try:
        yield
    finally:
        isa.check_build = check_build


@contextmanager
def _views_for_tensors() -> Iterator[None]:
    """Within this context, inductor emits code for `View`s."""
    private("torch._inductor.codegen.common.init_backend_registration")()
    generators = private("torch._inductor.codegen.common.device_codegens")
    usual = generators["cpu"]
    private("torch._inductor.codegen.common.register_backend_for_device")(
        "cpu", usual.scheduling, usual.wrapper_codegen, view_code_generator(), usual.fx_wrapper_codegen
    )
    try:
        yield
    finally:
        generators["cpu"] = usual


@functools.cache
def view_code_generator() -> Any:
    """The class that writes the C++ code around the kernels. Its base takes seconds to import."""
    base: Any = private("torch._inductor.codegen.cpp_wrapper_cpu.CppWrapperCpu")
    V = private("torch._inductor.virtualized.V")  # noqa: N806

    class ViewCodeGenerator(base):  # type: ignore[misc]
        """Writes one C++ function for one step of one lane, and `run`, which calls it."""

        @staticmethod
        def create(*_: Any, **__: Any) -> Any:
            return ViewCodeGenerator()

        def write_header(self) -> None:
            self.header.splice(VIEW + WRAPPER)
            self.kernel_declarations.splice("#include <torch/csrc/inductor/cpp_prefix.h>")
            for dtype in sorted({str(argument.get_dtype()) for argument in V.graph.graph_inputs.values()}):
                name = dtype.removeprefix("torch.").upper()
                self.kernel_declarations.splice(f"#define HAS_{name}")
            self.kernel_declarations.splice(VIEW + PRODUCTS)

        def add_device_include(self, device: str) -> None:
            """Includes nothing: there are no tensors."""

        def write_prefix(self) -> None:
            self.prefix.writeline("static void step(char* const* arguments) {")

        def write_wrapper_decl(self) -> None:
            with self.prefix.indent():
                for place, (name, argument) in enumerate(V.graph.graph_inputs.items()):
                    sizes, strides = argument.get_size(), argument.get_stride()
                    for array, numbers in (("sizes", sizes), ("strides", strides)):
                        listed = ", ".join(map(str, numbers))
                        self.prefix.writeline(f"static constexpr int64_t {name}_{array}[] = {{{listed}}};")
                    view = f"arguments[{place}], {argument.get_dtype().itemsize}, {len(sizes)}"
                    self.prefix.writeline(f"View {name}{{{view}, {name}_sizes, {name}_strides}};")

        def codegen_inputs(self) -> None:
            """Writes nothing: arguments are views already."""

        def codegen_dtype(self, dtype: torch.dtype) -> str:
            return str(dtype.itemsize)

        def codegen_device(self, _: torch.device) -> str:
            return "0, 0"

        def codegen_device_idx(self, *_: Any) -> str:
            return "0"

        @staticmethod
        def get_c_shim_func_name(kernel: str, device: str) -> str:
            name: str = kernel if kernel == OUR_PRODUCT else base.get_c_shim_func_name(kernel, device)
            return OUR_PRODUCT if name in PYTORCHS_PRODUCTS else name

        def generate_return(self, output_refs: list[str]) -> None:
            """Writes nothing: `step` returns nothing."""

        def finalize_prefix(self) -> None:
            """Writes nothing: there are no constants and no kernels of PyTorch to declare."""

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

    return ViewCodeGenerator
