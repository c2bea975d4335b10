"""smooth_l1: spec/losses/smooth_l1.md. The absolute error with its kink rounded off (Girshick 2015)."""

import torch
from torch import Tensor

from torchstone.reference.checks import require
from torchstone.reference.loss import broadcastable, check_floating, reduce


def smooth_l1(input: Tensor, target: Tensor, *, beta: float = 1.0, reduction: str = "mean") -> Tensor:
    check_floating(input, target)
    require(beta >= 0, "smooth_l1: beta must be >= 0", beta)  # smooth_l1.12
    shapes = (tuple(input.shape), tuple(target.shape))
    together = broadcastable(*shapes)
    require(together, "smooth_l1: the shapes of input and target must broadcast together", shapes)  # smooth_l1.13
    error = (input - target).abs()
    small = torch.where(error < beta, error, 0.0)  # no error is, where beta is 0
    parabola = 0.5 * small * (small / (beta or 1.0))  # smooth_l1.1 smooth_l1.8
    line = error - 0.5 * beta  # smooth_l1.2
    return reduce(torch.where(error < beta, parabola, line), reduction)
