"""Strategies: how programs are drawn to reach what ordinary tests miss, and to shrink to what a person can read.

The helpers take hypothesis's `draw` and are called inside a `@st.composite`. A whole tensor is one draw of bytes, two
an element: that is fast, and zeros at the end of a shrink mean zeros in the tensor.
"""

import dataclasses
import importlib
import math
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any, TypeVar

import torch
from hypothesis import strategies as st

from torchstone.conformance import clauses
from torchstone.conformance.oracle import rule
from torchstone.conformance.program import (
    AddGroup,
    Event,
    Group,
    LossProgram,
    OptimizerProgram,
    SaveAndReload,
    Schedule,
    ScheduleProgram,
    ScheduleStep,
    SetOption,
    Step,
    StepWithClosure,
    TensorData,
    TrainingProgram,
    is_float,
)
from torchstone.conformance.trace import Trace
from torchstone.reference.optimizer import defaults

T = TypeVar("T")
Draw = Callable[[st.SearchStrategy[Any]], Any]
OptionStrategies = Mapping[str, st.SearchStrategy[Any]]

CHOICES: dict[st.SearchStrategy[Any], Sequence[Any]] = {}


def one_of_these(*values: Any) -> st.SearchStrategy[Any]:
    """One of these values, the first where it shrinks, which `Choices` can draw together with others."""
    strategy = st.sampled_from(values)
    CHOICES[strategy] = values
    return strategy


DTYPES = one_of_these("float64", "float32", "float64", "bfloat16", "float16")
REDUCTIONS = one_of_these("mean", "sum", "none")
LAYOUTS = one_of_these("contiguous", "contiguous", "transposed", "strided", "broadcast")
SIZES = one_of_these(1, 2, 3, 0, 4, 5, 2, 3, 17, 70)
DIMENSIONS = one_of_these(1, 2, 0, 3, 1, 2)
BOOLEANS = one_of_these(False, True)
# How far the magnitudes of one tensor lie apart: a few at about one, from 1e-9 to 10, or all that the dtype has.
RANGES = one_of_these("near", "spread", "near", "spread", "near", "wide")

PLAIN = (0.0, 1.0, -1.0, 0.5, 2.0, -0.5, -2.0, 3.0, 0.25, -3.0)
SPECIAL = (math.nan, math.inf, -math.inf, -0.0, 0.0, 1.0)


def shape(draw: Draw, min_dims: int = 0, max_dims: int = 3, max_elements: int = 300) -> tuple[int, ...]:
    """Mostly a few elements, sometimes none, sometimes more than 64, so that vectorised code runs."""
    dims = min(max(draw(DIMENSIONS), min_dims), max_dims)
    sizes = [draw(SIZES) for _ in range(dims)]
    while math.prod(sizes) > max_elements:
        sizes[sizes.index(max(sizes))] = 2
    return tuple(sizes)


class Choices:
    """In place of `draw`, for programs with many small choices: those of `one_of_these` come from one draw of bytes."""

    def __init__(self, draw: Draw) -> None:
        self.draw = draw
        self.left = b""

    def __call__(self, strategy: st.SearchStrategy[Any]) -> Any:
        values = CHOICES.get(strategy)
        if values is None:
            return self.draw(strategy)
        self.left = self.left or _bytes(self.draw, 16)
        byte, self.left = self.left[0], self.left[1:]
        return values[byte % len(values)]


@cache
def _binary(count: int) -> st.SearchStrategy[bytes]:
    return st.binary(min_size=count, max_size=count)


def _bytes(draw: Draw, count: int) -> bytes:
    return bytes(draw(_binary(count)))


@cache
def _exponents(dtype: str, spread: str) -> tuple[int, int]:
    info = torch.finfo(getattr(torch, dtype))
    lowest, highest = math.ceil(math.log10(info.smallest_normal * info.eps)), math.floor(math.log10(info.max)) - 1
    low, high = {"near": (-1, 0), "spread": (-9, 1), "wide": (lowest, highest)}[spread]
    return max(low, lowest), min(high, highest)


