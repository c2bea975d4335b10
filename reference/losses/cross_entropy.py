"""cross_entropy: spec/losses/cross_entropy.md.

How surprised a model that gives logits is by the true class of each sample, or by a distribution over the classes.
"""

import torch
from torch import Tensor

from torchstone.reference.checks import require
from torchstone.reference.loss import check_floating, part, reduce
from torchstone.reference.losses.log_softmax import log_softmax
from torchstone.reference.losses.nll import checked, class_axis, class_weights, picked


def cross_entropy(
    input: Tensor,
    target: Tensor,
    *,
    weight: Tensor | None = None,
    ignore_index: int = -100,
    label_smoothing: float = 0.0,
    reduction: str = "mean",
) -> Tensor:
    """Class indices have an integer dtype, class probabilities a floating one and the shape of the input."""
    smoothing = label_smoothing
    require(0 <= smoothing <= 1, "cross_entropy: label_smoothing must lie in [0, 1]", smoothing)  # cross_entropy.24
    if target.is_floating_point():
        rule = "cross_entropy: ignore_index must be < 0 beside probabilities"
        require(ignore_index < 0, rule, ignore_index)  # cross_entropy.25
        return reduce(surprise(input, target, weight, smoothing), reduction)  # cross_entropy.5
    kept, index = checked("cross_entropy", input, target, ignore_index)  # cross_entropy.21 cross_entropy.22
    axis, w = class_axis(input), class_weights("cross_entropy", input, weight)
    x = torch.where(kept.unsqueeze(axis), input, 0.0)  # cross_entropy.10
    if smoothing == 0:
        return picked(log_softmax(x, dim=axis), kept, index, w, reduction)  # cross_entropy.1
    one_hot = index.unsqueeze(axis) == per_class(torch.arange(input.shape[axis]), input)
    loss = torch.where(kept, surprise(x, one_hot.to(input.dtype), w, smoothing), 0.0)
    return reduce(loss, reduction, torch.where(kept, w[index], 0.0).sum())  # cross_entropy.8


def surprise(input: Tensor, p: Tensor, weight: Tensor | None, smoothing: float) -> Tensor:
    """The weighted mean of minus the log probability of each class, over the probabilities p after smoothing."""
    check_floating(input)
    shape = tuple(input.shape)
    same = input.dim() > 0 and p.shape == shape
    require(same, f"cross_entropy: class probabilities must have shape {shape}", p.shape)  # cross_entropy.22
    axis = class_axis(input)
    w = per_class(class_weights("cross_entropy", input, weight), input)
    q = (1 - smoothing) * p + smoothing / input.shape[axis]  # cross_entropy.7
    return (w * part(q, -log_softmax(input, dim=axis))).sum(axis)  # cross_entropy.4


def per_class(vector: Tensor, input: Tensor) -> Tensor:
    """One number for each class, shaped so that it lies along the class axis of the input."""
    return vector.reshape(-1, *[1] * (input.dim() - class_axis(input) - 1))
