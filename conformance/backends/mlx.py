"""mlx on its CPU device, the only one that has float64: its losses with their gradients, its optimizers, its schedules.

They play programs, take part in training runs, and are timed. mlx computes nothing before it is asked to, so that a
program is evaluated when it is over, and a step of training or of a benchmark before it returns.

Every option goes to the argument of mlx that is documented as the same thing, with torch's value where a program gives
none. What mlx takes as an array, a learning rate or the step of a schedule, it is given in float64. What it has no
argument for is unsupported, unless its value means that nothing is to be done.
"""

import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from importlib.metadata import version
from itertools import cycle, islice
from typing import Any

import mlx.core as mx
import mlx.nn as nn
import mlx.optimizers as optim
import numpy as np
import torch
from mlx.nn import losses
from mlx.utils import tree_flatten, tree_unflatten
from torch import Tensor

from torchstone.conformance.backend import Broken, UnknownBackend, Unsupported, Work
from torchstone.conformance.program import (
    AddGroup,
    Group,
    LossProgram,
    OptimizerProgram,
    Options,
    Program,
    SaveAndReload,
    ScheduleProgram,
    ScheduleStep,
    SetOption,
    Step,
    TensorData,
)
from torchstone.conformance.trace import Entry, Refusal, Trace, same
from torchstone.conformance.training.recipe import Recipe

Arrays = dict[str, mx.array]


