"""linear_cross_entropy: spec/losses/linear_cross_entropy.md. Cross entropy with the last layer inside."""

from collections.abc import Mapping

import torch
from torch import Tensor

from torchstone.reference.checks import require
from torchstone.reference.losses.cross_entropy import cross_entropy


def linear_cross_entropy(
    input: Tensor,
    target: Tensor,
    parameters: Mapping[str, Tensor],
    *,
    in_features: int,
    num_classes: int,
    out_features: tuple[int, ...] = (),
    bias: bool = False,
    reduction: str = "mean",
    weight: Tensor | None = None,
    ignore_index: int | None = None,
    label_smoothing: float = 0.0,
) -> Tensor:
    """The parameters are `linear.weight` and, with a bias, `linear.bias`."""
    name, shape = "linear_cross_entropy", tuple(input.shape)
    fits = len(shape) in (1, 2) and shape[-1] == in_features
    require(
        fits, f"{name}: input must have shape ({in_features}) or (N, {in_features})", shape
    )  # linear_cross_entropy.13
    require(len(shape) == 2 or not out_features, f"{name}: out_features need a batch", shape)  # linear_cross_entropy.14
    x, b = torch.atleast_2d(input), parameters["linear.bias"] if bias else 0
    z = x @ parameters["linear.weight"].T + b  # linear_cross_entropy.1
    logits = z.reshape(*shape[:-1], num_classes, *out_features)  # linear_cross_entropy.2
    if target.is_floating_point():
        rule = f"{name}: ignore_index must be None beside probabilities"
        require(ignore_index is None, rule, ignore_index)  # linear_cross_entropy.17
    return cross_entropy(
        logits,
        target,
        weight=weight,
        ignore_index=-100 if ignore_index is None else ignore_index,  # linear_cross_entropy.6
        label_smoothing=label_smoothing,
        reduction=reduction,
    )
