"""What a stack does, as functions over its runs, made once for a signature: eager or compiled."""

import functools
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor
from torch.func import vmap

import sinegan.game
import sinegan.training
from sinegan.engine.programs import CompiledFunction, load_all
from sinegan.engine.torch_private import pytree
from sinegan.game.optimisers import Tensors
from sinegan.training.metrics import Fresh, measure
from sinegan.training.signature import Signature
from sinegan.training.step import Game, State, step

Settings = dict[str, Tensors]
"""The float settings of each component, each of shape (runs,)."""

Draws = list[Tensor]
"""The random numbers of each penalty."""


Advance = Callable[[Settings, State, Tensor, Tensor, Draws], State]


@dataclass(frozen=True)
class Program:
    """The functions of a signature, each over the whole stack."""

    game: Game
    prepare: Callable[[Settings, State, Fresh, Tensor, Tensor, Draws], None]
    """Compiles what is to be compiled, for tensors like these. Raises CannotCompileError."""
    advance: Advance
    """Several steps: noise, real curves and draws have a leading axis `steps` before `runs`.

    The state that it is given may be overwritten.
    """
    measure: Callable[[Settings, State, Fresh], Tensors]
    paint: Callable[[State, Tensor], tuple[Tensor, Tensor]]
    engine: Callable[[], str]
    """What steps and metrics are computed by, once prepared: `native`, `packaged`, `eager` or `inductor`."""
    remarks: Callable[[], tuple[str, ...]] = tuple
    """What the user should know of how it was prepared, a line each."""


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
        )

    def with_settings(settings: Settings) -> Game:
        def filled(component: Any, part: str) -> Any:
            return replace(component, **settings[part])

        filled_game: Game = replace(
            filled(game, "game"),
            loss=filled(game.loss, "loss"),
            optim=filled(game.optim, "optim"),
            lr_schedule=filled(game.lr_schedule, "lr_schedule"),
            average=filled(game.average, "average"),
            penalties=tuple(filled(each, f"penalty.{place}") for place, each in enumerate(game.penalties)),
        )
        return filled_game

    def advance_one(settings: Settings, state: State, noise: Tensor, real: Tensor, draws: Draws) -> State:
        return step(with_settings(settings), state, noise, real, draws)

    def measure_one(settings: Settings, state: State, fresh: Fresh) -> Tensors:
        game = with_settings(settings)
        found = measure(game, game.shown(state), state.discriminator, fresh)
        return found | shared.network.readings(state.generator, state.discriminator)

    def paint_one(state: State, noise: Tensor) -> tuple[Tensor, Tensor]:
        fake = game.paint(game.shown(state), noise)
        return fake, torch.sigmoid(game.judge(state.discriminator, fake))

    advance: Any = vmap(advance_one)
    if shared.compiled and not shared.programs:
        advance = torch.compile(advance, fullgraph=True, dynamic=False)
    if not shared.programs:
        engine = "inductor" if shared.compiled else "eager"
        return Program(
            game, _nothing, _one_by_one(advance), vmap(measure_one), vmap(paint_one), lambda: engine
        )
    # How many steps there are, and when it is looked at, is not compiled in.
    parts = (*_parts(shared), shared.discriminator_steps, shared.alternating)
    formulas = (sinegan.game, sinegan.training)
    steps = CompiledFunction(_in_place(advance), "advance", (*formulas, *parts))
    look: Any = CompiledFunction(vmap(measure_one), "measure", (*formulas, *parts))

    def prepare(
        settings: Settings, state: State, fresh: Fresh, noise: Tensor, real: Tensor, draws: Draws
    ) -> None:
        one_step = settings, state, noise[0], real[0], [draw[0] for draw in draws]
        load_all((steps, one_step), (look, (settings, state, fresh)))

    def advanced(settings: Settings, state: State, noise: Tensor, real: Tensor, draws: Draws) -> State:
        steps.load(settings, state, noise[0], real[0], [draw[0] for draw in draws])
        steps(settings, state, noise, real, draws)
        return state

    def engines() -> str:
        return "packaged" if "packaged" in (steps.engine, look.engine) else steps.engine

    def remarks() -> tuple[str, ...]:
        return (*steps.remarks, *look.remarks)

    return Program(game, prepare, advanced, look, vmap(paint_one), engines, remarks)


def _parts(shared: Signature) -> tuple[Any, ...]:
    """What a program depends on beside its tensors."""
    return shared.network, shared.loss, shared.optim, *shared.penalties, shared.lr_schedule, shared.average


def _one_by_one(advance: Advance) -> Advance:
    """Step after step."""

    def steps(settings: Settings, state: State, noise: Tensor, real: Tensor, draws: Draws) -> State:
        for place in range(len(noise)):
            now = [draw[place] for draw in draws]
            state = advance(settings, state, noise[place], real[place], now)
        return state

    return steps


def _in_place(advance: Advance) -> Callable[..., list[Tensor]]:
    """A step that writes over the state."""

    def in_place(settings: Settings, state: State, noise: Tensor, real: Tensor, draws: Draws) -> list[Tensor]:
        after = advance(settings, state, noise, real, draws)
        for old, new in zip(pytree.tree_leaves(state), pytree.tree_leaves(after), strict=True):
            old.copy_(new)
        return []

    return in_place


def _nothing(*_: Any) -> None:
    """What an eager stack has to prepare."""
