"""l1: spec/losses/l1.md. The absolute error."""

from torch import Tensor

from torchstone.reference.checks import require
from torchstone.reference.loss import broadcastable, check_floating, reduce


def l1(input: Tensor, target: Tensor, *, reduction: str = "mean") -> Tensor:
    check_floating(input, target)
    shapes = (tuple(input.shape), tuple(target.shape))
    require(broadcastable(*shapes), "l1: the shapes of input and target must broadcast together", shapes)  # l1.12
    return reduce((input - target).abs(), reduction)  # l1.1
