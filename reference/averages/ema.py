"""ema: spec/averages/ema.md. An average of models in which the older count less and less."""

from typing import Any

from torch import Tensor

from torchstone.reference.checks import require


def check(*, decay: float = 0.999, use_buffers: bool = False) -> None:
    require(0 <= decay <= 1, "ema: decay must be in [0, 1]", decay)  # ema.7


def average(average: Tensor, param: Tensor, n: int, *, decay: Any, **_: Any) -> Tensor:
    moved: Tensor = decay * average + (1 - decay) * param  # ema.1
    return moved
