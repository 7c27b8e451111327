"""The fast composer gives what Hydra composes, to the last flag of the last node."""

import copy
import pickle
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any

import pytest
from hydra._internal.hydra import Hydra
from hydra.core.config_loader import ConfigLoader
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.types import Quote, QuotedString
from hydra.errors import HydraException
from hydra.types import RunMode
from hypothesis import example, given, settings
from hypothesis import strategies as st
from omegaconf import DictConfig, Node, OmegaConf, open_dict

from hydra_plugins.stacked_launcher.composer import Composer, fast_copy, make_quick_to_copy
from sinegan.app.conf_folder import conf_folder

Composed = Callable[..., DictConfig]
CHOICES = [
    f"{path.parent.name}={path.stem}"
    for path in sorted(conf_folder().glob("*/*.yaml"))
    if path.parent.name != "hydra"
]


class Loader:
    """Hydra's loader, counting the configs that it composes."""

    def __init__(self, loader: ConfigLoader) -> None:
        self.loader = loader
        self.composed = 0

    def load_sweep_config(self, master: DictConfig, overrides: list[str]) -> DictConfig:
        self.composed += 1
        return self.loader.load_sweep_config(master, overrides)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.loader, name)


@pytest.fixture(scope="module")
def composed(open_hydra: Callable[..., AbstractContextManager[Hydra]]) -> Iterator[Composed]:
    """The config of a whole sweep, with its time resolved, as when a sweep begins."""
    with open_hydra() as hydra:

        def compose(*overrides: str) -> DictConfig:
            given = ["hydra.job.chdir=false", *overrides]
            master = hydra.compose_config("config", given, RunMode.MULTIRUN, with_log_configuration=False)
            OmegaConf.to_container(master.hydra.run, resolve=True)
            return master

        yield compose


@pytest.fixture(scope="module")
def master(composed: Composed) -> DictConfig:
    return composed()


@pytest.fixture(scope="module")
def loader(composed: Composed) -> ConfigLoader:  # noqa: ARG001
    return GlobalHydra.instance().config_loader()


def structure(node: Node) -> Any:
    """Everything that makes up a node: kind, types, flags, value."""
    state = {name: value for name, value in node.__dict__.items() if name not in ("_parent", "_flags_cache")}
    content = state.pop("_content", None)
    inside: Any = content
    if isinstance(content, dict):
        inside = [(key, structure(child)) for key, child in content.items()]
        assert all(child.__dict__["_parent"] is node for child in content.values())
    elif isinstance(content, list):
        inside = [structure(child) for child in content]
        assert all(child.__dict__["_parent"] is node for child in content)
    elif isinstance(content, Node):
        inside = structure(content)
        assert content.__dict__["_parent"] is node
    kind = DictConfig if isinstance(node, DictConfig) else type(node)
    return kind, repr(state), repr(content) if inside is content else inside


def facts(config: DictConfig) -> Any:
    """A composed config in full: its nodes, and its values once it has a number."""
    nodes = structure(config)
    trial = copy.deepcopy(config)
    with open_dict(trial):
        trial.hydra.job.num = trial.hydra.job.id = 3
        trial.hydra.runtime.output_dir = "there"
    try:
        return nodes, repr(OmegaConf.to_container(trial, resolve=True))
    except Exception as error:
        return nodes, repr(error)


def outcome(compose: Any, *arguments: Any) -> Any:
    try:
        return facts(compose(*arguments))
    except Exception as error:
        return type(error), str(error), str(error.__cause__)


@pytest.mark.slow
def test_a_value_next_to_any_choice_is_set_without_composing_again(
    loader: ConfigLoader, master: DictConfig
) -> None:
    counting = Loader(loader)
    composer = Composer(counting, master)  # type: ignore[arg-type]
    for choice in CHOICES:
        composer.compose(["training.steps=7", choice, "seeds=2"])
        before = counting.composed
        overrides = ["training.steps=5", choice, "seeds=3"]
        quick = composer.compose(overrides)
        assert counting.composed == before
        assert quick.seeds == 3
        assert facts(quick) == facts(loader.load_sweep_config(master, overrides)), choice


VALUES = {
    "1e-4": 1e-4,
    "1": 1,
    "1.0": 1.0,
    "true": True,
    "null": None,
    "'1e-4'": "1e-4",
    '"a, b"': "a, b",
    "[64,'64',1e-4,null]": [64, "64", 1e-4, None],
    "[]": [],
    "relu": "relu",
    "-inf": float("-inf"),
    "'it\\'s'": "it's",
}


