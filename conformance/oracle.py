"""How the reference plays a program: in float64 for the judge, with or without random rounding, or in a dtype of its
own."""

import dataclasses
import importlib
import math
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor

from torchstone.conformance.program import (
    AddGroup,
    Average,
    AverageProgram,
    Function,
    Gradient,
    GradientProgram,
    Group,
    LossProgram,
    Minimize,
    OptimizerProgram,
    Program,
    Schedule,
    ScheduleProgram,
    ScheduleStep,
    SetOption,
    Step,
    StepWithClosure,
    TensorData,
    TrainingProgram,
    is_float,
)
from torchstone.conformance.rounding import DOUBLE, Rounding, Scalar, scalar
from torchstone.conformance.trace import Entry, Refusal, Trace
from torchstone.reference import loss as losses
from torchstone.reference.average import Averaged
from torchstone.reference.optimizer import Objective, Optimizer, defaults, flat, minimises
from torchstone.reference.precision import numbers_as, standing_for
from torchstone.reference.scheduler import Part, Scheduler, carry, in_force, momentum_option

Lift = Callable[[float, float], Any]  # a number and the unit roundoff of what is computed from it


def play(program: Program, dtype: torch.dtype | None = torch.float64) -> Trace:
    """The reference's trace: in `dtype`, or in the program's own dtypes and layouts when it is None."""
    return _trace(program, dtype, lambda number, unit: number)


def play_rounded(program: Program, run: int) -> Trace:
    """The trace in float64 with the random rounding errors of the program's dtype; `run` chooses which."""
    rounding = Rounding(getattr(torch, program.dtype), run)

    def lift(number: float, unit: float) -> Any:
        """Numbers are computed with in float64, unless they came as tensors of another dtype."""
        narrow = unit > DOUBLE
        return scalar(torch.tensor(number, dtype=torch.float64), unit) if narrow else Scalar(number, rounding)

    with rounding, numbers_as(lambda number: Scalar(number, rounding)):
        return _trace(program, torch.float64, lift, rounding)


def _trace(program: Program, dtype: torch.dtype | None, lift: Lift, rounding: Rounding | None = None) -> Trace:
    entries: list[Entry] = []
    steps: Iterator[dict[str, Tensor]]
    match program:
        case LossProgram():
            steps = _loss(program, dtype, bool(rounding and rounding.outwards))
        case GradientProgram():
            steps = _gradients(program, dtype, lift)
        case AverageProgram():
            steps = _averages(program, dtype, lift)
        case _:
            steps = _run(program, dtype, lift)
    try:
        with standing_for(getattr(torch, program.dtype)):
            for tensors in steps:
                entries.append(Entry(tensors, **(rounding.chosen() if rounding else {})))
    except ValueError as error:
        entries.append(Entry(refusal=Refusal(type(error).__name__, str(error))))
    return Trace(tuple(entries))


def rule(kind: str, component: str) -> Any:
    """The reference module of a component."""
    return importlib.import_module(f"torchstone.reference.{kind}.{component}")


def _tensor(data: Gradient, dtype: torch.dtype | None) -> Tensor:
    return data.torch(dtype if is_float(data.dtype) else None)


class Loss:
    """The loss of a program: a function of its `tensors` that gives the value, and keeps what the loss gives beside it.

    A loss with parameters of its own takes them as one mapping.
    """

    def __init__(self, program: LossProgram, dtype: torch.dtype | None) -> None:
        self.function = getattr(rule("losses", program.component), program.component)
        self.tensors = {name: _tensor(data, dtype) for name, data in program.tensors.items()}
        self.parameters = tuple(program.parameters)
        self.options: dict[str, Any] = {
            name: _tensor(value, dtype) if isinstance(value, TensorData) else value
            for name, value in program.options.items()
        }
        if "size_average" in self.options or "reduce" in self.options:
            flags = self.options.pop("size_average", None), self.options.pop("reduce", None)
            self.options["reduction"] = losses.legacy_reduction(*flags, self.options.get("reduction", "mean"))
        self.beside: dict[str, Tensor] = {}

    def __call__(self, **inputs: Tensor) -> Tensor:
        own = {"parameters": {name: inputs.pop(name) for name in self.parameters}} if self.parameters else {}
        found = self.function(**inputs, **own, **self.options)
        if isinstance(found, Tensor):
            return found
        self.beside = {name: tensor.detach() for name, tensor in found._asdict().items() if name != "loss"}
        value: Tensor = found.loss
        return value

    def first(self, upstream: list[float]) -> float:
        """What the chain rule begins with, for all elements: the size of the upstream gradient over a mean's count."""
        _, exponent = math.frexp(max(map(abs, upstream), default=1.0))
        options = {**(self.function.__kwdefaults__ or {}), **self.options}
        sizes = [tensor.numel() for tensor in self.tensors.values()]
        count = max(sizes, default=1) if options.get("reduction") == "mean" else 1
        return math.ldexp(1.0, exponent - 1) / max(1, count)


