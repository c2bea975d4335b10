"""What all schedulers share: spec/scheduler.md.

A scheduler is a module with `check(**options)`, which holds the defaults and refuses what is out of domain, and one of:
`rate(t, base_lr, **options)`, the learning rate after t steps in closed form; or, where the rate depends on what was
measured, `init(lrs, **options)` and `update(state, metric, lrs, **options)`, which returns the new rates and state.
`EACH` names the options that may list one value a group. A component that cycles the momentum of the optimizer too has
`momentum(t, **options)` beside `rate`.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from types import ModuleType
from typing import Any, NamedTuple

from torchstone.reference.checks import require
from torchstone.reference.optimizer import defaults
from torchstone.reference.precision import NUMBER


def real(x: Any) -> Any:
    """A float as what the reference computes with; anything else as it is, a number with its own arithmetic too."""
    return NUMBER.get()(x) if type(x) is float else x


def cos(x: Any) -> Any:
    """The cosine of a number that went through `real`."""
    return real(x).cos()


def whole(x: Any, at_least: int) -> bool:
    """Whether x is a whole number that is not too small. NaN and the infinities are not whole."""
    return bool(x >= at_least and x % 1 == 0)


def finite(x: Any) -> bool:
    """Whether x is a number >= 0 that is neither infinite nor NaN."""
    return bool(0 <= x < math.inf)


def of_group(rule: ModuleType, options: Mapping[str, Any], group: int) -> dict[str, Any]:
    """The options as one group has them: of those in `EACH` that list one value a group, its own."""

    def own(name: str, option: Any) -> Any:
        if isinstance(option, list | tuple) and name in getattr(rule, "EACH", ()):
            return real(option[group])
        if name == "schedulers":
            return [Part(part.rule, of_group(part.rule, part.options, group)) for part in option]
        return real(option)

    return {name: own(name, option) for name, option in options.items()}


def share(x: Any) -> bool:
    """Whether x is a number from 0 to 1. NaN is not."""
    return bool(0 <= x <= 1)


def each(ok: Callable[[Any], bool], value: Any) -> bool:
    """Whether a value is as it should be, or, where it lists several, all of them are."""
    return all(map(ok, value)) if isinstance(value, list | tuple) else ok(value)


class Part(NamedTuple):
    """A scheduler inside another: its component and its options."""

    rule: ModuleType
    options: Mapping[str, Any]

    def rate(self, t: int, base_lr: Any) -> Any:
        return self.rule.rate(t, base_lr, **self.options)


def parts(schedulers: Any) -> bool:
    """Whether these are one or more schedulers, all of them closed forms. Options out of domain are refused."""
    listed = isinstance(schedulers, list | tuple) and all(isinstance(part, Part) for part in schedulers)
    for part in schedulers if listed else ():
        part.rule.check(**part.options)
    return listed and len(schedulers) > 0 and all(hasattr(part.rule, "rate") for part in schedulers)


class Scheduler:
    """The learning rates of the groups of one optimizer.

    `base_lrs` are the rates before any schedule. To resume a closed form, give `last_epoch`, the last t that was
    finished; what depends on a metric starts from the `lrs` in force.
    """

    def __init__(
        self,
        rule: ModuleType,
        base_lrs: Sequence[Any],
        *,
        lrs: Sequence[Any] | None = None,
        last_epoch: int = -1,
        **options: Any,
    ):
        options = defaults(rule) | options
        closed = hasattr(rule, "rate")
        rule.check(**options)  # scheduler.18 scheduler.20
        for name in getattr(rule, "EACH", ()):
            listed = isinstance(options[name], list | tuple)
            one_each = not listed or len(options[name]) == len(base_lrs)  # scheduler.21 reduce_on_plateau.30
            require(one_each, f"scheduler: {name} must be one value, or one a group", options[name])
        require(whole(last_epoch, -1), "scheduler: last_epoch must be whole and >= -1", last_epoch)  # scheduler.19
        resumes = closed and getattr(rule, "RESUMES", True)
        require(resumes or last_epoch == -1, "scheduler: last_epoch is for a closed form", last_epoch)  # scheduler.20
        self.rule = rule
        self.options = {name: real(option) for name, option in options.items()}  # scheduler.11
        self.each = [of_group(rule, options, group) for group in range(len(base_lrs))]
        self.base_lrs = [real(lr) for lr in base_lrs]
        self.lrs = self.base_lrs if lrs is None else [real(lr) for lr in lrs]
        self.momenta: list[Any] = []  # where the component cycles the momentum: that of each group
        self.t: Any = last_epoch  # scheduler.15
        if closed:
            self.step()  # scheduler.1
        else:
            self.state = rule.init(self.lrs, **self.options)

    def step(self, metric: float | None = None, epoch: Any = None) -> None:
        self.t = self.t + 1 if epoch is None else epoch  # scheduler.2
        if hasattr(self.rule, "rate"):
            groups = zip(self.base_lrs, self.each, strict=True)
            self.lrs = [self.rule.rate(self.t, base_lr, **options) for base_lr, options in groups]  # scheduler.3
            if self.options.get("cycle_momentum"):
                self.momenta = [self.rule.momentum(self.t, **options) for options in self.each]
        else:
            self.lrs, self.state = self.rule.update(self.state, metric, self.lrs, **self.options)


def momentum_option(options: Mapping[str, Any], momentum: Any) -> dict[str, Any]:
    """The option of an optimizer that the cycled momentum is put into, with its new value."""
    known = "betas" in options or "momentum" in options
    require(known, "scheduler: to cycle the momentum an optimizer must have it, or betas", [*options])  # scheduler.22
    return {"betas": (momentum, *options["betas"][1:])} if "betas" in options else {"momentum": momentum}


def product(schedulers: Sequence[Scheduler], lrs: Sequence[Any] | None = None) -> list[Any]:
    """The rates of the groups of one optimizer that several factors drive, each at its own t, from the base rates."""
    lrs = schedulers[0].base_lrs if lrs is None else [real(lr) for lr in lrs]
    for scheduler in schedulers:
        groups = zip(lrs, scheduler.each, strict=True)
        lrs = [scheduler.rule.rate(scheduler.t, lr, **options) for lr, options in groups]  # scheduler.12
    return lrs


def in_force(schedulers: Sequence[Scheduler], stepped: Scheduler) -> list[Any]:
    """The rates after one of the schedulers of an optimizer was stepped: the product, where all are closed forms."""
    closed = all(hasattr(scheduler.rule, "rate") for scheduler in schedulers)
    return product(schedulers) if closed else stepped.lrs


def carry(schedulers: Sequence[Scheduler], group: int, lr: Any) -> None:
    """Let schedulers go on from a rate that something else gave to a group: from the base rate that leads to it."""
    if any(not hasattr(scheduler.rule, "rate") or getattr(scheduler.rule, "SETS", False) for scheduler in schedulers):
        return
    none, one = (product(schedulers, [base] * len(schedulers[0].base_lrs))[group] for base in (0.0, 1.0))
    if one != none:
        for scheduler in schedulers:
            scheduler.base_lrs[group] = (real(lr) - none) / (one - none)  # scheduler.13
