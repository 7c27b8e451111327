"""The same step for many runs at once: one tensor program with a leading axis `runs`."""

import functools
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.func import stack_module_state, vmap

from sinegan.engine.programs import CannotCompileError
from sinegan.engine.torch_private import pytree
from sinegan.game.optimisers import Tensors
from sinegan.training import streams
from sinegan.training.metrics import Fresh, projections
from sinegan.training.program import Draws, program
from sinegan.training.signature import Run, settings_of, signature
from sinegan.training.step import State, beginning

BLOCK = 100
"""Steps whose random numbers are drawn at once. Part of every run's numbers: never change it."""

FEWEST_LANES = 2
"""Of an eager stack: with one, a BLAS takes another path, with other last bits."""


class Stack:
    """Runs of one signature and their state, advanced together.

    A spare lane repeats the last run where there are fewer than FEWEST_LANES.
    """

    def __init__(self, runs: Sequence[Run]) -> None:
        self.runs = list(runs)
        self.shared = signature(self.runs[0].config)
        different = [run for run in self.runs if signature(run.config) != self.shared]
        if different:
            raise ValueError(
                f"{len(different)} of {len(self.runs)} runs have another signature than the first"
            )
        self._why_eager = ""
        self._begin()

    def _begin(self) -> None:
        """Step 0 of the runs, with the programs of the signature."""
        fewest = 1 if self.shared.programs else FEWEST_LANES
        self._lanes = self.runs + self.runs[-1:] * (fewest - len(self.runs))
        self._program = program(self.shared)
        self._dtype: torch.dtype = getattr(torch, self.shared.dtype)
        self._place = {"device": self.shared.device, "dtype": self._dtype}
        settings = [settings_of(run.config) for run in self._lanes]
        self._settings = {
            part: {name: self._tensor(np.array([each[part][name] for each in settings])) for name in fields}
            for part, fields in settings[0].items()
        }
        modes = [run.config.target.modes() for run in self._lanes]
        self._centers = self._tensor(np.stack([each.centers for each in modes]))
        self._stds = self._tensor(np.array([each.std for each in modes]))
        directions = projections(self.shared.points, self._dtype).to(self.shared.device)
        self._directions = directions.expand(len(self._lanes), *directions.shape)
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
        state = vmap(functools.partial(beginning, self._program.game))(*players)
        # Each tensor in memory of its own, which a program may write over.
        return State(
            *pytree.tree_map(lambda tensor: tensor.clone(memory_format=torch.contiguous_format), state)
        )

    @torch.no_grad()
    def prepare(self) -> None:
        """Compiles the programs, if this is a stack to compile and nobody has.

        What cannot be compiled goes on as eager stacks do, from where it is; unless a run is to be compiled
        always: raises CannotCompileError then.
        """
        noise, real, draws = self._random_block(self.step // BLOCK)
        try:
            self._program.prepare(self._settings, self.state, self._fresh(), noise, real, draws)
        except CannotCompileError as error:
            if any(run.config.training.compile == "always" for run in self.runs):
                raise CannotCompileError(f"training.compile = always: cannot compile: {error}") from error
            self._why_eager = f"Eager, which is slower: cannot compile: {error}."
            before = self.saved()
            self.shared = replace(self.shared, compiled=False)
            self._begin()
            self.restore(before)

    @property
    def engine(self) -> str:
        """What trains the runs, once prepared: `native`, `packaged`, `eager`, or `inductor` on a GPU.

        `packaged` also where only one of its programs is.
        """
        return self._program.engine()

    @property
    def remarks(self) -> tuple[str, ...]:
        """What the user should know of how the programs were prepared, a line each."""
        return tuple(filter(None, (*self._program.remarks(), self._why_eager)))

    @torch.no_grad()
    def advance(self, until: int) -> None:
        """Trains from the present step to step `until`."""
        while self.step < until:
            block, first = divmod(self.step, BLOCK)
            last = min(BLOCK, first + until - self.step)
            noise, real, draws = self._random_block(block)
            now = slice(first, last)
            self.state = self._program.advance(
                self._settings, self.state, noise[now], real[now], [draw[now] for draw in draws]
            )
            self.step += last - first

    @torch.no_grad()
    def measure(self) -> dict[str, NDArray[np.float64]]:
        """All metrics at the present step, on fresh noise, each of shape (runs,)."""
        found = self._program.measure(self._settings, self.state, self._fresh())
        return {name: self._array(tensor) for name, tensor in found.items()}

    @torch.no_grad()
    def paint(self, samples: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Generated curves (runs, samples, points) and D's probability that each is real (runs, samples)."""
        # Eager, so with a spare lane, too.
        lanes = [*range(len(self._lanes)), len(self._lanes) - 1]
        draws = [
            streams.stream(self._lanes[lane].seed, streams.EVALUATION, self.step).standard_normal(
                (samples, self.shared.network.latent)
            )
            for lane in lanes
        ]
        state = pytree.tree_map(lambda tensor: tensor[lanes], self.state)
        fake, probability = self._program.paint(state, self._tensor(np.stack(draws)))
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

    def _fresh(self) -> Fresh:
        """What the metrics are taken on at the present step."""
        drawn = [self._evaluation_draw(run) for run in self._lanes]
        noise, real, again = (self._tensor(np.stack(each)) for each in zip(*drawn, strict=True))
        shape = (self.shared.evaluation_samples,)
        draws = self._penalty_draws(streams.PENALTY_EVALUATION, self.step, shape)
        return Fresh(noise, real, again, self._centers, self._stds, self._directions, draws)

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
