"""The matrix products of a step: which there are, and how many floating-point operations they take."""

from functools import partial
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.fx import Graph, Node
from torch.fx.experimental.proxy_tensor import make_fx

from benchmarks.peers.engine import configuration, game_of
from benchmarks.works import Work
from sinegan.training import streams
from sinegan.training.step import initial_state, step


class Product(NamedTuple):
    """A product of an (m, k) matrix and a (k, n) matrix, each stored by rows or by columns."""

    m: int
    k: int
    n: int
    first_by_columns: bool
    second_by_columns: bool

    @property
    def operations(self) -> int:
        """Multiplications and additions."""
        return 2 * self.m * self.k * self.n


def products_of_step(work: Work) -> list[Product]:
    """The products that a step needs, as its rules write them; none twice, and none that nothing uses."""
    graph = _graph_of_step(work)
    products = []
    for node in _without_repetitions(graph):
        if node.target in (torch.ops.aten.mm.default, torch.ops.aten.addmm.default):
            first, second = (argument.meta["val"] for argument in node.args[-2:])  # type: ignore[union-attr]
            (m, k), n = first.shape, second.shape[1]
            products.append(Product(m, k, n, _by_columns(first), _by_columns(second)))
    return products


def operations_of_step(work: Work) -> int:
    """The floating-point operations of a step's products."""
    return sum(product.operations for product in products_of_step(work))


def _graph_of_step(work: Work) -> Graph:
    """The tensor operations of one step of one run."""
    setup = configuration(work).setup
    rules, points = setup.rules, setup.target.points
    game, generator, discriminator = game_of(setup, seed=0)
    rows = (setup.training.discriminator_steps, setup.training.batch_size)
    rng = streams.stream(0, streams.PENALTY)
    draws = [torch.from_numpy(penalty.draw(rows, points, rng)).float() for penalty in rules.penalties]
    noise = torch.zeros(*rows, setup.network.latent)
    real = torch.zeros(*(rows if setup.target.family else (1, 1)), points)
    state = initial_state(game, generator, discriminator)
    traced = make_fx(partial(step, game), tracing_mode="fake")(state, noise, real, draws)
    traced.graph.eliminate_dead_code()
    return traced.graph


def _without_repetitions(graph: Graph) -> list[Node]:
    """The nodes of a graph, without those that compute what one before them has."""
    same: dict[Node, Node] = {}
    first: dict[Any, Node] = {}
    for node in graph.nodes:
        arguments = torch.fx.map_arg((node.args, node.kwargs), lambda each: same[each])
        key = node.name if node.op == "placeholder" else (node.target, str(arguments))
        same[node] = first.setdefault(key, node)
    return list(dict.fromkeys(same.values()))


def _by_columns(matrix: Tensor) -> bool:
    return matrix.stride(0) == 1 and matrix.shape[0] > 1 and matrix.stride(1) != 1
