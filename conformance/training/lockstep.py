"""Some steps of a run beside the reference: spec/training.md, "The first steps" and "A rehearsal".

The reference plays the steps in float64, once exactly and a few times with random rounding errors. How far those runs
stray, times the judge's safety factor, is the budget; how far the parameters travelled is what the budget is measured
against.
"""

import itertools
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial

import torch
from torch import Tensor
from torch.utils._python_dispatch import _disable_current_modes

from torchstone.conformance.backend import Unsupported
from torchstone.conformance.budget import SAFETY
from torchstone.conformance.known import Deviation, covered
from torchstone.conformance.program import Group, LossProgram, OptimizerProgram, Program, Step, TensorData
from torchstone.conformance.rounding import Rounding, Scalar
from torchstone.conformance.training.data import Dataset
from torchstone.conformance.training.loop import Make, Played, ReferenceTrainer, Stack, order, start
from torchstone.conformance.training.network import Gates, Network
from torchstone.conformance.training.recipe import Recipe
from torchstone.conformance.training.trainer import Objective
from torchstone.reference.precision import numbers_as, standing_for

DTYPES = (torch.float64, torch.float32)
WINDOW = 32
FRACTION = 0.01
RUNS = 3
AGREES = "training.13"
FULL = 3  # batches in an epoch of the rehearsal, which ends with half a batch more

Batch = tuple[Tensor, Tensor]


@dataclass(frozen=True)
class Agreement:
    """One stack beside the reference over some steps; `errors` are its distances from it, one a step."""

    part: str  # first steps or rehearsal
    stack: str
    dtype: str
    outcome: str  # pass, fail, known, inconclusive, unsupported or error
    steps: int = 0
    worst: float = 0.0  # error / budget
    at: int = 0  # the step of the worst
    reason: str = ""
    errors: list[float] = field(default_factory=list)
    budget: list[float] = field(default_factory=list)
    travelled: list[float] = field(default_factory=list)


def agreements(
    recipe: Recipe, given: Dataset, makes: dict[str, Make], deviations: Mapping[str, Sequence[Deviation]] = {}
) -> list[Agreement]:
    """The first steps of seed 0 and its rehearsal beside the reference, for each stack and dtype.

    What a stack does not do right is `known` where one of its deviations says that it shows here.
    """
    asked = itertools.product(windows(recipe, given).items(), DTYPES)
    found = [each for (part, window), dtype in asked for each in window.agreement(part, makes, dtype)]
    return [_declared(each, recipe, deviations.get(each.stack, ())) for each in found]


