"""cosine_embedding: spec/losses/cosine_embedding.md. Pairs that are alike get one direction, others keep a margin."""

import torch
from torch import Tensor

from torchstone.reference.checks import require
from torchstone.reference.loss import check_floating, hinge, reduce

SMALL = 1e-6  # the root of the number that is added to the squares


def cosine_embedding(
    input1: Tensor, input2: Tensor, target: Tensor, *, margin: float = 0.0, reduction: str = "mean"
) -> Tensor:
    check_floating(input1, input2)
    require(-1 <= margin <= 1, "cosine_embedding: margin must lie in [-1, 1]", margin)  # cosine_embedding.15
    shapes = [tuple(input1.shape), tuple(input2.shape)]
    one = shapes[0] == shapes[1] and input1.dim() in (1, 2)
    require(one, "cosine_embedding: the inputs must have one shape, (N, D) or (D)", shapes)  # cosine_embedding.13
    fits, shape = target.shape == input1.shape[:-1], shapes[0][:-1]
    require(fits, f"cosine_embedding: target must have shape {shape}", tuple(target.shape))  # cosine_embedding.14
    cos = (direction(input1) * direction(input2)).sum(-1)
    apart = hinge(cos - margin)  # cosine_embedding.2 cosine_embedding.10
    return reduce(torch.where(target == 1, 1 - cos, apart), reduction)  # cosine_embedding.1


def direction(x: Tensor) -> Tensor:
    """The vector over its norm, which is never 0."""
    top = x.detach().abs().amax(-1, keepdim=True)
    scale = torch.where(top < SMALL, SMALL, top)  # so that no square is too large or too small for its dtype
    norm = scale * (((x / scale) ** 2).sum(-1, keepdim=True) + (SMALL / scale) ** 2) ** 0.5  # cosine_embedding.3
    return x / norm  # cosine_embedding.4
