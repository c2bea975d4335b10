"""What all losses share: spec/loss.md.

A loss is a pure function of keyword arguments: tensors first (`input`, `target`, ...), then options. It returns the
value; its gradient is the derivative of what is written, taken by autograd.
"""

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor

from torchstone.reference.checks import require

REDUCTIONS = ("none", "mean", "sum")


def reduce(loss: Tensor, reduction: str, count: Tensor | None = None) -> Tensor:
    """The elements as they are, their sum, or their mean: over their number, or over `count` where the page says so.

    An empty sum is 0 and an empty mean NaN.
    """
    check_reduction(reduction)
    if reduction == "none":
        return loss  # loss.1
    if reduction == "sum":
        return loss.sum()  # loss.2
    return loss.mean() if count is None else loss.sum() / count  # loss.3


def check_reduction(reduction: str) -> None:
    require(reduction in REDUCTIONS, "loss: reduction must be 'none', 'mean' or 'sum'", reduction)  # loss.4


def legacy_reduction(size_average: bool | None, reduce: bool | None, reduction: str = "mean") -> str:
    """The reduction that the deprecated pair of flags stands for; where neither is given, the one that is named."""
    if size_average is None and reduce is None:
        return reduction
    average, reduced = size_average is not False, reduce is not False
    return ("mean" if average else "sum") if reduced else "none"  # loss.5


def check_floating(*tensors: Tensor) -> None:
    """At least one tensor must have a dtype in which a loss can be measured."""
    floating = any(tensor.is_floating_point() or tensor.is_complex() for tensor in tensors)
    dtypes = [tensor.dtype for tensor in tensors]
    require(floating, "loss: one tensor must have a floating dtype", dtypes)  # loss.16


def broadcastable(shape: Sequence[int], other: Sequence[int]) -> bool:
    """Whether two shapes, aligned at the last axis, agree on every axis that both have or one of them is 1 there."""
    return all(m == n or 1 in (m, n) for m, n in zip(reversed(shape), reversed(other), strict=False))


def fits_into(shape: Sequence[int], whole: Sequence[int]) -> bool:
    """Whether the first shape broadcasts to the second and leaves it as it is."""
    return broadcastable(shape, whole) and tuple(torch.broadcast_shapes(shape, whole)) == tuple(whole)


def hinge(slack: Tensor) -> Tensor:
    """`max(slack, 0)`, with the slope of the line at the kink; NaN stays NaN."""
    return torch.where(slack < 0, 0.0, slack)


def part(share: Tensor, loss: Tensor) -> Tensor:
    """`share * loss`, where no share of an infinite loss is 0 and not NaN."""
    return share * torch.where((share == 0) & loss.isinf(), 0.0, loss)


def value_and_gradients(
    loss: Callable[..., Tensor],
    tensors: Mapping[str, Tensor],
    wrt: Sequence[str] = (),
    upstream: Callable[[Tensor], Tensor] = torch.ones_like,
) -> tuple[Tensor, dict[str, Tensor]]:
    """`loss(**tensors)`, and the gradient of `(upstream(value) * value).sum()` for each tensor named in `wrt`."""
    inputs = {name: tensor.detach().requires_grad_(name in wrt) for name, tensor in tensors.items()}
    value = loss(**inputs)
    if not wrt:
        return value, {}
    gradients = torch.autograd.grad(
        value, [inputs[name] for name in wrt], upstream(value.detach()), materialize_grads=True
    )
    return value.detach(), dict(zip(wrt, gradients, strict=True))
