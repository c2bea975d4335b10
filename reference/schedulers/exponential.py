"""exponential: spec/schedulers/exponential.md.

One multiplication by gamma at every step.
"""

from typing import Any

from torchstone.reference.checks import require
from torchstone.reference.scheduler import finite


def check(*, gamma: float) -> None:
    require(finite(gamma), "exponential: gamma must be finite and >= 0", gamma)  # exponential.6


def rate(t: int, base_lr: Any, *, gamma: Any) -> Any:
    return base_lr * gamma**t  # exponential.1
