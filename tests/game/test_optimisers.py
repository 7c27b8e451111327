"""The optimisers are PyTorch's, as pure functions that can be stacked."""

import pickle
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch
from omegaconf import OmegaConf
from torch import Tensor
from torch.func import vmap

from sinegan.app.conf_folder import conf_folder
from sinegan.game.optimisers import SGD, Adam, Optimiser, OptimisticAdam, RMSprop
from sinegan.game.partition import partition
from sinegan.schema import build

FILES = sorted((conf_folder() / "optim").glob("*.yaml"))


def walk(optim: Optimiser, gradients: list[Tensor], lr: float) -> Tensor:
    """The weights 1, 2, 3 after a step along each gradient."""
    weights = {"w": torch.tensor([1.0, 2.0, 3.0], dtype=torch.float64)}
    state = optim.init(weights)
    for gradient in gradients:
        weights, state = optim.update(weights, {"w": gradient}, state, lr)
    return weights["w"]


def some_gradients() -> list[Tensor]:
    torch.manual_seed(0)
    return [torch.randn(3, dtype=torch.float64) for _ in range(20)]


@pytest.mark.parametrize(
    ("optim", "reference", "options"),
    [
        (Adam(beta1=0.8, beta2=0.95, eps=1e-6), torch.optim.Adam, {"betas": (0.8, 0.95), "eps": 1e-6}),
        (SGD(momentum=0.7), torch.optim.SGD, {"momentum": 0.7}),
        (RMSprop(decay=0.9, eps=1e-6), torch.optim.RMSprop, {"alpha": 0.9, "eps": 1e-6}),
    ],
)
def test_twenty_optimiser_steps_equal_those_of_pytorch(
    optim: Optimiser, reference: Any, options: dict[str, Any]
) -> None:
    weights = torch.nn.Parameter(torch.tensor([1.0, 2.0, 3.0], dtype=torch.float64))
    optimiser = reference([weights], lr=0.05, **options)
    for gradient in some_gradients():
        weights.grad = gradient.clone()
        optimiser.step()
    torch.testing.assert_close(walk(optim, some_gradients(), 0.05), weights.detach(), rtol=1e-10, atol=0)


def test_the_first_step_of_adam_has_the_size_of_the_learning_rate() -> None:
    gradient = torch.tensor([5.0, -0.001, 0.0], dtype=torch.float64)
    expected = torch.tensor([0.9, 2.1, 3.0], dtype=torch.float64)
    torch.testing.assert_close(walk(Adam(), [gradient], 0.1), expected, rtol=0, atol=1e-5)


def written(path: Path) -> Any:
    """The settings in a file of conf/, after those of the files in its defaults list."""
    own: Any = OmegaConf.load(path)
    bases = [written(path.with_stem(name)) for name in own.pop("defaults", [])]
    return OmegaConf.merge(*bases, own)


def composed(path: Path, **changes: float) -> Optimiser:
    settings = OmegaConf.to_container(OmegaConf.merge(written(path), changes), resolve=True)
    optim, problems = build(Optimiser, settings, "optim")
    assert problems == []
    assert isinstance(optim, Optimiser)
    return optim


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_lr_in_yaml_sets_both_players_unless_they_are_set(path: Path) -> None:
    both = composed(path, lr=0.25)
    assert (both.generator_lr, both.discriminator_lr) == (0.25, 0.25)
    own = composed(path, lr=0.25, discriminator_lr=0.5)
    assert (own.generator_lr, own.discriminator_lr) == (0.25, 0.5)
    slow = composed(path, lr=0.25, lr_ratio=4)
    assert (slow.generator_lr, slow.discriminator_lr) == (0.25, 1.0)


def optimiser_classes(base: type[Optimiser] = Optimiser) -> list[type[Optimiser]]:
    """All concrete optimisers."""
    below = [kind for one in base.__subclasses__() for kind in (one, *optimiser_classes(one))]
    return [kind for kind in below if kind.__module__ == Optimiser.__module__]


