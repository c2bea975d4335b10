"""The training loop: stacks that start alike, see the same batches, and are timed and tested after every epoch."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from time import perf_counter
from typing import Protocol

import torch
from torch import Tensor

from torchstone.conformance.backend import Backend, Broken
from torchstone.conformance.backends.torch_like import TorchLike
from torchstone.conformance.oracle import rule
from torchstone.conformance.training.data import Dataset
from torchstone.conformance.training.network import Network, forward, initial
from torchstone.conformance.training.recipe import Recipe
from torchstone.conformance.training.trainer import TorchTrainer, Trainer, trainer_of
from torchstone.reference import torch_api
from torchstone.reference.optimizer import minimises

BUILTIN = TorchLike(torch, "torch", "torch")
REFERENCE = TorchLike(torch_api, "reference", torch_api.__name__)


class Stack(Protocol):
    """A network in training; `network` gives its logits, and may be put in its place by another."""

    network: Network

    @property
    def params(self) -> Sequence[Tensor]: ...

    def step(self, images: Tensor, target: Tensor) -> Tensor:
        """Train on one batch; the mean loss of the batch before the step."""
        ...

    def loss(self, logits: Tensor, target: Tensor) -> float:
        """The mean loss of a batch, without training."""
        ...

    def end_epoch(self, metric: float) -> None: ...


Make = Callable[[list[Tensor]], Stack]


class Builtin:
    """Torch's built-in loss, autograd and optimizer, in the loop that its tutorials print."""

    def __init__(self, recipe: Recipe, params: Sequence[Tensor]) -> None:
        self.trainer: TorchTrainer = BUILTIN.trainer(recipe, params)
        self.network: Network = forward

    @property
    def params(self) -> Sequence[Tensor]:
        return self.trainer.params

    def step(self, images: Tensor, target: Tensor) -> Tensor:
        first: list[Tensor] = []

        def closure() -> Tensor:
            self.trainer.optimizer.zero_grad()
            loss = self.trainer.loss(self.network(self.params, images), target)
            loss.backward()
            first.append(loss.detach())
            return loss

        self.trainer.optimizer.step(closure)
        return first[0]

    def loss(self, logits: Tensor, target: Tensor) -> float:
        return float(self.trainer.loss(logits, target))

    def end_epoch(self, metric: float) -> None:
        if self.trainer.scheduler is not None:
            self.trainer.schedule_step(metric)


class ReferenceTrainer(TorchTrainer):
    """The reference, in the dtype of the parameters, through its torch classes."""

    def __init__(self, recipe: Recipe, params: Sequence[Tensor]) -> None:
        own = REFERENCE.trainer(recipe, params)
        super().__init__(own.loss, own.optimizer, own.scheduler)


class Played:
    """A trainer's loss and optimizer around torch's forward and backward passes."""

    def __init__(self, recipe: Recipe, params: Sequence[Tensor], make: Callable[[Sequence[Tensor]], Trainer]) -> None:
        self.params: Sequence[Tensor] = params
        self.trainer = make(params)
        self.network: Network = forward
        self.scheduled = recipe.scheduler is not None
        self.minimises = minimises(rule("optimizers", recipe.optimizer.component))

    def step(self, images: Tensor, target: Tensor) -> Tensor:
        first: list[Tensor] = []

        def objective(params: Sequence[Tensor]) -> tuple[Tensor, Sequence[Tensor]]:
            leaves = [param.detach().requires_grad_() for param in params]
            with torch.enable_grad():
                logits = self.network(leaves, images)
            value, gradient = self.trainer.loss_and_gradient(logits.detach(), target)
            _like("the gradient of the loss", gradient, logits)
            first.append(value)
            return value, torch.autograd.grad(logits, leaves, gradient)

        before = self.params
        if self.minimises:
            self.params = self.trainer.minimise(objective)
        else:
            self.params = self.trainer.step(objective(before)[1])
        for old, new in zip(before, self.params, strict=True):
            _like("a parameter after the step", new, old)
        return first[0]

    def loss(self, logits: Tensor, target: Tensor) -> float:
        return float(self.trainer.loss_and_gradient(logits, target)[0])

    def end_epoch(self, metric: float) -> None:
        if self.scheduled:
            self.trainer.schedule_step(metric)


