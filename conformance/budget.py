"""By how much honest implementations may miss the numbers of a program: the model of spec/accuracy.md.

The reference is played again with random rounding, run by run and only as often as somebody asks, and what an element
moved by in these runs, times `SAFETY`, is what it may be off by, or `FLOOR` ulp where that is more.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from functools import cached_property
from itertools import accumulate
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from torchstone.conformance import oracle
from torchstone.conformance.program import Program, ScheduleProgram, ScheduleStep, TrainingProgram
from torchstone.conformance.rounding import NOISE, Rounding
from torchstone.conformance.trace import Entry, Trace, flat

Vector = NDArray[np.float64]

SAFETY = 4.0
FLOOR = 2.0
RUNS = 24
# Times as many where rounding moves a number by more than itself, or may choose another way for the computation to go:
# there a few say little of the others.
MORE = 10
UNLIKE = 0.5  # where more than this share of the runs took each a way of its own, more of them do not help


class Spread:
    """A vector of numbers that the reference computes, and how far random rounding moves each of them."""

    def __init__(self, exact: Vector) -> None:
        self.exact = exact
        self.spread = np.zeros_like(exact)
        self.settled = np.ones_like(exact, dtype=bool)  # False where rounding decides if it is a number
        self.runs = 0

    def moved(self, run: int) -> Vector:
        """The vector in one run with random rounding."""
        raise NotImplementedError

    @property
    def chooses(self) -> bool:
        """Whether what is computed hangs on a choice between numbers."""
        return False

    @property
    def undecided(self) -> bool:
        """Whether rounding could choose another way for the computation to go than in the runs that were made."""
        return False

    def widen(self) -> None:
        """Make one more run, and keep the largest distance from the exact numbers."""
        moved = self.moved(self.runs)
        self.runs += 1
        with np.errstate(all="ignore"):
            distance = np.abs(moved - self.exact)
        self.spread = np.maximum(self.spread, np.where(np.isfinite(distance), distance, 0.0))
        self.settled &= np.isfinite(moved) == np.isfinite(self.exact)
        self.settled &= np.isnan(moved) == np.isnan(self.exact)


class Budget(Spread):
    """The reference's outputs for one program, end to end in one vector, and by how much honest implementations may
    miss them."""

    def __init__(self, program: Program, reference: Any = oracle) -> None:
        self.program = program
        self.reference = reference
        self.trace = reference.play(program)
        self.places = [(index, name) for index, entry in enumerate(self.trace.entries) for name in entry.tensors]
        self.outputs = [self.trace.entries[index].tensors[name] for index, name in self.places]
        super().__init__(self.trace.numbers)
        self._named = list(zip(self.places, self.outputs, strict=True))
        self._moved: list[Vector] = []
        self._margins: list[list[tuple[float, ...]]] = []  # by run and entry
        self._chooses = False

    def moved(self, run: int) -> Vector:
        """The outputs in one run; the runs are kept, for a law may need them too."""
        while len(self._moved) <= run:
            trace = self.reference.play_rounded(self.program, len(self._moved))
            moved = trace.numbers
            self._margins.append([entry.margins for entry in trace.entries])
            self._chooses |= any(entry.chooses for entry in trace.entries)
            with np.errstate(all="ignore"):
                self._moved.append(moved if self.chain is None else self.exact + (moved - self.exact) * self.chain)
        return self._moved[run]

    @property
    def chooses(self) -> bool:
        return self._chooses

    @property
    def undecided(self) -> bool:
        courses = [sum(margins, ()) for margins in self._margins]
        if len({len(course) for course in courses}) > 1:
            return True
        margins = np.array(courses)
        with np.errstate(all="ignore"):
            spread = np.abs(margins - margins[0]).max(axis=0, initial=0.0)
            return bool((np.abs(margins[0]) < SAFETY * spread).any())

    def news(self) -> list[float]:
        """For each entry, how likely another run is to come there by a way that none has taken: the share of the runs
        whose way no other took (Good 1953)."""
        signs = ([tuple(np.nan_to_num(np.sign(margins))) for margins in course] for course in self._margins)
        ways = [accumulate(course) for course in signs]
        taken: list[Counter[Any]] = [Counter(each) for each in zip(*ways, strict=True)]
        return [sum(count == 1 for count in way.values()) / len(self._margins) for way in taken]

    def lost(self, trace: Trace, most: int) -> NDArray[np.bool_]:
        """Which elements of a trace cannot be judged, or not after so many runs."""
        found = self._departed(trace)
        if self.runs >= most and self.undecided:
            limit = 0.0 if self.runs >= MORE * most else UNLIKE
            news = self.news()
            for index, name in self.places:
                found[self.elements(index, name)] |= news[index] > limit
        return found

    def _departed(self, trace: Trace) -> NDArray[np.bool_]:
        """Where rounding moves an element, here and at the entry before, by more than it has ever been, and the trace
        took a way of its own there. What a step makes of that has no bound that runs could show."""
        found = np.zeros_like(self.settled)
        course: dict[str, tuple[Vector, NDArray[np.bool_]]] = {}
        for (index, name), expected in self._named:
            part, output = self.elements(index, name), trace.entries[index].tensors.get(name)
            exact, wide = self.exact[part], SAFETY * self.spread[part]
            peak, left = course.get(name, (np.abs(exact), found[part]))
            if output is None or output.shape != expected.shape or len(peak) != len(exact):
                course.pop(name, None)  # a law asks for one output only; a group that was added has one more rate
                continue
            peak = np.fmax(peak, np.abs(exact))
            moved = (wide > 0) & (wide >= peak)
            found[part] = left & moved
            with np.errstate(all="ignore"):
                course[name] = peak, moved & (np.abs(flat([output]) - exact) > floor_of([output], exact))
        return found

    def moved_trace(self, run: int) -> Trace:
        """A trace that an honest implementation could give: one run, and each output off by a part of its floor."""
        floor = floor_of(self._rounded(), self.exact)
        noise = np.resize(np.roll(NOISE, 7919 * run), len(floor))
        with np.errstate(all="ignore"):
            moved = self.moved(run) + np.where(self.exact == 0, 0.0, noise * floor / SAFETY)
        parts = torch.from_numpy(moved).split([output.numel() for output in self.outputs])
        entries: list[dict[str, Tensor]] = [{} for _ in self.trace.entries]
        for ((index, name), output), part in zip(self._named, parts, strict=True):
            entries[index][name] = part.view(output.shape)
        return Trace(tuple(Entry(tensors) for tensors in entries))

    @property
    def allowed(self) -> Vector:
        """By how much each output may be off, as far as the runs that were made can tell."""
        found: Vector = np.maximum(floor_of(self._rounded(), self.exact), SAFETY * self.spread)
        return found

    def _rounded(self) -> list[Tensor]:
        """The outputs in the dtypes that a backend gives them."""
        return [output.to(dtype_of(self.program, name)) for (_, name), output in self._named]

    @cached_property
    def chain(self) -> Vector | None:
        """A rate after n scheduler steps may have been computed as a chain of n: it is allowed n + 1 times the
        rounding."""
        if not isinstance(self.program, ScheduleProgram | TrainingProgram):
            return None
        steps = [
            1 + sum(isinstance(e, ScheduleStep) for e in self.program.events[:i])
            for i in range(len(self.trace.entries))
        ]
        factors = [float(steps[index]) if name in ("lr", "momentum") else 1.0 for index, name in self.places]
        return np.repeat(factors, [output.numel() for output in self.outputs])

    def elements(self, index: int, name: str) -> slice:
        """Where one output lies in the vector."""
        position = self.places.index((index, name))
        start = sum(output.numel() for output in self.outputs[:position])
        return slice(start, start + self.outputs[position].numel())

    def locate(self, element: int) -> tuple[int, str, tuple[int, ...]]:
        """The entry, the output and the index in it of one element of the vector."""
        for (index, name), output in zip(self.places, self.outputs, strict=True):
            if element < output.numel():
                return index, name, tuple(int(i) for i in torch.unravel_index(torch.tensor(element), output.shape))
            element -= output.numel()
        raise IndexError(element)


class Law(Spread):
    """What a law expects of an output: a function of the traces of some programs. What rounding does to those traces
    is put through the function, and so is the rounding of the function itself."""

    def __init__(self, expected: Callable[..., Tensor], budgets: Sequence[Budget], shape: torch.Size) -> None:
        self.expected, self.budgets, self.shape = expected, budgets, shape
        super().__init__(self.of([budget.trace for budget in budgets]))

    @property
    def chooses(self) -> bool:
        return any(budget.chooses for budget in self.budgets)

    @property
    def undecided(self) -> bool:
        return any(budget.undecided for budget in self.budgets)

    def of(self, traces: Sequence[Trace]) -> Vector:
        """What is expected where the programs gave these traces."""
        return vector(self.expected(*traces), self.shape)

    def moved(self, run: int) -> Vector:
        """The programs take different runs, so that their errors do not cancel."""
        traces = [budget.moved_trace(run + place) for place, budget in enumerate(self.budgets)]
        with Rounding(torch.float64, run):
            return self.of(traces)


def vector(values: Tensor | float, shape: torch.Size) -> Vector:
    """Expected numbers as one vector, an element for each of an output of this shape."""
    return flat([torch.as_tensor(values, dtype=torch.float64).broadcast_to(shape)])


def floor_of(outputs: Sequence[Tensor], expected: Vector) -> Vector:
    """`FLOOR` ulp of each element, in the dtype that its output has."""
    infos, counts = [torch.finfo(output.dtype) for output in outputs], [output.numel() for output in outputs]
    eps, tiny = (np.repeat([getattr(info, name) for info in infos], counts) for name in ("eps", "tiny"))
    floor: Vector = FLOOR * eps * np.maximum(np.abs(expected), tiny)
    return floor


def dtype_of(program: Program, name: str) -> torch.dtype:
    """The dtype that an output of a program has."""
    found: torch.dtype = getattr(torch, "float64" if name in ("lr", "momentum", "loss") else program.dtype)
    return found