@pytest.mark.parametrize("key", ["optim.generator_lr", "network.generator", "seeds"])
def test_a_value_of_any_type_is_set_as_hydra_sets_it(
    loader: ConfigLoader, master: DictConfig, key: str
) -> None:
    composer = Composer(loader, master)
    composer.compose([f"{key}=17"])
    for text, value in VALUES.items():
        config = composer.compose([f"{key}={text}"])
        group, _, name = key.rpartition(".")
        found = OmegaConf.to_container(config[group] if group else config)
        assert isinstance(found, dict)
        assert repr(found[name]) == repr(value)
        assert facts(config) == facts(loader.load_sweep_config(master, [f"{key}={text}"]))


TEXTS = st.one_of(
    st.integers().map(str),
    st.floats().map(repr),
    st.sampled_from(
        ["null", "true", "[1,[a,'b']]", "[]", "???", "a b", "a/b", "''", "tiny", "1,2", "{a:1}", "["]
    ),
    st.text().map(lambda text: QuotedString(text, Quote.single).with_quotes()),
)
KEYS = st.sampled_from(
    [
        "seed",
        "plot",
        "plot.text",
        "loss",
        "optim.lr",
        "optim.generator_lr",
        "optim.beta1",
        "network.generator",
        "network.generator.0",
        "network.generator.7",
        "training.stop_tolerance",
        "target.points",
        "target.nothing",
        "hydra.job.name",
        "+new",
        "++seed",
        "~plot.text",
        "network@plot",
    ]
)
GROUPS = st.lists(
    st.sampled_from(["loss=non_saturating", "optim=sgd", "network=tiny", "training=quick", "loss=wrong"]),
    max_size=2,
    unique=True,
)


@pytest.mark.slow
@settings(max_examples=25)
@given(GROUPS, st.lists(st.tuples(KEYS, TEXTS).map("=".join), max_size=3))
@example(["optim=sgd"], ["optim.beta1=0.5"])
@example(["optim=sgd"], ["seed=1e-4", "seed=2"])
@example([], ["loss=non_saturating", "loss=minimax"])
@example([], ["plot=3", "plot.text=true"])
def test_any_job_composes_or_fails_as_hydra_composes_it(
    loader: ConfigLoader, master: DictConfig, groups: list[str], values: list[str]
) -> None:
    overrides = values[:1] + groups + values[1:]
    composer = Composer(loader, master)
    expected = outcome(loader.load_sweep_config, master, overrides)
    assert outcome(composer.compose, overrides) == expected
    assert outcome(composer.compose, overrides) == expected


@pytest.mark.parametrize(
    "override",
    [
        "+new=1",
        "++seed=3",
        "~plot.text",
        "+loss@other=minimax",
        "hydra.job.name=x",
        "seed=${seeds}",
        "optim={lr:1}",
    ],
)
def test_overrides_that_the_composer_does_not_handle_are_composed_by_hydra(
    loader: ConfigLoader, master: DictConfig, override: str
) -> None:
    counting = Loader(loader)
    composer = Composer(counting, master)  # type: ignore[arg-type]
    for _ in range(2):
        config = composer.compose([override, "seeds=2"])
        assert facts(config) == facts(loader.load_sweep_config(master, [override, "seeds=2"]))
    assert counting.composed == 2


@pytest.mark.parametrize("wrong", ["optim.lrr=1", "loss=wrong", "nothing=1", "optim@plot=adam", "seeds=1,2"])
def test_a_wrong_override_is_refused_in_hydras_words(
    loader: ConfigLoader, master: DictConfig, wrong: str
) -> None:
    with pytest.raises(HydraException) as expected:
        loader.load_sweep_config(master, [wrong])
    composer = Composer(loader, master)
    for _ in range(2):
        with pytest.raises(type(expected.value)) as caught:
            composer.compose([wrong])
        assert str(caught.value) == str(expected.value)


def test_a_key_that_one_choice_lacks_is_refused_there_alone(loader: ConfigLoader, master: DictConfig) -> None:
    composer = Composer(loader, master)
    for lr in ("0.1", "0.2"):
        assert composer.compose(["optim=adam", f"optim.beta1={lr}"]).optim.beta1 == float(lr)
    with pytest.raises(HydraException, match=r"optim\.beta1"):
        composer.compose(["optim=sgd", "optim.beta1=0.3"])


def test_jobs_share_nothing(loader: ConfigLoader, master: DictConfig) -> None:
    composer = Composer(loader, master)
    first, second = (composer.compose(["loss=minimax", f"seed={seed}"]) for seed in (1, 2))
    third = composer.compose(["loss=minimax", "seed=3"])
    second.network.generator[0] = 999
    OmegaConf.set_readonly(second.hydra, True)
    fourth = composer.compose(["loss=minimax", "seed=4"])
    assert [config.network.generator[0] for config in (first, third, fourth)] == [64, 64, 64]
    assert not OmegaConf.is_readonly(fourth.hydra)


