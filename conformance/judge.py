"""The judge: the only place where numbers are compared. spec/accuracy.md is this file in words.

An element passes when it is off by no more than its budget: the largest deviation that random rounding caused in the
reference, times `SAFETY`, and at least `FLOOR` ulp. The runs with random rounding are made one by one and only while
something has not passed yet, so most programs need none.
"""

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from itertools import accumulate
from time import perf_counter
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from torchstone.conformance import oracle
from torchstone.conformance.program import (
    GradientProgram,
    LossProgram,
    Program,
    ScheduleProgram,
    ScheduleStep,
    TrainingProgram,
)
from torchstone.conformance.rounding import NOISE, Rounding
from torchstone.conformance.trace import Entry, Trace, flat, same

Vector = NDArray[np.float64]

SAFETY = 4.0
FLOOR = 2.0
RUNS = 24
# Times as many where rounding moves a number by more than itself, or may choose another way for the computation to go:
# there a few say little of the others.
MORE = 10
KNOWN = 4  # runs for a program that a declared deviation covers: that it differs accuses nobody
UNLIKE = 0.5  # where more than this share of the runs took each a way of its own, more of them do not help
# After half of the runs an error so many times its budget is called wrong without the others; after a quarter one of
# the square of that, and after an eighth one of its cube.
FAR = 100.0


@dataclass
class Verdict:
    """What the judge found. True where the backend may be right: the outcome is `pass` or `inconclusive`."""

    outcome: str
    program: Program
    worst: float = 0.0  # error / budget, an upper bound where the budget was not needed in full
    comparisons: int = 0  # elements whose agreement says something
    inconclusive: int = 0  # elements whose budget is as large as they are
    rule: str = ""
    at: tuple[int, str, tuple[int, ...]] | None = None  # entry, output, element
    expected: float | None = None
    actual: float | None = None
    budget: float | None = None

    def __bool__(self) -> bool:
        return self.outcome in ("pass", "inconclusive")

    @property
    def place(self) -> str:
        """Where the worst element is, as a person would say it."""
        if self.at is None:
            return ""
        entry, name, element = self.at
        when = (
            ""
            if isinstance(self.program, LossProgram | GradientProgram)
            else f" after event {entry}"
            if entry
            else " at the start"
        )
        return f"{name}{list(element) if element else ''}{when}"


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

    def moved(self, run: int) -> Vector:
        """The outputs in one run; the runs are kept, for a law may need them too."""
        while len(self._moved) <= run:
            trace = self.reference.play_rounded(self.program, len(self._moved))
            moved = trace.numbers
            self._margins.append([entry.margins for entry in trace.entries])
            with np.errstate(all="ignore"):
                self._moved.append(moved if self.chain is None else self.exact + (moved - self.exact) * self.chain)
        return self._moved[run]

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
        ways = [accumulate(tuple(np.sign(margins)) for margins in course) for course in self._margins]
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
                course[name] = peak, moved & (np.abs(flat([output]) - exact) > _floor([output], exact))
        return found

    def moved_trace(self, run: int) -> Trace:
        """A trace that an honest implementation could give: one run, and each output off by a part of its floor."""
        floor = _floor(self._rounded(), self.exact)
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
        found: Vector = np.maximum(_floor(self._rounded(), self.exact), SAFETY * self.spread)
        return found

    def _rounded(self) -> list[Tensor]:
        """The outputs in the dtypes that a backend gives them."""
        return [output.to(_dtype(self.program, name)) for (_, name), output in self._named]

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
    def undecided(self) -> bool:
        return any(budget.undecided for budget in self.budgets)

    def of(self, traces: Sequence[Trace]) -> Vector:
        """What is expected where the programs gave these traces."""
        return _numbers(self.expected(*traces), self.shape)

    def moved(self, run: int) -> Vector:
        """The programs take different runs, so that their errors do not cancel."""
        traces = [budget.moved_trace(run + place) for place, budget in enumerate(self.budgets)]
        with Rounding(torch.float64, run):
            return self.of(traces)


