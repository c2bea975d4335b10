"""The judge: the only place where numbers are compared. spec/accuracy.md is this file in words.

An element passes when it is off by no more than its budget: the largest deviation that random rounding caused in the
reference, times `SAFETY`, and at least `FLOOR` ulp. The runs with random rounding are made one by one and only while
something has not passed yet, so most programs need none.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from time import perf_counter

import torch
from torch import Tensor

from torchstone.conformance import oracle
from torchstone.conformance.program import LossProgram, OptimizerProgram, Program, ScheduleStep
from torchstone.conformance.trace import Entry, Trace

SAFETY = 4.0
FLOOR = 2.0
RUNS = 24
FEW, FAR = 4, 100.0  # runs after which an error so many times its budget is called wrong without the others


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
        when = "" if isinstance(self.program, LossProgram) else f" after event {entry}" if entry else " at the start"
        return f"{name}{list(element) if element else ''}{when}"


class Budget:
    """The reference's outputs for one program, end to end in one vector, and by how much honest implementations may
    miss them."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.exact = oracle.play(program)
        self.places = [(index, name) for index, entry in enumerate(self.exact.entries) for name in entry.tensors]
        self.outputs = [self.exact.entries[index].tensors[name] for index, name in self.places]
        self.expected = _flat(self.outputs)
        self.spread = torch.zeros_like(self.expected)
        self.settled = torch.ones_like(
            self.expected, dtype=torch.bool
        )  # False where rounding decides if it is a number
        self.runs = 0

    def widen(self) -> None:
        """One more run with random rounding."""
        rounded = oracle.play_rounded(self.program, self.runs)
        self.runs += 1
        noisy = _flat([rounded.entries[index].tensors[name] for index, name in self.places])
        spread = (noisy - self.expected).abs().nan_to_num(nan=0.0, posinf=0.0) * self.chain
        self.spread = torch.maximum(self.spread, spread)
        same = (noisy.isfinite() == self.expected.isfinite()) & (noisy.isnan() == self.expected.isnan())
        self.settled = self.settled & same

    @cached_property
    def chain(self) -> Tensor | int:
        """A rate after n scheduler steps may have been computed as a chain of n: it is allowed n + 1 times the
        rounding."""
        if isinstance(self.program, LossProgram | OptimizerProgram):
            return 1
        steps = [
            1 + sum(isinstance(e, ScheduleStep) for e in self.program.events[:i])
            for i in range(len(self.exact.entries))
        ]
        return self.each([steps[index] if name == "lr" else 1 for index, name in self.places])

    def each(self, numbers: Sequence[float]) -> Tensor:
        """One number an output, repeated over its elements."""
        counts = torch.tensor([output.numel() for output in self.outputs])
        return torch.tensor(numbers, dtype=torch.float64).repeat_interleave(counts)

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


class Judge:
    """Compares with the reference, and counts the seconds that the reference and the judging took."""

    def __init__(self) -> None:
        self.reference_seconds = 0.0
        self.judge_seconds = 0.0
        self._recent: list[Budget] = []

    def budget(self, program: Program) -> Budget:
        """The budget of a program; the last few are kept, since a test often asks twice."""
        for budget in self._recent:
            if budget.program is program:
                return budget
        start = perf_counter()
        budget = Budget(program)
        self.reference_seconds += perf_counter() - start
        self._recent = [budget, *self._recent[:3]]
        return budget

    def conforms(self, program: Program, trace: Trace) -> Verdict:
        """Does the whole trace agree with the reference?"""
        budget = self.budget(program)
        start = perf_counter()
        verdict = _form(budget, trace, budget.places)
        if verdict is None and budget.exact.refusal:
            verdict = Verdict("pass", program, comparisons=1)
        if verdict is None:
            actual = [trace.entries[index].tensors[name] for index, name in budget.places]
            verdict = _compare(actual, budget.expected, [budget], slice(None))
        self.judge_seconds += perf_counter() - start
        return verdict

    def agree(
        self,
        program: Program,
        trace: Trace,
        name: str,
        expected: Tensor | float,
        also: tuple[Program, ...] = (),
        after: int = -1,
    ) -> Verdict:
        """Does one output of the trace equal `expected`, within the budget it has in `program` and in those of
        `also`?"""
        budgets = [self.budget(each) for each in (program, *also)]
        start = perf_counter()
        after = after % len(budgets[0].exact.entries)
        verdict = _form(budgets[0], trace, [(after, name)])
        if verdict is None:
            actual = trace.entries[after].tensors[name]
            target = torch.as_tensor(expected, dtype=torch.float64).broadcast_to(actual.shape).reshape(-1)
            verdict = _compare([actual], target, budgets, budgets[0].elements(after, name))
        self.judge_seconds += perf_counter() - start
        return verdict

    def refuses(self, program: Program, trace: Trace, after: int = 0) -> Verdict:
        """Did the trace end in a refusal, at the construction or at the event number `after`?"""
        if trace.refusal and len(trace.entries) == after + 1:
            return Verdict("pass", program, comparisons=1)
        when = f"event {len(trace.entries) - 1}" if len(trace.entries) > 1 else "construction"
        found = f"was refused at {when}" if trace.refusal else "was not"
        return Verdict(
            "fail", program, rule=f"it must be refused at {f'event {after}' if after else 'once'}, and {found}"
        )


