"""adafactor: spec/optimizers/adafactor.md.

A step relative to the size of the parameter, divided by a second moment that for matrices is kept as the means of its
rows and columns (Shazeer and Stern 2018, algorithms 4 and 5, with torch's epsilon and its learning rate).
"""

from typing import NamedTuple

import torch
from torch import Tensor

from torchstone.reference.checks import require
from torchstone.reference.optimizer import Number
from torchstone.reference.precision import machine_epsilon


class State(NamedTuple):
    t: int  # the steps of this parameter
    rows: Tensor  # the mean of its squared gradients along the last axis; of a vector nothing is averaged over
    columns: Tensor  # the same along the last axis but one


def check(
    *,
    lr: Number = 1e-2,
    beta2_decay: Number = -0.8,
    eps: tuple[Number | None, Number] = (None, 1e-3),
    d: Number = 1.0,
    weight_decay: Number = 0.0,
    maximize: bool = False,
) -> None:
    eps1, eps2 = eps
    require(lr >= 0, "adafactor: lr must be >= 0", lr)  # adafactor.20
    require(beta2_decay <= 0, "adafactor: beta2_decay must be <= 0", beta2_decay)  # adafactor.21
    require(eps1 is None or eps1 >= 0, "adafactor: eps[0] must be None or >= 0", eps1)  # adafactor.22
    require(eps2 >= 0, "adafactor: eps[1] must be >= 0", eps2)  # adafactor.22
    require(d >= 1, "adafactor: d must be >= 1", d)  # adafactor.23
    require(weight_decay >= 0, "adafactor: weight_decay must be >= 0", weight_decay)  # adafactor.24


def init(param: Tensor) -> State:
    zeros = torch.zeros_like(param)
    return State(t=0, rows=_mean(zeros, -1), columns=_mean(zeros, -2))


def _mean(x: Tensor, axis: int) -> Tensor:
    """The mean along an axis of the matrices that a tensor holds; a tensor without matrices as it is."""
    return x.mean(axis, keepdim=True) if x.dim() > 1 else x


def _rms(x: Tensor) -> Tensor:
    """The root of the mean of the squares."""
    rms: Tensor = torch.linalg.vector_norm(x) / max(1, x.numel()) ** 0.5
    return rms


def update(
    param: Tensor,
    grad: Tensor,
    state: State,
    *,
    lr: Number,
    beta2_decay: Number,
    eps: tuple[Number | None, Number],
    d: Number,
    weight_decay: Number,
    maximize: bool,
) -> tuple[Tensor, State]:
    least = machine_epsilon(param) if eps[0] is None else eps[0]  # adafactor.11
    t = state.t + 1  # adafactor.1
    g = -grad if maximize else grad  # optimizer.15
    theta = (1 - lr * weight_decay) * param if weight_decay != 0 else param  # adafactor.2
    part = t**beta2_decay  # adafactor.3
    rows = (1 - part) * state.rows + part * _mean(g * g, -1)  # adafactor.4 adafactor.5
    columns = (1 - part) * state.columns + part * _mean(g * g, -2)  # adafactor.5
    v = rows * columns / _mean(rows, -2).clamp(min=least) if g.dim() > 1 else rows  # adafactor.6
    u = g / v.sqrt().clamp(min=least)  # adafactor.7
    size, length = _rms(param), _rms(u) / d
    step = (size if size > eps[1] else eps[1]) * min(lr, 1 / t**0.5)  # adafactor.8 adafactor.19
    clipped = u / length if length > 1 else u  # adafactor.9 adafactor.19
    return theta - step * clipped, State(t, rows, columns)  # adafactor.10
