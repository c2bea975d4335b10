"""swa_lr: spec/schedulers/swa_lr.md.

From the rate in force to a fixed one, at which the weights are averaged (Izmailov et al. 2018).
"""

import math
from collections.abc import Sequence
from typing import Any

from torchstone.reference.checks import require
from torchstone.reference.scheduler import cos, each, finite, real, whole

EACH = ("swa_lr",)


def check(*, swa_lr: float | Sequence[float], anneal_epochs: int = 10, anneal_strategy: str = "cos") -> None:
    require(each(finite, swa_lr), "swa_lr: swa_lr must be finite and >= 0", swa_lr)  # swa_lr.9
    require(whole(anneal_epochs, 0), "swa_lr: anneal_epochs must be whole and >= 0", anneal_epochs)  # swa_lr.10
    known = anneal_strategy in ("cos", "linear")
    require(known, "swa_lr: anneal_strategy must be cos or linear", anneal_strategy)  # swa_lr.11


def rate(t: int, base_lr: Any, *, swa_lr: Any, anneal_epochs: int, anneal_strategy: str) -> Any:
    if t >= anneal_epochs:
        return swa_lr  # swa_lr.4 swa_lr.5
    x = real(float(t)) / anneal_epochs
    share = x if anneal_strategy == "linear" else (1 - cos(real(math.pi) * x)) / 2  # swa_lr.1 swa_lr.2
    return share * swa_lr + (1 - share) * base_lr  # swa_lr.3
