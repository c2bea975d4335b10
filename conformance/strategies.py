"""Strategies: how programs are drawn so that they reach what ordinary tests miss, and shrink to what a person can read.

The helpers take hypothesis's `draw` and are called inside a `@st.composite`. A whole tensor is one draw of bytes, two an
element: that is fast, and zeros at the end of a shrink mean zeros in the tensor.
"""

import importlib
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from hypothesis import strategies as st

from torchstone.conformance import clauses
from torchstone.conformance.oracle import rule
from torchstone.conformance.program import (
    AddGroup,
    Event,
    Group,
    OptimizerProgram,
    SaveAndReload,
    ScheduleProgram,
    ScheduleStep,
    SetOption,
    Step,
    StepWithClosure,
    TensorData,
)
from torchstone.reference.optimizer import defaults

Draw = Callable[[st.SearchStrategy[Any]], Any]
OptionStrategies = Mapping[str, st.SearchStrategy[Any]]

DTYPES = st.sampled_from(["float64", "float32", "float64", "bfloat16", "float16"])
REDUCTIONS = st.sampled_from(["mean", "sum", "none"])
LAYOUTS = st.sampled_from(["contiguous", "contiguous", "transposed", "strided", "broadcast"])
SIZES = st.sampled_from([1, 2, 3, 0, 4, 5, 2, 3, 17, 70])
DIMENSIONS = st.sampled_from([1, 2, 0, 3, 1, 2])
BOOLEANS = st.booleans()
# How far the magnitudes of one tensor lie apart: a few at about one, from 1e-9 to 10, or all that the dtype has.
RANGES = st.sampled_from(["near", "spread", "near", "spread", "near", "wide"])

PLAIN = (0.0, 1.0, -1.0, 0.5, 2.0, -0.5, -2.0, 3.0, 0.25, -3.0)
SPECIAL = (math.nan, math.inf, -math.inf, -0.0, 0.0, 1.0)


def shape(draw: Draw, min_dims: int = 0, max_dims: int = 3, max_elements: int = 300) -> tuple[int, ...]:
    """Mostly a few elements, sometimes none, sometimes more than 64, so that vectorised code runs."""
    dims = min(max(draw(DIMENSIONS), min_dims), max_dims)
    sizes = [draw(SIZES) for _ in range(dims)]
    while math.prod(sizes) > max_elements:
        sizes[sizes.index(max(sizes))] = 2
    return tuple(sizes)


def _bytes(draw: Draw, count: int) -> bytes:
    return bytes(draw(st.binary(min_size=count, max_size=count)))


def _exponents(dtype: str, spread: str) -> tuple[int, int]:
    info = torch.finfo(getattr(torch, dtype))
    lowest, highest = math.ceil(math.log10(info.smallest_normal * info.eps)), math.floor(math.log10(info.max)) - 1
    low, high = {"near": (-1, 0), "spread": (-9, 1), "wide": (lowest, highest)}[spread]
    return max(low, lowest), min(high, highest)


def numbers(draw: Draw, count: int, dtype: str, spread: str = "near", plain: Sequence[float] = PLAIN) -> list[float]:
    """`count` numbers: about one in four from `plain`, the others with two decimal digits, log-uniform over the spread."""
    low, high = _exponents(dtype, spread)
    raw = _bytes(draw, 2 * count)
    found = []
    for kind, digits in zip(raw[::2], raw[1::2], strict=True):
        if kind < 64:
            found.append(plain[digits % len(plain)])
        else:
            size = float(f"{1 + (digits >> 1) % 9}.{(digits >> 1) // 9 % 10}e{low + (kind - 64) % (high - low + 1)}")
            found.append(-size if digits & 1 else size)
    return found


def data(draw: Draw, dtype: str, shape: Sequence[int], values: Sequence[float], layouts: bool = True) -> TensorData:
    """A tensor of these values, rounded to the dtype, in a layout that is drawn."""
    shape = tuple(shape)
    layout = draw(LAYOUTS) if layouts and math.prod(shape) > 1 else "contiguous"
    if layout == "broadcast" and shape:
        values = list(values[: math.prod(shape[1:])]) * shape[0]
    return rounded(dtype, shape, values, layout)


