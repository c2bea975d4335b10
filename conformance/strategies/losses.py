"""Loss programs: shapes, classes, targets and upstream gradients."""

import itertools
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import torch
from hypothesis import strategies as st

from torchstone.conformance.program import LossProgram, TensorData
from torchstone.conformance.strategies.components import tests_of
from torchstone.conformance.strategies.values import (
    BOOLEANS,
    DTYPES,
    SQUARE,
    Choices,
    Draw,
    data,
    indices,
    one_of_these,
    picks,
    positive,
    rounded,
    shape,
    upstream,
)

REDUCTION_OPTIONS = one_of_these({}, {"reduction": "none"}, {"reduction": "sum"}, {"reduction": "mean"})


CLASSES = one_of_these(3, 2, 1, 4, 5, 17, 70)


SAMPLES = one_of_these(2, 1, 3, 0, 4, 17)


MORE_AXES = one_of_these((), (), (2,), (), (2, 3), (1,), (0,), (5,))


MASKS = one_of_these(*range(256))


GRADIENTS = one_of_these(2, 1, 2, 0)


RARELY = one_of_these(False, False, False, False, False, True)


CUTS = one_of_these(0, 0, 1, 9)


FULL_IN = one_of_these("both", "first", "second")


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
    full, cut = [draw(FULL_IN) for _ in whole], draw(CUTS)
    one = tuple(1 if where == "second" else n for where, n in zip(full, whole, strict=True))
    other = tuple(1 if where == "first" else n for where, n in zip(full, whole, strict=True))
    return (one, other[cut:]) if draw(BOOLEANS) else (other[cut:], one)


@st.composite
def elementwise_programs(
    draw: Draw,
    component: str,
    tensors: Callable[[Draw, str, tuple[int, ...]], tuple[TensorData, TensorData]],
    *,
    weights: Sequence[str] = (),
    numbers: Mapping[str, st.SearchStrategy[Any]] = {},
    reduction: str | None = None,
    batch: bool = False,
    gradients: Sequence[str] = ("input", "target"),
) -> LossProgram:
    """A loss of an input and a target that `tensors` draws for a dtype and a shape, with weights that broadcast to it
    and numbers among its options. With `batch` there is a first axis, which every tensor has in full."""
    draw = Choices(draw)
    dtype, whole = draw(DTYPES), shape(draw, min_dims=int(batch))
    input, target = tensors(draw, dtype, whole)
    options = {
        name: positive(draw, dtype, whole if batch else repeatable(draw, whole)) for name in weights if draw(BOOLEANS)
    }
    options |= {name: draw(number) for name, number in numbers.items() if draw(BOOLEANS)}
    given = {"input": input, "target": target}
    return loss_program(draw, component, given, options, reduction=reduction, gradients=gradients)


def labels(draw: Draw, dtype: str, shape: Sequence[int]) -> TensorData:
    """A tensor of 1 and -1, which say whether two things are alike, or which of them comes first."""
    return data(draw, dtype, shape, picks(draw, math.prod(shape), (1.0, -1.0)))


def class_shape(draw: Draw, batch: bool = False) -> tuple[int, ...]:
    """The shape of an input that holds classes: mostly (N, C), sometimes (C), sometimes (N, C, ...)."""
    classes = draw(CLASSES)
    samples = classes if draw(SQUARE) else draw(SAMPLES)
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
    """Class indices for an input of this shape; where an index is ignored, a third of them, none or all are."""
    axis = class_axis(shape)
    also = () if ignore_index is None else (ignore_index,) * max(1, shape[axis] // 2)
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


def first(program: LossProgram) -> TensorData:
    """The first tensor of the call."""
    return next(iter(program.tensors.values()))


def value_shape(program: LossProgram) -> tuple[int, ...]:
    """The shape of the unreduced value: what the component's tests say, and otherwise that of all tensors together."""
    said: Callable[[LossProgram], tuple[int, ...]] | None = getattr(tests_of(program.component), "value_shape", None)
    if said:
        return said(program)
    shape = first(program).shape
    if program.component in ("nll", "cross_entropy"):
        return without_axis(shape, class_axis(shape))
    target = program.tensors.get("target")
    return tuple(torch.broadcast_shapes(shape, target.shape)) if target else shape


def exact_upstream(program: LossProgram, shape: Sequence[int]) -> torch.Tensor:
    """The upstream gradient of a value of this shape, as the backend gets it."""
    given = program.upstream_for(math.prod(shape))
    return torch.tensor(given, dtype=getattr(torch, program.dtype)).double().reshape(tuple(shape))


def of_shapes(
    component: str, names: Sequence[str], shapes: Iterable[Sequence[tuple[int, ...]]], dtype: str
) -> Iterator[LossProgram]:
    """Programs of ones whose tensors have each of these shapes, in every order."""
    for order in itertools.chain.from_iterable(map(itertools.permutations, shapes)):
        tensors = {
            name: rounded(dtype, shape, [1.0] * math.prod(shape)) for name, shape in zip(names, order, strict=True)
        }
        yield LossProgram(component, {}, tensors)
