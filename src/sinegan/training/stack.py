"""The same step for many runs at once: one tensor program with a leading axis `runs`."""

import dataclasses
import functools
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.func import stack_module_state, vmap
from torch.utils import _pytree as pytree

from sinegan.config import Config
from sinegan.game.losses import Loss
from sinegan.game.networks import Players
from sinegan.game.penalties import Penalty
from sinegan.training import streams
from sinegan.training.ahead_of_time import AheadOfTime
from sinegan.training.averages import Average
from sinegan.training.metrics import Fresh, measure, projections
from sinegan.training.optimisers import Optimiser, Tensors
from sinegan.training.schedules import Schedule
from sinegan.training.step import Game, State, beginning, step

BLOCK = 100
"""Steps whose random numbers are drawn at once. Part of every run's numbers: never change it."""

FEWEST_LANES = 2
"""A batched product of one matrix takes another path in BLAS, with other last bits."""

LANES = 2
"""Lanes of a program that is compiled ahead of time; what it works on fits a level-2 cache."""

PAYS_FROM = 2_000
"""With `compile=auto`, the steps from which compiling (tens of seconds, once) is worth its time."""

T = TypeVar("T", Loss, Optimiser, Penalty, Schedule, Average)
Nested = TypeVar("Nested")
Settings = dict[str, Tensors]
Draws = list[Tensor]
"""The random numbers of each penalty."""


class Run(NamedTuple):
    """One GAN: a configuration and one of its seeds."""

    config: Config
    seed: int


@dataclass(frozen=True)
class Signature:
    """What must be equal for runs to share a stack. All else is data with a leading runs axis.

    The float settings of loss, optimiser, penalties, schedule and average are data: blank here.
    """

    network: Players
    loss: Loss
    optim: Optimiser
    penalties: tuple[Penalty, ...]
    lr_schedule: Schedule
    average: Average
    alternating: bool
    points: int
    modes: int
    family: bool
    steps: int
    batch_size: int
    discriminator_steps: int
    schedule: tuple[int, ...]
    picture_steps: tuple[int, ...]
    evaluation_samples: int
    device: str
    dtype: str
    compiled: bool


def signature(config: Config) -> Signature:
    training = config.training
    return Signature(
        network=config.network,
        loss=_blank(config.loss),
        optim=_blank(config.optim),
        penalties=tuple(_blank(penalty) for penalty in config.penalty),
        lr_schedule=_blank(config.lr_schedule),
        average=_blank(config.average),
        alternating=training.updates == "alternating",
        points=config.target.points,
        modes=len(config.target.modes().centers),
        family=config.target.family,
        steps=training.steps,
        batch_size=training.batch_size,
        discriminator_steps=training.discriminator_steps,
        schedule=tuple(config.schedule()),
        picture_steps=tuple(config.picture_steps()),
        evaluation_samples=training.evaluation_samples,
        device="cuda" if training.on_gpu else "cpu",
        dtype=training.dtype,
        compiled=is_compiled(config),
    )


def is_compiled(config: Config) -> bool:
    """Whether the engine compiles the step of this configuration.

    Depends on the configuration and the machine alone, never on the rest of the sweep: eager and
    compiled programs differ in the last bits.
    """
    if config.training.compile == "auto":
        compiler = any(shutil.which(name) for name in ("g++", "clang++", "c++"))
        return compiler and config.training.steps >= PAYS_FROM
    return config.training.compile == "always"


def _float_fields(component: Any) -> list[str]:
    return [f.name for f in dataclasses.fields(component) if f.type in (float, "float")]


def _blank(component: T) -> T:
    blanked: T = replace(component, **dict.fromkeys(_float_fields(component), 0.0))
    return blanked


def _components(config: Config) -> dict[str, Any]:
    """The parts of a configuration whose float settings the runs of one stack may differ in."""
    numbered = {f"penalty.{place}": penalty for place, penalty in enumerate(config.penalty)}
    named = {name: getattr(config, name) for name in ("loss", "optim", "lr_schedule", "average")}
    return named | numbered


def _settings(config: Config) -> dict[str, dict[str, float]]:
    """The float settings of each component."""
    return {
        part: {name: getattr(component, name) for name in _float_fields(component)}
        for part, component in _components(config).items()
    }


@dataclass(frozen=True)
class Program:
    """The functions of a signature, each over the whole stack."""

    game: Game
    lanes: int | None
    """How many lanes `advance` and `measure` take at a time; None for any number."""
    advance: Callable[[Settings, State, Tensor, Tensor, Draws], State]
    """Several steps: noise, real curves and draws have a leading axis `steps` before `runs`."""
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
    steps = _on_bare_tensors(advance, parts)
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


