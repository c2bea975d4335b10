"""The judge: the only place where numbers are compared. spec/accuracy.md is this file in words.

An element passes when it is off by no more than its budget. The runs with random rounding that widen it are made one by
one and only while something has not passed yet, so most programs need none.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from time import perf_counter
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from torchstone.conformance import oracle
from torchstone.conformance.budget import MORE, RUNS, SAFETY, Budget, Law, Spread, Vector, dtype_of, floor_of, vector
from torchstone.conformance.program import GradientProgram, LossProgram, Program
from torchstone.conformance.trace import Entry, Trace, flat, same

KNOWN = 4  # runs for a program that a declared deviation covers: that it differs accuses nobody
# After half of the runs an error so many times its budget is called wrong without the others; after a quarter one of
# the square of that, and after an eighth one of its cube, where no way is chosen.
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
                target = vector(expected, actual.shape)
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
    floor = floor_of(outputs, expected)
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
        # Which way a computation goes shows in no fewer runs than half of them.
        least = most // 2 if any(spread.chooses for spread, _ in spreads) else max(1, most // 8)
        far = runs >= least and bool((wrong & finite & (error > beyond * allowed)).any())
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
    dtype = dtype_of(program, name)
    if found.dtype != dtype:
        return f"{name} must have dtype {dtype}, got {found.dtype}"
    if found.shape != expected.shape:
        return f"{name} must have shape {tuple(expected.shape)}, got {tuple(found.shape)}"
    return ""
