"""The networks of the theory: the Dirac-GAN, and an affine generator against a perceptron."""

import torch

from sinegan.game.toy_networks import Affine, Dirac


def test_the_dirac_gan_is_a_point_generator_against_a_linear_discriminator() -> None:
    players = Dirac(theta=1.5, psi=-2.0)
    generator, discriminator = players.build_generator(1), players.build_discriminator(1)
    assert generator(torch.randn(3, 1)).tolist() == [[1.5]] * 3
    assert discriminator(torch.tensor([[1.0], [-3.0]])).tolist() == [-2.0, 6.0]
    weights = [dict(module.named_parameters()) for module in (generator, discriminator)]
    readings = players.readings(*weights)
    assert {name: weight.item() for name, weight in readings.items()} == {"theta": 1.5, "psi": -2.0}


def test_the_affine_network_is_an_affine_generator_against_a_perceptron() -> None:
    players = Affine(scale=2.0, shift=-1.0, discriminator=(3,))
    noise = torch.tensor([[0.0], [1.5]])
    assert players.build_generator(1)(noise).tolist() == [[-1.0], [2.0]]
    assert players.build_discriminator(1)(noise).shape == (2,)
    assert players.readings({}, {}) == {}
