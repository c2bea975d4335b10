"""log_softmax: spec/losses/log_softmax.md. No loss: the logarithm of softmax, computed without taking softmax first."""

import torch
from torch import Tensor

from torchstone.reference.loss import check_floating
from torchstone.reference.losses.softmax import axis_of, shifted


def log_softmax(input: Tensor, *, dim: int | None = None) -> Tensor:
    check_floating(input)
    axis = axis_of("log_softmax", input, dim)
    x = shifted(input, axis)
    return x - torch.log(torch.exp(x).sum(axis, keepdim=True))  # log_softmax.1
