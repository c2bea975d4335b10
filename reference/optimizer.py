"""What all optimizers share: spec/optimizer.md.

A component is a module with three functions. `check(**options)` holds the defaults and refuses what is out of domain,
`init(param)` gives the state before the first step, and `update(param, grad, state, **options)` is one step of one
parameter: it returns the new parameter and the new state and changes neither argument.
"""

import inspect
from collections.abc import Mapping, Sequence
from types import ModuleType
from typing import Any

from torch import Tensor

from torchstone.reference.checks import require


def defaults(rule: ModuleType) -> dict[str, Any]:
    """The default of every option of a component, as its `check` states them."""
    return {name: option.default for name, option in inspect.signature(rule.check).parameters.items()}


class Group:
    """Parameters that share options, each with its state."""

    def __init__(self, rule: ModuleType, params: Sequence[Tensor], options: Mapping[str, Any]):
        rule.check(**options)  # optimizer.12
        self.options = dict(options)
        self.params = list(params)
        self.states = [rule.init(param) for param in self.params]  # optimizer.4


class Optimizer:
    """Groups of parameters, stepped by one component. `step` replaces the parameters and never changes a tensor in place."""

    def __init__(self, rule: ModuleType, groups: Sequence[tuple[Sequence[Tensor], Mapping[str, Any]]], **options: Any):
        require(len(groups) > 0, "optimizer: there must be at least one group", len(groups))
        self.rule = rule
        self.options = defaults(rule) | options
        rule.check(**self.options)
        self.groups: list[Group] = []
        for params, group_options in groups:
            self.add_group(params, group_options)

    def add_group(self, params: Sequence[Tensor], options: Mapping[str, Any]) -> None:
        self.groups.append(Group(self.rule, params, self.options | dict(options)))  # optimizer.1

    @property
    def params(self) -> list[Tensor]:
        return [param for group in self.groups for param in group.params]

    def step(self, grads: Sequence[Tensor | None]) -> None:
        """One step, given a gradient, or None, for each parameter in the order of the groups."""
        grads = iter(grads)
        for group in self.groups:
            for i, grad in zip(range(len(group.params)), grads, strict=False):
                if grad is not None:  # optimizer.3
                    group.params[i], group.states[i] = self.rule.update(group.params[i], grad, group.states[i], **group.options)
