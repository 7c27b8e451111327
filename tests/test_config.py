"""A configuration: its schedule, its seeds, its metric, and all its problems at once."""

import dataclasses
import tracemalloc
from itertools import pairwise
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from sinegan.config import Config, InvalidConfigError, Plot, round_to_float32, validate
from sinegan.game.losses import NonSaturating
from sinegan.game.networks import Network
from sinegan.game.optimisers import Adam
from sinegan.game.targets import RandomPhase, Sine
from sinegan.training.setup import Training


def values(**changes: Any) -> dict[str, Any]:
    return {
        "target": {"_target_": "sinegan.game.targets.Sine"},
        "network": {"_target_": "sinegan.game.networks.Network"},
        "loss": {"_target_": "sinegan.game.losses.NonSaturating"},
        "optim": {"_target_": "sinegan.game.optimisers.Adam"},
        "training": {},
        "plot": {},
        **changes,
    }


def problems(**changes: Any) -> list[str]:
    with pytest.raises(InvalidConfigError) as caught:
        validate(values(**changes))
    assert str(caught.value) == "\n".join(caught.value.problems)
    return caught.value.problems


def test_a_valid_mapping_becomes_typed_with_the_defaults_of_the_tutorial():
    assert validate(values()) == Config(
        target=Sine(points=16, amplitude=1.0, frequency=1.0, phase=0.0),
        network=Network(latent=5, generator=(64, 128), discriminator=(64, 256), activation="relu"),
        loss=NonSaturating(),
        optim=Adam(lr=1e-4, generator_lr=1e-4, discriminator_lr=1e-4, beta1=0.9, beta2=0.999, eps=1e-8),
        training=Training(steps=10_000, batch_size=64, discriminator_steps=1),
        plot=Plot(),
        seed=0,
        seeds=8,
    )


@pytest.mark.parametrize(
    ("steps", "every", "schedule"),
    [
        (12, 5, [0, 5, 10, 12]),
        (10, 5, [0, 5, 10]),
        (3, 100, [0, 3]),
        (1, 1, [0, 1]),
    ],
)
def test_the_evaluation_schedule_has_the_first_and_the_last_step(make_config, steps, every, schedule):
    config = make_config(training={"steps": steps, "evaluate_every": every})
    assert config.setup.schedule() == schedule


@given(steps=st.integers(1, 10_000), every=st.integers(1, 10_000))
def test_the_evaluation_schedule_rises_by_its_interval(steps, every):
    training = Training(steps=steps, evaluate_every=every)
    config = Config(
        target=Sine(), network=Network(), loss=NonSaturating(), optim=Adam(), training=training, plot=Plot()
    )
    schedule = config.setup.schedule()
    gaps = [later - earlier for earlier, later in pairwise(schedule)]
    assert (schedule[0], schedule[-1]) == (0, steps)
    assert all(gap == every for gap in gaps[:-1])
    assert 0 < gaps[-1] <= every


def test_pictures_have_a_schedule_of_their_own(make_config):
    for wish in ("live", "animation"):
        config = make_config(plot=Plot(**{wish: True}, every=7))
        assert config.setup.picture_steps() == [0, 7, 12]


@given(steps=st.integers(1, 3_000), every=st.integers(1, 4_000))
def test_evaluations_and_frames_are_counted_without_listing_them(steps, every):
    config = Config(
        target=Sine(),
        network=Network(),
        loss=NonSaturating(),
        optim=Adam(),
        training=Training(steps=steps, evaluate_every=every),
        plot=Plot(animation=True, every=every),
    )
    assert config.setup.evaluations == len(config.setup.schedule())
    assert config.setup.pictures == len(config.setup.picture_steps())
    assert dataclasses.replace(config, plot=Plot(every=every)).setup.pictures == 0


def test_picture_steps_are_empty_without_a_picture(make_config):
    assert make_config(plot=Plot(text=True, every=7)).setup.picture_steps() == []


def test_seeds_count_up_from_the_first(make_config):
    assert list(make_config(seed=5, seeds=3).all_seeds) == [5, 6, 7]


