"""bce_with_logits: spec/losses/bce_with_logits.md. bce of a sigmoid, computed without taking the sigmoid first."""

import torch
from torch import Tensor

from torchstone.reference.checks import require
from torchstone.reference.loss import fits_into, part, reduce
from torchstone.reference.losses.log_softmax import log_softmax


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
    x = torch.where(input.isinf(), 0.0, input)
    yes, no = -log_softmax(torch.stack([x, torch.zeros_like(x)]), dim=0)  # bce_with_logits.6
    certain_yes, certain_no = (-input).relu(), input.relu()  # bce_with_logits.13
    yes, no = torch.where(input.isinf(), certain_yes, yes), torch.where(input.isinf(), certain_no, no)
    return reduce(w * (p * part(target, yes) + part(1 - target, no)), reduction)  # bce_with_logits.1


def checked_weight(name: str, weight: Tensor | None, input: Tensor) -> Tensor:
    """A weight that can be multiplied with the input, 1 where none is given."""
    if weight is None:
        return torch.ones((), dtype=input.dtype)
    shape = tuple(input.shape)
    require(fits_into(weight.shape, shape), f"bce_with_logits: {name} must broadcast to {shape}", tuple(weight.shape))
    return weight
