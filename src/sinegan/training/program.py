"""The functions of a stack, each over all of its runs: made once for each signature, eager or compiled."""

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.func import vmap

import sinegan.game
import sinegan.training
from sinegan.engine.programs import CompiledFunction, load_all
from sinegan.engine.torch_private import pytree
from sinegan.game.partition import Leaves, combine, components
from sinegan.game.tensors import Tensors
from sinegan.training.metrics import EvaluationBatch, measure
from sinegan.training.signature import Signature
from sinegan.training.step import Game, State, initial_state, step

Draws = list[Tensor]
"""The random numbers of each penalty."""

Advance = Callable[[Leaves, State, Tensor, Tensor, Draws], State]


@dataclass(frozen=True)
class Program:
    """The functions of a signature, each over the whole stack.

    Their first argument is the tree of the rules' float leaves, each a tensor of shape (runs,).
    """

    init: Callable[[Leaves, Tensors, Tensors], State]
    """The state before the first step, from the weights of the generators and of the discriminators."""
    prepare: Callable[[Leaves, State, EvaluationBatch, Tensor, Tensor, Draws], None]
    """Compiles, for tensors like these, whatever has to be compiled. Raises CannotCompileError."""
    advance: Advance
    """Several steps: noise, real curves and draws have a leading axis `steps` before `runs`.

    The state that is passed in may be overwritten.
    """
    measure: Callable[[Leaves, State, EvaluationBatch], Tensors]
    """All metrics, each of shape (runs,)."""
    generate: Callable[[Leaves, State, Tensor], tuple[Tensor, Tensor]]
    """Curves (runs, samples, points) and D's probability that each is real, from noise."""
    engine: Callable[[], str]
    """The engine of steps and metrics, once prepared: `native`, `packaged`, `eager` or `inductor`."""
    remarks: Callable[[], tuple[str, ...]] = tuple
    """Remarks for the user on the preparation, a line each."""


@functools.cache
def program(shared: Signature) -> Program:
    """The functions of a signature, made once in each process because compiling takes long."""
    with torch.device("meta"):
        generator = shared.network.build_generator(shared.points)
        discriminator = shared.network.build_discriminator(shared.points)

    def game_with(leaves: Leaves) -> Game:
        return Game(generator, discriminator, combine(shared.rules, leaves))

    def init(leaves: Leaves, generator: Tensors, discriminator: Tensors) -> State:
        return initial_state(game_with(leaves), generator, discriminator)

    def advance(leaves: Leaves, state: State, noise: Tensor, real: Tensor, draws: Draws) -> State:
        return step(game_with(leaves), state, noise, real, draws)

    def metrics(leaves: Leaves, state: State, batch: EvaluationBatch) -> Tensors:
        game = game_with(leaves)
        measured = measure(game, game.evaluated_weights(state), state.discriminator, batch)
        return measured | shared.network.readings(state.generator, state.discriminator)

    def generate(leaves: Leaves, state: State, noise: Tensor) -> tuple[Tensor, Tensor]:
        game = game_with(leaves)
        fake = game.generate(game.evaluated_weights(state), noise)
        return fake, torch.sigmoid(game.discriminate(state.discriminator, fake))

    make = _ahead_of_time if shared.ahead_of_time else _just_in_time
    return make(shared, vmap(init), vmap(advance), vmap(metrics), vmap(generate))


def _just_in_time(shared: Signature, init: Any, advance: Any, metrics: Any, generate: Any) -> Program:
    """Eager functions; on a GPU, a step that PyTorch compiles in this process."""
    if shared.compiled:
        advance = torch.compile(advance, fullgraph=True, dynamic=False)
    return Program(
        init=init,
        prepare=lambda *_: None,
        advance=_one_by_one(advance),
        measure=metrics,
        generate=generate,
        engine=lambda: "inductor" if shared.compiled else "eager",
    )


def _ahead_of_time(shared: Signature, init: Any, advance: Any, metrics: Any, generate: Any) -> Program:
    """A step and metrics that are compiled once for all processes.

    The number of steps, and which of them are evaluated, is not compiled in.
    """
    parts = (shared.network, shared.rules, *[component for _, component in components(shared.rules)])
    formulas = (sinegan.game, sinegan.training)
    steps = CompiledFunction(_in_place(advance), "advance", (*formulas, *parts))
    evaluation: Any = CompiledFunction(metrics, "measure", (*formulas, *parts))

    def prepare(
        leaves: Leaves, state: State, batch: EvaluationBatch, noise: Tensor, real: Tensor, draws: Draws
    ) -> None:
        one_step = leaves, state, noise[0], real[0], [draw[0] for draw in draws]
        load_all((steps, one_step), (evaluation, (leaves, state, batch)))

    def advanced(leaves: Leaves, state: State, noise: Tensor, real: Tensor, draws: Draws) -> State:
        steps.load(leaves, state, noise[0], real[0], [draw[0] for draw in draws])
        steps(leaves, state, noise, real, draws)
        return state

    def engine() -> str:
        return "packaged" if "packaged" in (steps.engine, evaluation.engine) else steps.engine

    def remarks() -> tuple[str, ...]:
        why = steps.why_packaged
        packaged = [f"Packaged, which is slower: {why}."] if why else []
        return (*packaged, *steps.remarks, *evaluation.remarks)

    return Program(init, prepare, advanced, evaluation, generate, engine, remarks)


def _one_by_one(advance: Advance) -> Advance:
    """Several steps, one after another."""

    def steps(leaves: Leaves, state: State, noise: Tensor, real: Tensor, draws: Draws) -> State:
        for place in range(len(noise)):
            state = advance(leaves, state, noise[place], real[place], [draw[place] for draw in draws])
        return state

    return steps


def _in_place(advance: Advance) -> Callable[..., list[Tensor]]:
    """A step that overwrites the state."""

    def in_place(leaves: Leaves, state: State, noise: Tensor, real: Tensor, draws: Draws) -> list[Tensor]:
        after = advance(leaves, state, noise, real, draws)
        for old, new in zip(pytree.tree_leaves(state), pytree.tree_leaves(after), strict=True):
            old.copy_(new)
        return []

    return in_place
