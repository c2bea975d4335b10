"""Average programs: a model that changes, and its average."""

import math
from collections.abc import Callable, Sequence
from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from torchstone.conformance.program import Average, AverageProgram, SaveAndReload, TensorData
from torchstone.conformance.strategies.values import (
    BOOLEANS,
    DTYPES,
    IN_PLACE,
    MODERATE,
    Choices,
    Draw,
    numbers,
    one_of_these,
    rounded,
    shape,
)

_COUNTS = one_of_these(1, 2, 1, 3)


_BUFFERS = one_of_these(0, 1, 0, 2)


_UPDATES = one_of_these(2, 1, 3, 0, 5, 8, 13)


MANY_UPDATES = one_of_these(5, 3, 8, 13)


_RELOADS = one_of_these(False, False, True)


@st.composite
def average_programs(
    draw: Draw,
    /,
    component: str,
    options: Callable[[Draw], dict[str, Any]],
    updates: SearchStrategy[int] = _UPDATES,
    **fixed: Any,
) -> AverageProgram:
    """Models of one to three parameters and up to two buffers, all of one dtype, with a save and reload sometimes."""
    chosen = options(draw)
    draw = Choices(draw)
    if draw(BOOLEANS):
        chosen["use_buffers"] = draw(BOOLEANS)
    dtype, spread = draw(DTYPES), draw(MODERATE)
    shapes = [shape(draw, max_elements=100) for _ in range(draw(_COUNTS))]
    kept = [shape(draw, max_elements=100) for _ in range(draw(_BUFFERS))]

    def tensors(shapes: Sequence[tuple[int, ...]]) -> tuple[TensorData, ...]:
        return tuple(
            rounded(dtype, own, numbers(draw, math.prod(own), dtype, spread), draw(IN_PLACE)) for own in shapes
        )

    events: list[Average | SaveAndReload] = [Average(tensors(shapes), tensors(kept)) for _ in range(draw(updates))]
    if draw(_RELOADS):
        events.insert(len(events) // 2, SaveAndReload())
    return AverageProgram(component, {**chosen, **fixed}, tensors(shapes), tensors(kept), tuple(events))
