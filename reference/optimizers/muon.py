"""muon: spec/optimizers/muon.md.

Momentum whose steps are made nearly orthogonal matrices by a few iterations of Newton and Schulz (Jordan 2024), with
the rates of Liu et al. 2025.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from torchstone.reference.checks import require
from torchstone.reference.optimizer import Number
from torchstone.reference.precision import may_round_to


class State(NamedTuple):
    b: Tensor  # the momentum buffer, an average of gradients


def check(
    *,
    lr: Number = 1e-3,
    weight_decay: Number = 0.1,
    momentum: Number = 0.95,
    nesterov: bool = True,
    ns_coefficients: tuple[Number, Number, Number] = (3.4445, -4.7750, 2.0315),
    eps: Number = 1e-7,
    ns_steps: int = 5,
    adjust_lr_fn: str | None = None,
) -> None:
    numbers = all(coefficient <= 0 or coefficient > 0 for coefficient in ns_coefficients)
    require(lr >= 0, "muon: lr must be >= 0", lr)  # muon.19
    require(weight_decay >= 0, "muon: weight_decay must be >= 0", weight_decay)  # muon.20
    require(momentum >= 0, "muon: momentum must be >= 0", momentum)  # muon.21
    require(eps >= 0, "muon: eps must be >= 0", eps)  # muon.22
    require(0 <= ns_steps < 100, "muon: ns_steps must be in [0, 100)", ns_steps)  # muon.23
    require(len(ns_coefficients) == 3, "muon: ns_coefficients must be three", ns_coefficients)  # muon.24
    require(numbers, "muon: ns_coefficients must be numbers", ns_coefficients)  # optimizer.25
    named = adjust_lr_fn in (None, "original", "match_rms_adamw")
    require(named, "muon: adjust_lr_fn must be None, original or match_rms_adamw", adjust_lr_fn)  # muon.25


def init(param: Tensor) -> State:
    require(param.dim() == 2, "muon: a parameter must be a matrix", tuple(param.shape))  # muon.26
    return State(b=torch.zeros_like(param))


def orthogonalised(u: Tensor, coefficients: tuple[Number, Number, Number], eps: Number, steps: int) -> Tensor:
    a, b, c = coefficients
    with may_round_to(torch.bfloat16):  # muon.5
        x: Tensor = u / torch.linalg.vector_norm(u).clamp(min=eps)  # muon.3
        for _ in range(steps):
            gram = x @ x.T  # muon.4
            x = a * x + (b * gram + c * gram @ gram) @ x  # muon.4
        return x


def update(
    param: Tensor,
    grad: Tensor,
    state: State,
    *,
    lr: Number,
    weight_decay: Number,
    momentum: Number,
    nesterov: bool,
    ns_coefficients: tuple[Number, Number, Number],
    eps: Number,
    ns_steps: int,
    adjust_lr_fn: str | None,
) -> tuple[Tensor, State]:
    rows, columns = param.shape
    b = momentum * state.b + (1 - momentum) * grad  # muon.1
    u = momentum * b + (1 - momentum) * grad if nesterov else b  # muon.2
    o = orthogonalised(u, ns_coefficients, eps, ns_steps)
    original = max(1, rows / max(1, columns)) ** 0.5  # muon.7
    ratio = 0.2 * max(rows, columns) ** 0.5 if adjust_lr_fn == "match_rms_adamw" else original  # muon.8
    return (1 - lr * weight_decay) * param - lr * ratio * o, State(b)  # muon.6
