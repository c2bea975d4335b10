"""mse: spec/losses/mse.md. The squared error."""

from torch import Tensor

from torchstone.reference.checks import require
from torchstone.reference.loss import broadcastable, check_floating, reduce


def mse(input: Tensor, target: Tensor, *, reduction: str = "mean") -> Tensor:
    check_floating(input, target)
    shapes = (tuple(input.shape), tuple(target.shape))
    require(broadcastable(*shapes), "mse: the shapes of input and target must broadcast together", shapes)  # mse.12
    return reduce((input - target) ** 2, reduction)  # mse.1