def rounded(dtype: str, shape: Sequence[int], values: Sequence[float], layout: str = "contiguous") -> TensorData:
    """A tensor whose values are rounded to its dtype."""
    if dtype != "float64":
        values = torch.tensor(values, dtype=getattr(torch, dtype)).tolist()
    return TensorData(dtype, tuple(shape), tuple(values), layout)


def tensor(
    draw: Draw,
    dtype: str,
    shape: Sequence[int],
    spread: str | None = None,
    plain: Sequence[float] = PLAIN,
    layouts: bool = True,
) -> TensorData:
    """A tensor of real numbers."""
    spread = spread or draw(RANGES)
    return data(draw, dtype, shape, numbers(draw, math.prod(shape), dtype, spread, plain), layouts)


def near(draw: Draw, other: TensorData, distances: Sequence[float] = (0.0, 0.0, 1.0, -1.0, 0.5, 1e-3)) -> TensorData:
    """A tensor like another, its elements often equal to the other's and often at a chosen distance from it."""
    moved = numbers(draw, len(other.data), other.dtype, "near", distances)
    return data(draw, other.dtype, other.shape, [a + b for a, b in zip(other.data, moved, strict=True)])


def unit_interval(draw: Draw, dtype: str, shape: Sequence[int], layouts: bool = True) -> TensorData:
    """A tensor with elements in [0, 1]: the ends, values near them, and between."""
    raw = numbers(draw, math.prod(shape), dtype, draw(RANGES), (0.0, 1.0, 0.5, 0.25, 0.75))
    inside = [abs(v) if abs(v) <= 1 else 1 - 1 / abs(v) for v in raw]
    return data(draw, dtype, shape, inside, layouts)


def positive(draw: Draw, dtype: str, shape: Sequence[int], layouts: bool = True) -> TensorData:
    """A tensor of positive numbers and zeros, such as weights."""
    values = numbers(draw, math.prod(shape), dtype, "near", (1.0, 0.0, 2.0, 0.5))
    return data(draw, dtype, shape, [abs(value) for value in values], layouts)


def indices(draw: Draw, shape: Sequence[int], classes: int, also: Sequence[int] = ()) -> TensorData:
    """An int64 tensor of class indices, with the numbers in `also` (an ignored index, say) among them."""
    raw = _bytes(draw, math.prod(shape))
    choices = (*range(classes), *also)
    return data(draw, "int64", shape, [choices[byte % len(choices)] for byte in raw])


def upstream(draw: Draw) -> tuple[float, ...]:
    """An upstream gradient: ones, or a few different numbers that repeat over the value."""
    return (1.0,) if draw(BOOLEANS) else tuple(numbers(draw, 3, "float16", "near", (1.0, -1.0, 2.0, 0.5, 0.0)))


def options(draw: Draw, **choices: st.SearchStrategy[Any]) -> dict[str, Any]:
    """Options by name, each left at its default half of the time."""
    return {name: draw(choice) for name, choice in choices.items() if draw(BOOLEANS)}


def decimals(low: float, high: float, *likely: float) -> st.SearchStrategy[float]:
    """The likely values, and short decimals between the bounds."""
    between = st.integers(0, 1000).map(lambda i: float(f"{low + (high - low) * i / 1000:.4g}"))
    return st.one_of(st.sampled_from(likely), between) if likely else between


LEARNING_RATES = decimals(1e-3, 2.0, 0.1, 1e-3, 0.01, 1.0, 1e-4, 0.5)