def test_the_primary_metric_follows_the_target(make_config):
    assert make_config(target=Sine()).primary_metric == "rmse"
    assert make_config(target=RandomPhase()).primary_metric == "energy_distance"


def test_all_problems_are_raised_at_once():
    lines = problems(
        target={"_target_": "sinegan.game.targets.Sine", "points": 1},
        network={"_target_": "sinegan.game.networks.Network", "activation": "rleu"},
        optim={"_target_": "sinegan.game.optimisers.Adam", "lr": 0, "beta": 0.5},
        training={"steps": 0, "dtype": "float16"},
        seeds="many",
        speed=3,
    )
    assert [line.split(":")[0] for line in lines] == [
        "target.points = 1",
        "network.activation = rleu",
        "optim.lr = 0",
        "optim.beta = 0.5",
        "training.steps = 0",
        "training.dtype = float16",
        "seeds = many",
        "speed = 3",
    ]


def test_a_missing_part_is_a_problem():
    without = values()
    del without["loss"]
    with pytest.raises(InvalidConfigError, match=r"^loss: missing; set it to Loss$"):
        validate(without)


@pytest.mark.parametrize(("seed", "valid"), [(0, True), (2**32 - 1, True), (-1, False), (2**32, False)])
def test_a_seed_is_32_bits(seed, valid):
    if valid:
        assert validate(values(seed=seed, seeds=1)).seed == seed
    else:
        assert problems(seed=seed) == [
            f"seed = {seed}: must be a whole number at least 0 and at most 4294967295"
        ]


