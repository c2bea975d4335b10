"""hinge_embedding: spec/losses/hinge_embedding.md. Pairs that are alike come together, others keep a margin."""

import torch
from torch import Tensor

from torchstone.reference.checks import require
from torchstone.reference.loss import check_floating, hinge, reduce


def hinge_embedding(input: Tensor, target: Tensor, *, margin: float = 1.0, reduction: str = "mean") -> Tensor:
    check_floating(input)
    same, shape = target.shape == input.shape, tuple(input.shape)
    require(same, f"hinge_embedding: target must have shape {shape}", tuple(target.shape))  # hinge_embedding.10
    apart = hinge(margin - input)  # hinge_embedding.2 hinge_embedding.7
    return reduce(torch.where(target == 1, input, apart), reduction)  # hinge_embedding.1
