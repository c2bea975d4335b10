"""radam: spec/optimizers/radam.md.

Adam whose rate is rectified for the variance of its second moment, and which divides by nothing while that variance is
unknown (Liu et al. 2020, algorithm 2).
"""

from typing import NamedTuple

import torch
from torch import Tensor

from torchstone.reference.checks import require
from torchstone.reference.optimizer import Number


class State(NamedTuple):
    t: int  # the steps of this parameter
    m: Tensor  # the mean of its gradients
    v: Tensor  # the mean of their squares


def check(
    *,
    lr: Number = 1e-3,
    betas: tuple[Number, Number] = (0.9, 0.999),
    eps: Number = 1e-8,
    weight_decay: Number = 0,
    decoupled_weight_decay: bool = False,
    maximize: bool = False,
) -> None:
    beta1, beta2 = betas
    require(lr >= 0, "radam: lr must be >= 0", lr)  # radam.20
    require(0 <= beta1 < 1, "radam: betas[0] must be in [0, 1)", beta1)  # radam.21
    require(0 <= beta2 < 1, "radam: betas[1] must be in [0, 1)", beta2)  # radam.21
    require(eps >= 0, "radam: eps must be >= 0", eps)  # radam.22
    require(weight_decay >= 0, "radam: weight_decay must be >= 0", weight_decay)  # radam.23


def init(param: Tensor) -> State:
    zeros = torch.zeros_like(param)
    return State(t=0, m=zeros, v=zeros)


def update(
    param: Tensor,
    grad: Tensor,
    state: State,
    *,
    lr: Number,
    betas: tuple[Number, Number],
    eps: Number,
    weight_decay: Number,
    decoupled_weight_decay: bool,
    maximize: bool,
) -> tuple[Tensor, State]:
    beta1, beta2 = betas
    coupled = weight_decay != 0 and not decoupled_weight_decay
    t = state.t + 1  # radam.3
    g = -grad if maximize else grad  # optimizer.15
    g = g + weight_decay * param if coupled else g  # radam.1
    theta = (1 - lr * weight_decay) * param if decoupled_weight_decay else param  # radam.2
    m = beta1 * state.m + (1 - beta1) * g  # radam.4
    v = beta2 * state.v + (1 - beta2) * g**2  # radam.5
    m_hat = m / (1 - beta1**t)  # radam.6
    rho_max = 2 / (1 - beta2) - 1  # radam.7
    rho = rho_max - 2 * t * beta2**t / (1 - beta2**t)  # radam.7
    if not rho > 5:
        return theta - lr * m_hat, State(t, m, v)  # radam.8
    r = ((rho - 4) * (rho - 2) * rho_max / ((rho_max - 4) * (rho_max - 2) * rho)) ** 0.5  # radam.9
    scale = (1 - beta2**t) ** 0.5 / (v.sqrt() + eps)  # radam.10
    return theta - lr * r * m_hat * scale, State(t, m, v)  # radam.11
