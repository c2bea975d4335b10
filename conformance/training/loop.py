"""The training loop: stacks that start alike, see the same batches, and are timed and tested after every epoch."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from time import perf_counter
from typing import Protocol

import torch
from torch import Tensor

from torchstone.conformance.backend import Broken
from torchstone.conformance.training.network import forward
from torchstone.conformance.training.recipe import Recipe
from torchstone.conformance.training.trainer import LOSSES, OPTIMIZERS, Trainer

TEST_BATCH = 1000


class Stack(Protocol):
    """A network in training."""

    @property
    def params(self) -> Sequence[Tensor]: ...

    def step(self, images: Tensor, target: Tensor) -> Tensor:
        """Train on one batch; the mean loss of the batch before the step."""
        ...

    def loss(self, logits: Tensor, target: Tensor) -> float:
        """The mean loss of a batch, without training."""
        ...

    def end_epoch(self, metric: float) -> None: ...


class Builtin:
    """Torch's built-in loss, autograd and optimizer, in the loop that its tutorials print."""

    def __init__(self, recipe: Recipe, params: Sequence[Tensor]) -> None:
        self.params = [param.requires_grad_() for param in params]
        self.criterion = LOSSES[recipe.loss.component](**recipe.loss.options)
        self.optimizer = OPTIMIZERS[recipe.optimizer.component](self.params, **recipe.optimizer.options)

    def step(self, images: Tensor, target: Tensor) -> Tensor:
        self.optimizer.zero_grad()
        loss = self.criterion(forward(self.params, images), target)
        loss.backward()
        self.optimizer.step()
        return loss.detach()  # type: ignore[no-any-return]

    def loss(self, logits: Tensor, target: Tensor) -> float:
        return float(self.criterion(logits, target))

    def end_epoch(self, metric: float) -> None:
        pass


class Played:
    """A trainer's loss and optimizer around torch's forward and backward passes."""

    def __init__(self, recipe: Recipe, params: Sequence[Tensor], make: Callable[[Sequence[Tensor]], Trainer]) -> None:
        self.params: Sequence[Tensor] = params
        self.trainer = make(params)
        self.scheduled = recipe.scheduler is not None

    def step(self, images: Tensor, target: Tensor) -> Tensor:
        params = [param.detach().requires_grad_() for param in self.params]
        logits = forward(params, images)
        value, gradient = self.trainer.loss_and_gradient(logits.detach(), target)
        _like("the gradient of the loss", gradient, logits)
        self.params = self.trainer.step(torch.autograd.grad(logits, params, gradient))
        for before, after in zip(params, self.params, strict=True):
            _like("a parameter after the step", after, before)
        return value

    def loss(self, logits: Tensor, target: Tensor) -> float:
        return float(self.trainer.loss_and_gradient(logits, target)[0])

    def end_epoch(self, metric: float) -> None:
        if self.scheduled:
            self.trainer.schedule_step(metric)


def _like(what: str, found: Tensor, expected: Tensor) -> None:
    if not isinstance(found, Tensor) or found.shape != expected.shape or found.dtype != expected.dtype:
        got = f"{found.dtype} {tuple(found.shape)}" if isinstance(found, Tensor) else type(found).__name__
        raise Broken(f"training: {what} must be a tensor {expected.dtype} {tuple(expected.shape)}, got {got}")


@dataclass
class Curve:
    """How one stack did, epoch by epoch. Losses are means over samples; `right` tells the test images named rightly."""

    train_loss: list[float] = field(default_factory=list)
    test_loss: list[float] = field(default_factory=list)
    accuracy: list[float] = field(default_factory=list)
    seconds: float = 0.0  # of training, without the tests
    right: Tensor = field(default_factory=lambda: torch.zeros(0, dtype=torch.bool), repr=False)


def train_epoch(
    stack: Stack, images: Tensor, labels: Tensor, order: Tensor, batch: int, tick: Callable[[int], None]
) -> float:
    """One pass over the training images in the given order; the mean loss over samples."""
    total = torch.zeros((), dtype=torch.float64)
    for index in order.split(batch):
        total += stack.step(images[index], labels[index]) * len(index)
        tick(1)
    return float(total) / len(order)


def evaluate(stack: Stack, images: Tensor, labels: Tensor) -> tuple[float, Tensor]:
    """The mean loss over the test images, and which of them were named rightly."""
    total, right = 0.0, []
    with torch.no_grad():
        batches = [
            (forward(stack.params, some), target)
            for some, target in zip(images.split(TEST_BATCH), labels.split(TEST_BATCH), strict=True)
        ]
    for logits, target in batches:
        total += stack.loss(logits, target) * len(target)
        right.append(logits.argmax(1) == target)
    return total / len(labels), torch.cat(right)  # training.9


def play_epoch(
    stack: Stack,
    curve: Curve,
    train: tuple[Tensor, Tensor],
    test: tuple[Tensor, Tensor],
    order: Tensor,
    batch: int,
    tick: Callable[[int], None],
) -> None:
    """One epoch and its test, written to the curve."""
    start = perf_counter()
    curve.train_loss.append(train_epoch(stack, *train, order, batch, tick))
    curve.seconds += perf_counter() - start
    loss, curve.right = evaluate(stack, *test)
    stack.end_epoch(loss)
    curve.test_loss.append(loss)
    curve.accuracy.append(float(curve.right.double().mean()))
