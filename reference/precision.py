"""What depends on how the reference is computed and not on numbers alone.

Where an implementation may compute in a narrower dtype than the parameter's, the reference says so and does not.
Where a formula has the machine epsilon, it is that of the dtype under test, though the reference computes in float64.
Where a formula has numbers of its own, such as pi, they are computed with as the options are.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import torch
from torch import Tensor

NARROWEST: ContextVar[torch.dtype | None] = ContextVar("narrowest", default=None)


@contextmanager
def may_round_to(dtype: torch.dtype) -> Iterator[None]:
    """Within it every result may have the rounding of `dtype`; who asks how far that reaches reads `NARROWEST`."""
    token = NARROWEST.set(dtype)
    try:
        yield
    finally:
        NARROWEST.reset(token)


STANDS_FOR: ContextVar[torch.dtype | None] = ContextVar("stands_for", default=None)


@contextmanager
def standing_for(dtype: torch.dtype) -> Iterator[None]:
    """Within it the reference computes in float64 what another computes in `dtype`."""
    token = STANDS_FOR.set(dtype)
    try:
        yield
    finally:
        STANDS_FOR.reset(token)


def machine_epsilon(param: Tensor) -> float:
    """The distance from 1 to the next number of the dtype that a parameter has, or stands for."""
    return torch.finfo(STANDS_FOR.get() or param.dtype).eps


def exact(x: float) -> Any:
    """A number as a tensor of no dimensions in float64, whose arithmetic knows infinities."""
    return torch.tensor(x, dtype=torch.float64)


NUMBER: ContextVar[Callable[[float], Any]] = ContextVar("number", default=exact)


@contextmanager
def numbers_as(number: Callable[[float], Any]) -> Iterator[None]:
    """Within it the reference computes with what this function makes of a number."""
    token = NUMBER.set(number)
    try:
        yield
    finally:
        NUMBER.reset(token)
