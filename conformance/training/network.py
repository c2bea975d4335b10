"""A fully connected network with ReLU as two functions; its parameters are a list: weight, bias, weight, bias ...

Without biases the list is of weights alone.
"""

from collections.abc import Callable, Sequence
from itertools import pairwise

import torch
from torch import Tensor
from torch.nn.functional import linear

Network = Callable[[Sequence[Tensor], Tensor], Tensor]


def initial(sizes: Sequence[int], generator: torch.Generator, init: str, biases: bool) -> list[Tensor]:
    """The parameters at the start, drawn layer by layer.

    `he`: weights normal with variance 2 / inputs, which suits ReLU (He et al. 2015), and biases zero.
    `uniform`: weights and biases uniform up to 1 / sqrt(inputs) on both sides of zero, as torch's `Linear` starts.
    """
    params = []
    for inputs, outputs in pairwise(sizes):
        if init == "he":
            weight = torch.randn(outputs, inputs, generator=generator) * (2 / inputs) ** 0.5  # training.7
            bias = torch.zeros(outputs)
        else:
            bound = inputs**-0.5
            weight = (2 * torch.rand(outputs, inputs, generator=generator) - 1) * bound  # training.22
            bias = (2 * torch.rand(outputs, generator=generator) - 1) * bound  # training.22
        params += [weight, bias] if biases else [weight]
    return params


def forward(params: Sequence[Tensor], images: Tensor, relu: Callable[[Tensor], Tensor] = torch.relu) -> Tensor:
    """The logits of a batch of images, `[batch, pixels]` to `[batch, classes]`."""
    weights = [param for param in params if param.ndim == 2]
    biases: list[Tensor] | list[None] = [param for param in params if param.ndim == 1] or [None] * len(weights)
    *before, last = zip(weights, biases, strict=True)
    hidden = images
    for weight, bias in before:
        hidden = relu(linear(hidden, weight, bias))
    return linear(hidden, *last)


class Gates:
    """Which ReLUs were open, for which images, each time the network was evaluated in a step (training.24)."""

    def __init__(self) -> None:
        self.evaluations: list[list[Tensor]] = []

    def record(self, params: Sequence[Tensor], images: Tensor) -> Tensor:
        """`forward`, noting what opens."""
        opened: list[Tensor] = []
        self.evaluations.append(opened)

        def relu(hidden: Tensor) -> Tensor:
            opened.append(hidden.detach() > 0)
            return torch.relu(hidden)

        return forward(params, images, relu)

    def replayed(self, entering: Callable[[Tensor], Tensor] = lambda hidden: hidden) -> Network:
        """`forward` with the same ReLUs open; as often as it was evaluated then, and as it is from there on.

        `entering` is applied to what enters a layer.
        """
        evaluations = iter(self.evaluations)

        def network(params: Sequence[Tensor], images: Tensor) -> Tensor:
            opened = next(evaluations, None)
            if opened is None:
                return forward(params, images)
            gates = iter(opened)
            return forward(params, entering(images), lambda hidden: entering(torch.where(next(gates), hidden, 0)))

        return network
