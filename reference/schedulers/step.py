"""step: spec/schedulers/step.md.

A staircase: one multiplication by gamma every `step_size` steps.
"""

from typing import Any

from torchstone.reference.checks import require
from torchstone.reference.scheduler import finite, whole


def check(*, step_size: int, gamma: float = 0.1) -> None:
    require(whole(step_size, 1), "step: step_size must be whole and >= 1", step_size)  # step.9
    require(finite(gamma), "step: gamma must be finite and >= 0", gamma)  # step.10


def rate(t: int, base_lr: Any, *, step_size: int, gamma: Any) -> Any:
    return base_lr * gamma ** (t // step_size)  # step.1
