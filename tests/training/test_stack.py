"""A run has the same bits alone, in any stack, and at any place in it."""

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils import _pytree as pytree

from sinegan.config import Config, Plot
from sinegan.engine import programs
from sinegan.engine.program_cache import CACHE_VARIABLE, Stored
from sinegan.engine.programs import CannotCompileError, CompiledFunction
from sinegan.game.averages import Exponential
from sinegan.game.losses import MinimaxLiteral, NonSaturating, RelativisticPaired, Wasserstein
from sinegan.game.mixtures import GaussianMixture, GaussianRing, PointMass
from sinegan.game.networks import Network
from sinegan.game.optimisers import SGD, Adam, Extragradient, OptimisticAdam, RMSprop
from sinegan.game.penalties import (
    R1,
    R2,
    ConsensusOptimisation,
    Dragan,
    GradientPenalty,
    InstanceNoise,
    WeightClipping,
)
from sinegan.game.schedules import Cosine, Linear
from sinegan.game.targets import Chirp, NoisySine, RandomPhase, Sine, Square
from sinegan.training import signature as signature_module
from sinegan.training import streams
from sinegan.training.loop import engine_settings
from sinegan.training.metrics import EvaluationBatch, measure, projections
from sinegan.training.program import program
from sinegan.training.setup import Setup
from sinegan.training.signature import Run, is_compiled, signature, why_eager
from sinegan.training.stack import BLOCK, Stack
from sinegan.training.step import Game, State, initial_state, step

MakeConfig = Callable[..., Config]


def rate(lr: float, kind: Any = Adam) -> Any:
    return kind(lr=lr, generator_lr=lr, discriminator_lr=lr)


def trained(runs: Sequence[Run], steps: int) -> Stack:
    stack = Stack(runs)
    with engine_settings():
        stack.advance(steps)
    return stack


def bits(stack: Stack, lane: int) -> list[Tensor]:
    """The state and the metrics of a run of a stack."""
    with engine_settings():
        measured = [torch.from_numpy(values[lane : lane + 1]) for values in stack.measure().values()]
    leaves: list[Tensor] = pytree.tree_leaves(stack.saved([lane])["state"])
    return [*leaves, *measured]


def same(one: list[Tensor], other: list[Tensor]) -> bool:
    return len(one) == len(other) and all(torch.equal(a, b) for a, b in zip(one, other, strict=True))


SHAPES = {
    "even": {},
    "odd batch": {"training": {"batch_size": 5}},
    "odd layers": {"network": Network(latent=5, generator=(7,), discriminator=(5, 3), activation="tanh")},
    "one output": {"network": Network(latent=2, generator=(16,), discriminator=(33, 9), activation="silu")},
    "the tutorial's": {"network": Network(), "target": Sine(), "training": {"batch_size": 64}},
    "double": {"training": {"dtype": "float64", "batch_size": 5}},
    "family": {"target": RandomPhase(points=7), "network": Network(generator=(16,), activation="gelu")},
    "literal": {"loss": MinimaxLiteral(), "training": {"batch_size": 33}},
    "penalties": {
        "loss": Wasserstein(),
        "penalty": (ConsensusOptimisation(), Dragan(), GradientPenalty(), InstanceNoise(), R1(), R2()),
    },
    "penalties of a family": {
        "target": RandomPhase(points=7),
        "penalty": (GradientPenalty(), InstanceNoise(), WeightClipping()),
        "training": {"discriminator_steps": 2},
    },
    "averaged, falling, optimistic": {
        "optim": rate(1e-3, OptimisticAdam),
        "average": Exponential(decay=0.9),
        "lr_schedule": Cosine(),
        "training": {"updates": "alternating", "discriminator_steps": 2},
    },
    "extragradient": {"optim": rate(1e-2, Extragradient), "lr_schedule": Linear(final=0.5)},
    "mixture": {"target": GaussianRing(), "loss": RelativisticPaired(), "penalty": (R1(), R2())},
    "one number": {
        "target": PointMass(),
        "network": Network(latent=1, generator=(), discriminator=()),
        "training": {"dtype": "float64"},
    },
    "spectral norm": {"network": Network(latent=3, generator=(8,), discriminator=(8, 5), spectral_norm=True)},
    "rmsprop": {"optim": rate(1e-3, RMSprop), "training": {"discriminator_steps": 2}},
}


