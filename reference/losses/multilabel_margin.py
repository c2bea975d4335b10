"""multilabel_margin: spec/losses/multilabel_margin.md. By how much other classes come too near to the labels."""

import torch
from torch import Tensor

from torchstone.reference.checks import require
from torchstone.reference.loss import check_floating, reduce


def multilabel_margin(input: Tensor, target: Tensor, *, reduction: str = "mean") -> Tensor:
    check_floating(input)
    dims, shape = input.dim(), tuple(input.shape)
    require(dims in (1, 2), "multilabel_margin: input must have one or two dimensions", dims)  # multilabel_margin.11
    same = target.shape == shape
    require(same, f"multilabel_margin: target must have shape {shape}", tuple(target.shape))  # multilabel_margin.11
    integral = not target.is_floating_point() and target.dtype != torch.bool
    require(integral, "multilabel_margin: target must have an integer dtype", target.dtype)  # multilabel_margin.12
    classes = shape[-1]
    in_range = ((target >= -1) & (target < classes)).all()
    require(in_range, f"multilabel_margin: a target must lie in [-1, {classes})", target)  # multilabel_margin.10
    label = (target == -1).cumsum(-1) == 0  # multilabel_margin.2
    index = torch.where(label, target, 0)
    other = ((index.unsqueeze(-1) != torch.arange(classes)) | ~label.unsqueeze(-1)).all(-2)
    z = 1 - input.gather(-1, index).unsqueeze(-1) + input.unsqueeze(-2)
    pair = label.unsqueeze(-1) & other.unsqueeze(-2)
    term = torch.where(pair & ~(z <= 0), z, 0.0)  # multilabel_margin.7 multilabel_margin.8
    return reduce(term.sum((-2, -1)) / classes, reduction)  # multilabel_margin.1
