"""adamw: spec/optimizers/adamw.md.

Adam with weight decay beside the step instead of inside the gradient (Loshchilov and Hutter 2019, algorithm 2).
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
    v_max: Tensor  # the largest v of the steps with amsgrad


def check(
    *,
    lr: Number = 1e-3,
    betas: tuple[Number, Number] = (0.9, 0.999),
    eps: Number = 1e-8,
    weight_decay: Number = 1e-2,
    amsgrad: bool = False,
    maximize: bool = False,
) -> None:
    beta1, beta2 = betas
    require(lr >= 0, "adamw: lr must be >= 0", lr)  # adamw.18
    require(0 <= beta1 < 1, "adamw: betas[0] must be in [0, 1)", beta1)  # adamw.19
    require(0 <= beta2 < 1, "adamw: betas[1] must be in [0, 1)", beta2)  # adamw.19
    require(eps >= 0, "adamw: eps must be >= 0", eps)  # adamw.20
    require(weight_decay >= 0, "adamw: weight_decay must be >= 0", weight_decay)  # adamw.21


def init(param: Tensor) -> State:
    zeros = torch.zeros_like(param)
    return State(t=0, m=zeros, v=zeros, v_max=zeros)


def update(
    param: Tensor,
    grad: Tensor,
    state: State,
    *,
    lr: Number,
    betas: tuple[Number, Number],
    eps: Number,
    weight_decay: Number,
    amsgrad: bool,
    maximize: bool,
) -> tuple[Tensor, State]:
    beta1, beta2 = betas
    t = state.t + 1  # adamw.4
    g = -grad if maximize else grad  # optimizer.15
    theta = (1 - lr * weight_decay) * param  # adamw.1
    m = beta1 * state.m + (1 - beta1) * g  # adamw.2
    v = beta2 * state.v + (1 - beta2) * g**2  # adamw.3
    v_max = torch.maximum(state.v_max, v) if amsgrad else state.v_max  # adamw.7 adamw.14
    m_hat = m / (1 - beta1**t)  # adamw.5
    v_hat = (v_max if amsgrad else v) / (1 - beta2**t)  # adamw.6
    return theta - lr * m_hat / (v_hat.sqrt() + eps), State(t, m, v, v_max)  # adamw.8