def _loss(program: LossProgram, dtype: torch.dtype | None, outwards: bool) -> Iterator[dict[str, Tensor]]:
    """The value and the gradients. `outwards`: what the chain rule begins with is multiplied last."""
    loss = Loss(program, dtype)
    last = 1.0

    def upstream(value: Tensor) -> Tensor:
        nonlocal last
        numbers = program.upstream_for(value.numel())
        given = torch.tensor(numbers, dtype=getattr(torch, program.dtype)).to(value.dtype).view(value.shape)
        if not outwards:
            return given
        last = loss.first(numbers)
        return given / last

    value, gradients = losses.value_and_gradients(loss, loss.tensors, program.differentiate, upstream)
    if outwards:
        gradients = {name: gradient * last for name, gradient in gradients.items()}
    yield {"value": value, **loss.beside, **{f"grad {name}": gradient for name, gradient in gradients.items()}}


def _gradients(program: GradientProgram, dtype: torch.dtype | None, lift: Lift) -> Iterator[dict[str, Tensor]]:
    """The gradients after a component changed them, and what it returns."""
    own = rule("gradients", program.component)
    options = {**defaults(own), **_options(program.options, lift)}
    own.check(**options)
    there = {i: _tensor(grad, dtype) for i, grad in enumerate(program.grads) if grad is not None}
    norm, changed = own.clip(list(there.values()), **options)
    yield ({} if norm is None else {"norm": norm}) | {f"grad {i}": grad for i, grad in zip(there, changed, strict=True)}


def _averages(program: AverageProgram, dtype: torch.dtype | None, lift: Lift) -> Iterator[dict[str, Tensor]]:
    """The averages at the start and after each event."""

    def tensors(given: tuple[TensorData, ...]) -> list[Tensor]:
        return [_tensor(data, dtype) for data in given]

    model = tensors(program.params), tensors(program.buffers)
    averaged = Averaged(rule("averages", program.component), *model, **_options(program.options, lift))
    for event in (None, *program.events):
        if isinstance(event, Average):
            averaged.update(tensors(event.params), tensors(event.buffers))
        seen = {f"average {i}": average for i, average in enumerate(averaged.params)}
        yield seen | {f"buffer {i}": buffer for i, buffer in enumerate(averaged.buffers)}


def _lifted(value: Any, lift: Lift) -> Any:
    """An option as the reference takes it: its numbers through `lift`, with the precision they are computed with."""
    if isinstance(value, TensorData):
        tensor = value.torch(torch.float64)
        return lift(tensor.item(), torch.finfo(getattr(torch, value.dtype)).eps / 2) if tensor.numel() == 1 else tensor
    if isinstance(value, tuple):
        return tuple(_lifted(item, lift) for item in value)
    if isinstance(value, Function):
        return dataclasses.replace(value, numbers=_lifted(value.numbers, lift))
    if isinstance(value, Schedule):
        own = rule("schedulers", value.component)
        return Part(own, defaults(own) | _options(value.options, lift))
    return lift(value, DOUBLE) if isinstance(value, float) else value


def plain(options: Any) -> dict[str, Any]:
    """Options as the reference takes them, with no rounding."""
    return _options(options, lambda number, unit: number)


def _options(options: Any, lift: Lift) -> dict[str, Any]:
    return {name: _lifted(value, lift) for name, value in options.items()}


