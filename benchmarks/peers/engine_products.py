"""The matrix products of a step alone, by the engine's own code: programs of products and nothing else."""

from collections import Counter, defaultdict
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.func import vmap

from benchmarks.peers.shared import Training
from benchmarks.products import Product, products_of_step
from benchmarks.works import Work
from sinegan.engine.programs import CompiledFunction
from sinegan.training.loop import engine_settings

Pairs = list[tuple[Tensor, Tensor]]


def by_repetitions(work: Work) -> dict[int, list[Product]]:
    """The different products of a step, by how often it computes each of them.

    A program that computed all of them would have more results than fit into the cache, where those of a step
    make room for each other.
    """
    groups: dict[int, list[Product]] = defaultdict(list)
    for product, times in Counter(products_of_step(work)).items():
        groups[times].append(product)
    return groups


def operands(products: list[Product], runs: int) -> Pairs:
    """Two matrices for each product, (runs, rows, columns), as they are stored."""
    return [
        (
            torch.randn(runs, *((each.k, each.m) if each.first_by_columns else (each.m, each.k))),
            torch.randn(runs, *((each.n, each.k) if each.second_by_columns else (each.k, each.n))),
        )
        for each in products
    ]


def program(products: list[Product]) -> CompiledFunction:
    """Computes these products for each run."""

    def multiply(pairs: Pairs) -> list[Tensor]:
        return [
            (first.T if product.first_by_columns else first)
            @ (second.T if product.second_by_columns else second)
            for product, (first, second) in zip(products, pairs, strict=True)
        ]

    return CompiledFunction(vmap(multiply), "products", products)


@torch.no_grad()
def prepare(work: Work, learning_rates: list[float], steps: int, lanes: int) -> Training:
    """Prepares the products of all runs, whatever `lanes` is; they have no RMSE."""
    del lanes
    runs = len(learning_rates)
    calls = []
    for times, products in by_repetitions(work).items():
        compiled, pairs = program(products), operands(products, runs)
        compiled.load(pairs)
        (first, second), *others = pairs
        calls.append((compiled, [(first.expand(steps * times, *first.shape), second), *others]))

    @torch.no_grad()
    def train() -> Callable[[], Any]:
        with engine_settings():
            for compiled, arguments in calls:
                compiled(arguments)
        return lambda: np.full(runs, np.nan)

    return train
