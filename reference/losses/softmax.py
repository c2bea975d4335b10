"""softmax: spec/losses/softmax.md. No loss: the numbers of a slice, as probabilities."""

import torch
from torch import Tensor

from torchstone.reference.checks import require
from torchstone.reference.loss import check_floating


def axis_of(name: str, input: Tensor, dim: int | None) -> int:
    """The axis that `dim` means to the component of this name, checked; without one, that of the legacy guess."""
    if dim is None:
        dim = 0 if input.dim() in (0, 1, 3) else 1  # softmax.4 log_softmax.3 softmin.5
    axes = max(input.dim(), 1)
    whole = isinstance(dim, int) and not isinstance(dim, bool)
    require(whole, f"{name}: dim must be an integer or None", dim)  # softmax.13 log_softmax.13 softmin.12
    require(
        -axes <= dim < axes, f"{name}: dim must lie in [{-axes}, {axes - 1}]", dim
    )  # softmax.14 log_softmax.14 softmin.13
    return dim


def shifted(input: Tensor, axis: int) -> Tensor:
    """The input less the largest number of its slice: a constant that cancels, so that no exponential overflows."""
    return (
        input - input.detach().amax(axis, keepdim=True) if input.numel() else input
    )  # softmax.5 log_softmax.5 softmin.6


def softmax(input: Tensor, *, dim: int | None = None) -> Tensor:
    check_floating(input)
    axis = axis_of("softmax", input, dim)
    e = torch.exp(shifted(input, axis))
    return e / e.sum(axis, keepdim=True)  # softmax.1
