"""cyclic: spec/schedulers/cyclic.md.

The rate goes up and down between two boundaries in straight lines, the momentum down and up (Smith 2017).
"""

from collections.abc import Callable, Sequence
from typing import Any

from torchstone.reference.checks import require
from torchstone.reference.scheduler import each, finite, real, share, whole

EACH = ("base_lr", "max_lr", "base_momentum", "max_momentum")
SETS = True
MODES = ("triangular", "triangular2", "exp_range")
SCALES = ("cycle", "iterations")


def check(
    *,
    base_lr: float | Sequence[float],
    max_lr: float | Sequence[float],
    step_size_up: int = 2000,
    step_size_down: int | None = None,
    mode: str = "triangular",
    gamma: float = 1.0,
    scale_fn: Callable[[int], Any] | None = None,
    scale_mode: str = "cycle",
    cycle_momentum: bool = True,
    base_momentum: float | Sequence[float] = 0.8,
    max_momentum: float | Sequence[float] = 0.9,
) -> None:
    require(each(finite, base_lr), "cyclic: base_lr must be finite and >= 0", base_lr)  # cyclic.17
    require(each(finite, max_lr), "cyclic: max_lr must be finite and >= 0", max_lr)  # cyclic.18
    require(whole(step_size_up, 1), "cyclic: step_size_up must be whole and >= 1", step_size_up)  # cyclic.19
    down = step_size_down is None or whole(step_size_down, 1)
    require(down, "cyclic: step_size_down must be None, or whole and >= 1", step_size_down)  # cyclic.20
    require(scale_fn is not None or mode in MODES, f"cyclic: mode must be one of {MODES}", mode)  # cyclic.21
    require(finite(gamma), "cyclic: gamma must be finite and >= 0", gamma)  # cyclic.22
    require(scale_mode in SCALES, f"cyclic: scale_mode must be one of {SCALES}", scale_mode)  # cyclic.23
    require(each(share, base_momentum), "cyclic: base_momentum must be in [0, 1]", base_momentum)  # cyclic.24
    require(each(share, max_momentum), "cyclic: max_momentum must be in [0, 1]", max_momentum)  # cyclic.25


def rate(t: int, _: Any, *, base_lr: Any, max_lr: Any, **options: Any) -> Any:
    return base_lr + (max_lr - base_lr) * height(t, **options)  # cyclic.1


def momentum(t: int, *, base_momentum: Any, max_momentum: Any, **options: Any) -> Any:
    return max_momentum - (max_momentum - base_momentum) * height(t, **options)  # cyclic.11


def height(
    t: int,
    *,
    step_size_up: int,
    step_size_down: int | None,
    mode: str,
    gamma: Any,
    scale_fn: Callable[[int], Any] | None,
    scale_mode: str,
    **_: Any,
) -> Any:
    down = step_size_up if step_size_down is None else step_size_down  # cyclic.5
    total = step_size_up + down
    cycle = 1 + t // total
    x = 1 + real(float(t)) / total - cycle
    h = x * total / step_size_up if t % total <= step_size_up else (1 - x) * total / down  # cyclic.4
    if scale_fn is not None:
        return h * scale_fn(cycle if scale_mode == "cycle" else t)  # cyclic.9
    if mode == "triangular":
        return h
    return h * (2.0 ** (1 - cycle) if mode == "triangular2" else gamma**t)  # cyclic.7 cyclic.8
