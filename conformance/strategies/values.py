"""Numbers, tensors and options: what programs are made of.

The helpers take hypothesis's `draw` and are called inside a `@st.composite`. A whole tensor is one draw of bytes, two
an element: that is fast, and zeros at the end of a shrink mean zeros in the tensor.
"""

import dataclasses
import math
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any, TypeVar

import hypothesis
import torch
from hypothesis import strategies as st

from torchstone.conformance.program import OptimizerProgram, ScheduleProgram, TensorData, TrainingProgram, is_float

T = TypeVar("T")


P = TypeVar("P", OptimizerProgram, ScheduleProgram, TrainingProgram)


Draw = Callable[[st.SearchStrategy[Any]], Any]


OptionStrategies = Mapping[str, st.SearchStrategy[Any]]


CHOICES: dict[st.SearchStrategy[Any], Sequence[Any]] = {}


def one_of_these(*values: Any) -> st.SearchStrategy[Any]:
    """One of these values, at most 2^16, the first where it shrinks, which `Choices` can draw together with others."""
    strategy = st.sampled_from(values)
    CHOICES[strategy] = values
    return strategy


def every(test: T) -> T:
    """A test of few programs, which plays each of them once, however few a profile asks for."""
    return hypothesis.settings(max_examples=200)(test)


DTYPES = one_of_these("float64", "float32", "float64", "bfloat16", "float16")


REDUCTIONS = one_of_these("mean", "sum", "none")


LAYOUTS = one_of_these("contiguous", "contiguous", "transposed", "strided", "broadcast")


# Elements that share memory cannot be changed in place: no layout is broadcast.
IN_PLACE = one_of_these("contiguous", "contiguous", "transposed", "strided")


SIZES = one_of_these(1, 2, 3, 0, 4, 5, 2, 3, 17, 70)


LARGE = 1100  # elements: where vectorised and blocked code runs, and not a multiple of what it takes at once


DIMENSIONS = one_of_these(1, 2, 0, 3, 1, 2)


SQUARE = one_of_these(False, False, False, True)  # where one axis could be taken for the other


BOOLEANS = one_of_these(False, True, True)  # an option that is left out is false as a rule


# How far the magnitudes of one tensor lie apart: a few at about one, from 1e-9 to 10, or all that the dtype has.
RANGES = one_of_these("near", "spread", "near", "spread", "near", "wide")


# The same, but never as far as the dtype goes.
MODERATE = one_of_these("near", "near", "spread")


PLAIN = (0.0, 1.0, -1.0, 0.5, 2.0, -0.5, -2.0, 3.0, 0.25, -3.0)


SPECIAL = (math.nan, math.inf, -math.inf, -0.0, 0.0, 1.0)


def shape(draw: Draw, min_dims: int = 0, max_dims: int = 3, max_elements: int = 300) -> tuple[int, ...]:
    """Mostly a few elements, sometimes none, sometimes more than 64, so that vectorised code runs."""
    dims = min(max(draw(DIMENSIONS), min_dims), max_dims)
    sizes = [draw(SIZES) for _ in range(dims)]
    if dims > 1 and draw(SQUARE):
        sizes[-1] = sizes[-2]
    while math.prod(sizes) > max_elements:
        sizes[sizes.index(max(sizes))] = 2
    return tuple(sizes)


class Choices:
    """In place of `draw`, for programs with many small choices: those of `one_of_these` come from bytes drawn at once,
    which is much faster than a draw for each. Zeros choose the first."""

    def __init__(self, draw: Draw) -> None:
        self.draw = draw
        self.left = b""

    def __call__(self, strategy: st.SearchStrategy[Any]) -> Any:
        values = CHOICES.get(strategy)
        return self.draw(strategy) if values is None else self.choose(values)

    def choose(self, choices: Sequence[T]) -> T:
        """One of these, for choices that depend on others."""
        size = 1 if len(choices) <= 256 else 2
        if len(self.left) < size:
            self.left = _bytes(self.draw, 32)
        index, self.left = int.from_bytes(self.left[:size]), self.left[size:]
        return choices[index % len(choices)]


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


def having(program: P, **options: Any) -> P:
    """The same program with some options of its constructor replaced."""
    return dataclasses.replace(program, options={**program.options, **options})


@cache
def _below(count: int) -> st.SearchStrategy[int]:
    return one_of_these(*range(count))


def decimals(low: float, high: float, *likely: float) -> st.SearchStrategy[float]:
    """The likely values half of the time, and short decimals between the bounds."""
    short = [float(f"{low + (high - low) * i / 999:.4g}") for i in range(1000)]
    # A strategy that maps a number costs three times as much a draw as one that picks from a list.
    return one_of_these(*[likely[i % len(likely)] for i in range(1000 if likely else 0)], *short)


def from_torch(values: torch.Tensor, dtype: str | None = None) -> TensorData:
    """A tensor of these values."""
    dtype = dtype or str(values.dtype).removeprefix("torch.")
    return rounded(dtype, values.shape, values.reshape(-1).tolist())


def reshaped(data: TensorData, change: Callable[[torch.Tensor], torch.Tensor]) -> TensorData:
    """A tensor with its elements moved, repeated or selected by a function, stored in row-major order."""
    exact = torch.tensor(data.data, dtype=torch.float64 if is_float(data.dtype) else torch.int64)
    moved = change(exact.reshape(data.shape))
    return TensorData(data.dtype, tuple(moved.shape), tuple(moved.reshape(-1).tolist()))


def element(values: torch.Tensor, place: int) -> torch.Tensor:
    """One element of a tensor in row-major order; the place wraps around."""
    return values.flatten()[place % values.numel()]


def separate(data: TensorData) -> TensorData:
    """The same numbers in row-major order, no two of them in one place."""
    return dataclasses.replace(data, layout="contiguous")


LEARNING_RATES = decimals(1e-3, 2.0, 0.1, 1e-3, 0.01, 1.0, 1e-4, 0.5)


def as_tensor(number: float, dtype: str = "float64", shape: tuple[int, ...] = ()) -> TensorData:
    """An option as a tensor of one element."""
    return rounded(dtype, shape, (float(number),))


# A learning rate is a number, or a tensor of one element.
TENSOR_RATES = st.one_of(LEARNING_RATES, LEARNING_RATES.map(as_tensor))
