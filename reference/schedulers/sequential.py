"""sequential: spec/schedulers/sequential.md.

Several schedules, each for a stretch of steps of its own.
"""

from collections.abc import Sequence
from typing import Any

from torchstone.reference.checks import require
from torchstone.reference.scheduler import Part, parts, whole

SETS = True


def check(*, schedulers: Sequence[Part], milestones: Sequence[int]) -> None:
    closed = parts(schedulers)
    require(
        closed, "sequential: schedulers must be closed forms, one or more", schedulers
    )  # sequential.9 sequential.12
    listed = isinstance(milestones, list | tuple) and all(whole(milestone, 0) for milestone in milestones)
    ordered = listed and list(milestones) == sorted(milestones)
    require(ordered, "sequential: milestones must be whole numbers >= 0 in order", milestones)  # sequential.11
    fits = len(milestones) == len(schedulers) - 1
    require(fits, "sequential: milestones must be one fewer than schedulers", len(milestones))  # sequential.10


def rate(t: int, base_lr: Any, *, schedulers: Sequence[Part], milestones: Sequence[int]) -> Any:
    index = sum(milestone <= t for milestone in milestones)  # sequential.3
    begun = (0, *milestones)[index]
    return schedulers[index].rate(t - begun, base_lr)  # sequential.1
