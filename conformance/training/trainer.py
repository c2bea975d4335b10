"""How a backend takes part in a training run.

A backend may have a second method beside `play`, since a run of thousands of steps cannot be replayed from the start:

    trainer(recipe, params) -> Trainer

`recipe` names the loss, the optimizer and the scheduler with their options (`Recipe`); `params` are torch tensors that
the trainer may keep and change in place. It raises `Unsupported` for what it does not offer, the dtype of `params`
included. The network's own forward and backward passes are always torch's.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Protocol

import torch
from torch import Tensor, nn, optim

from torchstone.conformance.backend import Backend, Unsupported, name_of
from torchstone.conformance.oracle import rule
from torchstone.conformance.program import LossProgram, TensorData
from torchstone.conformance.training.recipe import Recipe
from torchstone.reference.loss import value_and_gradients
from torchstone.reference.optimizer import Optimizer
from torchstone.reference.scheduler import Scheduler


class Trainer(Protocol):
    """A loss, an optimizer and perhaps a scheduler that keep their state from step to step, in torch tensors.

    `loss_and_gradient` gives the mean loss of a batch and its gradient with respect to the logits; a trainer without
    this method has its loss played as programs. `step` takes a gradient for each parameter and returns all parameters
    after the step. `schedule_step` ends an epoch; it is called only where the recipe has a scheduler.
    """

    def loss_and_gradient(self, logits: Tensor, target: Tensor) -> tuple[Tensor, Tensor]: ...

    def step(self, grads: Sequence[Tensor]) -> Sequence[Tensor]: ...

    def schedule_step(self, metric: float) -> None: ...


class TorchTrainer:
    """Anything with torch's names: a callable loss, an optimizer with `param_groups`, a scheduler with `step`."""

    def __init__(self, loss: Callable[[Tensor, Tensor], Tensor], optimizer: Any, scheduler: Any = None) -> None:
        self.loss = loss
        self.optimizer = optimizer
        self.scheduler = scheduler

    def loss_and_gradient(self, logits: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        logits = logits.detach().requires_grad_()
        value = self.loss(logits, target)
        (gradient,) = torch.autograd.grad(value, logits)
        return value.detach(), gradient

    def step(self, grads: Sequence[Tensor]) -> list[Tensor]:
        params = [param for group in self.optimizer.param_groups for param in group["params"]]
        for param, grad in zip(params, grads, strict=True):
            param.grad = grad
        self.optimizer.step()
        return params

    def schedule_step(self, metric: float) -> None:
        if type(self.scheduler).__name__ == "ReduceLROnPlateau":
            self.scheduler.step(metric)
        else:
            self.scheduler.step()


def torch_trainer(loss: Callable[[Tensor, Tensor], Tensor], optimizer: Any, scheduler: Any = None) -> Trainer:
    """The trainer of a namespace with torch's names: a loss module, an optimizer over the parameters, a scheduler."""
    return TorchTrainer(loss, optimizer, scheduler)


class ReferenceTrainer:
    """The reference components, in the dtype of the parameters."""

    def __init__(self, recipe: Recipe, params: Sequence[Tensor]) -> None:
        loss = recipe.loss
        self.loss = partial(getattr(rule("losses", loss.component), loss.component), **loss.options)
        self.optimizer = Optimizer(
            rule("optimizers", recipe.optimizer.component), [(params, {})], **recipe.optimizer.options
        )
        self.group = self.optimizer.groups[0]
        if recipe.scheduler:
            scheduler = rule("schedulers", recipe.scheduler.component)
            self.scheduler = Scheduler(scheduler, [self.group.options["lr"]], **recipe.scheduler.options)
            self.group.options["lr"] = self.scheduler.lrs[0]

    def loss_and_gradient(self, logits: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        value, gradients = value_and_gradients(self.loss, {"input": logits, "target": target}, ["input"])
        return value, gradients["input"]

    def step(self, grads: Sequence[Tensor]) -> list[Tensor]:
        with torch.no_grad():
            self.optimizer.step(grads)
        return self.optimizer.params

    def schedule_step(self, metric: float) -> None:
        self.scheduler.lrs = [self.group.options["lr"]]
        self.scheduler.step(metric)
        self.group.options["lr"] = self.scheduler.lrs[0]


class ProgramLoss:
    """A trainer whose loss is played as programs, one a batch, by a backend that offers `step` alone."""

    def __init__(self, backend: Backend, recipe: Recipe, trainer: Any) -> None:
        self.backend = backend
        self.part = recipe.loss
        self.trainer = trainer

    def loss_and_gradient(self, logits: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        tensors = {"input": _data(logits), "target": _data(target)}
        trace = self.backend.play(LossProgram(self.part.component, self.part.options, tensors, ("input",)))
        if trace.refusal:
            raise ValueError(f"{trace.refusal.error}: {trace.refusal.message}")
        return trace.value, trace.grad("input")

    def step(self, grads: Sequence[Tensor]) -> Sequence[Tensor]:
        params: Sequence[Tensor] = self.trainer.step(grads)
        return params

    def schedule_step(self, metric: float) -> None:
        self.trainer.schedule_step(metric)


def _data(tensor: Tensor) -> TensorData:
    dtype = str(tensor.dtype).removeprefix("torch.")
    return TensorData(dtype, tuple(tensor.shape), tuple(tensor.detach().reshape(-1).tolist()))


def trainer_of(backend: Backend, recipe: Recipe, params: Sequence[Tensor]) -> Trainer:
    """The backend's trainer, with its loss played as programs where the trainer has none."""
    make = getattr(backend, "trainer", None)
    if make is None:
        raise Unsupported(
            f"training: backend {name_of(backend)!r} plays programs only, and an optimizer keeps state over thousands "
            "of steps; give it a method trainer(recipe, params): see torchstone.conformance.training.trainer"
        )
    trainer: Trainer = make(recipe, params)
    return trainer if hasattr(trainer, "loss_and_gradient") else ProgramLoss(backend, recipe, trainer)


# What the built-in stack is made of.
LOSSES: dict[str, Any] = {"cross_entropy": nn.CrossEntropyLoss}
OPTIMIZERS: dict[str, Any] = {"sgd": optim.SGD}
