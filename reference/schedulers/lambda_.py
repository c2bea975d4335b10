"""lambda_: spec/schedulers/lambda_.md.

The base rate times any function of the number of steps.
"""

from collections.abc import Callable, Sequence
from typing import Any

from torchstone.reference.checks import require
from torchstone.reference.scheduler import each

EACH = ("lr_lambda",)
SETS = True


def check(*, lr_lambda: Callable[[int], Any] | Sequence[Callable[[int], Any]]) -> None:
    require(each(callable, lr_lambda), "lambda_: lr_lambda must be a function, or one a group", lr_lambda)  # lambda_.9


def rate(t: int, base_lr: Any, *, lr_lambda: Callable[[int], Any]) -> Any:
    return base_lr * lr_lambda(t)  # lambda_.1
