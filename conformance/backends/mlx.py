"""mlx on its CPU device, the only one that has float64: its losses with their gradients, its optimizers, its schedules.

Every option goes to the argument of mlx that is documented as the same thing, with torch's value where a program gives
none. What mlx takes as an array, a learning rate or the step of a schedule, it is given in float64. What it has no
argument for is unsupported, unless its value means that nothing is to be done.
"""

import inspect
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from importlib.metadata import version
from typing import Any

import mlx.core as mx
import mlx.nn as nn
import mlx.optimizers as optim
import numpy as np
import torch
from mlx.nn import losses
from mlx.utils import tree_flatten, tree_unflatten

from torchstone.conformance.backend import Broken, UnknownBackend, Unsupported
from torchstone.conformance.program import (
    AddGroup,
    Gradient,
    Group,
    LossProgram,
    OptimizerProgram,
    Program,
    SaveAndReload,
    ScheduleProgram,
    SetOption,
    Step,
    TensorData,
)
from torchstone.conformance.trace import Entry, Refusal, Trace

Arrays = dict[str, mx.array]


def class_axis(input: mx.array, target: mx.array) -> int:
    """torch's axis of the classes, once it is known that mlx will find the classes that the target names."""
    axis: int = min(input.ndim - 1, 1)
    if target.ndim == input.ndim - 1 and mx.issubdtype(target.dtype, mx.integer):
        classes, count = np.array(target), input.shape[axis]
        if (classes == NOTHING["ignore_index"]).any():
            raise Unsupported("mlx has no class that is ignored")
        if ((classes < -count) | (classes >= count)).any():
            raise Broken("a class that does not exist must be refused, and mlx leaves the array to read or write it")
    return axis


def chosen(input: mx.array, dim: Any) -> Any:
    if dim is None:
        raise Unsupported("mlx has no rule that chooses an axis by the number of axes")
    if input.ndim == 0:
        raise Unsupported("mlx has no axis for an array without dimensions")
    return dim


def unrepeated(tensor: mx.array | None, whole: mx.array) -> mx.array | None:
    """A tensor with the shape of another, or with one that could not be repeated to it, which mlx refuses itself."""
    if tensor is not None and tensor.shape != whole.shape:
        with suppress(ValueError):
            np.broadcast_shapes(tensor.shape, whole.shape)
            raise Unsupported("mlx repeats no tensor to the shape of another in a loss")
    return tensor


def rate(number: Any) -> mx.array:
    """A learning rate, or a step of a schedule, as the array that mlx allows it to be."""
    return to_mlx(number) if isinstance(number, TensorData) else mx.array(number, dtype=mx.float64)


BETAS = (0.9, 0.999)

# What mlx has of each component, with torch's names and defaults on the left and mlx's names on the right.
COMPONENTS: dict[str, Callable[..., Any]] = {
    "l1": lambda input, target, reduction="mean": losses.l1_loss(
        unrepeated(input, target), target, reduction=reduction
    ),
    "mse": lambda input, target, reduction="mean": losses.mse_loss(
        unrepeated(input, target), target, reduction=reduction
    ),
    "nll": lambda input, target, reduction="mean": losses.nll_loss(
        input, target, axis=class_axis(input, target), reduction=reduction
    ),
    "cross_entropy": lambda input, target, label_smoothing=0.0, reduction="mean": losses.cross_entropy(
        input, target, axis=class_axis(input, target), label_smoothing=label_smoothing, reduction=reduction
    ),
    "bce": lambda input, target, weight=None, reduction="mean": losses.binary_cross_entropy(
        input, target, weights=unrepeated(weight, input), with_logits=False, reduction=reduction
    ),
    "bce_with_logits": lambda input, target, weight=None, reduction="mean": losses.binary_cross_entropy(
        input, target, weights=unrepeated(weight, input), with_logits=True, reduction=reduction
    ),
    "softmax": lambda input, dim=None: mx.softmax(input, axis=chosen(input, dim)),
    "log_softmax": lambda input, dim=None: nn.log_softmax(input, axis=chosen(input, dim)),
    # An optimizer is one of a single parameter group.
    "sgd": lambda lr=1e-3, momentum=0, dampening=0, weight_decay=0, nesterov=False: optim.SGD(
        rate(lr), momentum=momentum, dampening=dampening, weight_decay=weight_decay, nesterov=nesterov
    ),
    "adam": lambda lr=1e-3, betas=BETAS, eps=1e-8: optim.Adam(rate(lr), betas=betas, eps=eps, bias_correction=True),
    "adamw": lambda lr=1e-3, betas=BETAS, eps=1e-8, weight_decay=1e-2: optim.AdamW(
        rate(lr), betas=betas, eps=eps, weight_decay=weight_decay, bias_correction=True
    ),
    "rmsprop": lambda lr=1e-2, alpha=0.99, eps=1e-8: optim.RMSprop(rate(lr), alpha=alpha, eps=eps),
    # A schedule is a function of the step.
    "exponential": lambda base_lr, gamma: optim.exponential_decay(base_lr, gamma),
    "step": lambda base_lr, step_size, gamma=0.1: optim.step_decay(base_lr, gamma, step_size),
    "linear": lambda base_lr, start_factor=1 / 3, end_factor=1.0, total_iters=5: optim.linear_schedule(
        base_lr * start_factor, base_lr * end_factor, total_iters
    ),
    "cosine_annealing": lambda base_lr, T_max, eta_min=0.0: optim.cosine_decay(base_lr, T_max, end=eta_min),
}

