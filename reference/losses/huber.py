"""huber: spec/losses/huber.md. The squared error of small errors, the absolute error of large ones (Huber 1964)."""

import torch
from torch import Tensor

from torchstone.reference.checks import require
from torchstone.reference.loss import broadcastable, check_floating, reduce


def huber(input: Tensor, target: Tensor, *, delta: float = 1.0, reduction: str = "mean") -> Tensor:
    check_floating(input, target)
    require(delta > 0, "huber: delta must be > 0", delta)  # huber.12
    shapes = (tuple(input.shape), tuple(target.shape))
    together = broadcastable(*shapes)
    require(together, "huber: the shapes of input and target must broadcast together", shapes)  # huber.13
    error = (input - target).abs()
    small = torch.where(error <= delta, error, 0.0)  # keeps the parabola's slope finite where it is not chosen
    parabola = 0.5 * small * small  # huber.1 huber.3
    line = delta * (error - 0.5 * delta)  # huber.2
    return reduce(torch.where(error <= delta, parabola, line), reduction)
