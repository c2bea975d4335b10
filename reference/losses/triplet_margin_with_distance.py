"""triplet_margin_with_distance: spec/losses/triplet_margin_with_distance.md. Triplets in any distance."""

from collections.abc import Callable

import torch
from torch import Tensor

from torchstone.reference.checks import require
from torchstone.reference.loss import check_floating, hinge, reduce
from torchstone.reference.losses.triplet_margin import distance


def triplet_margin_with_distance(
    anchor: Tensor,
    positive: Tensor,
    negative: Tensor,
    *,
    distance_function: Callable[[Tensor, Tensor], Tensor] | None = None,
    margin: float = 1.0,
    swap: bool = False,
    reduction: str = "mean",
) -> Tensor:
    check_floating(anchor, positive, negative)
    require(margin > 0, "triplet_margin_with_distance: margin must be > 0", margin)  # triplet_margin_with_distance.9
    shapes = [tuple(tensor.shape) for tensor in (anchor, positive, negative)]
    one, rule = shapes[0] == shapes[1] == shapes[2], "triplet_margin_with_distance: the tensors must have one shape"
    require(one, rule, shapes)  # triplet_margin_with_distance.10
    d = distance_function or euclidean
    near, far = d(anchor, positive), d(anchor, negative)  # triplet_margin_with_distance.3
    if swap:
        far = torch.minimum(far, d(positive, negative))  # triplet_margin_with_distance.4
    return reduce(
        hinge(near - far + margin), reduction
    )  # triplet_margin_with_distance.1 triplet_margin_with_distance.7


def euclidean(x: Tensor, y: Tensor) -> Tensor:
    return distance(x, y, 2.0, 1e-6)  # triplet_margin_with_distance.2
