"""Faults planted into a training run: in its components, and in how they are called; and other correct ways to train.

The recipe has a decay, a schedule and a smoothed loss, so that each of them can be wrong. Faults of components are
variants of the suite, by stem and name; the others are written here around the reference.
"""

import importlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn, optim

from torchstone.conformance import variants
from torchstone.conformance.backends.torch_like import TorchLike
from torchstone.conformance.clauses import component
from torchstone.conformance.training.loop import ReferenceTrainer
from torchstone.conformance.training.recipe import Part, Recipe
from torchstone.conformance.training.trainer import TorchTrainer, Trainer

LOSS = Part("cross_entropy", {"label_smoothing": 0.1})
OPTIMIZER = Part("adamw", {"lr": 0.003, "weight_decay": 0.1})
SCHEDULER = Part("step", {"step_size": 2, "gamma": 0.5})

IN_COMPONENTS = {
    "cross_entropy": ("smoothing_over_the_other_classes", "indices_are_not_smoothed"),
    "adamw": (
        "rate_free_decay",
        "uncorrected",
        "decay_through_the_gradient",
        "decay_after_the_step",
        "first_moment_is_a_sum",
        "second_moment_of_the_first",
        "second_moment_with_the_first_beta",
        "corrected_for_the_next_step",
        "eps_in_root",
        "corrections_in_float32",
    ),
    "step": ("continuous", "a_step_late", "a_step_early", "falls_in_a_line"),
}


def with_parts(recipe: Recipe) -> Recipe:
    """A recipe with the parts that the faults are in."""
    return replace(recipe, loss=LOSS, optimizer=OPTIMIZER, scheduler=SCHEDULER, goal=None)


class Forgets(ReferenceTrainer):
    """The state of the optimizer is lost at the end of an epoch."""

    def schedule_step(self, metric: float) -> None:
        super().schedule_step(metric)
        self.optimizer.state.clear()


class Late(ReferenceTrainer):
    """The first epoch ends without a step of the schedule."""

    ended = 0

    def schedule_step(self, metric: float) -> None:
        self.ended += 1
        if self.ended > 1:
            super().schedule_step(metric)


class Never(ReferenceTrainer):
    def schedule_step(self, metric: float) -> None:
        """The schedule does nothing."""


class Twice(ReferenceTrainer):
    def schedule_step(self, metric: float) -> None:
        """An epoch counts for two."""
        super().schedule_step(metric)
        super().schedule_step(metric)


class EachBatch(ReferenceTrainer):
    """The schedule is stepped after every batch."""

    def step(self, grads: Sequence[Tensor]) -> list[Tensor]:
        params = super().step(grads)
        self.scheduler.step()
        return params


class WrongCount(ReferenceTrainer):
    """The mean over a batch divides by the size of the largest batch so far."""

    largest = 0

    def loss_and_gradient(self, logits: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        self.largest = max(self.largest, len(target))
        value, gradient = super().loss_and_gradient(logits, target)
        return value * len(target) / self.largest, gradient * len(target) / self.largest


class Adds(ReferenceTrainer):
    """Gradients are never set to zero."""

    total: Sequence[Tensor] = ()

    def step(self, grads: Sequence[Tensor]) -> list[Tensor]:
        self.total = [a + b for a, b in zip(self.total, grads, strict=True)] if self.total else list(grads)
        return super().step([grad.clone() for grad in self.total])


class Stale(ReferenceTrainer):
    """A step uses the gradients of the step before."""

    before: Sequence[Tensor] = ()

    def step(self, grads: Sequence[Tensor]) -> list[Tensor]:
        used, self.before = self.before or grads, grads
        return super().step([grad.clone() for grad in used])


class Clips(ReferenceTrainer):
    """A clipping of the gradients was left on."""

    def step(self, grads: Sequence[Tensor]) -> list[Tensor]:
        return super().step([grad.clamp(-0.01, 0.01) for grad in grads])


class Halves(ReferenceTrainer):
    """Parameters are kept in bfloat16."""

    def step(self, grads: Sequence[Tensor]) -> list[Tensor]:
        params = super().step(grads)
        with torch.no_grad():
            for param in params:
                param.copy_(param.bfloat16().to(param.dtype))
        return params


class Misses(ReferenceTrainer):
    """The last parameter is not among those that are trained."""

    def step(self, grads: Sequence[Tensor]) -> list[Tensor]:
        return super().step([*grads[:-1], torch.zeros_like(grads[-1])])


def _too_fast(recipe: Recipe, params: Sequence[Tensor]) -> Trainer:
    """The rate is one per cent too large."""
    options = {**recipe.optimizer.options, "lr": 1.01 * recipe.optimizer.options["lr"]}
    return ReferenceTrainer(replace(recipe, optimizer=Part(recipe.optimizer.component, options)), params)


IN_CALLS: dict[str, Callable[[Recipe, Sequence[Tensor]], Any]] = {
    "state lost every epoch": Forgets,
    "schedule a step late": Late,
    "schedule never stepped": Never,
    "schedule stepped twice an epoch": Twice,
    "schedule stepped every batch": EachBatch,
    "mean over the wrong count": WrongCount,
    "gradients added up": Adds,
    "gradients of the step before": Stale,
    "gradients clipped": Clips,
    "parameters in bfloat16": Halves,
    "last parameter not trained": Misses,
    "rate 1 % too large": _too_fast,
}
FAULTS = (*IN_CALLS, *(f"{stem}/{name}" for stem, names in IN_COMPONENTS.items() for name in names))


class Backend:
    """A backend of one trainer."""

    version = "1"

    def __init__(self, name: str, trainer: Callable[[Recipe, Sequence[Tensor]], Any]) -> None:
        self.name = name
        self.trainer = trainer

    def play(self, program: Any) -> Any:
        raise NotImplementedError


@contextmanager
def fault(name: str) -> Iterator[Backend]:
    """A backend with one fault."""
    stem, _, variant = name.partition("/")
    with nullcontext(None) if name in IN_CALLS else variants.copied(_variant(stem, variant)) as copied:
        if copied is None:
            yield Backend(name, IN_CALLS[name])
        else:
            yield Backend(name, TorchLike(importlib.import_module(f"{copied}.torch_api"), name, copied).trainer)


def _variant(stem: str, name: str) -> variants.Variant:
    return next(variant for variant in variants.written(component(stem)) if variant.name == name)


class Permuted(ReferenceTrainer):
    """The reference, with the samples of a batch in another order: the same up to rounding."""

    def loss_and_gradient(self, logits: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        value, gradient = super().loss_and_gradient(logits.flip(0), target.flip(0))
        return value, gradient.flip(0)

    def step(self, grads: Sequence[Tensor]) -> list[Tensor]:
        return super().step([grad.nextafter(grad + grad) for grad in grads])


def _built_in(**code: Any) -> Callable[[Recipe, Sequence[Tensor]], Any]:
    def trainer(recipe: Recipe, params: Sequence[Tensor]) -> Trainer:
        optimizer = optim.AdamW(params, **recipe.optimizer.options, **code)
        schedule = optim.lr_scheduler.StepLR(optimizer, **recipe.scheduler.options)  # type: ignore[union-attr]
        return TorchTrainer(nn.CrossEntropyLoss(**recipe.loss.options), optimizer, schedule)

    return trainer


CORRECT: dict[str, Callable[[Recipe, Sequence[Tensor]], Any]] = {
    "for loop": _built_in(foreach=False),
    "foreach": _built_in(foreach=True),
    "fused": _built_in(fused=True),
    "reference": ReferenceTrainer,
    "every number moved by a rounding": Permuted,
}