def test_the_environment_is_read_when_a_job_is_composed(
    loader: ConfigLoader, composed: Composed, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    sweep = composed("hydra.job.env_copy=[COLOUR]") if monkeypatch.setenv("COLOUR", "red") is None else None
    assert sweep is not None
    composer = Composer(loader, sweep)
    seen = []
    for seed, colour in enumerate(("red", "green", "blue")):
        monkeypatch.setenv("COLOUR", colour)
        seen.append(composer.compose([f"seed={seed}"]).hydra.job.env_set.COLOUR)
    assert seen == ["red", "green", "blue"]
    other = Composer(loader, composed())
    other.compose(["seed=1"])
    monkeypatch.chdir(tmp_path)
    assert other.compose(["seed=2"]).hydra.runtime.cwd == str(tmp_path)


def test_a_resolved_value_of_the_sweep_is_the_same_in_every_job(
    loader: ConfigLoader, composed: Composed
) -> None:
    sweep = composed("hydra.sweep.dir=${now:%f}")
    composer = Composer(loader, sweep)
    composer.compose(["seed=1"])
    assert composer.compose(["seed=2"]).hydra.sweep.dir == sweep.hydra.sweep.dir


def test_jobs_of_a_hydra_with_unknown_changes_are_composed_by_hydra(
    loader: ConfigLoader, master: DictConfig
) -> None:
    class Later(Loader):
        def load_sweep_config(self, master: DictConfig, overrides: list[str]) -> DictConfig:
            config = super().load_sweep_config(master, overrides)
            config.hydra.job.name = f"job of {len(overrides)}"
            return config

    composer = Composer(Later(loader), master)  # type: ignore[arg-type]
    names = [composer.compose(["loss=minimax", f"seed={seed}"]).hydra.job.name for seed in range(3)]
    assert names == ["job of 2"] * 3


class Colour(Enum):
    RED = 1


@dataclass
class Inner:
    number: int | float = 3
    names: list[str] = field(default_factory=lambda: ["a"])


@dataclass
class Everything:
    colour: Colour = Colour.RED
    path: Path = Path("there")
    raw: bytes = b"x"
    maybe: int | None = None
    missing: str = "???"
    inner: Inner = field(default_factory=Inner)
    many: dict[str, Inner] = field(default_factory=lambda: {"one": Inner(number=0.5)})
    elsewhere: Any = "${inner}"


def everything() -> DictConfig:
    config = OmegaConf.structured(Everything, flags={"allow_objects": True})
    assert isinstance(config, DictConfig)
    with open_dict(config):
        config.object = {1, 2}
    OmegaConf.set_readonly(config.inner, True)
    OmegaConf.get_cache(config)["now"] = {"x": ["y"]}
    return config


def test_a_quick_copy_equals_a_deepcopy_of_omegaconf(loader: ConfigLoader, master: DictConfig) -> None:
    for config in (everything(), loader.load_sweep_config(master, ["seeds=3"])):
        quick = fast_copy(config, None)
        assert structure(quick) == structure(copy.deepcopy(config))
        assert OmegaConf.to_yaml(quick) == OmegaConf.to_yaml(config)


def test_a_quick_copy_shares_nothing_with_its_original() -> None:
    config = everything()
    before = structure(config)
    quick = fast_copy(config, None)
    quick.colour, quick.many.one.number, quick.maybe = Colour.RED, 7, 1
    quick.object.add(3)
    OmegaConf.set_readonly(quick.inner, False)
    quick.inner.names.append("b")
    OmegaConf.get_cache(quick)["now"]["x"].append("z")
    assert structure(config) == before


def test_a_quick_copy_does_not_keep_flags_inherited_from_another_parent() -> None:
    config = everything()
    OmegaConf.set_readonly(config, True)
    assert OmegaConf.is_readonly(config.many.one)
    assert OmegaConf.is_readonly(fast_copy(config, None).many.one)
    assert not OmegaConf.is_readonly(fast_copy(config.many, None).one)


def test_quick_to_copy_changes_no_value_of_a_job(loader: ConfigLoader, master: DictConfig) -> None:
    config = loader.load_sweep_config(master, ["seeds=3"])
    expected = structure(copy.deepcopy(config))
    make_quick_to_copy(config)
    twin = copy.deepcopy(config)
    assert structure(twin) == expected
    assert twin.hydra is not config.hydra
    # By name: Hydra executes a plugin's modules again when it looks for plugins.
    assert (type(twin).__name__, type(twin.hydra).__name__) == ("DictConfig", "QuickToCopy")
    assert copy.deepcopy(config.hydra)._get_parent() is config
    again = pickle.loads(pickle.dumps(config))
    assert type(again) is type(again.hydra) is DictConfig
    assert structure(again) == expected
