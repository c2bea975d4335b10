"""What is timed: each loss, optimizer and scheduler over sizes and dtypes, and whole training steps."""

import inspect
import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from torchstone.conformance.benchmarks.work import Drawn
from torchstone.conformance.clauses import component, components
from torchstone.conformance.oracle import rule
from torchstone.conformance.program import (
    Function,
    Group,
    LossProgram,
    Minimize,
    OptimizerProgram,
    Program,
    Schedule,
    ScheduleProgram,
    ScheduleStep,
    SparseData,
    Step,
)
from torchstone.conformance.training.recipe import MNIST, Part, Recipe
from torchstone.reference.optimizer import minimises

FORWARD, BACKWARD, STEP, TRAINING = "forward", "forward + backward", "step", "training step"
CLASSES = 10  # the last axis of every loss
RECIPES = {"sgd": MNIST.optimizer, "adam": Part("adam", {"lr": 1e-3})}  # of a training step, on MNIST's network


@dataclass(frozen=True)
class Grid:
    """Which sizes are timed, in how many rounds, and how long one case may take, in seconds."""

    losses: tuple[int, ...]
    optimizers: tuple[tuple[int, int], ...]  # elements in all, and how many parameters they are in
    dtypes: tuple[str, ...]
    rounds: int
    seconds: float


POWERS = tuple(10**k for k in range(1, 8))
GRIDS = {
    "quick": Grid((10, 10**5), ((10, 1), (10**5, 1), (10**5, 100)), ("float32",), 20, 0.4),
    "standard": Grid(
        (10, 10**3, 10**5, 10**6),
        ((10, 1), (10**3, 1), (10**5, 1), (10**6, 1), (10**5, 10), (10**5, 100), (10**5, 1000)),
        ("float32", "bfloat16"),
        24,
        1.0,
    ),
    "thorough": Grid(
        POWERS,
        (*((n, 1) for n in POWERS), *((n, p) for n in (10**5, 10**6, 10**7) for p in (10, 100, 1000))),
        ("float32", "bfloat16"),
        40,
        60.0,
    ),
}


@dataclass(frozen=True)
class Case:
    """One thing to time. `elements` counts those of a loss's first tensor, or of all parameters together."""

    component: str
    what: str
    dtype: str
    elements: int
    parameters: int = 1

    @property
    def kind(self) -> str:
        return component(self.component).kind

    @property
    def needs(self) -> tuple[str, ...]:
        """The components that must conform."""
        return (self.component, MNIST.loss.component) if self.what == TRAINING else (self.component,)

    @property
    def line(self) -> tuple[str, str, str, int]:
        """Cases that differ in size alone."""
        return self.component, self.what, self.dtype, self.parameters

    @property
    def name(self) -> str:
        if self.kind == "schedulers":
            return f"{self.component} {self.what}"
        size = f"{self.elements:,} elements"
        if self.kind == "optimizers" and self.parameters > 1:
            size += f" in {self.parameters:,} parameters"
        return f"{self.component} {self.what}, {self.dtype}, {size}"

    def program(self) -> Program:
        """What is played. A training step has a recipe instead."""
        if self.kind == "losses":
            return _loss(self)
        return _optimizer(self) if self.kind == "optimizers" else _schedule(self)

    def recipe(self) -> Recipe:
        return Recipe("random", MNIST.sizes, MNIST.batch, 1, MNIST.loss, RECIPES[self.component])


def cases(grid: Grid, stems: Sequence[str] = ()) -> list[Case]:
    """The cases of a grid, of these components or of all, small before large."""
    return list(_cases(grid, {page.stem for page in components()} if not stems else set(stems)))


def _cases(grid: Grid, stems: set[str]) -> Iterator[Case]:
    for page in components("losses"):
        for what, dtype, elements in itertools.product((FORWARD, BACKWARD), grid.dtypes, grid.losses):
            if page.stem in stems:
                yield Case(page.stem, what, dtype, elements)
    for page in components("optimizers"):
        for dtype, (elements, count) in itertools.product(grid.dtypes, grid.optimizers):
            if page.stem in stems:
                yield Case(page.stem, STEP, dtype, elements, count)
    for page in components("schedulers"):
        if page.stem in stems:
            yield Case(page.stem, STEP, "float64", 1)
    elements = sum(m * n + n for m, n in itertools.pairwise(MNIST.sizes))
    for stem in RECIPES:
        if stem in stems:
            yield Case(stem, TRAINING, "float32", elements, 2 * (len(MNIST.sizes) - 1))


