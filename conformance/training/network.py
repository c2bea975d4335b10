"""A fully connected network with ReLU as two functions; its parameters are a list: weight, bias, weight, bias ..."""

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor
from torch.nn.functional import linear


def initial(sizes: Sequence[int], generator: torch.Generator) -> list[Tensor]:
    """Weights normal with variance 2 / inputs, which suits ReLU (He et al. 2015), and biases zero."""
    params = []
    for inputs, outputs in pairwise(sizes):
        weight = torch.randn(outputs, inputs, generator=generator) * (2 / inputs) ** 0.5  # training.7
        params += [weight, torch.zeros(outputs)]
    return params


def forward(params: Sequence[Tensor], images: Tensor) -> Tensor:
    """The logits of a batch of images, `[batch, pixels]` to `[batch, classes]`."""
    hidden = images
    for weight, bias in zip(params[:-2:2], params[1:-2:2], strict=True):
        hidden = linear(hidden, weight, bias).relu()
    return linear(hidden, params[-2], params[-1])
