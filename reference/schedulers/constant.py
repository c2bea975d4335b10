"""constant: spec/schedulers/constant.md.

One factor for the first steps, none afterwards.
"""

from typing import Any

from torchstone.reference.checks import require
from torchstone.reference.scheduler import whole


def check(*, factor: float = 0.3333333333333333, total_iters: int = 5) -> None:
    require(0 <= factor <= 1, "constant: factor must be in [0, 1]", factor)  # constant.8
    require(whole(total_iters, 0), "constant: total_iters must be whole and >= 0", total_iters)  # constant.9


def rate(t: int, base_lr: Any, *, factor: Any, total_iters: int) -> Any:
    if t >= total_iters:
        return base_lr  # constant.2
    return base_lr * factor  # constant.1