def _loss(case: Case) -> LossProgram:
    """A loss whose tensors have `CLASSES` columns, all numbers between 0 and 1 where nothing else is said."""
    rows, dtype = case.elements // CLASSES, case.dtype
    tensors: dict[str, Any] = {
        name: Drawn(dtype, (rows, CLASSES), seed=i) for i, name in enumerate(_tensors(case.component))
    }
    options: dict[str, Any] = {}
    labels = Drawn("int64", (rows,), choices=tuple(range(CLASSES)))
    match case.component:
        case "cross_entropy" | "nll" | "multi_margin":
            tensors["target"] = labels
        case "softmax" | "log_softmax" | "softmin":
            options["dim"] = 1
        case "soft_margin" | "hinge_embedding" | "margin_ranking":
            tensors["target"] = Drawn(dtype, (rows, CLASSES), choices=(1.0, -1.0))
        case "cosine_embedding":
            tensors["target"] = Drawn(dtype, (rows,), choices=(1.0, -1.0))
        case "multilabel_margin":
            tensors["target"] = Drawn("int64", (rows, CLASSES), choices=(-1, *range(CLASSES)))
        case "ctc":
            frames = min(50, rows)
            batch, length = rows // frames, -(-frames // 5)
            tensors = {
                "input": Drawn(dtype, (frames, batch, CLASSES), -4.0, -0.1),
                "target": Drawn("int64", (batch, length), choices=tuple(range(1, CLASSES))),
                "input_lengths": Drawn("int64", (batch,), choices=(frames,)),
                "target_lengths": Drawn("int64", (batch,), choices=(length,)),
            }
        case "linear_cross_entropy":
            options = {"in_features": CLASSES, "num_classes": CLASSES}
            tensors |= {"target": labels, "linear.weight": Drawn(dtype, (CLASSES, CLASSES), -1.0, 1.0)}
        case "adaptive_log_softmax_with_loss":
            options = {"in_features": CLASSES, "n_classes": CLASSES, "cutoffs": (4,)}
            width = CLASSES // 4  # the divisor of the first cluster, where none is given
            shapes = {"head.weight": (5, CLASSES), "tail.0.0.weight": (width, CLASSES), "tail.0.1.weight": (6, width)}
            tensors |= {"target": labels} | {name: Drawn(dtype, shape, -1.0, 1.0) for name, shape in shapes.items()}
    wrt = [name for name, data in tensors.items() if name != "target" and data.dtype == dtype]
    return LossProgram(case.component, options, tensors, tuple(wrt) if case.what == BACKWARD else ())


def _tensors(stem: str) -> list[str]:
    """The names of a loss's tensors: what is neither named after a `*` nor a mapping."""
    parameters = inspect.signature(getattr(rule("losses", stem), stem)).parameters.values()
    return [p.name for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD and p.name != "parameters"]


def _optimizer(case: Case) -> OptimizerProgram:
    """One step with the default options, on matrices that are as square as can be."""
    each = max(1, case.elements // case.parameters)
    columns = next(n for n in range(math.isqrt(each), 0, -1) if each % n == 0)
    shape = (each // columns, columns)
    params = tuple(Drawn(case.dtype, shape, -1.0, 1.0, seed=i % 2) for i in range(case.parameters))
    event: Any = Step(tuple(Drawn(case.dtype, shape, -1.0, 1.0, seed=2) for _ in params))
    if minimises(rule("optimizers", case.component)):
        event = Minimize(Function("valley", (2.0,)))
    if case.component == "sparse_adam":
        rows = tuple(range(0, shape[0], 10))  # a tenth of them
        values = tuple(Drawn(case.dtype, (len(rows), columns), -1.0, 1.0).data)
        event = Step(tuple(SparseData(case.dtype, shape, rows, values) for _ in params))
    return OptimizerProgram(case.component, {}, (Group(params),), (event,))


HALF = Schedule("constant", {"factor": 0.5, "total_iters": 100})
DECAY = Schedule("exponential", {"gamma": 0.999999})
SCHEDULES: dict[str, dict[str, Any]] = {  # what has no default
    "chained": {"schedulers": (HALF, DECAY)},
    "cosine_annealing": {"T_max": 1000},
    "cosine_annealing_warm_restarts": {"T_0": 1000},
    "cyclic": {"base_lr": 0.01, "max_lr": 0.1, "cycle_momentum": False},
    "exponential": {"gamma": 0.999999},
    "lambda_": {"lr_lambda": Function("inverse", (1.0, 1e-6))},
    "multi_step": {"milestones": (1000, 2000)},
    "multiplicative": {"lr_lambda": Function("power", (0.999999, 1.0))},
    "one_cycle": {"max_lr": 0.1, "total_steps": 10**7, "cycle_momentum": False},
    "sequential": {"schedulers": (HALF, DECAY), "milestones": (100,)},
    "step": {"step_size": 1000},
    "swa_lr": {"swa_lr": 0.05},
}


def _schedule(case: Case) -> ScheduleProgram:
    """One step of a scheduler of one group. One that is no closed form is given a metric."""
    metric = None if hasattr(rule("schedulers", case.component), "rate") else 1.0
    return ScheduleProgram(case.component, SCHEDULES.get(case.component, {}), (0.1,), events=(ScheduleStep(metric),))