def test_cuda_without_a_device_is_a_problem(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert problems(training={"device": "cuda"}) == [
        "training.device = cuda: no CUDA device here; use cpu or auto"
    ]
    assert validate(values(training={"device": "auto"})).training.device == "auto"


def test_cuda_with_a_device_is_accepted(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert validate(values(training={"device": "cuda"})).training.device == "cuda"


def test_no_seed_of_a_configuration_is_beyond_32_bits():
    assert list(validate(values(seed=2**32 - 2, seeds=2)).all_seeds) == [2**32 - 2, 2**32 - 1]
    assert problems(seed=2**32 - 2, seeds=3) == [
        "seeds = 3: the last seed would be 4294967296, beyond 4294967295; lower seed to at most 4294967293"
    ]


def test_steps_are_counted_in_the_precision_of_the_run():
    counter = torch.tensor(2.0**24)
    assert counter + 1 == counter, "why a run of more steps would be said to have diverged"
    assert validate(values(training={"steps": 2**24})).training.steps == 2**24
    (problem,) = problems(training={"steps": 2**24 + 1})
    assert problem == (
        "training.steps = 16777217: a run counts its steps in float32, which goes no further than 16777216; "
        "use training.dtype=float64"
    )
    assert validate(values(training={"steps": 2**24 + 1, "dtype": "float64"}))


ADAM = "sinegan.game.optimisers.Adam"
RATES = {"generator_lr": 1e-4, "discriminator_lr": 1e-4}
BEYOND = "is beyond float32, which ends at 3.4e+38; use training.dtype=float64"
VANISHES = "is 0 in float32, where the smallest number is 1.2e-38; use training.dtype=float64"
ROUNDED = [
    ({"optim": {"_target_": ADAM, "lr": 1e39} | RATES}, f"optim.lr = 1e+39: {BEYOND}"),
    ({"optim": {"_target_": ADAM, "generator_lr": 1e-60}}, f"optim.generator_lr = 1e-60: {VANISHES}"),
    ({"optim": {"_target_": ADAM, "eps": 1e-40}}, f"optim.eps = 1e-40: {VANISHES}"),
    (
        {"optim": {"_target_": ADAM, "beta2": 1 - 1e-9}},
        "optim.beta2 = 0.999999999: is 1 in float32; must be at least 0 and below 1; "
        "use training.dtype=float64",
    ),
    (
        {"penalty": {"r1": {"_target_": "sinegan.game.penalties.R1", "gamma": 1e300}}},
        f"penalty.r1.gamma = 1e+300: {BEYOND}",
    ),
    (
        {"loss": {"_target_": "sinegan.game.losses.LeastSquares", "fake_label": -1e39}},
        f"loss.fake_label = -1e+39: {BEYOND}",
    ),
    (
        {"lr_schedule": {"_target_": "sinegan.game.schedules.Linear", "final": 1e-50}},
        f"lr_schedule.final = 1e-50: {VANISHES}",
    ),
    (
        {"average": {"_target_": "sinegan.game.averages.Exponential", "decay": 1 - 1e-12}},
        "average.decay = 0.999999999999: is 1 in float32; must be at least 0 and below 1; "
        "use training.dtype=float64",
    ),
]


@pytest.mark.parametrize(("changes", "problem"), ROUNDED)
def test_a_setting_beyond_float32_is_refused_and_accepted_with_float64(changes, problem):
    assert problems(**changes) == [problem]
    assert validate(values(**changes, training={"dtype": "float64"}))


def test_network_settings_must_fit_float32_also_with_float64():
    dirac = {"_target_": "sinegan.game.toy_networks.Dirac", "theta": 1e39}
    point = {"_target_": "sinegan.game.mixtures.PointMass"}
    assert problems(network=dirac, target=point, training={"dtype": "float64"}) == [
        "network.theta = 1e+39: is beyond float32, which ends at 3.4e+38"
    ]


@given(st.floats(1e-37, 3e38) | st.just(0.0))
def test_in_single_rounds_to_the_nearest_float32(value):
    assert round_to_float32(value) == pytest.approx(value, rel=2**-24)


@pytest.mark.parametrize("value", [1e-39, -1e-39, 1e-300])
def test_in_single_flushes_subnormal_numbers_to_0(value):
    assert round_to_float32(value) == 0


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        ({"training": {"steps": 10**30}}, "training.steps"),
        ({"training": {"batch_size": 10**10}}, "training.batch_size"),
        ({"training": {"discriminator_steps": 10**9}}, "training.discriminator_steps"),
        ({"training": {"evaluation_samples": 10**11}}, "training.evaluation_samples"),
        ({"plot": {"every": 10**20}}, "plot.every"),
        ({"seeds": 10**11}, "seeds"),
        ({"seeds": 10**5000}, "seeds"),
        ({"target": {"_target_": "sinegan.game.targets.Sine", "points": 10**9}}, "target.points"),
        ({"target": {"_target_": "sinegan.game.mixtures.GaussianRing", "gaussians": 10**9}}, "target"),
        ({"target": {"_target_": "sinegan.game.mixtures.GaussianGrid", "side": 10**5}}, "target.side"),
        (
            {
                "target": {
                    "_target_": "sinegan.data.from_function.FromFunction",
                    "function": "numpy.sinc",
                    "points": 10**9,
                }
            },
            "",
        ),
        ({"network": {"_target_": "sinegan.game.networks.Network", "latent": 10**10}}, "network.latent"),
    ],
)
def test_an_absurd_number_is_refused_without_allocating_its_size(changes, key):
    tracemalloc.start()
    try:
        (problem,) = problems(**changes)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert problem.startswith(key)
    assert "and at most 1" in problem
    assert peak < 2e6


@pytest.mark.parametrize(("kind", "key"), [("GaussianMixture", "means"), ("PointMass", "position")])
def test_a_target_with_an_empty_list_is_refused(kind, key):
    assert problems(target={"_target_": f"sinegan.game.mixtures.{kind}", key: []}) == [
        f"target.{key} = []: must be a list of at least 1, each a number"
    ]


LOSSES, PENALTIES = "sinegan.game.losses.", "sinegan.game.penalties."
OPTIMISERS = "sinegan.game.optimisers."


def chosen(**kinds: str) -> dict[str, Any]:
    return {name: {"_target_": PENALTIES + kind} for name, kind in kinds.items()}