class Judge:
    """Compares with the reference, or with what plays in its place, and counts the seconds that both took."""

    def __init__(self, reference: Any = oracle) -> None:
        self.reference = reference
        self.reference_seconds = 0.0
        self.judge_seconds = 0.0
        self._recent: list[Budget] = []

    def budget(self, program: Program) -> Budget:
        """The budget of a program; the last few are kept, since a test often asks twice."""
        for budget in self._recent:
            if budget.program is program:
                return budget
        start = perf_counter()
        budget = Budget(program, self.reference)
        self.reference_seconds += perf_counter() - start
        self._recent = [budget, *self._recent[:3]]
        return budget

    def conforms(self, program: Program, trace: Trace, runs: int = RUNS) -> Verdict:
        """Does the whole trace agree with the reference, as far as so many random runs can tell?"""
        budget = self.budget(program)
        start = perf_counter()
        verdict = _form(budget, trace, budget.places)
        if verdict is None and budget.trace.refusal:
            verdict = Verdict("pass", program, comparisons=1)
        if verdict is None:
            actual = [trace.entries[index].tensors[name] for index, name in budget.places]
            verdict = _compare(actual, budget.exact, [(budget, slice(None))], runs, partial(budget.lost, trace))
        self.judge_seconds += perf_counter() - start
        return verdict

    def agree(
        self,
        program: Program,
        trace: Trace,
        name: str,
        expected: Callable[..., Tensor] | Tensor | float,
        of: Sequence[tuple[Program, Trace]] = (),
        after: int = -1,
        runs: int = RUNS,
    ) -> Verdict:
        """Does one output of the trace equal `expected`: numbers, or a law, the function that makes them of the traces
        (in float64) of some programs? Both sides have a budget."""
        budget, others = self.budget(program), [self.budget(other) for other, _ in of]
        start = perf_counter()
        after = after % len(budget.trace.entries)
        places = [(budget, trace, [(after, name)])] + [(b, t, b.places) for b, (_, t) in zip(others, of, strict=True)]
        verdict = next((found for each in places if (found := _form(*each)) is not None), None)
        if verdict is None:
            actual = trace.entries[after].tensors[name]
            spreads: list[tuple[Spread, slice]] = [(budget, budget.elements(after, name))]
            if callable(expected):
                law = Law(expected, others, actual.shape)
                spreads.append((law, slice(None)))
                target = law.of([_double(t) for _, t in of])
            else:
                target = _numbers(expected, actual.shape)
            verdict = _compare([actual], target, spreads, runs, lambda most: budget.lost(trace, most)[spreads[0][1]])
        self.judge_seconds += perf_counter() - start
        return verdict

    def alike(self, program: Program, trace: Trace, other: Trace) -> Verdict:
        """Do two traces agree, whatever the reference says: each within its budget of what both may have meant?"""
        budget = self.budget(program)
        if not _in_form(trace, other):
            return Verdict("fail", program, rule="the traces differ in form")
        if budget.trace.refusal or _form(budget, trace, budget.places) is not None:  # the reference does something else
            return Verdict("pass" if identical(trace, other) else "fail", program)
        one, two = ([each.entries[index].tensors[name] for index, name in budget.places] for each in (trace, other))
        both: list[tuple[Spread, slice]] = [(budget, slice(None))] * 2
        return _compare(one, flat(two), both, KNOWN, lambda most: budget.lost(trace, most) | budget.lost(other, most))

    def refuses(self, program: Program, trace: Trace, after: int = 0) -> Verdict:
        """Did the trace end in a refusal, at the construction or at the event number `after`?"""
        if trace.refusal and len(trace.entries) == after + 1:
            return Verdict("pass", program, comparisons=1)
        when = f"event {len(trace.entries) - 1}" if len(trace.entries) > 1 else "construction"
        found = f"was refused at {when}" if trace.refusal else "was not"
        return Verdict(
            "fail", program, rule=f"it must be refused at {f'event {after}' if after else 'once'}, and {found}"
        )


def identical(trace: Trace, other: Trace) -> bool:
    """Whether two traces are the same numbers in the same form."""
    pairs = zip(trace.entries, other.entries, strict=False)
    return _in_form(trace, other) and all(
        same(one.tensors[name], two.tensors[name]) for one, two in pairs for name in one.tensors
    )


def _in_form(trace: Trace, other: Trace) -> bool:
    return [_shape(entry) for entry in trace.entries] == [_shape(entry) for entry in other.entries]


def _shape(entry: Entry) -> tuple[Any, ...]:
    """What an entry looks like, its numbers apart."""
    outputs = sorted((name, tensor.dtype, tensor.shape) for name, tensor in entry.tensors.items())
    return bool(entry.refusal), [str(output) for output in outputs]


def _numbers(values: Tensor | float, shape: torch.Size) -> Vector:
    """Expected numbers as one vector, an element for each of an output of this shape."""
    return flat([torch.as_tensor(values, dtype=torch.float64).broadcast_to(shape)])


def _double(trace: Trace) -> Trace:
    """The trace with its numbers in float64, which changes none of them."""
    return Trace(
        tuple(
            Entry({name: t.detach().to("cpu", torch.float64) for name, t in entry.tensors.items()}, entry.refusal)
            for entry in trace.entries
        )
    )


