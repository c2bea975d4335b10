"""What a training run is, as plain data: the data set, the network and the components with their options."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Part:
    """A component by its stem, with the options that are not at their defaults."""

    component: str
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Recipe:
    """A training run with every number in it.

    `sizes` are the widths of the fully connected layers, the input and the classes included. `goal` is the part of the
    test images that must be named rightly in the end. The loss is a mean over the batch. A scheduler, where there is
    one, steps once an epoch.
    """

    dataset: str
    sizes: tuple[int, ...]
    batch: int
    epochs: int
    goal: float
    loss: Part
    optimizer: Part
    scheduler: Part | None = None


# The figure that MNIST tutorials print: spec/training.md, "MNIST".
MNIST = Recipe(
    dataset="mnist",
    sizes=(784, 520, 320, 240, 120, 10),
    batch=64,
    epochs=9,
    goal=0.97,
    loss=Part("cross_entropy"),
    optimizer=Part("sgd", {"lr": 0.01, "momentum": 0.5}),
)

# A stand-in where there are no files and no network. It has a goal of its own and says nothing about MNIST's.
DIGITS = Recipe(
    dataset="digits",
    sizes=(64, 64, 32, 10),
    batch=16,
    epochs=9,
    goal=0.90,
    loss=Part("cross_entropy"),
    optimizer=Part("sgd", {"lr": 0.05, "momentum": 0.5}),
)

RECIPES = {recipe.dataset: recipe for recipe in (MNIST, DIGITS)}
