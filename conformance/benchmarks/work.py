"""What is timed, and how a backend takes part in a benchmark.

`play` builds everything anew for each program, which is not what a user pays for a step. A backend may therefore have a
method beside `play`:

    prepare(program) -> Work

The program is a loss program, or an optimizer or schedule program with one event; its tensors may be `Drawn`. It raises
`Unsupported` for what it does not offer. A backend without `prepare` is timed by `play`, and the report says so.
"""

import dataclasses
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor

from torchstone.conformance.backend import Backend, Unsupported, Work
from torchstone.conformance.judge import Judge
from torchstone.conformance.player import broken_rule
from torchstone.conformance.program import LossProgram, Program, TensorData
from torchstone.conformance.trace import Entry, Trace

LITERAL = 100_000  # numbers that a program may have in its text, where a backend can only play it


class Drawn(TensorData):
    """A tensor as a rule and not as a list of numbers, so that ten million of them are no burden.

    Its numbers are uniform between `low` and `high`, or are picked from `choices`; the same rule has the same numbers.
    """

    def __init__(
        self,
        dtype: str,
        shape: tuple[int, ...],
        low: float = 0.05,
        high: float = 0.95,
        choices: tuple[float, ...] = (),
        seed: int = 0,
    ) -> None:
        rule = {"low": low, "high": high, "choices": choices, "seed": seed}
        for name, value in {"dtype": dtype, "shape": shape, "layout": "contiguous", **rule}.items():
            object.__setattr__(self, name, value)
        object.__setattr__(self, "_rule", (dtype, shape, *rule.values()))

    @property
    def data(self) -> tuple[float, ...]:
        return tuple(self.torch().reshape(-1).tolist())

    def torch(self, dtype: torch.dtype | None = None) -> Tensor:
        tensor = _numbers(*self._rule).clone()  # type: ignore[attr-defined]
        return tensor if dtype is None else tensor.to(dtype)


@lru_cache(maxsize=4)
def _numbers(
    dtype: str, shape: tuple[int, ...], low: float, high: float, choices: tuple[float, ...], seed: int
) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    if choices:
        index = torch.randint(len(choices), shape, generator=generator)
        return torch.tensor(choices, dtype=getattr(torch, dtype))[index]
    return (low + (high - low) * torch.rand(shape, generator=generator)).to(getattr(torch, dtype))


def literal(value: Any) -> Any:
    """A program with every number in it, as a backend in another process needs it."""
    if isinstance(value, Drawn):
        return TensorData(value.dtype, value.shape, value.data)
    if isinstance(value, tuple):
        return tuple(literal(item) for item in value)
    if isinstance(value, dict):
        return {name: literal(item) for name, item in value.items()}
    if dataclasses.is_dataclass(value) and not isinstance(value, type | TensorData):
        return dataclasses.replace(
            value, **{f.name: literal(getattr(value, f.name)) for f in dataclasses.fields(value)}
        )
    return value


class Played:
    """The work of a backend that plays programs only: all of `play`, with what it builds and throws away."""

    def __init__(self, backend: Backend, program: Program) -> None:
        self.backend = backend
        self.program = literal(program)
        self.trace: Trace | None = None

    def __call__(self) -> None:
        self.trace = self.backend.play(self.program)

    def seen(self) -> dict[str, Tensor]:
        trace = self.trace or self.backend.play(self.program)
        if trace.refusal:
            raise ValueError(f"{trace.refusal.error}: {trace.refusal.message}")
        return dict(trace.entries[-1 if self.trace else 0].tensors)


def prepares(backend: Backend) -> bool:
    """Whether a backend can say what a step costs by itself."""
    return hasattr(backend, "prepare")


def prepared(backend: Backend, program: Program) -> Work:
    """The work of a program on a backend. Raises what `prepare` and `play` raise."""
    work: Work = backend.prepare(program) if hasattr(backend, "prepare") else Played(backend, program)
    return work


def fault(backend: Backend, program: Program) -> str:
    """What is wrong with the numbers that come out of the prepared work; empty if nothing is.

    They are right where the judge says so, and where `play` gives the same bits: whether that conforms is asked of the
    suite. Raises `Unsupported`.
    """
    try:
        work = prepared(backend, program)
        before = [] if isinstance(program, LossProgram) else [Entry(work.seen())]
        work()
        trace, told = Trace((*before, Entry(work.seen()))), literal(program)
        verdict = Judge().conforms(told, trace)
        if verdict or _same(trace, backend.play(told)):
            return ""
    except NotImplementedError as error:
        raise Unsupported(str(error)) from error
    except Unsupported:
        raise
    except Exception as error:
        return broken_rule(error)
    return verdict.rule or f"{verdict.place}: expected {verdict.expected}, got {verdict.actual}"


def _same(trace: Trace, other: Trace) -> bool:
    """Whether two traces end in the same numbers."""
    ours, theirs = trace.entries[-1].tensors, other.entries[-1].tensors
    return ours.keys() == theirs.keys() and all(torch.equal(ours[name], theirs[name]) for name in ours)
