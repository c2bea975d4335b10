"""cosine_annealing: spec/schedulers/cosine_annealing.md.

Half a cosine from the base rate down to `eta_min` (Loshchilov and Hutter 2017, equation 5), and on, without a restart.
"""

import math
from typing import Any

from torchstone.reference.checks import require
from torchstone.reference.scheduler import cos, finite, real, whole


def check(*, T_max: int, eta_min: float = 0.0) -> None:
    require(whole(T_max, 1), "cosine_annealing: T_max must be whole and >= 1", T_max)  # cosine_annealing.10
    require(finite(eta_min), "cosine_annealing: eta_min must be finite and >= 0", eta_min)  # cosine_annealing.11


def rate(t: int, base_lr: Any, *, T_max: int, eta_min: Any) -> Any:
    return eta_min + (base_lr - eta_min) * (1 + cos(real(math.pi) * t / T_max)) / 2  # cosine_annealing.1
