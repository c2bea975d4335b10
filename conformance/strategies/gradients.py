"""Gradient programs: the gradients of a few parameters, of which some may have none."""

import math
from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st

from torchstone.conformance.program import GradientProgram, TensorData
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

_COUNTS = one_of_these(2, 1, 3, 2, 5)


_THERE = one_of_these(True, True, False, True)


@st.composite
def gradient_programs(
    draw: Draw, /, component: str, options: Callable[[Draw], dict[str, Any]], *, missing: bool = True, **fixed: Any
) -> GradientProgram:
    """One gradient at least, the others there or not, with no element sometimes, of one dtype."""
    chosen = {**options(draw), **fixed}
    draw = Choices(draw)
    dtype = draw(DTYPES)
    grads: list[TensorData | None] = []
    for _ in range(draw(_COUNTS)):
        own = shape(draw)
        count = math.prod(own)
        there = not grads or not missing or draw(_THERE)
        grads.append(
            rounded(dtype, own, numbers(draw, count, dtype, draw(MODERATE)), draw(IN_PLACE)) if there else None
        )
    return GradientProgram(component, chosen, tuple(reversed(grads) if draw(BOOLEANS) else grads))
