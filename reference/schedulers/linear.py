"""linear: spec/schedulers/linear.md.

A factor that goes from one value to another in a straight line and stays there.
"""

from typing import Any

from torchstone.reference.checks import require
from torchstone.reference.scheduler import whole


def check(*, start_factor: float = 0.3333333333333333, end_factor: float = 1.0, total_iters: int = 5) -> None:
    require(0 < start_factor <= 1, "linear: start_factor must be in (0, 1]", start_factor)  # linear.9
    require(0 <= end_factor <= 1, "linear: end_factor must be in [0, 1]", end_factor)  # linear.10
    require(whole(total_iters, 0), "linear: total_iters must be whole and >= 0", total_iters)  # linear.11


def rate(t: int, base_lr: Any, *, start_factor: Any, end_factor: Any, total_iters: int) -> Any:
    if t >= total_iters:
        return base_lr * end_factor  # linear.2
    return base_lr * (start_factor + (end_factor - start_factor) * t / total_iters)  # linear.1
