"""adamax: spec/optimizers/adamax.md.

The mean gradient divided by the largest recent one: Adam with the infinity norm in place of the root of the mean
square (Kingma and Ba 2015, algorithm 2).
"""

from typing import NamedTuple

import torch
from torch import Tensor

from torchstone.reference.checks import require
from torchstone.reference.optimizer import Number


class State(NamedTuple):
    t: int  # the steps of this parameter
    m: Tensor  # the mean of its gradients
    u: Tensor  # the largest of their sizes, each smaller by beta2 with every step since


def check(
    *,
    lr: Number = 2e-3,
    betas: tuple[Number, Number] = (0.9, 0.999),
    eps: Number = 1e-8,
    weight_decay: Number = 0,
    maximize: bool = False,
) -> None:
    beta1, beta2 = betas
    require(lr >= 0, "adamax: lr must be >= 0", lr)  # adamax.17
    require(0 <= beta1 < 1, "adamax: betas[0] must be in [0, 1)", beta1)  # adamax.18
    require(0 <= beta2 < 1, "adamax: betas[1] must be in [0, 1)", beta2)  # adamax.18
    require(eps >= 0, "adamax: eps must be >= 0", eps)  # adamax.19
    require(weight_decay >= 0, "adamax: weight_decay must be >= 0", weight_decay)  # adamax.20


def init(param: Tensor) -> State:
    zeros = torch.zeros_like(param)
    return State(t=0, m=zeros, u=zeros)


def update(
    param: Tensor,
    grad: Tensor,
    state: State,
    *,
    lr: Number,
    betas: tuple[Number, Number],
    eps: Number,
    weight_decay: Number,
    maximize: bool,
) -> tuple[Tensor, State]:
    beta1, beta2 = betas
    t = state.t + 1  # adamax.4
    g = -grad if maximize else grad  # optimizer.15
    g = g + weight_decay * param if weight_decay != 0 else g  # adamax.1
    m = beta1 * state.m + (1 - beta1) * g  # adamax.2
    u = torch.maximum(beta2 * state.u, g.abs() + eps)  # adamax.3
    m_hat = m / (1 - beta1**t)  # adamax.5
    return param - lr * m_hat / u, State(t, m, u)  # adamax.6
