"""one_cycle: spec/schedulers/one_cycle.md.

The rate rises once and falls to almost nothing while the momentum falls and rises (Smith and Topin 2018).
"""

import math
from collections.abc import Sequence
from typing import Any

from torchstone.reference.checks import require
from torchstone.reference.scheduler import cos, each, finite, real, share, whole

EACH = ("max_lr", "base_momentum", "max_momentum")
SETS = True


def check(
    *,
    max_lr: float | Sequence[float],
    total_steps: int | None = None,
    epochs: int | None = None,
    steps_per_epoch: int | None = None,
    pct_start: float = 0.3,
    anneal_strategy: str = "cos",
    cycle_momentum: bool = True,
    base_momentum: float | Sequence[float] = 0.85,
    max_momentum: float | Sequence[float] = 0.95,
    div_factor: float = 25.0,
    final_div_factor: float = 10000.0,
    three_phase: bool = False,
) -> None:
    if total_steps is None:
        counted = all(count is not None and whole(count, 1) for count in (epochs, steps_per_epoch))
        rule = "one_cycle: without total_steps, epochs and steps_per_epoch must be whole and >= 1"
        require(counted, rule, (epochs, steps_per_epoch))  # one_cycle.20
    else:
        require(whole(total_steps, 1), "one_cycle: total_steps must be whole and >= 1", total_steps)  # one_cycle.19
    require(share(pct_start), "one_cycle: pct_start must be in [0, 1]", pct_start)  # one_cycle.21
    known = anneal_strategy in ("cos", "linear")
    require(known, "one_cycle: anneal_strategy must be cos or linear", anneal_strategy)  # one_cycle.22
    require(each(finite, max_lr), "one_cycle: max_lr must be finite and >= 0", max_lr)  # one_cycle.23
    require(0 < div_factor < math.inf, "one_cycle: div_factor must be finite and > 0", div_factor)  # one_cycle.24
    final = 0 < final_div_factor < math.inf
    require(final, "one_cycle: final_div_factor must be finite and > 0", final_div_factor)  # one_cycle.25
    require(each(share, base_momentum), "one_cycle: base_momentum must be in [0, 1]", base_momentum)  # one_cycle.26
    require(each(share, max_momentum), "one_cycle: max_momentum must be in [0, 1]", max_momentum)  # one_cycle.27


def rate(t: int, _: Any, *, max_lr: Any, div_factor: Any, final_div_factor: Any, **options: Any) -> Any:
    first = max_lr / div_factor  # one_cycle.3
    last = first / final_div_factor  # one_cycle.5
    return annealed(t, (first, max_lr), (max_lr, first), last, **options)


def momentum(t: int, *, base_momentum: Any, max_momentum: Any, **options: Any) -> Any:
    down, up = (max_momentum, base_momentum), (base_momentum, max_momentum)
    return annealed(t, down, up, max_momentum, **options)  # one_cycle.14 one_cycle.15


def annealed(
    t: int,
    first: tuple[Any, Any],
    second: tuple[Any, Any],
    last: Any,
    *,
    total_steps: int | None,
    epochs: Any,
    steps_per_epoch: Any,
    pct_start: Any,
    anneal_strategy: str,
    three_phase: bool,
    **_: Any,
) -> Any:
    total = total_steps or epochs * steps_per_epoch  # one_cycle.7 one_cycle.8
    require(t <= total, "one_cycle: a step must not go beyond total_steps", t)  # one_cycle.11
    t = min(t, total - 1)  # one_cycle.10
    top, end = float(pct_start) * total - 1, total - 1.0
    phases: list[tuple[float, float, Any, Any]] = [(0.0, top, *first)]
    if three_phase:
        phases += [(top, 2 * top, *second), (2 * top, end, second[1], last)]
    else:
        phases += [(top, end, second[0], last)]
    lasting = [phase for phase in phases[:-1] if phase[0] < phase[1] and t <= phase[1]]  # one_cycle.12 one_cycle.13
    start, end, v, w = [*lasting, phases[-1]][0]
    x = real(float(t - start)) / (end - start) if start < end else 0.0
    if anneal_strategy == "linear":
        return v + (w - v) * x  # one_cycle.2
    return w + (v - w) * (1 + cos(real(math.pi) * x)) / 2  # one_cycle.1
