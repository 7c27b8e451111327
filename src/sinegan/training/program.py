"""What a stack does, as functions over its runs, made once for a signature: eager or compiled."""

import functools
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor
from torch.func import vmap
from torch.utils import _pytree as pytree

from sinegan.training.ahead_of_time import AheadOfTime
from sinegan.training.metrics import Fresh, measure, projections
from sinegan.training.optimisers import Tensors
from sinegan.training.signature import Signature
from sinegan.training.step import Game, State, step

LANES = 2
"""Lanes of a program that is compiled ahead of time; what it works on fits a level-2 cache."""

Settings = dict[str, Tensors]
"""The float settings of each component, each of shape (runs,)."""

Draws = list[Tensor]
"""The random numbers of each penalty."""


@dataclass(frozen=True)
class Program:
    """The functions of a signature, each over the whole stack."""

    game: Game
    lanes: int | None
    """How many lanes `advance` and `measure` take at a time; None for any number."""
    advance: Callable[[Settings, State, Tensor, Tensor, Draws], State]
    """Several steps: noise, real curves and draws have a leading axis `steps` before `runs`.

    The state that it is given may be overwritten.
    """
    measure: Callable[[Settings, State, Fresh], Tensors]
    paint: Callable[[State, Tensor], tuple[Tensor, Tensor]]


@functools.cache
def program(shared: Signature) -> Program:
    """Made once a process and signature: compiling is what takes long."""
    with torch.device("meta"):
        game = Game(
            shared.network.build_generator(shared.points),
            shared.network.build_discriminator(shared.points),
            shared.loss,
            shared.optim,
            shared.discriminator_steps,
            shared.penalties,
            shared.alternating,
            shared.lr_schedule,
            shared.average,
            shared.steps,
        )

    def with_settings(settings: Settings) -> Game:
        def filled(component: Any, part: str) -> Any:
            return replace(component, **settings[part])

        return replace(
            game,
            loss=filled(game.loss, "loss"),
            optim=filled(game.optim, "optim"),
            lr_schedule=filled(game.lr_schedule, "lr_schedule"),
            average=filled(game.average, "average"),
            penalties=tuple(filled(each, f"penalty.{place}") for place, each in enumerate(game.penalties)),
        )

    directions = projections(shared.points, getattr(torch, shared.dtype)).to(shared.device)

    def advance_one(settings: Settings, state: State, noise: Tensor, real: Tensor, draws: Draws) -> State:
        return step(with_settings(settings), state, noise, real, draws)

    def measure_one(settings: Settings, state: State, fresh: Fresh) -> Tensors:
        game = with_settings(settings)
        found = measure(game, game.shown(state), state.discriminator, fresh, directions)
        return found | shared.network.readings(state.generator, state.discriminator)

    def paint_one(state: State, noise: Tensor) -> tuple[Tensor, Tensor]:
        fake = game.paint(game.shown(state), noise)
        return fake, torch.sigmoid(game.judge(state.discriminator, fake))

    advance: Any = vmap(advance_one)
    if not shared.compiled:
        return Program(game, None, _one_by_one(advance), vmap(measure_one), vmap(paint_one))
    if shared.device != "cpu":
        advance = torch.compile(advance, fullgraph=True, dynamic=False)
        return Program(game, None, _one_by_one(advance), vmap(measure_one), vmap(paint_one))
    # When it is looked at, and on how many samples, is not compiled in.
    parts = (*_parts(shared), shared.discriminator_steps, shared.alternating, shared.steps)
    steps = _in_place(advance, parts)
    looks: Any = AheadOfTime(vmap(measure_one), "measure", parts[:-1])
    return Program(game, LANES, steps, looks, vmap(paint_one))


def _parts(shared: Signature) -> tuple[Any, ...]:
    """What a program depends on beside its tensors."""
    return shared.network, shared.loss, shared.optim, *shared.penalties, shared.lr_schedule, shared.average


def _one_by_one(advance: Callable[[Settings, State, Tensor, Tensor, Draws], State]) -> Any:
    """Step after step."""

    def steps(settings: Settings, state: State, noise: Tensor, real: Tensor, draws: Draws) -> State:
        for place in range(len(noise)):
            now = [draw[place] for draw in draws]
            state = advance(settings, state, noise[place], real[place], now)
        return state

    return steps


def _in_place(advance: Callable[[Settings, State, Tensor, Tensor, Draws], State], parts: Any) -> Any:
    """Step after step, ahead of time and in place: the state of a few lanes stays in the cache."""

    def in_place(settings: Settings, state: State, noise: Tensor, real: Tensor, draws: Draws) -> list[Tensor]:
        after = advance(settings, state, noise, real, draws)
        for old, new in zip(pytree.tree_leaves(state), pytree.tree_leaves(after), strict=True):
            old.copy_(new)
        return []

    one_step = AheadOfTime(in_place, "advance", parts)

    def steps(settings: Settings, state: State, noise: Tensor, real: Tensor, draws: Draws) -> State:
        run = one_step.flat(settings, state, noise[0], real[0], [draw[0] for draw in draws])
        same = [*pytree.tree_leaves(settings), *pytree.tree_leaves(state)]
        for place in range(len(noise)):
            run([*same, noise[place], real[place], *(draw[place] for draw in draws)])
        return state

    return steps
