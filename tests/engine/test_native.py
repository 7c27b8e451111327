"""Native programs compute what their graph says, for each lane alone; matrix products are correct."""

import itertools
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from sinegan.engine import programs
from sinegan.engine.programs import CompiledFunction

pytestmark = pytest.mark.usefixtures("cache")

SHAPES = [
    # matrices, rows, summed, columns: whole tiles and vectors, less than one, one more, and next to nothing
    (1, 64, 64, 64),
    (3, 64, 256, 64),
    (2, 8, 16, 32),
    (2, 7, 5, 15),
    (2, 9, 17, 33),
    (4, 13, 3, 49),
    (2, 2, 2, 2),
    (1, 23, 1, 16),
    (2, 65, 31, 100),
]
IN_EVERY_LAYOUT = [
    (1, 20, 40, 160),  # many columns, whose rows are far apart
    # a row or a column: eight at once, whole vectors, and a rest of each
    (3, 64, 256, 1),
    (2, 13, 21, 1),
    (3, 1, 64, 256),
    (2, 1, 7, 101),
    (2, 1, 9, 1),
]
DTYPES = [torch.float32, torch.float64]

ORDERS: list[tuple[Callable[[Tensor], Tensor], Callable[[Tensor], Tensor]]] = [
    # how matrices lie in memory, and how they are seen from there
    (lambda matrices: matrices, lambda memory: memory),  # row by row
    (lambda matrices: matrices.mT.contiguous(), lambda memory: memory.mT),  # column by column
    (lambda matrices: matrices.repeat_interleave(2, -1), lambda memory: memory[..., ::2]),  # with gaps
]


def test_native_matrix_products_are_correct_in_every_shape_and_layout() -> None:
    made = torch.Generator().manual_seed(0)
    pairs = [
        tuple(torch.randn(count, *shape, generator=made, dtype=dtype) for shape in ((m, k), (k, n)))
        for count, m, k, n in [*SHAPES, *[shape for shape in IN_EVERY_LAYOUT for _ in range(9)]]
        for dtype in DTYPES
    ]
    every = list(itertools.product(ORDERS, ORDERS))
    orders = [every[place // 2 % 9] for place in range(len(pairs))]
    memory = [
        [lay(matrices)[None] for (lay, _), matrices in zip(ways, pair, strict=True)]
        for ways, pair in zip(orders, pairs, strict=True)
    ]

    def products(memory: list[list[Tensor]]) -> list[Tensor]:
        seen = [
            [see(lane[0]) for (_, see), lane in zip(ways, pair, strict=True)]
            for ways, pair in zip(orders, memory, strict=True)
        ]
        return [torch.bmm(one, other)[None] for one, other in seen]

    program = CompiledFunction(products, "products", [])
    found = program(memory)
    assert program.engine == "native"
    for (one, other), product in zip(pairs, found, strict=True):
        exact = one.double() @ other.double()
        close = 1e-5 if one.dtype == torch.float32 else 1e-13
        torch.testing.assert_close(product[0].double(), exact, rtol=0, atol=close * one.shape[2])
        assert product.dtype == one.dtype


def test_an_element_of_a_product_has_the_same_bits_in_any_matrix() -> None:
    one, other = torch.randn(1, 20, 40), torch.randn(1, 40, 37)

    def products(one: Tensor, other: Tensor) -> list[Tensor]:
        return [torch.bmm(one, other), torch.bmm(one[:, 11:13], other[:, :, 30:33])]

    whole, corner = CompiledFunction(products, "parts", [])(one, other)
    assert torch.equal(whole[:, 11:13, 30:33], corner)


def test_each_lane_loops_for_its_own_number_of_steps() -> None:
    def step(state: dict[str, Tensor], rate: Tensor, noise: Tensor) -> dict[str, Tensor]:
        state["x"].copy_(state["x"] * rate[:, None] + noise)
        return {"sum": state["x"].sum(1), "all": state["x"] + 0.0}

    state, rate = {"x": torch.tensor([[1.0, 2.0], [10.0, 20.0], [0.0, 0.5]])}, torch.tensor([2.0, 1.0, -1.0])
    noise = torch.tensor([[[1.0, 1.0], [0.0, 5.0], [0.0, 0.0]], [[0.0, 0.0], [1.0, 0.0], [3.0, 0.0]]])
    found = CompiledFunction(step, "steps", [])
    found.load({"x": state["x"].clone()}, rate, noise[0])
    result: Any = found(state, rate, noise)
    # By hand: x -> rate x + noise, twice.
    assert state["x"].tolist() == [[6.0, 10.0], [11.0, 25.0], [3.0, 0.5]]
    assert result["sum"].tolist() == [16.0, 36.0, 3.5]
    assert result["all"].tolist() == state["x"].tolist()
    assert found.engine == "native"


def test_a_function_that_cannot_be_native_is_packaged(cache: Path) -> None:
    def sums(x: Tensor) -> Tensor:
        return x.cumsum(dim=1)[:, 1:] + 0.0

    x = torch.tensor([[3.0, 1.0, 2.0], [-1.0, 5.0, -7.0]])
    program = CompiledFunction(sums, "sums", [])
    assert program(x).tolist() == [[4.0, 6.0], [4.0, -3.0]]
    assert program.engine == "packaged"
    assert program.why_packaged == "no native program can have aten.cumsum.default"
    assert len(list(cache.glob("sums-*.pt2"))) == 1
    assert not list(cache.glob("*.so"))
    again = CompiledFunction(sums, "sums", [])
    again.load(x)
    assert again.why_packaged == program.why_packaged


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("clang++") is None, reason="needs clang++")
def test_clang_compiles_native_programs_next_to_those_of_gcc(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def summed(x: Tensor) -> Tensor:
        return torch.bmm(x, x).tanh() + x.exp() + x.sort(dim=1).values

    monkeypatch.setenv("CXX", "clang++")
    x = torch.randn(2, 20, 20, generator=torch.Generator().manual_seed(0))
    program = CompiledFunction(summed, "summed", [])
    torch.testing.assert_close(program(x), summed(x))
    assert (program.engine, program.remarks) == ("native", [])
    monkeypatch.delenv("CXX")
    monkeypatch.setattr(programs, "_compile", lambda *_: pytest.fail("another program"))
    with pytest.raises(pytest.fail.Exception, match="another program"):
        CompiledFunction(summed, "summed", []).load(x)
    assert len(list(cache.glob("*.sha256"))) == 1


PACKAGE_SUMS = """
import torch
from sinegan.engine.programs import CompiledFunction

def sums(x):
    return x.cumsum(dim=1) + 0.0

program = CompiledFunction(sums, "sums", [])
print(program(torch.tensor([[1.0, 2.0]])).tolist(), program.engine, program.remarks)
"""


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("clang++") is None, reason="needs clang++")
def test_clang_compiles_packaged_programs() -> None:
    # In a process of its own: PyTorch's compiler remembers whether the first C++ compiler was GCC.
    done = subprocess.run(
        [sys.executable, "-c", PACKAGE_SUMS],
        env=os.environ | {"CXX": "clang++"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.stdout, done.stderr) == ("[[1.0, 3.0]] packaged []\n", "")