CONTRADICTIONS = [
    (
        {"loss": {"_target_": LOSSES + "Hinge"}, "training": {"stop_tolerance": 0.1}},
        "training.stop_tolerance = 0.1: {loss} has a critic, whose output is no probability that "
        "could come near 1/2; use null",
    ),
    (
        {"loss": {"_target_": LOSSES + "MinimaxLiteral"}, "penalty": chosen(wgan_gp="GradientPenalty")},
        "penalty=wgan_gp: makes a critic, but {loss} takes a probability; use loss=minimax",
    ),
    (
        {"penalty": chosen(wgan_gp_zero="GradientPenalty", r1="R1", wgan_gp="GradientPenalty")},
        "penalty=wgan_gp and penalty=wgan_gp_zero: are one penalty with different settings; "
        "choose one of them",
    ),
    (
        {
            "penalty": chosen(r1="R1", weight_clipping="WeightClipping"),
            "network": {"_target_": "sinegan.game.networks.Network", "spectral_norm": True},
        },
        "penalty=weight_clipping: is undone by network.spectral_norm = true; use one of them",
    ),
    (
        {"network": {"_target_": "sinegan.game.toy_networks.Dirac"}},
        "{network}: is made for 1 point, {target} has 16; use target=point_mass or target=gaussian",
    ),
    (
        {"optim": {"_target_": OPTIMISERS + "ExtraAdam"}, "training": {"updates": "alternating"}},
        "training.updates = alternating: {optim} extrapolates both players; use simultaneous",
    ),
    (
        {"optim": {"_target_": OPTIMISERS + "Extragradient"}, "training": {"discriminator_steps": 5}},
        "training.discriminator_steps = 5: {optim} extrapolates both players; use 1",
    ),
]


@pytest.mark.parametrize(("changes", "problem"), CONTRADICTIONS)
def test_conflicting_choices_are_refused_in_the_words_of_the_command_line(changes, problem):
    choices = {"loss": "my_loss", "network": "my_network", "target": "my_target", "optim": "my_optim"}
    with pytest.raises(InvalidConfigError) as caught:
        validate(values(**changes), choices)
    assert caught.value.problems == [
        problem.format(**{group: f"{group}={name}" for group, name in choices.items()})
    ]


def test_a_conflict_without_names_of_choices_names_the_classes():
    assert problems(network={"_target_": "sinegan.game.toy_networks.Dirac"}) == [
        "network=Dirac: is made for 1 point, target=Sine has 16; use target=point_mass or target=gaussian"
    ]


def test_a_gradient_penalty_goes_with_spectral_normalisation_and_with_other_losses():
    network = {"_target_": "sinegan.game.networks.Network", "spectral_norm": True}
    penalty = chosen(wgan_gp="GradientPenalty", r1="R1", instance_noise="InstanceNoise")
    assert len(validate(values(penalty=penalty, network=network)).penalty) == 3


def test_all_conflicts_are_raised_at_once(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    lines = problems(
        seed=2**32 - 1,
        optim={"_target_": ADAM, "lr": 1e39} | RATES,
        training={"stop_tolerance": 0.1, "device": "cuda"},
        loss={"_target_": "sinegan.game.losses.Hinge"},
    )
    assert [line.split(" = ")[0] for line in lines] == [
        "seeds",
        "optim.lr",
        "training.device",
        "training.stop_tolerance",
    ]


def test_compile_always_without_a_compiler_is_refused_before_anything_trains(monkeypatch):
    why = "there is no C++ compiler (g++, clang++, c++); install one"
    monkeypatch.setattr("sinegan.config.why_no_compiler", lambda: "")
    assert validate(values(training={"compile": "always"})).training.compile == "always"
    monkeypatch.setattr("sinegan.config.why_no_compiler", lambda: why)
    with pytest.raises(InvalidConfigError) as refused:
        validate(values(training={"compile": "always"}))
    assert str(refused.value) == f"training.compile = always: {why}, or use auto"
    assert validate(values(training={"compile": "auto"})).training.compile == "auto"
