"""The reference in torch's clothes: classes with torch's names and signatures over the functions of the spec.

    from torchstone.reference.torch_api import Adam, CosineAnnealingLR, CrossEntropyLoss

trains an existing script on the reference, one plain operation at a time under a debugger. What is computed is in the
modules of the components; here are only parameter groups, closures, state dictionaries and the rates of schedulers.
Signatures are read off torch's own classes. `foreach`, `fused` and `capturable` choose an implementation of torch's and
are ignored; `differentiable` is not offered.
"""

import functools
import importlib
import inspect
import pkgutil
import re
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any, ClassVar, NamedTuple

import torch
from torch import Tensor, nn, optim
from torch.optim import lr_scheduler, swa_utils

from torchstone import __version__ as __version__
from torchstone.reference import loss as losses
from torchstone.reference.checks import require
from torchstone.reference.optimizer import check, defaults, flat, minimises
from torchstone.reference.scheduler import Part, Scheduler, carry, in_force, momentum_option

SHOWN = {"average": "ax"}  # torch's names for what can be seen of a state
IGNORED = ("foreach", "fused", "capturable")
PLACED = ("device", "dtype", "options")  # where the parameters of a loss lie, and how torch computes it


def given(torch_class: Callable[..., Any], *args: Any, **options: Any) -> dict[str, Any]:
    """What a constructor was given, by torch's names."""
    return dict(inspect.signature(torch_class).bind(*args, **options).arguments)


def plain(option: Any) -> Any:
    """An option without tensors: numbers have no dtype that a parameter could take on from them."""
    if isinstance(option, list | tuple):
        return tuple(map(plain, option))
    return option.item() if isinstance(option, Tensor) else option


class Loss(nn.Module):
    """A loss as a module. Options that are tensors, such as class weights, are buffers and move with it; parameters of
    its own are those that torch's class makes."""

    torch_class: ClassVar[type]
    rule: ClassVar[Callable[..., Tensor]]

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__()
        named = given(self.torch_class, *args, **options)
        if "size_average" in named or "reduce" in named:
            flags = named.pop("size_average", None), named.pop("reduce", None)
            named["reduction"] = losses.legacy_reduction(*flags, named.get("reduction", "mean"))
        self.tensors = [name for name, value in named.items() if isinstance(value, Tensor)]
        for name in self.tensors:
            self.register_buffer(name, named.pop(name))
        self.options = {name: value for name, value in named.items() if name not in PLACED}
        if "parameters" in inspect.signature(self.rule).parameters:
            # torch's class may divide by an option before anything refuses it.
            if check := getattr(inspect.getmodule(self.rule), "check", None):
                check(**{**(self.rule.__kwdefaults__ or {}), **self.options})
            for name, module in self.torch_class(*args, **options).named_children():
                self.add_module(name, module)

    def forward(self, *tensors: Tensor) -> Any:
        own = dict(self.named_parameters())
        buffers = {name: getattr(self, name) for name in self.tensors}
        return type(self).rule(*tensors, *([own] if own else []), **self.options, **buffers)


class Said(NamedTuple):
    """What a loss says that gives the log probability of each target too."""

    output: Tensor
    loss: Tensor


class Distribution(Loss):
    """A loss that knows the log probability of every class."""

    every: ClassVar[Callable[..., Tensor]]

    def forward(self, *tensors: Tensor) -> Said:
        found = super().forward(*tensors)
        return Said(found.output, found.loss)

    def log_prob(self, input: Tensor) -> Tensor:
        return type(self).every(input, dict(self.named_parameters()), **self.options)

    def predict(self, input: Tensor) -> Tensor:
        return self.log_prob(input).argmax(1)


