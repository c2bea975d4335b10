"""gaussian_nll: spec/losses/gaussian_nll.md. Minus the log probability of a number under a normal distribution."""

import math

import torch
from torch import Tensor

from torchstone.reference.checks import require
from torchstone.reference.loss import check_floating, fits_into, reduce


def gaussian_nll(
    input: Tensor, target: Tensor, var: Tensor, *, full: bool = False, eps: float = 1e-6, reduction: str = "mean"
) -> Tensor:
    check_floating(input)
    shape = tuple(input.shape)
    require(eps >= 0, "gaussian_nll: eps must be >= 0", eps)  # gaussian_nll.14
    require(not (var < 0).any(), "gaussian_nll: var must not be negative", var)  # gaussian_nll.11
    fits = fits_into(target.shape, shape)
    require(fits, f"gaussian_nll: target must broadcast to {shape}", tuple(target.shape))  # gaussian_nll.13
    v = repeated(var, shape)
    v = torch.where(v < eps, v - v.detach() + eps, v)  # gaussian_nll.1 gaussian_nll.9: the value eps, the slope 1
    loss = 0.5 * (torch.log(v) + (input - target) ** 2 / v)  # gaussian_nll.1
    return reduce(loss + 0.5 * math.log(2 * math.pi) if full else loss, reduction)  # gaussian_nll.2


def repeated(var: Tensor, shape: tuple[int, ...]) -> Tensor:
    """The variance with an axis of length 1 in place of the last one, where that is missing; its shape is checked."""
    given = tuple(var.shape)
    if given == shape[:-1] and given != shape:
        return var.unsqueeze(-1)  # gaussian_nll.4
    other = [m for m, n in zip(given, shape, strict=False) if m != n]
    fits = len(given) == len(shape) and other in ([], [1])
    require(fits, f"gaussian_nll: var must have shape {shape} but for one axis", given)  # gaussian_nll.12
    return var
