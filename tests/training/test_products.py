"""Our matrix products are matrix products, of whatever shape, order of memory and precision."""

from pathlib import Path

import pytest
import torch
from torch import Tensor

from sinegan.training import ahead_of_time
from sinegan.training.ahead_of_time import AheadOfTime
from sinegan.training.products import OURS, OWN

pytestmark = pytest.mark.skipif(not OWN, reason="with this PyTorch the products are those of its BLAS")

SHAPES = [
    # lanes, rows, summed, columns: whole tiles and vectors, less than one, one more, and next to nothing
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
DTYPES = [torch.float32, torch.float64]


def orders(tensor: Tensor) -> list[Tensor]:
    """The same matrices: row by row, column by column, and as every second element of something wider."""
    gaps = tensor.new_zeros(*tensor.shape[:2], 2 * tensor.shape[2])[..., ::2]
    return [tensor, tensor.mT.contiguous().mT, gaps.copy_(tensor)]


def pairs() -> list[tuple[Tensor, Tensor]]:
    made = torch.Generator().manual_seed(0)
    found = []
    for place, (lanes, rows, summed, columns) in enumerate(SHAPES):
        for dtype in DTYPES:
            left = torch.randn(lanes, rows, summed, generator=made, dtype=dtype)
            right = torch.randn(lanes, summed, columns, generator=made, dtype=dtype)
            found.append((orders(left)[place % 3], orders(right)[place // 3]))
    return found


def products(pairs: list[tuple[Tensor, Tensor]]) -> list[Tensor]:
    return [torch.bmm(one, other) for one, other in pairs]


def test_products_are_those_of_linear_algebra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ahead_of_time.FOLDER, str(tmp_path))
    given = pairs()
    found = AheadOfTime(products, "products", [])(given)
    (program,) = tmp_path.glob("*.pt2")
    assert OURS.encode() in program.read_bytes()  # what is tested is ours and not the BLAS's
    for (one, other), product in zip(given, found, strict=True):
        exact = one.double() @ other.double()
        close = 1e-5 if one.dtype == torch.float32 else 1e-13
        torch.testing.assert_close(product.double(), exact, rtol=0, atol=close * one.shape[2])
        assert product.dtype == one.dtype


def test_an_element_is_summed_in_order_whatever_is_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(ahead_of_time.FOLDER, str(tmp_path))
    one, other = torch.randn(5, 20, 40), torch.randn(5, 40, 37)
    cut = [(one, other), (one[3:4], other[3:4]), (one[3:4, 11:13], other[3:4, :, 30:33])]
    whole, lane, corner = AheadOfTime(products, "parts", [])([(a.clone(), b.clone()) for a, b in cut])
    assert torch.equal(whole[3:4], lane)
    assert torch.equal(whole[3:4, 11:13, 30:33], corner)