def _on_bare_tensors(advance: Callable[[Settings, State, Tensor, Tensor, Draws], State], parts: Any) -> Any:
    """Step after step, ahead of time; nesting the tensors at each step would cost as much as a layer."""

    def bare(settings: Settings, state: State, noise: Tensor, real: Tensor, draws: Draws) -> list[Tensor]:
        after = advance(settings, state, noise, real, draws)
        assert pytree.tree_structure(after) == pytree.tree_structure(state)
        leaves: list[Tensor] = pytree.tree_leaves(after)
        return leaves

    one_step = AheadOfTime(bare, "advance", parts)

    def steps(settings: Settings, state: State, noise: Tensor, real: Tensor, draws: Draws) -> State:
        run = one_step.flat(settings, state, noise[0], real[0], [draw[0] for draw in draws])
        fixed = pytree.tree_leaves(settings)
        moving, shape = pytree.tree_flatten(state)
        for place in range(len(noise)):
            moving = run([*fixed, *moving, noise[place], real[place], *(draw[place] for draw in draws)])
        after: State = pytree.tree_unflatten(moving, shape)
        return after

    return steps


class Stack:
    """Runs of one signature and their state, advanced together.

    Spare lanes repeat the last run: there are at least FEWEST_LANES, and a compiled program takes
    LANES at a time.
    """

    def __init__(self, runs: Sequence[Run]) -> None:
        self.runs = list(runs)
        self.shared = signature(self.runs[0].config)
        different = [run for run in self.runs if signature(run.config) != self.shared]
        if different:
            raise ValueError(
                f"{len(different)} of {len(self.runs)} runs have another signature than the first"
            )
        self._program = program(self.shared)
        lanes = max(len(self.runs), FEWEST_LANES)
        at_once = self._program.lanes or lanes
        lanes += -lanes % at_once
        self._lanes = self.runs + [self.runs[-1]] * (lanes - len(self.runs))
        self._chunks = [slice(first, first + at_once) for first in range(0, lanes, at_once)]
        self._dtype: torch.dtype = getattr(torch, self.shared.dtype)
        self._place = {"device": self.shared.device, "dtype": self._dtype}
        self._settings = {
            part: {
                name: torch.tensor([_settings(run.config)[part][name] for run in self._lanes], **self._place)
                for name in fields
            }
            for part, fields in _settings(self.runs[0].config).items()
        }
        modes = [run.config.target.modes() for run in self._lanes]
        self._centers = self._tensor(np.stack([each.centers for each in modes]))
        self._stds = self._tensor(np.array([each.std for each in modes]))
        self._block: tuple[int, Tensor, Tensor, Draws] | None = None
        self.step = 0
        self.state = self._initial_state()

    def _initial_state(self) -> State:
        network, points = self.shared.network, self.shared.points
        players: list[Tensors] = []
        for player, build in enumerate((network.build_generator, network.build_discriminator)):
            modules = [streams.initialised(run.seed, player, build, points) for run in self._lanes]
            weights = stack_module_state(modules)[0]
            players.append({name: tensor.detach().to(**self._place) for name, tensor in weights.items()})
        return vmap(functools.partial(beginning, self._program.game))(*players)

    @torch.no_grad()
    def advance(self, until: int) -> None:
        """Trains from the present step to step `until`."""
        while self.step < until:
            block, first = divmod(self.step, BLOCK)
            last = min(BLOCK, first + until - self.step)
            noise, real, draws = self._random_block(block)
            ended = [
                self._program.advance(
                    _cut(self._settings, chunk),
                    _cut(self.state, chunk),
                    noise[first:last, chunk],
                    real[first:last, chunk],
                    [draw[first:last, chunk] for draw in draws],
                )
                for chunk in self._chunks
            ]
            self.state = _joined(ended)
            self.step += last - first

    @torch.no_grad()
    def measure(self) -> dict[str, NDArray[np.float64]]:
        """All metrics at the present step, on fresh noise, each of shape (runs,)."""
        drawn = [self._evaluation_draw(run) for run in self._lanes]
        noise, real, again = (self._tensor(np.stack(each)) for each in zip(*drawn, strict=True))
        shape = (self.shared.evaluation_samples,)
        draws = self._penalty_draws(streams.PENALTY_EVALUATION, self.step, shape)
        fresh = Fresh(noise, real, again, self._centers, self._stds, draws)
        measured = [
            self._program.measure(_cut(self._settings, chunk), _cut(self.state, chunk), _cut(fresh, chunk))
            for chunk in self._chunks
        ]
        found = _joined(measured)
        return {name: self._array(tensor) for name, tensor in found.items()}

    @torch.no_grad()
    def paint(self, samples: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Generated curves (runs, samples, points) and D's probability that each is real (runs, samples)."""
        draws = [
            streams.stream(run.seed, streams.EVALUATION, self.step).standard_normal(
                (samples, self.shared.network.latent)
            )
            for run in self._lanes
        ]
        fake, probability = self._program.paint(self.state, self._tensor(np.stack(draws)))
        return self._array(fake), self._array(probability)

    def finite_steps(self) -> NDArray[np.float64]:
        """How many steps of each run had finite losses, shape (runs,)."""
        return self._array(self.state.finite_steps)

    def saved(self, lanes: Sequence[int] | None = None) -> dict[str, Any]:
        """The state of some runs, or all: seeds, steps, and tensors on the CPU with axis `runs`."""
        chosen = torch.tensor(range(len(self.runs)) if lanes is None else lanes)
        kept = pytree.tree_map(lambda tensor: tensor[chosen].cpu(), self.state)
        seeds = [self.runs[lane].seed for lane in chosen.tolist()]
        return {"seeds": seeds, "steps": [self.step] * len(seeds), "state": kept._asdict()}

    def restore(self, saved: dict[str, Any]) -> None:
        """Goes on from what `saved` gave of the same runs, all at the same step."""
        spare = len(self._lanes) - len(self.runs)

        def widened(tensor: Tensor) -> Tensor:
            lanes = torch.cat([tensor, tensor[-1:].expand(spare, *tensor.shape[1:])])
            return lanes.to(self.shared.device)

        self.step = saved["steps"][0]
        self.state = pytree.tree_map(widened, State(**saved["state"]))

    def _random_block(self, block: int) -> tuple[Tensor, Tensor, Draws]:
        """Noise (BLOCK, runs, discriminator_steps, batch, latent), real curves, and the penalties' draws.

        Real curves of a family: (BLOCK, runs, discriminator_steps, batch, points). Of a fixed
        target: (BLOCK, runs, 1, 1, points), because 64 equal rows have the gradient of one.
        """
        if self._block is None or self._block[0] != block:
            shared = self.shared
            rows = (shared.discriminator_steps, shared.batch_size)
            precision: Any = shared.dtype
            noise = np.empty((BLOCK, len(self._lanes), *rows, shared.network.latent), precision)
            for lane, run in enumerate(self._lanes):
                rng = streams.stream(run.seed, streams.NOISE, block)
                noise[:, lane] = rng.standard_normal((BLOCK, *rows, shared.network.latent), precision)
            real = self._tensor(self._real_block(block, rows))
            draws = self._penalty_draws(streams.PENALTY, block, (BLOCK, *rows))
            self._block = (
                block,
                self._tensor(noise),
                real.expand(BLOCK, *real.shape[1:]),
                [draw.movedim(0, 1).contiguous() for draw in draws],
            )
        return self._block[1:]

    def _real_block(self, block: int, rows: tuple[int, int]) -> NDArray[np.float64]:
        rngs = [streams.stream(run.seed, streams.DATA, block) for run in self._lanes]
        if not self.shared.family:
            drawn = [run.config.target.draw(1, rng) for run, rng in zip(self._lanes, rngs, strict=True)]
            return np.stack(drawn)[None, :, None]
        count = BLOCK * rows[0] * rows[1]
        drawn = [run.config.target.draw(count, rng) for run, rng in zip(self._lanes, rngs, strict=True)]
        return np.stack([curves.reshape(BLOCK, *rows, -1) for curves in drawn], axis=1)

    def _penalty_draws(self, purpose: int, place: int, shape: tuple[int, ...]) -> Draws:
        """The random numbers of each penalty, (runs, *shape, numbers)."""
        return [
            self._tensor(
                np.stack(
                    [
                        penalty.draw(
                            shape,
                            self.shared.points,
                            streams.stream(run.seed, purpose, place, type(penalty).__name__),
                        )
                        for run in self._lanes
                    ]
                )
            )
            for penalty in self.shared.penalties
        ]

    def _evaluation_draw(self, run: Run) -> tuple[NDArray[np.float64], ...]:
        """Noise, real curves, and other real curves."""
        samples = self.shared.evaluation_samples
        rng = streams.stream(run.seed, streams.EVALUATION, self.step)
        noise = rng.standard_normal((samples, self.shared.network.latent))
        real, again = (run.config.target.draw(samples if self.shared.family else 1, rng) for _ in range(2))
        return noise, real, again

    def _tensor(self, array: NDArray[np.float64]) -> Tensor:
        return torch.from_numpy(array).to(**self._place)

    def _array(self, tensor: Tensor) -> NDArray[np.float64]:
        return tensor[: len(self.runs)].double().cpu().numpy()


def _cut(tensors: Nested, chunk: slice) -> Nested:
    """Some lanes of each tensor, in memory of their own."""
    cut: Nested = pytree.tree_map(lambda tensor: tensor[chunk].clone(), tensors)
    return cut


def _joined(chunks: Sequence[Nested]) -> Nested:
    joined: Nested = pytree.tree_map(lambda *tensors: torch.cat(tensors), *chunks)
    return joined