@st.composite
def optimizer_programs(
    draw: Draw,
    component: str,
    options: Callable[[Draw], dict[str, Any]],
    *,
    settable: OptionStrategies | None = None,
    dtypes: st.SearchStrategy[str] = DTYPES,
    steps: tuple[int, int] = (1, 12),
    kinds: Sequence[str] = ("step", "step", "step", "step", "step", "set", "reload", "closure", "add"),
    nones: bool = True,
) -> OptimizerProgram:
    """An optimizer over one to three groups, and a trajectory of events.

    `options` draws a dict of constructor options; `settable` names those that may change in mid-run. Parameters start at
    zero or tiny as often as at about one, so that an update is seen in full and not under the parameter's own ulp.
    """
    dtype = draw(dtypes)
    spread = draw(RANGES)
    shapes: list[tuple[int, ...]] = []

    def group(extra: Mapping[str, Any]) -> Group:
        count = draw(st.sampled_from([1, 2, 1]))
        params = []
        for _ in range(count):
            shapes.append(shape(draw, max_elements=100))
            start = draw(st.sampled_from(["zero", "near", "spread"]))
            if start == "zero":
                params.append(TensorData(dtype, shapes[-1], (0.0,) * math.prod(shapes[-1])))
            else:
                layout = draw(st.sampled_from(["contiguous", "contiguous", "transposed", "strided"]))
                values = numbers(draw, math.prod(shapes[-1]), dtype, start)
                params.append(rounded(dtype, shapes[-1], values, layout))
        return Group(tuple(params), dict(extra))

    def grads() -> tuple[TensorData | None, ...]:
        return tuple(
            None if nones and draw(st.sampled_from([False, False, False, True])) else tensor(draw, dtype, each, spread)
            for each in shapes
        )

    defaults = options(draw)
    own = [{}] + [options(draw) if draw(BOOLEANS) else {} for _ in range(draw(st.sampled_from([0, 1, 0, 2])))]
    groups = [group(extra if not defaults or _compatible(defaults, extra) else {}) for extra in own]
    count = len(groups)
    events: list[Event] = []
    for _ in range(draw(st.sampled_from([n for n in (1, 2, 3, 5, 8, 12) if steps[0] <= n <= steps[1]]))):
        match draw(st.sampled_from(kinds)):
            case "set" if settable:
                name = draw(st.sampled_from(sorted(settable)))
                events.append(SetOption(draw(st.integers(0, count - 1)), name, draw(settable[name])))
            case "reload":
                events.append(SaveAndReload())
            case "closure":
                events.append(StepWithClosure(grads(), draw(st.sampled_from([0.0, 1.5, -2.0]))))
            case "add" if count < 4:
                events.append(AddGroup(group(defaults)))
                count += 1
            case _:
                events.append(Step(grads()))
    events.append(Step(grads()))
    return OptimizerProgram(component, defaults, tuple(groups), tuple(events))


def _compatible(defaults: Mapping[str, Any], extra: Mapping[str, Any]) -> bool:
    """Whether a group's own options may stand beside the defaults: Nesterov's momentum needs all three of its options."""
    merged = {**defaults, **extra}
    return not merged.get("nesterov") or (merged.get("momentum", 0) > 0 and merged.get("dampening", 0) == 0)


@st.composite
def schedule_programs(
    draw: Draw,
    component: str,
    options: Callable[[Draw], dict[str, Any]],
    *,
    metrics: Callable[[Draw, int], Sequence[float]] | None = None,
    steps: Sequence[int] = (3, 1, 2, 5, 8, 13, 0, 30),
    resumes: bool = True,
) -> ScheduleProgram:
    """A scheduler over one to three base rates, its steps, saves and reloads. `metrics` draws what each step is given."""
    chosen = options(draw)
    base_lrs = tuple(draw(LEARNING_RATES) for _ in range(draw(st.sampled_from([1, 2, 3]))))
    lrs = None
    if metrics is None and resumes and draw(st.sampled_from([False, False, False, True])):
        last = draw(st.integers(0, 10))
        full = {**defaults(rule("schedulers", component)), **chosen}
        lrs = tuple(float(rule("schedulers", component).rate(last, base, **full)) for base in base_lrs)
        chosen = {**chosen, "last_epoch": last}
    count = draw(st.sampled_from(list(steps)))
    given = metrics(draw, count) if metrics else [None] * count
    events: list[Event] = []
    for metric in given:
        events.append(ScheduleStep(metric))
        if draw(st.sampled_from([False] * 9 + [True])):
            events.append(SaveAndReload())
    return ScheduleProgram(component, chosen, base_lrs, lrs, tuple(events))


def programs_of(component: str) -> st.SearchStrategy[Any]:
    """The programs of a component as its own test file draws them."""
    page = clauses.component(component)
    module = importlib.import_module(f"torchstone.conformance.{page.kind}.test_{page.stem}")
    programs: st.SearchStrategy[Any] = module.PROGRAMS
    return programs
