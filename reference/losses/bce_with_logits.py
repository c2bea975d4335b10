"""bce_with_logits: spec/losses/bce_with_logits.md. bce of a sigmoid, computed without taking the sigmoid first."""

import torch
from torch import Tensor

from torchstone.reference.checks import require
from torchstone.reference.loss import fits_into, part, reduce


def bce_with_logits(
    input: Tensor,
    target: Tensor,
    *,
    weight: Tensor | None = None,
    pos_weight: Tensor | None = None,
    reduction: str = "mean",
) -> Tensor:
    floating = input.is_floating_point() and target.is_floating_point()
    dtypes = (input.dtype, target.dtype)
    require(floating, "bce_with_logits: input and target must have floating dtypes", dtypes)  # bce_with_logits.18
    shape = tuple(input.shape)
    same = target.shape == shape
    require(same, f"bce_with_logits: target must have shape {shape}", target.shape)  # bce_with_logits.15
    w = checked_weight("weight", weight, input)  # bce_with_logits.4 bce_with_logits.16
    p = checked_weight("pos_weight", pos_weight, input)  # bce_with_logits.3 bce_with_logits.17
    yes, no = softplus(-input), softplus(input)  # bce_with_logits.13
    return reduce(w * (p * part(target, yes) + part(1 - target, no)), reduction)  # bce_with_logits.1


def softplus(x: Tensor) -> Tensor:
    """`log(1 + e^x)`: minus the log probability of no. No exponential is larger than 1."""
    positive = x > 0
    return torch.where(positive, x, 0.0) + torch.log1p(torch.exp(torch.where(positive, -x, x)))  # bce_with_logits.2


def checked_weight(name: str, weight: Tensor | None, input: Tensor) -> Tensor:
    """A weight that can be multiplied with the input, 1 where none is given."""
    if weight is None:
        return torch.ones((), dtype=input.dtype)
    shape = tuple(input.shape)
    require(fits_into(weight.shape, shape), f"bce_with_logits: {name} must broadcast to {shape}", tuple(weight.shape))
    return weight
