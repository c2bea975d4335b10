"""What all averages of weights share: spec/average.md.

A component is a module with `check(**options)`, which holds the defaults and refuses what is out of domain, and
`average(average, param, n, **options)`, the new average of one parameter after n >= 1 models.
"""

from collections.abc import Sequence
from types import ModuleType
from typing import Any

from torch import Tensor

from torchstone.reference.optimizer import defaults


class Averaged:
    """The averages of the parameters of a model, and its buffers. `update` changes no tensor in place."""

    def __init__(self, rule: ModuleType, params: Sequence[Tensor], buffers: Sequence[Tensor], **options: Any):
        self.options = {**defaults(rule), **options}
        rule.check(**self.options)
        self.rule = rule
        self.params, self.buffers, self.n = list(params), list(buffers), 0  # average.1

    def update(self, params: Sequence[Tensor], buffers: Sequence[Tensor]) -> None:
        self.params = self.averages(self.params, params)
        self.buffers = self.averages(self.buffers, buffers) if self.options["use_buffers"] else list(buffers)
        self.n += 1

    def averages(self, averages: Sequence[Tensor], tensors: Sequence[Tensor]) -> list[Tensor]:
        if self.n == 0:
            return list(tensors)  # average.2
        return [self.rule.average(a, p, self.n, **self.options) for a, p in zip(averages, tensors, strict=True)]
