"""Every file in conf/ is composed, instantiated and stepped, and agrees with its class."""

import dataclasses
import itertools
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from conf_choices import choices
from hydra import compose
from hydra._internal.hydra import Hydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.core.plugins import Plugins
from omegaconf import OmegaConf

from sinegan.app.composition import build_config, find_problems, plain_settings
from sinegan.app.conf_folder import conf_folder
from sinegan.game.penalties import R1, R2
from sinegan.schema import Allowed
from sinegan.training.signature import Run
from sinegan.training.stack import Stack

GROUPS = ("target", "network", "loss", "penalty", "optim", "lr_schedule", "average", "training")
GROUPS += ("decide", "executor")
FEW_STEPS = ["training.steps=2", "training.batch_size=3", "training.evaluation_samples=4", "seeds=2"]
WANTED = {
    "target=from_file": [f"target.path={Path(__file__).with_name('measured_curve.csv')}"],
    "network=dirac": ["target=point_mass"],
    "network=affine": ["target=gaussian"],
}
"""The settings that a choice needs because it has no default for them."""


@pytest.fixture(autouse=True)
def _hydra_of_conf(open_hydra: Callable[..., AbstractContextManager[Hydra]]) -> Iterator[None]:
    Plugins.instance()
    with open_hydra():
        yield


@pytest.mark.parametrize("choice", [f"{group}={name}" for group in GROUPS for name in choices(group)])
def test_every_choice_of_every_group_trains(choice: str) -> None:
    network = [] if choice.startswith("network") else ["network=tiny"]
    wanted = WANTED.get(choice, [])
    config, _ = build_config(
        compose("config", [choice, *wanted, *network, *FEW_STEPS, "training.compile=never"])
    )
    stack = Stack([Run(config.setup, seed) for seed in config.all_seeds])
    before = {name: tensor.clone() for name, tensor in stack.state.generator.items()}
    stack.advance(2)
    assert any(not (stack.state.generator[name] == tensor).all() for name, tensor in before.items())
    assert np.isfinite(stack.measure()[config.primary_metric]).all()
    assert stack.finite_steps().tolist() == [2, 2]


@pytest.mark.parametrize("group", ["target", "network", "loss", "optim", "lr_schedule", "average", "decide"])
def test_a_yaml_file_names_every_setting_of_its_class_and_no_other(group: str) -> None:
    for name in choices(group):
        composed = compose("config", [f"{group}={name}", *WANTED.get(f"{group}={name}", [])])
        config, _ = build_config(composed)
        written = set(composed[group]) - {"_target_"}
        assert written == {field.name for field in dataclasses.fields(getattr(config, group))}, name


@pytest.mark.parametrize("name", choices("penalty"))
def test_a_yaml_file_of_a_penalty_names_it_and_every_setting_of_its_class(name: str) -> None:
    written = yaml.safe_load((conf_folder() / "penalty" / f"{name}.yaml").read_text())
    assert set(written) == {name} - {"none"}
    config, _ = build_config(compose("config", [f"penalty={name}"]))
    assert len(config.penalty) == len(written)
    for penalty in config.penalty:
        assert set(written[name]) - {"_target_"} == {field.name for field in dataclasses.fields(penalty)}


def test_several_penalties_are_combined_in_any_order() -> None:
    both, _ = build_config(compose("config", ["penalty=[r2,r1]", "penalty.r1.gamma=3"]))
    assert both.penalty == (R1(gamma=3.0), R2())
    assert build_config(compose("config", ["penalty=[r1,r2]", "penalty.r1.gamma=3"]))[0] == both


def test_the_defaults_in_yaml_are_those_of_the_classes() -> None:
    config, _ = build_config(compose("config"))
    for part in (config, config.target, config.network, config.loss, config.optim, config.training):
        for field in dataclasses.fields(part):
            if field.default is not dataclasses.MISSING:
                # Without a default of its own a setting is derived from the others.
                expected = field.default if field.default is not None else getattr(type(part)(), field.name)
                assert getattr(part, field.name) == expected, field.name


def test_a_comment_in_yaml_that_lists_choices_lists_all_of_them() -> None:
    config, _ = build_config(compose("config"))
    words = ("device", "dtype", "compile", "updates")
    for path in ("network.activation", *[f"training.{word}" for word in words]):
        part, name = path.split(".")
        (field,) = [f for f in dataclasses.fields(getattr(config, part)) if f.name == name]
        allowed: Allowed = field.metadata["allowed"]
        file = conf_folder() / part / ("small.yaml" if part == "network" else "default.yaml")
        (line,) = [text for text in file.read_text().splitlines() if text.startswith(f"{name}:")]
        assert {word for word in allowed.choices if word in line.replace(",", " ").split()} == set(
            allowed.choices
        )


