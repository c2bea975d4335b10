"""nll: spec/losses/nll.md. Minus the log probability of the target class, which is given: no logarithm is taken."""

import torch
from torch import Tensor

from torchstone.reference.checks import require
from torchstone.reference.loss import check_floating, reduce


def class_axis(input: Tensor) -> int:
    """The axis of the classes: the only one of an unbatched input, the second of any other."""
    return 0 if input.dim() == 1 else 1  # nll.2 cross_entropy.2 cross_entropy.3


def class_weights(name: str, input: Tensor, weight: Tensor | None) -> Tensor:
    """The weight of each class, which is 1 where none are given."""
    classes = (input.shape[class_axis(input)],)
    if weight is None:
        return torch.ones(classes, dtype=input.dtype)  # nll.3
    require(
        tuple(weight.shape) == classes, f"{name}: weight must have shape {classes}", tuple(weight.shape)
    )  # nll.19 cross_entropy.23
    return weight


def checked(name: str, input: Tensor, target: Tensor, ignore_index: int) -> tuple[Tensor, Tensor]:
    """Where a target is kept, and each target's class: class 0 where it is ignored."""
    check_floating(input)
    require(input.dim() > 0, f"{name}: input must have at least one axis", input.dim())  # nll.17
    axis, shape = class_axis(input), tuple(target.shape)
    expected = (*input.shape[:axis], *input.shape[axis + 1 :])
    require(shape == expected, f"{name}: target must have shape {expected}", shape)  # nll.17
    integral = not target.is_floating_point() and target.dtype != torch.bool
    require(integral, f"{name}: class indices must have an integer dtype", target.dtype)  # nll.18 cross_entropy.26
    require(isinstance(ignore_index, int), f"{name}: ignore_index must be an integer", ignore_index)  # nll.20
    kept = target != ignore_index
    index = torch.where(kept, target, 0)
    classes = input.shape[axis]
    in_range = ((index >= 0) & (index < classes)).all()
    require(in_range, f"{name}: a target must lie in [0, {classes}) or be {ignore_index}", target)  # nll.16
    return kept, index


def nll(
    input: Tensor, target: Tensor, *, weight: Tensor | None = None, ignore_index: int = -100, reduction: str = "mean"
) -> Tensor:
    kept, index = checked("nll", input, target, ignore_index)
    return picked(input, kept, index, class_weights("nll", input, weight), reduction)


def picked(input: Tensor, kept: Tensor, index: Tensor, weight: Tensor, reduction: str) -> Tensor:
    """The loss of targets that were checked."""
    axis = class_axis(input)
    x = input.gather(axis, index.unsqueeze(axis)).squeeze(axis)
    w = torch.where(kept, weight[index], 0.0)  # nll.5
    loss = torch.where(kept, -w * x, 0.0)  # nll.1 nll.5
    return reduce(loss, reduction, w.sum())  # nll.4