@pytest.mark.parametrize("kind", optimiser_classes(), ids=lambda kind: kind.__name__)
def test_lr_in_python_sets_both_players_unless_they_are_given(kind: type[Optimiser]) -> None:
    def rates(**given: float) -> tuple[float, float]:
        optim = kind(**given)  # type: ignore[arg-type]
        return optim.generator_lr, optim.discriminator_lr

    assert rates(lr=1e-3) == (1e-3, 1e-3)
    assert rates(lr=0.5, lr_ratio=4) == (0.5, 2.0)
    assert rates(lr=0.5, generator_lr=0.0) == (0.0, 0.5)
    assert rates(lr=0.5, lr_ratio=4, discriminator_lr=0.25) == (0.5, 0.25)
    assert rates(lr=1e-3, generator_lr=1e-4, discriminator_lr=1e-5) == (1e-4, 1e-5)
    assert rates() == (kind().lr, kind().lr)


@pytest.mark.parametrize("kind", optimiser_classes(), ids=lambda kind: kind.__name__)
def test_learning_rates_follow_a_replaced_lr_and_survive_pickling(kind: type[Optimiser]) -> None:
    faster = replace(kind(lr=0.1, discriminator_lr=0.3), lr=0.2)
    assert (faster.generator_lr, faster.discriminator_lr) == (0.2, 0.3)
    slower = replace(pickle.loads(pickle.dumps(kind(lr=0.1))), lr_ratio=0.5)
    assert (slower.generator_lr, slower.discriminator_lr) == (0.1, 0.05)
    assert kind(lr=0.1) == kind(lr=0.1, generator_lr=0.1, discriminator_lr=0.1)


def test_every_optimiser_has_a_yaml_file_with_the_same_defaults() -> None:
    named = {str(written(path)["_target_"]) for path in FILES}
    assert named == {f"{kind.__module__}.{kind.__qualname__}" for kind in optimiser_classes()}
    for path in FILES:
        settings: dict[str, Any] = dict(written(path)) | {"lr": 0.25, "lr_ratio": 3.0}
        given = {
            name: value
            for name, value in settings.items()
            if name not in ("generator_lr", "discriminator_lr")
        }
        without, problems = build(Optimiser, given, "optim")
        assert problems == []
        assert without == composed(path, lr=0.25, lr_ratio=3.0)


def test_derived_and_given_learning_rates_share_a_stack(make_config: Any) -> None:
    derived = make_config(optim=Adam(lr=1e-3, lr_ratio=2.0))
    given = make_config(optim=Adam(lr=1e-3, lr_ratio=2.0, generator_lr=1e-3, discriminator_lr=2e-3))
    assert partition(derived.rules) == partition(given.rules)
    assert partition(derived.rules)[1]["optim"]["discriminator_lr"] == 2e-3


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_optimiser_can_be_stacked_with_a_learning_rate_for_each_lane(path: Path) -> None:
    optim = composed(path)
    rates = torch.tensor([0.1, 0.01], dtype=torch.float64)
    gradients = some_gradients()[:5]
    stacked = vmap(lambda lr: walk(optim, gradients, lr))(rates)
    for lane, lr in enumerate(rates.tolist()):
        torch.testing.assert_close(stacked[lane], walk(optim, gradients, lr))
    assert not torch.equal(stacked[0], stacked[1])


def test_optimistic_adam_steps_twice_and_takes_its_last_step_back() -> None:
    gradients = some_gradients()[:4]
    ends = [walk(Adam(), gradients[:count], 0.05) for count in range(5)]
    steps = [after - before for before, after in pairwise(ends)]
    # Twice each step less the one before it: from the start, all steps and the last one more.
    expected = ends[-1] + steps[-1]
    torch.testing.assert_close(walk(OptimisticAdam(), gradients, 0.05), expected, rtol=1e-10, atol=0)