def around(backend: Backend, recipe: Recipe) -> Make:
    """How a stack is made of a backend's components."""
    return lambda params: Played(recipe, params, lambda own: trainer_of(backend, recipe, own))


def _like(what: str, found: Tensor, expected: Tensor) -> None:
    if not isinstance(found, Tensor) or found.shape != expected.shape or found.dtype != expected.dtype:
        got = f"{found.dtype} {tuple(found.shape)}" if isinstance(found, Tensor) else type(found).__name__
        raise Broken(f"training: {what} must be a tensor {expected.dtype} {tuple(expected.shape)}, got {got}")


@dataclass
class Curve:
    """How one stack did with one seed, epoch by epoch.

    Losses are means over samples, those of `batch_loss` means over the batches of the test images; `first_loss` is that
    of the first batch, before any step. `wrong` has the numbers of the test images that were named wrongly in the end.
    """

    first_loss: float = 0.0
    train_loss: list[float] = field(default_factory=list)
    test_loss: list[float] = field(default_factory=list)
    batch_loss: list[float] = field(default_factory=list)
    accuracy: list[float] = field(default_factory=list)
    wrong: list[int] = field(default_factory=list)
    seconds: float = 0.0  # of training, without the tests


def start(recipe: Recipe, seed: int) -> tuple[list[Tensor], torch.Generator]:
    """The initial parameters of a seed, and the generator that goes on to shuffle its epochs."""
    generator = torch.Generator().manual_seed(seed)
    return initial(recipe.sizes, generator, recipe.init, recipe.biases), generator


def order(recipe: Recipe, generator: torch.Generator, count: int) -> Tensor:
    """The order in which an epoch visits its images."""
    return torch.randperm(count, generator=generator) if recipe.shuffle else torch.arange(count)  # training.8


def train(recipe: Recipe, given: Dataset, seed: int, make: Make, tick: Callable[[int], None]) -> Curve:
    """A whole run of one stack; `tick` is told of every step."""
    params, generator = start(recipe, seed)
    stack, curve = make(params), Curve()
    for _ in range(recipe.epochs):
        began = perf_counter()
        losses = epoch(stack, *given.train, order(recipe, generator, len(given.train[1])), recipe.batch, tick)
        curve.seconds += perf_counter() - began
        tested, curve.wrong = evaluate(stack, *given.test, recipe.batch)
        stack.end_epoch(tested.samples)
        curve.first_loss = curve.first_loss if curve.train_loss else losses.first
        curve.train_loss.append(losses.samples)
        curve.test_loss.append(tested.samples)
        curve.batch_loss.append(tested.batches)
        curve.accuracy.append((len(given.test[1]) - len(curve.wrong)) / len(given.test[1]))
    return curve


@dataclass(frozen=True)
class Losses:
    """The mean loss of a pass over samples and over batches, and that of its first batch."""

    samples: float
    batches: float
    first: float

    @classmethod
    def of(cls, means: Sequence[float | Tensor], sizes: Sequence[int]) -> "Losses":
        """Of the mean loss of each batch, and how many samples there are in it."""
        each = torch.tensor([float(mean) for mean in means], dtype=torch.float64)
        weights = torch.tensor(sizes, dtype=torch.float64)
        return cls(float((each * weights).sum() / weights.sum()), float(each.mean()), float(each[0]))  # training.9


def epoch(
    stack: Stack, images: Tensor, labels: Tensor, visited: Tensor, batch: int, tick: Callable[[int], None]
) -> Losses:
    """One pass over the training images in the given order."""
    parts = visited.split(batch)
    means = []
    for part in parts:
        means.append(stack.step(images[part], labels[part]))
        tick(1)
    return Losses.of(means, [len(part) for part in parts])


def evaluate(stack: Stack, images: Tensor, labels: Tensor, batch: int) -> tuple[Losses, list[int]]:
    """The losses over the test images, and the numbers of those that were named wrongly."""
    with torch.no_grad():
        logits = [forward(stack.params, some) for some in images.split(batch)]
    targets = labels.split(batch)
    losses = Losses.of([stack.loss(*pair) for pair in zip(logits, targets, strict=True)], [len(t) for t in targets])
    wrong = torch.cat(logits).argmax(1) != labels
    return losses, wrong.nonzero()[:, 0].tolist()