def class_axis(input: mx.array) -> int:
    """torch's axis of the classes."""
    axis: int = min(input.ndim - 1, 1)
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
    return to_mlx(number.torch()) if isinstance(number, TensorData) else mx.array(number, dtype=mx.float64)


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
        input, target, axis=class_axis(input), reduction=reduction
    ),
    "cross_entropy": lambda input, target, label_smoothing=0.0, reduction="mean": losses.cross_entropy(
        input, target, axis=class_axis(input), label_smoothing=label_smoothing, reduction=reduction
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
        raise Refused(f"{type(error).__name__}: {error}") from error


def arguments(component: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """The options that mlx has, where it has a component and nothing else is asked for."""
    if component not in COMPONENTS:
        raise Unsupported(f"mlx has no {component}")
    known = inspect.signature(COMPONENTS[component]).parameters
    for name, value in options.items():
        if name not in known and not (name in NOTHING and value == NOTHING[name]):
            raise Unsupported(f"mlx's {component} has no {name}")
    return {name: value for name, value in options.items() if name in known}


def known_classes(input: mx.array, target: mx.array) -> None:
    """Whether mlx will find the classes that a target names, which it does not ask itself."""
    if target.ndim == input.ndim - 1 and mx.issubdtype(target.dtype, mx.integer):
        classes, count = np.array(target), input.shape[class_axis(input)]
        if (classes == NOTHING["ignore_index"]).any():
            raise Unsupported("mlx has no class that is ignored")
        if ((classes < -count) | (classes >= count)).any():
            raise Broken("a class that does not exist must be refused, and mlx leaves the array to read or write it")


class Loss:
    """A loss of some tensors, with its gradients for those that `wrt` names; `upstream` is repeated over its value."""

    def __init__(
        self,
        component: str,
        options: Options,
        tensors: Mapping[str, Tensor],
        wrt: Sequence[str],
        upstream: Sequence[float] = (1.0,),
    ) -> None:
        self.options = {
            name: to_mlx(value.torch()) if isinstance(value, TensorData) else value
            for name, value in arguments(component, options).items()
        }
        self.function = COMPONENTS[component]
        self.tensors = {name: to_mlx(tensor) for name, tensor in tensors.items()}
        self.wrt = wrt
        if component in ("nll", "cross_entropy"):
            known_classes(self.tensors["input"], self.tensors["target"])
        self.inputs = [self.tensors[name] for name in wrt]
        self.arrays: Arrays = {}
        with asking():
            value = self.value(*self.inputs)
        numbers = torch.tensor([*islice(cycle(upstream), value.size)], dtype=next(iter(tensors.values())).dtype)
        self.upstream = to_mlx(numbers.reshape(value.shape))

    def value(self, *inputs: mx.array) -> Any:
        """The value, where these are in the places of the tensors that `wrt` names."""
        return self.function(**(self.tensors | dict(zip(self.wrt, inputs, strict=True))), **self.options)

    def __call__(self) -> Arrays:
        gradients: list[mx.array] = []
        with asking():
            if self.wrt:
                (value,), gradients = mx.vjp(self.value, self.inputs, [self.upstream])
            else:
                value = self.value()
            mx.eval(value, gradients)  # some arguments are refused only now
        grads = zip(self.wrt, gradients, strict=True)
        self.arrays = {"value": value} | {f"grad {name}": each for name, each in grads}
        return self.arrays


def loss(program: LossProgram) -> Iterator[Arrays]:
    given = {name: data.torch() for name, data in program.tensors.items()}
    own = Loss(program.component, program.options, given, program.differentiate, program.upstream)
    own()
    for name, tensor in own.tensors.items():
        unchanged(tensor, given[name], name)
    yield own.arrays


class Rates:
    """The rates of a schedule at t, t + 1, ...: to resume is to begin at another t, and t is all there is to save."""

    def __init__(self, component: str, options: Options, base_lrs: Sequence[float]) -> None:
        self.t = options.get("last_epoch", -1) + 1
        options = arguments(component, {name: value for name, value in options.items() if name != "last_epoch"})
        with asking():
            self.functions = [COMPONENTS[component](base_lr, **options) for base_lr in base_lrs]

    def now(self) -> Arrays:
        with asking():
            rates = [function(rate(self.t)) for function in self.functions]
        return {"lr": mx.stack(rates)}

    def step(self) -> Arrays:
        self.t += 1
        return self.now()


def schedule(program: ScheduleProgram) -> Iterator[Arrays]:
    rates = Rates(program.component, program.options, program.base_lrs)
    yield rates.now()
    for event in program.events:
        yield rates.now() if isinstance(event, SaveAndReload) else rates.step()


class Running:
    """The parameters of a group and their optimizer: mlx has no groups, `MultiOptimizer` has an optimizer for each."""

    def __init__(self, component: str, options: Options, params: Sequence[Tensor]) -> None:
        self.component = component
        self.options = arguments(component, options)
        for name, value in self.options.items():
            numbers = value if isinstance(value, tuple) else (value,)
            if name != "lr" and any(isinstance(number, TensorData) for number in numbers):
                raise Unsupported(f"mlx takes no array for {name}")
        self.params = {f"param{i}": to_mlx(param) for i, param in enumerate(params)}
        self.optimizer = self.built()
        with asking():
            self.optimizer.init(self.params)

    @classmethod
    def of(cls, program: OptimizerProgram, group: Group) -> "Running":
        options = {**program.options, **group.options}
        return cls(program.component, options, [param.torch() for param in group.params])

    def built(self) -> optim.Optimizer:
        with asking():
            return COMPONENTS[self.component](**self.options)

    def step(self, grads: Iterable[mx.array | None]) -> Any:
        """Make a step with the first of these gradients, and return all that is to be evaluated after it.

        A parameter without a gradient is left out of the tree of gradients.
        """
        given = {name: grad for name, grad in zip(self.params, grads, strict=False) if grad is not None}
        with asking():
            self.params |= self.optimizer.apply_gradients(given, self.params)
        return self.params, self.optimizer.state

    def reload(self) -> None:
        saved = tree_flatten(self.optimizer.state)
        self.optimizer = self.built()
        self.optimizer.state = tree_unflatten(saved)


def numbered(groups: Sequence[Running]) -> Arrays:
    """The parameters of all groups by their names in a trace."""
    params = [param for group in groups for param in group.params.values()]
    return {f"param {i}": param for i, param in enumerate(params)}


def trajectory(program: OptimizerProgram) -> Iterator[Arrays]:
    if not program.groups:
        with asking():
            optim.MultiOptimizer([])
    groups = [Running.of(program, group) for group in program.groups]
    for event in (None, *program.events):
        match event:
            case None:
                pass
            case Step(grads):
                given = [None if data is None else to_mlx(data.torch()) for data in grads]
                rest = iter(given)
                for group in groups:
                    group.step(rest)
                for array, data in zip(given, grads, strict=True):
                    if array is not None and data is not None:
                        unchanged(array, data.torch(), "a gradient")
            case SetOption(index, "lr", value):
                groups[index].optimizer.learning_rate = rate(value)
            case AddGroup(added):
                groups.append(Running.of(program, added))
            case SaveAndReload():
                for group in groups:
                    group.reload()
            case SetOption(_, name):
                raise Unsupported(f"mlx does not say that {name} may change while an optimizer runs")
            case _:
                raise Unsupported("mlx's optimizers take gradients and no closure")
        yield numbered(groups)


class Training:
    """A loss, an optimizer and a schedule in a training run. What torch gives is copied, and so is what it gets."""

    def __init__(self, recipe: Recipe, params: Sequence[Tensor]) -> None:
        self.loss = recipe.loss
        arguments(self.loss.component, self.loss.options)  # that they are not to be had is said before the run
        self.group = Running(recipe.optimizer.component, recipe.optimizer.options, params)
        if recipe.scheduler is not None:
            base = self.group.optimizer.learning_rate.item()
            self.rates = Rates(recipe.scheduler.component, recipe.scheduler.options, [base])
            self.use(self.rates.now())

    def use(self, rates: Arrays) -> None:
        """A schedule is a function of the step and knows no optimizer; the rate of an optimizer can be set."""
        self.group.optimizer.learning_rate = rates["lr"][0]

    def loss_and_gradient(self, logits: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        loss = Loss(self.loss.component, self.loss.options, {"input": logits, "target": target}, ("input",))
        found = {name: to_torch(array) for name, array in loss().items()}
        return found["value"], found["grad input"]

    def step(self, grads: Sequence[Tensor]) -> list[Tensor]:
        mx.eval(self.group.step(map(to_mlx, grads)))
        return [to_torch(param) for param in self.group.params.values()]

    def schedule_step(self, metric: float) -> None:
        self.use(self.rates.step())


class Timed:
    """Work that is done when all that is new in it is evaluated, and the arrays that are there then."""

    def __init__(self, work: Callable[[], Any], arrays: Callable[[], Arrays]) -> None:
        self.work = work
        self.arrays = arrays

    def __call__(self) -> None:
        mx.eval(self.work())

    def seen(self) -> dict[str, Tensor]:
        return {name: to_torch(array) for name, array in self.arrays().items()}


def to_mlx(values: Tensor) -> mx.array:
    exact = values.float() if values.dtype is torch.bfloat16 else values  # numpy has no bfloat16
    dtype = str(values.dtype).removeprefix("torch.")
    return mx.array(exact.numpy(), dtype=getattr(mx, dtype, None))


def to_torch(array: mx.array) -> Tensor:
    if array.dtype == mx.bfloat16:
        return to_torch(array.astype(mx.float32)).bfloat16()
    return torch.from_numpy(np.array(array))


def unchanged(now: mx.array, before: Tensor, name: str) -> None:
    if not same(to_torch(now), before):
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
            raise Unsupported(
                "mlx asks a schedule at every step of its optimizer, and leaves other times to whoever trains"
            )
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

    def prepare(self, program: Program) -> Work:
        match program:
            case LossProgram(component, options, tensors, wrt, upstream):
                given = {name: data.torch() for name, data in tensors.items()}
                own = Loss(component, options, given, wrt, upstream)
                return Timed(own, lambda: own.arrays)
            case OptimizerProgram(groups=(only,), events=(Step(grads),)):
                group = Running.of(program, only)
                arrays = [None if data is None else to_mlx(data.torch()) for data in grads]
                return Timed(lambda: group.step(arrays), lambda: numbered([group]))
            case ScheduleProgram(component, options, base_lrs, events=(ScheduleStep(),)):
                rates = Rates(component, options, base_lrs)
                return Timed(rates.step, rates.now)
        raise Unsupported("mlx is timed in a loss, in a step of one group with gradients, and in a step of a schedule")

    def trainer(self, recipe: Recipe, params: Sequence[Tensor]) -> Training:
        return Training(recipe, params)


def make(rest: str = "") -> Mlx:
    if rest:
        raise UnknownBackend(f"backend: mlx has no variants, got {rest!r}")
    return Mlx()
