"""adam: spec/optimizers/adam.md.

The mean gradient divided by the root of the mean squared gradient, both corrected for their start at zero
(Kingma and Ba 2015, algorithm 1; AMSGrad: Reddi et al. 2018).
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
    weight_decay: Number = 0,
    amsgrad: bool = False,
    maximize: bool = False,
    decoupled_weight_decay: bool = False,
) -> None:
    beta1, beta2 = betas
    require(lr >= 0, "adam: lr must be >= 0", lr)  # adam.22
    require(0 <= beta1 < 1, "adam: betas[0] must be in [0, 1)", beta1)  # adam.23
    require(0 <= beta2 < 1, "adam: betas[1] must be in [0, 1)", beta2)  # adam.23
    require(eps >= 0, "adam: eps must be >= 0", eps)  # adam.24
    require(weight_decay >= 0, "adam: weight_decay must be >= 0", weight_decay)  # adam.25


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
    decoupled_weight_decay: bool,
) -> tuple[Tensor, State]:
    beta1, beta2 = betas
    coupled = weight_decay != 0 and not decoupled_weight_decay
    t = state.t + 1  # adam.5
    g = -grad if maximize else grad  # optimizer.15
    g = g + weight_decay * param if coupled else g  # adam.1
    theta = (1 - lr * weight_decay) * param if decoupled_weight_decay else param  # adam.2
    m = beta1 * state.m + (1 - beta1) * g  # adam.3
    v = beta2 * state.v + (1 - beta2) * g**2  # adam.4
    v_max = torch.maximum(state.v_max, v) if amsgrad else state.v_max  # adam.8 adam.17
    m_hat = m / (1 - beta1**t)  # adam.6
    v_hat = (v_max if amsgrad else v) / (1 - beta2**t)  # adam.7
    return theta - lr * m_hat / (v_hat.sqrt() + eps), State(t, m, v, v_max)  # adam.9