# Options that are not on the left, with the values that ask for nothing.
NOTHING = {"size_average": None, "reduce": None, "weight": None, "pos_weight": None, "ignore_index": -100}
NOTHING |= {"maximize": False, "amsgrad": False, "centered": False, "decoupled_weight_decay": False}
NOTHING |= {"momentum": 0, "weight_decay": 0}


class Refused(Exception):
    """mlx raised one of the errors that stand for a bad argument."""


@contextmanager
def asking() -> Iterator[None]:
    """Around calls of mlx and little else, so that a mistake in this file is not taken for a refusal."""
    try:
        yield
    except (ValueError, TypeError, IndexError, RuntimeError) as error:
        raise Refused from error


def arguments(component: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """The options that mlx has, where it has a component and nothing else is asked for."""
    if component not in COMPONENTS:
        raise Unsupported(f"mlx has no {component}")
    known = inspect.signature(COMPONENTS[component]).parameters
    for name, value in options.items():
        if name not in known and not (name in NOTHING and value == NOTHING[name]):
            raise Unsupported(f"mlx's {component} has no {name}")
    return {name: value for name, value in options.items() if name in known}


def loss(program: LossProgram) -> Iterator[Arrays]:
    options = arguments(program.component, program.options)
    options = {name: to_mlx(value) if isinstance(value, TensorData) else value for name, value in options.items()}
    tensors = {name: to_mlx(data) for name, data in program.tensors.items()}
    inputs = [tensors[name] for name in program.differentiate]
    gradients: list[mx.array] = []

    def value_of(*inputs: mx.array) -> Any:
        given = tensors | dict(zip(program.differentiate, inputs, strict=True))
        return COMPONENTS[program.component](**given, **options)

    with asking():
        value = value_of(*inputs)
        if inputs:
            upstream = TensorData(program.dtype, tuple(value.shape), tuple(program.upstream_for(value.size)))
            gradients = mx.vjp(value_of, inputs, [to_mlx(upstream)])[1]
        mx.eval(value, gradients)  # some arguments are refused only now
    for name, tensor in tensors.items():
        unchanged(tensor, program.tensors[name], name)
    yield {"value": value} | {f"grad {name}": each for name, each in zip(program.differentiate, gradients, strict=True)}


def schedule(program: ScheduleProgram) -> Iterator[Arrays]:
    """The rates at t, t + 1, ...: to resume is to begin at another t, and t is all there is to save."""
    options = dict(program.options)
    t = options.pop("last_epoch", -1) + 1
    options = arguments(program.component, options)
    with asking():
        functions = [COMPONENTS[program.component](base_lr, **options) for base_lr in program.base_lrs]
    for event in (SaveAndReload(), *program.events):
        t += not isinstance(event, SaveAndReload)
        with asking():
            rates = [function(rate(t)) for function in functions]
        yield {"lr": mx.stack(rates)}


class Running:
    """The parameters of a group and their optimizer: mlx has no groups, `MultiOptimizer` has an optimizer for each."""

    def __init__(self, program: OptimizerProgram, group: Group) -> None:
        self.component = program.component
        self.options = arguments(program.component, {**program.options, **group.options})
        for name, value in self.options.items():
            numbers = value if isinstance(value, tuple) else (value,)
            if name != "lr" and any(isinstance(number, TensorData) for number in numbers):
                raise Unsupported(f"mlx takes no array for {name}")
        self.params = {f"param{i}": to_mlx(data) for i, data in enumerate(group.params)}
        self.optimizer = self.built()
        with asking():
            self.optimizer.init(self.params)

    def built(self) -> optim.Optimizer:
        with asking():
            return COMPONENTS[self.component](**self.options)

    def step(self, grads: Iterator[Gradient | None]) -> None:
        """A parameter without a gradient is left out of the tree of gradients."""
        given = {name: data for name, data in zip(self.params, grads, strict=False) if data is not None}
        gradients = {name: to_mlx(data) for name, data in given.items()}
        with asking():
            self.params |= self.optimizer.apply_gradients(gradients, self.params)
        for name, data in given.items():
            unchanged(gradients[name], data, "a gradient")

    def reload(self) -> None:
        saved = tree_flatten(self.optimizer.state)
        self.optimizer = self.built()
        self.optimizer.state = tree_unflatten(saved)


def trajectory(program: OptimizerProgram) -> Iterator[Arrays]:
    if not program.groups:
        with asking():
            optim.MultiOptimizer([])
    groups = [Running(program, group) for group in program.groups]
    for event in (None, *program.events):
        match event:
            case None:
                pass
            case Step(grads):
                rest = iter(grads)
                for group in groups:
                    group.step(rest)
            case SetOption(index, "lr", value):
                groups[index].optimizer.learning_rate = rate(value)
            case AddGroup(added):
                groups.append(Running(program, added))
            case SaveAndReload():
                for group in groups:
                    group.reload()
            case SetOption(_, name):
                raise Unsupported(f"mlx does not say that {name} may change while an optimizer runs")
            case _:
                raise Unsupported("mlx's optimizers take gradients and no closure")
        params = [param for group in groups for param in group.params.values()]
        yield {f"param {i}": param for i, param in enumerate(params)}


def to_mlx(data: Gradient) -> mx.array:
    values = data.torch()
    exact = values.float() if values.dtype is torch.bfloat16 else values  # numpy has no bfloat16
    return mx.array(exact.numpy(), dtype=getattr(mx, data.dtype, None))


def to_torch(array: mx.array) -> torch.Tensor:
    if array.dtype == mx.bfloat16:
        return to_torch(array.astype(mx.float32)).bfloat16()
    return torch.from_numpy(np.array(array))


def unchanged(now: mx.array, data: Gradient, name: str) -> None:
    if not torch.equal(to_torch(now).nan_to_num(nan=0.5), data.torch().nan_to_num(nan=0.5)):
        raise Broken(f"inputs must not be changed, and {name} was")


PLAYED: dict[type, Callable[[Any], Iterator[Arrays]]] = {
    LossProgram: loss,
    OptimizerProgram: trajectory,
    ScheduleProgram: schedule,
}


class Mlx:
    name = "mlx"
    version = version("mlx")

    def __init__(self) -> None:
        mx.set_default_device(mx.cpu)
        mx.disable_compile()  # it would call a C++ compiler, for seconds, for every new rank and dtype

    def play(self, program: Program) -> Trace:
        if type(program) not in PLAYED:
            raise Unsupported("mlx steps a schedule together with its optimizer and in no other way")
        outputs: list[Arrays] = []
        refusals: list[Entry] = []
        try:
            for arrays in PLAYED[type(program)](program):
                outputs.append(arrays)
        except Refused as refused:
            error = refused.__cause__
            refusals.append(Entry(refusal=Refusal(type(error).__name__, str(error))))
        mx.eval(outputs)  # whole trajectories at once
        entries = [Entry({name: to_torch(array) for name, array in arrays.items()}) for arrays in outputs]
        return Trace((*entries, *refusals))


def make(rest: str = "") -> Mlx:
    if rest:
        raise UnknownBackend(f"backend: mlx has no variants, got {rest!r}")
    return Mlx()
