"""sgd: spec/optimizers/sgd.md.

Gradient descent (Robbins and Monro 1951), with heavy-ball momentum (Polyak 1964) or Nesterov's (Sutskever et al. 2013).
"""

from typing import NamedTuple

from torch import Tensor

from torchstone.reference.checks import require
from torchstone.reference.optimizer import Number


class State(NamedTuple):
    b: Tensor | None  # the momentum buffer, None before the first step with momentum


def check(
    *,
    lr: Number = 1e-3,
    momentum: Number = 0,
    dampening: Number = 0,
    weight_decay: Number = 0,
    nesterov: bool = False,
    maximize: bool = False,
) -> None:
    require(lr >= 0, "sgd: lr must be >= 0", lr)  # sgd.17
    require(momentum >= 0, "sgd: momentum must be >= 0", momentum)  # sgd.18
    require(dampening <= 0 or dampening > 0, "sgd: dampening must be a number", dampening)  # optimizer.25
    require(weight_decay >= 0, "sgd: weight_decay must be >= 0", weight_decay)  # sgd.19
    sound = not nesterov or (momentum > 0 and dampening == 0)
    require(sound, "sgd: nesterov must have momentum > 0 and dampening = 0", (momentum, dampening))  # sgd.20


def init(param: Tensor) -> State:
    return State(b=None)


def update(
    param: Tensor,
    grad: Tensor,
    state: State,
    *,
    lr: Number,
    momentum: Number,
    dampening: Number,
    weight_decay: Number,
    nesterov: bool,
    maximize: bool,
) -> tuple[Tensor, State]:
    g = -grad if maximize else grad  # optimizer.15
    g = g + weight_decay * param if weight_decay != 0 else g  # sgd.1
    if momentum == 0:
        return param - lr * g, state  # sgd.2 sgd.6
    b = g if state.b is None else momentum * state.b + (1 - dampening) * g  # sgd.3 sgd.4
    d = g + momentum * b if nesterov else b  # sgd.5
    return param - lr * d, State(b)  # sgd.6
