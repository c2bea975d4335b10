"""What a test is handed as `play`: it plays programs on the backend, judges them, and keeps the ledger of the test."""

import traceback
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from time import perf_counter
from typing import Any, NoReturn

import pytest
import torch
from hypothesis import currently_in_test_context, reject
from torch import Tensor

from torchstone.conformance import oracle
from torchstone.conformance.backend import Backend, Broken, Unsupported
from torchstone.conformance.budget import RUNS
from torchstone.conformance.judge import KNOWN, Judge, Verdict
from torchstone.conformance.known import Deviation, covered
from torchstone.conformance.program import GradientProgram, LossProgram, Program, stems
from torchstone.conformance.report.course import course
from torchstone.conformance.trace import Trace
from torchstone.conformance.variants import Variant

# Programs that are unsupported before a test is given up of which nothing was played: so many of one dtype, or a few
# where a whole test was unsupported for the same reason before.
PATIENCE, FEW = 40, 8


class Nonconformance(AssertionError):
    """The backend failed in a way that left nothing to compare."""


@dataclass
class Ledger:
    """What was counted during one test, by the dtype of the programs."""

    counts: defaultdict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    worst: defaultdict[str, float] = field(default_factory=lambda: defaultdict(float))
    failures: dict[str, Verdict] = field(default_factory=dict)  # the last failing program of each dtype: the smallest
    involved: dict[str, set[str]] = field(default_factory=dict)  # the components that took part in them
    reasons: Counter[str] = field(default_factory=Counter)  # why programs were unsupported
    examples: int = 0  # that hypothesis drew
    dropped: int = 0  # of them, those that `assume` or a filter turned down
    backend_seconds: float = 0.0


