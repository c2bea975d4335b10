"""How a control is dressed: another computation in the clothes of a torch class.

The arguments are refused by the reference, and only what is computed from those that pass is the control's own.
"""

import functools
import inspect
from dataclasses import dataclass
from types import FunctionType, ModuleType, SimpleNamespace

import torch

from torchstone.reference import torch_api


@dataclass(frozen=True)
class Control:
    """A correct implementation of one component."""

    id: str
    component: str
    backend: object


def loss(id, name, compute):
    """A loss that computes its value by `compute`, which is given every argument by name."""
    base = getattr(torch_api, name)
    rule = base.rule

    @functools.wraps(rule)
    def checked(*tensors, **options):
        with torch.no_grad():
            rule(*(t.detach() if isinstance(t, torch.Tensor) else t for t in tensors), **options)
        bound = inspect.signature(rule).bind(*tensors, **options)
        bound.apply_defaults()
        return compute(**bound.arguments)

    return Control(id, name, SimpleNamespace(**{name: type(name, (base,), own(base, checked))}))


def own(base, rule):
    """What a loss has of its own. The layers of some are torch's, which are refused by an error of arithmetic."""

    def __init__(self, *args, **options):
        try:
            base.__init__(self, *args, **options)
        except ZeroDivisionError as error:
            raise ValueError(str(error)) from error

    return {"rule": staticmethod(rule), "__init__": __init__}


def in_double(rule):
    """The same computation in float64, and one rounding at the end."""

    def compute(**arguments):
        dtype = next(t.dtype for t in arguments.values() if isinstance(t, torch.Tensor) and t.is_floating_point())
        value = rule(**{name: doubled(argument) for name, argument in arguments.items()})
        return value.to(dtype) if isinstance(value, torch.Tensor) else type(value)(*(v.to(dtype) for v in value))

    return compute


def doubled(argument):
    if isinstance(argument, dict):
        return {name: doubled(value) for name, value in argument.items()}
    return argument.double() if isinstance(argument, torch.Tensor) and argument.is_floating_point() else argument


def module(original, **changes):
    """A component's module with some of its functions exchanged, in the others that call them too."""
    changed = ModuleType(original.__name__)
    vars(changed).update(vars(original))
    for name, function in vars(original).items():
        if isinstance(function, FunctionType) and function.__module__ == original.__name__:
            again = FunctionType(function.__code__, vars(changed), name, function.__defaults__, function.__closure__)
            again.__kwdefaults__ = function.__kwdefaults__
            again.__annotations__ = function.__annotations__
            setattr(changed, name, again)
    vars(changed).update(changes)
    return changed


def optimizer(id, name, **changes):
    """An optimizer whose rule has some functions of its own: `update` for one parameter, mostly."""
    base = getattr(torch_api, name)
    dressed = type(name, (base,), {"rule": module(base.rule, **changes)})
    return Control(id, name, SimpleNamespace(**{name: dressed}))


def scheduler(id, name, **changes):
    """A scheduler whose rule has some functions of its own: `rate` as a function of t, mostly."""
    base = getattr(torch_api, name)
    dressed = type(name, (base,), {"rule": module(base.rule, **changes)})
    optimizers = {"SGD": torch_api.SGD, "Adam": torch_api.Adam}
    return Control(id, name, SimpleNamespace(**{name: dressed}, **optimizers))
