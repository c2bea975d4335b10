"""rmsprop: spec/optimizers/rmsprop.md.

The gradient divided by the root of the mean squared gradient (Hinton 2012, lecture 6e), or by its standard deviation
(Graves 2013, equations 38 to 45).
"""

from typing import NamedTuple

import torch
from torch import Tensor

from torchstone.reference.checks import require
from torchstone.reference.optimizer import Number


class State(NamedTuple):
    v: Tensor  # the mean of the squared gradients
    a: Tensor  # the mean gradient of the steps with `centered`
    b: Tensor  # the momentum buffer: a decaying sum of divided gradients


def check(
    *,
    lr: Number = 1e-2,
    alpha: Number = 0.99,
    eps: Number = 1e-8,
    weight_decay: Number = 0,
    momentum: Number = 0,
    centered: bool = False,
    maximize: bool = False,
) -> None:
    require(lr >= 0, "rmsprop: lr must be >= 0", lr)  # rmsprop.21
    require(0 <= alpha <= 1, "rmsprop: alpha must be in [0, 1]", alpha)  # rmsprop.22
    require(eps >= 0, "rmsprop: eps must be >= 0", eps)  # rmsprop.23
    require(weight_decay >= 0, "rmsprop: weight_decay must be >= 0", weight_decay)  # rmsprop.24
    require(momentum >= 0, "rmsprop: momentum must be >= 0", momentum)  # rmsprop.25


def init(param: Tensor) -> State:
    zeros = torch.zeros_like(param)
    return State(v=zeros, a=zeros, b=zeros)


def update(
    param: Tensor,
    grad: Tensor,
    state: State,
    *,
    lr: Number,
    alpha: Number,
    eps: Number,
    weight_decay: Number,
    momentum: Number,
    centered: bool,
    maximize: bool,
) -> tuple[Tensor, State]:
    g = -grad if maximize else grad  # optimizer.15
    g = g + weight_decay * param if weight_decay != 0 else g  # rmsprop.1
    v = alpha * state.v + (1 - alpha) * g**2  # rmsprop.2
    a = alpha * state.a + (1 - alpha) * g if centered else state.a  # rmsprop.3 rmsprop.16
    w = (v - a**2).clamp(min=0) if centered else v  # rmsprop.4 rmsprop.5
    d = g / (w.sqrt() + eps)  # rmsprop.6
    b = momentum * state.b + d if momentum > 0 else state.b  # rmsprop.7 rmsprop.15
    return param - lr * (b if momentum > 0 else d), State(v, a, b)  # rmsprop.8