class Player:
    """Plays programs on one backend for one test."""

    def __init__(
        self,
        backend: Backend,
        known: Sequence[Deviation] = (),
        replays: "dict[int, Replay] | None" = None,
        reference: Any = oracle,
        dialect: Variant | None = None,
        hopeless: set[str] | None = None,
    ) -> None:
        self.backend = backend
        self.dialect = dialect  # what the backend says it is, where that breaks the clause of the test
        self.known = known
        self.replays = {} if replays is None else replays  # of the stored programs, by their identity
        self.hopeless = set() if hopeless is None else hopeless  # why whole tests were unsupported
        self.judge = Judge(reference)
        self.ledger = Ledger()
        self.program: Program | None = None  # what was played last
        self.verdict: Verdict | None = None  # what was judged last
        self.example: list[tuple[Program, Trace | None]] = []  # what was played since the test began with this example

    def __call__(self, program: Program) -> Trace:
        """The backend's trace. A program that it does not support is dropped and counted; a crash fails the test."""
        trace = self._play(program)
        if trace.refusal:
            self._broken(program, f"it must be accepted, and raised {trace.refusal.error}: {trace.refusal.message}")
        return trace

    def conforms(self, program: Program) -> Verdict:
        """Does everything that comes out agree with the reference?"""
        return self._count(self.judge.conforms(program, self._play(program), self._runs(program)))

    def agree(
        self,
        program: Program,
        name: str,
        expected: Callable[..., Tensor] | Tensor | float,
        *of: Program,
        after: int = -1,
    ) -> Verdict:
        """Does one output of the program equal `expected`, within its budget?

        `name` is `value`, `grad input`, `param 0`, `lr` ...; `after` picks the event. `expected` may be a law: a
        function that makes the numbers out of the traces, in float64, that the backend gives for the programs `of`.
        What rounding may do to those is then part of the budget.
        """
        traces = {id(other): self(other) for other in of if other is not program}
        traces[id(program)] = trace = self._play(program)
        others = [(other, traces[id(other)]) for other in of]
        return self._count(self.judge.agree(program, trace, name, expected, others, after, self._runs(program)))

    def exact(self, program: Program, *dtype: torch.dtype | None) -> Trace:
        """What the backend is held to, computed in float64 or in another dtype (`oracle.play`)."""
        trace: Trace = self.judge.reference.play(program, *dtype) if dtype else self.judge.budget(program).trace
        return trace

    def refuses(self, program: Program, after: int = 0) -> Verdict:
        """Is the program refused: at construction (or, for a loss, at its first use), or at event number `after`?"""
        return self._count(self.judge.refuses(program, self._play(program), after))

    def _play(self, program: Program) -> Trace:
        self.program, self.verdict = program, None
        # A test that says several things of one program asks for its trace each time.
        before = next((trace for played, trace in self.example if played is program), None)
        if before is not None:
            return before
        self.example.append((program, None))
        counts = self.ledger.counts[program.dtype]
        start = perf_counter()
        try:
            trace = self.backend.play(program)
        except Unsupported as reason:
            counts["unsupported"] += 1
            self.ledger.reasons[str(reason)] += 1
            if not currently_in_test_context() or self._pointless(str(reason), counts["unsupported"]):
                pytest.skip(f"unsupported: {reason}")
            reject()
        except Exception as error:
            self._broken(program, broken_rule(error))
        finally:
            self.ledger.backend_seconds += perf_counter() - start
        if not isinstance(trace, Trace) or not trace.entries:
            self._broken(program, f"play must return a Trace with entries, got {type(trace).__name__}")
        counts["programs"] += 1
        self.example[-1] = program, trace
        return trace

    def _pointless(self, reason: str, unsupported: int) -> bool:
        """Whether to give the test up, after so many programs of this dtype that were unsupported."""
        reasons = self.ledger.reasons
        if self.played or (unsupported < PATIENCE and not (reason in self.hopeless and reasons[reason] >= FEW)):
            return False
        if len(reasons) == 1:
            self.hopeless.add(reason)
        return True

    @property
    def played(self) -> bool:
        """Whether the backend has played anything in this test."""
        return any(counts["programs"] for counts in self.ledger.counts.values())

    def _broken(self, program: Program, rule: str) -> NoReturn:
        self.verdict = Verdict("error", program, rule=rule)
        raise Nonconformance(rule)

    def _count(self, verdict: Verdict) -> Verdict:
        self.verdict = verdict
        counts, dtype = self.ledger.counts[verdict.program.dtype], verdict.program.dtype
        counts["judged"] += 1
        if verdict:
            counts["comparisons"] += verdict.comparisons
            counts["inconclusive"] += verdict.outcome == "inconclusive"
            self.ledger.worst[dtype] = max(self.ledger.worst[dtype], verdict.worst)
        return verdict

    def failed(self, error: BaseException) -> bool:
        """Book a failing program. False where a declared deviation covers it."""
        verdict = self.verdict
        if verdict is None or verdict:
            assert self.program is not None
            outcome = "fail" if isinstance(error, AssertionError) else "error"
            verdict = Verdict(outcome, self.program, rule=statement(error))
        if self._covered(verdict.program):
            self.ledger.counts[verdict.program.dtype]["known"] += 1
            return False
        self.ledger.failures[verdict.program.dtype] = verdict
        self.ledger.involved[verdict.program.dtype] = stems([program for program, _ in self.example])
        return True

    def begin(self) -> None:
        """Another example of the test begins."""
        self.ledger.examples += 1
        self.program = self.verdict = None
        self.example = []

    def _covered(self, program: Program) -> bool:
        """Whether a declared deviation says that this program fails."""
        return covered(self.known, program)

    def _runs(self, program: Program) -> int:
        return KNOWN if self._covered(program) else RUNS

    def replay(self, deviation: Deviation) -> "Replay":
        """What becomes of a stored program, which is played once however many clauses the deviation shows in."""
        program = deviation.program
        return self.replays.setdefault(id(program), Replay(self, program))

    def verdict_on(self, program: Program, runs: int = RUNS) -> Verdict:
        """The verdict on one program outside of a test: whether the reference agrees."""
        try:
            return self.judge.conforms(program, self.backend.play(program), runs)
        except Unsupported as reason:
            return Verdict("unsupported", program, rule=str(reason))
        except Exception as error:
            return Verdict("error", program, rule=broken_rule(error))

    def course(self, program: Program, at: tuple[int, str, tuple[int, ...]] | None = None) -> Any:
        """How the number that is wrong went on from event to event, where the program has events that the backend
        plays."""
        if isinstance(program, LossProgram | GradientProgram):
            return None
        try:
            trace = self.backend.play(program)
        except Exception:  # the record says so already
            return None
        return course(self.judge.budget(program), trace, at[1:] if at else None)


class Replay:
    """What becomes of one stored program, found out where it is asked for."""

    def __init__(self, player: Player, program: Program) -> None:
        self.player, self.program = player, program

    @cached_property
    def outcome(self) -> str:
        return self.player.verdict_on(self.program, KNOWN).outcome

    @cached_property
    def course(self) -> Any:
        return self.player.course(self.program)


def broken_rule(error: Exception) -> str:
    """What a backend that raised did wrong, in words."""
    return str(error) if isinstance(error, Broken) else f"it must not crash, and raised {type(error).__name__}: {error}"


def statement(error: BaseException) -> str:
    """What did not hold, in words: the error's own, or the line of the test that says it."""
    message = str(error).split("\n")[0]
    if not isinstance(error, AssertionError) or (message and not message.startswith("assert ")):
        return message or type(error).__name__
    lines = [frame.line for frame in traceback.extract_tb(error.__traceback__) if frame.line]
    return f"this must hold: {lines[-1].removeprefix('assert ')}" if lines else "an assertion of the test"
