"""Where an implementation may compute in a narrower dtype than the parameter's, the reference says so and does not."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import torch

NARROWEST: ContextVar[torch.dtype | None] = ContextVar("narrowest", default=None)


@contextmanager
def may_round_to(dtype: torch.dtype) -> Iterator[None]:
    """Within it every result may have the rounding of `dtype`; who asks how far that reaches reads `NARROWEST`."""
    token = NARROWEST.set(dtype)
    try:
        yield
    finally:
        NARROWEST.reset(token)
