"""What all schedulers share: spec/scheduler.md.

A scheduler is a module with `check(**options)`, which holds the defaults and refuses what is out of domain, and one of:
`rate(t, base_lr, **options)`, the learning rate after t steps in closed form; or, where the rate depends on what was
measured, `init(lrs, **options)` and `update(state, metric, lrs, **options)`, which returns the new rates and the new state.
"""

from collections.abc import Sequence
from types import ModuleType
from typing import Any

import torch
from torch import Tensor

from torchstone.reference.optimizer import defaults


def cos(x: float) -> Tensor:
    """The cosine in float64, as a tensor of no dimensions."""
    return torch.cos(torch.as_tensor(x, dtype=torch.float64))


class Scheduler:
    """The learning rates of the groups of one optimizer.

    `base_lrs` are the rates at t = 0. To resume, give the `lrs` in force and `last_epoch`, the last t that was finished.
    """

    def __init__(self, rule: ModuleType, base_lrs: Sequence[Any], *, lrs: Sequence[Any] | None = None, last_epoch: int = -1, **options: Any):
        self.rule = rule
        self.options = defaults(rule) | options
        rule.check(**self.options)  # scheduler.9
        self.base_lrs = list(base_lrs)
        self.lrs = list(base_lrs if lrs is None else lrs)
        self.t = last_epoch
        if hasattr(rule, "rate"):
            self.step()  # scheduler.2
        else:
            self.state = rule.init(self.lrs, **self.options)

    def step(self, metric: float | None = None) -> None:
        self.t += 1  # scheduler.1
        if hasattr(self.rule, "rate"):
            self.lrs = [self.rule.rate(self.t, base_lr, **self.options) for base_lr in self.base_lrs]  # scheduler.3
        else:
            self.lrs, self.state = self.rule.update(self.state, metric, self.lrs, **self.options)
