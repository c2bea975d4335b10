"""reduce_on_plateau: spec/schedulers/reduce_on_plateau.md.

The rate is lowered when a metric has stopped getting better.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

from torchstone.reference.checks import require
from torchstone.reference.scheduler import each, finite, whole

NAME = "reduce_on_plateau"
EACH = ("min_lr",)
MODES = ("min", "max")
SCALES = ("rel", "abs")


def check(
    *,
    mode: str = "min",
    factor: float = 0.1,
    patience: int = 10,
    threshold: float = 0.0001,
    threshold_mode: str = "rel",
    cooldown: int = 0,
    min_lr: float | Sequence[float] = 0,
    eps: float = 1e-08,
) -> None:
    require(mode in MODES, f"{NAME}: mode must be min or max", mode)  # reduce_on_plateau.22
    scale = threshold_mode in SCALES
    require(scale, f"{NAME}: threshold_mode must be rel or abs", threshold_mode)  # reduce_on_plateau.23
    require(0 <= factor < 1, f"{NAME}: factor must be in [0, 1)", factor)  # reduce_on_plateau.24
    require(whole(patience, 0), f"{NAME}: patience must be whole and >= 0", patience)  # reduce_on_plateau.25
    require(whole(cooldown, 0), f"{NAME}: cooldown must be whole and >= 0", cooldown)  # reduce_on_plateau.26
    require(finite(threshold), f"{NAME}: threshold must be finite and >= 0", threshold)  # reduce_on_plateau.27
    require(finite(eps), f"{NAME}: eps must be finite and >= 0", eps)  # reduce_on_plateau.28
    require(each(finite, min_lr), f"{NAME}: min_lr must be finite and >= 0", min_lr)  # reduce_on_plateau.29


class State(NamedTuple):
    """The metric to beat (None before there is one), the bad epochs in a row, and the steps left of a cooldown."""

    best: float | None
    bad: int
    cooldown: int


def init(lrs: Sequence[Any], **_: Any) -> State:
    return State(None, 0, 0)  # reduce_on_plateau.1


def update(
    state: State,
    metric: Any,
    lrs: Sequence[Any],
    *,
    mode: str,
    factor: Any,
    patience: int,
    threshold: Any,
    threshold_mode: str,
    cooldown: int,
    min_lr: Any,
    eps: Any,
) -> tuple[list[Any], State]:
    require(metric is not None, f"{NAME}: step must be given a metric", metric)  # reduce_on_plateau.31
    better = is_better(metric, state.best, mode, threshold, threshold_mode)
    best = metric if better else state.best  # reduce_on_plateau.7
    bad = 0 if better or state.cooldown > 0 else state.bad + 1  # reduce_on_plateau.8 reduce_on_plateau.11
    if bad <= patience:  # reduce_on_plateau.9
        return list(lrs), State(best, bad, max(state.cooldown - 1, 0))
    lowered = [lower(lr, floor, factor, eps) for lr, floor in zip(lrs, floors(min_lr, len(lrs)), strict=True)]
    return lowered, State(best, 0, cooldown)  # reduce_on_plateau.10 reduce_on_plateau.15


def is_better(metric: Any, best: Any, mode: str, threshold: Any, threshold_mode: str) -> bool:
    if best is None:
        return bool(metric == metric)  # reduce_on_plateau.2 reduce_on_plateau.19
    margin = -float(threshold) if mode == "min" else float(threshold)
    bar = best * (1 + margin) if threshold_mode == "rel" else best + margin  # reduce_on_plateau.3 reduce_on_plateau.4
    return bool(metric < bar if mode == "min" else metric > bar)  # reduce_on_plateau.5 reduce_on_plateau.6


def lower(lr: Any, floor: Any, factor: Any, eps: Any) -> Any:
    lowered = max(lr * factor, floor)  # reduce_on_plateau.13
    return lowered if float(lr) - float(lowered) >= eps else lr  # reduce_on_plateau.14 reduce_on_plateau.17


def floors(min_lr: Any, groups: int) -> list[Any]:
    """The lowest rate of each group, given one number for all or one for each."""
    return list(min_lr) if isinstance(min_lr, list | tuple) else [min_lr] * groups  # reduce_on_plateau.16