def _flat(tensors: Sequence[Tensor]) -> Tensor:
    if not tensors:
        return torch.zeros(0, dtype=torch.float64)
    return torch.cat([tensor.detach().reshape(-1).to("cpu", torch.float64) for tensor in tensors])


def _compare(outputs: list[Tensor], expected: Tensor, budgets: list[Budget], elements: slice) -> Verdict:
    """Element by element: special values exactly, the others within the budget, widened while that can help."""
    program, actual = budgets[0].program, _flat(outputs)
    finite = actual.isfinite() & expected.isfinite()
    same = (actual == expected) | (actual.isnan() & expected.isnan())
    error = torch.where(same, 0.0, (actual - expected).abs())
    floor = _floor(outputs, expected)
    while True:
        spread, settled = budgets[0].spread[elements], budgets[0].settled[elements]
        for budget in budgets[1:]:
            # Which of its outputs went into the expected numbers only the test knows: the largest spread covers each.
            spread = spread + (budget.spread[elements] if _alike(budget, budgets[0]) else _largest(budget))
            settled = settled & (budget.settled[elements] if _alike(budget, budgets[0]) else budget.settled.all())
        allowed = torch.maximum(floor, SAFETY * spread)
        passed = same | (finite & (error <= allowed))
        if (passed | ~settled).all() or budgets[0].runs >= RUNS:
            break
        if budgets[0].runs >= FEW and (settled & finite & (error > FAR * allowed)).any():
            break
        for budget in budgets:
            budget.widen()
    # An element tells something where a wrong number of the same size would have been noticed.
    telling = settled & (~finite | (allowed < expected.abs()) | (error <= floor))
    ratio = torch.where(settled & finite, error / allowed, torch.where(passed, 0.0, math.inf).where(settled, 0.0))
    comparisons = int((telling & passed).sum())
    inconclusive = len(expected) - int((telling | (settled & ~passed)).sum())
    verdict = Verdict("pass", program, max(ratio.tolist(), default=0.0), comparisons, inconclusive)
    if not (passed | ~settled).all():
        at = int(torch.where(passed | ~settled, -1.0, ratio).argmax())
        verdict.outcome, verdict.at = "fail", budgets[0].locate(at + (elements.start or 0))
        verdict.expected, verdict.actual, verdict.budget = float(expected[at]), float(actual[at]), float(allowed[at])
    elif inconclusive and not comparisons:
        verdict.outcome = "inconclusive"
    return verdict


def _alike(one: Budget, other: Budget) -> bool:
    """Whether two programs have the same outputs in the same places."""
    return one.places == other.places and [o.shape for o in one.outputs] == [o.shape for o in other.outputs]


def _largest(budget: Budget) -> Tensor:
    return budget.spread.max() if len(budget.spread) else torch.zeros((), dtype=torch.float64)


def _floor(outputs: list[Tensor], expected: Tensor) -> Tensor:
    """`FLOOR` ulp of each element, in the dtype that its output has."""
    infos = [torch.finfo(output.dtype) for output in outputs]
    counts = torch.tensor([output.numel() for output in outputs])
    eps = torch.tensor([info.eps for info in infos], dtype=torch.float64).repeat_interleave(counts)
    tiny = torch.tensor([info.tiny for info in infos], dtype=torch.float64).repeat_interleave(counts)
    return FLOOR * eps * torch.maximum(expected.abs(), tiny)


def _form(budget: Budget, trace: Trace, places: Sequence[tuple[int, str]]) -> Verdict | None:
    """The verdict on a trace that has not the form it should have: what was refused, which outputs, shapes and
    dtypes."""
    program, exact, found = budget.program, budget.exact, trace.refusal
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
    dtype = getattr(torch, "float64" if name in ("lr", "loss") else program.dtype)
    if found.dtype != dtype:
        return f"{name} must have dtype {dtype}, got {found.dtype}"
    if found.shape != expected.shape:
        return f"{name} must have shape {tuple(expected.shape)}, got {tuple(found.shape)}"
    return ""
