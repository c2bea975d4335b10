"""The course of a trajectory: one number of a trace after every event, beside that of the reference and its budget."""

import math
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # torch is imported only where a run needs it
    from torchstone.conformance.budget import Budget, Vector
    from torchstone.conformance.trace import Trace

SHORTEST = 3  # entries without which there is nothing to draw

Place = tuple[str, tuple[int, ...]]  # an output and an element of it
Point = tuple[int, float, float, float]  # the event, the reference, by how much it may be missed, the backend


def course(budget: "Budget", trace: "Trace", at: Place | None = None) -> dict[str, Any] | None:
    """The course of one number, as JSON: that at a place, or the one that leaves its budget farthest.

    None where there are too few events to draw, or the trace does not go along with the program.
    """
    from torchstone.conformance.judge import KNOWN
    from torchstone.conformance.trace import Trace

    if not isinstance(trace, Trace):
        return None
    while budget.runs < KNOWN:
        budget.widen()
    allowed = budget.allowed
    places = [at] if at else [(name, element) for name in _names(budget) for element in _elements(budget, name)]
    found = [
        (points, name, element)
        for name, element in places
        if (points := _points(budget, allowed, trace, name, element))
    ]
    if not found:
        return None
    points, name, element = max(found, key=lambda course: max(map(excess, course[0])))
    columns = zip(*points, strict=True)
    events, *numbers = columns
    return {
        "output": f"{name}{list(element) if element else ''}",
        "events": list(events),
        **{
            title: [number if math.isfinite(number) else str(number) for number in column]
            for title, column in zip(("expected", "budget", "actual"), numbers, strict=True)
        },
    }


def excess(point: Point) -> float:
    """The error in units of the budget; infinite where only one of the two is a number."""
    _, expected, allowed, actual = point
    if expected == actual or (math.isnan(expected) and math.isnan(actual)):
        return 0.0
    error = abs(actual - expected) / allowed if allowed else math.inf
    return error if math.isfinite(error) else math.inf


def _names(budget: "Budget") -> list[str]:
    """The outputs that have a course: what is there at the last event."""
    return list(budget.trace.entries[-1].tensors)


def _elements(budget: "Budget", name: str) -> list[tuple[int, ...]]:
    import numpy as np

    return list(np.ndindex(*budget.trace.entries[-1].tensors[name].shape))


def _points(budget: "Budget", allowed: "Vector", trace: "Trace", name: str, element: tuple[int, ...]) -> list[Point]:
    points = []
    pairs = enumerate(zip(budget.trace.entries, trace.entries, strict=False))
    for index, (exact, found) in pairs:
        if name not in exact.tensors:
            continue
        expected, actual = _number(exact.tensors[name], element), _number(found.tensors.get(name), element)
        if expected is None or actual is None:
            continue
        own = allowed[budget.elements(index, name)].reshape(tuple(exact.tensors[name].shape))
        points.append((index, expected, float(own[element]), actual))
    return points if len(points) >= SHORTEST else []


def _number(tensor: object, element: tuple[int, ...]) -> float | None:
    """An element of a tensor of real numbers, where there is one of that place."""
    from torch import Tensor

    if not isinstance(tensor, Tensor) or tensor.is_complex() or len(element) != tensor.dim():
        return None
    there = all(index < length for index, length in zip(element, tensor.shape, strict=True))
    return float(tensor[element]) if there else None
