"""softmin: spec/losses/softmin.md. No loss: the numbers of a slice, as probabilities, the smallest the most likely."""

import torch
from torch import Tensor

from torchstone.reference.loss import check_floating
from torchstone.reference.losses.softmax import axis_of, shifted


def softmin(input: Tensor, *, dim: int | None = None) -> Tensor:
    check_floating(input)
    axis = axis_of("softmin", input, dim)
    e = torch.exp(shifted(-input, axis))
    return e / e.sum(axis, keepdim=True)  # softmin.1
