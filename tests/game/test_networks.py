"""The two players have the layer sizes and the activation of the settings."""

import pytest
import torch
from torch import nn

from sinegan.game.networks import ACTIVATIONS, Network, largest_singular_value
from sinegan.schema import build


def linear_sizes(module: nn.Module) -> list[tuple[int, int]]:
    return [(part.in_features, part.out_features) for part in module.modules() if isinstance(part, nn.Linear)]


def parameter_count(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def test_the_default_network_is_the_tutorials():
    network = Network()
    generator, discriminator = network.build_generator(16), network.build_discriminator(16)
    assert linear_sizes(generator) == [(5, 64), (64, 128), (128, 16)]
    assert linear_sizes(discriminator) == [(16, 64), (64, 256), (256, 1)]
    # Weights and biases: 5*64 + 64 = 384, 64*128 + 128 = 8320, 128*16 + 16 = 2064.
    assert parameter_count(generator) == 384 + 8320 + 2064 == 10768
    # 16*64 + 64 = 1088, 64*256 + 256 = 16640, 256 + 1 = 257.
    assert parameter_count(discriminator) == 1088 + 16640 + 257 == 17985


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize(
    ("latent", "generator", "discriminator"), [(1, (), ()), (3, (4,), (5, 6)), (2, (7, 3, 7), (2,))]
)
def test_network_outputs_have_the_right_shapes_for_every_setting(
    latent, generator, discriminator, activation
):
    network = Network(latent=latent, generator=generator, discriminator=discriminator, activation=activation)
    for points in (2, 9):
        curves = network.build_generator(points)(torch.zeros(11, latent))
        logits = network.build_discriminator(points)(curves)
        assert curves.shape == (11, points)
        assert logits.shape == (11,)


def test_the_discriminator_gives_one_logit_for_each_curve():
    assert Network().build_discriminator(16)(torch.zeros(1, 16)).shape == (1,)


# At -1 and 2; silu is x sigmoid(x), gelu x Phi(x).
AT_MINUS_ONE_AND_TWO = {
    "relu": [0.0, 2.0],
    "leaky_relu": [-0.2, 2.0],
    "tanh": [-0.76159416, 0.96402758],
    "silu": [-0.26894142, 1.76159416],
    "gelu": [-0.15865525, 1.95449974],
}


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_the_activation_stands_between_layers_and_not_after_the_last(activation):
    network = Network(latent=1, generator=(1,), discriminator=(1,), activation=activation)
    for player, output_shape in (
        (network.build_generator(1), (2, 1)),
        (network.build_discriminator(1), (2,)),
    ):
        with torch.no_grad():
            for name, parameter in player.named_parameters():
                parameter.fill_(1.0 if name == "0.weight" else -3.0 if name == "2.weight" else 0.0)
        output = player(torch.tensor([[-1.0], [2.0]])).detach()
        expected = -3 * torch.tensor(AT_MINUS_ONE_AND_TWO[activation]).reshape(output_shape)
        torch.testing.assert_close(output, expected)


def test_no_hidden_layer_makes_the_generator_linear():
    assert linear_sizes(Network(generator=()).build_generator(16)) == [(5, 16)]
    assert linear_sizes(Network(discriminator=()).build_discriminator(16)) == [(16, 1)]


def test_relu_is_the_default_activation_and_every_activation_is_a_choice():
    assert Network().activation == "relu"
    for activation in ACTIVATIONS:
        assert build(Network, {"activation": activation})[0].activation == activation
    assert build(Network, {"activation": "sigmoid"})[1]


@pytest.mark.parametrize("change", [{"latent": 0}, {"generator": [64, 0]}, {"discriminator": [-1]}])
def test_layer_sizes_are_at_least_one(change):
    network, problems = build(Network, change)
    assert network is None
    assert len(problems) == 1


@pytest.mark.parametrize("shape", [(64, 16), (16, 64), (1, 256), (7, 7), (1, 1)])
def test_the_largest_singular_value_and_its_gradient_equal_those_of_svd(shape):
    torch.manual_seed(0)
    weight = torch.randn(shape, dtype=torch.float64, requires_grad=True)
    left, values, right = torch.linalg.svd(weight.detach(), full_matrices=False)
    largest = largest_singular_value(weight)
    assert largest.item() == pytest.approx(values[0].item(), rel=1e-9)
    (slope,) = torch.autograd.grad(largest, weight)
    torch.testing.assert_close(slope, torch.outer(left[:, 0], right[0]), rtol=1e-4, atol=1e-6)


def test_the_largest_singular_value_is_found_among_equal_ones():
    assert largest_singular_value(3 * torch.eye(4)).item() == pytest.approx(3)


def test_spectral_norm_divides_the_discriminator_weights_and_keeps_their_initial_values():
    torch.manual_seed(0)
    plain = Network(discriminator=(7,)).build_discriminator(4)
    torch.manual_seed(0)
    spectral = Network(discriminator=(7,), spectral_norm=True).build_discriminator(4)
    for weight, expected in zip(spectral.parameters(), plain.parameters(), strict=True):
        assert torch.equal(weight, expected)
    with torch.no_grad():
        for part in plain.modules():
            if isinstance(part, nn.Linear):
                part.weight /= torch.linalg.matrix_norm(part.weight, ord=2)
    curves = torch.randn(5, 4)
    torch.testing.assert_close(spectral(curves), plain(curves))
    generator = Network(spectral_norm=True).build_generator(4)
    assert {type(part) for part in generator if isinstance(part, nn.Linear)} == {nn.Linear}
