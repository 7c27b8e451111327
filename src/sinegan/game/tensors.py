"""The one type that the rules of a game pass around."""

from torch import Tensor

Tensors = dict[str, Tensor]
"""Tensors by name: the weights of a player, their gradients, or what is kept for each of them."""
