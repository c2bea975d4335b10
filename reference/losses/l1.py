"""l1: spec/losses/l1.md."""

from torch import Tensor

from torchstone.reference.loss import reduce


def l1(input: Tensor, target: Tensor, *, reduction: str = "mean") -> Tensor:
    return reduce((input - target).abs(), reduction)  # l1.1
