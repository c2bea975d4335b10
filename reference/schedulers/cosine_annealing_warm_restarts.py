"""cosine_annealing_warm_restarts: spec/schedulers/cosine_annealing_warm_restarts.md.

Half a cosine from the base rate down, again and again, in cycles that may grow longer (Loshchilov and Hutter 2017).
"""

import math
from typing import Any

from torchstone.reference.checks import require
from torchstone.reference.scheduler import cos, finite, real, whole

NAME = "cosine_annealing_warm_restarts"
SETS = True


def check(*, T_0: int, T_mult: int = 1, eta_min: float = 0.0) -> None:
    require(whole(T_0, 1), f"{NAME}: T_0 must be whole and >= 1", T_0)  # cosine_annealing_warm_restarts.13
    require(whole(T_mult, 1), f"{NAME}: T_mult must be whole and >= 1", T_mult)  # cosine_annealing_warm_restarts.14
    finite_floor = finite(eta_min)
    require(finite_floor, f"{NAME}: eta_min must be finite and >= 0", eta_min)  # cosine_annealing_warm_restarts.15


def rate(t: Any, base_lr: Any, *, T_0: int, T_mult: int, eta_min: Any) -> Any:
    require(finite(t), f"{NAME}: epoch must be finite and >= 0", t)  # cosine_annealing_warm_restarts.10
    start, length = 0, T_0
    while t >= start + length:  # cosine_annealing_warm_restarts.2 cosine_annealing_warm_restarts.8
        start, length = start + length, length * T_mult
    share = real(math.pi) * (t - start) / length
    return eta_min + (base_lr - eta_min) * (1 + cos(share)) / 2  # cosine_annealing_warm_restarts.1
