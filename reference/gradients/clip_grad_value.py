"""clip_grad_value: spec/gradients/clip_grad_value.md. Every element of every gradient brought into an interval."""

from collections.abc import Sequence
from typing import Any

from torch import Tensor

from torchstone.reference.checks import require


def check(*, clip_value: float) -> None:
    require(clip_value >= 0, "clip_grad_value: clip_value must be >= 0", clip_value)  # clip_grad_value.10


def clip(grads: Sequence[Tensor], *, clip_value: Any) -> tuple[None, list[Tensor]]:
    """No norm, and the clipped gradients."""
    return None, [grad.clamp(min=-clip_value, max=clip_value) for grad in grads]  # clip_grad_value.1
