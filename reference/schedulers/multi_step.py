"""multi_step: spec/schedulers/multi_step.md.

A staircase whose steps are where the user puts them.
"""

from collections.abc import Sequence
from typing import Any

from torchstone.reference.checks import require
from torchstone.reference.scheduler import finite, whole


def check(*, milestones: Sequence[int], gamma: float = 0.1) -> None:
    listed = isinstance(milestones, list | tuple) and all(whole(milestone, 0) for milestone in milestones)
    require(listed, "multi_step: milestones must be a list of whole numbers >= 0", milestones)  # multi_step.9
    require(finite(gamma), "multi_step: gamma must be finite and >= 0", gamma)  # multi_step.10


def rate(t: int, base_lr: Any, *, milestones: Sequence[int], gamma: Any) -> Any:
    return base_lr * gamma ** sum(milestone <= t for milestone in milestones)  # multi_step.1