def windows(recipe: Recipe, given: Dataset) -> dict[str, "Window"]:
    """The first steps of seed 0, and its rehearsal."""
    params, generator = start(recipe, 0)
    images, labels = given.train
    visited = order(recipe, generator, len(labels))

    def batches(index: Tensor) -> list[Batch]:
        return [(images[part], labels[part]) for part in index.split(recipe.batch)]

    small = batches(visited[: FULL * recipe.batch + recipe.batch // 2])
    return {
        "first steps": Window(recipe, params, [batches(visited)[:WINDOW]]),
        "rehearsal": Window(recipe, params, [small] * recipe.epochs),  # training.20
    }


def _declared(each: Agreement, recipe: Recipe, deviations: Sequence[Deviation]) -> Agreement:
    """A failure as a known one, where a deviation that shows in this clause covers the recipe's loss or optimizer in
    this dtype."""
    if each.outcome != "fail":
        return each
    one, label = TensorData(each.dtype, (1, 1), (1.0,)), TensorData("int64", (1,), (0,))
    loss, optimizer = recipe.loss, recipe.optimizer
    programs: dict[str, Program] = {
        loss.component: LossProgram(loss.component, loss.options, {"input": one, "target": label}, ("input",)),
        optimizer.component: OptimizerProgram(
            optimizer.component, optimizer.options, (Group((one,)),), (Step((one,)),)
        ),
    }
    shown = [d for d in deviations if d.clause == AGREES and d.component in programs]
    cause = next((d for d in shown if covered([d], programs[d.component])), None)
    if cause is None:
        return each
    why = cause.reason.rstrip(".")
    return replace(each, outcome="known", reason=f"{each.dtype}: {cause.component} is declared: {why}")


class Window:
    """What the reference says about some steps of a run: where the parameters are, and how far they travelled.

    `epochs` are the batches of each epoch.
    """

    def __init__(self, recipe: Recipe, params: Sequence[Tensor], epochs: Sequence[Sequence[Batch]]) -> None:
        self.recipe = recipe
        self.params = params
        self.epochs = epochs
        self.gates = [Gates() for batches in epochs for _ in batches]
        self.exact = list(self.trajectory(self.reference(), torch.float64, lambda gates: gates.record))
        start = flat(params)
        self.travelled = [float((at - start).norm()) for at in self.exact]
        self.budgets = {dtype: self.budget(dtype) for dtype in DTYPES}

    def reference(self, make: Callable[..., ReferenceTrainer] = ReferenceTrainer) -> Stack:
        start = [param.to(torch.float64, copy=True) for param in self.params]
        return Played(self.recipe, start, lambda params: make(self.recipe, params))

    def trajectory(
        self, stack: Stack, dtype: torch.dtype, network: Callable[[Gates], Network] = Gates.replayed
    ) -> Iterator[Tensor]:
        """All parameters after each step, as one vector; `network` makes of the gates of a step its network."""
        gates = iter(self.gates)
        for batches in self.epochs:
            losses = []
            for images, labels in batches:
                stack.network = network(next(gates))  # training.24
                losses.append(stack.step(images.to(dtype), labels))
                yield flat(stack.params)
            stack.end_epoch(float(losses[-1]))

    def budget(self, dtype: torch.dtype) -> list[float]:
        """How far an honest run in this dtype may be off after each step."""
        strayed = [self.strayed(dtype, run) for run in range(RUNS)]
        return [SAFETY * max(each) for each in zip(*strayed, strict=True)]  # training.11

    def strayed(self, dtype: torch.dtype, run: int) -> list[float]:
        """How far a rounded run is off after each step."""
        rounding = Rounding(dtype, run)
        stack = self.reference(lambda recipe, params: Rounded(recipe, params, rounding))
        noisy = self.trajectory(stack, torch.float64, lambda gates: gates.replayed(partial(entering, rounding)))
        return [float((theirs - ours).norm()) for theirs, ours in zip(noisy, self.exact, strict=True)]

    def agreement(self, part: str, makes: dict[str, Make], dtype: torch.dtype) -> list[Agreement]:
        """Play the first N steps on each stack and compare every one of them."""
        budget = self.budgets[dtype]
        told = [k for k, allowed in enumerate(budget, 1) if allowed <= FRACTION * self.travelled[k - 1]]
        steps = max(told, default=0)  # training.12
        return [self.compared(part, name, make, dtype, budget[:steps]) for name, make in makes.items()]

    def compared(self, part: str, name: str, make: Make, dtype: torch.dtype, budget: list[float]) -> Agreement:
        of = str(dtype).removeprefix("torch.")
        if not budget:
            return Agreement(part, name, of, "inconclusive", reason=f"{of}: rounding hides the update at every step")
        try:
            stack = make([param.to(dtype, copy=True) for param in self.params])
            played = zip(budget, self.trajectory(stack, dtype), self.exact, strict=False)
            errors = [float((theirs - ours).norm()) for _, theirs, ours in played]
        except Unsupported as reason:
            return Agreement(part, name, of, "unsupported", reason=f"{of}: {reason}")
        except Exception as error:  # whatever a backend raises is its outcome and not the end of the run
            return Agreement(part, name, of, "error", reason=f"{of}: {type(error).__name__}: {error}")
        ratios = [e / allowed if math.isfinite(e) else math.inf for e, allowed in zip(errors, budget, strict=True)]
        worst = max(ratios)
        outcome = "pass" if worst <= 1 else "fail"  # training.13
        travelled = self.travelled[: len(budget)]
        return Agreement(
            part, name, of, outcome, len(budget), worst, ratios.index(worst) + 1, "", errors, budget, travelled
        )


class Rounded(ReferenceTrainer):
    """The reference with the random rounding errors of a dtype, as the judge's budgets have them; what torch computes
    between its components is rounded where it enters them."""

    def __init__(self, recipe: Recipe, params: Sequence[Tensor], rounding: Rounding) -> None:
        self.rounding = rounding
        super().__init__(recipe, params)

    @contextmanager
    def rounded(self) -> Iterator[None]:
        with self.rounding, standing_for(self.rounding.dtype), numbers_as(lambda number: Scalar(number, self.rounding)):
            yield

    def moved(self, exact: Tensor) -> Tensor:
        return self.rounding.moved(exact, self.rounding.unit_roundoff)

    def loss_and_gradient(self, logits: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        with self.rounded():
            return super().loss_and_gradient(self.moved(logits), target)

    def step(self, grads: Sequence[Tensor]) -> list[Tensor]:
        with self.rounded():
            return super().step([self.moved(grad) for grad in grads])

    def minimise(self, objective: Objective) -> list[Tensor]:
        def noisy(params: Sequence[Tensor]) -> tuple[Tensor, Sequence[Tensor]]:
            with _disable_current_modes():
                value, grads = objective(params)
            return value, [self.moved(grad) for grad in grads]

        with self.rounded():
            return super().minimise(noisy)

    def schedule_step(self, metric: float) -> None:
        with self.rounded():
            super().schedule_step(metric)


def entering(rounding: Rounding, hidden: Tensor) -> Tensor:
    """What enters a layer, moved as the terms of a sum are; gradients pass through it as they were."""
    size = rounding.unit_roundoff * (1 + math.log2(hidden.shape[-1]))
    return hidden + (rounding.moved(hidden, size) - hidden).detach()


def flat(params: Sequence[Tensor]) -> Tensor:
    """All parameters as one vector in float64."""
    return torch.cat([param.detach().reshape(-1).double() for param in params])
