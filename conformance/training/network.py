"""A fully connected network with ReLU as two functions; its parameters are a list: weight, bias, weight, bias ...

Without biases the list is of weights alone.
"""

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor
from torch.nn.functional import linear


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


def forward(params: Sequence[Tensor], images: Tensor) -> Tensor:
    """The logits of a batch of images, `[batch, pixels]` to `[batch, classes]`."""
    weights = [param for param in params if param.ndim == 2]
    biases: list[Tensor] | list[None] = [param for param in params if param.ndim == 1] or [None] * len(weights)
    *before, last = zip(weights, biases, strict=True)
    hidden = images
    for weight, bias in before:
        hidden = linear(hidden, weight, bias).relu()
    return linear(hidden, *last)