def numbers(draw: Draw, count: int, dtype: str, spread: str = "near", plain: Sequence[float] = PLAIN) -> list[float]:
    """`count` numbers: one in four from `plain`, the others with two decimal digits, log-uniform over the spread."""
    return decoded(_bytes(draw, 2 * count), dtype, spread, plain)


def decoded(raw: bytes, dtype: str, spread: str, plain: Sequence[float] = PLAIN) -> list[float]:
    """The numbers that bytes stand for, two a number."""
    low, high = _exponents(dtype, spread)
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


def picks(draw: Draw, count: int, choices: Sequence[Any]) -> list[Any]:
    """`count` of the choices, each as likely as it is often among them."""
    return [choices[byte % len(choices)] for byte in _bytes(draw, count)]


def upstream(draw: Draw) -> tuple[float, ...]:
    """An upstream gradient: ones, or a few different numbers that repeat over the value."""
    return (1.0,) if draw(BOOLEANS) else tuple(numbers(draw, 3, "float16", "near", (1.0, -1.0, 2.0, 0.5, 0.0)))


def options(draw: Draw, **choices: st.SearchStrategy[Any]) -> dict[str, Any]:
    """Options by name, each left at its default half of the time."""
    chosen = draw(_below(2 ** len(choices)))
    return {name: draw(choice) for bit, (name, choice) in enumerate(choices.items()) if chosen >> bit & 1}


@cache
def _below(count: int) -> st.SearchStrategy[int]:
    return st.integers(0, count - 1)


def decimals(low: float, high: float, *likely: float) -> st.SearchStrategy[float]:
    """The likely values half of the time, and short decimals between the bounds."""

    def number(i: int) -> float:
        return likely[i % len(likely)] if likely and i < 1000 else float(f"{low + (high - low) * (i % 1000) / 999:.4g}")

    return st.integers(0, 1999).map(number)


REDUCTION_OPTIONS = one_of_these({}, {"reduction": "none"}, {"reduction": "sum"}, {"reduction": "mean"})
CLASSES = one_of_these(3, 2, 1, 4, 5, 17, 70)
SAMPLES = one_of_these(2, 1, 3, 0, 4, 17)
MORE_AXES = one_of_these((), (), (2,), (), (2, 3), (1,), (0,), (5,))
MASKS = one_of_these(*range(256))
GRADIENTS = one_of_these(2, 1, 2, 0)
RARELY = one_of_these(False, False, False, False, False, True)
CUTS = one_of_these(0, 0, 1, 9)


def loss_program(
    draw: Draw,
    component: str,
    tensors: Mapping[str, TensorData],
    options: Mapping[str, Any],
    *,
    reduction: str | None = None,
    gradients: Sequence[str] = ("input",),
) -> LossProgram:
    """A loss of these tensors, with the reduction (unless it is given) and the upstream gradient drawn. Where several
    gradients may be taken, all are, or the first alone, or none."""
    given = draw(REDUCTION_OPTIONS) if reduction is None else {"reduction": reduction}
    wanted = tuple(gradients)[: draw(GRADIENTS)]
    return LossProgram(component, {**options, **given}, dict(tensors), wanted, upstream(draw))


def repeatable(draw: Draw, whole: Sequence[int]) -> tuple[int, ...]:
    """A shape that broadcasts to the whole one: some axes are 1, and some of the first are left out."""
    mask, cut = draw(MASKS), draw(CUTS)
    return tuple(1 if mask >> axis & 1 else size for axis, size in enumerate(whole))[cut:]


