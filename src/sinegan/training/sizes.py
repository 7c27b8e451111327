"""The sizes of both players, counted on modules of their own."""

import contextlib
import functools
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from sinegan.engine.kernels import environment
from sinegan.game.networks import Players


@dataclass(frozen=True)
class Sizes:
    """Numbers in both players."""

    weights: int
    generator_row: int
    """Numbers that the generator's forward pass makes for each row."""
    discriminator_row: int
    """Numbers that the discriminator's forward pass makes for each row."""
    constant: int
    """Numbers that both forward passes make whatever the number of rows."""


SMALL = 10**6
"""Players of at most so many weights and inputs are counted while they run."""


@functools.lru_cache(maxsize=1024)
def player_sizes(network: Players, points: int) -> Sizes:
    """The sizes of both players.

    Raises:
        Exception: whatever a network raises that cannot be built.
    """
    generator, discriminator = _modules(network, points)
    of_generator = [_made(generator, network.latent, rows) for rows in (1, 2)]
    of_discriminator = [_made(discriminator, points, rows) for rows in (1, 2)]
    generator_row = of_generator[1] - of_generator[0]
    discriminator_row = of_discriminator[1] - of_discriminator[0]
    constant = of_generator[0] + of_discriminator[0] - generator_row - discriminator_row
    return Sizes(weight_count(network, points), generator_row, discriminator_row, constant)


def weight_count(network: Players, points: int) -> int:
    """The weights of both players. Raises whatever a network raises that cannot be built."""
    return sum(numbers_in(player) for player in weights_of(network, points))


def weights_of(network: Players, points: int) -> list[dict[str, Tensor]]:
    """Weights of the generator and of the discriminator, for their shapes; large ones have no values."""
    return [dict(module.named_parameters()) for module in _modules(network, points)]


def numbers_in(tensors: Mapping[str, Tensor]) -> int:
    return sum(tensor.numel() for tensor in tensors.values())


@functools.lru_cache(maxsize=16)
def _modules(network: Players, points: int) -> tuple[nn.Module, nn.Module]:
    """Both players, without values where they are large.

    Small ones have values, because PyTorch loads its compiler, in seconds, to compute without.
    """
    valueless = _built(network, points, torch.device("meta"))
    inputs = network.latent + points
    if inputs + sum(weight.numel() for module in valueless for weight in module.parameters()) > SMALL:
        return valueless
    with torch.random.fork_rng(devices=[]):
        return _built(network, points, torch.device("cpu"))


def _built(network: Players, points: int, device: torch.device) -> tuple[nn.Module, nn.Module]:
    with device:
        return network.build_generator(points), network.build_discriminator(points)


class _Counting(TorchFunctionMode):
    """Within this context, counts the numbers in all tensors that functions of PyTorch return."""

    def __init__(self) -> None:
        super().__init__()
        self.numbers = 0

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        if isinstance(result, Tensor):
            self.numbers += result.numel()
        return result


def _made(module: nn.Module, inputs: int, rows: int) -> int:
    """The numbers that a forward pass makes, up to where it fails."""
    device = next((weight.device for weight in module.parameters()), torch.device("cpu"))
    batch, counting = torch.zeros((rows, inputs), device=device), _Counting()
    # Without values, PyTorch loads its compiler, which would make a folder of a name that others can take.
    no_new_folder = environment("TORCHINDUCTOR_CACHE_DIR", tempfile.gettempdir())
    with no_new_folder, device, torch.no_grad(), contextlib.suppress(Exception), counting:
        module(batch)
    return counting.numbers
