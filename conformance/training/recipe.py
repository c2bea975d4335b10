"""What a training run is, as plain data: the data set, the network and the components with their options."""

import ast
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from torchstone.conformance import oracle
from torchstone.conformance.clauses import component
from torchstone.conformance.program import Function, Options, Schedule
from torchstone.reference import optimizer as optimizers
from torchstone.reference.optimizer import defaults


@dataclass(frozen=True)
class Part:
    """A component by its stem, with the options that are not at their defaults."""

    component: str
    options: Options = field(default_factory=dict)


@dataclass(frozen=True)
class Published:
    """A row that somebody printed, of one run: accuracies and test losses (means over batches) after every epoch, and
    the loss of the first batch. The last digits are as printed."""

    accuracy: tuple[str, ...]
    batch_loss: tuple[str, ...]
    first_loss: str


@dataclass(frozen=True)
class Recipe:
    """A training run with every number in it.

    `sizes` are the widths of the fully connected layers, the input and the classes included; their weights start
    `he` or `uniform` (spec/training.md). The loss is a mean over the batch. A scheduler, where there is one, steps
    once an epoch. `goal` is the part of the test images that must be named rightly in the end, `published` a row that
    must be like the reference's; either may be missing.
    """

    dataset: str
    sizes: tuple[int, ...]
    batch: int
    epochs: int
    loss: Part
    optimizer: Part
    scheduler: Part | None = None
    init: str = "he"
    biases: bool = True
    shuffle: bool = True
    goal: float | None = None
    published: Published | None = None


# The figure that MNIST tutorials print: spec/training.md, "MNIST".
MNIST = Recipe(
    dataset="mnist",
    sizes=(784, 520, 320, 240, 120, 10),
    batch=64,
    epochs=9,
    loss=Part("cross_entropy"),
    optimizer=Part("sgd", {"lr": 0.01, "momentum": 0.5}),
    goal=0.97,
)

# The table that Fashion-MNIST tutorials print: spec/training.md, "Fashion-MNIST".
FASHION_MNIST = Recipe(
    dataset="fashion-mnist",
    sizes=(784, 512, 512, 10),
    batch=64,
    epochs=10,
    loss=Part("cross_entropy"),
    optimizer=Part("sgd", {"lr": 1e-3}),
    init="uniform",
    shuffle=False,
    published=Published(
        accuracy=("0.509", "0.559", "0.588", "0.622", "0.641", "0.658", "0.669", "0.683", "0.695", "0.710"),
        batch_loss=tuple(
            "2.166725 1.915487 1.541527 1.260238 1.089831 0.982441 0.910168 0.858248 0.818778 0.787269".split()
        ),
        first_loss="2.298730",
    ),
)

# A stand-in where there are no files and no network. It has a goal of its own and says nothing about MNIST's.
DIGITS = Recipe(
    dataset="digits",
    sizes=(64, 64, 32, 10),
    batch=16,
    epochs=9,
    loss=Part("cross_entropy"),
    optimizer=Part("sgd", {"lr": 0.05, "momentum": 0.5}),
    goal=0.90,
)

RECIPES = {recipe.dataset: recipe for recipe in (MNIST, FASHION_MNIST, DIGITS)}

# What a scheduler takes in a run of so many epochs, from such a rate, where it has no default of its own.
USUAL: dict[str, Callable[[int, float], dict[str, Any]]] = {
    "chained": lambda epochs, lr: {
        "schedulers": (Schedule("constant", {}), Schedule("exponential", {"gamma": 0.9})),
    },
    "cosine_annealing": lambda epochs, lr: {"T_max": epochs},
    "cosine_annealing_warm_restarts": lambda epochs, lr: {"T_0": -(-epochs // 3)},
    "cyclic": lambda epochs, lr: {"base_lr": lr / 10, "max_lr": lr, "step_size_up": -(-epochs // 4)},
    "exponential": lambda epochs, lr: {"gamma": 0.9},
    "lambda_": lambda epochs, lr: {"lr_lambda": Function("inverse", (1.0, 0.5))},
    "multi_step": lambda epochs, lr: {"milestones": (epochs // 2, 3 * epochs // 4)},
    "multiplicative": lambda epochs, lr: {"lr_lambda": Function("power", (0.95, 1.0))},
    "one_cycle": lambda epochs, lr: {"max_lr": lr, "total_steps": epochs + 1},
    "sequential": lambda epochs, lr: {
        "schedulers": (Schedule("linear", {"total_iters": 2}), Schedule("cosine_annealing", {"T_max": epochs})),
        "milestones": (2,),
    },
    "step": lambda epochs, lr: {"step_size": -(-epochs // 3)},
    "swa_lr": lambda epochs, lr: {"swa_lr": lr / 10},
}


def optimizer(name: str, options: Mapping[str, Any]) -> Part:
    """An optimizer of the catalogue, by its stem or torch name, with these options.

    Raises `UnknownName` for what there is not, and `ValueError` for an option that is unknown or out of its domain.
    """
    stem = _stem("optimizers", name)
    own = oracle.rule("optimizers", stem)
    optimizers.check(own, _known(stem, own, options))
    return Part(stem, dict(options))


def scheduler(name: str, options: Mapping[str, Any], epochs: int, optimizer: Part) -> Part:
    """A scheduler of the catalogue, with these options and, for those that have no default, `USUAL` ones.

    No momentum is cycled where the optimizer has none. Raises `UnknownName` for what there is not, and `ValueError` for
    an option that is unknown or out of its domain.
    """
    stem = _stem("schedulers", name)
    own, driven = (oracle.rule(*each) for each in (("schedulers", stem), ("optimizers", optimizer.component)))
    known = {**defaults(driven), **optimizer.options}
    usual = USUAL[stem](epochs, known["lr"]) if stem in USUAL else {}
    if "cycle_momentum" in defaults(own) and not {"momentum", "betas"} & known.keys():
        usual["cycle_momentum"] = False
    chosen = {**usual, **options}
    own.check(**oracle.plain(_known(stem, own, chosen)))
    return Part(stem, chosen)


def option(text: str) -> tuple[str, Any]:
    """`weight_decay=0.1` as a name and a value; a word that is no Python literal is a string."""
    name, is_there, value = text.partition("=")
    if not is_there or not name.isidentifier():
        raise ValueError(f"option: it must be written NAME=VALUE, got {text!r}")
    try:
        read = ast.literal_eval(value)
    except (ValueError, SyntaxError):
        read = value
    return name, tuple(read) if isinstance(read, list) else read


def _stem(kind: str, name: str) -> str:
    page = component(name)
    if page.kind != kind:
        raise ValueError(f"training: it must be one of the {kind}, got {page.stem!r}, one of the {page.kind}")
    return page.stem


def _known(stem: str, own: Any, options: Mapping[str, Any]) -> dict[str, Any]:
    """All options of a component, those that were not given at their defaults."""
    known: Mapping[str, Any] = defaults(own)
    unknown: Sequence[str] = [name for name in options if name not in known]
    if unknown:
        raise ValueError(f"{stem}: an option must be one of {', '.join(known)}, got {unknown[0]!r}")
    return {**known, **options}
