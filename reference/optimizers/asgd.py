"""asgd: spec/optimizers/asgd.md.

Gradient descent whose rate falls with the step count, and an average of the parameters that it goes through (Polyak
and Juditsky 1992, with the rates of Bottou 2012). Rate and weight are computed one step ahead.
"""

from typing import NamedTuple

from torch import Tensor

from torchstone.reference.checks import require
from torchstone.reference.optimizer import Number


class State(NamedTuple):
    t: int  # the steps of this parameter
    rate: Number | None  # the rate of its next step, None before the first
    weight: Number  # what its next value weighs in the average
    average: Tensor | None  # the average of its values, None before the first step


def check(
    *,
    lr: Number = 1e-2,
    lambd: Number = 1e-4,
    alpha: Number = 0.75,
    t0: Number = 1e6,
    weight_decay: Number = 0,
    maximize: bool = False,
) -> None:
    require(lr >= 0, "asgd: lr must be >= 0", lr)  # asgd.17
    require(lambd >= 0, "asgd: lambd must be >= 0", lambd)  # asgd.18
    require(alpha <= 0 or alpha > 0, "asgd: alpha must be a number", alpha)  # optimizer.25
    require(t0 <= 0 or t0 > 0, "asgd: t0 must be a number", t0)  # optimizer.25
    require(weight_decay >= 0, "asgd: weight_decay must be >= 0", weight_decay)  # asgd.19


def init(param: Tensor) -> State:
    return State(t=0, rate=None, weight=1, average=None)


def update(
    param: Tensor,
    grad: Tensor,
    state: State,
    *,
    lr: Number,
    lambd: Number,
    alpha: Number,
    t0: Number,
    weight_decay: Number,
    maximize: bool,
) -> tuple[Tensor, State]:
    t = state.t + 1  # asgd.3
    rate = lr if state.rate is None else state.rate  # asgd.4
    g = -grad if maximize else grad  # optimizer.15
    g = g + weight_decay * param if weight_decay != 0 else g  # asgd.1
    theta = (1 - lambd * rate) * param - rate * g  # asgd.2
    before, weight = state.average, state.weight
    average = theta if before is None or weight == 1 else before + weight * (theta - before)  # asgd.7 asgd.8
    next_rate = lr / (1 + lambd * lr * t) ** alpha  # asgd.5
    next_weight = 1 / max(1, t - t0)  # asgd.6
    return theta, State(t, next_rate, next_weight, average)
