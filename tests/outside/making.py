"""How a faulty implementation is made in a few lines: the reference, with one thing changed.

Whatever is not changed is right, so that nothing but the fault can give a mutant away.
"""

import functools
import inspect
from dataclasses import dataclass
from types import SimpleNamespace

import torch
from torch import nn
from torch.optim import swa_utils

from tests.controls.clothes import module, own
from torchstone.reference import torch_api


@dataclass(frozen=True)
class Mutant:
    """A faulty implementation of one component, and the axis along which it is faulty."""

    id: str
    component: str
    axis: str
    backend: object


class Makings:
    """Decorators that collect what they make; the name of what is decorated says what is wrong."""

    def __init__(self):
        self.mutants = []

    def add(self, fault, name, axis, **classes):
        said = fault.__name__.strip("_").replace("_", " ")
        self.mutants.append(Mutant(f"{name}: {said}", name, axis, SimpleNamespace(**classes)))

    def loss(self, name, axis):
        """`fault(right, a)`, where `a` has all arguments and `right(**changes)` is the reference on them."""
        base = getattr(torch_api, name)
        rule = base.rule

        def made(fault):
            @functools.wraps(rule)
            def faulty(*tensors, **options):
                bound = inspect.signature(rule).bind(*tensors, **options)
                bound.apply_defaults()
                given = bound.arguments
                return fault(lambda **changes: rule(**{**given, **changes}), SimpleNamespace(**given))

            self.add(fault, name, axis, **{name: type(name, (base,), own(base, faulty))})
            return fault

        return made

    def update(self, name, axis):
        """`fault(right, param, grad, state, o)`, where `right(param, grad, state, **o)` is the reference's update."""
        base = getattr(torch_api, name)

        def made(fault):
            @functools.wraps(base.rule.update)
            def update(param, grad, state, **options):
                return fault(base.rule.update, param, grad, state, options)

            self.add(fault, name, axis, **{name: type(name, (base,), {"rule": module(base.rule, update=update)})})
            return fault

        return made

    def rule(self, name, axis, **changes):
        """A component whose module has other functions; the docstring's place is taken by the fault's name."""
        base = getattr(torch_api, name)

        def made(fault):
            changed = module(base.rule, **(changes or fault(base.rule)))
            self.add(fault, name, axis, **{name: type(name, (base,), {"rule": changed})}, **beside(name))
            return fault

        return made

    def rate(self, name, axis):
        """`fault(right, t, base, o)`, where `right(t, base, **o)` is the reference's rate."""
        base = getattr(torch_api, name)

        def made(fault):
            def rate(t, start, /, **options):  # an option may be called base_lr
                return fault(base.rule.rate, t, start, options)

            dressed = type(name, (base,), {"rule": module(base.rule, rate=rate)})
            self.add(fault, name, axis, **{name: dressed}, **beside(name))
            return fault

        return made

    def whole(self, name, axis):
        """A class."""

        def made(fault):
            self.add(fault, name, axis, **{name: fault}, **beside(name))
            return fault

        return made

    def clip(self, name, axis):
        """`fault(right, grads, o)`, where `right(grads, **o)` gives the norm and the new gradients."""
        rule, original = getattr(torch_api, name).rule, getattr(nn.utils, name)

        def made(fault):
            changed = module(rule, clip=lambda grads, **options: fault(rule.clip, grads, options))
            clip = torch_api.clipping(original, changed)
            vars(clip).update(__signature__=inspect.signature(original))
            self.add(fault, name, axis, **{name: clip})
            return fault

        return made

    def average(self, name, axis, model=swa_utils.AveragedModel):
        """`fault(right, a, p, n, o)`, where `right(a, p, n, **o)` is the new average."""
        rule, original = getattr(torch_api, name).rule, getattr(swa_utils, name)

        def made(fault):
            changed = module(rule, average=lambda a, p, n, **options: fault(rule.average, a, p, n, options))
            make = torch_api.averaging(original, changed)
            vars(make).update(__signature__=inspect.signature(original))
            self.add(fault, name, axis, **{name: make}, AveragedModel=model)
            return fault

        return made


def beside(name):
    """What a scheduler needs beside it: every other one, and every optimizer."""
    if not name.endswith(("LR", "Restarts", "Plateau", "Scheduler")):
        return {}
    kinds = (torch_api.Schedule, torch_api.Optimizer)
    return {n: c for n, c in torch_api.names().items() if n != name and isinstance(c, type) and issubclass(c, kinds)}


class Slope(torch.autograd.Function):
    """A tensor as it is, whose gradient is changed on its way back."""

    @staticmethod
    def forward(ctx, x, change):
        ctx.change = change
        return x.clone()

    @staticmethod
    def backward(ctx, u):
        return ctx.change(u), None


class Straight(torch.autograd.Function):
    """The value of one tensor with the gradient of another."""

    @staticmethod
    def forward(ctx, other, value):
        return value.clone()

    @staticmethod
    def backward(ctx, u):
        return u, None


def slope(x, change):
    return Slope.apply(x, change)


def straight(value, other):
    return Straight.apply(other, value.detach())


def as_it_lies(x):
    """The numbers of a tensor in the order of its memory, taken for row after row."""
    if x.is_contiguous() or 0 in x.stride() or x.dim() < 2:
        return x
    order = sorted(range(x.dim()), key=lambda axis: -x.stride(axis))
    return x.permute(order).reshape(x.shape)


def options_of(rule, group):
    return {name: group[name] for name in torch_api.defaults(rule)}
