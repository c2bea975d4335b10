"""lbfgs: spec/optimizers/lbfgs.md.

A quasi-Newton method that keeps the last few steps in place of a matrix (Nocedal and Wright, Numerical Optimization,
2nd edition, algorithms 7.4, 3.5 and 3.6). It evaluates the objective itself, so its update has that for a gradient.
"""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from torchstone.reference.checks import require
from torchstone.reference.optimizer import Number, Objective

SUFFICIENT, FLAT, CURVED = 1e-4, 0.9, 1e-10


class State(NamedTuple):
    n: int  # the iterations of all steps
    g: Tensor  # the gradient before the last of them
    s: Tensor  # how far the last of them moved
    pairs: tuple[tuple[Tensor, Tensor], ...]  # moves, each with the change of the gradient, the newest last


def check(
    *,
    lr: Number = 1,
    max_iter: int = 20,
    max_eval: int | None = None,
    tolerance_grad: Number = 1e-7,
    tolerance_change: Number = 1e-9,
    history_size: int = 100,
    line_search_fn: str | None = None,
) -> None:
    named = line_search_fn in (None, "strong_wolfe")
    require(lr >= 0, "lbfgs: lr must be >= 0", lr)  # lbfgs.19
    require(max_iter >= 1, "lbfgs: max_iter must be >= 1", max_iter)  # lbfgs.20
    require(max_eval is None or max_eval >= 1, "lbfgs: max_eval must be None or >= 1", max_eval)  # lbfgs.20
    require(tolerance_grad >= 0, "lbfgs: tolerance_grad must be >= 0", tolerance_grad)  # lbfgs.21
    require(tolerance_change >= 0, "lbfgs: tolerance_change must be >= 0", tolerance_change)  # lbfgs.21
    require(history_size >= 1, "lbfgs: history_size must be >= 1", history_size)  # lbfgs.20
    require(named, "lbfgs: line_search_fn must be None or strong_wolfe", line_search_fn)  # lbfgs.22


def init(x: Tensor) -> State:
    return State(n=0, g=torch.zeros_like(x), s=torch.zeros_like(x), pairs=())


def direction(g: Tensor, pairs: tuple[tuple[Tensor, Tensor], ...]) -> Tensor:
    """Minus the gradient times the inverse Hessian that the pairs make out (algorithm 7.4)."""
    q, alphas = -g, []
    for s, y in reversed(pairs):
        alphas.append((s @ q) / (y @ s))  # lbfgs.6
        q = q - alphas[-1] * y  # lbfgs.6
    for s, y in pairs[-1:]:
        q = (y @ s) / (y @ y) * q  # lbfgs.7
    for (s, y), alpha in zip(pairs, reversed(alphas), strict=True):
        q = q + (alpha - (y @ q) / (y @ s)) * s  # lbfgs.6
    return q


def update(
    x: Tensor,
    objective: Objective,
    state: State,
    *,
    lr: Number,
    max_iter: int,
    max_eval: int | None,
    tolerance_grad: Number,
    tolerance_change: Number,
    history_size: int,
    line_search_fn: str | None,
) -> tuple[Tensor, State, Tensor]:
    """One step: the new vector, the new state, and the loss at the old one."""
    most = max_iter * 5 // 4 if max_eval is None else max_eval  # lbfgs.12
    loss, g = objective(x)
    first, evaluations = loss, 1  # lbfgs.2
    if (g.abs() <= tolerance_grad).all():
        return x, state, first  # lbfgs.3
    for iteration in range(1, max_iter + 1):  # lbfgs.11
        n, y = state.n + 1, g - state.g
        kept = ((state.s, y),) if y @ state.s > CURVED else ()  # lbfgs.5
        pairs = (*state.pairs, *kept)[-history_size:]  # lbfgs.5
        d = direction(g, pairs)
        size, slope = g.abs().sum(), g @ d
        t = lr / size if n == 1 and size > 1 else lr  # lbfgs.4
        if slope > -tolerance_change:
            state = State(n, g, torch.zeros_like(x), pairs)  # lbfgs.8
            break
        before, start = loss, Trial(0.0, loss, g, slope)
        if line_search_fn == "strong_wolfe":
            path = along(objective, x, d)
            found, more = strong_wolfe(path, start, t, d.abs().max(), tolerance_change, most - evaluations)
            t, loss, next_g = found.t, found.f, found.g
        elif iteration < max_iter:
            (loss, next_g), more = objective(x + t * d), 1  # lbfgs.9
        else:
            next_g, more = g, 0  # lbfgs.9
        x, state, g, evaluations = x + t * d, State(n, g, t * d, pairs), next_g, evaluations + more  # lbfgs.10
        still = (g.abs() <= tolerance_grad).all() or (state.s.abs() <= tolerance_change).all()
        if evaluations >= most or still or abs(float(loss - before)) < tolerance_change:
            break  # lbfgs.12 lbfgs.13
    return x, state, first


