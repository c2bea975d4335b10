"""Traces: what came out of a program, event by event."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from torchstone.conformance import program
from torchstone.conformance.program import TensorData


@dataclass(frozen=True)
class Refusal:
    """An argument was refused: the name of the error and its message."""

    error: str
    message: str


@dataclass(frozen=True)
class Entry:
    """What could be seen after one event.

    A loss program has one entry: `value`, and `grad NAME` for each tensor differentiated; where a loss has more to say,
    `output`, the log probability of each target, `log_prob`, that of every class, and `predicted`, that of the class
    which is predicted. A gradient program has one entry too: `grad I` for each gradient that there is, and `norm` where
    one is returned. The other kinds have an entry after construction and one after each event: `param I` in the order
    of the groups, `average I` once a step has begun it where the component shows one, `lr` (float64, one element a
    group) where there is a scheduler, `momentum` (the same, of `betas` the first) where a scheduler sets it, `loss`
    where a step returned that of a closure; those of an average program have `average I` and `buffer I`. A refusal ends
    the trace.
    """

    tensors: Mapping[str, Tensor] = field(default_factory=dict)
    refusal: Refusal | None = None
    # In a rounded run of the reference: how far apart the numbers were whose comparison chose the way to here, and
    # whether any numbers were compared, elements of tensors too.
    margins: tuple[float, ...] = field(default=(), compare=False, repr=False)
    chooses: bool = field(default=False, compare=False, repr=False)


@dataclass(frozen=True)
class Trace:
    """The entries of one program."""

    entries: tuple[Entry, ...]

    @cached_property
    def numbers(self) -> NDArray[np.float64]:
        """All outputs, end to end."""
        return flat([tensor for entry in self.entries for tensor in entry.tensors.values()])

    @property
    def value(self) -> Tensor:
        """The value of a loss."""
        return self.entries[0].tensors["value"]

    @property
    def norm(self) -> Tensor:
        """The norm of all gradients together."""
        return self.entries[0].tensors["norm"]

    def grad(self, name: str | int) -> Tensor:
        """The gradient of a loss with respect to one of its inputs, or that of a parameter."""
        return self.entries[0].tensors[f"grad {name}"]

    def param(self, index: int, after: int = -1) -> Tensor:
        """A parameter after an event (by default the last)."""
        return self.entries[after].tensors[f"param {index}"]

    def average(self, index: int, after: int = -1) -> Tensor:
        """The average of a parameter after an event (by default the last)."""
        return self.entries[after].tensors[f"average {index}"]

    def buffer(self, index: int, after: int = -1) -> Tensor:
        """A buffer of an averaged model after an event (by default the last)."""
        return self.entries[after].tensors[f"buffer {index}"]

    def lr(self, after: int = -1) -> Tensor:
        """The learning rates of all groups after an event (by default the last)."""
        return self.entries[after].tensors["lr"]

    def momentum(self, after: int = -1) -> Tensor:
        """The momentum of all groups after an event (by default the last)."""
        return self.entries[after].tensors["momentum"]

    @property
    def refusal(self) -> Refusal | None:
        """The refusal that ended the trace, if there was one."""
        return self.entries[-1].refusal if self.entries else None


def flat(tensors: Sequence[Tensor]) -> NDArray[np.float64]:
    """Tensors end to end, in float64."""
    if not tensors:
        return np.zeros(0)
    found: NDArray[np.float64]
    found = torch.cat([tensor.detach().reshape(-1).to("cpu", torch.float64) for tensor in tensors]).numpy()
    return found


def same(one: Tensor, other: Tensor) -> bool:
    """Whether two tensors are the same numbers, NaN where the other is NaN."""
    # Nearly always one operation says so, in place of six.
    alike = one.shape == other.shape
    return alike and (torch.equal(one, other) or bool(((one == other) | ((one != one) & (other != other))).all()))


def to_json(trace: Trace) -> Any:
    """The JSON form of a trace (trace.schema.json): tensors as those of a program, NaN and infinities as strings."""
    return {"kind": "trace", "entries": [_entry_to_json(entry) for entry in trace.entries]}


def from_json(value: Any) -> Trace:
    """The trace that `to_json` was given."""
    return Trace(tuple(_entry_from_json(entry) for entry in value["entries"]))


def _entry_to_json(entry: Entry) -> dict[str, Any]:
    tensors = {name: program.to_json(TensorData.of(tensor)) for name, tensor in entry.tensors.items()}
    refusal = entry.refusal and {"error": entry.refusal.error, "message": entry.refusal.message}
    return {"tensors": tensors, "refusal": refusal}


def _entry_from_json(value: Any) -> Entry:
    tensors = {name: program.from_json(data).torch() for name, data in value["tensors"].items()}
    return Entry(tensors, value["refusal"] and Refusal(**value["refusal"]))
