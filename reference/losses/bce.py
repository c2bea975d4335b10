"""bce: spec/losses/bce.md. The cross entropy of a yes-or-no target and the probability of yes."""

from collections.abc import Callable

import torch
from torch import Tensor

from torchstone.reference.checks import require
from torchstone.reference.loss import fits_into, reduce

LEAST = -100.0


def clamped(log: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    """`max(log(x), -100)`, constant where it is cut."""
    kept = log(x) >= LEAST
    return torch.where(kept, log(torch.where(kept, x, 0.5)), LEAST)  # bce.2 bce.8


def bce(input: Tensor, target: Tensor, *, weight: Tensor | None = None, reduction: str = "mean") -> Tensor:
    floating = input.is_floating_point() and target.is_floating_point()
    require(floating, "bce: input and target must have floating dtypes", (input.dtype, target.dtype))  # bce.14
    shape = tuple(input.shape)
    require(target.shape == shape, f"bce: target must have shape {shape}", target.shape)  # bce.12
    for name, tensor in (("input", input), ("target", target)):
        inside = ((tensor >= 0) & (tensor <= 1)).all()
        require(inside, f"bce: {name} must lie in [0, 1]", tensor)  # bce.10 bce.11
    loss = -(target * clamped(torch.log, input) + (1 - target) * clamped(torch.log1p, -input))  # bce.1
    if weight is not None:
        require(fits_into(weight.shape, shape), f"bce: weight must broadcast to {shape}", weight.shape)  # bce.13
        loss = weight * loss  # bce.3
    return reduce(loss, reduction)  # bce.4
