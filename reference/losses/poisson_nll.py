"""poisson_nll: spec/losses/poisson_nll.md. Minus the log probability of a count under a Poisson distribution."""

import math

import torch
from torch import Tensor

from torchstone.reference.checks import require
from torchstone.reference.loss import broadcastable, check_floating, part, reduce


def poisson_nll(
    input: Tensor,
    target: Tensor,
    *,
    log_input: bool = True,
    full: bool = False,
    eps: float = 1e-8,
    reduction: str = "mean",
) -> Tensor:
    check_floating(input)
    require(eps >= 0, "poisson_nll: eps must be >= 0", eps)  # poisson_nll.12
    shapes = (tuple(input.shape), tuple(target.shape))
    require(broadcastable(*shapes), "poisson_nll: the shapes of input and target must broadcast together", shapes)
    x, y = input, target.to(input.dtype)  # poisson_nll.6
    rate = torch.where((y == 0) & (x + eps == 0), 1.0, x + eps)  # poisson_nll.9
    loss = torch.exp(x) - part(y, x) if log_input else x - y * torch.log(rate)  # poisson_nll.1 poisson_nll.2
    return reduce(loss + stirling(y) if full else loss, reduction)  # poisson_nll.5


def stirling(y: Tensor) -> Tensor:
    """The logarithm of the factorial of y, nearly; 0 up to 1."""
    large = y > 1
    y = torch.where(large, y, 1.0)
    return torch.where(large, y * torch.log(y) - y + 0.5 * torch.log(2 * math.pi * y), 0.0)  # poisson_nll.5
