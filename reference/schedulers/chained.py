"""chained: spec/schedulers/chained.md.

Several factors that drive the rate together, stepped as one.
"""

from collections.abc import Sequence
from typing import Any

from torchstone.reference.checks import require
from torchstone.reference.scheduler import Part, parts

RESUMES = False


def check(*, schedulers: Sequence[Part]) -> None:
    closed = parts(schedulers)
    require(closed, "chained: schedulers must be closed forms, one or more", schedulers)  # chained.8 chained.9


def rate(t: int, base_lr: Any, *, schedulers: Sequence[Part]) -> Any:
    for part in schedulers:
        base_lr = part.rate(t, base_lr)  # chained.1 chained.2
    return base_lr