def _run(
    program: OptimizerProgram | ScheduleProgram | TrainingProgram, dtype: torch.dtype | None, lift: Lift
) -> Iterator[dict[str, Tensor]]:
    """The entries of a program with events: after construction and after each event."""
    optimizer: Optimizer | None = None
    if not isinstance(program, ScheduleProgram):

        def group(given: Group) -> tuple[list[Tensor], dict[str, Any]]:
            return [_tensor(param, dtype) for param in given.params], _options(given.options, lift)

        optimizer = Optimizer(
            rule("optimizers", program.component), [group(g) for g in program.groups], **_options(program.options, lift)
        )
    schedulers = _schedulers(program, optimizer, lift)

    def seen(**more: float | Tensor) -> dict[str, Tensor]:
        tensors = {f"param {i}": param for i, param in enumerate(optimizer.params)} if optimizer else {}
        averages = optimizer.averages if optimizer else []
        tensors |= {f"average {i}": average for i, average in enumerate(averages) if average is not None}
        if schedulers:
            rates = [group.options["lr"] for group in optimizer.groups] if optimizer else schedulers[0].lrs
            tensors["lr"] = torch.tensor([float(lr) for lr in rates], dtype=torch.float64)
        momenta = next((scheduler.momenta for scheduler in schedulers if scheduler.momenta), None)
        if momenta:
            groups = [group.options for group in optimizer.groups] if optimizer else []
            found = [own["betas"][0] if "betas" in own else own["momentum"] for own in groups] or momenta
            tensors["momentum"] = torch.tensor([float(each) for each in found], dtype=torch.float64)
        return tensors | {name: torch.as_tensor(number, dtype=torch.float64) for name, number in more.items()}

    yield seen()
    for event in program.events:
        more: dict[str, float | Tensor] = {}
        match event:
            case Minimize(objective) if optimizer:
                more = {"loss": optimizer.minimise(differentiated(objective))}
            case StepWithClosure(grads, loss) if optimizer and minimises(optimizer.rule):
                more = {"loss": optimizer.minimise(_constant(loss, grads, optimizer.params, dtype))}
            case Step(grads) | StepWithClosure(grads) if optimizer:
                optimizer.step([None if grad is None else _tensor(grad, dtype) for grad in grads])
                if isinstance(event, StepWithClosure):
                    more = {"loss": event.loss}
            case SetOption(index, name, value) if optimizer:
                optimizer.groups[index].options[name] = _lifted(value, lift)
                if name == "lr" and schedulers:
                    carry(schedulers, index, optimizer.groups[index].options["lr"])
            case AddGroup(added) if optimizer:
                optimizer.add_group(*group(added))
            case ScheduleStep(metric, index, epoch):
                if optimizer:
                    schedulers[index].lrs = [group.options["lr"] for group in optimizer.groups]
                schedulers[index].step(metric, _lifted(epoch, lift))
                _write(schedulers, index, optimizer)
        yield seen(**more)


def differentiated(function: Callable[[Tensor], Tensor]) -> Objective:
    """A function of a vector with its gradient."""

    def objective(x: Tensor) -> tuple[Tensor, Tensor]:
        x = x.detach().requires_grad_()
        with torch.enable_grad():
            value = function(x)
        return value.detach(), torch.autograd.grad(value, x, materialize_grads=True)[0]

    return objective


def _constant(loss: float, grads: Any, params: list[Tensor], dtype: torch.dtype | None) -> Objective:
    """A closure that gives the same loss and gradients wherever it is called; None counts as zeros."""
    pairs = zip(grads, params, strict=True)
    gradient = flat([torch.zeros_like(param) if grad is None else _tensor(grad, dtype) for grad, param in pairs])
    return lambda x: (torch.tensor(loss, dtype=x.dtype), gradient)


def _schedulers(program: Any, optimizer: Optimizer | None, lift: Lift) -> list[Scheduler]:
    if isinstance(program, ScheduleProgram):
        lrs = None if program.lrs is None else [lift(lr, DOUBLE) for lr in program.lrs]
        base_lrs = [lift(lr, DOUBLE) for lr in program.base_lrs]
        return [Scheduler(rule("schedulers", program.component), base_lrs, lrs=lrs, **_options(program.options, lift))]
    if optimizer is None or not isinstance(program, TrainingProgram):
        return []
    base_lrs = [group.options["lr"] for group in optimizer.groups]
    schedulers: list[Scheduler] = []
    for index, schedule in enumerate(program.schedules):
        options = _options(schedule.options, lift)
        in_force = [group.options["lr"] for group in optimizer.groups]
        schedulers.append(Scheduler(rule("schedulers", schedule.component), base_lrs, lrs=in_force, **options))
        _write(schedulers, index, optimizer)
    return schedulers


def _write(schedulers: list[Scheduler], index: int, optimizer: Optimizer | None) -> None:
    """Put the rates in force after the scheduler `index` was stepped."""
    if optimizer is None:
        return
    for group, lr in zip(optimizer.groups, in_force(schedulers, schedulers[index]), strict=False):
        group.options["lr"] = lr
    for group, cycled in zip(optimizer.groups, schedulers[index].momenta, strict=False):
        group.options.update(momentum_option(group.options, cycled))
