"""nadam: spec/optimizers/nadam.md.

Adam with Nesterov's momentum, whose weight rises with the step count (Dozat 2016, algorithm 2, without its factor
beta2 in the corrected second moment).
"""

from typing import NamedTuple

import torch
from torch import Tensor

from torchstone.reference.checks import require
from torchstone.reference.optimizer import Number


class State(NamedTuple):
    t: int  # the steps of this parameter
    p: Number  # the product of the weights of its steps
    m: Tensor  # the mean of its gradients
    v: Tensor  # the mean of their squares


def check(
    *,
    lr: Number = 2e-3,
    betas: tuple[Number, Number] = (0.9, 0.999),
    eps: Number = 1e-8,
    weight_decay: Number = 0,
    momentum_decay: Number = 4e-3,
    decoupled_weight_decay: bool = False,
    maximize: bool = False,
) -> None:
    beta1, beta2 = betas
    require(lr >= 0, "nadam: lr must be >= 0", lr)  # nadam.20
    require(0 <= beta1 < 1, "nadam: betas[0] must be in [0, 1)", beta1)  # nadam.21
    require(0 <= beta2 < 1, "nadam: betas[1] must be in [0, 1)", beta2)  # nadam.21
    require(eps >= 0, "nadam: eps must be >= 0", eps)  # nadam.22
    require(weight_decay >= 0, "nadam: weight_decay must be >= 0", weight_decay)  # nadam.23
    require(momentum_decay >= 0, "nadam: momentum_decay must be >= 0", momentum_decay)  # nadam.24


def init(param: Tensor) -> State:
    zeros = torch.zeros_like(param)
    return State(t=0, p=1.0, m=zeros, v=zeros)


def update(
    param: Tensor,
    grad: Tensor,
    state: State,
    *,
    lr: Number,
    betas: tuple[Number, Number],
    eps: Number,
    weight_decay: Number,
    momentum_decay: Number,
    decoupled_weight_decay: bool,
    maximize: bool,
) -> tuple[Tensor, State]:
    beta1, beta2 = betas
    coupled = weight_decay != 0 and not decoupled_weight_decay
    t = state.t + 1  # nadam.3
    g = -grad if maximize else grad  # optimizer.15
    g = g + weight_decay * param if coupled else g  # nadam.1
    theta = (1 - lr * weight_decay) * param if decoupled_weight_decay else param  # nadam.2
    mu = beta1 * (1 - 0.5 * 0.96 ** (t * momentum_decay))  # nadam.4
    mu_next = beta1 * (1 - 0.5 * 0.96 ** ((t + 1) * momentum_decay))  # nadam.4
    p = state.p * mu  # nadam.5
    m = beta1 * state.m + (1 - beta1) * g  # nadam.6
    v = beta2 * state.v + (1 - beta2) * g**2  # nadam.7
    m_hat = mu_next * m / (1 - p * mu_next) + (1 - mu) * g / (1 - p)  # nadam.8
    v_hat = v / (1 - beta2**t)  # nadam.9
    return theta - lr * m_hat / (v_hat.sqrt() + eps), State(t, p, m, v)  # nadam.10
