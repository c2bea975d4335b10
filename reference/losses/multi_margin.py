"""multi_margin: spec/losses/multi_margin.md. By how much other classes come too near to the true class's score."""

import torch
from torch import Tensor

from torchstone.reference.checks import require
from torchstone.reference.loss import check_floating, reduce
from torchstone.reference.losses.nll import class_weights


def multi_margin(
    input: Tensor,
    target: Tensor,
    *,
    p: int = 1,
    margin: float = 1.0,
    weight: Tensor | None = None,
    reduction: str = "mean",
) -> Tensor:
    check_floating(input)
    require(p in (1, 2), "multi_margin: p must be 1 or 2", p)  # multi_margin.16
    dims, shape = input.dim(), tuple(target.shape)
    require(dims in (1, 2), "multi_margin: input must have one or two dimensions", dims)  # multi_margin.13
    expected, classes = tuple(input.shape[:-1]), input.shape[-1]
    require(shape == expected, f"multi_margin: target must have shape {expected}", shape)  # multi_margin.13
    integral = not target.is_floating_point() and target.dtype != torch.bool
    require(integral, "multi_margin: class indices must have an integer dtype", target.dtype)  # multi_margin.14
    in_range = ((target >= 0) & (target < classes)).all()
    require(in_range, f"multi_margin: a target must lie in [0, {classes})", target)  # multi_margin.12
    w = class_weights("multi_margin", input, weight)  # multi_margin.2 multi_margin.15
    others = torch.arange(classes) != target.unsqueeze(-1)
    z = margin - input.gather(-1, target.unsqueeze(-1)) + input
    term = torch.where(others & ~(z <= 0), z, 0.0) ** p  # multi_margin.1 multi_margin.9 multi_margin.10
    return reduce(w[target] * term.sum(-1) / classes, reduction)  # multi_margin.3 multi_margin.4
