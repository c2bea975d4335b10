"""adagrad: spec/optimizers/adagrad.md.

The gradient divided by the root of the sum of all squared gradients so far (Duchi, Hazan and Singer 2011, the diagonal
form), with a rate that may decay too.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from torchstone.reference.checks import require
from torchstone.reference.optimizer import Number


class State(NamedTuple):
    t: int  # the steps of this parameter
    total: Tensor | None  # the sum of its squared gradients, None before the first step


def check(
    *,
    lr: Number = 1e-2,
    lr_decay: Number = 0,
    weight_decay: Number = 0,
    initial_accumulator_value: Number = 0,
    eps: Number = 1e-10,
    maximize: bool = False,
) -> None:
    start = initial_accumulator_value
    require(lr >= 0, "adagrad: lr must be >= 0", lr)  # adagrad.18
    require(lr_decay >= 0, "adagrad: lr_decay must be >= 0", lr_decay)  # adagrad.19
    require(weight_decay >= 0, "adagrad: weight_decay must be >= 0", weight_decay)  # adagrad.20
    require(start >= 0, "adagrad: initial_accumulator_value must be >= 0", start)  # adagrad.21
    require(eps >= 0, "adagrad: eps must be >= 0", eps)  # adagrad.22


def init(param: Tensor) -> State:
    return State(t=0, total=None)


def update(
    param: Tensor,
    grad: Tensor,
    state: State,
    *,
    lr: Number,
    lr_decay: Number,
    weight_decay: Number,
    initial_accumulator_value: Number,
    eps: Number,
    maximize: bool,
) -> tuple[Tensor, State]:
    t = state.t + 1  # adagrad.4
    g = -grad if maximize else grad  # optimizer.15
    g = g + weight_decay * param if weight_decay != 0 else g  # adagrad.1
    before = torch.zeros_like(param) + initial_accumulator_value if state.total is None else state.total  # adagrad.3
    total = before + g**2  # adagrad.2
    rate = lr / (1 + (t - 1) * lr_decay)  # adagrad.5
    return param - rate * g / (total.sqrt() + eps), State(t, total)  # adagrad.6