def repeatable_pair(draw: Draw, whole: Sequence[int]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Two shapes that broadcast to the whole one together."""
    mask, cut = draw(MASKS), draw(CUTS)
    left = tuple(1 if mask >> axis & 1 and not mask >> axis + 4 & 1 else n for axis, n in enumerate(whole))
    right = tuple(1 if mask >> axis + 4 & 1 and not mask >> axis & 1 else n for axis, n in enumerate(whole))
    return (left, right[cut:]) if mask & 1 else (right[cut:], left)


@st.composite
def elementwise_programs(
    draw: Draw,
    component: str,
    tensors: Callable[[Draw, str, tuple[int, ...]], tuple[TensorData, TensorData]],
    *,
    weights: Sequence[str] = (),
    reduction: str | None = None,
    batch: bool = False,
) -> LossProgram:
    """A loss of an input and a target that `tensors` draws for a dtype and a shape, with weights that broadcast to it.
    With `batch` there is a first axis, which every tensor has in full."""
    draw = Choices(draw)
    dtype, whole = draw(DTYPES), shape(draw, min_dims=int(batch))
    input, target = tensors(draw, dtype, whole)
    options = {
        name: positive(draw, dtype, whole if batch else repeatable(draw, whole)) for name in weights if draw(BOOLEANS)
    }
    given = {"input": input, "target": target}
    return loss_program(draw, component, given, options, reduction=reduction, gradients=("input", "target"))


def class_shape(draw: Draw, batch: bool = False) -> tuple[int, ...]:
    """The shape of an input that holds classes: mostly (N, C), sometimes (C), sometimes (N, C, ...)."""
    classes = draw(CLASSES)
    samples = draw(SAMPLES)
    axes = (samples, classes, *draw(MORE_AXES))
    if not batch and draw(RARELY):
        return (classes,)
    return axes if math.prod(axes) <= 600 else (2, classes)


def class_axis(shape: Sequence[int]) -> int:
    """Where the classes lie in an input of this shape."""
    return 0 if len(shape) == 1 else 1


def without_axis(shape: Sequence[int], axis: int) -> tuple[int, ...]:
    return (*shape[:axis], *shape[axis + 1 :])


def class_targets(draw: Draw, shape: Sequence[int], ignore_index: int | None) -> TensorData:
    """Class indices for an input of this shape; where an index is ignored, some of them, none or all are."""
    axis = class_axis(shape)
    also = () if ignore_index is None else (ignore_index,)
    classes = 0 if also and draw(RARELY) else shape[axis]
    return indices(draw, without_axis(shape, axis), classes, also)


IGNORED = one_of_these(None, -100, -1, 0, 1, 255)


def class_options(draw: Draw, dtype: str, classes: int) -> tuple[dict[str, Any], int | None]:
    """`weight` and `ignore_index`, and the index to ignore where one should be met."""
    found: dict[str, Any] = {}
    if draw(BOOLEANS):
        found["weight"] = positive(draw, dtype, (classes,))
    ignored = draw(IGNORED)
    if ignored is not None and ignored != -100:
        found["ignore_index"] = ignored
    return found, ignored


def value_shape(program: LossProgram) -> tuple[int, ...]:
    """The shape of the unreduced value."""
    shape = program.tensors["input"].shape
    if program.component in ("nll", "cross_entropy"):
        return without_axis(shape, class_axis(shape))
    target = program.tensors.get("target")
    return tuple(torch.broadcast_shapes(shape, target.shape)) if target else shape


def exact_upstream(program: LossProgram, shape: Sequence[int]) -> torch.Tensor:
    """The upstream gradient of a value of this shape, as the backend gets it."""
    given = program.upstream_for(math.prod(shape))
    return torch.tensor(given, dtype=getattr(torch, program.dtype)).double().reshape(tuple(shape))


def from_torch(values: torch.Tensor, dtype: str | None = None) -> TensorData:
    """A tensor of these values."""
    dtype = dtype or str(values.dtype).removeprefix("torch.")
    return rounded(dtype, values.shape, values.reshape(-1).tolist())


def reshaped(data: TensorData, change: Callable[[torch.Tensor], torch.Tensor]) -> TensorData:
    """A tensor with its elements moved, repeated or selected by a function, stored in row-major order."""
    exact = torch.tensor(data.data, dtype=torch.float64 if is_float(data.dtype) else torch.int64)
    moved = change(exact.reshape(data.shape))
    return TensorData(data.dtype, tuple(moved.shape), tuple(moved.reshape(-1).tolist()))


def separate(data: TensorData) -> TensorData:
    """The same numbers in row-major order, no two of them in one place."""
    return dataclasses.replace(data, layout="contiguous")


LEARNING_RATES = decimals(1e-3, 2.0, 0.1, 1e-3, 0.01, 1.0, 1e-4, 0.5)


LEARNING_RATES = decimals(1e-3, 2.0, 0.1, 1e-3, 0.01, 1.0, 1e-4, 0.5)


def as_tensor(number: float, dtype: str = "float64", shape: tuple[int, ...] = ()) -> TensorData:
    """An option as a tensor of one element."""
    return rounded(dtype, shape, (float(number),))


# A learning rate is a number, or a tensor of one element.
TENSOR_RATES = st.one_of(LEARNING_RATES, LEARNING_RATES.map(as_tensor))
GAMMAS = decimals(0.0, 2.0, 0.5, 0.1, 0.0, 1.0, 10.0)  # more than 10 overflows within the steps that are played
WHOLE = st.sampled_from([2, 1, 3, 5, 7, 4, 12])


EVENTS = ("step", "step", "step", "set", "reload", "closure", "add")
LENGTHS = (1, 2, 3, 2, 1, 3, 2, 4, 1, 2, 3, 6, 2, 12)
COUNTS = (1, 2, 1, 1, 2, 3)
SHAPES: tuple[tuple[int, ...], ...] = (
    *((1,), (2,), (), (3,), (2, 2), (2, 3), (4,), (1, 3), (5,)),
    *((3, 1, 2), (2,), (3,), (0,), (2, 0, 3), (70,), (2, 17)),
)
INHABITED = tuple(shape for shape in SHAPES if 0 not in shape)
STARTS = st.sampled_from(["any", "zero", "near", "spread"])
ZEROS = st.just("zero")
AWAY = st.sampled_from(["near", "spread"])
SWITCHES = st.sampled_from(
    [(True, False), (False, True), (True, True, False), (False, False, True), (True, False, False)]
)
TAME = st.sampled_from(["near", "spread"])  # far from overflow in every dtype
WIDE_DTYPES = st.sampled_from(["float64", "float32", "bfloat16"])  # those where no default option underflows
DECAYS = decimals(0.01, 1.0, 0.1, 0.01, 1.0)
BETA1 = decimals(0.0, 0.99, 0.9, 0.0, 0.5)
BETA2 = decimals(0.0, 0.999, 0.999, 0.99, 0.5, 0.0)
BETAS = st.tuples(BETA1, BETA2)
EPSILONS = st.sampled_from([1e-8, 1e-3, 0.0, 1.0, 1e-8, 1e-12])
LARGE_EPSILONS = st.sampled_from([1e-3, 1.0, 0.1])  # more than zero in every dtype
PLACES = st.integers(0, 99)
SIGNS = st.sampled_from([1.0, -1.0])
NEGATIVE = st.sampled_from([-1.0, -1e-9, -math.inf, math.nan, as_tensor(-1.0)])
DICE = st.binary(min_size=64, max_size=64)
ELEMENTS = 1000  # from here on the numbers of a program repeat


class Dice:
    """Small choices from bytes drawn at once, which is much faster than a draw for each. Zeros choose the first."""

    def __init__(self, draw: Draw) -> None:
        self.bytes = draw(DICE)
        self.position = 0

    def choose(self, choices: Sequence[T]) -> T:
        self.position += 1
        return choices[self.bytes[self.position % len(self.bytes)] % len(choices)]


@st.composite
def optimizer_programs(
    draw: Draw,
    component: str,
    options: Callable[[Draw], dict[str, Any]],
    *,
    settable: OptionStrategies | None = None,
    dtypes: st.SearchStrategy[str] = DTYPES,
    steps: tuple[int, int] = (1, 12),
    kinds: Sequence[str] = EVENTS,
    nones: bool = True,
    groups: int = 3,
    params: int = 2,
    starts: st.SearchStrategy[str] = STARTS,
    spreads: st.SearchStrategy[str] = RANGES,
    layouts: bool = False,
    empties: bool = True,
) -> OptimizerProgram:
    """An optimizer over up to `groups` groups of up to `params` parameters, and events of which the last is a step.

    `options` draws a dict of constructor options; `settable` names those that may change in mid-run. Parameters start
    at zero or tiny as often as at about one, so that an update is seen in full and not under the parameter's own ulp.
    """
    dtype, spread, start, dice = draw(dtypes), draw(spreads), draw(starts), Dice(draw)
    shapes: list[tuple[int, ...]] = []
    vague: list[tuple[TensorData, str]] = []  # tensors whose numbers are not drawn yet, and what they are like

    def later(shape: tuple[int, ...], like: str, layout: str) -> TensorData:
        vague.append((TensorData(dtype, shape, (0.0,) * math.prod(shape), layout), like))
        return vague[-1][0]

    def param() -> TensorData:
        shapes.append(dice.choose(SHAPES if empties else INHABITED))
        like = dice.choose(("zero", "near", "spread", "zero")) if start == "any" else start
        # The elements of a parameter do not share memory (optimizer.13), so that it is never broadcast.
        return later(shapes[-1], like, dice.choose(APART) if layouts else "contiguous")

    def group(extra: Mapping[str, Any]) -> Group:
        return Group(tuple(param() for _ in range(min(params, dice.choose(COUNTS)))), dict(extra))

    def own() -> dict[str, Any]:
        extra = options(draw) if dice.choose((False, True)) else {}
        return extra if _compatible(defaults, extra) else {}

    def grads() -> tuple[TensorData | None, ...]:
        return tuple(
            None
            if nones and dice.choose((False, False, False, True))
            else later(shape, spread, dice.choose(MEMORY) if layouts else "contiguous")
            for shape in shapes
        )

    defaults = options(draw)
    found = [group({}), *(group(own()) for _ in range(min(groups, dice.choose(COUNTS)) - 1))]
    count = len(found)
    events: list[Event] = []
    low, high = steps
    for _ in range(dice.choose([n for n in LENGTHS if low <= n <= high] or [low]) - 1):
        match dice.choose(kinds):
            case "set" if settable:
                name = dice.choose(sorted(settable))
                events.append(SetOption(dice.choose(range(count)), name, draw(settable[name])))
            case "reload":
                events.append(SaveAndReload())
            case "closure":
                events.append(StepWithClosure(grads(), dice.choose((0.0, 1.5, -2.0))))
            case "add" if count < 4:
                events.append(AddGroup(group(own())))
                count += 1
            case _:
                events.append(Step(grads()))
    events.append(Step(grads()))
    program = OptimizerProgram(component, defaults, tuple(found), tuple(events))
    return _filled(program, vague, _bytes(draw, 2 * min(ELEMENTS, sum(len(data.data) for data, _ in vague))))


APART = ("contiguous", "transposed", "strided")
MEMORY = (*APART, "broadcast")


def _filled(program: OptimizerProgram, vague: Sequence[tuple[TensorData, str]], raw: bytes) -> OptimizerProgram:
    """The program with its numbers, which `raw` stands for, two bytes a number, again from the start where it ends."""
    filled: dict[int, TensorData] = {}
    position = 0
    for data, like in vague:
        count = 2 * len(data.data)
        own = raw[position : position + count] if position + count <= len(raw) else (raw[2:] * 3)[:count]
        position = (position + count) % max(2, len(raw))
        if like != "zero" and count:
            values = decoded(own, data.dtype, like)
            if data.layout == "broadcast" and data.shape:
                values = values[: math.prod(data.shape[1:])] * data.shape[0]
            filled[id(data)] = rounded(data.dtype, data.shape, values, data.layout)

    def fill(data: TensorData) -> TensorData:
        return filled.get(id(data), data)

    return reworked(program, param=fill, grad=fill)


def _compatible(defaults: Mapping[str, Any], extra: Mapping[str, Any]) -> bool:
    """Whether a group's own options may stand beside the defaults: Nesterov's momentum needs three of them."""
    merged = {**defaults, **extra}
    return not merged.get("nesterov") or (merged.get("momentum", 0) > 0 and merged.get("dampening", 0) == 0)


def one_parameter(
    component: str, options: Callable[[Draw], dict[str, Any]], *, steps: tuple[int, int] = (1, 6), **more: Any
) -> st.SearchStrategy[OptimizerProgram]:
    """Programs of one parameter with elements and a few plain steps, each with a gradient."""
    plain = {"kinds": ("step",), "nones": False, "groups": 1, "params": 1, "empties": False}
    return optimizer_programs(component, options, steps=steps, **{**plain, **more})


def building(component: str, **options: Any) -> OptimizerProgram:
    """An optimizer with these options over one parameter of one zero, and a first step."""
    zero, one = TensorData("float64", (1,), (0.0,)), TensorData("float64", (1,), (1.0,))
    return OptimizerProgram(component, options, (Group((zero,)),), (Step((one,)),))


def having(program: OptimizerProgram, **options: Any) -> OptimizerProgram:
    """The same program with some options of its constructor replaced."""
    return dataclasses.replace(program, options={**program.options, **options})


def reworked(
    program: OptimizerProgram,
    *,
    param: Callable[[TensorData], TensorData] = lambda data: data,
    grad: Callable[[TensorData], TensorData | None] = lambda data: data,
    options: Callable[[dict[str, Any]], dict[str, Any]] = lambda given: given,
) -> OptimizerProgram:
    """The same program, its parameters, gradients or options (also those set in mid-run) put through a function."""

    def group(each: Group) -> Group:
        return Group(tuple(map(param, each.params)), options(dict(each.options)))

    def event(each: Any) -> Any:
        match each:
            case Step(grads) | StepWithClosure(grads):
                return dataclasses.replace(each, grads=tuple(None if g is None else grad(g) for g in grads))
            case SetOption(_, name, value):
                return dataclasses.replace(each, value=options({name: value})[name])
            case AddGroup(added):
                return AddGroup(group(added))
        return each

    return OptimizerProgram(
        program.component,
        options(dict(program.options)),
        tuple(map(group, program.groups)),
        tuple(map(event, program.events)),
    )


def changed(data: TensorData, change: Callable[[float], float]) -> TensorData:
    """A tensor with every element put through a function, in the same dtype and layout."""
    return rounded(data.dtype, data.shape, [change(value) for value in data.data], data.layout)


def times(scale: float) -> Callable[[TensorData], TensorData]:
    """A function that multiplies tensors by a number."""
    return lambda data: changed(data, lambda value: scale * value)


def planted(data: TensorData, place: int, value: float) -> TensorData:
    """A tensor with one element replaced, as it lies in memory in row-major order; the place wraps around."""
    values = list(data.data)
    values[place % len(values)] = value
    return TensorData(data.dtype, data.shape, tuple(values))


def with_grads(program: OptimizerProgram, grads: Sequence[TensorData]) -> OptimizerProgram:
    """A program of one parameter and plain steps, with other gradients."""
    return dataclasses.replace(program, events=tuple(Step((grad,)) for grad in grads))


def with_events(program: OptimizerProgram, events: Sequence[Event]) -> OptimizerProgram:
    """A program with other events."""
    return dataclasses.replace(program, events=tuple(events))


def switching(program: OptimizerProgram, name: str, values: Sequence[Any]) -> OptimizerProgram:
    """The same steps, each under the next of these values of an option, in turn."""
    events: list[Event] = []
    for index, event in enumerate(program.events):
        events += [SetOption(0, name, values[index % len(values)]), event] if index else [event]
    return with_events(having(program, **{name: values[0]}), events)


def as_component(program: OptimizerProgram, component: str, options: Mapping[str, Any]) -> OptimizerProgram:
    """The same parameters and events for another component."""
    return dataclasses.replace(program, component=component, options=dict(options))


def normalised(program: OptimizerProgram) -> torch.Tensor:
    """The first gradient divided by its size plus epsilon, times the learning rate, in the direction of ascent."""
    grad = program.events[0].grads[0].torch(torch.float64)
    sign = -1.0 if program.options.get("maximize") else 1.0
    return sign * program.options["lr"] * grad / (grad.abs() + program.options["eps"])


def rising(program: OptimizerProgram) -> OptimizerProgram:
    """The same steps of one parameter with, element by element, the smallest gradient first and the largest last."""
    grads = [event.grads[0] for event in program.events]
    ordered = zip(*(sorted(each, key=abs) for each in zip(*(grad.data for grad in grads), strict=True)), strict=True)
    shape = grads[0].shape
    return with_grads(
        program, [TensorData(program.dtype, shape, each) for each in ordered] if math.prod(shape) else grads
    )


def penalised(program: OptimizerProgram, trace: Trace, decay: float) -> OptimizerProgram:
    """The same steps of one parameter, each gradient with `decay` times the parameter of the trace added to it."""
    grads = []
    for index, event in enumerate(program.events):
        given, theta = event.grads[0], trace.param(0, after=index).double()
        total = given.torch(torch.float64) + decay * theta
        grads.append(rounded(given.dtype, given.shape, total.flatten().tolist()))
    return with_grads(program, grads)


@st.composite
def schedule_programs(
    draw: Draw,
    component: str,
    options: Callable[[Draw], dict[str, Any]],
    *,
    each: OptionStrategies | None = None,
    metrics: Callable[[Draw, int], Sequence[float]] | None = None,
    steps: Sequence[int] = (3, 1, 2, 5, 8, 13, 0, 30),
) -> ScheduleProgram:
    """A scheduler over one to three base rates, its steps, saves and reloads.

    `each` has the options that may list one number a group. `metrics` draws what each step is given.
    """
    chosen = options(draw)
    base_lrs = tuple(draw(LEARNING_RATES) for _ in range(draw(st.sampled_from([1, 2, 3]))))
    for name, one in (each or {}).items():
        if draw(BOOLEANS):
            chosen[name] = tuple(draw(one) for _ in base_lrs)
    count = draw(st.sampled_from(list(steps)))
    events: list[Event] = [ScheduleStep(metric) for metric in (metrics(draw, count) if metrics else [None] * count)]
    if draw(st.sampled_from([False, False, True])):
        events.insert(draw(st.integers(0, count)), SaveAndReload())
    return ScheduleProgram(component, chosen, base_lrs, None, tuple(events))


def option(program: ScheduleProgram, name: str) -> Any:
    """An option of a scheduler, or its default."""
    return {**defaults(rule("schedulers", program.component)), **program.options}[name]


def stepped(program: ScheduleProgram, count: int) -> ScheduleProgram:
    """The same scheduler, stepped `count` times without a metric and with nothing else in between."""
    return dataclasses.replace(program, events=(ScheduleStep(),) * count)


@st.composite
def resumed_programs(draw: Draw, component: str, reached: int) -> ScheduleProgram:
    """A closed form resumed with `last_epoch` = k, where the rates of t = k + `reached` are in force."""
    program = draw(programs_of(component))
    last = draw(st.integers(0, 10))
    options = {name: option(program, name) for name in defaults(rule("schedulers", component))}
    rates = [rule("schedulers", component).rate(last + reached, base, **options) for base in program.base_lrs]
    resumed = {**program.options, "last_epoch": last}
    lrs = tuple(float(rate) for rate in rates)
    return dataclasses.replace(
        program, options=resumed, base_lrs=program.base_lrs[:2], lrs=lrs[:2], events=program.events[:6]
    )


@st.composite
def programs_with_bad(
    draw: Draw, programs: st.SearchStrategy[ScheduleProgram], bad: Mapping[str, Sequence[Any]]
) -> ScheduleProgram:
    """A scheduler's program in which one option has one of the values that `bad` lists for it."""
    name, value = draw(st.sampled_from([(name, value) for name, values in bad.items() for value in values]))
    program = draw(programs)
    return dataclasses.replace(program, options={**program.options, name: value})


SETTABLE: Mapping[str, OptionStrategies] = {
    "sgd": {"momentum": decimals(0.0, 1.0, 0.9), "weight_decay": decimals(0.0, 1.0, 0.1)},
    "adam": {"weight_decay": decimals(0.0, 1.0, 0.1)},
}


@st.composite
def training_programs(
    draw: Draw,
    *schedules: st.SearchStrategy[ScheduleProgram],
    dtypes: st.SearchStrategy[str] = DTYPES,
    kinds: Sequence[str] = ("schedule", "step", "schedule", "step", "schedule", "reload", "set"),
) -> TrainingProgram:
    """An optimizer driven by one scheduler of each strategy, with their events in any interleaving.

    The groups are those of the first scheduler, whose metrics are used in their order and then again from the start.
    """
    drawn = [draw(programs) for programs in schedules]
    none = None if hasattr(rule("schedulers", drawn[0].component), "rate") else 1.0
    metrics = [event.metric for event in drawn[0].events if isinstance(event, ScheduleStep)] or [none]
    component, dtype = draw(st.sampled_from(["sgd", "adam"])), draw(dtypes)
    shapes = [(draw(st.sampled_from([1, 2, 3])),) for _ in drawn[0].base_lrs]

    def grads() -> tuple[TensorData, ...]:
        return tuple(tensor(draw, dtype, shape, "near", layouts=False) for shape in shapes)

    groups = tuple(
        Group((param,), {"lr": lr, **options(draw, **SETTABLE[component])})
        for param, lr in zip(grads(), drawn[0].base_lrs, strict=True)
    )
    events: list[Event] = []
    taken = 0
    for kind in draw(st.lists(st.sampled_from(kinds), min_size=1, max_size=12)):
        match kind:
            case "schedule":
                index = draw(st.integers(0, len(drawn) - 1)) if len(drawn) > 1 else 0
                events.append(ScheduleStep(metrics[taken % len(metrics)] if index == 0 else None, index))
                taken += index == 0
            case "reload":
                events.append(SaveAndReload())
            case "set":
                name = draw(st.sampled_from(sorted(SETTABLE[component])))
                value = draw(SETTABLE[component][name])
                events.append(SetOption(draw(st.integers(0, len(groups) - 1)), name, value))
            case _:
                events.append(Step(grads()))
    chosen = tuple(Schedule(program.component, program.options) for program in drawn)
    return TrainingProgram(component, {}, groups, chosen, tuple(events))


def by_hand(program: TrainingProgram, trace: Trace) -> OptimizerProgram:
    """The same steps of the optimizer without schedulers, with the rates of the trace set before them."""
    groups = range(len(program.groups))
    events: list[Event] = [SetOption(i, "lr", trace.lr(0)[i].item()) for i in groups]
    for after, event in enumerate(program.events, 1):
        if isinstance(event, ScheduleStep):
            events += [SetOption(i, "lr", trace.lr(after)[i].item()) for i in groups]
        elif not isinstance(event, SaveAndReload):
            events.append(event)
    return OptimizerProgram(program.component, program.options, program.groups, tuple(events))


def schedule_alone(program: TrainingProgram) -> ScheduleProgram:
    """The first scheduler of a training program with its own steps only, over the same base rates."""
    schedule = program.schedules[0]
    events = tuple(event for event in program.events if isinstance(event, ScheduleStep) and event.index == 0)
    return ScheduleProgram(
        schedule.component, schedule.options, tuple(group.options["lr"] for group in program.groups), None, events
    )


def batches_of(component: str) -> st.SearchStrategy[Any]:
    """The programs of a loss whose samples lie along the first axis of all its tensors, reduced by `none`."""
    page = clauses.component(component)
    module = importlib.import_module(f"torchstone.conformance.{page.kind}.test_{page.stem}")
    batches: st.SearchStrategy[Any] = module.BATCHES
    return batches


def programs_of(component: str) -> st.SearchStrategy[Any]:
    """The programs of a component as its own test file draws them."""
    programs: st.SearchStrategy[Any] = tests_of(component).PROGRAMS
    return programs


def tests_of(component: str) -> Any:
    """The module with the tests of a component, which also says what its programs are."""
    page = clauses.component(component)
    return importlib.import_module(f"torchstone.conformance.{page.kind}.test_{page.stem}")
