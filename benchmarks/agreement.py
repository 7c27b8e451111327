"""Checks that the JAX peer trains as sinegan does: the same steps from the same weights and random numbers.

    python -m benchmarks.agreement r1_ring --dtype float64

Both train a few runs for STEPS steps, sinegan from its own start, JAX from sinegan's initial weights with
sinegan's noise, real curves and penalty draws. Then the losses of the first step and the weights and moments
after the last are compared. In float64 sinegan's step is eager, which shows that both play the same game; in
float32 both steps are those that are timed. Prints the differences as JSON, and exits with an error if one is
above TOLERANCE.
"""

import argparse
import json
import sys
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from benchmarks.peers.engine import configuration, game_of
from benchmarks.peers.jax_game import Batch, Layers, Player, gradients
from benchmarks.peers.jax_scan import Players, advance, initial_player
from benchmarks.works import WORKS, Work
from sinegan.config import Config
from sinegan.training import step, streams
from sinegan.training.loop import engine_settings
from sinegan.training.signature import Run
from sinegan.training.stack import BLOCK, Stack

RUNS, STEPS = 2, 5
SETTINGS = {
    "float64": ("training.dtype=float64", "training.compile=never"),
    "float32": ("training.dtype=float32", "training.compile=always"),
}
TOLERANCE = {"float64": 1e-9, "float32": 1e-3}
"""The largest difference between two ways that do the same work."""
TOLERANCE_OF_WEIGHTS = {"float64": 1e-9, "float32": 3e-2}
"""The same for weights. It is larger in float32: where a unit of a Wasserstein critic is active on all
curves, the gradient by its bias is 0, and Adam makes whole steps of the rounding errors."""

Array = NDArray[Any]


def random_numbers(config: Config, seed: int) -> tuple[Array, Array, list[Array]]:
    """A run's noise, real curves and penalty draws for STEPS steps, as `Stack` draws them."""
    setup, training = config.setup, config.training
    rows = (training.discriminator_steps, training.batch_size)
    latent, points = setup.network.latent, setup.target.points
    noise = streams.stream(seed, streams.NOISE, 0).standard_normal(
        (BLOCK, *rows, latent), getattr(np, training.dtype)
    )
    data = streams.stream(seed, streams.DATA, 0)
    if setup.target.family:
        real = setup.target.draw(BLOCK * rows[0] * rows[1], data).reshape(BLOCK, *rows, points)
    else:
        real = np.broadcast_to(setup.target.draw(1, data), (BLOCK, 1, 1, points))
    draws = [
        penalty.draw((BLOCK, *rows), points, streams.stream(seed, streams.PENALTY, 0, type(penalty).__name__))
        for penalty in setup.rules.penalties
    ]
    return noise[:STEPS], real[:STEPS], [draw[:STEPS] for draw in draws]


def as_layers(weights: Mapping[str, Tensor]) -> Layers:
    """The weights of linear layers, (lanes, ...), as the JAX peer has them: inputs before outputs."""
    numbers = sorted({int(name.partition(".")[0]) for name in weights})
    return [
        {
            "weight": jnp.array(weights[f"{number}.weight"].mT.numpy()),
            "bias": jnp.array(weights[f"{number}.bias"].numpy()),
        }
        for number in numbers
    ]


def as_players(stack: Stack) -> Players:
    """The players of a stack, as the JAX peer has them."""

    def player(weights: Mapping[str, Tensor], memory: Mapping[str, Mapping[str, Tensor]]) -> Player:
        moments = as_layers(memory["mean"]), as_layers(memory["square"])
        return Player(as_layers(weights), *moments, jnp.array(memory["time"]["t"].numpy()))

    state = stack.state
    return (
        player(state.generator, state.generator_memory),
        player(state.discriminator, state.discriminator_memory),
    )


def first_losses(config: Config, seed: int) -> list[float]:
    """Both players' losses on the first batch of a run, by sinegan's own formulas."""
    game, generator, discriminator = game_of(config.setup, seed)
    noise, real, draws = random_numbers(config, seed)
    dtype = getattr(torch, config.training.dtype)
    batch = [torch.tensor(numbers[0][0], dtype=dtype) for numbers in (noise, real, *draws)]
    found = step.gradients(game, generator, discriminator, batch[0], batch[1], batch[2:])
    return [float(found.generator_loss), float(found.discriminator_loss)]


def distance(one: Any, other: Any) -> float:
    """The Euclidean distance between two trees of arrays."""
    pairs = zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True)
    return float(np.sqrt(sum(np.square(np.asarray(a, float) - np.asarray(b, float)).sum() for a, b in pairs)))


def compare_states(start: Players, ours: Players, theirs: Players) -> dict[str, float]:
    """The differences after training: of weights relative to the distance moved, of moments to their size."""
    found = {}
    for name, before, one, other in zip(("generator", "discriminator"), start, ours, theirs, strict=True):
        found[f"{name}'s weights"] = distance(one.weights, other.weights) / distance(
            one.weights, before.weights
        )
        for moment in ("mean", "square"):
            a, b, zero = (getattr(each, moment) for each in (one, other, before))
            found[f"{name}'s {moment}"] = distance(a, b) / distance(a, zero)
        found[f"{name}'s updates"] = distance(one.t, other.t)
    return found


def compare(work: Work, peer: Work, dtype: str) -> dict[str, float]:
    """The differences between sinegan and the JAX peer, by what was compared.

    Arguments:
        work: what sinegan trains.
        peer: what the JAX peer trains, which is the same work.
        dtype: a key of SETTINGS.
    """
    config = configuration(work, f"training.steps={STEPS}", *SETTINGS[dtype])
    seeds = range(RUNS)
    stack = Stack([Run(config.setup, seed) for seed in seeds])
    start = as_players(stack)
    with engine_settings():
        stack.advance(STEPS)
    numbers = [random_numbers(config, seed) for seed in seeds]
    noise, real, *mixing = (
        jnp.asarray(np.stack(each, 1), dtype)
        for each in zip(*((n, r, *d) for n, r, d in numbers), strict=True)
    )
    batches = Batch(noise, real, mixing[0] if peer.penalty == "wgan_gp" else None)
    generator, discriminator = (player.weights for player in start)
    players = initial_player(generator), initial_player(discriminator)

    def losses(generator: Layers, discriminator: Layers, batch: Batch) -> list[Any]:
        return list(gradients(peer, generator, discriminator, batch.part(0))[2:])

    of_lanes = jax.vmap(losses)(generator, discriminator, jax.tree.map(lambda each: each[0], batches))
    expected = np.array([first_losses(config, seed) for seed in seeds])
    rates = jnp.full(RUNS, config.optim.lr, dtype)
    found = compare_states(start, as_players(stack), advance(peer)(players, rates, batches))
    return {"losses": distance(np.stack(of_lanes, 1), expected) / distance(expected, 0 * expected), **found}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("work", choices=WORKS)
    parser.add_argument("--dtype", choices=SETTINGS, default="float64")
    parser.add_argument("--peer", choices=WORKS, help="another work for the JAX peer, to see that it differs")
    args = parser.parse_args()
    jax.config.update("jax_enable_x64", args.dtype == "float64")
    found = compare(WORKS[args.work], WORKS[args.peer or args.work], args.dtype)
    print(json.dumps(found))
    if not all(
        value <= (TOLERANCE_OF_WEIGHTS if "weights" in what else TOLERANCE)[args.dtype]
        for what, value in found.items()
    ):
        sys.exit(f"{args.work}, {args.dtype}: the JAX peer does other work")


if __name__ == "__main__":
    main()
