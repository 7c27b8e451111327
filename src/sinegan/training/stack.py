"""Stacks: many runs advance together, in one tensor program with a leading axis `runs`."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.func import stack_module_state

from sinegan.engine.programs import CannotCompileError
from sinegan.engine.torch_private import pytree
from sinegan.game.partition import partition
from sinegan.game.penalties import Penalty
from sinegan.game.tensors import Tensors
from sinegan.training import streams
from sinegan.training.metrics import EvaluationBatch, projections
from sinegan.training.program import Draws, program
from sinegan.training.signature import Run, signature
from sinegan.training.step import State

BLOCK = 100
"""Steps whose random numbers are drawn at once. Never change it: every run's numbers depend on it."""

FEWEST_LANES = 2
"""Lanes of an eager stack, at least: for a single one, a BLAS takes another path, with other last bits."""


class Stack:
    """Runs of one signature and their state, advanced together.

    Each run has a lane. Where an eager stack has fewer than FEWEST_LANES runs, the last one has a spare lane.
    """

    def __init__(self, runs: Sequence[Run]) -> None:
        self.runs = list(runs)
        self.shared = signature(self.runs[0].setup)
        different = [run for run in self.runs if signature(run.setup) != self.shared]
        if different:
            raise ValueError(
                f"{len(different)} of {len(self.runs)} runs have another signature than the first"
            )
        self._why_eager = ""
        self._start()

    def _start(self) -> None:
        """Puts the runs at step 0, with the programs of the signature."""
        fewest = 1 if self.shared.ahead_of_time else FEWEST_LANES
        self._lanes = self.runs + self.runs[-1:] * (fewest - len(self.runs))
        self._program = program(self.shared)
        self._dtype: torch.dtype = getattr(torch, self.shared.dtype)
        self._place = {"device": self.shared.device, "dtype": self._dtype}
        leaves = [partition(run.setup.rules)[1] for run in self._lanes]
        self._leaves = pytree.tree_map(lambda *floats: self._tensor(np.array(floats)), *leaves)
        modes = [run.setup.target.modes() for run in self._lanes]
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
            modules = [streams.initialise(run.seed, player, build, points) for run in self._lanes]
            weights = stack_module_state(modules)[0]
            players.append({name: tensor.detach().to(**self._place) for name, tensor in weights.items()})
        state = self._program.init(self._leaves, *players)
        # A program may overwrite the state, so each tensor needs memory of its own.
        return State(
            *pytree.tree_map(lambda tensor: tensor.clone(memory_format=torch.contiguous_format), state)
        )

    @torch.no_grad()
    def prepare(self) -> None:
        """Compiles the programs, if this stack is to be compiled and no process has compiled them.

        A stack that cannot be compiled continues as an eager one, from its present step.

        Raises:
            CannotCompileError: if it cannot be compiled and a run has `training.compile=always`.
        """
        noise, real, draws = self._random_block(self.step // BLOCK)
        try:
            self._program.prepare(self._leaves, self.state, self._evaluation_batch(), noise, real, draws)
        except CannotCompileError as error:
            if any(run.setup.training.compile == "always" for run in self.runs):
                raise CannotCompileError(f"training.compile = always: cannot compile: {error}") from error
            self._why_eager = f"Eager, which is slower: cannot compile: {error}."
            before = self.saved()
            self.shared = replace(self.shared, compiled=False)
            self._start()
            self.restore(before)

    @property
    def engine(self) -> str:
        """The engine that trains the runs, once prepared: `native`, `packaged`, `eager` or `inductor`.

        It is `packaged` as soon as one of the programs is.
        """
        return self._program.engine()

    @property
    def remarks(self) -> tuple[str, ...]:
        """Remarks for the user on the preparation of the programs, a line each."""
        return tuple(filter(None, (*self._program.remarks(), self._why_eager)))

    @torch.no_grad()
    def advance(self, until: int) -> None:
        """Trains from the present step to step `until`."""
        while self.step < until:
            block, first = divmod(self.step, BLOCK)
            last = min(BLOCK, first + until - self.step)
            noise, real, draws = self._random_block(block)
            steps = slice(first, last)
            self.state = self._program.advance(
                self._leaves, self.state, noise[steps], real[steps], [draw[steps] for draw in draws]
            )
            self.step += last - first

    @torch.no_grad()
    def measure(self) -> dict[str, NDArray[np.float64]]:
        """All metrics at the present step, on new noise, each of shape (runs,)."""
        metrics = self._program.measure(self._leaves, self.state, self._evaluation_batch())
        return {name: self._array(tensor) for name, tensor in metrics.items()}

    @torch.no_grad()
    def generate(self, samples: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Generated curves (runs, samples, points) and D's probability that each is real (runs, samples)."""
        # This function is always eager, so it needs a spare lane in compiled stacks, too.
        lanes = [*range(len(self._lanes)), len(self._lanes) - 1]
        draws = [
            streams.stream(self._lanes[lane].seed, streams.EVALUATION, self.step).standard_normal(
                (samples, self.shared.network.latent)
            )
            for lane in lanes
        ]
        leaves, state = pytree.tree_map(lambda tensor: tensor[lanes], (self._leaves, self.state))
        fake, probability = self._program.generate(leaves, state, self._tensor(np.stack(draws)))
        return self._array(fake), self._array(probability)

    def finite_steps(self) -> NDArray[np.float64]:
        """The number of steps of each run before its first loss that was not finite, (runs,)."""
        return self._array(self.state.finite_steps)

    def saved(self, lanes: Sequence[int] | None = None) -> dict[str, Any]:
        """The state of some lanes, or of all runs: seeds, steps, and tensors on the CPU with axis `runs`."""
        chosen = torch.tensor(range(len(self.runs)) if lanes is None else lanes)
        state = pytree.tree_map(lambda tensor: tensor[chosen].cpu(), self.state)
        seeds = [self.runs[lane].seed for lane in chosen.tolist()]
        return {"seeds": seeds, "steps": [self.step] * len(seeds), "state": state._asdict()}

    def restore(self, saved: dict[str, Any]) -> None:
        """Resumes from what `saved` returned for the same runs, all at the same step."""
        spare = len(self._lanes) - len(self.runs)

        def widened(tensor: Tensor) -> Tensor:
            lanes = torch.cat([tensor, tensor[-1:].expand(spare, *tensor.shape[1:])])
            return lanes.to(self.shared.device)

        self.step = saved["steps"][0]
        self.state = pytree.tree_map(widened, State(**saved["state"]))

    def _random_block(self, block: int) -> tuple[Tensor, Tensor, Draws]:
        """The random numbers of one block of steps.

        Returns:
            Noise: (BLOCK, runs, discriminator_steps, batch, latent).
            Real curves: (BLOCK, runs, discriminator_steps, batch, points) for a family,
                (BLOCK, runs, 1, 1, points) for a fixed target, because equal rows have the gradient of one.
            The draws of each penalty: (BLOCK, runs, discriminator_steps, batch, numbers).
        """
        if self._block is None or self._block[0] != block:
            shared = self.shared
            rows = (shared.rules.discriminator_steps, shared.batch_size)
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
        family = self.shared.family
        count = BLOCK * rows[0] * rows[1] if family else 1
        drawn = [
            run.setup.target.draw(count, streams.stream(run.seed, streams.DATA, block)) for run in self._lanes
        ]
        if not family:
            return np.stack(drawn)[None, :, None]
        return np.stack([curves.reshape(BLOCK, *rows, -1) for curves in drawn], axis=1)

    def _penalty_draws(self, purpose: int, place: int, shape: tuple[int, ...]) -> Draws:
        """The random numbers of each penalty, (runs, *shape, numbers)."""

        def draw(run: Run, penalty: Penalty) -> NDArray[np.float64]:
            rng = streams.stream(run.seed, purpose, place, type(penalty).__name__)
            return penalty.draw(shape, self.shared.points, rng)

        by_penalty = zip(*[run.setup.rules.penalties for run in self._lanes], strict=True)
        return [
            self._tensor(np.stack([draw(*pair) for pair in zip(self._lanes, penalties, strict=True)]))
            for penalties in by_penalty
        ]

    def _evaluation_batch(self) -> EvaluationBatch:
        """The data of the evaluation at the present step."""
        drawn = [self._evaluation_draw(run) for run in self._lanes]
        noise, real, other_real = (self._tensor(np.stack(arrays)) for arrays in zip(*drawn, strict=True))
        shape = (self.shared.evaluation_samples,)
        draws = self._penalty_draws(streams.PENALTY_EVALUATION, self.step, shape)
        return EvaluationBatch(noise, real, other_real, self._centers, self._stds, self._directions, draws)

    def _evaluation_draw(self, run: Run) -> tuple[NDArray[np.float64], ...]:
        """Noise, real curves, and other real curves of one run."""
        samples = self.shared.evaluation_samples
        rng = streams.stream(run.seed, streams.EVALUATION, self.step)
        noise = rng.standard_normal((samples, self.shared.network.latent))
        rows = samples if self.shared.family else 1
        return noise, run.setup.target.draw(rows, rng), run.setup.target.draw(rows, rng)

    def _tensor(self, array: NDArray[np.float64]) -> Tensor:
        return torch.from_numpy(array).to(**self._place)

    def _array(self, tensor: Tensor) -> NDArray[np.float64]:
        return tensor[: len(self.runs)].double().cpu().numpy()