class Optimizer(optim.Optimizer):
    """An optimizer whose parameters change in place, as torch's do, by what the reference returns."""

    torch_class: ClassVar[type]
    rule: ClassVar[ModuleType]

    def __init__(self, *args: Any, **options: Any) -> None:
        named = given(self.torch_class, *args, **options)
        params = named.pop("params")
        own = {name: value for name, value in named.items() if name not in IGNORED}
        check(self.rule, {**defaults(self.rule), **own})
        super().__init__(params, {**defaults(self.rule), **own})

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        check(self.rule, {name: param_group.get(name, self.defaults[name]) for name in defaults(self.rule)})
        alone = not (self.param_groups and minimises(self.rule))
        require(alone, "optimizer: a component that minimises has one group", len(self.param_groups) + 1)
        super().add_param_group(param_group)
        for param in self.param_groups[-1]["params"]:
            self.rule.init(param.detach())  # which refuses, now and not at the first step, what is no parameter for it

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        if minimises(self.rule):
            return self.minimise(closure)
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            options = {name: plain(group[name]) for name in defaults(self.rule)}
            for param in group["params"]:
                if param.grad is not None:
                    kept = self.state[param]
                    state = self.rule.State(*kept.values()) if kept else self.rule.init(param.detach())
                    moved, state = self.rule.update(param.detach(), param.grad.clone(), state, **options)
                    param.copy_(moved)
                    self.state[param] = {SHOWN.get(name, name): value for name, value in state._asdict().items()}
        return loss

    def minimise(self, closure: Callable[[], Any] | None) -> Any:
        """One step of a component that evaluates the closure itself; the state is that of the first parameter."""
        require(closure is not None, "optimizer: a component that minimises needs a closure", closure)
        (group,) = self.param_groups
        params: list[Tensor] = group["params"]
        found: list[Any] = []

        def objective(x: Tensor) -> tuple[Tensor, Tensor]:
            place(x)
            with torch.enable_grad():
                found.append(closure())  # type: ignore[misc]
            grads = [torch.zeros_like(param) if param.grad is None else param.grad.to_dense() for param in params]
            return torch.as_tensor(found[-1]).detach(), flat(grads)

        def place(x: Tensor) -> None:
            for param, part in zip(params, x.split([param.numel() for param in params]), strict=True):
                param.copy_(part.view(param.shape))

        options = {name: plain(group[name]) for name in defaults(self.rule)}
        x, kept = flat([param.detach() for param in params]), self.state[params[0]]
        state = self.rule.State(*kept.values()) if kept else self.rule.init(x)
        x, state, _ = self.rule.update(x, objective, state, **options)
        place(x)
        self.state[params[0]] = state._asdict()
        return found[0]


class Schedule(lr_scheduler.LRScheduler):
    """A schedule over an optimizer, torch's or the reference's. Only its type is torch's, and nothing of its code."""

    torch_class: ClassVar[type]
    rule: ClassVar[ModuleType]
    written: list[float]  # the rates that were last put into the groups: others come from outside

    def __init__(self, *args: Any, **options: Any) -> None:
        named = given(self.torch_class, *args, **options)
        inside = named.get("schedulers", [])
        self.optimizer = named.pop("optimizer", None) or inside[0].optimizer
        groups = self.optimizer.param_groups
        base_lrs = [first(group) for group in groups]
        if inside:
            named["schedulers"] = [Part(own.rule, own.schedule.options) for own in inside]
        lrs = [group["lr"] for group in groups]
        self.schedule = Scheduler(self.rule, [float(lr) for lr in base_lrs], lrs=[float(lr) for lr in lrs], **named)
        self.driving[:] = [*(own for own in self.driving if own not in inside), self]
        self.write()

    @property
    def driving(self) -> list["Schedule"]:
        """All schedules of the optimizer, which keeps them, in the order in which they were made."""
        found: list[Schedule] = vars(self.optimizer).setdefault("driven_by", [])
        return found

    @property
    def last_epoch(self) -> Any:  # type: ignore[override]
        return self.schedule.t

    @property
    def base_lrs(self) -> list[float]:  # type: ignore[override]
        return [float(lr) for lr in self.schedule.base_lrs]

    def step(self, value: Any = None, *, metrics: Any = None, epoch: Any = None) -> None:  # type: ignore[override]
        """One step; `value` is the metric where the component takes one, and otherwise the epoch."""
        for i, (lr, written) in enumerate(zip(self.get_last_lr(), self.written, strict=False)):
            if lr != written:
                carry([own.schedule for own in self.driving], i, lr)
        if hasattr(self.rule, "rate"):
            self.schedule.step(None, value if epoch is None else epoch)
        else:
            self.schedule.lrs = self.get_last_lr()
            self.schedule.step(float(value if metrics is None else metrics))
        self.write()

    def write(self) -> None:
        """Put the rates in force into the groups, and the momenta where they are cycled."""
        groups = self.optimizer.param_groups
        lrs = in_force([own.schedule for own in self.driving], self.schedule)
        for group, lr in zip(groups, lrs, strict=False):
            group["lr"] = torch.full_like(group["lr"], float(lr)) if isinstance(group["lr"], Tensor) else float(lr)
        for group, cycled in zip(groups, self.schedule.momenta, strict=False):
            group.update(momentum_option(group, float(cycled)))
        for own in self.driving:
            own.written = self.get_last_lr()

    def get_last_lr(self) -> list[float]:  # type: ignore[override]
        return [float(group["lr"]) for group in self.optimizer.param_groups]

    def state_dict(self) -> dict[str, Any]:
        state = getattr(self.schedule, "state", None)
        return {
            "last_epoch": self.last_epoch,
            "base_lrs": self.base_lrs,
            "written": self.written,
            "state": state and tuple(state),
        }

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        self.schedule.t, self.schedule.base_lrs = state_dict["last_epoch"], list(state_dict["base_lrs"])
        self.written = list(state_dict["written"])
        if state_dict["state"] is not None:
            self.schedule.state = self.rule.State(*state_dict["state"])


