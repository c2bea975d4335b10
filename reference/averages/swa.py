"""swa: spec/averages/swa.md. The mean of the models that training went through (Izmailov et al. 2018)."""

from typing import Any

from torch import Tensor


def check(*, use_buffers: bool = False) -> None:
    """Refuse nothing."""


def average(average: Tensor, param: Tensor, n: int, **_: Any) -> Tensor:
    return average + (param - average) / (n + 1)  # swa.1