@np.errstate(all="ignore")
def _compare(
    outputs: list[Tensor],
    expected: Vector,
    spreads: list[tuple[Spread, slice]],
    most: int,
    lost: Callable[[int], NDArray[np.bool_]],
) -> Verdict:
    """Element by element: special values exactly, the others within the budget, widened while that can help; those
    that are `lost` are judged only by whether they are numbers."""
    budget, elements = spreads[0]
    assert isinstance(budget, Budget)
    program, actual = budget.program, flat(outputs)
    finite = np.isfinite(actual) & np.isfinite(expected)
    same = (actual == expected) | (np.isnan(actual) & np.isnan(expected))
    error = np.where(same, 0.0, np.abs(actual - expected))
    floor = _floor(outputs, expected)
    while True:
        wide, settled = np.zeros_like(floor), np.ones_like(same)
        for spread, part in spreads:
            wide, settled = wide + SAFETY * spread.spread[part], settled & spread.settled[part]
        allowed = np.maximum(floor, wide)
        passed = same | (finite & (error <= allowed))
        wrong = settled & ~passed
        if wrong.any():
            settled &= ~(finite & lost(most))
            wrong &= settled
        if not wrong.any():
            break
        runs = min(spread.runs for spread, _ in spreads)  # a budget that was asked for before has more than a new law
        beyond = FAR ** max(1.0, math.log2(most / max(1, runs)))
        far = runs >= max(1, most // 8) and bool((wrong & finite & (error > beyond * allowed)).any())
        # That rounding moves a number by more than itself says nothing yet.
        clear = runs >= most and bool((wrong & ~(finite & (wide > 0) & (wide >= np.abs(expected)))).any())
        if runs >= MORE * most or ((far or clear) and not any(spread.undecided for spread, _ in spreads)):
            break
        for spread, _ in spreads:
            if spread.runs == runs:
                spread.widen()
    # An element tells something where a wrong number of the same size would have been noticed.
    telling = settled & (~finite | (allowed < np.abs(expected)) | (error <= floor))
    ratio = np.where(settled, np.where(finite, error / allowed, np.where(passed, 0.0, math.inf)), 0.0)
    comparisons = int((telling & passed).sum())
    inconclusive = len(expected) - int((telling | wrong).sum())
    verdict = Verdict("pass", program, float(ratio.max(initial=0.0)), comparisons, inconclusive)
    if wrong.any():
        at = int(np.where(wrong, ratio, -1.0).argmax())
        verdict.outcome, verdict.at = "fail", budget.locate(at + (elements.start or 0))
        verdict.expected, verdict.actual, verdict.budget = float(expected[at]), float(actual[at]), float(allowed[at])
    elif inconclusive and not comparisons:
        verdict.outcome = "inconclusive"
    return verdict


def _floor(outputs: Sequence[Tensor], expected: Vector) -> Vector:
    """`FLOOR` ulp of each element, in the dtype that its output has."""
    infos, counts = [torch.finfo(output.dtype) for output in outputs], [output.numel() for output in outputs]
    eps, tiny = (np.repeat([getattr(info, name) for info in infos], counts) for name in ("eps", "tiny"))
    floor: Vector = FLOOR * eps * np.maximum(np.abs(expected), tiny)
    return floor


def _dtype(program: Program, name: str) -> torch.dtype:
    """The dtype that an output of a program has."""
    found: torch.dtype = getattr(torch, "float64" if name in ("lr", "momentum", "loss") else program.dtype)
    return found


def _form(budget: Budget, trace: Trace, places: Sequence[tuple[int, str]]) -> Verdict | None:
    """The verdict on a trace that has not the form it should have: what was refused, which outputs, shapes and
    dtypes."""
    program, exact, found = budget.program, budget.trace, trace.refusal
    if found and not exact.refusal:
        return Verdict("error", program, rule=f"it must be accepted, and raised {found.error}: {found.message}")
    if exact.refusal and not found:
        return Verdict("fail", program, rule=f"it must be refused ({exact.refusal.message}), and was not")
    if exact.refusal and len(trace.entries) > len(exact.entries):
        rule = f"it must be refused before anything is computed ({exact.refusal.message}), and was refused too late"
        return Verdict("fail", program, rule=rule)
    if len(trace.entries) != len(exact.entries):
        rule = f"a trace has an entry after every event: expected {len(exact.entries)}, got {len(trace.entries)}"
        return Verdict("error", program, rule=rule)
    for index, name in places:
        rule = _output(program, name, trace.entries[index], exact.entries[index].tensors[name])
        if rule:
            return Verdict("error", program, rule=rule)
    return None


def _output(program: Program, name: str, entry: Entry, expected: Tensor) -> str:
    """Which rule about the form of an output is broken, in words."""
    if name not in entry.tensors:
        return f"a trace must hold {name!r}, got {sorted(entry.tensors)}"
    found = entry.tensors[name]
    if not isinstance(found, Tensor):
        return f"{name} must be a tensor, got {type(found).__name__}"
    dtype = _dtype(program, name)
    if found.dtype != dtype:
        return f"{name} must have dtype {dtype}, got {found.dtype}"
    if found.shape != expected.shape:
        return f"{name} must have shape {tuple(expected.shape)}, got {tuple(found.shape)}"
    return ""
