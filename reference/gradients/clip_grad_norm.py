"""clip_grad_norm: spec/gradients/clip_grad_norm.md. All gradients times one number (Pascanu et al. 2013)."""

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from torchstone.reference.checks import require


def check(*, max_norm: float, norm_type: float | str = 2.0, error_if_nonfinite: bool = False) -> None:
    require(max_norm >= 0, "clip_grad_norm: max_norm must be >= 0", max_norm)  # clip_grad_norm.16
    degree = norm_type == "inf" or (isinstance(norm_type, int | float | Tensor) and norm_type > 0)
    require(degree, "clip_grad_norm: norm_type must be > 0 or 'inf'", norm_type)  # clip_grad_norm.17


def clip(
    grads: Sequence[Tensor], *, max_norm: Any, norm_type: Any, error_if_nonfinite: bool
) -> tuple[Tensor, list[Tensor]]:
    """The norm of all gradients together, and the gradients, multiplied so that it is at most `max_norm`."""
    norm = total_norm(grads, norm_type)
    if error_if_nonfinite:
        rule = "clip_grad_norm: with error_if_nonfinite the norm must be finite"
        require(norm.isfinite(), rule, norm)  # clip_grad_norm.14
    share = torch.full_like(norm, max_norm) / (norm + 1e-6)  # a number over a tensor is its reciprocal, times that
    share = torch.where(share > 1, 1.0, share)  # clip_grad_norm.3 clip_grad_norm.4
    return norm, [grad * share for grad in grads]


def total_norm(grads: Sequence[Tensor], norm_type: Any) -> Tensor:
    if not any(grad.numel() for grad in grads):
        return grads[0].new_zeros(()) if grads else torch.zeros(())  # clip_grad_norm.10 clip_grad_norm.11
    x = torch.cat([grad.flatten() for grad in grads]).abs()  # clip_grad_norm.6
    if norm_type in ("inf", math.inf):
        return x.amax()  # clip_grad_norm.2
    norm: Tensor = (x**norm_type).sum() ** (1 / norm_type)  # clip_grad_norm.1
    return norm