def clipping(torch_function: Callable[..., Any], rule: ModuleType) -> Callable[..., Any]:
    """A function that changes the gradients of parameters in place."""

    def clip(*args: Any, **options: Any) -> Any:
        named = given(torch_function, *args, **options)
        params = named.pop("parameters")
        params = [params] if isinstance(params, Tensor) else list(params)
        grads = [param.grad for param in params if param.grad is not None]
        own = {**defaults(rule), **{name: value for name, value in named.items() if name not in IGNORED}}
        rule.check(**own)
        norm, changed = rule.clip([grad.detach() for grad in grads], **own)
        for grad, new in zip(grads, changed, strict=True):
            grad.detach().copy_(new)
        return norm

    return clip


def averaging(torch_function: Callable[..., Any], rule: ModuleType) -> Callable[..., Any]:
    """A function that makes the function by which a model is averaged."""

    def make(*args: Any, **options: Any) -> Callable[[Tensor, Tensor, Any], Tensor]:
        own = {**defaults(rule), **given(torch_function, *args, **options)}
        rule.check(**own)
        return lambda average, param, n: rule.average(average, param, int(n), **own)

    return make


def first(group: dict[str, Any]) -> Any:
    """The rate a group had before any schedule, which the first schedule writes down."""
    lr = group["lr"]
    return group.setdefault("initial_lr", lr.detach().clone() if isinstance(lr, Tensor) else lr)


def key(name: str) -> str:
    """What a component's file name and its name in torch have in common."""
    return re.sub("lr|loss|scheduler|_", "", name.lower())


@functools.cache
def names() -> dict[str, Any]:
    """The class of every component, by torch's name for it."""
    found: dict[str, Any] = {}
    for kind, place, base in (
        ("losses", nn, Loss),
        ("optimizers", optim, Optimizer),
        ("schedulers", lr_scheduler, Schedule),
        ("schedulers", swa_utils, Schedule),
    ):
        package = importlib.import_module(f"torchstone.reference.{kind}")
        stems = {key(module.name): module.name for module in pkgutil.iter_modules(package.__path__)}
        for name, torch_class in vars(place).items():
            if inspect.isclass(torch_class) and key(name) in stems:
                found[name] = clothed(name, torch_class, base, f"{package.__name__}.{stems[key(name)]}")
    for kind, place, named, dressed in (
        ("gradients", nn.utils, "{}_", clipping),
        ("averages", swa_utils, "get_{}_avg_fn", averaging),
    ):
        package = importlib.import_module(f"torchstone.reference.{kind}")
        for module in pkgutil.iter_modules(package.__path__):
            rule, name = importlib.import_module(f"{package.__name__}.{module.name}"), named.format(module.name)
            found[name] = dressed(getattr(place, name), rule)
            found[name].__dict__.update(rule=rule, __signature__=inspect.signature(getattr(place, name)))
    return found


def clothed(name: str, torch_class: type, base: type, path: str) -> type:
    """A subclass of `base` with the signature of torch's class that computes by the module at `path`."""
    module = importlib.import_module(path)
    own: dict[str, Any] = {"rule": staticmethod(getattr(module, path.rpartition(".")[2])) if base is Loss else module}
    if hasattr(module, "log_prob"):
        base, own["every"] = Distribution, staticmethod(module.log_prob)
    own |= {
        "torch_class": torch_class,
        "__signature__": inspect.signature(torch_class),
        "__doc__": module.__doc__,
        "__module__": __name__,
    }
    return type(name, (base,), own)


__all__ = list(names())


def __getattr__(name: str) -> Any:
    if name not in names():
        raise AttributeError(f"torch_api: there is no component {name!r}")
    return names()[name]
