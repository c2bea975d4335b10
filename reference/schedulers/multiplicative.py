"""multiplicative: spec/schedulers/multiplicative.md.

The rate in force times any function of the number of steps, at every step.
"""

from collections.abc import Callable, Sequence
from typing import Any

from torchstone.reference.checks import require
from torchstone.reference.scheduler import each

EACH = ("lr_lambda",)


def check(*, lr_lambda: Callable[[int], Any] | Sequence[Callable[[int], Any]]) -> None:
    functions = each(callable, lr_lambda)
    require(functions, "multiplicative: lr_lambda must be a function, or one a group", lr_lambda)  # multiplicative.8


def rate(t: int, base_lr: Any, *, lr_lambda: Callable[[int], Any]) -> Any:
    for k in range(1, t + 1):
        base_lr = base_lr * lr_lambda(k)  # multiplicative.1
    return base_lr
