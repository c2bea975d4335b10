"""How a backend takes part in a training run.

A backend may have a second method beside `play`, since a run of thousands of steps cannot be replayed from the start:

    trainer(recipe, params) -> Trainer

`recipe` names the loss, the optimizer and the scheduler with their options (`Recipe`); `params` are torch tensors that
the trainer may keep and change in place. It raises `Unsupported` for what it does not offer, the dtype of `params`
included. The network's own forward and backward passes are always torch's.
"""

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import torch
from torch import Tensor

from torchstone.conformance.backend import Backend, Unsupported, name_of
from torchstone.conformance.program import LossProgram, TensorData
from torchstone.conformance.training.recipe import Recipe

# The loss and its gradient for each parameter, where the parameters are now.
Objective = Callable[[Sequence[Tensor]], tuple[Tensor, Sequence[Tensor]]]


class Trainer(Protocol):
    """A loss, an optimizer and perhaps a scheduler that keep their state from step to step, in torch tensors.

    `loss_and_gradient` gives the mean loss of a batch and its gradient with respect to the logits; a trainer without
    this method has its loss played as programs. `step` takes a gradient for each parameter and returns all parameters
    after the step. `minimise` is asked in its place of an optimizer that evaluates the loss itself, as often as it
    likes: it takes a function of the parameters and returns them after the step. `schedule_step` ends an epoch; it is
    called only where the recipe has a scheduler.
    """

    def loss_and_gradient(self, logits: Tensor, target: Tensor) -> tuple[Tensor, Tensor]: ...

    def step(self, grads: Sequence[Tensor]) -> Sequence[Tensor]: ...

    def minimise(self, objective: Objective) -> Sequence[Tensor]: ...

    def schedule_step(self, metric: float) -> None: ...


class TorchTrainer:
    """Anything with torch's names: a callable loss, an optimizer with `param_groups`, a scheduler with `step`."""

    def __init__(self, loss: Callable[[Tensor, Tensor], Tensor], optimizer: Any, scheduler: Any = None) -> None:
        self.loss = loss
        self.optimizer = optimizer
        self.scheduler = scheduler

    @property
    def params(self) -> list[Tensor]:
        return [param for group in self.optimizer.param_groups for param in group["params"]]

    def loss_and_gradient(self, logits: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        logits = logits.detach().requires_grad_()
        value = self.loss(logits, target)
        (gradient,) = torch.autograd.grad(value, logits)
        return value.detach(), gradient

    def step(self, grads: Sequence[Tensor]) -> list[Tensor]:
        self._put(grads)
        self.optimizer.step()
        return self.params

    def minimise(self, objective: Objective) -> list[Tensor]:
        def closure() -> Tensor:
            value, grads = objective(self.params)
            self._put(grads)
            return value

        self.optimizer.step(closure)
        return self.params

    def schedule_step(self, metric: float) -> None:
        if type(self.scheduler).__name__ == "ReduceLROnPlateau":
            self.scheduler.step(metric)
        else:
            self.scheduler.step()

    def _put(self, grads: Sequence[Tensor]) -> None:
        for param, grad in zip(self.params, grads, strict=True):
            param.grad = grad


class ProgramLoss:
    """A trainer whose loss is played as programs, one a batch, by a backend that offers `step` alone."""

    def __init__(self, backend: Backend, recipe: Recipe, trainer: Any) -> None:
        self.backend = backend
        self.part = recipe.loss
        self.trainer = trainer

    def loss_and_gradient(self, logits: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        tensors = {"input": TensorData.of(logits), "target": TensorData.of(target)}
        trace = self.backend.play(LossProgram(self.part.component, self.part.options, tensors, ("input",)))
        if trace.refusal:
            raise ValueError(f"{trace.refusal.error}: {trace.refusal.message}")
        return trace.value, trace.grad("input")

    def step(self, grads: Sequence[Tensor]) -> Sequence[Tensor]:
        params: Sequence[Tensor] = self.trainer.step(grads)
        return params

    def minimise(self, objective: Objective) -> Sequence[Tensor]:
        params: Sequence[Tensor] = self.trainer.minimise(objective)
        return params

    def schedule_step(self, metric: float) -> None:
        self.trainer.schedule_step(metric)


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
