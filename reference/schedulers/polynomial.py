"""polynomial: spec/schedulers/polynomial.md.

The base rate times a power of the share of the way that is left, down to zero.
"""

from typing import Any

from torchstone.reference.checks import require
from torchstone.reference.scheduler import finite, whole


def check(*, total_iters: int = 5, power: float = 1.0) -> None:
    require(whole(total_iters, 0), "polynomial: total_iters must be whole and >= 0", total_iters)  # polynomial.9
    require(finite(power), "polynomial: power must be finite and >= 0", power)  # polynomial.10


def rate(t: int, base_lr: Any, *, total_iters: int, power: Any) -> Any:
    left = (total_iters - t) / total_iters if t < total_iters else 0.0
    return base_lr * left**power  # polynomial.1 polynomial.2
