"""triplet_margin: spec/losses/triplet_margin.md. An anchor, something like it, and something that is not."""

import math

import torch
from torch import Tensor

from torchstone.reference.checks import require
from torchstone.reference.loss import check_floating, hinge, reduce


def triplet_margin(
    anchor: Tensor,
    positive: Tensor,
    negative: Tensor,
    *,
    margin: float = 1.0,
    p: float = 2.0,
    eps: float = 1e-6,
    swap: bool = False,
    reduction: str = "mean",
) -> Tensor:
    check_floating(anchor, positive, negative)
    require(margin > 0, "triplet_margin: margin must be > 0", margin)  # triplet_margin.14
    shapes = [tuple(tensor.shape) for tensor in (anchor, positive, negative)]
    one = shapes[0] == shapes[1] == shapes[2]
    require(one, "triplet_margin: the tensors must have one shape", shapes)  # triplet_margin.15
    near, far = distance(anchor, positive, p, eps), distance(anchor, negative, p, eps)
    if swap:
        far = torch.minimum(far, distance(positive, negative, p, eps))  # triplet_margin.4
    return reduce(hinge(near - far + margin), reduction)  # triplet_margin.1 triplet_margin.11


def distance(x: Tensor, y: Tensor, p: float, eps: float) -> Tensor:
    """The norm of degree p of the differences, each of them moved by eps."""
    e = (x - y + eps).abs()
    if p == math.inf:
        return e.amax(-1)  # triplet_margin.3
    total = (e**p).sum(-1)
    apart = total != 0  # the root has no slope at 0
    return torch.where(apart, torch.where(apart, total, 1.0) ** (1 / p), 0.0)  # triplet_margin.2 triplet_margin.12
