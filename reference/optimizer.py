"""What all optimizers share: spec/optimizer.md.

A component is a module with three functions. `check(**options)` holds the defaults and refuses what is out of domain,
`init(param)` gives the state before the first step, and `update(param, grad, state, **options)` is one step of one
parameter: it returns the new parameter and the new state and changes neither argument.

A component that *minimises* evaluates the loss itself. Its `update` has an `objective` in place of `grad`, its `param`
is all parameters end to end in one vector, and it returns the loss too.
"""

import functools
import inspect
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType, ModuleType
from typing import Any

import torch
from torch import Tensor

from torchstone.reference.checks import require

Number = float | Tensor  # an option: a number, or a tensor of no dimensions that holds one


Objective = Callable[[Tensor], tuple[Tensor, Tensor]]  # of all parameters in one vector: the loss and its gradient


@functools.cache
def minimises(rule: ModuleType) -> bool:
    """Whether a component evaluates the loss itself, as often as it likes, and moves all parameters together."""
    return "objective" in inspect.signature(rule.update).parameters


@functools.cache
def defaults(rule: ModuleType) -> MappingProxyType[str, Any]:
    """The default of every option of a component, as its `check` states them."""
    parameters = inspect.signature(rule.check).parameters
    return MappingProxyType({name: option.default for name, option in parameters.items()})


def check(rule: ModuleType, options: Mapping[str, Any]) -> None:
    """Refuse an unknown option, a tensor that is not one number, and whatever the component refuses."""
    for name, value in options.items():
        require(name in defaults(rule), "optimizer: an option must be one of the component's", name)  # optimizer.27
        for number in value if isinstance(value, tuple) else (value,):
            single = not isinstance(number, Tensor) or number.numel() == 1
            require(single, f"optimizer: {name} must be a number or a tensor of one element", number)  # optimizer.26
    rule.check(**options)  # optimizer.23 optimizer.25


class Group:
    """Parameters that share options, each with its state."""

    def __init__(self, rule: ModuleType, params: Sequence[Tensor], options: Mapping[str, Any]):
        check(rule, options)  # optimizer.24
        self.options = dict(options)
        self.params = list(params)
        together = [flat(self.params)] if minimises(rule) else self.params
        self.states = [rule.init(param) for param in together]  # optimizer.8


class Optimizer:
    """Groups of parameters, stepped by one component. `step` replaces parameters and changes no tensor in place."""

    def __init__(self, rule: ModuleType, groups: Sequence[tuple[Sequence[Tensor], Mapping[str, Any]]], **options: Any):
        require(len(groups) > 0, "optimizer: there must be at least one group", len(groups))  # optimizer.28
        self.rule = rule
        self.options = defaults(rule) | options
        check(rule, self.options)
        self.groups: list[Group] = []
        for params, group_options in groups:
            self.add_group(params, group_options)

    def add_group(self, params: Sequence[Tensor], options: Mapping[str, Any]) -> None:
        known = {id(param) for param in self.params}
        distinct = {id(param) for param in params} - known
        require(len(distinct) == len(params), "optimizer: a parameter must be given once", len(params))  # optimizer.29
        alone = not (self.groups and minimises(self.rule))
        require(alone, "optimizer: a component that minimises has one group", len(self.groups) + 1)  # optimizer.31
        self.groups.append(Group(self.rule, params, self.options | dict(options)))  # optimizer.1

    @property
    def params(self) -> list[Tensor]:
        return [param for group in self.groups for param in group.params]

    @property
    def averages(self) -> list[Tensor | None]:
        """The average of each parameter, where its component keeps one and a step has begun it."""
        return [getattr(state, "average", None) for group in self.groups for state in group.states]

    def step(self, grads: Sequence[Tensor | None]) -> None:
        """One step, given a gradient, or None, for each parameter in the order of the groups."""
        require(not minimises(self.rule), "optimizer: a component that minimises needs a closure", None)  # optimizer.32
        rest = iter(grads)
        for group in self.groups:
            for i, grad in zip(range(len(group.params)), rest, strict=False):
                if grad is not None:  # optimizer.6
                    step = self.rule.update(group.params[i], grad, group.states[i], **group.options)  # optimizer.5
                    group.params[i], group.states[i] = step

    def minimise(self, objective: Objective) -> Tensor:
        """One step of a component that minimises, on its one group; returns the loss before it."""
        group = self.groups[0]
        first: Tensor
        moved, group.states[0], first = self.rule.update(
            flat(group.params), objective, group.states[0], **group.options
        )
        parts = moved.split([param.numel() for param in group.params])
        group.params = [part.view(param.shape) for part, param in zip(parts, group.params, strict=True)]
        return first


def flat(tensors: Sequence[Tensor]) -> Tensor:
    """Tensors end to end in one vector, each in row-major order."""
    return torch.cat([tensor.reshape(-1) for tensor in tensors] or [torch.zeros(0)])
