"""The reference playing as a backend: every component in the program's own dtype, with that dtype's honest rounding."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor

from torchstone import __version__
from torchstone.conformance import oracle
from torchstone.conformance.backend import Unsupported, Work
from torchstone.conformance.program import LossProgram, Minimize, OptimizerProgram, Program, ScheduleProgram, Step
from torchstone.conformance.trace import Trace
from torchstone.conformance.training.loop import ReferenceTrainer
from torchstone.conformance.training.recipe import Recipe
from torchstone.conformance.training.trainer import Trainer
from torchstone.reference.loss import value_and_gradients
from torchstone.reference.optimizer import Optimizer
from torchstone.reference.precision import standing_for
from torchstone.reference.scheduler import Scheduler


class Reference:
    name = "reference"
    version = __version__

    def play(self, program: Program) -> Trace:
        return oracle.play(program, dtype=None)

    def prepare(self, program: Program) -> Work:
        if isinstance(program, LossProgram):
            return LossWork(program)
        if isinstance(program, OptimizerProgram):
            return OptimizerWork(program)
        if isinstance(program, ScheduleProgram):
            return ScheduleWork(program)
        raise Unsupported("the reference prepares losses, optimizers and schedulers")

    def trainer(self, recipe: Recipe, params: Sequence[Tensor]) -> Trainer:
        return ReferenceTrainer(recipe, params)


class LossWork:
    """A loss and its tensors."""

    def __init__(self, program: LossProgram) -> None:
        self.loss = oracle.Loss(program, None)
        self.work = partial(value_and_gradients, self.loss, self.loss.tensors, program.differentiate)
        self.precision = getattr(torch, program.dtype)

    def __call__(self) -> None:
        with standing_for(self.precision):
            self.value, self.gradients = self.work()

    def seen(self) -> dict[str, Tensor]:
        return {
            "value": self.value,
            **self.loss.beside,
            **{f"grad {name}": gradient for name, gradient in self.gradients.items()},
        }


class OptimizerWork:
    """An optimizer, and the gradients of its parameters or the function that it minimises."""

    def __init__(self, program: OptimizerProgram) -> None:
        groups = [([p.torch() for p in g.params], oracle.plain(g.options)) for g in program.groups]
        rule, options = oracle.rule("optimizers", program.component), oracle.plain(program.options)
        self.optimizer = Optimizer(rule, groups, **options)
        self.precision = getattr(torch, program.dtype)
        self.loss: Tensor | None = None
        self.step: Callable[[], Any]
        match program.events:
            case (Step(grads),):
                self.step = partial(self.optimizer.step, [None if grad is None else grad.torch() for grad in grads])
            case (Minimize(objective),):
                self.step = partial(self.optimizer.minimise, oracle.differentiated(objective))
            case _:
                raise Unsupported("one step is timed, with gradients or with a function")

    def __call__(self) -> None:
        with standing_for(self.precision), torch.no_grad():
            self.loss = self.step()

    def seen(self) -> dict[str, Tensor]:
        seen = {f"param {i}": param for i, param in enumerate(self.optimizer.params)}
        seen |= {f"average {i}": each for i, each in enumerate(self.optimizer.averages) if each is not None}
        return seen if self.loss is None else {"loss": self.loss.double(), **seen}


class ScheduleWork:
    """A scheduler, and the metric that it is given."""

    def __init__(self, program: ScheduleProgram) -> None:
        rule, options = oracle.rule("schedulers", program.component), oracle.plain(program.options)
        self.scheduler = Scheduler(rule, program.base_lrs, lrs=program.lrs, **options)
        (event,) = program.events
        self.metric = getattr(event, "metric", None)

    def __call__(self) -> None:
        self.scheduler.step(self.metric)

    def seen(self) -> dict[str, Tensor]:
        return {"lr": torch.tensor([float(lr) for lr in self.scheduler.lrs], dtype=torch.float64)}


def make() -> Reference:
    return Reference()
