"""What all losses share: spec/loss.md.

A loss is a pure function of keyword arguments: tensors first (`input`, `target`, ...), then options. It returns the value;
its gradient is the derivative of what is written, taken by autograd.
"""

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor

from torchstone.reference.checks import require

REDUCTIONS = ("none", "mean", "sum")


def reduce(loss: Tensor, reduction: str) -> Tensor:
    """The elements as they are, their mean over all of them, or their sum. An empty mean is NaN, an empty sum 0."""
    check_reduction(reduction)
    if reduction == "none":
        return loss  # loss.1
    total = loss.sum()  # loss.2
    return total if reduction == "sum" else total / loss.numel()  # loss.3


def check_reduction(reduction: str) -> None:
    require(reduction in REDUCTIONS, "loss: reduction must be 'none', 'mean' or 'sum'", reduction)  # loss.4


def legacy_reduction(size_average: bool | None, reduce: bool | None) -> str:
    """The reduction that the deprecated pair of flags stands for."""
    average, reduced = size_average is not False, reduce is not False
    return ("mean" if average else "sum") if reduced else "none"  # loss.5


def value_and_gradients(
    loss: Callable[..., Tensor],
    tensors: Mapping[str, Tensor],
    wrt: Sequence[str] = (),
    upstream: Callable[[Tensor], Tensor] = torch.ones_like,
) -> tuple[Tensor, dict[str, Tensor]]:
    """`loss(**tensors)` and the gradient of `(upstream(value) * value).sum()` with respect to each tensor named in `wrt`."""
    inputs = {name: tensor.detach().requires_grad_(name in wrt) for name, tensor in tensors.items()}
    value = loss(**inputs)
    if not wrt:
        return value, {}
    gradients = torch.autograd.grad(value, [inputs[name] for name in wrt], upstream(value.detach()), materialize_grads=True)
    return value.detach(), dict(zip(wrt, gradients, strict=True))