def test_experiment_original_is_the_tutorial_in_every_part() -> None:
    config, _ = build_config(compose("config", ["experiment=original", "seeds=1"]))
    assert config.network.latent == 5
    assert config.network.generator == (64, 128)
    assert config.network.discriminator == (64, 256)
    assert config.network.activation == "relu"
    assert np.array_equal(config.target.grid(), np.linspace(0, 2 * np.pi, 16))
    drawn = config.target.draw(64, np.random.default_rng(0))
    assert np.array_equal(drawn, np.tile(np.sin(np.linspace(0, 2 * np.pi, 16)), (64, 1)))
    assert type(config.loss).__name__ == "Minimax"
    assert type(config.optim).__name__ == "Adam"
    assert config.optim.generator_lr == config.optim.discriminator_lr == 1e-4
    training = config.training
    assert (training.steps, training.batch_size, training.discriminator_steps) == (10_000, 64, 1)
    assert (training.evaluate_every, training.stop_tolerance, config.plot.every) == (100, 1e-6, 50)


def test_early_stopping_is_off_outside_experiment_original() -> None:
    config, _ = build_config(compose("config"))
    assert config.training.stop_tolerance is None


@pytest.mark.parametrize("name", choices("experiment"))
def test_every_experiment_is_valid_in_all_its_combinations(name: str) -> None:
    study = compose("config", [f"experiment={name}"], return_hydra_config=True)
    params = OmegaConf.to_container(study.hydra.sweeper.params or OmegaConf.create())
    assert isinstance(params, dict)
    overrides = OverridesParser.create().parse_overrides([f"{key}={value}" for key, value in params.items()])
    grids = OmegaConf.to_container(study.hydra.sweeper.grids or OmegaConf.create([])) or []
    assert (name == "original") == (not overrides and not grids)
    for override in overrides:
        for value in _values(override):
            single = compose("config", [f"experiment={name}", f"{override.key_or_group}={value}"])
            assert find_problems(single) == []
    for grid in grids:
        lists = OverridesParser.create().parse_overrides([f"{key}={value}" for key, value in grid.items()])
        for values in itertools.product(*map(_values, lists)):
            keys = [each.key_or_group for each in lists]
            pairs = [f"{key}={value}" for key, value in zip(keys, values, strict=True)]
            assert find_problems(compose("config", [f"experiment={name}", *pairs])) == []


def _values(override: Override) -> list[str]:
    if override.is_sweep_override():
        return list(override.sweep_string_iterator())
    return [override.get_value_element_as_str()]


def test_a_job_with_conflicting_choices_is_refused_by_their_names() -> None:
    job = compose("config", ["loss=minimax_literal", "penalty=wgan_gp"], return_hydra_config=True)
    assert OmegaConf.is_struct(job), "as the jobs of a sweep are"
    assert find_problems(job) == [
        "penalty=wgan_gp: makes a critic, but loss=minimax_literal takes a probability; use loss=minimax"
    ]


def test_one_learning_rate_serves_both_players_unless_split() -> None:
    together, _ = build_config(compose("config", ["optim.lr=0.003"]))
    assert (together.optim.generator_lr, together.optim.discriminator_lr) == (0.003, 0.003)
    split, _ = build_config(compose("config", ["optim.lr=0.003", "optim.discriminator_lr=0.001"]))
    assert (split.optim.generator_lr, split.optim.discriminator_lr) == (0.003, 0.001)

    ratio, _ = build_config(
        compose("config", ["optim.lr=0.003", "optim.lr_ratio=2", "optim.generator_lr=null"])
    )
    assert (ratio.optim.generator_lr, ratio.optim.discriminator_lr) == (0.003, 0.006)


def test_stored_settings_have_the_learning_rates_in_numbers() -> None:
    config = compose("config", ["optim.lr=0.003", "optim.lr_ratio=2"])
    assert (config.optim.generator_lr, config.optim.discriminator_lr) == (None, None)
    stored = plain_settings(config)
    assert (stored["optim"]["generator_lr"], stored["optim"]["discriminator_lr"]) == (0.003, 0.006)
    assert list(stored["optim"]) == list(config.optim)


def test_a_problem_of_an_interpolated_value_is_reported_once_at_its_origin() -> None:
    vanishes = "is 0 in float32, where the smallest number is 1.2e-38; use training.dtype=float64"
    for settings, problem in {
        ("optim.lr=-1",): "optim.lr = -1: must be a number above 0",
        ("optim.lr=1e-60",): f"optim.lr = 1e-60: {vanishes}",
        ("optim.lr=1e-30", "optim.lr_ratio=0.5e-20"): f"optim.discriminator_lr = 5e-51: {vanishes}",
        ("optim.lr=1e300", "optim.lr_ratio=1e9"): "optim.lr_ratio = 1e+09: lr * lr_ratio must be finite",
        ("seed=${seeds}", "seeds=0"): "seeds = 0: must be a whole number at least 1 and at most 1000000000",
        ("seed=${seeds}", "seeds=-1"): "seeds = -1: must be a whole number at least 1 and at most 1000000000",
    }.items():
        assert find_problems(compose("config", list(settings))) == [problem]


def test_the_conf_folder_has_no_stray_files() -> None:
    files = {path.relative_to(conf_folder()) for path in conf_folder().rglob("*") if path.is_file()}
    known: set[Any] = {
        Path("config.yaml"),
        Path("hydra/help/sinegan.yaml"),
        Path("hydra/job_logging/sinegan.yaml"),
    }
    known |= {Path(group) / f"{name}.yaml" for group in (*GROUPS, "experiment") for name in choices(group)}
    assert files == known
