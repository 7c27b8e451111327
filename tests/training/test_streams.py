"""The random numbers of a run depend on its seed, a purpose and a place."""

import math

import numpy as np
import torch
from torch import nn

from sinegan.training.streams import DATA, NOISE, PENALTY, initialise, stream


def test_a_stream_depends_on_seed_purpose_and_place() -> None:
    def drawn(seed: int, purpose: int, place: int) -> tuple[float, ...]:
        return tuple(stream(seed, purpose, place).standard_normal(4))

    places = [(3, NOISE, 0), (4, NOISE, 0), (3, DATA, 0), (3, NOISE, 1), (0, NOISE, 3)]
    assert len({drawn(*place) for place in places}) == len(places)
    assert drawn(3, NOISE, 1) == drawn(3, NOISE, 1)


def test_a_named_stream_has_its_own_numbers_and_an_unnamed_one_its_former_numbers() -> None:
    assert stream(3, PENALTY, 1, "R1").random() != stream(3, PENALTY, 1, "R2").random()
    assert stream(3, PENALTY, 1, "R1").random() == stream(3, PENALTY, 1, "R1").random()
    plain = np.random.default_rng(np.random.SeedSequence(3, spawn_key=(NOISE, 2)))
    assert stream(3, NOISE, 2).random() == plain.random()


def test_initial_weights_follow_pytorch_and_leave_its_global_generator_unchanged() -> None:
    def build(points: int) -> nn.Module:
        return nn.Linear(points, 1000)

    before = torch.get_rng_state()
    one, again, other = initialise(1, 0, build, 4), initialise(1, 0, build, 4), initialise(2, 0, build, 4)
    rival = initialise(1, 1, build, 4)
    assert torch.equal(torch.get_rng_state(), before)
    weights = [dict(module.named_parameters())["weight"].detach() for module in (one, again, other, rival)]
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])
    assert not torch.equal(weights[0], weights[3])
    # PyTorch draws a linear layer uniformly within 1 / sqrt(inputs).
    assert weights[0].abs().max().item() <= 1 / math.sqrt(4)
    assert np.isclose(weights[0].std().item(), 0.5 / math.sqrt(3), rtol=0.05)
