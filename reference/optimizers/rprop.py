"""rprop: spec/optimizers/rprop.md.

Each element moves by a step of its own that grows while its gradient keeps its sign and shrinks when it turns
(Riedmiller and Braun 1993, in the form that Igel and Hüsken 2000 call iRprop-).
"""

from typing import NamedTuple

import torch
from torch import Tensor

from torchstone.reference.checks import require
from torchstone.reference.optimizer import Number


class State(NamedTuple):
    previous: Tensor  # the gradient of the step before, zero where it had turned
    size: Tensor | None  # the size of the steps, None before the first


def check(
    *,
    lr: Number = 1e-2,
    etas: tuple[Number, Number] = (0.5, 1.2),
    step_sizes: tuple[Number, Number] = (1e-6, 50),
    maximize: bool = False,
) -> None:
    shrink, grow = etas
    least, most = step_sizes
    require(lr >= 0, "rprop: lr must be >= 0", lr)  # rprop.14
    require(0 < shrink < 1, "rprop: etas[0] must be in (0, 1)", shrink)  # rprop.15
    require(grow > 1, "rprop: etas[1] must be > 1", grow)  # rprop.15
    require(least >= 0, "rprop: step_sizes[0] must be >= 0", least)  # rprop.16
    require(most >= least, "rprop: step_sizes[1] must be >= step_sizes[0]", most)  # rprop.16


def init(param: Tensor) -> State:
    return State(previous=torch.zeros_like(param), size=None)


def update(
    param: Tensor,
    grad: Tensor,
    state: State,
    *,
    lr: Number,
    etas: tuple[Number, Number],
    step_sizes: tuple[Number, Number],
    maximize: bool,
) -> tuple[Tensor, State]:
    (shrink, grow), (least, most) = etas, step_sizes
    g = -grad if maximize else grad  # optimizer.15
    size = torch.zeros_like(param) + lr if state.size is None else state.size  # rprop.1
    turn = g * state.previous  # rprop.2
    size = torch.where(turn > 0, size * grow, size)  # rprop.3
    size = torch.where(turn < 0, size * shrink, size).clamp(min=least).clamp(max=most)  # rprop.4 rprop.7
    g = torch.where(turn < 0, 0.0, g)  # rprop.5
    sign = torch.where(g.isnan(), g, g.sign())  # optimizer.21
    return param - sign * size, State(g, size)  # rprop.6
