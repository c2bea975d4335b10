"""The first steps of a run beside the reference: spec/training.md, "The first steps".

The reference plays the first steps in float64, once exactly and a few times with everything that enters or leaves its
components moved by one unit roundoff. How far those runs stray, times the judge's safety factor, is the budget; how far
the parameters travelled is what the budget is measured against.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from torchstone.conformance.backend import Unsupported
from torchstone.conformance.judge import SAFETY
from torchstone.conformance.training.loop import Played, Stack
from torchstone.conformance.training.recipe import Recipe
from torchstone.conformance.training.trainer import ReferenceTrainer

WINDOW = 32
FRACTION = 0.01
RUNS = 3

Batch = tuple[Tensor, Tensor]
Make = Callable[[list[Tensor]], Stack]


@dataclass(frozen=True)
class Agreement:
    """One stack beside the reference over the first steps; `errors` are its distances from it, one a step."""

    stack: str
    dtype: str
    outcome: str  # pass, fail, inconclusive, unsupported or error
    steps: int = 0
    worst: float = 0.0  # error / budget
    at: int = 0  # the step of the worst
    reason: str = ""
    errors: list[float] = field(default_factory=list)
    budget: list[float] = field(default_factory=list)
    travelled: list[float] = field(default_factory=list)


class Window:
    """What the reference says about the first steps of a run: where the parameters are, and how far they travelled."""

    def __init__(self, recipe: Recipe, params: Sequence[Tensor], batches: Sequence[Batch]) -> None:
        self.recipe = recipe
        self.params = params
        self.batches = batches
        self.exact = list(self.trajectory(self.reference(), torch.float64))
        start = flat(params)
        self.travelled = [float((at - start).norm()) for at in self.exact]

    def reference(self, trainer: Callable[..., ReferenceTrainer] = ReferenceTrainer, **options: float) -> Stack:
        start = [param.to(torch.float64, copy=True) for param in self.params]
        return Played(self.recipe, start, lambda params: trainer(self.recipe, params, **options))

    def trajectory(self, stack: Stack, dtype: torch.dtype) -> Iterator[Tensor]:
        """All parameters after each step, as one vector."""
        for images, labels in self.batches:
            stack.step(images.to(dtype), labels)
            yield flat(stack.params)

    def budget(self, dtype: torch.dtype) -> list[float]:
        """How far an honest run in this dtype may be off after each step."""
        unit = max(torch.finfo(dtype).eps / 2, torch.finfo(torch.float64).eps)  # less would be rounded away in float64
        strayed = []
        for run in range(RUNS):
            noisy = self.trajectory(self.reference(Moved, unit=unit, run=run), torch.float64)
            strayed.append([float((theirs - ours).norm()) for theirs, ours in zip(noisy, self.exact, strict=True)])
        return [SAFETY * max(each) for each in zip(*strayed, strict=True)]  # training.11

    def agreement(self, stacks: dict[str, Make], dtype: torch.dtype) -> list[Agreement]:
        """Play the first N steps on each stack and compare every one of them."""
        budget = self.budget(dtype)
        told = [k for k, allowed in enumerate(budget, 1) if allowed <= FRACTION * self.travelled[k - 1]]
        steps = max(told, default=0)  # training.12
        return [self.compared(name, make, dtype, budget[:steps]) for name, make in stacks.items()]

    def compared(self, name: str, make: Make, dtype: torch.dtype, budget: list[float]) -> Agreement:
        of = str(dtype).removeprefix("torch.")
        if not budget:
            return Agreement(name, of, "inconclusive", reason=f"{of}: rounding hides the update at every step")
        try:
            stack = make([param.to(dtype, copy=True) for param in self.params])
            played = zip(budget, self.trajectory(stack, dtype), self.exact, strict=False)
            errors = [float((theirs - ours).norm()) for _, theirs, ours in played]
        except Unsupported as reason:
            return Agreement(name, of, "unsupported", reason=f"{of}: {reason}")
        except Exception as error:  # whatever a backend raises is its outcome and not the end of the run
            return Agreement(name, of, "error", reason=f"{of}: {type(error).__name__}: {error}")
        ratios = [e / allowed if math.isfinite(e) else math.inf for e, allowed in zip(errors, budget, strict=True)]
        worst = max(ratios)
        outcome = "pass" if worst <= 1 else "fail"  # training.13
        travelled = self.travelled[: len(budget)]
        return Agreement(name, of, outcome, len(budget), worst, ratios.index(worst) + 1, "", errors, budget, travelled)


class Moved(ReferenceTrainer):
    """The reference, with everything that enters or leaves its components moved by up to one unit roundoff."""

    def __init__(self, recipe: Recipe, params: Sequence[Tensor], unit: float, run: int) -> None:
        super().__init__(recipe, params)
        self.unit = unit
        self.generator = torch.Generator().manual_seed(run)

    def moved(self, exact: Tensor) -> Tensor:
        noise = torch.rand(exact.shape, generator=self.generator, dtype=exact.dtype)
        return exact + exact * (self.unit * (2 * noise - 1))

    def loss_and_gradient(self, logits: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        value, gradient = super().loss_and_gradient(self.moved(logits), target)
        return value, self.moved(gradient)

    def step(self, grads: Sequence[Tensor]) -> list[Tensor]:
        super().step([self.moved(grad) for grad in grads])
        self.group.params[:] = [self.moved(param) for param in self.group.params]
        return self.group.params


def flat(params: Sequence[Tensor]) -> Tensor:
    """All parameters as one vector in float64."""
    return torch.cat([param.detach().reshape(-1).double() for param in params])