@pytest.mark.parametrize("shape", SHAPES)
def test_a_run_has_the_same_bits_alone_and_at_every_place_of_any_stack(
    make_config: MakeConfig, shape: str
) -> None:
    config = make_config(**SHAPES[shape])
    faster = (
        dataclasses.replace(config.optim, generator_lr=2e-3, beta1=0.5) if shape == "even" else config.optim
    )
    neighbour = dataclasses.replace(config, optim=faster)
    alone = bits(trained([Run(config.setup, 3)], 12), 0)
    for size in (2, 3, 8):
        for lane in {0, size - 1, size // 2}:
            runs = [Run(neighbour.setup, 100 + other) for other in range(size)]
            runs[lane] = Run(config.setup, 3)
            assert same(alone, bits(trained(runs, 12), lane)), (size, lane)


def test_lanes_with_other_seeds_and_settings_differ(make_config: MakeConfig) -> None:
    config = make_config()
    stack = trained(
        [Run(config.setup, 0), Run(config.setup, 1), Run(make_config(optim=rate(2e-3)).setup, 0)], 5
    )
    assert not same(bits(stack, 0), bits(stack, 1))
    assert not same(bits(stack, 0), bits(stack, 2))


def test_targets_of_one_stack_may_differ(make_config: MakeConfig) -> None:
    runs = [
        Run(make_config(target=target).setup, 0)
        for target in (Sine(points=6), Square(points=6), Chirp(points=6))
    ]
    together = trained(runs, 8)
    for lane, run in enumerate(runs):
        assert same(bits(together, lane), bits(trained([run], 8), 0))
    assert not same(bits(together, 0), bits(together, 1))


@pytest.mark.slow
@pytest.mark.parametrize("target", [Sine(points=6), RandomPhase(points=6)])
def test_a_compiled_run_has_the_same_bits_in_narrow_and_wide_stacks(
    make_config: MakeConfig, target: Any
) -> None:
    config = make_config(training={"compile": "always"}, target=target)
    faster = make_config(training={"compile": "always"}, target=target, optim=rate(2e-2))
    wide = trained([*[Run(config.setup, seed) for seed in range(4)], Run(faster.setup, 4)], 12)
    assert len(wide.measure()["d_real"]) == 5
    assert same(bits(wide, 3), bits(trained([Run(config.setup, 3)], 12), 0))
    assert same(
        bits(wide, 2),
        bits(trained([Run(config.setup, 1), Run(faster.setup, 9), Run(config.setup, 2)], 12), 2),
    )
    eager = trained([Run(make_config(target=target).setup, 3)], 12)
    torch.testing.assert_close(bits(wide, 3), bits(eager, 0), rtol=1e-4, atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize(
    "parts",
    [
        {"loss": RelativisticPaired(), "penalty": (InstanceNoise(), R1(), R2()), "lr_schedule": Cosine()},
        {
            "loss": Wasserstein(),
            "penalty": (GradientPenalty(),),
            "network": Network(latent=3, generator=(8,), discriminator=(8,), spectral_norm=True),
            "average": Exponential(decay=0.9),
        },
    ],
    ids=["relativistic, penalised, falling", "a normalised critic, averaged"],
)
def test_compiled_games_of_the_literature_equal_eager_ones(
    make_config: MakeConfig, parts: dict[str, Any]
) -> None:
    # Gradient descent: Adam would blow up what rounding leaves of gradients that are 0.
    config = make_config(optim=rate(0.1, SGD), **parts)
    compiled = dataclasses.replace(config, training=dataclasses.replace(config.training, compile="always"))
    tensors, expected = (bits(trained([Run(each.setup, 3)], 12), 0) for each in (compiled, config))
    torch.testing.assert_close(tensors, expected, rtol=1e-4, atol=1e-5)


def test_the_frequency_of_evaluations_changes_no_number(make_config: MakeConfig) -> None:
    def looked(every: int) -> Stack:
        stack = Stack([Run(make_config(target=NoisySine(points=6)).setup, 5)])
        with engine_settings():
            for step in range(every, 211, every):
                stack.advance(step)
                stack.measure()
            stack.advance(210)
        return stack

    assert same(bits(looked(1), 0), bits(looked(70), 0))


def test_a_stack_resumes_from_its_saved_state(make_config: MakeConfig) -> None:
    runs = [Run(make_config().setup, seed) for seed in range(3)]
    undisturbed = trained(runs, 130)
    interrupted = trained(runs, 57)
    resumed = Stack(runs[1:])
    resumed.restore(interrupted.saved([1, 2]))
    with engine_settings():
        resumed.advance(130)
    assert same(bits(resumed, 0), bits(undisturbed, 1))
    assert same(bits(resumed, 1), bits(undisturbed, 2))


def test_averages_clocks_and_random_numbers_resume_from_the_saved_state(make_config: MakeConfig) -> None:
    config = make_config(
        average=Exponential(decay=0.9),
        lr_schedule=Linear(),
        penalty=(InstanceNoise(),),
        training={"steps": 130},
    )
    undisturbed, interrupted = trained([Run(config.setup, 4)], 130), trained([Run(config.setup, 4)], 57)
    resumed = Stack([Run(config.setup, 4)])
    resumed.restore(interrupted.saved())
    with engine_settings():
        resumed.advance(130)
    assert same(bits(resumed, 0), bits(undisturbed, 0))
    assert resumed.state.clock["step"].tolist()[0] == 130


def test_a_run_without_average_and_schedule_stores_neither(make_config: MakeConfig) -> None:
    state = Stack([Run(make_config().setup, 0)]).state
    assert (state.average, state.clock) == ({}, {})


def test_the_averaged_generator_is_evaluated(make_config: MakeConfig) -> None:
    config = make_config(average=Exponential(decay=0.9), training={"steps": 9})
    stack = trained([Run(config.setup, 0)], 9)
    latest = Stack([Run(make_config().setup, 0)])
    latest.step = 9
    latest.state = latest.state._replace(
        generator=stack.state.average, discriminator=stack.state.discriminator
    )
    assert stack.measure()["rmse"] == latest.measure()["rmse"]
    assert (stack.generate(3)[0] == latest.generate(3)[0]).all()
    assert stack.measure()["rmse"] != trained([Run(make_config().setup, 0)], 9).measure()["rmse"]


def test_a_diverging_neighbour_changes_no_number(make_config: MakeConfig) -> None:
    good, bad = make_config(optim=rate(1e-2, SGD)), make_config(optim=rate(1e30, SGD))
    stack = trained([Run(bad.setup, 1), Run(good.setup, 0), Run(bad.setup, 2)], 12)
    assert stack.finite_steps()[0] < 12
    assert stack.finite_steps()[1] == 12
    assert same(bits(stack, 1), bits(trained([Run(good.setup, 0)], 12), 0))


def test_the_signature_is_what_the_runs_of_a_stack_share(make_config: MakeConfig) -> None:
    config = make_config()
    for other in (
        make_config(seed=9, seeds=1),
        make_config(optim=Adam(lr=1, generator_lr=2, discriminator_lr=3, beta1=0.1, beta2=0.2, eps=1)),
        make_config(target=Square(points=6, amplitude=3)),
    ):
        assert signature(other.setup) == signature(config.setup)
    assert signature(make_config(target=GaussianRing(radius=3)).setup) == signature(
        make_config(target=GaussianRing()).setup
    )
    assert signature(make_config(target=GaussianRing(gaussians=7)).setup) != signature(
        make_config(target=GaussianRing()).setup
    )
    assert signature(make_config(penalty=(R1(gamma=3),)).setup) == signature(
        make_config(penalty=(R1(),)).setup
    )
    for other in (
        make_config(loss=NonSaturating()),
        make_config(penalty=(R1(),)),
        make_config(lr_schedule=Linear()),
        make_config(average=Exponential()),
        make_config(training={"updates": "alternating"}),
        make_config(optim=rate(1e-3, SGD)),
        make_config(network=Network(latent=3, generator=(9,), discriminator=(8,))),
        make_config(target=Sine(points=7)),
        make_config(target=GaussianMixture()),
        make_config(target=NoisySine(points=6)),
        *[make_config(training={name: 3}) for name in ("steps", "batch_size", "discriminator_steps")],
        *[make_config(training={name: 3}) for name in ("evaluate_every", "evaluation_samples")],
        make_config(training={"dtype": "float64"}),
        make_config(training={"compile": "always"}),
        make_config(plot=Plot(animation=True)),
    ):
        assert signature(other.setup) != signature(config.setup)
        with pytest.raises(ValueError, match="1 of 2 runs have another signature"):
            Stack([Run(config.setup, 0), Run(other.setup, 0)])


def test_the_engine_is_chosen_by_the_configuration_and_the_machine_alone(
    make_config: MakeConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = make_config(network=Network(), target=Sine())

    def setup(word: str, steps: int, **more: int) -> Setup:
        training = dataclasses.replace(original.training, compile=word, steps=steps, batch_size=64, **more)
        return dataclasses.replace(original.setup, training=training)

    monkeypatch.setattr(signature_module, "why_no_compiler", lambda: "")
    # 28,753 weights and 64 rows: 8 runs save 16 (0.25 ms + 0.184 ms) a step, and 6 s in 864.02 steps.
    assert [is_compiled(setup("auto", steps)) for steps in (864, 865)] == [False, True]
    # Six updates a step instead of two.
    several = [setup("auto", steps, discriminator_steps=5) for steps in (288, 289)]
    assert [is_compiled(each) for each in several] == [False, True]
    assert [is_compiled(setup("always", 1)), is_compiled(setup("never", 10**6))] == [True, False]
    assert {why_eager(each) for each in (setup("always", 1), setup("never", 1), setup("auto", LONG))} == {""}
    assert why_eager(setup("auto", 500)) == (
        "Eager: so few steps do not pay for compiling (training.compile=always)."
    )
    monkeypatch.setattr(signature_module, "why_no_compiler", lambda: "there is none")
    assert not is_compiled(setup("auto", LONG))
    assert is_compiled(setup("always", 1))
    assert why_eager(setup("auto", LONG)) == "Eager, which is slower: there is none."


LONG = 2_000
"""Steps that pay for compiling whatever the game."""


@pytest.fixture
def without_compiling(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    def fail(*_: Any) -> Stored:
        raise CannotCompileError("g++: omp.h: no such file")

    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path))
    monkeypatch.setattr(programs, "_compile", fail)
    monkeypatch.setattr(signature_module, "why_no_compiler", lambda: "")
    program.cache_clear()
    yield
    program.cache_clear()  # they know that they could not be compiled


def test_a_packaged_step_is_named_with_its_reason(
    make_config: MakeConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    compiled = Stack([Run(make_config(training={"compile": "always"}).setup, 0)])
    assert compiled.remarks == ()
    monkeypatch.setattr(CompiledFunction, "why_packaged", property(lambda _: "it sorts"))
    assert compiled.remarks == ("Packaged, which is slower: it sorts.",)


@pytest.mark.usefixtures("without_compiling")
@pytest.mark.parametrize("seeds", [1, 3])
def test_a_stack_that_cannot_be_compiled_has_the_bits_of_eager_training(
    make_config: MakeConfig, seeds: int
) -> None:
    def stack(compile_: str) -> Stack:
        settings = {"steps": LONG, "evaluate_every": LONG, "compile": compile_}
        config = make_config(training=settings, target=NoisySine(points=6))
        made = Stack([Run(config.setup, seed) for seed in range(seeds)])
        made.prepare()
        return made

    fallen, eager = stack("auto"), stack("never")
    assert fallen.engine == eager.engine == "eager"
    assert fallen.shared == eager.shared
    assert fallen.remarks == ("Eager, which is slower: cannot compile: g++: omp.h: no such file.",)
    assert eager.remarks == ()
    on_gpu = dataclasses.replace(eager.shared, compiled=True, device="cuda")
    assert program(on_gpu).engine() == "inductor"
    with engine_settings():
        for each in (fallen, eager):
            each.advance(BLOCK + 3)
    assert all(same(bits(fallen, lane), bits(eager, lane)) for lane in range(seeds))
    again = stack("auto")
    again.restore(fallen.saved())
    with engine_settings():
        again.advance(BLOCK + 7)
        eager.advance(BLOCK + 7)
    assert same(bits(again, 0), bits(eager, 0))
    assert again.remarks == fallen.remarks


@pytest.mark.usefixtures("without_compiling")
def test_a_stack_that_cannot_be_compiled_continues_from_its_step(make_config: MakeConfig) -> None:
    config, eager = (
        make_config(training={"steps": LONG, "evaluate_every": LONG, "compile": each})
        for each in ("auto", "never")
    )
    before = trained([Run(eager.setup, seed) for seed in (4, 5)], 7)
    stack = Stack([Run(config.setup, seed) for seed in (4, 5)])
    stack.restore(before.saved())
    stack.prepare()
    assert stack.step == 7
    with engine_settings():
        for each in (stack, before):
            each.advance(20)
    assert all(same(bits(stack, lane), bits(before, lane)) for lane in range(2))


@pytest.mark.usefixtures("without_compiling")
def test_compile_always_raises_when_compiling_fails(make_config: MakeConfig) -> None:
    stack = Stack([Run(make_config(training={"compile": "always"}).setup, 0)])
    words = r"^training\.compile = always: cannot compile: g\+\+: omp\.h: no such file$"
    for _ in range(2):
        with pytest.raises(CannotCompileError, match=words):
            stack.prepare()
    assert stack.shared.compiled


@pytest.mark.parametrize("target", [NoisySine(points=6), Sine(points=6)])
def test_a_run_equals_single_steps_on_the_streams_of_its_seed(make_config: MakeConfig, target: Any) -> None:
    steps, seed = BLOCK + 3, 5
    config = make_config(
        target=target, training={"steps": steps, "dtype": "float64", "discriminator_steps": 2}
    )
    builders = (config.network.build_generator, config.network.build_discriminator)
    modules = [streams.initialise(seed, player, build, 6) for player, build in enumerate(builders)]
    players = [{name: w.detach().double() for name, w in module.named_parameters()} for module in modules]
    game = Game(*modules, config.rules)
    state = initial_state(game, *players)
    for block, length in enumerate((BLOCK, 3)):
        noise = streams.stream(seed, streams.NOISE, block).standard_normal((BLOCK, 2, 4, 3))
        real = target.draw(BLOCK * 2 * 4, streams.stream(seed, streams.DATA, block)).reshape(BLOCK, 2, 4, 6)
        for place in range(length):
            state = step(game, state, torch.from_numpy(noise[place]), torch.from_numpy(real[place]))

    stack = trained([Run(config.setup, 0), Run(config.setup, seed)], steps)
    saved = State(**stack.saved([1])["state"])
    for tensor, expected in zip(pytree.tree_leaves(saved), pytree.tree_leaves(state), strict=True):
        torch.testing.assert_close(tensor[0], expected, rtol=1e-9, atol=1e-12)

    rng = streams.stream(seed, streams.EVALUATION, steps)
    drawn = [rng.standard_normal((8, 3)), *[target.draw(8 if target.family else 1, rng) for _ in range(2)]]
    no_modes = torch.zeros(0, 6).double(), torch.zeros(()).double()
    batch = EvaluationBatch(*map(torch.from_numpy, drawn), *no_modes, projections(6, torch.float64))
    expected = measure(game, state.generator, state.discriminator, batch)
    for name, values in stack.measure().items():
        assert values[1] == pytest.approx(expected[name].item(), rel=1e-7), name
    curves, probability = stack.generate(8)
    generated = game.generate(state.generator, batch.noise)
    torch.testing.assert_close(torch.from_numpy(curves[1]), generated)
    torch.testing.assert_close(
        torch.from_numpy(probability[1]), torch.sigmoid(game.discriminate(state.discriminator, generated))
    )
