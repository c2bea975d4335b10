"""adadelta: spec/optimizers/adadelta.md.

The gradient divided by the root of its mean square and multiplied by that of the steps so far, so that a step has the
unit of the parameter (Zeiler 2012, algorithm 1).
"""

from typing import NamedTuple

import torch
from torch import Tensor

from torchstone.reference.checks import require
from torchstone.reference.optimizer import Number


class State(NamedTuple):
    v: Tensor  # the mean of the squared gradients
    u: Tensor  # the mean of the squared directions


def check(
    *,
    lr: Number = 1.0,
    rho: Number = 0.9,
    eps: Number = 1e-6,
    weight_decay: Number = 0,
    maximize: bool = False,
) -> None:
    require(lr >= 0, "adadelta: lr must be >= 0", lr)  # adadelta.15
    require(0 <= rho <= 1, "adadelta: rho must be in [0, 1]", rho)  # adadelta.16
    require(eps >= 0, "adadelta: eps must be >= 0", eps)  # adadelta.17
    require(weight_decay >= 0, "adadelta: weight_decay must be >= 0", weight_decay)  # adadelta.18


def init(param: Tensor) -> State:
    zeros = torch.zeros_like(param)
    return State(v=zeros, u=zeros)


def update(
    param: Tensor,
    grad: Tensor,
    state: State,
    *,
    lr: Number,
    rho: Number,
    eps: Number,
    weight_decay: Number,
    maximize: bool,
) -> tuple[Tensor, State]:
    g = -grad if maximize else grad  # optimizer.15
    g = g + weight_decay * param if weight_decay != 0 else g  # adadelta.1
    v = rho * state.v + (1 - rho) * g**2  # adadelta.2
    d = (state.u + eps).sqrt() / (v + eps).sqrt() * g  # adadelta.3
    u = rho * state.u + (1 - rho) * d**2  # adadelta.4
    return param - lr * d, State(v, u)  # adadelta.5
