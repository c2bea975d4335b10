"""sparse_adam: spec/optimizers/sparse_adam.md.

Adam for gradients that store some of their rows: what is not stored is left alone (Kingma and Ba 2015, the remark
after algorithm 1).
"""

from typing import NamedTuple

import torch
from torch import Tensor

from torchstone.reference.checks import require
from torchstone.reference.optimizer import Number


class State(NamedTuple):
    t: int  # the steps of this parameter, whichever rows were stored
    m: Tensor  # the mean of the stored gradients
    v: Tensor  # the mean of their squares


def check(
    *,
    lr: Number = 1e-3,
    betas: tuple[Number, Number] = (0.9, 0.999),
    eps: Number = 1e-8,
    maximize: bool = False,
) -> None:
    beta1, beta2 = betas
    require(lr > 0, "sparse_adam: lr must be > 0", lr)  # sparse_adam.16
    require(0 <= beta1 < 1, "sparse_adam: betas[0] must be in [0, 1)", beta1)  # sparse_adam.17
    require(0 <= beta2 < 1, "sparse_adam: betas[1] must be in [0, 1)", beta2)  # sparse_adam.17
    require(eps > 0, "sparse_adam: eps must be > 0", eps)  # sparse_adam.18


def init(param: Tensor) -> State:
    require(not param.is_sparse, "sparse_adam: a parameter must be dense", param.layout)  # sparse_adam.20
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
    maximize: bool,
) -> tuple[Tensor, State]:
    require(grad.is_sparse, "sparse_adam: a gradient must be sparse", grad.layout)  # sparse_adam.19
    beta1, beta2 = betas
    t = state.t + 1  # sparse_adam.5
    rows = grad.coalesce()  # sparse_adam.1
    stored = torch.zeros_like(param, dtype=torch.bool).index_fill(0, rows.indices()[0], True)
    g = -rows.to_dense() if maximize else rows.to_dense()  # optimizer.15
    m = torch.where(stored, beta1 * state.m + (1 - beta1) * g, state.m)  # sparse_adam.2 sparse_adam.3
    v = torch.where(stored, beta2 * state.v + (1 - beta2) * g**2, state.v)  # sparse_adam.2 sparse_adam.4
    rate = lr * (1 - beta2**t) ** 0.5 / (1 - beta1**t)  # sparse_adam.6
    return torch.where(stored, param - rate * m / (v.sqrt() + eps), param), State(
        t, m, v
    )  # sparse_adam.2 sparse_adam.7