class Trial(NamedTuple):
    """A length along the direction, and what the objective is there."""

    t: Number
    f: Tensor
    g: Tensor
    slope: Tensor


def along(objective: Objective, x: Tensor, d: Tensor) -> Callable[[Number], Trial]:
    def trial(t: Number) -> Trial:
        f, g = objective(x + t * d)
        return Trial(t, f, g, g @ d)

    return trial


def strong_wolfe(
    path: Callable[[Number], Trial], start: Trial, t: Number, reach: Tensor, tolerance: Number, most: int
) -> tuple[Trial, int]:
    """A length that meets the strong Wolfe conditions, or the best one found, and how many were tried."""

    def above(trial: Trial) -> bool:
        return bool(trial.f > start.f + SUFFICIENT * trial.t * start.slope)  # lbfgs.14

    def flat(trial: Trial) -> bool:
        return bool(abs(trial.slope) <= -FLAT * start.slope)  # lbfgs.14

    last, trial, tried = start, path(t), 1
    while tried <= most:  # Algorithm 3.5: longer, until a good length lies between two
        if above(trial) or (tried > 2 and trial.f >= last.f):
            break  # lbfgs.15
        if flat(trial):
            return trial, tried  # lbfgs.14
        if trial.slope >= 0:
            break  # lbfgs.15
        t = cubic(last, trial, trial.t + 0.01 * (trial.t - last.t), 10 * trial.t)  # lbfgs.16
        last, trial, tried = trial, path(t), tried + 1
    else:
        last = start  # lbfgs.18
    best, other = (last, trial) if last.f <= trial.f else (trial, last)
    slow = False
    while tried <= most and not abs((other.t - best.t) * reach) < tolerance:  # Algorithm 3.6: between the two
        low, high = (best.t, other.t) if best.t <= other.t else (other.t, best.t)
        t, slow = inside(cubic(best, other, low, high), low, high, slow)  # lbfgs.17
        trial, tried = path(t), tried + 1
        if above(trial) or trial.f >= best.f:
            best, other = (best, trial) if best.f <= trial.f else (trial, best)  # lbfgs.15
        elif flat(trial):
            return trial, tried  # lbfgs.14
        else:
            best, other = trial, best if trial.slope * (other.t - best.t) >= 0 else other  # lbfgs.15
    return best, tried  # lbfgs.18


def cubic(one: Trial, two: Trial, low: Number, high: Number) -> Number:
    """Where the cubic through two trials has its minimum, held between two bounds (equation 3.59)."""
    a, b = (one, two) if one.t <= two.t else (two, one)
    d1 = a.slope + b.slope - 3 * (a.f - b.f) / (a.t - b.t)  # lbfgs.16
    square = d1**2 - a.slope * b.slope
    if not square >= 0:
        return (low + high) / 2  # lbfgs.16
    d2 = square.sqrt()
    t = b.t - (b.t - a.t) * ((b.slope + d2 - d1) / (b.slope - a.slope + 2 * d2))  # lbfgs.16
    return low if t < low else high if t > high else t  # lbfgs.16


def inside(t: Number, low: Number, high: Number, slow: bool) -> tuple[Number, bool]:
    """A length that is not for the second time within a tenth of an end, and never at one; and whether it is near."""
    margin = 0.1 * (high - low)
    near = bool(high - t < margin or t - low < margin)
    if near and (slow or t >= high or t <= low):
        return high - margin if high - t < t - low else low + margin, False  # lbfgs.17
    return t, near
